//! The three properties of everything that has a form on the wire, for messages made at random, and the exceptions.
//!
//! What is on the wire is the same in every build; the bodies that are shared with the fuzz targets need both versions.

#![cfg(all(feature = "ring", feature = "tls12"))]

/// What the fuzz target for messages is made of. The others speak TLS 1.2, which this build may not have.
#[path = "../fuzz/bodies"]
#[allow(dead_code, unreachable_pub, reason = "the fuzz targets use all of it")]
mod bodies {
    pub mod source;
    pub mod wire;
    pub mod wire_messages;
}

use bodies::source::Source;
use bodies::wire::{check_accepted, check_accepted_message, check_made, check_made_message, check_mutated};
use bodies::wire_messages::change;
use bulla::wire::*;
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn every_value_is_read_back_equal_and_its_proper_prefixes_are_refused(input in vec(any::<u8>(), 0..1500)) {
        check_made(&input);
    }

    #[test]
    fn every_whole_message_is_read_back_equal_and_its_proper_prefixes_are_refused(input in vec(any::<u8>(), 0..1500)) {
        check_made_message(&mut Source::new(&input));
    }

    #[test]
    fn damaged_values_that_are_accepted_are_written_back_to_the_same_bytes(
        input in vec(any::<u8>(), 0..700),
        damage in vec(any::<u8>(), 5),
    ) {
        let change = change(&mut Source::new(&damage));
        let accepted = check_mutated(&input, |bytes| change.apply(bytes));
        prop_assert!(accepted > 0, "nothing was accepted, so nothing was checked");
    }

    #[test]
    fn arbitrary_bytes_that_are_accepted_are_written_back_to_the_same_bytes(input in vec(any::<u8>(), 0..60)) {
        check_accepted(&input);
    }

    #[test]
    fn arbitrary_bodies_behind_a_right_header_are_written_back_if_accepted(
        handshake_type in any::<u8>(),
        body in vec(any::<u8>(), 0..60),
    ) {
        let raw = RawHandshake { handshake_type: HandshakeType(handshake_type), body: &body };
        check_accepted_message(&write_all(&raw).unwrap());
    }
}

/// Which proper prefixes are read, by their lengths.
fn accepted_prefixes<'b, T: Codec<'b>>(whole: &'b [u8]) -> Vec<usize> {
    (0..whole.len()).filter(|&len| read_all::<T>(&whole[..len]).is_ok()).collect()
}

