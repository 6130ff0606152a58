//! Chains that are accepted and chains that are not: each fault is named, with the certificate that has it.
//!
//! Every certificate is made here, so that exactly one thing is wrong with it.

#![cfg(feature = "ring")]

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/judging.rs"]
mod judging;

use std::sync::Arc;

use bulla::clock::{NoClock, Time};
use bulla::crypto::ring::provider;
use bulla::error::{CertificateError, NameList, Which};
use bulla::pki_types::CertificateDer;
use bulla::verify::{Purpose, verify_chain};
use bulla::wire::AlertDescription;
use bulla::{ClientConfig, Error, Roots, ServerConfig};
use certificates::{
    ANY_PURPOSE, BASIC_CONSTRAINTS, CLIENT_AUTH, CODE_SIGNING, CRL_SIGN, DIGITAL_SIGNATURE, Draft, EC_PUBLIC_KEY,
    ECDSA_SHA1, EXTENDED_KEY_USAGE, KEY_CERT_SIGN, KEY_ENCIPHERMENT, KEY_USAGE, NAME, NOW, Party, RSA_SHA256,
    SECP521R1, SERVER_AUTH, UNKNOWN_EXTENSION, basic_constraints, common_name, der, dns, extended_key_usage, ip,
    key_usage, name_constraints, new_key, public_key_info, rsa_public_key_info, subject_alt_name,
};
use judging::{Presented, assert_refused, good_chain, handshake, judge, judge_for, root, roots, run};

fn intermediate_number_two() -> Which {
    Which::Issuer(2, "\"Intermediate\"".into())
}

#[test]
fn good_chain_is_accepted_in_any_order_of_its_issuers() {
    let (root, intermediate, leaf) = good_chain();
    assert_eq!(judge(&root, &[&leaf, &intermediate]), Ok(()));
    assert_eq!(judge(&root, &[&leaf, &root, &intermediate]), Ok(()));
    let stranger = Draft::authority("Stranger").self_signed();
    assert_eq!(judge(&root, &[&leaf, &stranger, &intermediate]), Ok(()));
    let chain = vec![leaf.certificate.clone(), intermediate.certificate];
    assert_eq!(handshake(roots(&[&root]), Presented::of(chain, &leaf)), (Ok(()), Ok(())));
}

#[test]
fn empty_chain_is_refused() {
    assert_eq!(judge(&root(), &[]), Err(CertificateError::BadEncoding));
}

#[test]
fn wrong_host_is_a_name_mismatch_that_lists_the_names() {
    let root = root();
    let leaf = Draft::leaf(&["other.test", "more.test"]).issued_by(&root);
    let names = NameList(vec!["other.test".into(), "more.test".into()]);
    let expected = CertificateError::NameMismatch(NAME.into(), names);
    assert_refused(&root, &[&leaf], &expected, AlertDescription::bad_certificate);
    assert_eq!(
        expected.to_string(),
        "the certificate is not valid for the name server.test; it is valid for other.test, more.test"
    );
}

#[test]
fn expired_leaf_says_since_when() {
    let root = root();
    let leaf = Draft::leaf(&[NAME]).expired().issued_by(&root);
    let expected = CertificateError::Expired(Which::Leaf, NOW, Time::from_secs(1_735_689_600));
    assert_refused(&root, &[&leaf], &expected, AlertDescription::certificate_expired);
    assert_eq!(
        expected.to_string(),
        "the certificate expired: it was valid until 2025-01-01T00:00:00Z, and the time is 2026-01-01T00:00:00Z"
    );
}

#[test]
fn leaf_that_is_not_yet_valid_says_from_when() {
    let root = root();
    let leaf = Draft::leaf(&[NAME]).not_yet_valid().issued_by(&root);
    let expected = CertificateError::NotYetValid(Which::Leaf, NOW, Time::from_secs(1_769_904_000));
    assert_refused(&root, &[&leaf], &expected, AlertDescription::certificate_expired);
    assert!(expected.to_string().contains("not yet valid: it will be from 2026-02-01T00:00:00Z"));
}

#[test]
fn validity_includes_its_first_and_its_last_second() {
    let root = root();
    let leaf = Draft::leaf(&[NAME]).valid("260101000000Z", "260101000000Z").issued_by(&root);
    assert_eq!(judge(&root, &[&leaf]), Ok(()));
    let at = |milliseconds| {
        let chain = [leaf.certificate.clone()];
        let now = Time::from_millis(milliseconds);
        verify_chain(&*provider(), &roots(&[&root]), Purpose::Server, None, &chain, Some(now))
    };
    let now = NOW.as_millis();
    assert_eq!((at(now), at(now + 999)), (Ok(()), Ok(())));
    assert_eq!((at(now - 1).unwrap_err().name(), at(now + 1000).unwrap_err().name()), ("NotYetValid", "Expired"));
}

