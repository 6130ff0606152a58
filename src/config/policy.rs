//! Named policies: what may be negotiated, as a whole, under a name that says when it was written.
//!
//! A policy never changes: who names one gets the same next year. What is found wanting gets a successor with a later date.

use super::ConfigError;
use super::preferences::{AVAILABLE_VERSIONS, Preferences};
use crate::wire::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// A versioned, unchanging set of versions, cipher suites, groups and signature schemes, each most wanted first.
///
/// [`ClientConfig::policy`](super::ClientConfig::policy) and [`ServerConfig::policy`](super::ServerConfig::policy) take one;
/// the lists of a configuration can still be changed afterwards, one by one. A policy speaks of algorithms: how long the RSA
/// keys in a chain are, it does not say.
#[derive(Debug, PartialEq, Eq)]
pub struct Policy {
    name: &'static str,
    versions: &'static [ProtocolVersion],
    cipher_suites: &'static [CipherSuite],
    groups: &'static [NamedGroup],
    signature_schemes: &'static [SignatureScheme],
    certificate_signature_schemes: &'static [SignatureScheme],
}

type V = ProtocolVersion;
type C = CipherSuite;
type G = NamedGroup;
type S = SignatureScheme;

impl Policy {
    /// For peers of today: TLS 1.3 alone, the hybrid first.
    pub const MODERN_2026_11: Self = Self {
        name: "modern-2026-11",
        versions: &[V::TLSv1_3],
        cipher_suites: &[C::TLS_AES_128_GCM_SHA256, C::TLS_AES_256_GCM_SHA384, C::TLS_CHACHA20_POLY1305_SHA256],
        groups: &[G::X25519MLKEM768, G::x25519, G::secp256r1, G::secp384r1],
        signature_schemes: &[
            S::ecdsa_secp256r1_sha256,
            S::ecdsa_secp384r1_sha384,
            S::ed25519,
            S::rsa_pss_rsae_sha256,
            S::rsa_pss_rsae_sha384,
            S::rsa_pss_rsae_sha512,
            S::rsa_pss_pss_sha256,
            S::rsa_pss_pss_sha384,
            S::rsa_pss_pss_sha512,
        ],
        certificate_signature_schemes: ALL_SCHEMES,
    };

    /// For peers of any age that is still safe: TLS 1.3 and TLS 1.2, with every group, suite and scheme that is not outdated.
    pub const COMPATIBLE_2026_11: Self = Self {
        name: "compatible-2026-11",
        versions: &[V::TLSv1_3, V::TLSv1_2],
        cipher_suites: &[
            C::TLS_AES_128_GCM_SHA256,
            C::TLS_AES_256_GCM_SHA384,
            C::TLS_CHACHA20_POLY1305_SHA256,
            C::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            C::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            C::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            C::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            C::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            C::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ],
        groups: &[
            G::X25519MLKEM768,
            G::x25519,
            G::secp256r1,
            G::secp384r1,
            G::SecP256r1MLKEM768,
            G::SecP384r1MLKEM1024,
            G::MLKEM1024,
            G::MLKEM768,
        ],
        signature_schemes: ALL_SCHEMES,
        certificate_signature_schemes: ALL_SCHEMES,
    };

    /// For secrets that must outlive the elliptic curves: every key exchange has ML-KEM in it, hybrids first. Signatures,
    /// which need only hold today, are those of [`MODERN_2026_11`](Self::MODERN_2026_11).
    pub const POST_QUANTUM_2026_11: Self = Self {
        name: "post-quantum-2026-11",
        groups: &[G::X25519MLKEM768, G::SecP384r1MLKEM1024, G::SecP256r1MLKEM768, G::MLKEM1024, G::MLKEM768],
        ..Self::MODERN_2026_11
    };

    /// What of CNSA 2.0 can be had today: TLS 1.3, AES-256 with SHA-384, ML-KEM-1024, and for the time until ML-DSA the
    /// signatures of CNSA 1.0. The hybrid beside it is for peers that want their curve too.
    pub const CNSA_2026_11: Self = Self {
        name: "cnsa-2026-11",
        versions: &[V::TLSv1_3],
        cipher_suites: &[C::TLS_AES_256_GCM_SHA384],
        groups: &[G::MLKEM1024, G::SecP384r1MLKEM1024],
        signature_schemes: &[S::ecdsa_secp384r1_sha384, S::rsa_pss_rsae_sha384, S::rsa_pss_pss_sha384],
        certificate_signature_schemes: CNSA_SCHEMES,
    };

    /// CNSA 1.0 (RFC 9151) for the years of change: P-384 where the peer has no ML-KEM-1024. RFC 9151 forbids early data,
    /// which no configuration has by itself.
    pub const CNSA_1_2026_11: Self = Self {
        name: "cnsa-1-2026-11",
        versions: &[V::TLSv1_3, V::TLSv1_2],
        cipher_suites: AES_256_SUITES,
        groups: &[G::MLKEM1024, G::secp384r1],
        signature_schemes: CNSA_SCHEMES,
        certificate_signature_schemes: CNSA_SCHEMES,
    };

