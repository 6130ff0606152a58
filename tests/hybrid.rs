//! ML-KEM in TLS 1.3: the hybrids of RFC 10024, and ML-KEM by itself.

#![cfg(all(feature = "ring", feature = "post-quantum"))]

#[path = "support/hex.rs"]
mod hex;
#[path = "support/replay.rs"]
mod replay;
#[path = "support/vectors.rs"]
mod vectors;

use bulla::crypto::{
    CryptoError, KeyExchange, MlKem768, MlKem1024, SecP256r1MlKem768, SecP384r1MlKem1024, X25519MlKem768, ring,
};
use bulla::wire::NamedGroup;
use replay::{FixedExchange, Replay};
use vectors::Values;

/// A group, the lengths of its shares (the client's, the server's), where ML-KEM stands in them, and the curve's length.
struct Row {
    group: &'static dyn KeyExchange,
    client_share_len: usize,
    server_share_len: usize,
    ml_kem_at: usize,
    curve: Option<(NamedGroup, usize)>,
}

const ROWS: [Row; 5] = [
    Row {
        group: &X25519MlKem768,
        client_share_len: 1216,
        server_share_len: 1120,
        ml_kem_at: 0,
        curve: Some((NamedGroup::x25519, 32)),
    },
    Row {
        group: &SecP256r1MlKem768,
        client_share_len: 1249,
        server_share_len: 1153,
        ml_kem_at: 65,
        curve: Some((NamedGroup::secp256r1, 65)),
    },
    Row {
        group: &SecP384r1MlKem1024,
        client_share_len: 1665,
        server_share_len: 1665,
        ml_kem_at: 97,
        curve: Some((NamedGroup::secp384r1, 97)),
    },
    Row { group: &MlKem768, client_share_len: 1184, server_share_len: 1088, ml_kem_at: 0, curve: None },
    Row { group: &MlKem1024, client_share_len: 1568, server_share_len: 1568, ml_kem_at: 0, curve: None },
];

impl Row {
    /// The shares of both ends of one exchange.
    fn shares(&self) -> (Vec<u8>, Vec<u8>) {
        let provider = ring::provider();
        let client_share = self.group.start(&*provider).unwrap().share().to_vec();
        let (server_share, _) = self.group.respond(&*provider, &client_share).unwrap();
        (client_share, server_share)
    }

    /// Where the curve's share stands in a share of this length.
    fn curve_at(&self, share_len: usize) -> core::ops::Range<usize> {
        let len = self.curve.unwrap().1;
        if self.ml_kem_at == 0 { share_len - len..share_len } else { 0..len }
    }
}

#[test]
fn x25519mlkem768_gives_the_listed_shares_and_secrets() {
    let mut run = 0;
    for mut vector in hybrid_vectors("X25519MLKEM768") {
        let (d, z, m) = (vector.bytes("mlkem_d"), vector.bytes("mlkem_z"), vector.bytes("mlkem_m"));
        let client_private = vector.bytes("client_ecdh_private");
        let server_private = vector.bytes("server_ecdh_private");
        let client_share = vector.bytes("client_share");
        let server_share = vector.bytes("server_share");
        let shared_secret = vector.bytes("shared_secret");
        assert_eq!(X25519MlKem768.group().0.to_be_bytes(), vector.bytes("group_id").as_slice());

        let client = Replay::new(&[&[d, z].concat()]).with_x25519(&client_private);
        let started = X25519MlKem768.start(&client).unwrap();
        client.assert_exhausted();
        assert_eq!(started.group(), NamedGroup::X25519MLKEM768);
        assert_eq!(started.share(), client_share);
        assert_eq!(started.component(), Some((NamedGroup::x25519, &client_share[1184..])));

        let server = Replay::new(&[&m]).with_x25519(&server_private);
        let (share, secret) = X25519MlKem768.respond(&server, &client_share).unwrap();
        server.assert_exhausted();
        assert_eq!(share, server_share);
        assert!(secret.expose() == shared_secret);
        assert!(started.complete(&server_share).unwrap().expose() == shared_secret);
        run += 1;
    }
    assert_eq!(run, 3);
}

/// The vectors of a group of `tls13_hybrid_groups.json`; the others are another test's.
fn hybrid_vectors(group: &str) -> Vec<Values> {
    vectors_of("tls13_hybrid_groups", &["what", "source", "license", "layout"], group)
}

fn ml_kem_1024_vectors(group: &str) -> Vec<Values> {
    vectors_of("tls13_mlkem1024_groups", &["what", "source"], group)
}

fn vectors_of(file: &str, aside: &[&str], group: &str) -> Vec<Values> {
    let mut all = Values::load(file);
    all.leave(aside);
    let mut wanted = Vec::new();
    for mut vector in all.list("vectors") {
        if vector.text("group") == group {
            wanted.push(vector);
        } else {
            vector.leave_all();
        }
    }
    wanted
}

