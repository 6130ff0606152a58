//! Where a session is resumed, the server does not say again that it used the name. RFC 6066 §3.

#[path = "support/pair.rs"]
mod pair;

use std::fmt;
use std::sync::{Arc, Mutex};

use bulla::config::Content;
use bulla::crypto::ring::provider;
use bulla::resume::{MemoryClientSessions, TicketKeys};
use bulla::wire::{EncryptedExtension, EncryptedExtensions, HandshakeType, ProtocolVersion, read_all};
use bulla::{HandshakeKind, Observed, Observer};
use pair::{KeyKind, Pair, configs};

/// Notes for each EncryptedExtensions that it sees whether the name is acknowledged.
#[derive(Default)]
struct Acknowledgements(Mutex<Vec<bool>>);

impl fmt::Debug for Acknowledgements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acknowledgements")
    }
}

impl Observer for Acknowledgements {
    fn observe(&self, seen: &Observed<'_>) {
        let Content::Handshake { bytes, .. } = &seen.content else { return };
        if bytes[0] == HandshakeType::encrypted_extensions.0 {
            let message: EncryptedExtensions<'_> = read_all(&bytes[4..]).unwrap();
            self.0.lock().unwrap().push(message.extensions.contains(&EncryptedExtension::ServerNameAck));
        }
    }
}

#[test]
fn server_acknowledges_the_name_in_a_full_handshake_and_not_in_a_resumed_one() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let seen = Arc::new(Acknowledgements::default());
    let client = client
        .versions([ProtocolVersion::TLSv1_3])
        .unwrap()
        .session_store(Arc::new(MemoryClientSessions::new(8, 8)))
        .observer(seen.clone());
    let server = server.tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap()));
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let pair = Pair::established(client.clone(), server.clone());
        assert_eq!(pair.server.handshake_kind(), Some(kind));
    }
    assert_eq!(*seen.0.lock().unwrap(), [true, false]);
}