#[test]
fn validity_that_ends_before_it_begins_is_never() {
    let root = root();
    let leaf = Draft::leaf(&[NAME]).valid("270101000000Z", "250101000000Z").issued_by(&root);
    assert_eq!(judge(&root, &[&leaf]).unwrap_err().name(), "NotYetValid");
    let leaf = Draft::leaf(&[NAME]).valid("251231000000Z", "250101000000Z").issued_by(&root);
    assert_eq!(judge(&root, &[&leaf]).unwrap_err().name(), "Expired");
}

#[test]
fn expired_intermediate_is_named_and_not_the_leaf() {
    let root = root();
    let intermediate = Draft::authority("Intermediate").expired().issued_by(&root);
    let leaf = Draft::leaf(&[NAME]).issued_by(&intermediate);
    let end = Time::from_secs(1_735_689_600);
    let expected = CertificateError::Expired(intermediate_number_two(), NOW, end);
    assert_refused(&root, &[&leaf, &intermediate], &expected, AlertDescription::certificate_expired);
    assert!(
        expected.to_string().starts_with("the issuing certificate \"Intermediate\" (number 2 of the chain) expired")
    );
}

#[test]
fn intermediate_that_is_not_yet_valid_is_named() {
    let root = root();
    let intermediate = Draft::authority("Intermediate").not_yet_valid().issued_by(&root);
    let leaf = Draft::leaf(&[NAME]).issued_by(&intermediate);
    let start = Time::from_secs(1_769_904_000);
    let expected = CertificateError::NotYetValid(intermediate_number_two(), NOW, start);
    assert_refused(&root, &[&leaf, &intermediate], &expected, AlertDescription::certificate_expired);
}

#[test]
fn expired_cross_sign_beside_a_good_path_does_no_harm() {
    let (root, intermediate, leaf) = good_chain();
    let old_root = Draft::authority("Old root").self_signed();
    let draft = Draft { key: intermediate.key.clone(), ..Draft::authority("Intermediate") };
    let cross = draft.expired().issued_by(&old_root);
    assert_eq!(judge(&root, &[&leaf, &cross, &intermediate]), Ok(()));
}

#[test]
fn unknown_issuer_names_the_issuer_that_nobody_knows() {
    let (_, intermediate, leaf) = good_chain();
    let other = Draft::authority("Other root").self_signed();
    let expected = CertificateError::UnknownIssuer("\"Root\"".into());
    assert_refused(&other, &[&leaf, &intermediate], &expected, AlertDescription::unknown_ca);
}

#[test]
fn missing_intermediate_is_an_unknown_issuer_that_names_it() {
    let (root, _, leaf) = good_chain();
    let expected = CertificateError::UnknownIssuer("\"Intermediate\"".into());
    assert_refused(&root, &[&leaf], &expected, AlertDescription::unknown_ca);
    assert!(expected.to_string().contains("is an intermediate missing"));
}

#[test]
fn chain_that_ends_in_an_untrusted_root_names_that_root() {
    let (root, intermediate, leaf) = good_chain();
    let other = Draft::authority("Other root").self_signed();
    let expected = CertificateError::UnknownIssuer("\"Root\"".into());
    assert_refused(&other, &[&leaf, &intermediate, &root], &expected, AlertDescription::unknown_ca);
}

#[test]
fn no_roots_trust_nothing() {
    let (_, intermediate, leaf) = good_chain();
    let chain = [leaf.certificate, intermediate.certificate];
    let refused = judge_for(&Roots::new(), &chain, Purpose::Server, Some(NAME));
    assert_eq!(refused, Err(CertificateError::UnknownIssuer("\"Root\"".into())));
}

#[test]
fn self_signed_leaf_is_called_so_whether_or_not_it_says_that_it_is_a_ca() {
    for draft in [Draft::self_made(&[NAME]), Draft::leaf(&[NAME])] {
        let leaf = draft.self_signed();
        assert_refused(&root(), &[&leaf], &CertificateError::SelfSigned, AlertDescription::unknown_ca);
    }
}

#[test]
fn leaf_with_its_unknown_issuers_name_is_not_called_self_signed() {
    let hidden = Draft::authority("One name for all").self_signed();
    let leaf = Draft::leaf(&[NAME]).named("One name for all").issued_by(&hidden);
    let expected = CertificateError::UnknownIssuer("\"One name for all\"".into());
    assert_eq!(judge(&root(), &[&leaf]), Err(expected));
}

