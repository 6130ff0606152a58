//! Judges certificates: chain, names, usages, validity, roots. The only folder that names `webpki`.
//!
//! `webpki` builds paths and checks names and constraints; what it does not look at (key usage, the validity of what
//! comes without a clock, what a leaf's key may sign with) is ours and read by our own reader.

mod certificate;
mod chain;
mod delegation;
mod end_point;
mod names;
mod peer_chain;
pub mod pem;
mod raw_key;
mod reason;
mod roots;
mod signature;

use certificate::scheme_of_signature;
pub use certificate::{
    KeyUsage, PeerCertificate, certificate_signature_scheme, is_certificate, key_matches_certificate,
};
pub(crate) use chain::verify_chain_signed_with;
pub use chain::{Purpose, verify_chain};
pub(crate) use delegation::check_certificate as check_delegation_allowed;
pub use delegation::{
    MAX_DELEGATION_LIFETIME, delegation_expires, delegation_message, is_delegation_scheme, verify_delegated_credential,
};
pub(crate) use end_point::server_end_point;
#[cfg(feature = "std")]
pub(crate) use names::distinguished_name_text;
pub use names::verify_name;
pub(crate) use peer_chain::PeerChain;
pub use raw_key::{PublicKeyInfo, check_raw_public_key, raw_public_key_of, verify_raw_public_key};
#[cfg(feature = "std")]
pub use roots::{FileError, RootsError, RootsReport};
pub use roots::{RootRejected, Roots};
pub use signature::{
    CERTIFICATE_ONLY_SCHEMES, SignatureFailure, verify_handshake_signature, verify_handshake_signature_with_key,
};
