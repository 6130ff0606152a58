//! What is read that somebody may have kept for a while: sessions, tickets, cookies, imported identities. Everything is
//! read or refused, and what was altered is refused wherever it was sealed.

use std::sync::OnceLock;

use bulla::crypto::HashAlgorithm;
use bulla::resume::{ExternalPsk, ImportedIdentity, ServerSession, SessionRefused};
use bulla::wire::{CipherSuite, ClientExtension, ContentType, HandshakeType, read_all, write_all};

use super::fixed::{self, GROUP, OTHER_GROUP};
use super::honest::{self, write};
use super::honest_second;
use super::rig::{Rig, Role};
use super::script::suite;
use super::second::{PSK, client_config, second, ticket_keys};
use super::source::Source;

pub fn run(input: &[u8]) {
    let mut source = Source::new(input);
    match source.below(6) {
        0 => server_session(source.rest()),
        1 => {
            let suite = suite(&mut source);
            server_session(&damaged(&second(suite).of_server, &mut source));
        }
        2 => ticket(&mut source),
        3 => client_session(&mut source),
        4 => cookie(&mut source),
        _ => imported_identity(source.rest()),
    }
}

/// These bytes, altered, or others.
fn damaged(bytes: &[u8], source: &mut Source<'_>) -> Vec<u8> {
    if source.flag() {
        return source.rest().to_vec();
    }
    let mut damaged = bytes.to_vec();
    source.damage(&mut damaged);
    damaged
}

/// What is read is written back the same, and no prefix of it is read.
fn server_session(bytes: &[u8]) {
    let Some(session) = ServerSession::from_bytes(bytes) else { return };
    let _ = (session.expires(), session.server_name(), format!("{session:?}"));
    assert_eq!(session.to_bytes().expect("what is read can be written").expose(), bytes);
    assert!((0..bytes.len()).all(|len| ServerSession::from_bytes(&bytes[..len]).is_none()), "a prefix was read");
}

fn ticket(source: &mut Source<'_>) {
    let session = second(suite(source));
    let ticket = damaged(&session.ticket, source);
    let opened = ticket_keys().open(&ticket, fixed::NOW);
    assert_eq!(opened.is_some(), ticket == session.ticket, "the seal holds nothing");
}

fn client_session(source: &mut Source<'_>) {
    let suite = suite(source);
    let (config, written) = (client_config(suite), &second(suite).of_client);
    let bytes = damaged(written, source);
    match config.read_session(&bytes) {
        Ok(session) => {
            assert_eq!(&bytes, written, "an altered session was read");
            assert_eq!(config.write_session(&session).unwrap().expose(), written);
        }
        Err(SessionRefused::Cryptography(error)) => panic!("{error}"),
        Err(refused) => assert!(&bytes != written, "{refused}"),
    }
}

/// A server that remembers nothing gets a cookie: with its own it goes on, with any other it refuses the hello.
fn cookie(source: &mut Source<'_>) {
    static COOKIE: OnceLock<Vec<u8>> = OnceLock::new();
    const SUITE: CipherSuite = CipherSuite::TLS_AES_128_GCM_SHA256;
    let rig = || Rig::second(Role::Server, SUITE, false);
    let whole = COOKIE.get_or_init(|| {
        let mut rig = rig();
        let first = write(&honest::client_hello(&rig, OTHER_GROUP)).unwrap();
        rig.put_record(ContentType::handshake, &first, 0);
        rig.deliver(usize::MAX);
        honest_second::cookie(&rig.watch).unwrap()
    });
    let cookie = damaged(whole, source);
    let mut rig = rig();
    let mut hello = honest::client_hello(&rig, GROUP);
    if !(1..=0xf000).contains(&cookie.len()) {
        return;
    }
    hello.extensions.get_or_insert_default().push(ClientExtension::Cookie(&cookie));
    rig.put_record(ContentType::handshake, &write(&hello).unwrap(), 0);
    rig.deliver(usize::MAX);
    assert_eq!(rig.watch.first_of(HandshakeType::server_hello).is_some(), cookie == *whole, "{:?}", rig.error());
    assert_eq!(rig.has_failed(), cookie != *whole);
}

fn imported_identity(bytes: &[u8]) {
    let provider = fixed::provider();
    let read = read_all::<ImportedIdentity<'_>>(bytes);
    if let Ok(identity) = &read {
        assert_eq!(write_all(identity).unwrap(), bytes);
    }
    for key_hash in [HashAlgorithm::Sha256, HashAlgorithm::Sha384] {
        let imported = ExternalPsk::import_for(&*provider, bytes, PSK, key_hash);
        if let Some(imported) = imported {
            assert!(read.is_ok() && imported.is_imported() && imported.identity() == bytes);
        }
    }
}