#[test]
fn wrong_extended_key_usage_is_refused_for_each_purpose() {
    let root = root();
    for (purposes, server, client) in [
        (&[SERVER_AUTH][..], true, false),
        (&[CLIENT_AUTH], false, true),
        (&[CODE_SIGNING, SERVER_AUTH], true, false),
        (&[CODE_SIGNING], false, false),
        // anyExtendedKeyUsage does not stand for a purpose, nor does an empty list.
        (&[ANY_PURPOSE], false, false),
        (&[], false, false),
    ] {
        let leaf = Draft::leaf(&[NAME]).with(extended_key_usage(purposes)).issued_by(&root);
        for (purpose, allowed) in [(Purpose::Server, server), (Purpose::Client, client)] {
            let judged = judge_for(&roots(&[&root]), std::slice::from_ref(&leaf.certificate), purpose, None);
            let refused = CertificateError::WrongExtendedKeyUsage(Which::Leaf);
            assert_eq!(judged, if allowed { Ok(()) } else { Err(refused) }, "{purposes:?} {purpose:?}");
        }
    }
    let leaf = Draft::leaf(&[NAME]).with(extended_key_usage(&[CLIENT_AUTH])).issued_by(&root);
    let expected = CertificateError::WrongExtendedKeyUsage(Which::Leaf);
    assert_refused(&root, &[&leaf], &expected, AlertDescription::unsupported_certificate);
    let leaf = Draft::leaf(&[NAME]).without(EXTENDED_KEY_USAGE).issued_by(&root);
    assert_eq!(judge(&root, &[&leaf]), Ok(()));
}

#[test]
fn extended_key_usage_of_an_intermediate_binds_too() {
    let root = root();
    let intermediate = Draft::authority("Intermediate").with(extended_key_usage(&[CODE_SIGNING])).issued_by(&root);
    let leaf = Draft::leaf(&[NAME]).issued_by(&intermediate);
    let expected = CertificateError::WrongExtendedKeyUsage(intermediate_number_two());
    assert_refused(&root, &[&leaf, &intermediate], &expected, AlertDescription::unsupported_certificate);
}

#[test]
fn key_usage_of_a_leaf_must_allow_digital_signatures() {
    let root = root();
    for (bits, allowed) in
        [(DIGITAL_SIGNATURE, true), (DIGITAL_SIGNATURE | KEY_ENCIPHERMENT, true), (KEY_ENCIPHERMENT, false)]
    {
        let leaf = Draft::leaf(&[NAME]).with(key_usage(bits)).issued_by(&root);
        let expected = if allowed { Ok(()) } else { Err(CertificateError::WrongKeyUsage) };
        assert_eq!(judge(&root, &[&leaf]), expected, "{bits:x}");
    }
    let leaf = Draft::leaf(&[NAME]).with(key_usage(KEY_ENCIPHERMENT)).issued_by(&root);
    assert_refused(&root, &[&leaf], &CertificateError::WrongKeyUsage, AlertDescription::unsupported_certificate);
    let leaf = Draft::leaf(&[NAME]).without(KEY_USAGE).issued_by(&root);
    assert_eq!(judge(&root, &[&leaf]), Ok(()));
}

#[test]
fn key_usage_bits_are_read_as_der_writes_them() {
    let root = root();
    let with = |value: &[u8]| {
        let leaf = Draft::leaf(&[NAME]).with((KEY_USAGE, true, der(0x03, &[value]))).issued_by(&root);
        judge(&root, &[&leaf])
    };
    // decipherOnly stands in a second octet, whose unused bits are none of the first.
    assert_eq!(with(&[7, 0x80, 0x80]), Ok(()));
    assert_eq!(with(&[7, 0x08, 0x80]), Err(CertificateError::WrongKeyUsage));
    // No bit at all, an unused bit that is set, and what is no BIT STRING.
    assert_eq!(with(&[0]), Err(CertificateError::WrongKeyUsage));
    assert_eq!(with(&[0, 0]), Err(CertificateError::WrongKeyUsage));
    for bad in [&[8, 0x80][..], &[1], &[]] {
        assert_eq!(with(bad), Err(CertificateError::BadEncoding), "{bad:?}");
    }
}

#[test]
fn issuer_whose_key_usage_lacks_certificate_signing_is_no_issuer() {
    let root = root();
    let intermediate = Draft::authority("Intermediate").with(key_usage(DIGITAL_SIGNATURE | CRL_SIGN)).issued_by(&root);
    let leaf = Draft::leaf(&[NAME]).issued_by(&intermediate);
    let expected = CertificateError::IssuerMayNotSign(intermediate_number_two());
    assert_refused(&root, &[&leaf, &intermediate], &expected, AlertDescription::unknown_ca);
    // One that stands in the chain and is not needed does not hide the true reason.
    let (_, other, leaf) = good_chain();
    let refused = judge(&root, &[&leaf, &intermediate]).unwrap_err();
    assert_ne!(refused.name(), "IssuerMayNotSign");
    let refused = judge(&Draft::authority("X").self_signed(), &[&leaf, &other, &intermediate]).unwrap_err();
    assert_eq!(refused, CertificateError::UnknownIssuer("\"Root\"".into()));
}

