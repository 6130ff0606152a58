//! What a finished handshake has settled.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::crypto::Digest;
use crate::verify::PeerChain;
use crate::wire::{CipherSuite, ExtensionType, NamedGroup, ProtocolVersion, SignatureScheme};

/// Extensions with their contents.
pub(crate) type PeerExtensions = Box<[(ExtensionType, Box<[u8]>)]>;

/// The facts that remain of a handshake.
#[derive(Clone, Debug)]
pub(crate) struct Negotiated {
    pub(crate) version: ProtocolVersion,
    pub(crate) cipher_suite: CipherSuite,
    pub(crate) group: NamedGroup,
    pub(crate) hello_retried: bool,
    pub(crate) server_name: Option<String>,
    pub(crate) application_protocol: Option<Vec<u8>>,
    pub(crate) peer_certificates: PeerChain,
    pub(crate) peer_signature_scheme: Option<SignatureScheme>,
    /// What the peer stapled to its leaf.
    pub(crate) peer_ocsp_response: Option<Vec<u8>>,
    /// A server's tls-server-end-point: that of the certificate which it showed, here or in the session's connection.
    pub(crate) server_end_point: Option<Box<Digest>>,
    /// Of a client: the most that the server takes in a record of early data, for the session; 0 if it has not said.
    pub(crate) record_limit: u16,
    pub(crate) kind: HandshakeKind,
    pub(crate) external_psk_identity: Option<Vec<u8>>,
    /// What the server answered to the application's own extensions.
    pub(crate) peer_extensions: PeerExtensions,
    /// A server's: what the client's ticket age was off by, in seconds.
    pub(crate) ticket_age_skew: Option<i32>,
    /// Of TLS 1.2: whether the peer said that it knows RFC 5746.
    pub(crate) renegotiation_info: bool,
}

/// What a handshake was authenticated by. RFC 8446 §2.2, RFC 5246 §7.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeKind {
    /// By certificates.
    #[default]
    Full,
    /// By a session of an earlier connection, whose certificates still count.
    Resumed,
    /// By a key that both ends have from elsewhere.
    ExternalPsk,
}
