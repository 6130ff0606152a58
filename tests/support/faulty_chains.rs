//! Chains that a client refuses, one for each reason, shown by the scripted server.

use std::sync::{Arc, LazyLock};

use bulla::clock::{NoClock, Time};
use bulla::config::Verdict;
use bulla::error::CertificateError;
use bulla::pki_types::CertificateDer;
use bulla::{Answer, ClientConfig};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyUsagePurpose, NameConstraints, PublicKeyData, SignatureAlgorithm, date_time_ymd,
};

use super::pair::{Authority, KeyKind, NAME, self_signed_leaf};
use super::scene::{Scene, Stage};
use super::script::Say::{Certificate, EncryptedExtensions, ServerHello};

type Chain = Vec<CertificateDer<'static>>;

fn shown_to(stage: &Stage, client: ClientConfig, chain: Chain) -> Scene {
    let mut scene = stage.client_with(client);
    scene.peer.show(chain);
    scene.say(&[ServerHello, EncryptedExtensions, Certificate])
}

fn shown(stage: &Stage, chain: Chain) -> Scene {
    shown_to(stage, stage.client.clone(), chain)
}

fn leaf_by(authority: &Authority, edit: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
    authority.issue_with(&[NAME], KeyKind::EcdsaP256, edit).0
}

/// A leaf below an intermediate of this kind.
fn shown_below(stage: &Stage, edit: impl FnOnce(&mut CertificateParams)) -> Scene {
    let intermediate = stage.authority.intermediate("Test Intermediate", edit);
    shown(stage, vec![leaf_by(&intermediate, |_| {}), intermediate.certificate])
}

fn permits(subtree: GeneralSubtree) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        let permitted_subtrees = vec![subtree];
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![] });
    }
}