    /// NIST SP 800-52 Rev. 2, without CBC, static RSA and finite fields: AES-GCM, P-256 and P-384, ECDSA and RSA.
    pub const SP_800_52_2026_11: Self = Self {
        name: "sp-800-52-2026-11",
        versions: &[V::TLSv1_3, V::TLSv1_2],
        cipher_suites: &[
            C::TLS_AES_128_GCM_SHA256,
            C::TLS_AES_256_GCM_SHA384,
            C::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            C::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            C::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            C::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        ],
        groups: &[G::secp256r1, G::secp384r1],
        signature_schemes: NIST_SCHEMES,
        certificate_signature_schemes: NIST_SCHEMES,
    };

    /// The 192-bit mode of WPA3 (Wi-Fi Alliance, WPA3 3.1 §3.5): AES-256-GCM, P-384, SHA-384 and longer.
    pub const WPA3_192_2026_11: Self = Self {
        name: "wpa3-192-2026-11",
        versions: &[V::TLSv1_3, V::TLSv1_2],
        cipher_suites: AES_256_SUITES,
        groups: &[G::secp384r1],
        signature_schemes: WPA3_SCHEMES,
        certificate_signature_schemes: WPA3_SCHEMES,
    };

    /// Every policy.
    pub const ALL: &'static [Self] = &[
        Self::MODERN_2026_11,
        Self::COMPATIBLE_2026_11,
        Self::POST_QUANTUM_2026_11,
        Self::CNSA_2026_11,
        Self::CNSA_1_2026_11,
        Self::SP_800_52_2026_11,
        Self::WPA3_192_2026_11,
    ];

    /// Finds a policy by its name, `modern-2026-11` for one, ignoring ASCII case.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|policy| policy.name.eq_ignore_ascii_case(name))
    }

    /// Returns the name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the versions.
    pub fn versions(&self) -> &'static [ProtocolVersion] {
        self.versions
    }

    /// Returns the cipher suites.
    pub fn cipher_suites(&self) -> &'static [CipherSuite] {
        self.cipher_suites
    }

    /// Returns the key exchange groups.
    pub fn groups(&self) -> &'static [NamedGroup] {
        self.groups
    }

    /// Returns the schemes in which handshakes are signed.
    pub fn signature_schemes(&self) -> &'static [SignatureScheme] {
        self.signature_schemes
    }

    /// Returns the schemes in which certificates are signed.
    pub fn certificate_signature_schemes(&self) -> &'static [SignatureScheme] {
        self.certificate_signature_schemes
    }
}

/// Every scheme that Bulla knows; those of TLS 1.2 alone last.
const ALL_SCHEMES: &[SignatureScheme] = &[
    S::ecdsa_secp256r1_sha256,
    S::ecdsa_secp384r1_sha384,
    S::ed25519,
    S::rsa_pss_rsae_sha256,
    S::rsa_pss_rsae_sha384,
    S::rsa_pss_rsae_sha512,
    S::rsa_pss_pss_sha256,
    S::rsa_pss_pss_sha384,
    S::rsa_pss_pss_sha512,
    S::rsa_pkcs1_sha256,
    S::rsa_pkcs1_sha384,
    S::rsa_pkcs1_sha512,
];

/// RFC 9151 §6.2, §7.1.
const CNSA_SCHEMES: &[SignatureScheme] =
    &[S::ecdsa_secp384r1_sha384, S::rsa_pss_rsae_sha384, S::rsa_pss_pss_sha384, S::rsa_pkcs1_sha384];

/// NIST SP 800-52 Rev. 2, Table 4-1.
const NIST_SCHEMES: &[SignatureScheme] = &[
    S::ecdsa_secp256r1_sha256,
    S::ecdsa_secp384r1_sha384,
    S::rsa_pss_rsae_sha256,
    S::rsa_pss_rsae_sha384,
    S::rsa_pss_rsae_sha512,
    S::rsa_pkcs1_sha256,
    S::rsa_pkcs1_sha384,
    S::rsa_pkcs1_sha512,
];

const WPA3_SCHEMES: &[SignatureScheme] = &[
    S::ecdsa_secp384r1_sha384,
    S::rsa_pss_rsae_sha384,
    S::rsa_pss_rsae_sha512,
    S::rsa_pkcs1_sha384,
    S::rsa_pkcs1_sha512,
];

const AES_256_SUITES: &[CipherSuite] =
    &[C::TLS_AES_256_GCM_SHA384, C::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, C::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384];

impl Preferences {
    /// Takes over a policy's lists, as far as this build and the provider have what they name.
    pub(super) fn set_policy(&mut self, policy: &Policy) -> Result<(), ConfigError> {
        let versions = policy.versions.iter().filter(|version| AVAILABLE_VERSIONS.contains(version));
        self.versions = versions.copied().collect();
        self.cipher_suites = policy.cipher_suites.iter().copied().filter(|id| self.has_cipher_suite(*id)).collect();
        self.groups = policy.groups.iter().copied().filter(|group| self.has_group(*group)).collect();
        let schemes = policy.signature_schemes.iter().copied().filter(|scheme| self.has_scheme(*scheme));
        self.signature_schemes = schemes.collect();
        self.signing_schemes.clone_from(&self.signature_schemes);
        let certificates = policy.certificate_signature_schemes.iter().copied();
        self.certificate_schemes = Some(certificates.filter(|scheme| self.has_certificate_scheme(*scheme)).collect());
        self.check()
    }
}
