//! Certificates that are swapped while a configuration is in use: checked before, and the old ones stay where a check fails.

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/pair.rs"]
mod pair;

use std::fs;
use std::sync::Arc;

use bulla::clock::NoClock;
use bulla::config::{ConfigError, Decision, Live, LiveIdentities, Signer, SigningFailed, SigningRequest, SwapRefused};
use bulla::crypto::ring::provider;
use bulla::error::{CertificateError, Which};
use bulla::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use bulla::resume::{MemoryClientSessions, TicketKeys};
use bulla::wire::{AlertDescription, SignatureScheme};
use bulla::{ClientAuth, ClientConfig, HandshakeKind, Identity, Roots, ServerConfig};
use certificates::{Draft, Party, pem};
use pair::{Authority, KeyKind, NAME, NOW, Pair, configs_by};

fn live(identities: Vec<Identity>) -> LiveIdentities {
    LiveIdentities::with_provider(identities, provider(), Arc::new(NOW)).unwrap()
}

/// The leaf that a client of this name is shown.
fn shown(authority: &Authority, live: &Arc<LiveIdentities>) -> CertificateDer<'static> {
    let (client, _) = configs_by(authority, KeyKind::EcdsaP256);
    let server = ServerConfig::choosing(live.clone()).clock(Arc::new(NOW));
    Pair::established(client, server).client.peer_certificates()[0].clone()
}

fn leaf(identity: &Identity) -> CertificateDer<'static> {
    identity.chain()[0].clone()
}

#[test]
fn next_connection_is_shown_the_new_certificate_and_the_earlier_one_goes_on() {
    let authority = Authority::new();
    let [old, new] = [(); 2].map(|()| authority.identity(&[NAME], KeyKind::EcdsaP256));
    let (old_leaf, new_leaf) = (leaf(&old), leaf(&new));
    let live = Arc::new(live(vec![old]));
    let (client, _) = configs_by(&authority, KeyKind::EcdsaP256);
    let config = ServerConfig::choosing(live.clone()).clock(Arc::new(NOW));
    let mut earlier = Pair::established(client, config);
    assert_eq!(shown(&authority, &live), old_leaf);
    live.swap(vec![new]).unwrap();
    assert_eq!(shown(&authority, &live), new_leaf);
    assert_eq!(live.current().len(), 1);
    earlier.to_server = pair::send(&mut earlier.client, b"still here");
    earlier.run().unwrap();
    assert_eq!(pair::data(&earlier.server_seen), b"still here");
}

/// Tries to swap, is refused, and finds the old certificate in use; returns what was said.
fn refused(authority: &Authority, live: &Arc<LiveIdentities>, new: Vec<Identity>) -> SwapRefused {
    let before = shown(authority, live);
    let error = live.swap(new).unwrap_err();
    assert!(error.to_string().starts_with("the old certificates stay in use: "), "{error}");
    assert_eq!(shown(authority, live), before);
    error
}

/// An authority that writes certificates of any validity, and an identity by it.
fn identity_of(draft: &Draft, issuer: &Party, more: &[&Party]) -> Identity {
    let party = draft.issued_by(issuer);
    let mut chain = vec![party.certificate.clone()];
    chain.extend(more.iter().map(|party| party.certificate.clone()));
    Identity::new(chain, &party.private_key()).unwrap()
}

#[test]
fn certificate_that_is_not_valid_now_is_refused_wherever_it_stands_in_the_chain() {
    let authority = Authority::new();
    let live = Arc::new(live(vec![authority.identity(&[NAME], KeyKind::EcdsaP256)]));
    let root = Draft::authority("Root").self_signed();
    let good = Draft::leaf(&[NAME]);

    let error = refused(&authority, &live, vec![identity_of(&good.clone().expired(), &root, &[])]);
    assert!(matches!(error, SwapRefused::Certificate(1, CertificateError::Expired(Which::Leaf, now, _)) if now == NOW));
    assert!(error.to_string().contains("the certificate expired: it was valid until 2025-01-01T00:00:00Z"), "{error}");
    let error = refused(&authority, &live, vec![identity_of(&good.clone().not_yet_valid(), &root, &[])]);
    assert!(matches!(error, SwapRefused::Certificate(1, CertificateError::NotYetValid(Which::Leaf, ..))));

    let old = Draft::authority("Between").expired().issued_by(&root);
    let error = refused(&authority, &live, vec![identity_of(&good, &root, &[]), identity_of(&good, &old, &[&old])]);
    let SwapRefused::Certificate(2, CertificateError::Expired(Which::Issuer(2, subject), ..)) = error else {
        panic!("{error}")
    };
    assert_eq!(subject, "\"Between\"");
    live.swap(vec![identity_of(&good, &root, &[])]).unwrap();
}

#[test]
fn without_a_time_nothing_is_put_in_use() {
    let authority = Authority::new();
    let identities = vec![authority.identity(&[NAME], KeyKind::EcdsaP256)];
    let error = LiveIdentities::with_provider(identities, provider(), Arc::new(NoClock)).unwrap_err();
    assert!(matches!(error, SwapRefused::Certificate(1, CertificateError::NoTime)));
    assert!(matches!(LiveIdentities::with_provider(vec![], provider(), Arc::new(NOW)), Err(SwapRefused::Empty)));
}

