//! The names of versions, suites and groups: the registry's in any case, and those that people type. What is available
//! is asked of the library, so that this file need not change when the library does.

use std::sync::Arc;

use bulla::config::Policy;
use bulla::config::compression::{Brotli, CompressCertificates, Zlib};
use bulla::crypto::HashAlgorithm;
use bulla::wire::{
    CertificateCompressionAlgorithm, CipherSuite, ExtensionType, MaxFragmentLength, NamedGroup, ProtocolVersion,
    SignatureScheme,
};
use bulla::{ClientConfig, Roots};

/// Customary names of groups that differ from the registry's.
const GROUP_ALIASES: &[(&str, NamedGroup)] = &[
    ("P-256", NamedGroup::secp256r1),
    ("P256", NamedGroup::secp256r1),
    ("prime256v1", NamedGroup::secp256r1),
    ("P-384", NamedGroup::secp384r1),
    ("P384", NamedGroup::secp384r1),
    ("P-521", NamedGroup::secp521r1),
    ("P521", NamedGroup::secp521r1),
    ("curve25519", NamedGroup::x25519),
];

/// What OpenSSL, and everybody who configures by it, calls the suites of TLS 1.2.
const SUITE_ALIASES: &[(&str, CipherSuite)] = &[
    ("ECDHE-ECDSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

/// What OpenSSL calls the signature schemes.
const SCHEME_ALIASES: &[(&str, SignatureScheme)] = &[
    ("ECDSA+SHA256", SignatureScheme::ecdsa_secp256r1_sha256),
    ("ECDSA+SHA384", SignatureScheme::ecdsa_secp384r1_sha384),
    ("RSA-PSS+SHA256", SignatureScheme::rsa_pss_rsae_sha256),
    ("RSA-PSS+SHA384", SignatureScheme::rsa_pss_rsae_sha384),
    ("RSA-PSS+SHA512", SignatureScheme::rsa_pss_rsae_sha512),
    ("RSA+SHA256", SignatureScheme::rsa_pkcs1_sha256),
    ("RSA+SHA384", SignatureScheme::rsa_pkcs1_sha384),
    ("RSA+SHA512", SignatureScheme::rsa_pkcs1_sha512),
];

/// Reads a version: 1.3, TLS1.3, TLSv1.3, tls13, "TLS 1.3".
pub(crate) fn version(text: &str) -> Result<ProtocolVersion, String> {
    let bare = |name: &str| -> String {
        let name = name.to_ascii_lowercase();
        let number =
            name.strip_prefix("tls").unwrap_or(&name).trim_start().trim_start_matches('v').replace(['.', '_'], "");
        // TLS 1.0 is also written 1 and TLS1.
        if number == "1" { "10".into() } else { number }
    };
    let wanted = bare(text);
    let known = ProtocolVersion::NAMED.iter().copied().find(|it| it.name().is_some_and(|name| bare(name) == wanted));
    let available = available_versions();
    match known {
        Some(version) if available.contains(&version) => Ok(version),
        Some(version) => Err(format!("{version} is not there in this build, which speaks {}", list(&available))),
        None => Err(format!("there is no such version; this build speaks {}", list(&available))),
    }
}

/// Reads the name of a cipher suite: the registry's, or OpenSSL's.
pub(crate) fn cipher_suite(text: &str) -> Result<CipherSuite, String> {
    among(
        "cipher suite",
        alias(SUITE_ALIASES, text).or_else(|| CipherSuite::from_name(text.trim())),
        &available_cipher_suites(),
    )
}

/// Reads the name of a group.
pub(crate) fn group(text: &str) -> Result<NamedGroup, String> {
    among("group", alias(GROUP_ALIASES, text).or_else(|| NamedGroup::from_name(text.trim())), &available_groups())
}

/// Reads the name of a way to compress certificates.
pub(crate) fn compression(text: &str) -> Result<CertificateCompressionAlgorithm, String> {
    use CertificateCompressionAlgorithm as Algorithm;
    among("compression", Algorithm::from_name(text.trim()), &[Algorithm::zlib, Algorithm::brotli])
}

/// Returns what compresses and decompresses in this way, which [`compression`] has read.
pub(crate) fn compressor(algorithm: CertificateCompressionAlgorithm) -> Option<Arc<dyn CompressCertificates>> {
    match algorithm {
        CertificateCompressionAlgorithm::zlib => Some(Arc::new(Zlib)),
        CertificateCompressionAlgorithm::brotli => Some(Arc::new(Brotli)),
        _ => None,
    }
}

/// Reads one of the lengths that a client can ask for. RFC 6066 §4.
pub(crate) fn max_fragment(text: &str) -> Result<MaxFragmentLength, String> {
    match text {
        "512" => Ok(MaxFragmentLength::two_to_the_9),
        "1024" => Ok(MaxFragmentLength::two_to_the_10),
        "2048" => Ok(MaxFragmentLength::two_to_the_11),
        "4096" => Ok(MaxFragmentLength::two_to_the_12),
        _ => Err("only 512, 1024, 2048 and 4096 can be asked for; --record-size-limit takes any length".into()),
    }
}

/// Reads the name of a policy.
pub(crate) fn policy(text: &str) -> Result<&'static Policy, String> {
    Policy::named(text.trim()).ok_or_else(|| {
        let names: Vec<_> = Policy::ALL.iter().map(Policy::name).collect();
        format!("there is no such policy; choose from {}", names.join(", "))
    })
}

/// Reads the name of a signature scheme: the registry's, or OpenSSL's.
pub(crate) fn signature_scheme(text: &str) -> Result<SignatureScheme, String> {
    let named = alias(SCHEME_ALIASES, text).or_else(|| SignatureScheme::from_name(text.trim()));
    named.ok_or_else(|| "there is no such signature scheme; they are called ecdsa_secp256r1_sha256 for example".into())
}

/// Reads the type of an extension: its name in the registry, or its number.
pub(crate) fn extension(text: &str) -> Result<ExtensionType, String> {
    let text = text.trim();
    let number = match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let written = "there is no such extension: write its name, such as server_name, or its number, 0 to 65535";
    number.map(ExtensionType).or_else(|| ExtensionType::from_name(text)).ok_or_else(|| written.into())
}

/// Reads the name of a hash: sha256, SHA-256.
pub(crate) fn psk_hash(text: &str) -> Result<HashAlgorithm, String> {
    match text.to_ascii_lowercase().replace('-', "").as_str() {
        "sha256" => Ok(HashAlgorithm::Sha256),
        "sha384" => Ok(HashAlgorithm::Sha384),
        _ => Err("there is no such hash for pre-shared keys; choose from sha256, sha384".into()),
    }
}

fn alias<T: Copy>(aliases: &[(&str, T)], text: &str) -> Option<T> {
    aliases.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim())).map(|(_, it)| *it)
}

