//! What both ends say alike.

use std::path::PathBuf;

use bulla::config::Policy;
use bulla::crypto::HashAlgorithm;
use bulla::wire::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};
use clap::Args;

use crate::choices;

/// What a pre-shared key is for; both ends must say the same.
#[derive(Debug, Args)]
#[command(next_help_heading = "Second connections")]
pub(crate) struct PskUse {
    /// The hash that pre-shared keys are bound to, sha256 or sha384; only suites with it can use them: --psk-hash
    /// sha384
    #[arg(long, value_name = "HASH", default_value = "sha256", value_parser = choices::psk_hash)]
    pub(crate) psk_hash: HashAlgorithm,

    /// Derives the keys that are used from those that were given (RFC 9258), one for each hash that suites have: --psk-import
    /// on both ends
    #[arg(long)]
    pub(crate) psk_import: bool,
}

/// What client and server say alike.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct Protocol {
    /// Allows what this named set allows, which never changes: --policy modern-2026-11, compatible-2026-11,
    /// post-quantum-2026-11, cnsa-2026-11 and others, which an unknown name lists. --suites, --groups, --signatures,
    /// --certificate-signatures and the versions replace its lists
    #[arg(long, value_name = "NAME", value_parser = choices::policy)]
    pub(crate) policy: Option<&'static Policy>,

    /// Application protocols, most wanted first, such as --alpn h2,http/1.1
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) alpn: Vec<String>,

    /// The oldest version to speak: --min-version 1.3
    #[arg(long, value_name = "VERSION", value_parser = choices::version)]
    pub(crate) min_version: Option<ProtocolVersion>,

    /// The newest version to speak: --max-version 1.2
    #[arg(long, value_name = "VERSION", value_parser = choices::version)]
    pub(crate) max_version: Option<ProtocolVersion>,

    /// Cipher suites of either version, most wanted first, such as TLS_AES_128_GCM_SHA256,ECDHE-RSA-AES128-GCM-SHA256
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = choices::cipher_suite, visible_alias = "ciphersuites")]
    pub(crate) suites: Vec<CipherSuite>,

    /// Key exchange groups, most wanted first, such as X25519MLKEM768,x25519,P-256
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = choices::group, visible_alias = "curves")]
    pub(crate) groups: Vec<NamedGroup>,

    /// Signature schemes for handshakes, most wanted first, such as ecdsa_secp256r1_sha256,ed25519,RSA-PSS+SHA256
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = choices::signature_scheme, visible_alias = "sigalgs")]
    pub(crate) signatures: Vec<SignatureScheme>,

    /// Appends the connection's secrets to this file, as SSLKEYLOGFILE: whoever reads it reads everything: --keylog
    /// keys.log for Wireshark
    #[arg(long, value_name = "FILE", visible_alias = "keylogfile")]
    pub(crate) keylog: Option<PathBuf>,

    /// Shows every handshake message and alert with its meaning on standard error: --trace 2>trace.txt
    #[arg(long)]
    pub(crate) trace: bool,
}
