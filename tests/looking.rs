//! A ClientHello that is looked at before anything is decided: what it says, its fingerprints, and bytes that stay where they
//! are.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;

use std::sync::Arc;

use bulla::config::ClientHelloView;
use bulla::crypto::ring::provider;
use bulla::error::{BadRecord, Violation};
use bulla::wire::{
    AlertDescription, CipherSuite, ClientExtension, ClientHello, CompressionMethod, EcPointFormat, ExtensionType,
    HandshakeType, KeyShareEntry, Malformed, NameType, NamedGroup, ProtocolNameList, ProtocolVersion, Random,
    ServerNameEntry, ServerNameList, SignatureScheme, UnknownExtension, write_message,
};
use bulla::{ClientConnection, Error, MAX_PEEKED_LEN, Peek, ServerConnection, alert_record, read_client_hello};
use later::Later;
use pair::{KeyKind, NAME, configs, name, output};
use proptest::prelude::*;

/// The records with a client's first hello.
fn hello_records() -> Vec<u8> {
    let (client, _) = configs(KeyKind::EcdsaP256);
    let client = client.alpn(["h2", "http/1.1"]).unwrap();
    output(&mut ClientConnection::new(Arc::new(client), name()).unwrap())
}

/// The same message in records of so many bytes.
fn in_fragments(records: &[u8], fragment_len: usize) -> Vec<u8> {
    let fragments = records[5..].chunks(fragment_len);
    fragments.flat_map(|it| [&[22, 3, 1, (it.len() >> 8) as u8, it.len() as u8], it].concat()).collect()
}

fn view(records: &[u8]) -> ClientHelloView {
    match read_client_hello(records).unwrap() {
        Peek::ClientHello(view) => view,
        other => panic!("{other:?}"),
    }
}

#[test]
fn view_says_what_the_hello_says() {
    let records = hello_records();
    let view = view(&records);
    assert_eq!(view.message(), &records[5..]);
    assert_eq!(view.server_name(), Some(NAME));
    assert_eq!(view.application_protocols(), [b"h2".to_vec(), b"http/1.1".to_vec()]);
    assert_eq!(view.legacy_version(), ProtocolVersion::TLSv1_2);
    assert_eq!(view.versions()[0], ProtocolVersion::TLSv1_3);
    assert_eq!(view.random()[..], records[11..43]);
    assert_eq!(view.legacy_session_id(), &records[44..76]);
    assert!(view.cipher_suites().contains(&CipherSuite::TLS_AES_128_GCM_SHA256));
    assert_eq!(view.compression_methods(), [CompressionMethod::null]);
    assert!(view.groups().contains(&NamedGroup::x25519));
    assert!(view.key_share_groups().iter().all(|group| view.groups().contains(group)));
    assert!(!view.key_share_groups().is_empty());
    assert!(view.signature_schemes().contains(&SignatureScheme::ecdsa_secp256r1_sha256));
    assert!(view.has_extension(ExtensionType::supported_versions));
    assert!(!view.has_extension(ExtensionType::early_data));
    assert!(view.certificate_authorities().is_empty());
}