#[test]
fn hello_body_may_end_before_its_extensions_but_a_whole_hello_may_not() {
    let mut hello = ClientHello {
        legacy_version: ProtocolVersion::TLSv1_2,
        random: Random([7; 32]),
        legacy_session_id: &[],
        cipher_suites: vec![CipherSuite::TLS_AES_128_GCM_SHA256],
        legacy_compression_methods: vec![CompressionMethod::null],
        extensions: None,
    };
    let without = write_all(&hello).unwrap();
    hello.extensions = Some(vec![ClientExtension::EarlyData]);
    let with = write_all(&hello).unwrap();
    assert_eq!(accepted_prefixes::<ClientHello<'_>>(&with), [without.len()]);
    let whole = write_message(&hello).unwrap();
    assert!((0..whole.len()).all(|len| Handshake::read(&whole[..len], ProtocolVersion::TLSv1_3).is_err()));
}

#[test]
fn finished_body_is_whatever_its_frame_holds() {
    assert_eq!(accepted_prefixes::<Finished<'_>>(&[7; 32]), (0..32).collect::<Vec<_>>());
}

#[test]
fn status_of_a_type_without_a_form_is_whatever_its_frame_holds() {
    assert_eq!(accepted_prefixes::<CertificateStatus<'_>>(&[2, 9, 9, 9]), [1, 2, 3]);
    assert_eq!(accepted_prefixes::<CertificateStatus<'_>>(&[1, 0, 0, 1, 9]), []);
    assert_eq!(accepted_prefixes::<CertificateStatusRequest<'_>>(&[2, 9, 9]), [1, 2]);
    assert_eq!(accepted_prefixes::<CertificateStatusRequest<'_>>(&[1, 0, 0, 0, 0]), []);
}

#[test]
fn unknown_code_points_are_values_and_survive() {
    macro_rules! survives {
        ($repr:ident: $($name:ident),*) => { $(
            for number in 0..=$repr::MAX {
                let bytes = number.to_be_bytes();
                let read: $name = read_all(&bytes).unwrap();
                assert_eq!(read.0, number);
                assert_eq!(write_all(&read).unwrap(), bytes);
                assert_eq!(read.name().is_some(), $name::NAMED.contains(&read));
            }
        )* };
    }
    survives!(u8: ContentType, HandshakeType, AlertLevel, AlertDescription, KeyUpdateRequest, NameType);
    survives!(u8: CertificateStatusType, CompressionMethod, ClientCertificateType, EcPointFormat, PskKeyExchangeMode);
    survives!(u8: EcCurveType);
    survives!(u16: ProtocolVersion, CipherSuite, NamedGroup, SignatureScheme, ExtensionType);
}

#[test]
fn unknown_extensions_and_messages_are_kept_as_bytes() {
    for data in [&b""[..], &[7; 300]] {
        let unknown = UnknownExtension { extension_type: ExtensionType(0x4a4a), extension_data: data };
        let bytes = write_all(&ClientExtension::Unknown(unknown.clone())).unwrap();
        assert_eq!(read_all(&bytes), Ok(ClientExtension::Unknown(unknown.clone())));
        assert_eq!(read_all(&bytes), Ok(ServerExtension::Unknown(unknown.clone())));
        assert_eq!(read_all(&bytes), Ok(EncryptedExtension::Unknown(unknown)));
        let raw = RawHandshake { handshake_type: HandshakeType(99), body: data };
        let bytes = write_all(&raw).unwrap();
        assert_eq!(Handshake::read(&bytes, ProtocolVersion::TLSv1_3), Ok(Handshake::Unknown(raw)));
    }
}

#[test]
fn length_that_does_not_fit_its_field_is_an_error() {
    let long = vec![7; 0x1_0000];
    assert_eq!(write_all(&ClientExtension::Cookie(&long)), Err(TooLong));
    // Fits its own length, but not the extension's around it.
    assert_eq!(write_all(&ClientExtension::Cookie(&long[..0xffff])), Err(TooLong));
    assert!(write_all(&ClientExtension::Cookie(&long[..0xfffd])).is_ok());
    assert_eq!(write_all(&ClientExtension::Cookie(&[])), Err(TooLong));
    assert_eq!(write_all(&ClientKeyExchange { ecdh_yc: &long[..256] }), Err(TooLong));
    assert_eq!(write_all(&PskBinderEntry(&long[..31])), Err(TooLong));
    assert!(write_all(&PskBinderEntry(&long[..255])).is_ok());
}

#[test]
fn more_extensions_than_the_limit_and_one_that_stands_twice_are_refused() {
    let list = |types: &[u16]| {
        let extensions = types.iter().map(|&extension_type| {
            let extension_type = ExtensionType(extension_type);
            EncryptedExtension::Unknown(UnknownExtension { extension_type, extension_data: &[] })
        });
        write_all(&EncryptedExtensions { extensions: extensions.collect() }).unwrap()
    };
    let many: Vec<u16> = (1000..1000 + u16::try_from(MAX_EXTENSIONS).unwrap()).collect();
    assert!(read_all::<EncryptedExtensions<'_>>(&list(&many)).is_ok());
    let more = [&many[..], &[999]].concat();
    assert_eq!(read_all::<EncryptedExtensions<'_>>(&list(&more)), Err(Malformed::TooManyExtensions));
    assert_eq!(read_all::<EncryptedExtensions<'_>>(&list(&[7, 8, 7])), Err(Malformed::DuplicateExtension));
}

#[test]
fn rooms_that_read_peer_bytes_deny_whatever_could_panic() {
    for room in ["wire", "record", "der"] {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room).join("mod.rs");
        let text = std::fs::read_to_string(root).unwrap();
        let denied = text.split_once("#![deny(").and_then(|(_, rest)| rest.split_once(")]")).unwrap().0;
        for lint in
            ["indexing_slicing", "unwrap_used", "expect_used", "panic", "arithmetic_side_effects", "as_conversions"]
        {
            let named = denied.split(',').any(|row| row.trim() == format!("clippy::{lint}"));
            assert!(named, "src/{room} does not deny {lint}");
        }
    }
}
