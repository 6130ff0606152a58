//! The handshake that a PSK authenticates: Finished comes at once, and early data may have come before. RFC 8446 §2.2, §2.3.

use alloc::vec::Vec;

use super::State;
use super::authentication::{Flight, accept_finished};
use super::key_exchange::Handshake;
use crate::error::{Error, Violation};
use crate::handshake::client::early_data;
use crate::handshake::client::psk::PskKey;
use crate::handshake::proof::{Authenticated, crypto_failed};
use crate::handshake::{EarlyData, Incoming, Outgoing, Progress};
use crate::record::Level;
use crate::wire::EndOfEarlyData;

/// Learns from EncryptedExtensions whether the server takes the early data, which it may under the terms of its session
/// alone. RFC 8446 §4.2.10.
pub(super) fn settle_early_data(
    handshake: &mut Handshake,
    taken: bool,
    application_protocol: Option<&[u8]>,
    out: &mut Outgoing,
) -> Result<(), Error> {
    match (handshake.early_data, &handshake.psk) {
        (EarlyData::Pending, Some(PskKey::Session(session))) if taken => {
            let same_suite = session.cipher_suite == handshake.suite.id;
            if !same_suite || session.application_protocol.as_deref() != application_protocol {
                return Err(Violation::EarlyDataTermsChanged.into());
            }
            handshake.early_data = EarlyData::Accepted;
            out.early_data(EarlyData::Accepted);
        }
        // The first PSK alone protects early data.
        _ if taken => return Err(Violation::EarlyDataTermsChanged.into()),
        (EarlyData::Pending, _) => {
            handshake.early_data = EarlyData::Rejected;
            early_data::give_up(EarlyData::Rejected, out);
            write_handshake_keys(handshake, out)?;
        }
        _ => {}
    }
    Ok(())
}

fn write_handshake_keys(handshake: &Handshake, out: &mut Outgoing) -> Result<(), Error> {
    let keys = handshake.client_secret.keys(&*handshake.provider()).map_err(crypto_failed)?;
    out.write_keys(Level::Handshake, keys);
    Ok(())
}

/// RFC 8446 §A.1: WAIT_FINISHED, reached without certificates.
pub(crate) struct WaitFinishedOfPsk {
    pub(super) handshake: Handshake,
    pub(super) application_protocol: Option<Vec<u8>>,
    pub(super) psk: PskKey,
}

impl WaitFinishedOfPsk {
    /// RFC 8446 §4.4.4.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Progress<State>, Error> {
        let Self { mut handshake, application_protocol, psk } = self;
        // 1. Whoever made this Finished holds the PSK.
        let (proof, application) = accept_finished(&mut handshake, message, out)?;
        let (authenticated, authenticated_at) = match psk {
            PskKey::Session(session) => {
                handshake.beside.ocsp_response = session.server_ocsp_response.clone();
                handshake.beside.timestamps = session.server_timestamps.clone();
                handshake.delegated_until = session.delegated_until;
                let chain = session.server_chain.clone();
                let authenticated = Authenticated::by_session(&proof, chain, session.server_scheme);
                (authenticated, Some(session.authenticated))
            }
            // Who holds the PSK is trusted for that: a session of it would outlive the PSK, and vouch for nobody.
            PskKey::External(psk) => (Authenticated::by_external_psk(&proof, psk.identity()), None),
        };

        // 2. The early data ends, and our flight goes on under the handshake keys. RFC 8446 §4.5.
        if handshake.early_data == EarlyData::Accepted {
            out.send(Level::EarlyData, &EndOfEarlyData, &mut handshake.transcript)?;
            out.early_data_room(0);
            write_handshake_keys(&handshake, out)?;
        }
        Flight { handshake, application_protocol, proof, authenticated, authenticated_at, application }.finish(out)
    }
}