#[test]
fn tampered_leaf_is_a_bad_signature_and_not_an_unknown_issuer() {
    let (root, intermediate, leaf) = good_chain();
    let tampered = Party { certificate: leaf.tampered(), ..leaf };
    let expected = CertificateError::BadSignature(Which::Leaf);
    assert_refused(&root, &[&tampered, &intermediate], &expected, AlertDescription::bad_certificate);
}

#[test]
fn tampered_intermediate_is_a_bad_signature_that_names_it() {
    let (root, intermediate, leaf) = good_chain();
    let tampered = Party { certificate: intermediate.tampered(), ..intermediate };
    let expected = CertificateError::BadSignature(intermediate_number_two());
    assert_refused(&root, &[&leaf, &tampered], &expected, AlertDescription::bad_certificate);
}

#[test]
fn no_altered_bit_of_a_leaf_is_accepted() {
    let root = root();
    let leaf = Draft::leaf(&[NAME]).issued_by(&root);
    let roots = roots(&[&root]);
    let bits = leaf.certificate.len() * 8;
    for bit in 0..bits {
        let mut bytes = leaf.certificate.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let judged = judge_for(&roots, &[bytes.into()], Purpose::Server, Some(NAME));
        assert!(judged.is_err(), "bit {bit} of {bits}");
    }
}

#[test]
fn no_altered_bit_of_an_intermediate_is_accepted() {
    let (root, intermediate, leaf) = good_chain();
    let roots = roots(&[&root]);
    for bit in 0..intermediate.certificate.len() * 8 {
        let mut bytes = intermediate.certificate.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let refused = judge_for(&roots, &[leaf.certificate.clone(), bytes.into()], Purpose::Server, Some(NAME));
        let refused = refused.expect_err(&format!("bit {bit}")).to_string();
        assert!(!refused.contains(|c: char| c.is_control()) && refused.len() < 400, "bit {bit}: {refused}");
    }
}

#[test]
fn each_prefix_of_a_leaf_is_unreadable() {
    let root = root();
    let leaf = Draft::leaf(&[NAME]).issued_by(&root);
    let roots = roots(&[&root]);
    for len in 0..leaf.certificate.len() {
        let cut = CertificateDer::from(leaf.certificate[..len].to_vec());
        let judged = judge_for(&roots, &[cut], Purpose::Server, Some(NAME));
        assert_eq!(judged, Err(CertificateError::BadEncoding), "{len}");
    }
    let longer = CertificateDer::from([&leaf.certificate[..], &[0]].concat());
    assert_eq!(judge_for(&roots, &[longer], Purpose::Server, None), Err(CertificateError::BadEncoding));
}

#[test]
fn foreign_authority_of_a_trusted_ones_name_is_unknown_or_a_bad_signature() {
    let ours = root();
    let (foreign, intermediate, leaf) = good_chain();
    // It is shown whole: every signature in it is right, and the end is not trusted.
    let refused = judge(&ours, &[&leaf, &intermediate, &foreign]).unwrap_err();
    assert_eq!(refused, CertificateError::UnknownIssuer("\"Root\"".into()));
    // It is not shown: all that is known is that our root of this name did not sign.
    let refused = judge(&ours, &[&leaf, &intermediate]).unwrap_err();
    assert_eq!(refused, CertificateError::BadSignature(intermediate_number_two()));
    assert!(refused.to_string().contains("another CA of the same name"));
}

#[test]
fn ca_as_end_entity_is_refused() {
    let root = root();
    let leaf = Draft::leaf(&[NAME]).with(basic_constraints(true, None)).issued_by(&root);
    assert_refused(&root, &[&leaf], &CertificateError::CaUsedAsEndEntity, AlertDescription::bad_certificate);
}

#[test]
fn end_entity_as_issuer_is_refused_and_named() {
    let root = root();
    for draft in [
        Draft::authority("Intermediate").with(basic_constraints(false, None)),
        Draft::authority("Intermediate").without(BASIC_CONSTRAINTS),
    ] {
        let intermediate = draft.issued_by(&root);
        let leaf = Draft::leaf(&[NAME]).issued_by(&intermediate);
        let expected = CertificateError::EndEntityUsedAsCa(intermediate_number_two());
        assert_refused(&root, &[&leaf, &intermediate], &expected, AlertDescription::unknown_ca);
    }
}