#[test]
fn hello_is_seen_once_it_is_whole_whatever_its_records_and_what_stands_behind() {
    let whole = hello_records();
    let message = whole[5..].to_vec();
    for fragment_len in [1, 2, 5, 100, 16_384] {
        let mut records = in_fragments(&whole, fragment_len);
        let step = (records.len() / 300).max(1);
        for len in (0..records.len()).step_by(step) {
            match read_client_hello(&records[..len]).unwrap() {
                Peek::NeedMore { hint } => assert!(hint > len && hint <= records.len(), "{hint} after {len}"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(view(&records).message(), message);
        // Early data may follow, or anything else.
        records.extend([23, 3, 3, 0, 1, 0, 99, 99]);
        let before = records.clone();
        assert_eq!(view(&records).message(), message);
        assert_eq!(records, before);
    }
}

#[test]
fn looked_at_bytes_then_serve_a_connection() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = pair::Pair::new(client, server);
    pair.to_server = output(&mut pair.client);
    assert_eq!(view(&pair.to_server).server_name(), Some(NAME));
    pair.run().unwrap();
    assert!(pair.server.is_established());
}

/// What a peek makes of these bytes, and what a server makes of them, which must not know better.
fn refused(bytes: &[u8]) -> (Error, Option<AlertDescription>) {
    let error = read_client_hello(bytes).unwrap_err();
    let (_, server) = configs(KeyKind::EcdsaP256);
    let mut connection = ServerConnection::new(Arc::new(server)).unwrap();
    let mut seen = Vec::new();
    let of_server = pair::feed(&mut connection, &mut bytes.to_vec(), &mut seen).err();
    if let Some(of_server) = of_server {
        assert_eq!((of_server.name(), of_server.alert()), (error.name(), error.alert()), "{bytes:?}");
        if let Some(record) = alert_record(&error) {
            assert_eq!(output(&mut connection), record);
        }
    }
    let alert = error.alert();
    (error, alert)
}

#[test]
fn bytes_that_no_server_takes_are_refused_with_the_alert_that_it_would_send() {
    let whole = hello_records();
    let not_tls = refused(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(not_tls, (BadRecord::NotTls.into(), Some(AlertDescription::protocol_version)));
    assert_eq!(refused(&[22, 3, 1, 0x40, 1]).1, Some(AlertDescription::record_overflow));
    assert_eq!(refused(&[22, 3, 1, 0, 0]).0, Violation::EmptyFragment.into());
    assert_eq!(refused(&[23, 3, 1, 0, 1, 0]).1, Some(AlertDescription::unexpected_message));
    // Another message than ClientHello; a hello that cannot be read; one that claims too much.
    let finished = refused(&[22, 3, 1, 0, 4, 20, 0, 0, 0]).0;
    assert_eq!(finished, Violation::UnexpectedMessage(HandshakeType::finished, "WaitClientHello").into());
    let (error, alert) = refused(&[22, 3, 1, 0, 5, 1, 0, 0, 1, 3]);
    let message = Some(HandshakeType::client_hello);
    assert_eq!(error, Error::Malformed { message, reason: Malformed::Truncated });
    assert_eq!(alert, Some(AlertDescription::decode_error));
    let too_large = refused(&[22, 3, 1, 0, 4, 1, 1, 0, 0]).0;
    assert_eq!(too_large, Violation::MessageTooLarge(HandshakeType::client_hello).into());
    // An alert between its fragments, and one instead of it.
    let cut = [&whole[..0], &[22, 3, 1, 0, 1, 1], &[21, 3, 1, 0, 2, 1, 90]].concat();
    assert_eq!(refused(&cut).0, Violation::InterleavedHandshake.into());
    let (error, alert) = refused(&[21, 3, 1, 0, 2, 2, 40]);
    assert_eq!((error, alert), (Error::AlertReceived(AlertDescription::handshake_failure), None));
    assert_eq!(refused(&[21, 3, 1, 0, 2, 1, 0]).0, Error::AlertReceived(AlertDescription::close_notify));
    assert_eq!(refused(&[21, 3, 1, 0, 1, 1]).0, Violation::FragmentedAlert.into());
    assert_eq!(refused(&[21, 3, 1, 0, 2, 3, 90]).0, Violation::UnknownAlertLevel.into());
    assert_eq!(refused(&[21, 3, 1, 0, 2, 1, 90].repeat(5)).0, Violation::TooManyWarnings.into());
    // A warning or two are looked over, as a server does.
    assert_eq!(view(&[&[21, 3, 1, 0, 2, 1, 90].repeat(4)[..], &whole].concat()).server_name(), Some(NAME));
    // user_canceled ends nothing, whatever its level says.
    let canceled = [&[21, 3, 1, 0, 2, 2, 90][..], &whole].concat();
    assert_eq!((view(&canceled).server_name(), asked(&canceled)), (Some(NAME), Ok(true)));
}

#[test]
fn change_cipher_spec_before_a_hello_is_looked_over_and_one_inside_it_is_not() {
    let whole = hello_records();
    let dummy = [20, 3, 3, 0, 1, 1];
    assert_eq!(view(&[&dummy[..], &whole].concat()).message(), &whole[5..]);
    let fragments = in_fragments(&whole, 100);
    let inside = [&fragments[..105], &dummy, &fragments[105..]].concat();
    assert_eq!(read_client_hello(&inside).unwrap_err(), Violation::InterleavedHandshake.into());
    let many = read_client_hello(&dummy.repeat(33)).unwrap_err();
    assert_eq!(many, Violation::TooManyChangeCipherSpecs.into());
}

#[test]
fn peek_gives_up_on_a_hello_in_more_records_than_it_looks_through() {
    // 65,536 bytes of message, the most there may be, one byte a record.
    let mut crumbs: Vec<u8> = [1, 0, 0xff, 0xfc].iter().flat_map(|byte| [22, 3, 1, 0, 1, *byte]).collect();
    crumbs.extend([22, 3, 1, 0, 1, 0].repeat(MAX_PEEKED_LEN / 6 + 1));
    let mut len = 0;
    let error = loop {
        match read_client_hello(&crumbs[..len]) {
            // What a caller without much patience reads next.
            Ok(Peek::NeedMore { hint }) => {
                assert!(hint <= MAX_PEEKED_LEN);
                len = (len + 10_000).max(hint).min(crumbs.len());
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error, Violation::MessageTooLarge(HandshakeType::client_hello).into());
}

#[test]
fn hello_in_crumbs_takes_few_looks_of_whoever_waits_for_what_is_hinted() {
    let looks = |records: &[u8]| {
        let (mut len, mut looks) = (0, 0);
        loop {
            looks += 1;
            match read_client_hello(&records[..len]) {
                Ok(Peek::NeedMore { hint }) if hint <= records.len() => len = hint,
                _ => return looks,
            }
        }
    };
    let small = in_fragments(&hello_records(), 1);
    assert!(looks(&small) < 60, "{}", looks(&small));
    // The most that is looked through, a byte a record, of a hello that never ends.
    let claim = [1, 0, 0xff, 0xfc].iter().flat_map(|byte| [22, 3, 1, 0, 1, *byte]);
    let endless: Vec<u8> = claim.chain([22, 3, 1, 0, 1, 0].repeat(MAX_PEEKED_LEN / 6)).collect();
    assert!(looks(&endless) < 60, "{}", looks(&endless));
}

#[test]
fn server_name_that_is_none_is_refused_with_illegal_parameter() {
    let records = hello_records();
    let at = records.windows(NAME.len()).position(|it| it == NAME.as_bytes()).unwrap();
    let mut bad = records.clone();
    bad[at] = b' ';
    let (error, alert) = refused(&bad);
    assert_eq!((error, alert), (Violation::BadServerName.into(), Some(AlertDescription::illegal_parameter)));
}

/// What a server that has no configuration yet makes of these bytes: its error, or whether it has a hello to ask about.
fn asked(bytes: &[u8]) -> Result<bool, Error> {
    let mut connection = ServerConnection::choosing(Arc::new(Later)).unwrap();
    let mut asked = false;
    let fed = pair::feed_with(&mut connection, &mut bytes.to_vec(), &mut Vec::new(), &mut |_, _| asked = true);
    fed.map(|()| asked)
}

proptest! {
    #[test]
    fn peek_and_server_agree_on_any_bytes(
        fragment_len in prop_oneof![1..40_usize, 200..2000_usize],
        cut in 0..100_usize,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        early in prop_oneof![Just(0_usize), 0..12_usize],
    ) {
        let mut bytes = in_fragments(&hello_records(), fragment_len);
        // Most of what matters stands at the front.
        for (index, byte) in changes {
            let range = if early > 0 { early.min(bytes.len()) } else { bytes.len() };
            let at = index.index(range);
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len() * (100 - cut) / 100);
        match (read_client_hello(&bytes), asked(&bytes)) {
            (Ok(Peek::ClientHello(_)), Ok(true)) | (Ok(Peek::NeedMore { .. }), Ok(false)) => {}
            // A message of another type is refused here by its first byte, there when it is whole.
            (Err(Error::Violation(Violation::UnexpectedMessage(..))), Ok(false) | Err(_)) => {}
            (Err(ours), Err(theirs)) => prop_assert_eq!(ours.alert(), theirs.alert()),
            (ours, theirs) => prop_assert!(false, "{:?} and {:?}", ours, theirs),
        }
    }
}

/// A hello as a browser sends it, GREASE included; the lists stand in FoxIO's description of JA4.
fn browser_hello(edit: impl FnOnce(&mut ClientHello<'_>)) -> ClientHelloView {
    let grease = |low: u16| (low << 12 | 0x0a00) | (low << 4 | 0x0a);
    let suites = [
        0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
        0x0035,
    ];
    let schemes = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601].map(SignatureScheme);
    let other = |number: u16| {
        ClientExtension::Unknown(UnknownExtension { extension_type: ExtensionType(number), extension_data: &[] })
    };
    let host = ServerNameEntry { name_type: NameType::host_name, name: b"server.test" };
    let share = KeyShareEntry { group: NamedGroup::x25519, key_exchange: &[7; 32] };
    let versions = [grease(3), 0x0304, 0x0303].map(ProtocolVersion);
    let groups = [grease(2), 0x001d, 0x0017, 0x0018].map(NamedGroup);
    let mut hello = ClientHello {
        legacy_version: ProtocolVersion::TLSv1_2,
        random: Random([5; 32]),
        legacy_session_id: &[6; 32],
        cipher_suites: [grease(1)].into_iter().chain(suites).map(CipherSuite).collect(),
        legacy_compression_methods: vec![CompressionMethod::null],
        extensions: Some(vec![
            other(grease(4)),
            ClientExtension::CompressCertificate(vec![bulla::wire::CertificateCompressionAlgorithm(2)]),
            ClientExtension::ServerName(ServerNameList { server_name_list: vec![host] }),
            ClientExtension::KeyShare(vec![share]),
            ClientExtension::ApplicationLayerProtocolNegotiation(ProtocolNameList {
                protocol_name_list: vec![b"h2", b"http/1.1"],
            }),
            other(0x4469),
            ClientExtension::ExtendedMasterSecret,
            ClientExtension::PskKeyExchangeModes(vec![bulla::wire::PskKeyExchangeMode::psk_dhe_ke]),
            ClientExtension::SignatureAlgorithms(schemes.to_vec()),
            ClientExtension::StatusRequest(bulla::wire::CertificateStatusRequest::Ocsp(
                bulla::wire::OcspStatusRequest { responder_id_list: vec![], request_extensions: &[] },
            )),
            ClientExtension::SessionTicket(&[]),
            ClientExtension::SignedCertificateTimestamp,
            ClientExtension::SupportedVersions(versions.to_vec()),
            ClientExtension::RenegotiationInfo(&[]),
            ClientExtension::EcPointFormats(vec![EcPointFormat::uncompressed]),
            ClientExtension::SupportedGroups(groups.to_vec()),
            ClientExtension::Padding(&[0; 20]),
            other(grease(5)),
        ]),
    };
    edit(&mut hello);
    ClientHelloView::read(&write_message(&hello).unwrap()).unwrap()
}

#[test]
fn ja4_is_that_of_its_description() {
    let view = browser_hello(|_| {});
    assert_eq!(
        view.ja4_raw(),
        "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_\
         0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_\
         0403,0804,0401,0503,0805,0501,0806,0601"
    );
    assert_eq!(view.ja4(&*provider()).unwrap(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

#[test]
fn ja4_without_signature_algorithms_hashes_the_extensions_alone() {
    let no_schemes = browser_hello(|hello| {
        let extensions = hello.extensions.as_mut().unwrap();
        // Another content under the type would be no hello; the type must stay in the list, which is given in the description.
        let at = extensions.iter().position(|it| matches!(it, ClientExtension::SignatureAlgorithms(_))).unwrap();
        extensions[at] = ClientExtension::SignatureAlgorithms(vec![SignatureScheme(0x0a0a)]);
    });
    assert!(no_schemes.ja4(&*provider()).unwrap().ends_with("_6d807ffa2a79"));
    let bare = browser_hello(|hello| hello.extensions = None);
    assert_eq!(
        bare.ja4_raw(),
        "t12i150000_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_"
    );
    assert_eq!(bare.ja4(&*provider()).unwrap(), "t12i150000_8daaf6152771_000000000000");
}

#[test]
fn ja4_shows_version_and_application_protocol_as_its_description_says() {
    let with_protocol = |name: &'static [u8]| {
        let view = browser_hello(|hello| {
            let extensions = hello.extensions.as_mut().unwrap();
            extensions.retain(|it| !matches!(it, ClientExtension::ApplicationLayerProtocolNegotiation(_)));
            let list = ProtocolNameList { protocol_name_list: vec![name] };
            extensions.push(ClientExtension::ApplicationLayerProtocolNegotiation(list));
        });
        view.ja4_raw()[8..10].to_string()
    };
    let cases: [(&[u8], &str); 11] = [
        (b"h2", "h2"),
        (b"http/1.1", "h1"),
        (b"x", "xx"),
        (&[0xab], "ab"),
        (&[0x20], "20"),
        (&[0xab, 0xcd], "ad"),
        (&[0x20, 0x61], "21"),
        (&[0x30, 0xab], "3b"),
        (&[0x61, 0x20], "60"),
        (&[0x30, 0x31, 0xab, 0xcd], "3d"),
        (&[0x30, 0xab, 0xcd, 0x31], "01"),
    ];
    for (name, expected) in cases {
        assert_eq!(with_protocol(name), expected, "{name:?}");
    }
    for (version, expected) in
        [(0x0304, "13"), (0x0303, "12"), (0x0302, "11"), (0x0301, "10"), (0x0300, "s3"), (0x0002, "s2"), (0x7f1c, "00")]
    {
        let by_legacy = browser_hello(|hello| {
            hello.legacy_version = ProtocolVersion(version);
            hello.extensions.as_mut().unwrap().retain(|it| !matches!(it, ClientExtension::SupportedVersions(_)));
        });
        assert_eq!(&by_legacy.ja4_raw()[1..3], expected);
    }
    let counted = browser_hello(|hello| hello.cipher_suites = (0x2000..0x2070).map(CipherSuite).collect());
    assert!(counted.ja4_raw().starts_with("t13d9916h2_"));
}

#[test]
fn ja3_lists_in_order_and_in_decimal_without_grease() {
    let expected = "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,\
                    27-0-51-16-17513-23-45-13-5-35-18-43-65281-11-10-21,29-23-24,0";
    assert_eq!(browser_hello(|_| {}).ja3(), expected);
    let bare = browser_hello(|hello| hello.extensions = None);
    assert_eq!(bare.ja3(), "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,,,");
}
