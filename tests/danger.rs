//! What only `danger` shows: the traffic secrets, which open and seal the connection's own records.

#[path = "support/pair.rs"]
mod pair;

use bulla::Error;
use bulla::config::AVAILABLE_VERSIONS;
use bulla::connection::danger::{DangerousTrafficSecrets, DirectionKeys, TrafficKeys};
use bulla::crypto::{AeadAlgorithm, Suite, TAG_LEN, ring::provider};
use bulla::error::Misuse;
use bulla::keys::TrafficSecret;
use bulla::wire::{CipherSuite, ProtocolVersion};
use pair::{KeyKind, Pair, configs, data, feed, send};

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

/// One direction as a kernel would go on with it, from nothing but the keys. RFC 8446 §5.2, RFC 5246 §6.2.3.3.
struct Kernel {
    version: ProtocolVersion,
    aead: AeadAlgorithm,
    keys: DirectionKeys,
}

impl Kernel {
    fn of(keys: TrafficKeys, write: bool) -> Self {
        let aead = match keys.cipher_suite.to_string() {
            suite if suite.contains("AES_128") => AeadAlgorithm::Aes128Gcm,
            suite if suite.contains("AES_256") => AeadAlgorithm::Aes256Gcm,
            _ => AeadAlgorithm::ChaCha20Poly1305,
        };
        Self { version: keys.version, aead, keys: if write { keys.write } else { keys.read } }
    }

    /// The nonce, and how many bytes of it stand in the record.
    fn nonce(&self, explicit: &[u8]) -> ([u8; 12], usize) {
        let (iv, number) = (self.keys.iv.expose(), self.keys.sequence_number.to_be_bytes());
        if let Ok(salt) = <[u8; 4]>::try_from(iv) {
            return ([&salt[..], explicit].concat().try_into().unwrap(), 8);
        }
        let mut nonce: [u8; 12] = iv.try_into().unwrap();
        nonce[4..].iter_mut().zip(number).for_each(|(byte, number)| *byte ^= number);
        (nonce, 0)
    }

    fn additional_data(&self, header: &[u8], plaintext_len: usize) -> Vec<u8> {
        if self.version == ProtocolVersion::TLSv1_3 {
            return header.to_vec();
        }
        let len = u16::try_from(plaintext_len).unwrap().to_be_bytes();
        [&self.keys.sequence_number.to_be_bytes()[..], &header[..3], &len].concat()
    }

    fn open(&mut self, record: &[u8]) -> Vec<u8> {
        let (header, behind) = record.split_at(5);
        let (nonce, skipped) = self.nonce(behind.get(..8).unwrap());
        let mut sealed = behind[skipped..].to_vec();
        let additional_data = self.additional_data(header, sealed.len() - TAG_LEN);
        let aead = provider().aead(self.aead, self.keys.key.expose()).unwrap();
        let len = aead.open_in_place(&nonce, &additional_data, &mut sealed).unwrap();
        self.keys.sequence_number += 1;
        sealed.truncate(len);
        if self.version == ProtocolVersion::TLSv1_3 {
            assert_eq!(sealed.pop(), Some(23));
        }
        sealed
    }

    fn seal(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let mut sealed = plaintext.to_vec();
        if self.version == ProtocolVersion::TLSv1_3 {
            sealed.push(23);
        }
        let explicit = self.keys.sequence_number.to_be_bytes();
        let (nonce, explicit_len) = self.nonce(&explicit);
        let len = u16::try_from(explicit_len + sealed.len() + TAG_LEN).unwrap().to_be_bytes();
        let header = [&[23, 3, 3], &len[..]].concat();
        let additional_data = self.additional_data(&header, sealed.len());
        let aead = provider().aead(self.aead, self.keys.key.expose()).unwrap();
        let mut tag = [0; TAG_LEN];
        aead.seal_in_place(&nonce, &additional_data, &mut sealed, &mut tag).unwrap();
        self.keys.sequence_number += 1;
        [&header, &explicit[..explicit_len], &sealed, &tag].concat()
    }
}

fn established(suite: CipherSuite) -> Pair {
    let kind = if suite.to_string().contains("_RSA_") { KeyKind::Rsa } else { KeyKind::EcdsaP256 };
    let (client, server) = configs(kind);
    Pair::established(client.cipher_suites([suite]).unwrap(), server)
}

