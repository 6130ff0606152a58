//! A certificate given as root that is the peer's own: trusted byte for byte, and right in all else. Clients' too.

#![cfg(feature = "ring")]

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/judging.rs"]
mod judging;

use std::sync::Arc;

use bulla::crypto::ring::provider;
use bulla::error::CertificateError;
use bulla::verify::{Purpose, verify_chain};
use bulla::wire::AlertDescription;
use bulla::{ClientAuth, ClientConfig, Error, Roots, ServerConfig};
use certificates::{
    BASIC_CONSTRAINTS, CLIENT_AUTH, Draft, EXTENDED_KEY_USAGE, KEY_CERT_SIGN, KEY_ENCIPHERMENT, KEY_USAGE, NAME, NOW,
    Party, SERVER_AUTH, SUBJECT_ALT_NAME, UNKNOWN_EXTENSION, dns, extended_key_usage, key_usage, rsa_public_key_info,
    subject_alt_name,
};
use judging::{Outcome, Presented, good_chain, handshake, judge, root, roots, run};

#[test]
fn self_signed_leaf_that_is_among_the_roots_is_trusted() {
    for draft in [Draft::self_made(&[NAME]), Draft::leaf(&[NAME])] {
        let leaf = draft.self_signed();
        assert_eq!(judge(&leaf, &[&leaf]), Ok(()));
        let chain = vec![leaf.certificate.clone()];
        assert_eq!(handshake(roots(&[&leaf]), Presented::of(chain, &leaf)), (Ok(()), Ok(())));
    }
}

#[test]
fn leaf_of_an_unknown_issuer_that_is_among_the_roots_is_trusted() {
    let (_, intermediate, leaf) = good_chain();
    assert_eq!(judge(&leaf, &[&leaf]), Ok(()));
    assert_eq!(judge(&leaf, &[&leaf, &intermediate]), Ok(()));
}

#[test]
fn another_certificate_of_the_same_key_and_name_is_not_trusted() {
    let draft = Draft::leaf(&[NAME]);
    let (given, shown) = (draft.self_signed(), draft.self_signed());
    // ECDSA is randomised: the two differ in the signature alone.
    assert_ne!(given.certificate, shown.certificate);
    assert_eq!(judge(&given, &[&shown]), Err(CertificateError::SelfSigned));
    let draft = Draft::self_made(&[NAME]);
    assert_eq!(judge(&draft.self_signed(), &[&draft.self_signed()]), Err(CertificateError::SelfSigned));
}

#[test]
fn leaf_among_the_roots_must_be_right_in_all_else() {
    type Alter = fn(Draft) -> Draft;
    let cases: [(Alter, &str); 8] = [
        (Draft::expired, "Expired"),
        (Draft::not_yet_valid, "NotYetValid"),
        (|draft| draft.with((UNKNOWN_EXTENSION, true, vec![5, 0])), "UnknownCriticalExtension"),
        (|draft| draft.with(subject_alt_name(&[dns("other.test")])), "NameMismatch"),
        (|draft| draft.with(key_usage(KEY_ENCIPHERMENT)), "WrongKeyUsage"),
        (|draft| draft.with(key_usage(KEY_CERT_SIGN)), "WrongKeyUsage"),
        (|draft| draft.with(extended_key_usage(&[CLIENT_AUTH])), "WrongExtendedKeyUsage"),
        (|draft| Draft { public_key_info: Some(rsa_public_key_info(1024)), ..draft }, "WeakKey"),
    ];
    for (alter, name) in cases {
        for draft in [Draft::self_made(&[NAME]), Draft::leaf(&[NAME])] {
            let leaf = alter(draft).self_signed();
            assert_eq!(judge(&leaf, &[&leaf]).unwrap_err().name(), name);
        }
    }
    let leaf = Draft::self_made(&[NAME]).self_signed();
    let judged = verify_chain(&*provider(), &roots(&[&leaf]), Purpose::Server, None, &[leaf.certificate], None);
    assert_eq!(judged, Err(CertificateError::NoTime));
}