#[test]
fn leaf_cannot_issue_in_its_issuers_name() {
    // A server that holds a certificate for its own name makes one for another's.
    let (root, intermediate, own) = good_chain();
    let forged = Draft::leaf(&["victim.test"]).issued_by(&own);
    let refused = judge(&root, &[&forged, &own, &intermediate]).unwrap_err();
    assert_eq!(refused, CertificateError::EndEntityUsedAsCa(Which::Issuer(2, "\"A Leaf\"".into())));
}

#[test]
fn path_longer_than_an_issuer_allows_is_refused() {
    let root = root();
    for (limit, allowed) in [(0, false), (1, true)] {
        let first = Draft::authority("First").with(basic_constraints(true, Some(limit))).issued_by(&root);
        let second = Draft::authority("Second").issued_by(&first);
        let leaf = Draft::leaf(&[NAME]).issued_by(&second);
        if allowed {
            assert_eq!(judge(&root, &[&leaf, &second, &first]), Ok(()));
        } else {
            let chain = [&leaf, &second, &first];
            assert_refused(&root, &chain, &CertificateError::PathTooLong, AlertDescription::unknown_ca);
        }
    }
}

#[test]
fn path_of_more_than_six_intermediates_is_refused() {
    let root = root();
    let mut issuers = vec![root.clone()];
    for number in 1..=7 {
        let next = Draft::authority(&format!("Number {number}")).issued_by(issuers.last().unwrap());
        issuers.push(next);
    }
    let chain_below = |last: usize| {
        let leaf = Draft::leaf(&[NAME]).issued_by(&issuers[last]);
        let chain: Vec<&Party> = std::iter::once(&leaf).chain(issuers[1..=last].iter().rev()).collect();
        judge(&root, &chain)
    };
    assert_eq!(chain_below(6), Ok(()));
    assert_eq!(chain_below(7), Err(CertificateError::PathTooLong));
}

#[test]
fn unknown_critical_extension_is_refused_in_leaf_and_issuer_and_passes_if_not_critical() {
    let root = root();
    let extension = |critical| (UNKNOWN_EXTENSION, critical, vec![5, 0]);
    let leaf = Draft::leaf(&[NAME]).with(extension(true)).issued_by(&root);
    let expected = CertificateError::UnknownCriticalExtension(Which::Leaf);
    assert_refused(&root, &[&leaf], &expected, AlertDescription::bad_certificate);

    let intermediate = Draft::authority("Intermediate").with(extension(true)).issued_by(&root);
    let leaf = Draft::leaf(&[NAME]).issued_by(&intermediate);
    let expected = CertificateError::UnknownCriticalExtension(intermediate_number_two());
    assert_refused(&root, &[&leaf, &intermediate], &expected, AlertDescription::bad_certificate);

    let intermediate = Draft::authority("Intermediate").with(extension(false)).issued_by(&root);
    let leaf = Draft::leaf(&[NAME]).with(extension(false)).issued_by(&intermediate);
    assert_eq!(judge(&root, &[&leaf, &intermediate]), Ok(()));
}

#[test]
fn extension_that_stands_twice_is_refused() {
    let root = root();
    for again in [subject_alt_name(&[dns(NAME)]), (UNKNOWN_EXTENSION, false, vec![5, 0])] {
        let mut draft = Draft::leaf(&["other.test"]).with((UNKNOWN_EXTENSION, false, vec![5, 0]));
        draft.extensions.push(again);
        assert_eq!(judge(&root, &[&draft.issued_by(&root)]), Err(CertificateError::BadEncoding));
    }
}

#[test]
fn unreadable_issuer_is_told_apart_from_an_unreadable_leaf() {
    let (root, intermediate, leaf) = good_chain();
    // From outside it looks like a certificate; inside, one extension stands twice.
    let mut draft = Draft { key: intermediate.key.clone(), ..Draft::authority("Intermediate") };
    draft.extensions.push(key_usage(KEY_CERT_SIGN));
    let broken = draft.issued_by(&root);
    let which = Which::Issuer(2, "of an unreadable name".into());
    let expected = CertificateError::IssuerUnreadable(which);
    assert_refused(&root, &[&leaf, &broken], &expected, AlertDescription::bad_certificate);
    let cut = Party { certificate: intermediate.certificate[..100].to_vec().into(), ..intermediate };
    assert_eq!(judge(&root, &[&leaf, &cut]), Err(expected));
    let not_der = Party { certificate: CertificateDer::from(b"certificate".to_vec()), ..leaf };
    assert_eq!(judge(&root, &[&not_der]), Err(CertificateError::BadEncoding));
}