/// The curve's half of a vector comes from its shares and its secret: `ring` takes no private keys.
#[test]
fn hybrids_with_a_curve_in_front_give_the_listed_shares_and_secrets() {
    let mut run = 0;
    for (row, secret_len, vectors) in
        [(&ROWS[1], 32, hybrid_vectors("SecP256r1MLKEM768")), (&ROWS[2], 48, ml_kem_1024_vectors("SecP384r1MLKEM1024"))]
    {
        let (curve, point_len) = row.curve.unwrap();
        for mut vector in vectors {
            vector.leave(&["client_ecdh_private", "server_ecdh_private"]);
            let (d, z, m) = (vector.bytes("mlkem_d"), vector.bytes("mlkem_z"), vector.bytes("mlkem_m"));
            let (client_share, server_share) = (vector.bytes("client_share"), vector.bytes("server_share"));
            let shared_secret = vector.bytes("shared_secret");
            assert_eq!(row.group.group().0.to_be_bytes(), vector.bytes("group_id").as_slice());
            assert_eq!(shared_secret.len(), secret_len + 32);
            let half = |share: &[u8], peer_share: &[u8]| FixedExchange {
                group: curve,
                share: share[..point_len].to_vec(),
                peer_share: peer_share[..point_len].to_vec(),
                secret: shared_secret[..secret_len].to_vec(),
                component: None,
            };

            let client = Replay::new(&[&[d, z].concat()]).with_exchange(half(&client_share, &server_share));
            let started = row.group.start(&client).unwrap();
            client.assert_exhausted();
            assert_eq!((started.group(), started.share()), (row.group.group(), client_share.as_slice()));
            assert_eq!(started.component(), Some((curve, &client_share[..point_len])));

            let server = Replay::new(&[&m]).with_exchange(half(&server_share, &client_share));
            let (share, secret) = row.group.respond(&server, &client_share).unwrap();
            server.assert_exhausted();
            assert_eq!(share, server_share);
            assert!(secret.expose() == shared_secret);
            assert!(started.complete(&server_share).unwrap().expose() == shared_secret);
            run += 1;
        }
    }
    assert_eq!(run, 5);
}

#[test]
fn ml_kem_1024_gives_the_listed_shares_and_secrets_and_another_secret_for_another_ciphertext() {
    let mut run = 0;
    for mut vector in ml_kem_1024_vectors("MLKEM1024") {
        let (d, z, m) = (vector.bytes("mlkem_d"), vector.bytes("mlkem_z"), vector.bytes("mlkem_m"));
        let (client_share, server_share) = (vector.bytes("client_share"), vector.bytes("server_share"));
        let (shared_secret, rejected_secret) = (vector.bytes("shared_secret"), vector.bytes("rejected_secret"));
        assert_eq!(MlKem1024.group().0.to_be_bytes(), vector.bytes("group_id").as_slice());
        let seed = [d, z].concat();
        let start = || MlKem1024.start(&Replay::new(&[&seed])).unwrap();
        assert_eq!(start().share(), client_share);
        assert!(start().component().is_none());

        let server = Replay::new(&[&m]);
        let (share, secret) = MlKem1024.respond(&server, &client_share).unwrap();
        server.assert_exhausted();
        assert_eq!(share, server_share);
        assert!(secret.expose() == shared_secret);
        assert!(start().complete(&server_share).unwrap().expose() == shared_secret);

        let mut altered = server_share;
        altered[0] ^= 1;
        assert!(start().complete(&altered).unwrap().expose() == rejected_secret);
        run += 1;
    }
    assert_eq!(run, 3);
}

/// ML-KEM-768 is the hybrid's first half, whose known answers are Wycheproof's and NIST's.
#[test]
fn ml_kem_768_by_itself_is_the_first_half_of_the_hybrid() {
    for mut vector in hybrid_vectors("X25519MLKEM768") {
        let (d, z, m) = (vector.bytes("mlkem_d"), vector.bytes("mlkem_z"), vector.bytes("mlkem_m"));
        let (client_share, server_share) = (vector.bytes("client_share"), vector.bytes("server_share"));
        let shared_secret = vector.bytes("shared_secret");
        vector.leave_all();
        let started = MlKem768.start(&Replay::new(&[&[d, z].concat()])).unwrap();
        assert_eq!((started.group(), started.share()), (NamedGroup::MLKEM768, &client_share[..1184]));
        let (share, secret) = MlKem768.respond(&Replay::new(&[&m]), &client_share[..1184]).unwrap();
        assert_eq!(share, server_share[..1088]);
        assert!(secret.expose() == &shared_secret[..32]);
        assert!(started.complete(&server_share[..1088]).unwrap() == secret);
    }
}

