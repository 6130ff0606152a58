//! Settles by which types of certificate the two ends are known to one another. RFC 7250 §4.2.

use crate::config::{ClientHelloInfo, Identity, ServerConfig, X509_ALONE};
use crate::error::{Error, Incompatible};
use crate::resume::ServerSession;
use crate::wire::CertificateType;

/// What was settled, and what of it the client is told.
#[derive(Clone, Copy)]
pub(super) struct SettledTypes {
    /// What we show, or have shown when the session was made.
    pub(super) server: CertificateType,
    /// What the client shall show, if it is asked at all.
    pub(super) client: CertificateType,
    /// A client that is silent hears nothing.
    tells_server: bool,
    tells_client: bool,
}

impl SettledTypes {
    /// Nobody shows anything: an external PSK stands for both.
    pub(super) const NONE: Self =
        Self { server: CertificateType::X509, client: CertificateType::X509, tells_server: false, tells_client: false };

    /// For a full handshake: our own type must be one that the client judges, and of the client's we choose ours in our order, if
    /// it is asked in the handshake, or may be after it.
    pub(super) fn of_full(
        config: &ServerConfig,
        hello: &ClientHelloInfo,
        shown: &[CertificateType],
        identity: &Identity,
        asks_later: bool,
    ) -> Result<Self, Error> {
        let server = identity.certificate_type();
        if !hello.server_certificate_types.contains(&server) {
            return Err(Incompatible::NoCommonCertificateType.into());
        }
        let tells_server = said(&hello.server_certificate_types);
        let asks = config.client_auth.roots().is_some();
        let common = config.accepted_certificate_types().iter().copied().find(|ours| shown.contains(ours));
        match common.filter(|_| asks || asks_later) {
            Some(client) => Ok(Self { server, client, tells_server, tells_client: said(shown) }),
            None if asks => Err(Incompatible::NoCommonCertificateType.into()),
            None => Ok(Self { server, tells_server, ..Self::NONE }),
        }
    }

    /// For a resumption, which shows nothing again. What we were known by is confirmed; the client is not asked.
    pub(super) fn of_session(hello: &ClientHelloInfo, session: &ServerSession) -> Self {
        let tells_server = said(&hello.server_certificate_types);
        Self { server: session.server_certificate_type, tells_server, ..Self::NONE }
    }

    /// The answer in server_certificate_type.
    pub(super) fn told_of_server(&self) -> Option<CertificateType> {
        self.tells_server.then_some(self.server)
    }

    /// The answer in client_certificate_type.
    pub(super) fn told_of_client(&self) -> Option<CertificateType> {
        self.tells_client.then_some(self.client)
    }
}

/// A list of X.509 alone is what silence means, and is refused where it is said. RFC 7250 §4.1.
fn said(types: &[CertificateType]) -> bool {
    types != X509_ALONE
}

/// Says whether both ends would still take what they were known by when the session was made, and how the client has signed.
pub(super) fn still_taken(config: &ServerConfig, hello: &ClientHelloInfo, session: &ServerSession) -> bool {
    let of_client = session.client_chain.certificate_type();
    hello.server_certificate_types.contains(&session.server_certificate_type)
        && (session.client_chain.is_empty() || config.accepted_certificate_types().contains(&of_client))
        && config.preferences.takes_signature(session.client_scheme)
}