#[test]
fn rsa_key_below_2048_bits_is_weak_in_leaf_and_issuer() {
    let root = root();
    for (bits, weak) in [(512, true), (1024, true), (2040, true), (2048, false)] {
        let draft = Draft { public_key_info: Some(rsa_public_key_info(bits)), ..Draft::leaf(&[NAME]) };
        let expected = if weak { Err(CertificateError::WeakKey(Which::Leaf, bits)) } else { Ok(()) };
        assert_eq!(judge(&root, &[&draft.issued_by(&root)]), expected);
    }
    let draft = Draft { public_key_info: Some(rsa_public_key_info(1024)), ..Draft::authority("Intermediate") };
    let intermediate = draft.issued_by(&root);
    let leaf = Draft { algorithm: RSA_SHA256, ..Draft::leaf(&[NAME]) }.issued_by(&intermediate);
    let expected = CertificateError::WeakKey(intermediate_number_two(), 1024);
    assert_refused(&root, &[&leaf, &intermediate], &expected, AlertDescription::bad_certificate);
    assert!(expected.to_string().ends_with("has an RSA key of 1024 bits, and at least 2048 are required"));
    let draft = Draft { public_key_info: Some(rsa_public_key_info(1024)), ..Draft::authority("Weak") };
    let weak_root = draft.self_signed();
    let leaf = Draft { algorithm: RSA_SHA256, ..Draft::leaf(&[NAME]) }.issued_by(&weak_root);
    let expected = CertificateError::WeakKey(Which::Root("\"Weak\"".into()), 1024);
    assert_eq!(judge(&weak_root, &[&leaf]), Err(expected));
}

#[test]
fn sha1_signature_is_an_unsupported_algorithm() {
    let (root, intermediate, leaf) = good_chain();
    let sha1 = Draft { algorithm: ECDSA_SHA1, ..Draft::leaf(&[NAME]) }.issued_by(&root);
    let expected = CertificateError::UnsupportedAlgorithm(Which::Leaf);
    assert_refused(&root, &[&sha1], &expected, AlertDescription::bad_certificate);
    let draft = Draft { algorithm: ECDSA_SHA1, key: intermediate.key.clone(), ..Draft::authority("Intermediate") };
    let sha1 = draft.issued_by(&root);
    let expected = CertificateError::UnsupportedAlgorithm(intermediate_number_two());
    assert_refused(&root, &[&leaf, &sha1], &expected, AlertDescription::bad_certificate);
}

#[test]
fn keys_on_other_curves_are_unsupported() {
    let root = root();
    let p521 = public_key_info(&[EC_PUBLIC_KEY, SECP521R1], &[4; 133]);
    let leaf = Draft { public_key_info: Some(p521.clone()), ..Draft::leaf(&[NAME]) }.issued_by(&root);
    let expected = CertificateError::UnsupportedAlgorithm(Which::Leaf);
    assert_refused(&root, &[&leaf], &expected, AlertDescription::bad_certificate);
    let intermediate = Draft { public_key_info: Some(p521), ..Draft::authority("Intermediate") }.issued_by(&root);
    let leaf = Draft::leaf(&[NAME]).issued_by(&intermediate);
    let expected = CertificateError::UnsupportedAlgorithm(intermediate_number_two());
    assert_refused(&root, &[&leaf, &intermediate], &expected, AlertDescription::bad_certificate);
}

/// The shape of CVE-2020-0601: an authority's certificate with the public key of a trusted one, and curve parameters
/// of its own, under which anybody can sign.
#[test]
fn issuer_with_explicit_curve_parameters_is_refused() {
    let trusted = root();
    let point = trusted.key.public_key_raw().to_vec();
    let integer = |bytes: &[u8]| der(0x02, &[bytes]);
    // ECParameters { version 1, FieldID { prime-field, p }, Curve { a, b }, base, order }. RFC 3279 §2.3.5.
    let field = der(0x30, &[&[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x01], &integer(&[0x7f; 32])]);
    let curve = der(0x30, &[&der(0x04, &[&[0xff; 32]]), &der(0x04, &[&[0x5a; 32]])]);
    let parameters = der(0x30, &[&integer(&[1]), &field, &curve, &der(0x04, &[&point]), &integer(&[0x7e; 32])]);
    let key = public_key_info(&[EC_PUBLIC_KEY, &parameters], &point);
    let forger = Draft { public_key_info: Some(key), ..Draft::authority("Root") }.self_signed();
    let leaf = Draft::leaf(&[NAME]).issued_by(&forger);
    // The trusted key does not verify it, and the forger's is not even tried.
    let refused = judge(&trusted, &[&leaf, &forger]).unwrap_err();
    assert_eq!(refused, CertificateError::BadSignature(Which::Leaf));
    // Even as a root it vouches for nothing.
    let refused = judge(&forger, &[&leaf]).unwrap_err();
    assert_eq!(refused, CertificateError::UnsupportedAlgorithm(Which::Root("\"Root\"".into())));
    // As a certificate that the trusted authority did sign, it is no usable issuer either.
    let key = public_key_info(&[EC_PUBLIC_KEY, &parameters], &point);
    let intermediate = Draft { public_key_info: Some(key), ..Draft::authority("Intermediate") }.issued_by(&trusted);
    let leaf = Draft::leaf(&[NAME]).issued_by(&intermediate);
    let expected = CertificateError::UnsupportedAlgorithm(intermediate_number_two());
    assert_refused(&trusted, &[&leaf, &intermediate], &expected, AlertDescription::bad_certificate);
}

