use bulla::wire::{
    Certificate, CertificateCompressionAlgorithm, CertificateEntry, CertificateExtension, CertificateRequest,
    CertificateRequestExtension, CertificateStatus, CertificateType, CipherSuite, ClientExtension, ClientHello,
    CompressionMethod, Credential, DelegatedCredential, ExtensionType, MaxFragmentLength, Random, SerializedSct,
    ServerExtension, ServerHello, SignatureScheme, SignedCertificateTimestampList, UnknownExtension,
};

use super::*;

/// Says in which version the handshake is from now on.
fn settled(version: ProtocolVersion) -> Teller {
    let extensions = (version > ProtocolVersion::TLSv1_2).then(|| vec![ServerExtension::SupportedVersions(version)]);
    let hello = ServerHello {
        legacy_version: ProtocolVersion::TLSv1_2,
        random: Random([7; 32]),
        legacy_session_id_echo: &[],
        cipher_suite: CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        legacy_compression_method: CompressionMethod::null,
        extensions,
    };
    let teller = Teller::default();
    let bytes = Handshake::ServerHello(hello).to_bytes().unwrap();
    let line = told_by(&teller, version, &bytes);
    assert!(line.contains(&format!("chooses {version}, ")), "{line}");
    teller
}

fn told_by(teller: &Teller, version: ProtocolVersion, bytes: &[u8]) -> String {
    seen(teller, Direction::Received, Content::Handshake { message: Handshake::read(bytes, version), bytes })
}

fn seen(teller: &Teller, direction: Direction, content: Content<'_>) -> String {
    teller.tell_content(direction, Level::Application, &content).text("")
}

#[test]
fn change_cipher_spec_has_a_meaning_in_tls12_alone() {
    let tls12 = settled(ProtocolVersion::TLSv1_2);
    assert!(seen(&tls12, Direction::Sent, Content::ChangeCipherSpec).contains("what we send is protected"));
    assert!(seen(&tls12, Direction::Received, Content::ChangeCipherSpec).contains("what the peer sends is protected"));
    let tls13 = settled(ProtocolVersion::TLSv1_3);
    assert!(seen(&tls13, Direction::Sent, Content::ChangeCipherSpec).contains("means nothing"));
}

#[test]
fn warnings_are_told_from_what_ends_the_connection() {
    let alert = |level, description| Content::Alert(Alert { level, description });
    let (warning, fatal) = (AlertLevel::warning, AlertLevel::fatal);
    let (name, anew) = (AlertDescription::unrecognized_name, AlertDescription::no_renegotiation);
    // Before the hellos are through, the server may still choose TLS 1.2.
    let early = seen(&Teller::default(), Direction::Received, alert(warning, name));
    assert!(early.contains("Alert unrecognized_name") && early.contains("goes on"), "{early}");
    let tls12 = settled(ProtocolVersion::TLSv1_2);
    let declined = seen(&tls12, Direction::Sent, alert(warning, anew));
    assert!(declined.contains("declines to negotiate anew") && declined.contains("session keys"), "{declined}");
    assert!(seen(&tls12, Direction::Received, alert(fatal, anew)).contains("ends the connection"));
    assert!(seen(&tls12, Direction::Received, alert(warning, AlertDescription::close_notify)).contains("nothing more"));
    let tls13 = settled(ProtocolVersion::TLSv1_3);
    assert!(seen(&tls13, Direction::Received, alert(warning, name)).contains("ends the connection"));
}

#[test]
fn messages_that_only_tls12_has_are_explained() {
    let tls12 = settled(ProtocolVersion::TLSv1_2);
    for (message, name, meaning) in [
        (Handshake::HelloRequest(bulla::wire::HelloRequest), "HelloRequest ", "asks to negotiate anew"),
        (Handshake::ServerHelloDone(bulla::wire::ServerHelloDone), "ServerHelloDone ", "the client's turn"),
        (
            Handshake::CertificateStatus(CertificateStatus::Ocsp(&[0x30; 1234])),
            "CertificateStatus ",
            "an OCSP response of 1,234 B",
        ),
        (
            Handshake::ClientKeyExchange(bulla::wire::ClientKeyExchange { ecdh_yc: &[4; 65] }),
            "ClientKeyExchange ",
            "its key share (65 B)",
        ),
        (
            Handshake::NewSessionTicketTls12(bulla::wire::NewSessionTicketTls12 {
                ticket_lifetime_hint: 300,
                ticket: &[1; 100],
            }),
            "NewSessionTicket ",
            "a ticket of 100 B",
        ),
    ] {
        let text = told_by(&tls12, ProtocolVersion::TLSv1_2, &message.to_bytes().unwrap());
        assert!(text.contains(name) && text.contains(meaning), "{text}");
    }
}

