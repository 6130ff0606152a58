//! What outlives a connection, from outside: the form of a stored session, a fleet that shares a secret and nothing else, and
//! the digest by which a session knows its roots again.

#![cfg(all(feature = "ring", feature = "std"))]

use bulla::Roots;
use bulla::clock::Time;
use bulla::crypto::ring::provider;
use bulla::pki_types::{CertificateDer, Der, TrustAnchor};
use bulla::resume::{ServerSession, TicketKeys};
use bulla::wire::{CipherSuite, ProtocolVersion};
use proptest::collection::vec;
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

/// A session as a store holds it, byte by byte: what this version writes, later ones must read or refuse.
fn stored(created: u64, lifetime: u32) -> Vec<u8> {
    let mut bytes = vec![2];
    bytes.extend([0x03, 0x04, 0x13, 0x01]);
    bytes.push(32);
    bytes.extend([7; 32]);
    bytes.extend([0x00, 0x1d]);
    // No limit of records that early data must keep, and no tls-server-end-point.
    bytes.extend([0, 0, 0]);
    bytes.extend((created * 1000).to_be_bytes());
    bytes.extend(lifetime.to_be_bytes());
    bytes.extend((created * 1000).to_be_bytes());
    bytes.extend([3; 32]);
    bytes.extend([1, 11]);
    bytes.extend(b"example.com");
    bytes.extend([2, b'h', b'2']);
    // The client's chain is of X.509, and so was what we showed.
    bytes.extend([0, 0, 0, 5, 0, 0, 2, 0x30, 0x00]);
    bytes.extend([0x08, 0x07, 0]);
    bytes.push(0);
    bytes.extend([1, 2, 3, 4]);
    bytes.extend([0, 0, 0x40, 0]);
    bytes.extend([9; 16]);
    bytes
}

#[test]
fn stored_session_has_one_form_and_is_read_as_what_it_says() {
    let bytes = stored(1_000, 100);
    let session = ServerSession::from_bytes(&bytes).unwrap();
    assert_eq!(session.version(), ProtocolVersion::TLSv1_3);
    assert_eq!(session.cipher_suite(), CipherSuite::TLS_AES_128_GCM_SHA256);
    assert_eq!(session.created(), Time::from_secs(1_000));
    assert_eq!(session.expires(), Time::from_secs(1_100));
    assert_eq!(session.server_name(), Some("example.com"));
    assert_eq!(session.application_protocol(), Some(&b"h2"[..]));
    assert_eq!(session.client_chain(), [CertificateDer::from(vec![0x30, 0x00])]);
    assert!(session.to_bytes().unwrap().expose() == bytes);
}

/// Seconds for which a ticket key lives in these tests.
const PERIOD: u32 = 100;

#[derive(Clone, Debug)]
enum Step {
    /// A member seals a session.
    Seal(usize),
    /// Time goes on by so many seconds.
    Wait(u64),
    /// A member opens one of the tickets so far.
    Open(usize, prop::sample::Index),
    /// A member opens one of the tickets so far, in which one byte was changed.
    OpenAltered(usize, prop::sample::Index, prop::sample::Index, u8),
    /// A member is started anew, with the same secret.
    Restart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let member = || 0..3usize;
    let index = any::<prop::sample::Index>;
    prop_oneof![
        member().prop_map(Step::Seal),
        (0..150u64).prop_map(Step::Wait),
        (member(), index()).prop_map(|(member, ticket)| Step::Open(member, ticket)),
        (member(), index(), index(), 1..=255u8)
            .prop_map(|(member, ticket, at, change)| Step::OpenAltered(member, ticket, at, change)),
        member().prop_map(Step::Restart),
    ]
}

/// Two members share a secret; the third has its own.
fn member(number: usize) -> TicketKeys {
    TicketKeys::from_shared_secret(provider(), &[u8::from(number == 2); 32], PERIOD).unwrap()
}

