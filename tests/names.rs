//! Which names a certificate is valid for. RFC 9525 §6.

#![cfg(feature = "ring")]

#[path = "support/certificates.rs"]
mod certificates;

use bulla::error::CertificateError;
use bulla::pki_types::{CertificateDer, ServerName};
use bulla::verify::verify_name;
use bulla::{Identity, ServerName as OwnedName};
use certificates::{Draft, Party, SUBJECT_ALT_NAME, common_name, der, dns, ip, subject_alt_name};

fn with(names: &[Vec<u8>]) -> CertificateDer<'static> {
    Draft::leaf(&[]).with(subject_alt_name(names)).self_signed().certificate
}

fn is_for(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let name = ServerName::try_from(name).unwrap_or_else(|_| panic!("{name} is no name"));
    match verify_name(certificate, &name) {
        Ok(()) => true,
        Err(CertificateError::NameMismatch(expected, _)) => {
            assert_eq!(expected, name.to_str());
            false
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// Holds one presented name against names that match and names that do not.
#[track_caller]
fn check(presented: &str, matching: &[&str], others: &[&str]) {
    let certificate = with(&[dns(presented)]);
    for name in matching {
        assert!(is_for(&certificate, name), "{presented} is for {name}");
    }
    for name in others {
        assert!(!is_for(&certificate, name), "{presented} is not for {name}");
    }
}

#[test]
fn dns_name_matches_itself_in_any_case_and_with_a_dot_at_its_end() {
    check(
        "www.Example.com",
        &["www.example.com", "WWW.EXAMPLE.COM", "www.example.com."],
        &["example.com", "a.www.example.com", "wwwxexample.com", "www.example.co", "www.example.com.example.com"],
    );
}

#[test]
fn wildcard_stands_for_exactly_one_whole_left_most_label() {
    check(
        "*.example.com",
        &["www.example.com", "a.example.com", "WWW.Example.COM", "www.example.com.", "xn--bcher-kva.example.com"],
        &["example.com", "a.b.example.com", "www.example.org", "example.com.example.org", "wwwexample.com"],
    );
}

#[test]
fn partial_wildcards_and_wildcards_elsewhere_match_nothing() {
    let names = ["www.example.com", "wx.example.com", "www.x.com", "w.example.com", "a.b.example.com", "example.com"];
    for presented in
        ["w*.example.com", "*w.example.com", "w*w.example.com", "www.*.com", "www.example.*", "**.example.com", "*"]
    {
        check(presented, &[], &names);
    }
    check("*.*.com", &[], &["www.example.com", "a.b.com"]);
    check("*www.example.com", &[], &["www.example.com"]);
    check("xn--*.example.com", &[], &["xn--bcher-kva.example.com"]);
}

/// Which suffixes are public is a list that changes; the path builder asks for two labels behind the asterisk.
#[test]
fn wildcard_needs_two_labels_behind_it() {
    check("*.com", &[], &["example.com", "www.example.com", "com"]);
    check("*.com.", &[], &["example.com"]);
    check("*.localhost", &[], &["a.localhost"]);
    check("*.co.uk", &["example.co.uk"], &["www.example.co.uk"]);
}

#[test]
fn presented_name_with_a_dot_at_its_end_matches_nothing() {
    check("www.example.com.", &[], &["www.example.com", "www.example.com."]);
}

#[test]
fn internationalised_names_match_as_a_labels_only() {
    check("xn--bcher-kva.example", &["xn--bcher-kva.example", "XN--BCHER-KVA.example"], &["bcher.example"]);
    check("b\u{fc}cher.example", &[], &["xn--bcher-kva.example", "bcher.example"]);
    assert!(ServerName::try_from("b\u{fc}cher.example").is_err());
}

#[test]
fn name_with_an_embedded_nul_matches_nothing() {
    check("www.example.com\0.evil.test", &[], &["www.example.com", "evil.test"]);
    check("www.example.com\0", &[], &["www.example.com"]);
    assert!(ServerName::try_from("www.example.com\0").is_err());
}

#[test]
fn malformed_presented_names_match_nothing_and_do_no_harm() {
    for presented in ["", ".", "..", "-a.example.com", "a-.example.com", "a..example.com", " www.example.com", "a b"] {
        check(presented, &[], &["www.example.com", "a.example.com"]);
        let certificate = with(&[dns(presented), dns("www.example.com")]);
        assert!(is_for(&certificate, "www.example.com"), "{presented:?}");
    }
}

#[test]
fn underscores_and_single_labels_are_names() {
    check("_a.example_1.com", &["_a.example_1.com"], &["a.example_1.com"]);
    check("localhost", &["localhost", "LOCALHOST"], &["local", "localhost.localhost"]);
}

#[test]
fn addresses_match_exactly_and_in_every_spelling() {
    let four = with(&[ip(&[192, 0, 2, 1])]);
    assert!(is_for(&four, "192.0.2.1"));
    assert!(!is_for(&four, "192.0.2.2") && !is_for(&four, "::ffff:192.0.2.1") && !is_for(&four, "example.com"));
    let mut bytes = [0; 16];
    (bytes[0], bytes[1], bytes[2], bytes[3], bytes[15]) = (0x20, 0x01, 0x0d, 0xb8, 1);
    let six = with(&[ip(&bytes)]);
    assert!(is_for(&six, "2001:db8::1") && is_for(&six, "2001:0DB8:0:0:0:0:0:1"));
    assert!(!is_for(&six, "2001:db8::2") && !is_for(&six, "192.0.2.1"));
    let mapped = with(&[ip(&[&[0; 10][..], &[0xff, 0xff, 192, 0, 2, 1]].concat())]);
    assert!(is_for(&mapped, "::ffff:192.0.2.1") && !is_for(&mapped, "192.0.2.1"));
}

#[test]
fn address_of_a_wrong_length_matches_nothing() {
    for bytes in [&[][..], &[192, 0, 2], &[192, 0, 2, 1, 0], &[192, 0, 2, 1, 255, 255, 255, 255], &[0; 15], &[0; 32]] {
        let certificate = with(&[ip(bytes)]);
        for name in ["192.0.2.1", "0.0.0.0", "::", "2001:db8::1"] {
            assert!(!is_for(&certificate, name), "{bytes:?} is for {name}");
        }
    }
}

#[test]
fn name_written_as_an_address_and_address_written_as_a_name_match_nothing() {
    check("192.0.2.1", &[], &["192.0.2.1"]);
    check("2001:db8::1", &[], &["2001:db8::1"]);
    check("*.0.2.1", &[], &["192.0.2.1"]);
    let certificate = with(&[ip(b"www.example.com"), ip(b"a.co")]);
    assert!(!is_for(&certificate, "www.example.com") && !is_for(&certificate, "a.co"));
    // a.co as four bytes is the address 97.46.99.111, and no name.
    assert!(is_for(&certificate, "97.46.99.111"));
    // As an otherName, an rfc822Name or a URI it is no DNS name either.
    for tag in [0xa0, 0x81, 0x86, 0x88] {
        assert!(!is_for(&with(&[der(tag, &[b"www.example.com"])]), "www.example.com"), "{tag:x}");
    }
}

#[test]
fn common_name_never_counts() {
    let named = |draft: Draft| Draft { subject: common_name("www.example.com"), ..draft }.self_signed().certificate;
    let bare = named(Draft::leaf(&[]).without(SUBJECT_ALT_NAME));
    assert!(!is_for(&bare, "www.example.com"));
    assert!(!is_for(&named(Draft::leaf(&["other.test"])), "www.example.com"));
    assert!(!is_for(&named(Draft::leaf(&[])), "www.example.com"));
    let refused = verify_name(&bare, &ServerName::try_from("www.example.com").unwrap()).unwrap_err();
    assert!(
        refused.to_string().ends_with("it is valid for no DNS name or address at all (it has no such subjectAltName)")
    );
}

#[test]
fn one_of_many_names_is_enough() {
    let mut names: Vec<_> = (0..100).map(|number| dns(format!("name{number}.test"))).collect();
    names.push(ip(&[10, 0, 0, 1]));
    let certificate = with(&names);
    assert!(is_for(&certificate, "name0.test") && is_for(&certificate, "name99.test"));
    assert!(is_for(&certificate, "10.0.0.1") && !is_for(&certificate, "name100.test"));
}

#[test]
fn unreadable_subject_alt_name_is_refused() {
    let of = |value| Draft::leaf(&[]).with((SUBJECT_ALT_NAME, false, value)).self_signed().certificate;
    let name = ServerName::try_from("www.example.com").unwrap();
    let cut = [der(0x30, &[&[0x82, 0x0f], b"www.example"])].concat();
    for value in [cut, der(0x31, &[&dns("www.example.com")]), dns("www.example.com"), vec![]] {
        assert_eq!(verify_name(&of(value.clone()), &name), Err(CertificateError::BadEncoding), "{value:?}");
    }
}

#[test]
fn bad_names_are_refused_before_any_connection() {
    for name in ["", ".", "a..b", "-a.com", "a-.com", "a b.com", "*.example.com", "1.2.3", "256.1.1.1", "[::1]", "a:1"]
    {
        assert!(OwnedName::try_from(name.to_owned()).is_err(), "{name} is taken for a name");
    }
    let long = format!("{}.com", "a".repeat(64));
    assert!(OwnedName::try_from(long).is_err());
}

#[test]
fn identity_is_found_by_the_same_rules() {
    let Party { certificate, key, .. } = Draft::leaf(&["*.example.com", "other.test"]).self_signed();
    let key = bulla::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let identity = Identity::new(vec![certificate], &key).unwrap();
    assert!(identity.is_valid_for("www.example.com") && identity.is_valid_for("OTHER.test"));
    assert!(!identity.is_valid_for("example.com") && !identity.is_valid_for("a.b.example.com"));
    assert!(!identity.is_valid_for("not a name"));
}
