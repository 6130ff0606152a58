//! The PSKs that a hello offers: the session's, then those that both ends have from elsewhere. RFC 8446 §4.2.11.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::session::suite_of_session;
use crate::clock::Time;
use crate::config::ClientConfig;
use crate::crypto::{Digest, HashAlgorithm, Provider, Secret, Suite};
use crate::error::{Error, Internal};
use crate::handshake::proof::crypto_failed;
use crate::keys::{EarlySecret, PskKind, Transcript};
use crate::resume::{ClientSession, ExternalPsk};
use crate::wire::{OfferedPsks, PskBinderEntry, PskIdentity};

/// One PSK and a suite of ours that has its hash.
pub(super) struct OfferedPsk {
    pub(super) suite: Suite,
    pub(super) key: PskKey,
}

/// Where a PSK is from.
pub(super) enum PskKey {
    Session(Box<ClientSession>),
    External(Arc<ExternalPsk>),
}

impl PskKey {
    pub(super) fn secret(&self) -> &Secret {
        match self {
            Self::Session(session) => &session.secret,
            Self::External(psk) => &psk.secret,
        }
    }

    fn kind(&self) -> PskKind {
        match self {
            Self::Session(_) => PskKind::Resumption,
            Self::External(psk) if psk.imported => PskKind::Imported,
            Self::External(_) => PskKind::External,
        }
    }

    /// The name, and for a ticket its age as it is hidden from observers. RFC 8446 §4.2.11.1.
    fn identity(&self, now: Option<Time>) -> PskIdentity<'_> {
        match self {
            Self::Session(session) => {
                let age = now.map_or(0, |now| now.as_millis().saturating_sub(session.received.as_millis()));
                let age = u32::try_from(age).unwrap_or(u32::MAX);
                let obfuscated_ticket_age = age.wrapping_add(session.ticket_age_add);
                PskIdentity { identity: &session.ticket, obfuscated_ticket_age }
            }
            Self::External(psk) => PskIdentity { identity: &psk.identity, obfuscated_ticket_age: 0 },
        }
    }
}

/// The PSKs to offer: the session first, because early data goes with the first one alone. RFC 8446 §4.2.10.
pub(super) fn psks_to_offer(config: &ClientConfig, session: Option<Box<ClientSession>>) -> Vec<OfferedPsk> {
    let of_session = session.and_then(|session| {
        let suite = suite_of_session(&session, config)?;
        Some(OfferedPsk { suite, key: PskKey::Session(session) })
    });
    let of_hash = |hash| config.preferences.allowed_suites().filter_map(Suite::tls13).find(|suite| suite.hash == hash);
    let external = config.resumption.psks.iter().filter_map(|psk| {
        let suite = of_hash(psk.hash)?;
        Some(OfferedPsk { suite, key: PskKey::External(Arc::clone(psk)) })
    });
    of_session.into_iter().chain(external).collect()
}

/// Binders of the right lengths that say nothing yet.
const NO_BINDER: [u8; 48] = [0; 48];

/// The extension, whose binders wait for the rest of the hello.
pub(super) fn without_binders(psks: &[OfferedPsk], now: Option<Time>) -> OfferedPsks<'_> {
    let binder = |psk: &OfferedPsk| PskBinderEntry(NO_BINDER.get(..binder_len(psk)).unwrap_or_default());
    OfferedPsks {
        identities: psks.iter().map(|psk| psk.key.identity(now)).collect(),
        binders: psks.iter().map(binder).collect(),
    }
}

fn binder_len(psk: &OfferedPsk) -> usize {
    psk.suite.hash.output_len()
}

/// Writes the binders into a hello that ends with them. They cover everything before them, and what came before a second
/// hello. RFC 8446 §4.2.11.2.
pub(super) fn write_binders(
    provider: &dyn Provider,
    psks: &[OfferedPsk],
    before: Option<&Transcript>,
    client_hello: &mut [u8],
) -> Result<(), Error> {
    let list_len: usize = psks.iter().map(|psk| 1 + binder_len(psk)).sum();
    let truncated_len = client_hello.len().checked_sub(2 + list_len).ok_or(Internal::MessageTooLong)?;
    let (truncated, binders) = client_hello.split_at_mut(truncated_len);
    let mut place = binders.get_mut(2..).unwrap_or_default();
    for psk in psks {
        let early_secret = EarlySecret::with_psk(provider, psk.suite, psk.key.secret()).map_err(crypto_failed)?;
        let hash = truncated_hash(provider, psk.suite.hash, before, truncated)?;
        let binder = early_secret.binder(provider, psk.key.kind(), &hash).map_err(crypto_failed)?;
        let (entry, rest) = place.split_at_mut_checked(1 + binder_len(psk)).ok_or(Internal::MessageTooLong)?;
        entry.get_mut(1..).unwrap_or_default().copy_from_slice(binder.as_ref());
        place = rest;
    }
    Ok(())
}

fn truncated_hash(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    before: Option<&Transcript>,
    truncated: &[u8],
) -> Result<Digest, Error> {
    let mut transcript = match before {
        Some(before) => before.fork(),
        None => Transcript::new(provider, hash).map_err(crypto_failed)?,
    };
    transcript.add(truncated);
    Ok(transcript.current())
}