proptest! {
    #[test]
    fn fleet_opens_each_others_tickets_for_as_long_as_the_key_lives(
        start in 0..u64::from(u32::MAX),
        steps in vec(step(), 0..60),
    ) {
        let mut members = [0, 1, 2].map(member);
        let mut now = start;
        let mut tickets: Vec<(usize, u64, Vec<u8>)> = Vec::new();
        for step in steps {
            match step {
                Step::Seal(by) => {
                    let session = ServerSession::from_bytes(&stored(now, 1_000)).unwrap();
                    tickets.push((by, now, members[by].seal(&session, Time::from_secs(now)).unwrap()));
                }
                Step::Wait(seconds) => now += seconds,
                Step::Open(by, ticket) if !tickets.is_empty() => {
                    let (sealed_by, sealed, ticket) = ticket.get(&tickets);
                    let shares = (*sealed_by == 2) == (by == 2);
                    let key_lives = now / u64::from(PERIOD) - sealed / u64::from(PERIOD) <= 1;
                    let session = members[by].open(ticket, Time::from_secs(now));
                    prop_assert_eq!(session.is_some(), shares && key_lives);
                    if let Some(session) = session {
                        prop_assert_eq!(session.created(), Time::from_secs(*sealed));
                        prop_assert_eq!(session.expires(), Time::from_secs(sealed + u64::from(PERIOD)));
                    }
                    // While its session lives, a ticket opens.
                    prop_assert!(!shares || key_lives || now >= sealed + u64::from(PERIOD));
                }
                Step::OpenAltered(by, ticket, at, change) if !tickets.is_empty() => {
                    let mut altered = ticket.get(&tickets).2.clone();
                    *at.get_mut(&mut altered) ^= change;
                    prop_assert!(members[by].open(&altered, Time::from_secs(now)).is_none());
                }
                Step::Restart(number) => members[number] = member(number),
                Step::Open(..) | Step::OpenAltered(..) => {}
            }
        }
    }
}

fn anchor(subject: &[u8], key: &[u8], constraints: Option<&[u8]>) -> TrustAnchor<'static> {
    TrustAnchor {
        subject: Der::from_slice(subject),
        subject_public_key_info: Der::from_slice(key),
        name_constraints: constraints.map(Der::from_slice),
    }
    .to_owned()
}

fn digest(anchors: &[TrustAnchor<'static>]) -> [u8; 32] {
    let mut roots = Roots::new();
    anchors.iter().for_each(|anchor| roots.add_anchor(anchor.clone()));
    roots.digest(provider().as_ref()).unwrap()
}

#[test]
fn digest_of_roots_does_not_know_their_order_and_knows_all_else() {
    let (one, other) = (anchor(b"name", b"key", None), anchor(b"other", b"key", Some(b"only here")));
    let both = digest(&[one.clone(), other.clone()]);
    assert_eq!(both, digest(&[other.clone(), one.clone()]));
    assert_eq!(both, digest(&[other.clone(), one.clone(), one.clone()]));
    let different = [
        both,
        digest(&[]),
        digest(&[one]),
        digest(&[other]),
        digest(&[anchor(b"nam", b"ekey", None)]),
        digest(&[anchor(b"name", b"key", Some(b""))]),
        digest(&[anchor(b"name", b"ke", Some(b"y"))]),
        digest(&[anchor(b"name", b"key2", None)]),
    ];
    for (index, digest) in different.iter().enumerate() {
        assert!(!different[..index].contains(digest), "number {index} is like one before");
    }
}

#[test]
fn digest_of_roots_tells_a_certificate_that_stands_alone_from_the_same_authority() {
    let key = KeyPair::generate().unwrap();
    let certificate = |names: &[&str]| {
        let mut params =
            CertificateParams::new(names.iter().map(|name| String::from(*name)).collect::<Vec<_>>()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.self_signed(&key).unwrap()
    };
    let digest = |names: &[&str]| {
        let mut roots = Roots::new();
        roots.add_der(certificate(names).der()).unwrap();
        assert_eq!(roots.len(), 1);
        roots.digest(provider().as_ref()).unwrap()
    };
    // With a name in it the certificate may also stand as a peer's own, and then its bytes decide.
    assert_ne!(digest(&[]), digest(&["one.example"]));
    assert_ne!(digest(&["one.example"]), digest(&["two.example"]));
    assert_eq!(digest(&[]), digest(&[]));
}