#[test]
fn root_that_is_no_authority_issues_nothing() {
    for draft in [
        Draft::leaf(&[NAME]),
        Draft::leaf(&[NAME]).without(BASIC_CONSTRAINTS),
        Draft::leaf(&[NAME]).without(BASIC_CONSTRAINTS).without(KEY_USAGE),
    ] {
        let given = draft.self_signed();
        let issued = Draft::leaf(&[NAME]).issued_by(&given);
        let refused = judge(&given, &[&issued]).unwrap_err();
        assert_eq!(refused, CertificateError::UnknownIssuer("\"A Leaf\"".into()));
        let refused = judge(&given, &[&issued, &given]).unwrap_err();
        assert_eq!(refused.name(), "EndEntityUsedAsCa");
    }
    // An old authority without basicConstraints that says by its key usage what it is.
    let old = Draft::authority("Old").without(BASIC_CONSTRAINTS).self_signed();
    assert_eq!(judge(&old, &[&Draft::leaf(&[NAME]).issued_by(&old)]), Ok(()));
}

#[test]
fn self_made_root_may_also_issue() {
    let given = Draft::self_made(&[NAME]).self_signed();
    let issued = Draft::leaf(&[NAME]).issued_by(&given);
    assert_eq!(judge(&given, &[&issued]), Ok(()));
}

fn run_with_client(client_roots: Roots, shown: &Party) -> (Outcome, Outcome) {
    let root = root();
    let leaf = Draft::leaf(&[NAME]).issued_by(&root);
    let client = ClientConfig::new(roots(&[&root])).clock(Arc::new(NOW));
    let client = client.identity(Presented::of(vec![shown.certificate.clone()], shown).0);
    let server = ServerConfig::new(Presented::of(vec![leaf.certificate.clone()], &leaf).0).clock(Arc::new(NOW));
    run(client, server.client_auth(ClientAuth::Require(Arc::new(client_roots))))
}

#[test]
fn server_refuses_client_certificates_for_the_same_reasons() {
    let root = root();
    for (draft, name, alert) in [
        (Draft::leaf(&[]).expired(), "Expired", AlertDescription::certificate_expired),
        (
            Draft::leaf(&[]).with(extended_key_usage(&[SERVER_AUTH])),
            "WrongExtendedKeyUsage",
            AlertDescription::unsupported_certificate,
        ),
        (
            Draft::leaf(&[]).with(key_usage(KEY_ENCIPHERMENT)),
            "WrongKeyUsage",
            AlertDescription::unsupported_certificate,
        ),
    ] {
        let (client, server) = run_with_client(roots(&[&root]), &draft.issued_by(&root));
        assert_eq!((server.unwrap_err().name(), client), (name, Err(Error::AlertReceived(alert))));
    }
    let other = Draft::authority("Other").self_signed();
    let (client, server) = run_with_client(roots(&[&root]), &Draft::leaf(&[]).issued_by(&other));
    assert_eq!(server.unwrap_err().name(), "UnknownIssuer");
    assert_eq!(client, Err(Error::AlertReceived(AlertDescription::unknown_ca)));
}

#[test]
fn client_certificate_needs_no_name() {
    let root = root();
    let shown = Draft::leaf(&[]).without(SUBJECT_ALT_NAME).issued_by(&root);
    assert_eq!(run_with_client(roots(&[&root]), &shown), (Ok(()), Ok(())));
}

#[test]
fn self_signed_client_certificate_among_the_roots_is_trusted_if_it_is_plainly_a_clients() {
    let nameless = |draft: Draft| draft.without(SUBJECT_ALT_NAME).self_signed();
    let shown = nameless(Draft::leaf(&[]).without(EXTENDED_KEY_USAGE));
    assert_eq!(run_with_client(roots(&[&shown]), &shown), (Ok(()), Ok(())));
    let shown = nameless(Draft::self_made(&[]).with(extended_key_usage(&[CLIENT_AUTH])));
    assert_eq!(run_with_client(roots(&[&shown]), &shown), (Ok(()), Ok(())));
    // It says to be an authority and nothing else, as those of a system's store do: its bytes are not kept.
    let shown = nameless(Draft::self_made(&[]));
    assert_eq!(run_with_client(roots(&[&shown]), &shown).1.unwrap_err().name(), "SelfSigned");
}
