use bulla::wire::{CertificateStatus, CipherSuite, CompressionMethod, Random, ServerExtension, ServerHello};

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
