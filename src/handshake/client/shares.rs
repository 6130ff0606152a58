//! The client's half of the key exchange: which groups get a share, and what becomes of them. RFC 8446 §4.2.8.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use crate::config::ClientConfig;
use crate::crypto::{CryptoError, Provider, Secret, StartedKeyExchange, key_exchange};
use crate::error::{Error, Incompatible, Internal, Violation};
use crate::handshake::proof::crypto_failed;
use crate::wire::{KeyShareEntry, NamedGroup};

/// Key exchanges that wait for the server's share.
pub(super) struct KeyShares {
    started: Vec<Box<dyn StartedKeyExchange>>,
    /// The groups whose shares are sent, in the order of the groups: each started, or the classical half of a hybrid that is.
    sent: Vec<NamedGroup>,
    retried: bool,
}

impl KeyShares {
    /// Starts what the first hello has shares of: what the application named, or the most wanted group and, since it costs
    /// nothing, the classical half of it. RFC 10024.
    pub(super) fn start(config: &ClientConfig) -> Result<Self, Error> {
        let provider = &*config.preferences.provider;
        let groups = &config.preferences.groups;
        if let Some(named) = &config.key_shares {
            let sent = groups.iter().copied().filter(|group| named.contains(group)).collect();
            return Self::start_all(provider, sent);
        }
        let wanted = groups.first().copied().ok_or(Incompatible::NoCommonGroup)?;
        let started = start(provider, wanted)?;
        let component = started.component().map(|(group, _)| group).filter(|group| groups.contains(group));
        let sent = [Some(wanted), component].into_iter().flatten().collect();
        Ok(Self { started: vec![started], sent, retried: false })
    }

    /// Starts the one group that HelloRetryRequest asks for.
    pub(super) fn start_one(provider: &dyn Provider, group: NamedGroup) -> Result<Self, Error> {
        Ok(Self { started: vec![start(provider, group)?], sent: vec![group], retried: true })
    }

    /// Starts each group, but for the classical half of a hybrid that is sent too: one key pair serves both.
    fn start_all(provider: &dyn Provider, sent: Vec<NamedGroup>) -> Result<Self, Error> {
        let mut started = Vec::with_capacity(sent.len());
        for &group in &sent {
            started.push(start(provider, group)?);
        }
        let halves: Vec<_> = started.iter().filter_map(|it| it.component()).map(|(group, _)| group).collect();
        started.retain(|it| !halves.contains(&it.group()));
        Ok(Self { started, sent, retried: false })
    }

    /// Says whether this is the one share that a HelloRetryRequest asked for.
    pub(super) fn is_retried(&self) -> bool {
        self.retried
    }

    /// Says whether a share of this group is sent.
    pub(super) fn has(&self, group: NamedGroup) -> bool {
        self.sent.contains(&group)
    }

    /// The shares to send, in the order of the groups. RFC 8446 §4.2.8.
    pub(super) fn entries(&self) -> Vec<KeyShareEntry<'_>> {
        let share = |group: NamedGroup| {
            let whole = self.started.iter().find(|it| it.group() == group).map(|it| it.share());
            whole
                .or_else(|| self.started.iter().filter_map(|it| it.component()).find(|it| it.0 == group).map(|it| it.1))
        };
        let entry = |&group| Some(KeyShareEntry { group, key_exchange: share(group)? });
        self.sent.iter().filter_map(entry).collect()
    }

    /// Completes with the group that the server chose: one that we sent a share of.
    pub(super) fn complete(mut self, share: &KeyShareEntry<'_>) -> Result<(NamedGroup, Secret), Error> {
        let group = share.group;
        if !self.has(group) {
            return Err(Violation::KeyShareGroupNotOffered.into());
        }
        let whole = self.started.iter().position(|it| it.group() == group);
        let half = || self.started.iter().position(|it| it.component().is_some_and(|(half, _)| half == group));
        let place = whole.or_else(half).ok_or(Internal::CryptographyFailed)?;
        let started = self.started.swap_remove(place);
        let completed = match whole {
            Some(_) => started.complete(share.key_exchange),
            None => started.complete_component(share.key_exchange),
        };
        match completed {
            Ok(secret) => Ok((group, secret)),
            Err(CryptoError::InvalidShare) => Err(Violation::InvalidKeyShare.into()),
            Err(other) => Err(crypto_failed(other)),
        }
    }
}

fn start(provider: &dyn Provider, group: NamedGroup) -> Result<Box<dyn StartedKeyExchange>, Error> {
    let exchange = key_exchange(provider, group).ok_or(Internal::CryptographyFailed)?;
    exchange.start(provider).map_err(crypto_failed)
}