/// A key that lives elsewhere, with a mind of its own.
#[derive(Debug)]
struct Elsewhere {
    key: Arc<dyn bulla::crypto::SigningKey>,
    how: Decision<Result<Vec<u8>, SigningFailed>>,
}

impl Signer for Elsewhere {
    fn schemes(&self) -> &[SignatureScheme] {
        self.key.schemes()
    }

    fn sign(&self, request: &SigningRequest) -> Decision<Result<Vec<u8>, SigningFailed>> {
        match &self.how {
            Decision::Now(Ok(_)) => {
                let signature = self.key.sign(&*provider(), request.scheme, &request.message);
                Decision::Now(signature.map_err(|_| SigningFailed))
            }
            other => other.clone(),
        }
    }
}

#[test]
fn signer_must_sign_with_the_key_of_its_leaf() {
    let authority = Authority::new();
    let live = Arc::new(live(vec![authority.identity(&[NAME], KeyKind::EcdsaP256)]));
    let signs = Decision::Now(Ok(Vec::new()));
    let elsewhere = |kind, of_leaf: bool, how: &Decision<_>| {
        let (leaf, own) = authority.issue(&[NAME], kind);
        let other = authority.issue(&[NAME], KeyKind::EcdsaP256).1;
        let key = provider().signing_key(if of_leaf { &own } else { &other }).unwrap();
        Identity::with_signer(vec![leaf], Arc::new(Elsewhere { key, how: how.clone() })).unwrap()
    };
    for kind in [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Ed25519, KeyKind::Rsa] {
        let error = refused(&authority, &live, vec![elsewhere(kind, false, &signs)]);
        assert!(matches!(error, SwapRefused::KeyDoesNotMatch(1)), "{kind:?}: {error}");
    }
    for how in [Decision::Now(Err(SigningFailed)), Decision::Refuse(AlertDescription::internal_error)] {
        let error = refused(&authority, &live, vec![elsewhere(KeyKind::EcdsaP256, true, &how)]);
        assert!(matches!(error, SwapRefused::SigningFailed(1)), "{error}");
    }
    for kind in pair::KEY_KINDS {
        live.swap(vec![elsewhere(kind, true, &signs)]).unwrap();
        shown(&authority, &live);
    }
    // What is asked later is shown by the first handshake.
    live.swap(vec![elsewhere(KeyKind::EcdsaP256, true, &Decision::Later)]).unwrap();
}

#[test]
fn name_that_would_be_lost_is_named_and_may_go_if_that_is_said() {
    let authority = Authority::new();
    let identity = |names: &[&str]| authority.identity(names, KeyKind::EcdsaP256);
    let live =
        Arc::new(live(vec![identity(&[NAME, "a.host.test", "*.wild.test", "192.0.2.1"]), identity(&["B.host.test"])]));
    let SwapRefused::NamesLost(lost) = refused(&authority, &live, vec![identity(&[NAME])]) else { panic!() };
    assert_eq!(lost.0, ["a.host.test", "*.wild.test", "192.0.2.1", "B.host.test"]);
    // Another certificate may have the name, also under a wildcard, which does not cover another wildcard.
    let SwapRefused::NamesLost(lost) =
        refused(&authority, &live, vec![identity(&[NAME, "*.host.test"]), identity(&["192.0.2.1", "x.wild.test"])])
    else {
        panic!()
    };
    assert_eq!(lost.0, ["*.wild.test"]);
    live.swap(vec![identity(&[NAME, "*.host.test", "192.0.2.1"]), identity(&["*.WILD.test"])]).unwrap();
    live.swap_and_drop_names(vec![identity(&[NAME])]).unwrap();
    assert_eq!(live.current().len(), 1);
}

#[test]
fn certificate_without_names_goes_by_its_subject() {
    let root = Draft::authority("Root").self_signed();
    let of = |subject: &str| {
        let draft = Draft::leaf(&[]).named(subject).without(certificates::SUBJECT_ALT_NAME);
        identity_of(&draft, &root, &[])
    };
    let live = live(vec![of("Alice")]);
    live.swap(vec![of("Alice")]).unwrap();
    let error = live.swap(vec![of("Bob")]).unwrap_err();
    assert!(matches!(&error, SwapRefused::NamesLost(names) if names.0 == ["\"Alice\""]), "{error}");
}

