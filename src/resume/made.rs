//! Sessions made at random, for the tests of this room.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use pki_types::CertificateDer;
use proptest::array::{uniform16, uniform32};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{ClientSession, ServerSession};
use crate::clock::Time;
use crate::crypto::{Digest, Secret};
use crate::verify::PeerChain;
use crate::wire::{CertificateType, CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

fn version() -> impl Strategy<Value = ProtocolVersion> {
    prop_oneof![Just(ProtocolVersion::TLSv1_2), Just(ProtocolVersion::TLSv1_3)]
}

fn chain() -> impl Strategy<Value = PeerChain> {
    prop_oneof![
        vec(vec(any::<u8>(), 1..60).prop_map(CertificateDer::from), 0..4).prop_map(PeerChain::from),
        vec(any::<u8>(), 1..60).prop_map(|key| PeerChain::of_raw_public_key(&key)),
    ]
}

fn certificate_type() -> impl Strategy<Value = CertificateType> {
    prop_oneof![Just(CertificateType::X509), Just(CertificateType::RawPublicKey)]
}

fn scheme() -> impl Strategy<Value = Option<SignatureScheme>> {
    option::of((1..=u16::MAX).prop_map(SignatureScheme))
}

fn name() -> impl Strategy<Value = String> {
    "[a-z]{1,20}(\\.[a-z]{1,20}){0,3}"
}

fn application_protocol() -> impl Strategy<Value = Option<Vec<u8>>> {
    option::of(vec(any::<u8>(), 1..12))
}

prop_compose! {
    pub(super) fn server_session()(
        (record_limit, end_point) in (any::<u16>(), vec(any::<u8>(), 0..=64)),
        (version, cipher_suite, secret, group) in (version(), any::<u16>(), vec(any::<u8>(), 32..=48), any::<u16>()),
        (created, lifetime, configuration) in (any::<u64>(), any::<u32>(), uniform32(any::<u8>())),
        (server_name, application_protocol) in (option::of(name()), application_protocol()),
        (client_chain, client_scheme, extended_master_secret) in (chain(), scheme(), any::<bool>()),
        server_certificate_type in certificate_type(),
        (ticket_age_add, max_early_data, early_data_realm) in (any::<u32>(), any::<u32>(), uniform16(any::<u8>())),
    ) -> ServerSession {
        ServerSession {
            version,
            cipher_suite: CipherSuite(cipher_suite),
            secret: Secret::from_vec(secret),
            group: NamedGroup(group),
            record_limit,
            server_end_point: Some(end_point).filter(|it| !it.is_empty()).and_then(|it| Digest::new(&it)).map(Box::new),
            created: Time::from_millis(created),
            lifetime,
            authenticated: Time::from_millis(created / 2),
            configuration,
            server_name,
            application_protocol,
            client_chain,
            client_scheme,
            server_certificate_type,
            extended_master_secret,
            ticket_age_add,
            max_early_data,
            early_data_realm,
        }
    }
}

prop_compose! {
    pub(super) fn client_session()(
        record_limit in any::<u16>(),
        (version, cipher_suite, secret, group) in (version(), any::<u16>(), vec(any::<u8>(), 32..=48), any::<u16>()),
        (ticket, session_id) in (vec(any::<u8>(), 0..300), vec(any::<u8>(), 0..=32)),
        (received, lifetime, configuration) in (any::<u64>(), any::<u32>(), uniform32(any::<u8>())),
        (server_name, application_protocol) in (name(), application_protocol()),
        (server_chain, server_scheme, extended_master_secret) in (chain(), scheme(), any::<bool>()),
        (ticket_age_add, max_early_data) in (any::<u32>(), any::<u32>()),
    ) -> ClientSession {
        ClientSession {
            version,
            cipher_suite: CipherSuite(cipher_suite),
            secret: Secret::from_vec(secret),
            group: NamedGroup(group),
            record_limit,
            ticket,
            session_id,
            received: Time::from_millis(received),
            lifetime,
            authenticated: Time::from_millis(received / 2),
            ticket_age_add,
            max_early_data,
            configuration,
            server_name,
            application_protocol,
            server_chain,
            server_scheme,
            extended_master_secret,
        }
    }
}

/// A session of TLS 1.3 that was made at this time and lives so long.
pub(super) fn server_session_at(created: Time, lifetime: u32) -> ServerSession {
    ServerSession {
        version: ProtocolVersion::TLSv1_3,
        cipher_suite: CipherSuite::TLS_AES_128_GCM_SHA256,
        secret: Secret::copy_from(&[7; 32]),
        group: NamedGroup::x25519,
        record_limit: 0,
        server_end_point: None,
        created,
        lifetime,
        authenticated: created,
        configuration: [3; 32],
        server_name: Some(String::from("example.com")),
        application_protocol: Some(b"h2".to_vec()),
        client_chain: [].into(),
        client_scheme: None,
        server_certificate_type: CertificateType::X509,
        extended_master_secret: false,
        ticket_age_add: 0x0102_0304,
        max_early_data: 0,
        early_data_realm: [0; 16],
    }
}

/// A session of TLS 1.3 with this ticket.
pub(super) fn client_session_at(received: Time, lifetime: u32, ticket: &[u8]) -> ClientSession {
    ClientSession {
        version: ProtocolVersion::TLSv1_3,
        cipher_suite: CipherSuite::TLS_AES_128_GCM_SHA256,
        secret: Secret::copy_from(&[7; 32]),
        group: NamedGroup::x25519,
        record_limit: 0,
        ticket: ticket.to_vec(),
        session_id: Vec::new(),
        received,
        lifetime,
        authenticated: received,
        ticket_age_add: 0x0102_0304,
        max_early_data: 0,
        configuration: [3; 32],
        server_name: String::from("example.com"),
        application_protocol: Some(b"h2".to_vec()),
        server_chain: [CertificateDer::from([0x30, 0].to_vec())].into(),
        server_scheme: Some(SignatureScheme::ed25519),
        extended_master_secret: false,
    }
}
