//! Roots from memory, files, folders, the environment and the system: what is taken, and that nothing is lost in silence.

#![cfg(all(feature = "ring", feature = "std"))]

#[path = "support/certificates.rs"]
mod certificates;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use bulla::Roots;
use bulla::crypto::ring::provider;
use bulla::pki_types::CertificateDer;
use bulla::verify::pem::{PemError, certificates_from_pem};
use bulla::verify::{PeerCertificate, Purpose, RootRejected, RootsError, RootsReport, verify_chain};
use certificates::{Draft, NOW, Party, key_usage, pem};

fn authority(name: &str) -> Party {
    Draft::authority(name).self_signed()
}

fn pem_of(party: &Party) -> String {
    pem("CERTIFICATE", &party.certificate)
}

/// Whether a leaf that this authority issued is accepted.
fn trusts(roots: &Roots, authority: &Party) -> bool {
    let chain = [Draft::leaf(&["a.test"]).issued_by(authority).certificate];
    verify_chain(&*provider(), roots, Purpose::Server, None, &chain, Some(NOW)).is_ok()
}

/// A folder of its own, gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bulla-roots-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn names(report: &RootsReport) -> Vec<String> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    report.rejected.iter().map(|(path, reason)| format!("{}: {reason}", name(path))).collect()
}

// In memory.

#[test]
fn pem_and_der_in_memory_are_roots() {
    let (one, two, other) = (authority("One"), authority("Two"), authority("Other"));
    let both = Roots::from_pem((pem_of(&one) + &pem_of(&two)).as_bytes()).unwrap();
    assert_eq!(both.len(), 2);
    assert!(trusts(&both, &one) && trusts(&both, &two) && !trusts(&both, &other));
    let der = Roots::from_pem(&one.certificate).unwrap();
    assert!(trusts(&der, &one) && der.len() == 1);
    let mut roots = Roots::new();
    assert!(roots.is_empty());
    roots.add_der(&one.certificate).unwrap();
    assert!(trusts(&roots, &one) && !roots.is_empty());
}

#[test]
fn pem_may_have_text_around_other_line_ends_and_a_byte_order_mark() {
    let (one, two) = (authority("One"), authority("Two"));
    let plain = pem_of(&one) + &pem_of(&two);
    let windows = plain.replace('\n', "\r\n");
    let with_text =
        format!("# The roots\nsubject=CN = One\n\n{}\n  some more text\n{}the end", pem_of(&one), pem_of(&two));
    let spaces = plain.replace("-----\n", "-----  \n");
    let unfinished_line = plain.trim_end().to_owned();
    let marked = format!("\u{feff}{plain}");
    for text in [windows, with_text, spaces, unfinished_line, marked] {
        let roots = Roots::from_pem(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text:?}"));
        assert!(roots.len() == 2 && trusts(&roots, &one) && trusts(&roots, &two), "{text:?}");
    }
}

#[test]
fn other_sections_beside_certificates_are_passed_over() {
    let one = authority("One");
    let text = pem("X509 CRL", b"not looked at") + &pem("PUBLIC KEY", b"nor this") + &pem_of(&one) + &pem("X", b"y");
    assert_eq!(Roots::from_pem(text.as_bytes()).unwrap().len(), 1);
}

#[test]
fn same_root_twice_is_kept_once() {
    let one = authority("One");
    let mut roots = Roots::from_pem((pem_of(&one) + &pem_of(&one)).as_bytes()).unwrap();
    roots.add_der(&one.certificate).unwrap();
    assert_eq!((roots.len(), roots.subjects().len()), (1, 1));
    let leaf = Draft::leaf(&["a.test"]).self_signed();
    roots.add_der(&leaf.certificate).unwrap();
    roots.add_der(&leaf.certificate).unwrap();
    assert_eq!((roots.len(), roots.subjects().len()), (2, 2));
}

#[test]
fn subjects_are_the_certificates_own() {
    let parties =
        [authority("One"), Draft::leaf(&["a.test"]).self_signed(), Draft::self_made(&["b.test"]).self_signed()];
    for party in parties {
        let mut roots = Roots::new();
        roots.add_der(&party.certificate).unwrap();
        assert_eq!(roots.subjects(), std::slice::from_ref(&party.name));
        assert_eq!(PeerCertificate::read(&party.certificate).unwrap().subject(), party.name);
    }
}