#[test]
fn raw_public_key_is_checked_and_is_a_name_of_its_own() {
    let authority = Authority::new();
    let issue = || authority.issue(&[NAME], KeyKind::EcdsaP256).1;
    let (old, new) = (issue(), issue());
    let raw = |key| Identity::raw_public_key(key).unwrap();
    let live = Arc::new(live(vec![authority.identity(&[NAME], KeyKind::EcdsaP256), raw(&old)]));
    let again = authority.identity(&[NAME], KeyKind::EcdsaP256);
    let error = live.swap(vec![again, raw(&new)]).unwrap_err();
    assert!(matches!(&error, SwapRefused::NamesLost(names) if names.0 == ["a raw public key"]), "{error}");
    live.swap(vec![authority.identity(&[NAME], KeyKind::EcdsaP256), raw(&new), raw(&old)]).unwrap();

    let key = provider().signing_key(&old).unwrap();
    let signer = Arc::new(Elsewhere { key, how: Decision::Now(Ok(Vec::new())) });
    let strange = SubjectPublicKeyInfoDer::from(raw(&new).chain()[0].to_vec());
    let mismatch = Identity::with_raw_signer(strange, signer).unwrap();
    assert!(matches!(live.swap_and_drop_names(vec![mismatch]), Err(SwapRefused::KeyDoesNotMatch(1))));

    // A client that trusts the key is shown it.
    let key = SubjectPublicKeyInfoDer::from(raw(&new).chain()[0].to_vec());
    let client = ClientConfig::new(Roots::new()).clock(Arc::new(NOW)).trusted_raw_public_keys([key]).unwrap();
    let server = ServerConfig::choosing(live).clock(Arc::new(NOW));
    assert!(Pair::established(client, server).client.peer_certificates().is_empty());
}

#[test]
fn several_are_chosen_among_as_identities_of_a_configuration_are() {
    let authority = Authority::new();
    let [other, p384, p256] = [
        authority.identity(&["other.test"], KeyKind::EcdsaP256),
        authority.identity(&[NAME], KeyKind::EcdsaP384),
        authority.identity(&[NAME], KeyKind::EcdsaP256),
    ];
    let leaves = [leaf(&p384), leaf(&p256)];
    let live = Arc::new(live(vec![other, p384, p256]));
    assert_eq!(shown(&authority, &live), leaves[0]);
    let (client, _) = configs_by(&authority, KeyKind::EcdsaP256);
    let client = client.accepted_signature_schemes([SignatureScheme::ecdsa_secp256r1_sha256]).unwrap();
    let server = ServerConfig::choosing(live).clock(Arc::new(NOW));
    assert_eq!(Pair::established(client, server).client.peer_certificates()[0], leaves[1]);
}

#[test]
fn client_with_a_renewed_certificate_shows_it_and_is_the_same_client_to_its_sessions() {
    let authority = Authority::new();
    let [old, new] = [(); 2].map(|()| authority.identity(&["client.test"], KeyKind::EcdsaP256));
    let new_leaf = leaf(&new);
    let live = Arc::new(live(vec![old]));
    let keys = Arc::new(TicketKeys::random(provider(), 3600).unwrap());
    let (client, server) = configs_by(&authority, KeyKind::EcdsaP256);
    let server = server.client_auth(ClientAuth::Require(Arc::new(authority.roots()))).tickets(keys);
    let client: ClientConfig = client.choose_identity(live.clone());
    let resuming = client.clone().session_store(Arc::new(MemoryClientSessions::new(4, 4)));
    Pair::established(resuming.clone(), server.clone());
    live.swap(vec![new]).unwrap();
    let fresh = Pair::established(client, server.clone());
    assert_eq!(fresh.server.peer_certificates()[0], new_leaf);
    assert_eq!(Pair::established(resuming, server).client.handshake_kind(), Some(HandshakeKind::Resumed));
}

#[test]
fn files_of_a_renewal_are_read_checked_and_put_in_use_or_named_in_the_refusal() {
    let authority = Authority::new();
    let live = Arc::new(live(vec![authority.identity(&[NAME], KeyKind::EcdsaP256)]));
    let folder = std::env::temp_dir().join(format!("bulla-live-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let [chain, key, other_key] = ["chain.pem", "key.pem", "other.pem"].map(|name| folder.join(name));
    let (certificate, private) = authority.issue(&[NAME], KeyKind::EcdsaP256);
    fs::write(&chain, pem("CERTIFICATE", &certificate)).unwrap();
    fs::write(&key, pem("PRIVATE KEY", private.secret_der())).unwrap();
    fs::write(&other_key, pem("PRIVATE KEY", authority.issue(&[NAME], KeyKind::EcdsaP256).1.secret_der())).unwrap();

    let error = live.swap_from_files(&chain, &other_key).unwrap_err();
    let mismatch = ConfigError::KeyDoesNotMatchCertificate.to_string();
    assert!(error.to_string().contains("other.pem") && error.to_string().contains(&mismatch), "{error}");
    assert!(live.swap_from_files(folder.join("nothing.pem"), &key).unwrap_err().to_string().contains("nothing.pem"));
    assert_ne!(shown(&authority, &live), certificate);
    live.swap_from_files(&chain, &key).unwrap();
    assert_eq!(shown(&authority, &live), certificate);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn any_value_can_be_live_on_many_threads() {
    let live = Arc::new(Live::new(Roots::new()));
    let threads = (0..4).map(|_| {
        let live = Arc::clone(&live);
        std::thread::spawn(move || (0..100).map(|_| drop(live.replace(Roots::new()))).count())
    });
    let threads: Vec<_> = threads.collect();
    assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>(), 400);
    assert_eq!(Arc::strong_count(&live.current()), 2);
}
