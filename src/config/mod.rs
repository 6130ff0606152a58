//! What the application decides: the two configurations, identities, and the traits behind each question.
//!
//! A finished configuration is immutable and shared by `Arc`; replacing one is swapping the `Arc`. Whatever cannot
//! work is refused while the configuration is built, with the reason.

mod certificate_types;
mod client;
pub mod compression;
pub mod danger;
mod delegation;
mod error;
mod fingerprint;
mod hello_shape;
mod hello_view;
mod identity;
#[cfg(feature = "std")]
mod live;
mod observer;
mod policy;
mod preferences;
mod question;
#[cfg(test)]
#[cfg_attr(not(all(feature = "ring", feature = "std")), allow(dead_code, reason = "the replays need both"))]
pub(crate) mod recorded;
mod resumption;
mod server;

pub(crate) use client::MAX_AUTHORITIES_LEN;
pub use client::{ClientConfig, choose_by_request};
pub use error::ConfigError;
pub use hello_shape::{ClientHelloShape, MAX_SHAPED_LEN};
pub use hello_view::ClientHelloView;
pub use identity::{Identity, LocalSigner};
#[cfg(feature = "std")]
pub use live::{Live, LiveIdentities, SwapRefused};
pub use observer::{Content, Direction, Observed, Observer};
pub use policy::Policy;
pub use question::{
    CertificateRequestInfo, ChainAccepted, ChainToVerify, ChooseClientIdentity, ChooseServerConfig,
    ChooseServerIdentity, ClientHelloInfo, Decision, Signer, SigningFailed, SigningRequest, Verdict, VerifyChain,
};
pub use resumption::{
    AntiReplay, ClientSessionQuery, ClientSessionStore, EARLY_DATA_WINDOW, EarlyDataOffer, FindPsk, PskQuery,
    SealTickets, ServerSessionStore, SessionPlace, SessionQuery, StrikeRegister,
};
pub use server::{ClientAuth, ServerConfig, choose_by_server_name};

pub use preferences::AVAILABLE_VERSIONS;

pub use crate::record::{PadRecords, PadToMultipleOf};

pub(crate) use certificate_types::{CertificateTypes, X509_ALONE};
pub(crate) use hello_view::host_name;
pub(crate) use preferences::Preferences;
pub(crate) use resumption::{ClientResumption, EarlyDataPolicy, ServerResumption};
