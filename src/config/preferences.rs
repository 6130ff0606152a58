//! What client and server decide alike: provider, clock, and the preference lists, each in order, most wanted first.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{ConfigError, Observer};
use crate::clock::{Clock, Time};
use crate::crypto::{Provider, Suite};
use crate::keys::KeyLog;
use crate::wire::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// The versions that this build speaks, most wanted first.
const AVAILABLE_VERSIONS: &[ProtocolVersion] = &[ProtocolVersion::TLSv1_3];

/// The most bytes of a ProtocolNameList that leave room for the rest of a ClientHello. RFC 7301 §3.1.
const MAX_PROTOCOL_NAME_LIST_LEN: usize = 0x8000;

/// The part that both configurations share.
#[derive(Clone, Debug)]
pub(crate) struct Preferences {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) versions: Vec<ProtocolVersion>,
    pub(crate) cipher_suites: Vec<CipherSuite>,
    pub(crate) groups: Vec<NamedGroup>,
    pub(crate) signature_schemes: Vec<SignatureScheme>,
    pub(crate) application_protocols: Vec<Vec<u8>>,
    pub(crate) key_log: Option<Arc<dyn KeyLog>>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    #[cfg(test)]
    pub(crate) recorded: Option<Arc<super::recorded::Recorded>>,
}

impl Preferences {
    /// Everything that the provider has, in the provider's order.
    pub(crate) fn of(provider: Arc<dyn Provider>) -> Self {
        let cipher_suites = provider.cipher_suites().iter().copied().filter(|&id| Suite::tls13(id).is_some()).collect();
        let groups = provider.groups().iter().map(|exchange| exchange.group()).collect();
        let signature_schemes = handshake_schemes(&*provider);
        Self {
            provider,
            clock: default_clock(),
            versions: AVAILABLE_VERSIONS.to_vec(),
            cipher_suites,
            groups,
            signature_schemes,
            application_protocols: Vec::new(),
            key_log: None,
            observer: None,
            #[cfg(test)]
            recorded: None,
        }
    }

    pub(crate) fn now(&self) -> Option<Time> {
        self.clock.now()
    }

    pub(crate) fn allows(&self, version: ProtocolVersion) -> bool {
        self.versions.contains(&version)
    }

    pub(super) fn set_versions(&mut self, versions: Vec<ProtocolVersion>) -> Result<(), ConfigError> {
        let unavailable = |version: &ProtocolVersion| !AVAILABLE_VERSIONS.contains(version);
        self.versions = checked("versions", versions, unavailable, ConfigError::VersionUnavailable)?;
        Ok(())
    }

    pub(super) fn set_cipher_suites(&mut self, suites: Vec<CipherSuite>) -> Result<(), ConfigError> {
        let of_provider = self.provider.cipher_suites();
        let unavailable = |id: &CipherSuite| Suite::tls13(*id).is_none() || !of_provider.contains(id);
        self.cipher_suites = checked("cipher suites", suites, unavailable, ConfigError::CipherSuiteUnavailable)?;
        Ok(())
    }

    pub(super) fn set_groups(&mut self, groups: Vec<NamedGroup>) -> Result<(), ConfigError> {
        let of_provider = self.provider.groups();
        let unavailable = |group: &NamedGroup| !of_provider.iter().any(|exchange| exchange.group() == *group);
        self.groups = checked("groups", groups, unavailable, ConfigError::GroupUnavailable)?;
        Ok(())
    }

    pub(super) fn set_signature_schemes(&mut self, schemes: Vec<SignatureScheme>) -> Result<(), ConfigError> {
        let of_provider = handshake_schemes(&*self.provider);
        let unavailable = |scheme: &SignatureScheme| !of_provider.contains(scheme);
        let reason = ConfigError::SignatureSchemeUnavailable;
        self.signature_schemes = checked("signature schemes", schemes, unavailable, reason)?;
        Ok(())
    }

