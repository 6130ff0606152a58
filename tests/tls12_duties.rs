//! What TLS 1.2 makes an end send, and what it must refuse: duties that are not a failure of their own in `alerts.rs`.

#![cfg(all(feature = "tls12", feature = "ring"))]

#[path = "support/pair.rs"]
mod pair;

use bulla::wire::ProtocolVersion;
use bulla::{ClientConfig, Connection, ServerConfig};
use pair::{KeyKind, Pair, configs, feed, send};

const TLS12: [ProtocolVersion; 1] = [ProtocolVersion::TLSv1_2];

/// Configurations that go together and speak TLS 1.2 alone.
fn tls12(kind: KeyKind) -> (ClientConfig, ServerConfig) {
    let (client, server) = configs(kind);
    (client.versions(TLS12).unwrap(), server.versions(TLS12).unwrap())
}

/// The error with which an end takes these bytes.
fn refusal(connection: &mut Connection, bytes: &[u8]) -> Result<(), &'static str> {
    feed(connection, &mut bytes.to_vec(), &mut Vec::new()).map_err(|error| error.name())
}

#[test]
fn version_in_the_header_of_a_protected_record_is_authenticated() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Rsa] {
        let (client, server) = tls12(kind);
        let mut pair = Pair::established(client, server);
        let mut record = send(&mut pair.client, b"data");
        record[2] = 1;
        assert_eq!(refusal(&mut pair.server, &record), Err("DoesNotOpen"));
    }
}

/// RFC 5246 §E.1: the answer is the highest version that both ends have. A lower one would carry the sentinel of RFC 8446
/// §4.1.3, which every client of both versions takes for an attack.
#[test]
fn highest_common_version_is_chosen_whatever_the_order_of_the_configuration() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let upside_down = [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3];
    let (low_client, low_server) =
        (client.clone().versions(upside_down).unwrap(), server.clone().versions(upside_down).unwrap());
    for (client, server) in [(&client, &low_server), (&low_client, &server), (&low_client, &low_server)] {
        let pair = Pair::established(client.clone(), server.clone());
        assert_eq!(pair.client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    }
}