#[test]
fn dns_name_constraints_bind() {
    let root = root();
    let refused = |constraints| {
        let intermediate = Draft::authority("Intermediate").with(constraints).issued_by(&root);
        let leaf = Draft::leaf(&[NAME]).issued_by(&intermediate);
        let judged = judge(&root, &[&leaf, &intermediate]);
        if judged.is_err() {
            let expected = CertificateError::NameConstraintViolation;
            assert_refused(&root, &[&leaf, &intermediate], &expected, AlertDescription::bad_certificate);
        }
        judged.is_err()
    };
    assert!(!refused(name_constraints(&[dns("test")], &[])));
    assert!(!refused(name_constraints(&[dns("other.test"), dns("server.test")], &[])));
    assert!(refused(name_constraints(&[dns("other.test")], &[])));
    assert!(refused(name_constraints(&[dns("erver.test")], &[])));
    assert!(refused(name_constraints(&[], &[dns("server.test")])));
    assert!(refused(name_constraints(&[], &[dns("test")])));
    assert!(refused(name_constraints(&[], &[dns("")])));
    assert!(!refused(name_constraints(&[], &[dns("other.test")])));
    assert!(refused(name_constraints(&[dns("test")], &[dns("SERVER.TEST")])));
    // Constraints on addresses say nothing about a certificate without one.
    assert!(!refused(name_constraints(&[ip(&[10, 0, 0, 0, 255, 0, 0, 0])], &[])));
}

#[test]
fn address_constraints_bind() {
    let root = root();
    let judged = |constraints, address: &[u8]| {
        let intermediate = Draft::authority("Intermediate").with(constraints).issued_by(&root);
        let leaf = Draft::leaf(&[]).with(subject_alt_name(&[dns(NAME), ip(address)])).issued_by(&intermediate);
        judge(&root, &[&leaf, &intermediate])
    };
    let violation = Err(CertificateError::NameConstraintViolation);
    let ten = ip(&[10, 0, 0, 0, 255, 0, 0, 0]);
    assert_eq!(judged(name_constraints(std::slice::from_ref(&ten), &[]), &[10, 1, 2, 3]), Ok(()));
    assert_eq!(judged(name_constraints(std::slice::from_ref(&ten), &[]), &[11, 1, 2, 3]), violation);
    assert_eq!(judged(name_constraints(&[], std::slice::from_ref(&ten)), &[10, 1, 2, 3]), violation);
    assert_eq!(judged(name_constraints(&[], std::slice::from_ref(&ten)), &[11, 1, 2, 3]), Ok(()));
    let six = |last: u8| ip(&[[0x20, 1, 0xd, 0xb8].as_slice(), &[0; 11], &[last], &[0xff; 4], &[0; 12]].concat());
    let address = |first: u8| [[first, 1, 0xd, 0xb8].as_slice(), &[0; 11], &[7]].concat();
    assert_eq!(judged(name_constraints(&[six(0)], &[]), &address(0x20)), Ok(()));
    assert_eq!(judged(name_constraints(&[six(0)], &[]), &address(0x21)), violation);
    assert_eq!(judged(name_constraints(&[], &[six(0)]), &address(0x20)), violation);
    // An address of one family never lies within the other's.
    assert_eq!(judged(name_constraints(&[ten], &[]), &address(0x20)), violation);
    // A mask with a hole is no mask.
    let hole = ip(&[10, 0, 0, 0, 255, 0, 255, 0]);
    assert!(judged(name_constraints(&[hole], &[]), &[10, 1, 0, 3]).is_err());
}

#[test]
fn constraints_of_a_root_bind_too() {
    let root = Draft::authority("Root").with(name_constraints(&[dns("allowed.test")], &[])).self_signed();
    let leaf = |name| Draft::leaf(&[name]).issued_by(&root);
    assert_eq!(judge(&root, &[&leaf(NAME)]), Err(CertificateError::NameConstraintViolation));
    let chain = [leaf("www.allowed.test").certificate];
    assert_eq!(judge_for(&roots(&[&root]), &chain, Purpose::Server, Some("www.allowed.test")), Ok(()));
}

