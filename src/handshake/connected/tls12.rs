//! What is left of a TLS 1.2 handshake: the master secret, for exporters.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::{Connected, identify};
use crate::crypto::{Provider, Secret};
use crate::error::{Error, Misuse, Violation};
use crate::handshake::negotiated::Negotiated;
use crate::handshake::proof::{Authenticated, VerifiedFinished, crypto_failed};
use crate::handshake::{Incoming, Outgoing, Progress};
use crate::keys::{MasterSecret, Randoms, RawKeys};
use crate::record::MAX_HELLO_REQUESTS;
use crate::wire::{AlertDescription, HelloRequest};

/// An established connection's secrets.
pub(crate) struct ConnectedTls12 {
    provider: Arc<dyn Provider>,
    master_secret: MasterSecret,
    randoms: Randoms,
    extended_master_secret: bool,
    /// verify_data of the Finished that was sent first: the client's, of an abbreviated handshake the server's.
    first_finished: [u8; 12],
    /// HelloRequests since the last application data.
    hello_requests_without_data: u32,
    /// Whether a no_renegotiation of ours still waits in the output: it answers all that come until it is taken.
    refusal_unsent: bool,
}

impl ConnectedTls12 {
    /// Establishes the connection, which takes proof of both the peer and the handshake.
    pub(crate) fn establish<S>(
        provider: Arc<dyn Provider>,
        (master_secret, randoms, extended_master_secret): (MasterSecret, Randoms, bool),
        first_finished: &Secret,
        _: VerifiedFinished,
        authenticated: Authenticated,
        mut negotiated: Negotiated,
    ) -> Progress<S> {
        identify(&mut negotiated, authenticated);
        // Both Finished are of this length. RFC 5246 §7.4.9.
        let first_finished = first_finished.expose().try_into().unwrap_or_default();
        let connected = Self {
            provider,
            master_secret,
            randoms,
            extended_master_secret,
            first_finished,
            hello_requests_without_data: 0,
            refusal_unsent: false,
        };
        Progress::Established(Box::new(Connected::Tls12(connected)), Box::new(negotiated))
    }

    pub(super) fn data_received(&mut self) {
        self.hello_requests_without_data = 0;
    }

    pub(super) fn output_taken(&mut self) {
        self.refusal_unsent = false;
    }

    /// Refuses to renegotiate, with a warning. RFC 5246 §7.4.1.1, RFC 9325 §3.5.
    pub(crate) fn receive_hello_request(&mut self, message: Incoming<'_>, out: &mut Outgoing) -> Result<(), Error> {
        message.parse::<HelloRequest>()?;
        self.hello_requests_without_data += 1;
        if self.hello_requests_without_data > MAX_HELLO_REQUESTS {
            return Err(Violation::TooManyHelloRequests.into());
        }
        if !core::mem::replace(&mut self.refusal_unsent, true) {
            out.warn(AlertDescription::no_renegotiation);
        }
        Ok(())
    }

    /// Derives the keys once more: the client's, then the server's.
    pub(super) fn raw_keys(&self) -> Result<[RawKeys; 2], Error> {
        self.master_secret.raw_key_block(&*self.provider, &self.randoms).map_err(crypto_failed)
    }

    pub(super) fn provider(&self) -> &dyn Provider {
        &*self.provider
    }

    /// The first Finished of the handshake, which without extended master secret would bind to nothing. RFC 5929 §3, RFC 7627 §1.
    pub(super) fn tls_unique(&self) -> Result<[u8; 12], Error> {
        if self.extended_master_secret { Ok(self.first_finished) } else { Err(Misuse::NoTlsUnique.into()) }
    }

    /// RFC 5705 §4; RFC 7627 §5.4 allows it with extended master secret only.
    pub(super) fn export(&self, label: &[u8], context: Option<&[u8]>, len: usize) -> Result<Secret, Error> {
        if !self.extended_master_secret {
            return Err(Misuse::ExporterUnavailable.into());
        }
        let exported = self.master_secret.export(&*self.provider, &self.randoms, label, context, len);
        exported.map_err(|_| Error::Misuse(Misuse::BadExporterRequest))
    }
}