#[test]
fn what_is_no_certificate_is_refused_with_the_reason() {
    let one = authority("One");
    let pem_error = |text: &str, expected| {
        assert_eq!(Roots::from_pem(text.as_bytes()).unwrap_err(), RootRejected::Pem(expected), "{text:?}");
        let reason = expected.to_string();
        assert!(!reason.contains('\n') && !reason.ends_with('.'), "{reason}");
    };
    pem_error("", PemError::Empty);
    pem_error(" \r\n\n", PemError::Empty);
    pem_error("no certificate here", PemError::NoCertificate);
    pem_error(&pem("PUBLIC KEY", b"x"), PemError::NoCertificate);
    pem_error(&pem("PRIVATE KEY", b"x"), PemError::KeyInsteadOfCertificate);
    pem_error(&pem("CERTIFICATE REQUEST", b"x"), PemError::RequestInsteadOfCertificate);
    let good = pem_of(&one);
    pem_error(good.trim_end().trim_end_matches('-'), PemError::Broken);
    pem_error(&good.replace("-----END CERTIFICATE-----", ""), PemError::Broken);
    pem_error(&good.replace("CERTIFICATE-----\nMII", "CERTIFICATE-----\nM!I"), PemError::Broken);
    pem_error(&(good.clone() + "-----BEGIN CERTIFICATE---\n"), PemError::Broken);
    let request = pem("CERTIFICATE", b"not X.509");
    assert_eq!(Roots::from_pem(request.as_bytes()).unwrap_err(), RootRejected::BadCertificate(1));
    assert_eq!(Roots::from_pem((good + &request).as_bytes()).unwrap_err(), RootRejected::BadCertificate(2));
    assert_eq!(Roots::from_pem(&[0x30, 0x82, 1, 1, 0]).unwrap_err(), RootRejected::BadCertificate(1));
    assert_eq!(
        Roots::new().add_der(&CertificateDer::from(vec![1, 2, 3])).unwrap_err(),
        RootRejected::BadCertificate(1)
    );
}

#[test]
fn one_bad_certificate_in_memory_costs_the_others() {
    let mut roots = Roots::new();
    let text = pem_of(&authority("One")) + &pem("CERTIFICATE", b"x");
    assert_eq!(roots.add_pem(text.as_bytes()), Err(RootRejected::BadCertificate(2)));
    assert!(roots.is_empty());
}

/// OpenSSL's own form has a certificate and, behind it, what it is trusted for: to take the one without the other
/// would trust too much.
#[test]
fn openssls_own_certificate_forms_are_refused_and_not_passed_over() {
    let one = authority("One");
    for label in ["TRUSTED CERTIFICATE", "X509 CERTIFICATE"] {
        let unusual = pem(label, &one.certificate);
        for text in [unusual.clone(), pem_of(&authority("Two")) + &unusual] {
            let refused = Roots::from_pem(text.as_bytes()).unwrap_err();
            assert_eq!(refused, RootRejected::Pem(PemError::UnusualCertificate));
            assert!(refused.to_string().contains("openssl x509 -in FILE -out NEW"));
        }
    }
}

// Files and folders.

#[test]
fn file_of_pem_or_der_is_read_and_a_bad_one_is_named() {
    let folder = Folder::new();
    let one = authority("One");
    let roots = Roots::from_file(folder.put("one.pem", pem_of(&one))).unwrap();
    assert!(trusts(&roots, &one));
    let mut roots = Roots::from_file(folder.put("one.der", &one.certificate)).unwrap();
    assert!(trusts(&roots, &one));

    let bad = folder.put("bad.pem", pem_of(&one) + &pem("CERTIFICATE", b"x"));
    let error = roots.add_file(&bad).unwrap_err();
    let expected = format!("{}: certificate number 2 in it cannot be read as X.509", bad.display());
    assert_eq!(error.to_string(), expected);
    assert_eq!(roots.len(), 1);
    let missing = folder.0.join("missing.pem");
    let error = roots.add_file(&missing).unwrap_err();
    assert!(error.to_string().starts_with(&format!("{}: ", missing.display())), "{error}");
    assert!(matches!(roots.add_file(&folder.0), Err(RootsError::File(_))));
}

/// A folder as OpenSSL hashes it, with all that gathers in such folders.
fn cluttered_folder(one: &Party, two: &Party) -> Folder {
    let folder = Folder::new();
    folder.put("1a2b3c4d.0", pem_of(one));
    // Two authorities whose names have one hash, and one file twice.
    folder.put("1a2b3c4d.1", pem_of(two));
    folder.put("one.pem", pem_of(one));
    folder.put("two.der", &two.certificate);
    folder.put("README", "Put roots here.\n");
    folder.put("empty", "");
    folder.put("key.pem", pem("PRIVATE KEY", b"secret"));
    folder.put("1a2b3c4d.r0", pem("X509 CRL", b"revoked"));
    folder.put("noise.bin", [0xff, 0x00, 0x30, 0x82]);
    folder.put("trusted.pem", pem("TRUSTED CERTIFICATE", b"x"));
    folder.put("broken.pem", pem_of(two).replace("-----END CERTIFICATE-----", ""));
    folder.put("mixed.pem", pem("CERTIFICATE", b"x") + &pem_of(two) + &pem("CERTIFICATE", b"y"));
    folder.put("broken.der", &one.certificate[..100]);
    std::fs::create_dir(folder.0.join("deeper")).unwrap();
    std::fs::write(folder.0.join("deeper/three.pem"), pem_of(&authority("Three"))).unwrap();
    folder
}

