//! `bulla delegate`.

use std::path::PathBuf;

use bulla::wire::SignatureScheme;
use clap::Args;

use crate::choices;

pub(super) const EXAMPLES: &str = "\
Examples:
  openssl genpkey -algorithm ed25519 -out short.key
  openssl pkey -in short.key -pubout -out short.pub
  bulla delegate --cert chain.pem --key key.pem --for short.pub --days 3 --out short.dc
  bulla serve [::]:443 --root . --cert chain.pem --key key.pem --delegated-credential short.dc --delegated-key short.key";

/// `bulla delegate`.
#[derive(Debug, Args)]
pub(crate) struct Delegate {
    /// The certificate whose key delegates (PEM chain, leaf first, or DER). It must allow that: the extension
    /// DelegationUsage and the key usage digitalSignature
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: PathBuf,

    /// The private key of the certificate: PKCS#8, SEC1 or PKCS#1, PEM or DER
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// The public key that may stand in (PEM or DER), such as openssl pkey -pubout writes
    #[arg(long = "for", value_name = "PUBKEY")]
    pub(crate) public_key: PathBuf,

    /// For how many days from now, 7 at most
    #[arg(long, value_name = "NUMBER", default_value = "7", value_parser = clap::value_parser!(u32).range(1..=7))]
    pub(crate) days: u32,

    /// What the key will sign with: --scheme ecdsa_secp256r1_sha256. Without this, what is usual for such a key
    #[arg(long, value_name = "NAME", value_parser = choices::signature_scheme)]
    pub(crate) scheme: Option<SignatureScheme>,

    /// Where to write the credential
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}
