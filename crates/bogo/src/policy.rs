//! Sets of rules that have a name elsewhere, as the lists that an application would configure for them.

use bulla::wire::{CipherSuite, NamedGroup, SignatureScheme};

/// What may be used, most wanted first; `None` leaves bulla's own list.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) cipher_suites: &'static [CipherSuite],
    pub(crate) groups: Option<&'static [NamedGroup]>,
    pub(crate) signature_schemes: Option<&'static [SignatureScheme]>,
}

/// `-fips-202205`: what NIST SP 800-52r2 allows.
pub(crate) const FIPS_202205: Policy = Policy {
    cipher_suites: &[
        CipherSuite::TLS_AES_128_GCM_SHA256,
        CipherSuite::TLS_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ],
    groups: Some(&[NamedGroup::secp256r1, NamedGroup::secp384r1]),
    signature_schemes: Some(&[
        SignatureScheme::rsa_pkcs1_sha256,
        SignatureScheme::rsa_pkcs1_sha384,
        SignatureScheme::rsa_pkcs1_sha512,
        SignatureScheme::ecdsa_secp256r1_sha256,
        SignatureScheme::ecdsa_secp384r1_sha384,
        SignatureScheme::rsa_pss_rsae_sha256,
        SignatureScheme::rsa_pss_rsae_sha384,
        SignatureScheme::rsa_pss_rsae_sha512,
    ]),
};

/// `-wpa-202304`: the 192-bit mode of WPA3.
pub(crate) const WPA_202304: Policy = Policy {
    cipher_suites: &[
        CipherSuite::TLS_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ],
    groups: Some(&[NamedGroup::secp384r1]),
    signature_schemes: Some(&[
        SignatureScheme::rsa_pkcs1_sha384,
        SignatureScheme::rsa_pkcs1_sha512,
        SignatureScheme::ecdsa_secp384r1_sha384,
        SignatureScheme::rsa_pss_rsae_sha384,
        SignatureScheme::rsa_pss_rsae_sha512,
    ]),
};

/// `-cnsa-202407`: AES-256 before the others, which stay.
pub(crate) const CNSA_202407: Policy = Policy {
    cipher_suites: &[
        CipherSuite::TLS_AES_256_GCM_SHA384,
        CipherSuite::TLS_AES_128_GCM_SHA256,
        CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
    ],
    groups: None,
    signature_schemes: None,
};