    pub(super) fn set_application_protocols(&mut self, protocols: Vec<Vec<u8>>) -> Result<(), ConfigError> {
        let bad = |name: &Vec<u8>| !(1..=255).contains(&name.len());
        let reason = |name: Vec<u8>| ConfigError::BadApplicationProtocol(String::from_utf8_lossy(&name).into_owned());
        if protocols.iter().map(|name| 1 + name.len()).sum::<usize>() > MAX_PROTOCOL_NAME_LIST_LEN {
            return Err(ConfigError::TooManyApplicationProtocols);
        }
        self.application_protocols = checked("application protocols", protocols, bad, reason)?;
        Ok(())
    }
}

/// The schemes with which a handshake may be signed, each once, in the provider's order.
fn handshake_schemes(provider: &dyn Provider) -> Vec<SignatureScheme> {
    let mut schemes = Vec::new();
    for scheme in provider.verification_algorithms().iter().filter_map(|algorithm| algorithm.scheme) {
        if !schemes.contains(&scheme) {
            schemes.push(scheme);
        }
    }
    schemes
}

/// Refuses an empty list, an entry that cannot be had, and an entry that stands twice.
fn checked<T: PartialEq>(
    list: &'static str,
    entries: Vec<T>,
    is_bad: impl Fn(&T) -> bool,
    reason: impl FnOnce(T) -> ConfigError,
) -> Result<Vec<T>, ConfigError> {
    if entries.is_empty() {
        return Err(ConfigError::Empty(list));
    }
    if entries.iter().enumerate().any(|(index, entry)| entries.iter().skip(index + 1).any(|later| later == entry)) {
        return Err(ConfigError::Repeated(list));
    }
    match entries.iter().position(is_bad) {
        Some(index) => Err(entries.into_iter().nth(index).map_or(ConfigError::Empty(list), reason)),
        None => Ok(entries),
    }
}

fn default_clock() -> Arc<dyn Clock> {
    #[cfg(feature = "std")]
    return Arc::new(crate::clock::SystemClock);
    #[cfg(not(feature = "std"))]
    return Arc::new(crate::clock::NoClock);
}

/// The builder methods that both configurations have.
macro_rules! shared_decisions {
    () => {
        /// Allows these versions only, most wanted first.
        pub fn versions(mut self, versions: impl IntoIterator<Item = ProtocolVersion>) -> Result<Self, ConfigError> {
            self.preferences.set_versions(versions.into_iter().collect())?;
            Ok(self)
        }

        /// Allows these cipher suites only, most wanted first.
        pub fn cipher_suites(mut self, suites: impl IntoIterator<Item = CipherSuite>) -> Result<Self, ConfigError> {
            self.preferences.set_cipher_suites(suites.into_iter().collect())?;
            Ok(self)
        }

        /// Allows these key exchange groups only, most wanted first. A client sends a key share of the first one.
        pub fn groups(mut self, groups: impl IntoIterator<Item = NamedGroup>) -> Result<Self, ConfigError> {
            self.preferences.set_groups(groups.into_iter().collect())?;
            Ok(self)
        }

        /// Accepts and makes handshake signatures with these schemes only, most wanted first.
        pub fn signature_schemes(
            mut self,
            schemes: impl IntoIterator<Item = SignatureScheme>,
        ) -> Result<Self, ConfigError> {
            self.preferences.set_signature_schemes(schemes.into_iter().collect())?;
            Ok(self)
        }

        /// Speaks these application protocols, most wanted first; each name is 1 to 255 bytes. RFC 7301 §3.1.
        pub fn alpn(mut self, protocols: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Self, ConfigError> {
            let protocols = protocols.into_iter().map(|name| name.as_ref().to_vec()).collect();
            self.preferences.set_application_protocols(protocols)?;
            Ok(self)
        }

        /// Takes the time from this clock. The default is the system's with the feature `std`, and none without.
        pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
            self.preferences.clock = clock;
            self
        }

        /// Shows the secrets of every connection to `key_log`. For debugging: who holds them reads everything.
        pub fn key_log(mut self, key_log: Arc<dyn KeyLog>) -> Self {
            self.preferences.key_log = Some(key_log);
            self
        }

        /// Shows every handshake message and alert, in and out, to `observer`.
        pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
            self.preferences.observer = Some(observer);
            self
        }
    };
}
pub(super) use shared_decisions;