#[test]
fn traffic_keys_of_both_versions_take_the_records_over_in_every_suite() {
    for suite in provider().cipher_suites() {
        let mut pair = established(*suite);
        for before in 0..3u8 {
            pair.to_server = send(&mut pair.client, &[before]);
            pair.to_client = send(&mut pair.server, &[before]);
            pair.run().unwrap();
            let of_client = pair.client.danger_traffic_keys().unwrap();
            let of_server = pair.server.danger_traffic_keys().unwrap();
            assert_eq!((of_client.version, of_client.cipher_suite), (of_server.version, *suite));
            assert!(of_client.write.key == of_server.read.key && of_client.write.iv == of_server.read.iv);
            assert!(of_client.read.key == of_server.write.key && of_client.read.key != of_client.write.key);
            assert_eq!(of_client.write.sequence_number, of_server.read.sequence_number);
        }
        let mut reading = Kernel::of(pair.server.danger_traffic_keys().unwrap(), false);
        for text in [&b"first"[..], b"second"] {
            assert_eq!(reading.open(&send(&mut pair.client, text)), text, "{suite}");
        }
        let mut writing = Kernel::of(pair.server.danger_traffic_keys().unwrap(), true);
        pair.to_client = [writing.seal(b"third"), writing.seal(b"fourth")].concat();
        pair.client_seen.clear();
        feed(&mut pair.client, &mut pair.to_client, &mut pair.client_seen).unwrap();
        assert_eq!(data(&pair.client_seen), b"thirdfourth", "{suite}");
    }
}

#[test]
fn traffic_keys_after_a_key_update_are_those_of_the_next_secrets() {
    let mut pair = established(CipherSuite::TLS_CHACHA20_POLY1305_SHA256);
    let suite = Suite::tls13(CipherSuite::TLS_CHACHA20_POLY1305_SHA256).unwrap();
    let before = pair.client.danger_traffic_secrets().unwrap();
    pair.client.update_keys(true).unwrap();
    assert_eq!(pair.client.danger_traffic_keys().err(), Some(Error::Misuse(Misuse::OutputPending)));
    pair.run().unwrap();
    let after = pair.client.danger_traffic_keys().unwrap();
    for (secret, keys) in [(before.write.secret, after.write), (before.read.secret, after.read)] {
        let next = TrafficSecret::new(suite, secret).next(&*provider()).unwrap().raw_keys(&*provider()).unwrap();
        assert!(next.key == keys.key && next.iv == keys.iv);
        assert_eq!(keys.sequence_number, 0);
    }
}

#[test]
fn traffic_keys_are_shown_of_a_connection_that_stands_still_alone() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::new(client, server);
    assert_eq!(pair.client.danger_traffic_keys().err(), Some(Misuse::HandshakeNotFinished.into()));
    pair.run().unwrap();
    assert!(pair.client.danger_traffic_keys().is_ok());
    pair.client.close();
    assert_eq!(pair.client.danger_traffic_keys().err(), Some(Misuse::SendAfterClose.into()));
    let failure = pair.server.end_of_input().unwrap_err();
    assert_eq!(pair.server.danger_traffic_keys().err(), Some(failure));
}

#[test]
fn channel_binding_is_the_exporter_of_rfc_9266_and_both_ends_have_the_same() {
    for version in AVAILABLE_VERSIONS {
        let (client, server) = configs(KeyKind::EcdsaP256);
        let pair = Pair::established(client.versions([*version]).unwrap(), server);
        let binding = pair.client.tls_exporter_channel_binding().unwrap();
        assert_eq!(binding, pair.server.tls_exporter_channel_binding().unwrap());
        let export = |context| {
            let mut exported = [0; 32];
            pair.client.export(b"EXPORTER-Channel-Binding", context, &mut exported).unwrap();
            exported
        };
        // The context is empty: TLS 1.2 has another value without one.
        assert_eq!(binding, export(Some(&[])), "{version}");
        assert_eq!(binding == export(None), *version == ProtocolVersion::TLSv1_3, "{version}");
    }
}
