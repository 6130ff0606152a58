//! Judges certificates: chain, names, usages, validity, roots. The only folder that names `webpki`.
//!
//! `webpki` builds paths and checks names and constraints; what it does not look at (key usage, the validity of what
//! comes without a clock, what a leaf's key may sign with) is ours and read by our own reader.

mod certificate;
mod chain;
mod delegation;
mod end_point;
mod names;
pub mod pem;
mod reason;
mod roots;
mod signature;

pub use certificate::{
    KeyUsage, PeerCertificate, certificate_signature_scheme, is_certificate, key_matches_certificate,
    read_subject_public_key_info,
};
pub use chain::{Purpose, verify_chain};
pub(crate) use delegation::check_certificate as check_delegation_allowed;
pub use delegation::{
    MAX_DELEGATION_LIFETIME, delegation_expires, delegation_message, is_delegation_scheme, verify_delegated_credential,
};
pub(crate) use end_point::server_end_point;
#[cfg(feature = "std")]
pub(crate) use names::distinguished_name_text;
pub use names::verify_name;
#[cfg(feature = "std")]
pub use roots::{FileError, RootsError, RootsReport};
pub use roots::{RootRejected, Roots};
pub(crate) use signature::verify_signature_with_key;
pub use signature::{CERTIFICATE_ONLY_SCHEMES, SignatureFailure, verify_handshake_signature};