/// Replaces a byte sequence wherever it stands.
fn replaced(der: &CertificateDer<'_>, from: &[u8], to: &[u8]) -> CertificateDer<'static> {
    let mut bytes = der.to_vec();
    let places: Vec<_> = (0..bytes.len() - from.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes.into()
}

/// Intermediates that all have one name, so that each may have issued each, and none leads to the root of that name.
fn labyrinth(stage: &Stage) -> Scene {
    let root = Authority::named("Labyrinth");
    let mut authorities = vec![Authority::named("Labyrinth")];
    for _ in 0..14 {
        let next = authorities.last().unwrap().intermediate("Labyrinth", |_| {});
        authorities.push(next);
    }
    let leaf = leaf_by(authorities.last().unwrap(), |_| {});
    let chain = [leaf].into_iter().chain(authorities.into_iter().map(|authority| authority.certificate)).collect();
    shown_to(stage, ClientConfig::new(root.roots()).clock(Arc::new(super::pair::NOW)), chain)
}

/// An RSA key of 1024 bits, to which nobody knows the private part.
struct WeakKey;

impl PublicKeyData for WeakKey {
    fn der_bytes(&self) -> &[u8] {
        // SEQUENCE { INTEGER of 128 bytes, INTEGER 65537 }
        static DER: LazyLock<Vec<u8>> = LazyLock::new(|| {
            let start = [0x30, 0x81, 0x89, 0x02, 0x81, 0x81, 0x00];
            [&start[..], &[0xc1; 128], &[0x02, 0x03, 0x01, 0x00, 0x01]].concat()
        });
        &DER
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

fn refused_by_the_application(stage: &Stage) -> Scene {
    let chain = vec![leaf_by(&stage.authority, |_| {})];
    let mut scene = shown_to(stage, stage.client.clone().verify_later(), chain);
    let verdict: Verdict = Err(CertificateError::ApplicationRefused);
    let question = scene.questions.pop().unwrap();
    scene.error = scene.end.answer(question.id, Answer::Verdict(verdict)).err();
    scene.listen();
    scene
}

/// The error's name, and the chain that causes it.
type Case = (&'static str, fn(&Stage) -> Scene);

pub(crate) const CASES: &[Case] = &[
    ("BadEncoding", |stage| shown(stage, vec![CertificateDer::from(&b"\x30\x03no"[..])])),
    ("Expired", |stage| {
        shown(stage, vec![leaf_by(&stage.authority, |params| params.not_after = date_time_ymd(2021, 1, 1))])
    }),
    ("NotYetValid", |stage| {
        shown(stage, vec![leaf_by(&stage.authority, |params| params.not_before = date_time_ymd(2090, 1, 1))])
    }),
    ("Expired", |stage| {
        let far_future = Time::from_secs(200_000_000_000);
        let client = stage.client.clone().clock(Arc::new(far_future));
        shown_to(stage, client, vec![leaf_by(&stage.authority, |_| {})])
    }),
    ("NoTime", |stage| {
        shown_to(stage, stage.client.clone().clock(Arc::new(NoClock)), vec![leaf_by(&stage.authority, |_| {})])
    }),
    ("UnknownIssuer", |stage| shown(stage, vec![leaf_by(&Authority::named("Somebody Else"), |_| {})])),
    ("UnknownIssuer", |stage| {
        let intermediate = stage.authority.intermediate("Not Sent", |_| {});
        shown(stage, vec![leaf_by(&intermediate, |_| {})])
    }),
    ("SelfSigned", |stage| shown(stage, vec![self_signed_leaf(&[NAME])])),
    ("NameMismatch", |stage| {
        shown(stage, vec![stage.authority.issue(&["other.test", "*.server.test"], KeyKind::EcdsaP256).0])
    }),
    ("WrongExtendedKeyUsage", |stage| {
        let client_only = vec![ExtendedKeyUsagePurpose::ClientAuth];
        shown(stage, vec![leaf_by(&stage.authority, |params| params.extended_key_usages = client_only)])
    }),
    ("WrongKeyUsage", |stage| {
        let agreement = vec![KeyUsagePurpose::KeyAgreement];
        shown(stage, vec![leaf_by(&stage.authority, |params| params.key_usages = agreement)])
    }),
    ("IssuerMayNotSign", |stage| {
        shown_below(stage, |params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature])
    }),
    ("BadSignature", |stage| {
        let mut der = leaf_by(&stage.authority, |_| {}).to_vec();
        *der.last_mut().unwrap() ^= 1;
        shown(stage, vec![der.into()])
    }),
    ("BadSignature", |stage| {
        // Somebody else's certificate under the trusted name.
        shown(stage, vec![leaf_by(&Authority::new(), |_| {})])
    }),
    ("UnsupportedAlgorithm", |stage| {
        // ecdsa-with-SHA256 becomes ecdsa-with-SHA512.
        let identifier = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
        let (from, to) = ([&identifier[..], &[2]].concat(), [&identifier[..], &[4]].concat());
        shown(stage, vec![replaced(&leaf_by(&stage.authority, |_| {}), &from, &to)])
    }),
    ("NameConstraintViolation", |stage| shown_below(stage, permits(GeneralSubtree::DnsName("other.test".into())))),
    ("CaUsedAsEndEntity", |stage| {
        let ca = IsCa::Ca(BasicConstraints::Unconstrained);
        shown(stage, vec![leaf_by(&stage.authority, |params| params.is_ca = ca)])
    }),
    ("EndEntityUsedAsCa", |stage| shown_below(stage, |params| params.is_ca = IsCa::ExplicitNoCa)),
    ("PathTooLong", |stage| {
        let last = |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let first = stage.authority.intermediate("First", last);
        let second = first.intermediate("Second", |_| {});
        shown(stage, vec![leaf_by(&second, |_| {}), second.certificate, first.certificate])
    }),
    ("TooMuchWork", labyrinth),
    ("UnknownCriticalExtension", |stage| {
        let mut unknown = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
        unknown.set_criticality(true);
        shown(stage, vec![leaf_by(&stage.authority, |params| params.custom_extensions = vec![unknown])])
    }),
    ("WeakKey", |stage| shown(stage, vec![stage.authority.issue_for(&[NAME], &WeakKey)])),
    ("IssuerUnreadable", |stage| {
        let intermediate = stage.authority.intermediate("Cut", |_| {});
        let cut = CertificateDer::from(intermediate.certificate[..100].to_vec());
        shown(stage, vec![leaf_by(&intermediate, |_| {}), cut])
    }),
    ("ApplicationRefused", refused_by_the_application),
    ("OtherPathError", |stage| shown_below(stage, permits(GeneralSubtree::DnsName("not a name.".into())))),
];