fn among<T: PartialEq + std::fmt::Display>(kind: &str, found: Option<T>, available: &[T]) -> Result<T, String> {
    match found {
        Some(it) if available.contains(&it) => Ok(it),
        Some(it) => Err(format!("the {kind} {it} is not there in this build; choose from {}", list(available))),
        None => Err(format!("there is no such {kind}; choose from {}", list(available))),
    }
}

/// Returns the versions that the library speaks, oldest first.
pub(crate) fn available_versions() -> Vec<ProtocolVersion> {
    let speaks = |version: &ProtocolVersion| ClientConfig::new(Roots::new()).versions([*version]).is_ok();
    ProtocolVersion::NAMED.iter().copied().filter(speaks).collect()
}

fn available_cipher_suites() -> Vec<CipherSuite> {
    let has = |suite: &CipherSuite| ClientConfig::new(Roots::new()).cipher_suites([*suite]).is_ok();
    CipherSuite::NAMED.iter().copied().filter(has).collect()
}

fn available_groups() -> Vec<NamedGroup> {
    let has = |group: &NamedGroup| ClientConfig::new(Roots::new()).groups([*group]).is_ok();
    NamedGroup::NAMED.iter().copied().filter(has).collect()
}

/// Writes a list as people do.
pub(crate) fn list<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_known_by_their_customary_names() {
        for name in ["1.3", "TLS1.3", "TLSv1.3", "tls13", "TLS 1.3", "tlsv1_3"] {
            assert_eq!(version(name), Ok(ProtocolVersion::TLSv1_3), "{name}");
        }
        for name in ["1.2", "TLSv1.2", "tls12"] {
            assert_eq!(version(name), Ok(ProtocolVersion::TLSv1_2), "{name}");
        }
        for name in ["1.0", "tls1", "1.1", "1.4", "", "SSL 3.0", "ssl3"] {
            assert!(version(name).unwrap_err().contains("this build"), "{name}");
        }
    }

    #[test]
    fn groups_are_known_by_their_customary_names() {
        for name in ["P-256", "prime256v1", "secp256r1", "SECP256R1"] {
            assert_eq!(group(name), Ok(NamedGroup::secp256r1), "{name}");
        }
        assert_eq!(group("X25519"), Ok(NamedGroup::x25519));
        assert_eq!(group("x25519mlkem768"), Ok(NamedGroup::X25519MLKEM768));
        assert!(group("P-521").unwrap_err().contains("secp256r1"), "what can be chosen is said");
        assert!(group("brainpool").unwrap_err().contains("x25519"), "what can be chosen is said");
    }

    #[test]
    fn cipher_suites_are_known_in_any_case() {
        assert_eq!(cipher_suite("tls_aes_128_gcm_sha256"), Ok(CipherSuite::TLS_AES_128_GCM_SHA256));
        let of_tls12 = CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
        assert_eq!(cipher_suite("tls_ecdhe_rsa_with_aes_128_gcm_sha256"), Ok(of_tls12));
        assert!(cipher_suite("TLS_AES_128_CCM_SHA256").unwrap_err().contains("TLS_AES_256_GCM_SHA384"));
    }
    #[test]
    fn cipher_suites_of_tls12_are_known_by_openssls_names() {
        for (name, suite) in SUITE_ALIASES {
            assert_eq!(cipher_suite(name), Ok(*suite));
            assert_eq!(cipher_suite(&name.to_lowercase()), Ok(*suite));
        }
        assert!(cipher_suite("AES128-GCM-SHA256").unwrap_err().contains("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
    }
}
