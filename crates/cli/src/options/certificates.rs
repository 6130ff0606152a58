//! What both ends say of certificates alike.

use std::path::PathBuf;

use bulla::wire::{CertificateCompressionAlgorithm, SignatureScheme};
use clap::Args;

use crate::choices;

/// How certificates may be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Certificates")]
pub(crate) struct Certificates {
    /// Compresses certificates in the first of these ways that the peer has too, and takes theirs, in TLS 1.3 (RFC 8879):
    /// --compress-certificate brotli,zlib
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = choices::compression)]
    pub(crate) compress_certificate: Vec<CertificateCompressionAlgorithm>,

    /// Signature schemes that the peer's certificates may be signed with, apart from those for handshakes:
    /// --certificate-signatures ecdsa_secp256r1_sha256,RSA+SHA256
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = choices::signature_scheme)]
    pub(crate) certificate_signatures: Vec<SignatureScheme>,

    /// Takes a peer that shows the public key in this file (PEM or DER, or a certificate's) instead of a certificate, and
    /// proves to have the private one (RFC 7250): --raw-public-key peer.pub, from openssl pkey -pubout; repeatable. Without
    /// an authority nothing else is taken
    #[arg(long, value_name = "FILE")]
    pub(crate) raw_public_key: Vec<PathBuf>,

    /// Shows the public half of this private key instead of a certificate, to peers that take such: --raw-key my.key
    #[arg(long, value_name = "FILE")]
    pub(crate) raw_key: Vec<PathBuf>,
}