#[test]
fn hybrids_component_alone_agrees_with_a_server_that_has_the_curve_only() {
    let provider = ring::provider();
    for row in ROWS.iter().filter(|row| row.curve.is_some()) {
        let started = row.group.start(&*provider).unwrap();
        let (group, share) = started.component().unwrap();
        assert_eq!((group, share.len()), row.curve.unwrap());
        let classical = provider.groups().iter().find(|it| it.group() == group).unwrap();
        let (server_share, server_secret) = classical.respond(&*provider, share).unwrap();
        assert!(started.complete_component(&server_share).unwrap() == server_secret);
        assert_eq!(server_secret.len(), if group == NamedGroup::secp384r1 { 48 } else { 32 });
    }
}

#[test]
fn share_of_another_length_is_refused() {
    let provider = ring::provider();
    for row in &ROWS {
        let (client_share, server_share) = row.shares();
        assert_eq!((client_share.len(), server_share.len()), (row.client_share_len, row.server_share_len));
        for len in [0, 31, 32, 65, 97, 1184, client_share.len() - 1, client_share.len() + 1] {
            let mut share = client_share.clone();
            share.resize(len, 9);
            if len == client_share.len() {
                continue;
            }
            let refused = row.group.respond(&*provider, &share).err();
            assert_eq!(refused, Some(CryptoError::InvalidShare), "{len} bytes to the server of {:?}", row.group);
        }
        for len in [0, 31, 32, 65, 97, 1087, server_share.len() - 1, server_share.len() + 1] {
            let mut share = server_share.clone();
            share.resize(len, 9);
            let refused = row.group.start(&*provider).unwrap().complete(&share).err();
            assert_eq!(refused, Some(CryptoError::InvalidShare), "{len} bytes to the client of {:?}", row.group);
        }
    }
}

#[test]
fn hybrid_share_with_a_point_of_low_order_or_not_on_the_curve_is_refused() {
    let provider = ring::provider();
    for row in ROWS.iter().filter(|row| row.curve.is_some()) {
        let started = row.group.start(&*provider).unwrap();
        let mut client_share = started.share().to_vec();
        let (mut server_share, _) = row.group.respond(&*provider, &client_share).unwrap();
        for share in [&mut client_share, &mut server_share] {
            let mut point = row.curve_at(share.len());
            // Of a point of a NIST curve the first octet says how it is written; all else zero is not on the curve.
            point.start += usize::from(row.ml_kem_at != 0);
            share[point].fill(0);
        }
        assert_eq!(row.group.respond(&*provider, &client_share).err(), Some(CryptoError::InvalidShare));
        assert_eq!(started.complete(&server_share).err(), Some(CryptoError::InvalidShare));
    }
}

#[test]
fn share_with_coefficient_of_the_modulus_is_refused() {
    let provider = ring::provider();
    for row in &ROWS {
        let (mut client_share, _) = row.shares();
        // The first coefficient, twelve bits in little-endian order, becomes q = 3329 = 0xd01.
        client_share[row.ml_kem_at] = 0x01;
        client_share[row.ml_kem_at + 1] = client_share[row.ml_kem_at + 1] & 0xf0 | 0x0d;
        let refused = row.group.respond(&*provider, &client_share).err();
        assert_eq!(refused, Some(CryptoError::InvalidShare), "{:?}", row.group);
    }
}

#[test]
fn altered_ciphertext_gives_another_secret() {
    let provider = ring::provider();
    for row in &ROWS {
        let started = row.group.start(&*provider).unwrap();
        let (mut server_share, secret) = row.group.respond(&*provider, started.share()).unwrap();
        server_share[row.ml_kem_at] ^= 1;
        let other = started.complete(&server_share).unwrap();
        assert_eq!(other.len(), secret.len());
        let (ml_kem, rest) = if row.ml_kem_at == 0 {
            (0..32, 32..secret.len())
        } else {
            (secret.len() - 32..secret.len(), 0..secret.len() - 32)
        };
        assert!(other.expose()[ml_kem.clone()] != secret.expose()[ml_kem], "{:?}", row.group);
        assert!(other.expose()[rest.clone()] == secret.expose()[rest], "{:?}", row.group);
    }
}

#[test]
fn group_with_ml_kem_fails_without_randomness() {
    for row in &ROWS {
        let (client_share, _) = row.shares();
        let dry = Replay::new(&[]);
        assert_eq!(row.group.start(&dry).err(), Some(CryptoError::NoRandomness));
        assert_eq!(row.group.respond(&dry, &client_share).err(), Some(CryptoError::NoRandomness));
    }
}
