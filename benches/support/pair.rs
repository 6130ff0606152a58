//! Both ends in memory, with the identity that all tests share.

use std::sync::Arc;

use bulla::clock::Time;
use bulla::pki_types::{CertificateDer, PrivateKeyDer};
use bulla::wire::{CipherSuite, NamedGroup};
use bulla::{
    ClientConfig, ClientConnection, Connection, Event, Identity, MAX_RECORD_LEN, Roots, ServerConfig, ServerConnection,
    ServerName,
};

const ROOT: &[u8] = include_bytes!("../../tests/support/identity/root.der");
const LEAF: &[u8] = include_bytes!("../../tests/support/identity/leaf.der");
const LEAF_KEY: &[u8] = include_bytes!("../../tests/support/identity/leaf_key.der");
const NOW: Time = Time::from_secs(1_767_225_600);

/// Configurations that agree on this suite and this group.
pub(crate) fn configs(suite: CipherSuite, group: NamedGroup) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let mut roots = Roots::new();
    roots.add_der(&CertificateDer::from(ROOT)).unwrap();
    let key = PrivateKeyDer::Pkcs8(LEAF_KEY.into());
    let identity = Identity::new(vec![CertificateDer::from(LEAF)], &key).unwrap();
    let client = ClientConfig::new(roots).clock(Arc::new(NOW)).cipher_suites([suite]).unwrap();
    let server = ServerConfig::new(identity).clock(Arc::new(NOW));
    (Arc::new(client.groups([group]).unwrap()), Arc::new(server.groups([group]).unwrap()))
}

/// Runs a whole handshake.
pub(crate) fn connect(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    name: &ServerName,
) -> (ClientConnection, ServerConnection) {
    let mut client = ClientConnection::new(client.clone(), name.clone()).unwrap();
    let mut server = ServerConnection::new(server.clone()).unwrap();
    let mut wire = vec![0; 2 * MAX_RECORD_LEN];
    while client.has_output() || server.has_output() {
        carry(&mut client, &mut server, &mut wire);
        carry(&mut server, &mut client, &mut wire);
    }
    assert!(client.is_established() && server.is_established());
    (client, server)
}

fn carry(from: &mut Connection, to: &mut Connection, wire: &mut [u8]) {
    let filled = from.take_output(wire).unwrap().len();
    let mut start = 0;
    loop {
        let received = to.receive(&mut wire[start..filled]).unwrap();
        start += received.used;
        match received.event {
            Event::Progress | Event::Established => {}
            _ => break,
        }
    }
    assert_eq!(start, filled);
}
