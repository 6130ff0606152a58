//! Asking a client who it is, once the handshake is finished. RFC 8446 §4.6.2.

use super::{Connection, Phase, Role};
use crate::error::{Error, Misuse};
use crate::handshake::client::tls13::post_handshake_authentication as client;
use crate::handshake::connected::authentication::AskingServer;
use crate::handshake::server::tls13::post_handshake_authentication as server;
use crate::handshake::{Answer, Connected, Negotiated, Outgoing};

impl Connection {
    /// Asks the client for a certificate, as the configuration's
    /// [`post_handshake_auth`](crate::ServerConfig::post_handshake_auth) says. RFC 8446 §4.6.2. The request waits in the
    /// output. Data goes on in both directions until the client answers, which it may do when it likes: then comes
    /// [`Event::PeerAuthenticated`](super::Event::PeerAuthenticated),
    /// [`Event::CertificateDeclined`](super::Event::CertificateDeclined), or the end of the connection.
    ///
    /// [`Misuse::NoPostHandshakeAuth`]: this is no server of TLS 1.3, its configuration does not want it, the client did not offer
    /// it, or is known by an external PSK. RFC 9846 §4.4.2. [`Misuse::CertificateRequestLimit`]:
    /// [`MAX_OPEN_CERTIFICATE_REQUESTS`](crate::MAX_OPEN_CERTIFICATE_REQUESTS) wait for their answers already.
    pub fn request_client_certificate(&mut self) -> Result<(), Error> {
        self.check_may_send()?;
        match self.asking() {
            None => return Err(Misuse::NoPostHandshakeAuth.into()),
            Some(asking) if !asking.may_ask() => return Err(Misuse::CertificateRequestLimit.into()),
            Some(_) => {}
        }
        let asked = self.step(|mut phase, out| {
            if let Phase::Established { connected, .. } = &mut phase
                && let Connected::Tls13(connected) = &mut **connected
            {
                server::request(connected, out)?;
            }
            Ok(phase)
        });
        asked.map_err(|error| self.fail(error))
    }

    /// Returns how many requests for the client's certificate have not been answered in full.
    #[must_use]
    pub fn open_certificate_requests(&self) -> usize {
        self.asking().map_or(0, AskingServer::unanswered)
    }

    fn asking(&self) -> Option<&AskingServer> {
        match &self.phase {
            Phase::Established { connected, .. } => connected.asking(),
            Phase::Client(_) | Phase::Server(_) | Phase::Failed(_) => None,
        }
    }

    /// Says whether an answer to a request of the server waits in the output: without it the server may say nothing more.
    #[cfg(feature = "std")]
    pub(crate) fn owes_certificate(&self) -> bool {
        matches!(&self.phase, Phase::Established { connected, .. } if connected.owes_answer())
    }
}

/// Says whether the question that is open after the handshake can be answered so.
pub(super) fn takes_when_connected(role: Role, connected: &Connected, answer: &Answer) -> bool {
    match (role, connected) {
        (Role::Client, Connected::Tls13(connected)) => client::takes(connected, answer),
        (Role::Server, Connected::Tls13(connected)) => server::takes(connected, answer),
        #[cfg(feature = "tls12")]
        (_, Connected::Tls12(_)) => false,
    }
}

/// Goes on from a question that is open after the handshake.
pub(super) fn answer_when_connected(
    role: Role,
    connected: &mut Connected,
    negotiated: &mut Negotiated,
    answer: Answer,
    out: &mut Outgoing,
) -> Result<(), Error> {
    match (role, connected) {
        (Role::Client, Connected::Tls13(connected)) => client::answer(connected, answer, out),
        (Role::Server, Connected::Tls13(connected)) => server::answer(connected, negotiated, answer, out),
        #[cfg(feature = "tls12")]
        (_, Connected::Tls12(_)) => Err(Misuse::WrongAnswer.into()),
    }
}
