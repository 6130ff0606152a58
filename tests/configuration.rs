//! What cannot work is refused while the configuration is built, in one line that says what to do.

#![cfg(all(feature = "ring", feature = "std"))]

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/hex.rs"]
mod hex;

use std::fmt::Display;

use bulla::crypto::KeyRejected;
use bulla::der::{Tag, read_all};
use bulla::error::CertificateError;
use bulla::pki_types::{CertificateDer, PrivateKeyDer};
use bulla::verify::pem::{PemError, certificates_from_pem_or_der, private_key_from_pem_or_der};
use bulla::wire::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};
use bulla::{ClientConfig, ConfigError, Identity, Roots, ServerConfig};
use certificates::{Draft, NAME, Party, der, pem, sequence};

const RSA_KEY: &str = include_str!("support/rsa_2048_key.pem");

/// A key of `vectors/private_keys.json`: its DER, and its public key if it has one.
fn key(name: &str) -> (Vec<u8>, Option<Vec<u8>>) {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/private_keys.json")).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let keys = all["keys"].as_array().unwrap();
    let entry = keys.iter().find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("no key {name}"));
    let bytes = |field: &str| entry[field].as_str().map(hex::decode);
    (bytes("der").unwrap(), bytes("spki"))
}

/// A leaf for this public key.
fn certified(public_key_info: Vec<u8>) -> CertificateDer<'static> {
    Draft { public_key_info: Some(public_key_info), ..Draft::leaf(&[NAME]) }.self_signed().certificate
}

/// One readable line.
#[track_caller]
fn assert_reads_well(error: &impl Display) {
    let text = error.to_string();
    let one_line = !text.contains(['\n', '\r', '\t']) && !text.contains("  ");
    assert!(one_line && (20..200).contains(&text.len()) && !text.ends_with(['.', ' ']), "{text:?}");
}

