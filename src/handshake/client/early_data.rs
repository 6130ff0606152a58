//! Early data behind the ClientHello: whether it is offered, and the keys that protect it. RFC 8446 §2.3, §4.2.10.

use alloc::sync::Arc;

use super::offer::Offer;
use super::psk::{OfferedPsk, PskKey};
use crate::config::ClientConfig;
use crate::error::Error;
use crate::handshake::proof::crypto_failed;
use crate::handshake::{EarlyData, EarlyExporter, Outgoing};
use crate::keys::{EarlySecret, Transcript};
use crate::record::{Level, RecordLimit};
use crate::resume::ClientSession;

/// Says whether early data may be offered: the application wants it, the session allows it, and its suite and its
/// application protocol can still be chosen. RFC 8446 §4.2.10.
pub(super) fn may_offer(config: &ClientConfig, psks: &[OfferedPsk]) -> bool {
    let Some(OfferedPsk { suite, key: PskKey::Session(session) }) = psks.first() else { return false };
    let protocol_fits = match &session.application_protocol {
        Some(protocol) => config.preferences.application_protocols.contains(protocol),
        None => true,
    };
    config.resumption.early_data && session.max_early_data > 0 && suite.id == session.cipher_suite && protocol_fits
}

/// Changes the write keys behind a ClientHello that offers early data. RFC 8446 §7.1.
pub(super) fn start(offer: &Offer, client_hello: &[u8], out: &mut Outgoing) -> Result<(), Error> {
    let Some((psk, session)) = session_of(offer) else { return Ok(()) };
    let provider = &*offer.config.preferences.provider;

    // 1. The early secrets over ClientHello.
    let early_secret = EarlySecret::with_psk(provider, psk.suite, &session.secret).map_err(crypto_failed)?;
    let mut transcript = Transcript::new(provider, psk.suite.hash).map_err(crypto_failed)?;
    transcript.add(client_hello);
    let hash = transcript.current();
    let traffic_secret = early_secret.client_early_traffic_secret(provider, &hash).map_err(crypto_failed)?;
    offer.log("CLIENT_EARLY_TRAFFIC_SECRET", traffic_secret.secret().expose());
    let secret = early_secret.early_exporter_secret(provider, &hash).map_err(crypto_failed)?;
    offer.log("EARLY_EXPORTER_SECRET", secret.secret().expose());
    out.early_exporter(EarlyExporter { provider: Arc::clone(&offer.config.preferences.provider), secret });

    // 2. The dummy change_cipher_spec comes right behind the hello, and not again. RFC 8446 §D.4.
    if offer.config.middlebox_compatibility {
        out.change_cipher_spec();
    }

    // 3. From here on early data, as much as the ticket says, in records no larger than the server took then: it may go by
    // what it says now before we know that. RFC 8449 §4.
    if session.record_limit != 0 {
        out.write_limit(RecordLimit::of_protected(session.record_limit));
    }
    out.pad_records(offer.config.preferences.padding.as_ref());
    out.write_keys(Level::EarlyData, traffic_secret.keys(provider).map_err(crypto_failed)?);
    out.early_data(EarlyData::Pending);
    out.early_data_room(session.max_early_data);
    Ok(())
}

/// The session whose PSK protects the early data of this hello.
fn session_of(offer: &Offer) -> Option<(&OfferedPsk, &ClientSession)> {
    let psk = offer.psks.first().filter(|_| offer.early_data)?;
    match &psk.key {
        PskKey::Session(session) => Some((psk, session)),
        PskKey::External(_) => None,
    }
}

/// The early data is lost: what follows is not protected by its keys any more.
pub(super) fn give_up(outcome: EarlyData, out: &mut Outgoing) {
    out.early_data(outcome);
    out.early_data_room(0);
}
