//! What only `danger` shows: the traffic secrets, which open and seal the connection's own records.

#[path = "support/pair.rs"]
mod pair;

use bulla::Error;
use bulla::connection::danger::DangerousTrafficSecrets;
use bulla::crypto::{Suite, ring::provider};
use bulla::error::Misuse;
use bulla::keys::TrafficSecret;
use pair::{KeyKind, Pair, configs, data, send};

#[test]
fn traffic_secrets_open_the_next_record() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::established(client, server);
    for round in 0..3u8 {
        pair.to_server = send(&mut pair.client, &[round]);
        pair.run().unwrap();
        let of_client = pair.client.danger_traffic_secrets().unwrap();
        let of_server = pair.server.danger_traffic_secrets().unwrap();
        assert!(of_client.write.secret == of_server.read.secret && of_client.read.secret == of_server.write.secret);
        assert!(of_client.read.secret != of_client.write.secret);
        assert_eq!(of_client.write.sequence_number, of_server.read.sequence_number);

        let suite = Suite::tls13(of_server.cipher_suite).unwrap();
        let keys = TrafficSecret::new(suite, of_server.read.secret).keys(&*provider()).unwrap();
        let mut nonce = *keys.iv;
        for (byte, number) in nonce.iter_mut().rev().zip(of_server.read.sequence_number.to_le_bytes()) {
            *byte ^= number;
        }
        let mut record = send(&mut pair.client, b"in the open");
        pair.to_server = record.clone();
        pair.run().unwrap();
        let (header, sealed) = record.split_at_mut(5);
        let len = keys.aead.open_in_place(&nonce, header, sealed).unwrap();
        assert_eq!(&sealed[..len], b"in the open\x17");
        pair.client.update_keys(true).unwrap();
        assert_eq!(pair.client.danger_traffic_secrets().err(), Some(Error::Misuse(Misuse::OutputPending)));
        pair.run().unwrap();
    }
    assert_eq!(data(&pair.server_seen).len(), 3 + 3 * b"in the open".len());
}

#[test]
fn channel_binding_is_the_exporter_of_rfc_9266_and_both_ends_have_the_same() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let pair = Pair::established(client, server);
    let binding = pair.client.tls_exporter_channel_binding().unwrap();
    assert_eq!(binding, pair.server.tls_exporter_channel_binding().unwrap());
    let mut exported = [0; 32];
    pair.client.export(b"EXPORTER-Channel-Binding", None, &mut exported).unwrap();
    assert_eq!(binding, exported);
}