#[track_caller]
fn refused(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> ConfigError {
    let error = Identity::from_pem(chain.as_ref(), key.as_ref()).unwrap_err();
    assert_reads_well(&error);
    error
}

fn leaf() -> (Party, String, String) {
    let leaf = Draft::leaf(&[NAME]).self_signed();
    let chain = pem("CERTIFICATE", &leaf.certificate);
    let key = pem("PRIVATE KEY", &leaf.key.serialize_der());
    (leaf, chain, key)
}

// Keys.

#[test]
fn keys_of_all_three_forms_are_taken_as_pem_and_as_der() {
    for (name, label) in [
        ("p256_pkcs8", "PRIVATE KEY"),
        ("p256_sec1", "EC PRIVATE KEY"),
        ("p384_pkcs8", "PRIVATE KEY"),
        ("p384_sec1", "EC PRIVATE KEY"),
        ("ed25519_pkcs8", "PRIVATE KEY"),
        ("rsa_2048_pkcs8", "PRIVATE KEY"),
        ("rsa_2048_pkcs1", "RSA PRIVATE KEY"),
        ("rsa_pss_any", "PRIVATE KEY"),
        ("rsa_pss_sha256", "PRIVATE KEY"),
    ] {
        let (key, public) = key(name);
        let certificate = certified(public.unwrap());
        for chain in [certificate.to_vec(), pem("CERTIFICATE", &certificate).into_bytes()] {
            let text = pem(label, &key);
            let forms = [key.clone(), text.clone().into_bytes(), text.replace('\n', "\r\n").into_bytes()];
            for key in forms {
                Identity::from_pem(&chain, &key).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }
}

#[test]
fn certificate_and_key_may_share_one_file() {
    let (_, chain, key) = leaf();
    let both = format!("{key}and then\n{chain}");
    Identity::from_pem(both.as_bytes(), both.as_bytes()).unwrap();
    // As `openssl ecparam -genkey` writes it, the curve stands before the key.
    let with_parameters = pem("EC PARAMETERS", &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]) + &key;
    Identity::from_pem(chain.as_bytes(), with_parameters.as_bytes()).unwrap();
}

#[test]
fn encrypted_keys_say_so_in_every_form() {
    let (_, chain, _) = leaf();
    let (encrypted, _) = key("rsa_2048_encrypted");
    let body = pem("RSA PRIVATE KEY", b"0123456789abcdef");
    let (first, rest) = body.split_once('\n').unwrap();
    let old = format!("{first}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0011223344556677\n\n{rest}");
    for key in [encrypted.clone(), pem("ENCRYPTED PRIVATE KEY", &encrypted).into_bytes(), old.into_bytes()] {
        let error = refused(&chain, key);
        let expected = KeyRejected::Encrypted;
        assert!(error == ConfigError::Key(expected) || error == ConfigError::Pem(PemError::Key(expected)));
        assert!(error.to_string().contains("openssl pkey -in KEY -out PLAIN"));
    }
}

#[test]
fn keys_that_cannot_sign_are_refused_with_the_reason() {
    let (_, chain, _) = leaf();
    let integer = |bytes: &[u8]| der(0x02, &[bytes]);
    let modulus = [&[0][..], &[0xff; 1024]].concat();
    let rsa_8192 = sequence(&[&integer(&[0]), &integer(&modulus), &integer(&[1, 0, 1]), &integer(&[1])]);
    for (key, label, expected) in [
        (key("P-521_pkcs8").0, "PRIVATE KEY", KeyRejected::UnsupportedAlgorithm),
        (key("P-521_sec1").0, "EC PRIVATE KEY", KeyRejected::UnsupportedAlgorithm),
        (key("secp256k1_pkcs8").0, "PRIVATE KEY", KeyRejected::UnsupportedAlgorithm),
        (key("ed448_pkcs8").0, "PRIVATE KEY", KeyRejected::UnsupportedAlgorithm),
        (key("rsa_1024_pkcs8").0, "PRIVATE KEY", KeyRejected::RsaSize),
        (rsa_8192, "RSA PRIVATE KEY", KeyRejected::RsaSize),
        (key("rsa_2048_exponent_3").0, "PRIVATE KEY", KeyRejected::RsaExponent),
        (key("p256_sec1_without_public_key").0, "EC PRIVATE KEY", KeyRejected::PublicKeyMissing),
        (key("p256_sec1_with_foreign_public_key").0, "EC PRIVATE KEY", KeyRejected::Inconsistent),
        (b"garbage".to_vec(), "PRIVATE KEY", KeyRejected::NotAKey),
    ] {
        assert_eq!(refused(&chain, pem(label, &key)), ConfigError::Key(expected));
        if expected != KeyRejected::NotAKey {
            assert_eq!(refused(&chain, &key), ConfigError::Key(expected), "as DER");
        }
    }
    let error = refused(&chain, pem("EC PRIVATE KEY", &key("P-521_sec1").0));
    assert!(error.to_string().contains("use ECDSA P-256 or P-384, Ed25519, or RSA"));
}

#[test]
fn key_of_another_certificate_is_refused() {
    let (_, chain, _) = leaf();
    let (_, _, other) = leaf();
    assert_eq!(refused(&chain, other), ConfigError::KeyDoesNotMatchCertificate);
    // Of another kind, too.
    assert_eq!(refused(&chain, RSA_KEY), ConfigError::KeyDoesNotMatchCertificate);
    assert_eq!(refused(&chain, key("ed25519_pkcs8").0), ConfigError::KeyDoesNotMatchCertificate);
}

#[test]
fn chain_in_another_order_says_which_certificate_is_the_keys() {
    let root = Draft::authority("Root").self_signed();
    let intermediate = Draft::authority("Intermediate").issued_by(&root);
    let leaf = Draft::leaf(&[NAME]).issued_by(&intermediate);
    let chain =
        |parties: &[&Party]| -> String { parties.iter().map(|party| pem("CERTIFICATE", &party.certificate)).collect() };
    let key = pem("PRIVATE KEY", &leaf.key.serialize_der());
    Identity::from_pem(chain(&[&leaf, &intermediate]).as_bytes(), key.as_bytes()).unwrap();
    let error = refused(chain(&[&intermediate, &leaf]), &key);
    assert_eq!(error, ConfigError::ChainNotLeafFirst(2));
    assert!(error.to_string().ends_with("number 2 of the certificate chain; put that certificate first"));
    assert_eq!(refused(chain(&[&root, &intermediate, &leaf]), &key), ConfigError::ChainNotLeafFirst(3));
    assert_eq!(refused(chain(&[&root, &intermediate]), &key), ConfigError::KeyDoesNotMatchCertificate);
}

#[test]
fn rsa_key_of_another_kind_than_the_certificates_is_refused() {
    let (key_for_any_padding, pss) = key("rsa_pss_any");
    let inner = read_all(&key_for_any_padding, Tag::SEQUENCE, |r| {
        r.small_integer()?;
        r.expect(Tag::SEQUENCE)?;
        r.expect(Tag::OCTET_STRING)
    })
    .unwrap();
    let certificate = pem("CERTIFICATE", &certified(pss.unwrap()));
    Identity::from_pem(certificate.as_bytes(), &key_for_any_padding).unwrap();
    // The same numbers as an rsaEncryption key would sign in a way that the certificate does not allow.
    assert_eq!(refused(certificate, inner), ConfigError::KeyKindDiffers);
}

// Files and what stands in them.

#[test]
fn key_where_a_certificate_should_be_and_the_other_way_round_are_called_so() {
    let (party, chain, key) = leaf();
    let swapped = ConfigError::Pem(PemError::KeyInsteadOfCertificate);
    assert_eq!(refused(&key, &key), swapped);
    assert_eq!(refused(party.key.serialize_der(), &key), swapped);
    assert_eq!(refused(self::key("rsa_2048_pkcs1").0, &key), swapped);
    assert_eq!(refused(self::key("rsa_2048_encrypted").0, &key), swapped);
    let swapped = ConfigError::Pem(PemError::CertificateInsteadOfKey);
    assert_eq!(refused(&chain, &chain), swapped);
    assert_eq!(refused(&chain, &party.certificate), swapped);
    let request = pem("CERTIFICATE REQUEST", b"x");
    assert_eq!(refused(request, &key), ConfigError::Pem(PemError::RequestInsteadOfCertificate));
}

#[test]
fn empty_broken_and_foreign_files_are_refused_with_the_reason() {
    let (_, chain, key) = leaf();
    let of_pem = |chain: &[u8], key: &[u8], expected| {
        assert_eq!(refused(chain, key), ConfigError::Pem(expected));
    };
    of_pem(b"", key.as_bytes(), PemError::Empty);
    of_pem(chain.as_bytes(), b"\n", PemError::Empty);
    of_pem(b"hello", key.as_bytes(), PemError::NoCertificate);
    of_pem(chain.as_bytes(), b"hello", PemError::NoPrivateKey);
    of_pem(chain.as_bytes(), pem("PUBLIC KEY", b"x").as_bytes(), PemError::NoPrivateKey);
    of_pem(chain.as_bytes(), [&*key, &*leaf().2].concat().as_bytes(), PemError::SeveralPrivateKeys);
    let garbage = key.replace("KEY-----\nM", "KEY-----\n!");
    of_pem(chain.as_bytes(), garbage.as_bytes(), PemError::Broken);
    of_pem(chain.as_bytes(), key.replace("-----END", "-----DNE").as_bytes(), PemError::Broken);
    of_pem(chain.replace("CERTIFICATE-----\nM", "CERTIFICATE-----\n*").as_bytes(), key.as_bytes(), PemError::Broken);
    // PKCS#12: a version, and what it holds.
    let pkcs12 = sequence(&[&der(0x02, &[&[3]]), &sequence(&[&[0x05, 0x00]])]);
    of_pem(&pkcs12, key.as_bytes(), PemError::Pkcs12);
    of_pem(chain.as_bytes(), &pkcs12, PemError::Pkcs12);
}

#[test]
fn each_prefix_of_a_key_and_of_a_certificate_is_refused() {
    let (party, chain, key) = leaf();
    let key_der = party.key.serialize_der();
    for len in 0..key_der.len() {
        refused(&chain, &key_der[..len]);
    }
    for len in 0..party.certificate.len() {
        refused(&party.certificate[..len], &key);
    }
    // Without its last line end the text is still whole.
    for len in 0..key.trim_end().len() {
        assert!(private_key_from_pem_or_der(&key.as_bytes()[..len]).is_err(), "{len}");
        // A chain may be cut between two certificates; this one has no such place.
        assert!(certificates_from_pem_or_der(&chain.as_bytes()[..len]).is_err(), "{len}");
    }
}

#[test]
fn broken_certificates_are_refused_wherever_they_stand() {
    let (party, chain, key) = leaf();
    let broken = pem("CERTIFICATE", b"not X.509");
    let error = refused(&broken, &key);
    assert_eq!(error, ConfigError::Certificate(CertificateError::BadEncoding));
    let error = refused(chain.clone() + &broken, &key);
    assert_eq!(error, ConfigError::ChainUnreadable(2));
    let none = Identity::new(vec![], &party.private_key()).unwrap_err();
    assert_eq!(none, ConfigError::Empty("certificates"));
    assert_reads_well(&none);
    let unusual = chain.clone() + &pem("TRUSTED CERTIFICATE", &party.certificate);
    assert_eq!(refused(unusual, &key), ConfigError::Pem(PemError::UnusualCertificate));
}

#[test]
fn files_name_themselves_in_the_reason() {
    let folder = std::env::temp_dir().join(format!("bulla-configuration-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let put = |name: &str, content: &str| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let (_, chain, key) = leaf();
    let (chain, key, empty) = (put("chain.pem", &chain), put("key.pem", &key), put("empty.pem", ""));
    let other = put("other.pem", &leaf().2);
    let missing = folder.join("missing.pem");
    let broken = put("broken.pem", &pem("CERTIFICATE", b"not X.509"));
    let p521 = put("p521.pem", &pem("PRIVATE KEY", &self::key("P-521_pkcs8").0));
    let good = Identity::from_files(&chain, &key).map(|_| ());
    let pairs = [
        (&empty, &key),
        (&chain, &empty),
        (&missing, &key),
        (&chain, &missing),
        (&chain, &other),
        (&broken, &key),
        (&chain, &p521),
    ];
    let reasons = pairs.map(|(chain, key)| Identity::from_files(chain, key).unwrap_err().to_string());
    std::fs::remove_dir_all(&folder).unwrap();
    good.unwrap();
    for (reason, file) in reasons.iter().zip([&empty, &empty, &missing, &missing, &other, &broken, &p521]) {
        assert!(reason.starts_with(&format!("{}: ", file.display())), "{reason}");
    }
    assert!(
        reasons[4].ends_with("the private key does not belong to the certificate, nor to another one of the chain")
    );
}

// Options.

fn client() -> ClientConfig {
    ClientConfig::new(Roots::new())
}

fn server() -> ServerConfig {
    let (_, chain, key) = leaf();
    ServerConfig::new(Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap())
}

/// Asks client and server alike, who must answer alike.
macro_rules! refused_option {
    ($method:ident($($list:tt)*)) => {{
        let error = client().$method($($list)*).unwrap_err();
        assert_eq!(server().$method($($list)*).unwrap_err(), error);
        assert_reads_well(&error);
        error
    }};
}

#[test]
fn application_protocol_names_of_a_wrong_length_are_refused() {
    let long = "x".repeat(255);
    client().alpn(["h2", &long, "\u{e9}"]).unwrap();
    assert_eq!(refused_option!(alpn(["h2", ""])), ConfigError::BadApplicationProtocol(String::new()));
    let longer = "x".repeat(256);
    let error = refused_option!(alpn([&longer]));
    assert!(error.to_string().ends_with("is not 1 to 255 bytes long but 256"), "{error}");
    assert_eq!(refused_option!(alpn(["h2", "http/1.1", "h2"])), ConfigError::Repeated("application protocols"));
    assert_eq!(refused_option!(alpn([""; 0])), ConfigError::Empty("application protocols"));
    // A name that cannot be printed is shown as an escape.
    assert!(ConfigError::BadApplicationProtocol("\n\u{1b}".into()).to_string().contains("\\n\\u{1b}"));
}

#[test]
fn versions_that_are_not_spoken_are_refused() {
    client().versions([ProtocolVersion::TLSv1_3]).unwrap();
    let without_tls12 = if cfg!(feature = "tls12") { None } else { Some(0x0303) };
    for version in
        [0x0300, 0x0301, 0x0302, 0x0305, 0xfefd, 0x7f1c].into_iter().chain(without_tls12).map(ProtocolVersion)
    {
        let error = refused_option!(versions([ProtocolVersion::TLSv1_3, version]));
        assert_eq!(error, ConfigError::VersionUnavailable(version));
    }
    let text = refused_option!(versions([ProtocolVersion::TLSv1_1])).to_string();
    let spoken = if cfg!(feature = "tls12") { "TLS 1.3 and TLS 1.2" } else { "TLS 1.3" };
    assert_eq!(text, format!("TLS 1.1 is not available in this build, which speaks {spoken}"));
    let twice = [ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_3];
    assert_eq!(refused_option!(versions(twice)), ConfigError::Repeated("versions"));
    assert_eq!(refused_option!(versions([])), ConfigError::Empty("versions"));
}

#[test]
fn cipher_suites_that_are_not_there_are_refused() {
    let aes = CipherSuite::from_name("TLS_AES_128_GCM_SHA256").unwrap();
    client().cipher_suites([aes]).unwrap();
    // TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 is TLS 1.2's; CBC and static RSA are nobody's.
    let without_tls12 = if cfg!(feature = "tls12") { None } else { Some(0xc02f) };
    for unavailable in [0x0000, 0x1304, 0x5600, 0xc027, 0x009c].into_iter().chain(without_tls12).map(CipherSuite) {
        let error = refused_option!(cipher_suites([aes, unavailable]));
        assert_eq!(error, ConfigError::CipherSuiteUnavailable(unavailable));
    }
    assert_eq!(refused_option!(cipher_suites([aes, aes])), ConfigError::Repeated("cipher suites"));
    assert_eq!(refused_option!(cipher_suites([])), ConfigError::Empty("cipher suites"));
}

#[test]
fn groups_that_are_not_there_are_refused() {
    client().groups([NamedGroup::x25519, NamedGroup::secp256r1]).unwrap();
    for unavailable in [NamedGroup(0x0019), NamedGroup(0x001e), NamedGroup(0x0100), NamedGroup(0x0a0a)] {
        let error = refused_option!(groups([NamedGroup::x25519, unavailable]));
        assert_eq!(error, ConfigError::GroupUnavailable(unavailable));
    }
    assert_eq!(refused_option!(groups([NamedGroup::x25519; 2])), ConfigError::Repeated("groups"));
    assert_eq!(refused_option!(groups([])), ConfigError::Empty("groups"));
}

#[test]
fn signature_schemes_that_cannot_sign_a_handshake_are_refused() {
    client().signature_schemes([SignatureScheme::ed25519]).unwrap();
    // PKCS#1 signs handshakes of TLS 1.2 alone.
    let without_tls12 = if cfg!(feature = "tls12") { None } else { Some(SignatureScheme::rsa_pkcs1_sha256) };
    let unavailable = [SignatureScheme::rsa_pkcs1_sha1, SignatureScheme(0x0603), SignatureScheme(0)];
    for unavailable in unavailable.into_iter().chain(without_tls12) {
        let error = refused_option!(signature_schemes([SignatureScheme::ed25519, unavailable]));
        assert_eq!(error, ConfigError::SignatureSchemeUnavailable(unavailable));
    }
    let twice = [SignatureScheme::ed25519; 2];
    assert_eq!(refused_option!(signature_schemes(twice)), ConfigError::Repeated("signature schemes"));
    assert_eq!(refused_option!(signature_schemes([])), ConfigError::Empty("signature schemes"));
}

#[test]
fn debug_output_of_an_identity_shows_no_key() {
    let (party, chain, key) = leaf();
    let identity = Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
    let shown = format!("{identity:?} {:?}", identity.signer());
    let PrivateKeyDer::Pkcs8(key) = party.private_key() else { panic!("not PKCS#8") };
    let secret = hex_of(&key.secret_pkcs8_der()[36..68]);
    assert!(!shown.to_lowercase().contains(&secret) && shown.len() < 200, "{shown}");
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