const REJECTED: [&str; 5] = [
    "broken.der: certificate number 1 in it cannot be read as X.509",
    "broken.pem: the PEM text is broken: a section's base64 or its END line is wrong",
    "mixed.pem: certificate number 1 in it cannot be read as X.509",
    "mixed.pem: certificate number 3 in it cannot be read as X.509",
    "trusted.pem: a section is `BEGIN TRUSTED CERTIFICATE` or `BEGIN X509 CERTIFICATE`, forms of OpenSSL's own; \
     rewrite it with `openssl x509 -in FILE -out NEW`",
];

#[test]
fn folder_gives_its_roots_and_reports_what_is_broken() {
    let (one, two) = (authority("One"), authority("Two"));
    let folder = cluttered_folder(&one, &two);
    let report = Roots::from_folder(&folder.0).unwrap();
    assert_eq!(report.roots.len(), 2);
    assert!(trusts(&report.roots, &one) && trusts(&report.roots, &two));
    assert_eq!(names(&report), REJECTED);
}

#[test]
fn folder_of_one_broken_section_among_good_ones_keeps_the_good_ones() {
    let (one, two) = (authority("One"), authority("Two"));
    let folder = Folder::new();
    let broken = pem_of(&authority("Three")).replace("CERTIFICATE-----\nMII", "CERTIFICATE-----\nM!I");
    folder.put("bundle.pem", pem_of(&one) + &broken + &pem_of(&two));
    let report = Roots::from_folder(&folder.0).unwrap();
    assert!(trusts(&report.roots, &one) && trusts(&report.roots, &two));
    assert_eq!((report.roots.len(), report.rejected.len()), (2, 1));
}

#[test]
fn folder_that_is_empty_has_no_roots_and_one_that_is_missing_is_an_error() {
    let folder = Folder::new();
    let report = Roots::from_folder(&folder.0).unwrap();
    assert!(report.roots.is_empty() && report.rejected.is_empty());
    let error = Roots::from_folder(folder.0.join("missing")).unwrap_err();
    assert!(error.to_string().contains("missing: "), "{error}");
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_one_that_leads_nowhere_is_reported() {
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    let one = authority("One");
    let target = elsewhere.put("one.pem", pem_of(&one));
    std::os::unix::fs::symlink(target, folder.0.join("1a2b3c4d.0")).unwrap();
    std::os::unix::fs::symlink(elsewhere.0.join("gone.pem"), folder.0.join("5e6f7a8b.0")).unwrap();
    std::os::unix::fs::symlink(&elsewhere.0, folder.0.join("folder")).unwrap();
    let report = Roots::from_folder(&folder.0).unwrap();
    assert!(trusts(&report.roots, &one));
    assert_eq!(report.rejected.len(), 1);
    assert!(names(&report)[0].starts_with("5e6f7a8b.0: "));
}

// The environment and the system. Variables are set for a child process: this very test program, told to run the one
// test that reports what it finds.

const REPORT: &str = "child_process_reports_its_roots";

/// What a process with these variables finds: a line for the result, and one for each root's name and each rejection.
fn found_with(source: &str, variables: &[(&str, String)]) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", REPORT, "--nocapture", "--test-threads=1"]);
    child.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").env("BULLA_TEST_ROOTS", source);
    child.envs(variables.iter().map(|(name, value)| (name, value)));
    let output = child.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let mark = |line: &str| line.split_once("roots: ").map(|(_, rest)| rest.to_owned());
    text.lines().filter_map(mark).collect()
}