#[test]
fn extensions_of_a_hello_are_told_one_by_one() {
    let unknown = UnknownExtension { extension_type: ExtensionType(0x4469), extension_data: &[1, 2, 3] };
    let grease = UnknownExtension { extension_type: ExtensionType(0x5a5a), extension_data: &[] };
    let hello = ClientHello {
        legacy_version: ProtocolVersion::TLSv1_2,
        random: Random([7; 32]),
        legacy_session_id: &[],
        cipher_suites: vec![CipherSuite(0x1a1a), CipherSuite::TLS_AES_128_GCM_SHA256],
        legacy_compression_methods: vec![CompressionMethod::null],
        extensions: Some(vec![
            ClientExtension::ServerCertificateType(vec![CertificateType::RawPublicKey, CertificateType::X509]),
            ClientExtension::CompressCertificate(vec![CertificateCompressionAlgorithm::brotli]),
            ClientExtension::DelegatedCredential(vec![SignatureScheme::ed25519]),
            ClientExtension::SignatureAlgorithmsCert(vec![SignatureScheme::rsa_pkcs1_sha256]),
            ClientExtension::RecordSizeLimit(1400),
            ClientExtension::MaxFragmentLength(MaxFragmentLength::two_to_the_10),
            ClientExtension::Padding(&[0; 300]),
            ClientExtension::SignedCertificateTimestamp,
            ClientExtension::PostHandshakeAuth,
            ClientExtension::Unknown(unknown),
            ClientExtension::Unknown(grease),
        ]),
    };
    let bytes = Handshake::ClientHello(hello).to_bytes().unwrap();
    let text = told_by(&Teller::default(), ProtocolVersion::TLSv1_3, &bytes);
    for (label, value) in [
        ("server shows", "a raw public key or an X.509 certificate"),
        ("compression", "brotli"),
        ("delegated keys", "ed25519"),
        ("in certificates", "rsa_pkcs1_sha256"),
        ("records", "of up to 1,400 B"),
        ("fragments", "of up to 1,024 B"),
        ("padding", "300 B"),
        ("also", "ExtensionType(0x4469) (3 B)"),
        ("also", "signed_certificate_timestamp, post_handshake_auth, GREASE"),
    ] {
        let told = text.lines().any(|line| line.contains(label) && line.ends_with(value));
        assert!(told, "{label} {value} is not in {text}");
    }
    assert!(text.contains("1 suite,"), "what is there to be ignored is not counted: {text}");
}

#[test]
fn what_a_certificate_brings_along_is_told() {
    let tls13 = settled(ProtocolVersion::TLSv1_3);
    let credential = Credential {
        valid_time: 604_800,
        dc_cert_verify_algorithm: SignatureScheme::ed25519,
        subject_public_key_info: &ED25519_SPKI,
    };
    let delegated =
        DelegatedCredential { credential, algorithm: SignatureScheme::ecdsa_secp256r1_sha256, signature: &[9; 70] };
    let entry = |cert_data, extensions| CertificateEntry { cert_data, extensions };
    let certificate = |entry| {
        let message = Certificate { certificate_request_context: &[], certificate_list: vec![entry] };
        told_by(&tls13, ProtocolVersion::TLSv1_3, &Handshake::Certificate(message).to_bytes().unwrap())
    };
    let timestamps = SignedCertificateTimestampList { sct_list: vec![SerializedSct(&[8; 6])] };
    let text = certificate(entry(
        &[1, 2, 3],
        vec![
            CertificateExtension::StatusRequest(CertificateStatus::Ocsp(&[0x30; 1234])),
            CertificateExtension::SignedCertificateTimestamp(timestamps),
            CertificateExtension::DelegatedCredential(delegated),
        ],
    ));
    for words in [
        "a certificate that cannot be read",
        "an OCSP response of 1,234 B",
        "1, 6 B in all",
        "Ed25519 key for ed25519, signed with ecdsa_secp256r1_sha256, good until 604,800 s after",
    ] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
    let text = certificate(entry(&ED25519_SPKI, vec![]));
    assert!(text.contains("a raw public key: Ed25519 key") && text.contains("sha256//"), "{text}");
}

#[test]
fn request_behind_the_handshake_is_told_from_one_in_it() {
    let tls13 = settled(ProtocolVersion::TLSv1_3);
    for (context, is_later) in [(&[][..], false), (&[1, 2, 3], true)] {
        let extensions = vec![
            CertificateRequestExtension::SignatureAlgorithms(vec![SignatureScheme::ed25519]),
            CertificateRequestExtension::CompressCertificate(vec![CertificateCompressionAlgorithm::zlib]),
            CertificateRequestExtension::SignedCertificateTimestamp,
        ];
        let request = CertificateRequest { certificate_request_context: context, extensions };
        let bytes = Handshake::CertificateRequest(request).to_bytes().unwrap();
        let text = told_by(&tls13, ProtocolVersion::TLSv1_3, &bytes);
        assert_eq!(text.contains("behind the handshake"), is_later, "{text}");
        assert!(text.contains("zlib") && text.contains("signed_certificate_timestamp"), "{text}");
    }
}

/// RFC 8410 §4: the SubjectPublicKeyInfo of a key of 32 bytes.
const ED25519_SPKI: [u8; 44] = {
    let mut der = [7; 44];
    let head = [0x30, 42, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 33, 0];
    let mut index = 0;
    while index < head.len() {
        der[index] = head[index];
        index += 1;
    }
    der
};
