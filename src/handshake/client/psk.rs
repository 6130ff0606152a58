//! The PSKs that a client offers, and the binders that prove that it holds them. RFC 8446 §4.2.11.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::clock::Time;
use crate::config::ClientConfig;
use crate::crypto::{HashAlgorithm, Secret, Suite};
use crate::error::Error;
use crate::handshake::proof::crypto_failed;
use crate::keys::{EarlySecret, PskKind, Transcript};
use crate::resume::ClientSession;
use crate::wire::{PskBinderEntry, PskIdentity};

/// One PSK of ours.
pub(super) struct ClientPsk {
    pub(super) identity: Vec<u8>,
    pub(super) secret: Secret,
    pub(super) hash: HashAlgorithm,
    pub(super) kind: PskKind,
    /// What it was a session of; `None` for a PSK from elsewhere.
    pub(super) session: Option<Box<ClientSession>>,
}

/// Stands where a binder is not computed yet: as long as the longest.
const NO_BINDER: [u8; 64] = [0; 64];

impl ClientPsk {
    /// A ticket's. Its suite may be left out of the configuration by now, another one of its hash will do.
    pub(super) fn of_session(mut session: Box<ClientSession>, config: &ClientConfig) -> Option<Self> {
        let hash = Suite::tls13(session.cipher_suite)?.hash;
        suite_of(config, hash)?;
        Some(Self {
            identity: core::mem::take(&mut session.ticket),
            secret: core::mem::replace(&mut session.secret, Secret::zeros(0)),
            hash,
            kind: PskKind::Resumption,
            session: Some(session),
        })
    }

    /// The configuration's.
    pub(super) fn external(config: &ClientConfig) -> impl Iterator<Item = Self> + '_ {
        let usable = config.resumption.psks.iter().filter(|psk| suite_of(config, psk.hash).is_some());
        usable.map(|psk| Self {
            identity: psk.identity.clone(),
            secret: psk.secret.duplicate(),
            hash: psk.hash,
            kind: if psk.imported { PskKind::Imported } else { PskKind::External },
            session: None,
        })
    }

    /// RFC 8446 §4.2.11.1: the age in milliseconds, hidden from observers; 0 for a PSK that is no ticket.
    pub(super) fn identity(&self, now: Option<Time>) -> PskIdentity<'_> {
        let age = |session: &ClientSession| {
            let now = now.unwrap_or(session.received);
            let age = now.as_millis().saturating_sub(session.received.as_millis());
            // Within seven days, which are less than 2^32 milliseconds.
            u32::try_from(age).unwrap_or(u32::MAX).wrapping_add(session.ticket_age_add)
        };
        let obfuscated_ticket_age = self.session.as_deref().map_or(0, age);
        PskIdentity { identity: &self.identity, obfuscated_ticket_age }
    }

    /// A binder of the right length that says nothing.
    pub(super) fn no_binder(&self) -> PskBinderEntry<'static> {
        PskBinderEntry(NO_BINDER.get(..self.hash.output_len()).unwrap_or_default())
    }
}

/// A suite of ours that goes with this hash.
pub(super) fn suite_of(config: &ClientConfig, hash: HashAlgorithm) -> Option<Suite> {
    let ours = config.preferences.cipher_suites.iter().copied();
    ours.filter_map(Suite::tls13).find(|suite| suite.hash == hash)
}

/// Puts the binders where zeros stand, at the very end of a ClientHello. RFC 8446 §4.2.11.2.
///
/// Each covers the hello up to the list of binders, lengths as if it were there, behind what was said before it.
pub(super) fn write_binders(
    config: &ClientConfig,
    psks: &[ClientPsk],
    before: Option<&Transcript>,
    client_hello: &mut [u8],
) -> Result<(), Error> {
    let provider = &*config.preferences.provider;
    let list_len = 2 + psks.iter().map(|psk| 1 + psk.hash.output_len()).sum::<usize>();
    let (truncated, list) = client_hello.split_at_mut(client_hello.len().saturating_sub(list_len));
    let mut place = list.get_mut(2..).unwrap_or_default();
    for psk in psks {
        let Some(suite) = suite_of(config, psk.hash) else { continue };
        let mut transcript = match before {
            Some(before) => before.fork(),
            None => Transcript::new(provider, psk.hash).map_err(crypto_failed)?,
        };
        transcript.add(truncated);
        let early_secret = EarlySecret::with_psk(provider, suite, &psk.secret).map_err(crypto_failed)?;
        let binder = early_secret.binder(provider, psk.kind, &transcript.current()).map_err(crypto_failed)?;
        let Some((entry, rest)) = place.split_at_mut_checked(1 + psk.hash.output_len()) else { break };
        if let Some(bytes) = entry.get_mut(1..) {
            bytes.copy_from_slice(binder.as_ref());
        }
        place = rest;
    }
    Ok(())
}