#[test]
fn child_process_reports_its_roots() {
    let found = match std::env::var("BULLA_TEST_ROOTS").as_deref() {
        Ok("environment") => Roots::from_environment(),
        Ok("system") => Roots::system().map(Some),
        // In the ordinary run there is nobody to report to; that the system's store can be asked for is true there too.
        _ => return assert!(!matches!(Roots::system(), Ok(report) if report.roots.is_empty())),
    };
    match found {
        Ok(None) => println!("\nroots: nothing set"),
        Err(error) => println!("\nroots: error: {error}"),
        Ok(Some(report)) => {
            println!("\nroots: {} found", report.roots.len());
            names(&report).iter().for_each(|line| println!("roots: rejected {line}"));
        }
    }
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn environment_names_a_file_folders_or_both() {
    let (one, two) = (authority("One"), authority("Two"));
    let (folder, other) = (Folder::new(), Folder::new());
    let file = path(&folder.put("bundle.pem", pem_of(&one) + &pem_of(&two)));
    other.put("three.pem", pem_of(&authority("Three")));
    let folders = format!("{}:{}", path(&folder.0), path(&other.0));

    assert_eq!(found_with("environment", &[]), ["nothing set"]);
    assert_eq!(found_with("environment", &[("SSL_CERT_FILE", String::new())]), ["nothing set"]);
    for source in ["environment", "system"] {
        assert_eq!(found_with(source, &[("SSL_CERT_FILE", file.clone())]), ["2 found"]);
        assert_eq!(found_with(source, &[("SSL_CERT_DIR", path(&other.0))]), ["1 found"]);
        assert_eq!(found_with(source, &[("SSL_CERT_DIR", folders.clone())]), ["3 found"]);
        let both = [("SSL_CERT_FILE", file.clone()), ("SSL_CERT_DIR", path(&other.0))];
        assert_eq!(found_with(source, &both), ["3 found"]);
    }
}

#[test]
fn environment_reports_what_it_leaves_out() {
    let (one, two) = (authority("One"), authority("Two"));
    let folder = cluttered_folder(&one, &two);
    let mut expected = vec!["2 found".to_owned()];
    expected.extend(REJECTED.iter().map(|line| format!("rejected {line}")));
    assert_eq!(found_with("environment", &[("SSL_CERT_DIR", path(&folder.0))]), expected);

    let bundle = folder.put("bundle", pem_of(&one) + &pem("CERTIFICATE", b"x"));
    let found = found_with("environment", &[("SSL_CERT_FILE", path(&bundle))]);
    assert_eq!(found, ["1 found", "rejected bundle: certificate number 2 in it cannot be read as X.509"]);

    // A folder that is not there is worth a word, and the others count.
    let good = Folder::new();
    good.put("one.pem", pem_of(&one));
    let found = found_with("system", &[("SSL_CERT_DIR", format!("/nowhere/at-all:{}", path(&good.0)))]);
    assert_eq!(found.len(), 2);
    assert!(found[0] == "1 found" && found[1].starts_with("rejected at-all: "), "{found:?}");
}

#[test]
fn environment_that_gives_no_root_is_an_error_and_not_the_systems_store() {
    let folder = Folder::new();
    let empty = path(&folder.put("empty.pem", ""));
    for source in ["environment", "system"] {
        for variables in [
            vec![("SSL_CERT_FILE", empty.clone())],
            vec![("SSL_CERT_DIR", path(&folder.0))],
            vec![("SSL_CERT_FILE", empty.clone()), ("SSL_CERT_DIR", path(&folder.0))],
        ] {
            let found = found_with(source, &variables);
            assert!(found[0].starts_with("error: no trusted roots were found; looked at "), "{found:?}");
            assert!(variables.iter().all(|(_, place)| found[0].contains(place.as_str())), "{found:?}");
        }
        let missing = path(&folder.0.join("missing.pem"));
        let found = found_with(source, &[("SSL_CERT_FILE", missing.clone())]);
        assert!(found[0].starts_with(&format!("error: {missing}: ")), "{found:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn systems_store_is_read_whole() {
    let found = found_with("system", &[]);
    if Path::new("/etc/ssl/certs/ca-certificates.crt").is_file() {
        // All or nothing: every certificate can be read, and nothing is reported. One authority may have two.
        let text = std::fs::read("/etc/ssl/certs/ca-certificates.crt").unwrap();
        let certificates = certificates_from_pem(&text).unwrap();
        let name_and_key = |der: &CertificateDer<'_>| {
            let read = PeerCertificate::read(der).unwrap();
            (read.subject().to_vec(), read.subject_public_key_info().to_vec())
        };
        let authorities: BTreeSet<_> = certificates.iter().map(name_and_key).collect();
        assert_eq!(Roots::from_pem(&text).unwrap().len(), authorities.len());
        assert_eq!(found, [format!("{} found", authorities.len())]);
    } else {
        // A machine without the package, or one that keeps its roots elsewhere.
        assert!(found[0].ends_with(" found") || found[0].starts_with("error: no trusted roots"), "{found:?}");
    }
}

#[test]
fn roots_show_how_many_they_are() {
    let mut roots = Roots::new();
    roots.add_der(&authority("One").certificate).unwrap();
    roots.add_der(&Draft::leaf(&[]).with(key_usage(0x80)).self_signed().certificate).unwrap();
    assert_eq!(format!("{roots:?}"), "Roots(2)");
}