#[test]
fn without_a_time_nothing_is_accepted() {
    let (root, intermediate, leaf) = good_chain();
    let chain = [leaf.certificate.clone(), intermediate.certificate];
    let judged = verify_chain(&*provider(), &roots(&[&root]), Purpose::Server, None, &chain, None);
    assert_eq!(judged, Err(CertificateError::NoTime));
    let client = ClientConfig::new(roots(&[&root])).clock(Arc::new(NoClock));
    let server = ServerConfig::new(Presented::of(chain.to_vec(), &leaf).0);
    let (client, server) = run(client, server);
    assert_eq!(client, Err(Error::Certificate(CertificateError::NoTime)));
    assert_eq!(server, Err(Error::AlertReceived(AlertDescription::internal_error)));
}

#[test]
fn of_several_faults_the_one_that_helps_is_told() {
    let other = Draft::authority("Other root").self_signed();
    let name = |root: &Party, leaf: &Party| judge(root, &[leaf]).unwrap_err().name();
    let root = root();
    // Whoever has an expired certificate has to renew it, whatever else is wrong.
    let leaf = Draft::leaf(&["other.test"]).expired().with(key_usage(KEY_ENCIPHERMENT)).issued_by(&root);
    assert_eq!((name(&root, &leaf), name(&other, &leaf)), ("Expired", "Expired"));
    assert_eq!(name(&other, &Draft::self_made(&["other.test"]).expired().self_signed()), "Expired");
    // Names of a certificate that nobody vouches for mean nothing.
    let leaf = Draft::leaf(&["other.test"]).issued_by(&root);
    assert_eq!((name(&root, &leaf), name(&other, &leaf)), ("NameMismatch", "UnknownIssuer"));
    assert_eq!(name(&other, &Draft::self_made(&["other.test"]).self_signed()), "SelfSigned");
    // The wrong kind of certificate comes before the wrong name.
    let leaf = Draft::leaf(&["other.test"]).with(key_usage(KEY_ENCIPHERMENT)).issued_by(&root);
    assert_eq!(name(&root, &leaf), "WrongKeyUsage");
    let leaf = Draft::leaf(&["other.test"]).with(extended_key_usage(&[CLIENT_AUTH])).issued_by(&root);
    assert_eq!(name(&root, &leaf), "WrongExtendedKeyUsage");
}

#[test]
fn what_a_peer_writes_into_a_certificate_cannot_break_the_line() {
    let root = root();
    let leaf = Draft::leaf(&["a\n\u{1b}[2Jb", "c\u{202e}d"]).issued_by(&root);
    let text = judge(&root, &[&leaf]).unwrap_err().to_string();
    assert!(text.ends_with("it is valid for a\\n\\u{1b}[2Jb, c\\u{202e}d"), "{text}");
    let hidden = Draft::authority(&format!("x\r\n\u{1b}]0;y\u{7}{}", "z".repeat(500))).self_signed();
    let leaf = Draft::leaf(&[NAME]).issued_by(&hidden);
    let text = judge(&root, &[&leaf]).unwrap_err().to_string();
    assert!(text.is_ascii() && !text.contains(|c: char| c.is_control()) && text.len() < 300, "{text}");
    let many: Vec<String> = (0..100).map(|number| format!("name{number}.test")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let text = judge(&root, &[&Draft::leaf(&many).issued_by(&root)]).unwrap_err().to_string();
    assert!(text.ends_with("name6.test, name7.test and 92 more"), "{text}");
}

#[test]
fn chain_built_to_cost_much_work_is_refused() {
    let root = Draft::authority("Root").self_signed();
    // Sixteen authorities of one name that all could have signed one another.
    let issuers: Vec<Party> = (0..15).map(|_| Draft::authority("Maze").self_signed()).collect();
    let leaf = Draft::leaf(&[NAME]).issued_by(&issuers[0]);
    let chain: Vec<&Party> = std::iter::once(&leaf).chain(&issuers).collect();
    let refused = judge(&root, &chain).unwrap_err();
    assert_eq!(refused, CertificateError::TooMuchWork);
}

#[test]
fn key_of_a_root_is_not_confused_with_its_name() {
    let trusted = root();
    let thief = Draft { key: new_key(), ..Draft::authority("Root") }.self_signed();
    let leaf = Draft::leaf(&[NAME]).issued_by(&thief);
    assert_eq!(judge(&trusted, &[&leaf]), Err(CertificateError::BadSignature(Which::Leaf)));
    let renamed = Draft { key: trusted.key.clone(), ..Draft::authority("Renamed") }.self_signed();
    let leaf = Draft::leaf(&[NAME]).signed(&common_name("Renamed"), &trusted.key);
    assert_eq!(judge(&trusted, &[&leaf]), Err(CertificateError::UnknownIssuer("\"Renamed\"".into())));
    assert_eq!(judge(&renamed, &[&leaf]), Ok(()));
}
