//! What client and server decide alike: provider, clock, and the preference lists, each in order, most wanted first.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::compression::CompressCertificates;
use super::{ConfigError, Observer};
use crate::clock::{Clock, Time};
#[cfg(feature = "tls12")]
use crate::crypto::{Authentication, SuiteTls12, is_tls12_group};
use crate::crypto::{Provider, Suite};
use crate::keys::KeyLog;
use crate::record::PadRecords;
use crate::verify::{CERTIFICATE_ONLY_SCHEMES, is_delegation_scheme};
use crate::wire::{CertificateCompressionAlgorithm, CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// The versions that this build speaks, most wanted first.
pub const AVAILABLE_VERSIONS: &[ProtocolVersion] = &[
    ProtocolVersion::TLSv1_3,
    #[cfg(feature = "tls12")]
    ProtocolVersion::TLSv1_2,
];

/// The most bytes of a ProtocolNameList that leave room for the rest of a ClientHello. RFC 7301 §3.1.
const MAX_PROTOCOL_NAME_LIST_LEN: usize = 0x8000;

/// The most algorithms that compress_certificate has room for. RFC 8879 §3.
const MAX_COMPRESSION_ALGORITHMS: usize = 127;

/// The part that both configurations share.
#[derive(Clone, Debug)]
pub(crate) struct Preferences {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) versions: Vec<ProtocolVersion>,
    pub(crate) cipher_suites: Vec<CipherSuite>,
    pub(crate) groups: Vec<NamedGroup>,
    /// What peers may sign with.
    pub(crate) signature_schemes: Vec<SignatureScheme>,
    /// What we sign with.
    pub(crate) signing_schemes: Vec<SignatureScheme>,
    /// What peers' certificates may be signed with, where that was chosen apart.
    pub(crate) certificate_schemes: Option<Vec<SignatureScheme>>,
    /// How certificates may be compressed, ours and the peers', most wanted first.
    pub(crate) certificate_compression: Vec<Arc<dyn CompressCertificates>>,
    pub(crate) application_protocols: Vec<Vec<u8>>,
    /// TLS 1.2 without it is open to the triple handshake attack. RFC 7627 §1.
    #[cfg(feature = "tls12")]
    pub(crate) requires_extended_master_secret: bool,
    /// As it is advertised. RFC 8449 §4.
    pub(crate) record_size_limit: Option<u16>,
    pub(crate) padding: Option<Arc<dyn PadRecords>>,
    pub(crate) key_log: Option<Arc<dyn KeyLog>>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    #[cfg(test)]
    pub(crate) recorded: Option<Arc<super::recorded::Recorded>>,
}

impl Preferences {
    /// Everything that the provider has, in the provider's order, but for groups that must be named.
    pub(crate) fn of(provider: Arc<dyn Provider>) -> Self {
        let cipher_suites = provider.cipher_suites().iter().copied().filter(|&id| is_known(id)).collect();
        let by_default = provider.groups().iter().filter(|exchange| exchange.is_default());
        let groups = by_default.map(|exchange| exchange.group()).collect();
        let signature_schemes = handshake_schemes(&*provider);
        Self {
            provider,
            clock: default_clock(),
            versions: AVAILABLE_VERSIONS.to_vec(),
            cipher_suites,
            groups,
            signing_schemes: signature_schemes.clone(),
            certificate_schemes: None,
            certificate_compression: Vec::new(),
            signature_schemes,
            application_protocols: Vec::new(),
            #[cfg(feature = "tls12")]
            requires_extended_master_secret: true,
            record_size_limit: None,
            padding: None,
            key_log: None,
            observer: None,
            #[cfg(test)]
            recorded: None,
        }
    }

    pub(crate) fn now(&self) -> Option<Time> {
        self.clock.now()
    }

    /// Says whether a version may be negotiated: it is listed, and so is a suite for it.
    pub(crate) fn allows(&self, version: ProtocolVersion) -> bool {
        self.versions.contains(&version) && self.cipher_suites.iter().any(|id| Suite::is_for(*id, version))
    }

    /// Returns the versions that may be negotiated, most wanted first.
    pub(crate) fn allowed_versions(&self) -> impl Iterator<Item = ProtocolVersion> + '_ {
        self.versions.iter().copied().filter(|version| self.allows(*version))
    }

    /// Returns the suites of the versions that may be negotiated, most wanted first.
    pub(crate) fn allowed_suites(&self) -> impl Iterator<Item = CipherSuite> + '_ {
        let usable = |id: &CipherSuite| self.versions.iter().any(|version| Suite::is_for(*id, *version));
        self.cipher_suites.iter().copied().filter(usable)
    }

    /// Returns the groups of the versions that may be negotiated, most wanted first: TLS 1.2 has no hybrids.
    pub(crate) fn allowed_groups(&self) -> impl Iterator<Item = NamedGroup> + '_ {
        #[cfg(feature = "tls12")]
        let usable = |group: &NamedGroup| self.allows(ProtocolVersion::TLSv1_3) || is_tls12_group(*group);
        #[cfg(not(feature = "tls12"))]
        let usable = |_: &NamedGroup| true;
        self.groups.iter().copied().filter(usable)
    }

    /// Says whether this build and the provider have a suite.
    pub(super) fn has_cipher_suite(&self, id: CipherSuite) -> bool {
        is_known(id) && self.provider.cipher_suites().contains(&id)
    }

    /// Says whether the provider has a group.
    pub(super) fn has_group(&self, group: NamedGroup) -> bool {
        self.provider.groups().iter().any(|exchange| exchange.group() == group)
    }

    /// Says whether the provider has a scheme, and handshakes may be signed in it.
    pub(super) fn has_scheme(&self, scheme: SignatureScheme) -> bool {
        handshake_schemes(&*self.provider).contains(&scheme)
    }

    /// Says whether the provider has a scheme, and certificates may be signed in it.
    pub(super) fn has_certificate_scheme(&self, scheme: SignatureScheme) -> bool {
        certificate_schemes(&*self.provider).contains(&scheme)
    }

    /// Holds the lists against one another.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.check_suites()?;
        self.check_groups()?;
        self.check_schemes()
    }

    fn check_groups(&self) -> Result<(), ConfigError> {
        if self.allowed_groups().next().is_some() { Ok(()) } else { Err(ConfigError::NoGroupForVersions) }
    }

    fn check_suites(&self) -> Result<(), ConfigError> {
        if self.allowed_versions().next().is_some() { Ok(()) } else { Err(ConfigError::NoSuiteForVersions) }
    }

    /// A scheme of what we accept or sign with must be of use: what signs TLS 1.2 alone goes with suites of its kind of key.
    fn check_schemes(&self) -> Result<(), ConfigError> {
        let of_tls13 = |scheme: &SignatureScheme| {
            self.allows(ProtocolVersion::TLSv1_3) && !CERTIFICATE_ONLY_SCHEMES.contains(scheme)
        };
        #[cfg(feature = "tls12")]
        let of_tls12 = |scheme: &SignatureScheme| {
            let kind = Authentication::of(*scheme);
            let mut rows = self.allowed_suites().filter_map(SuiteTls12::find);
            kind.is_some() && rows.any(|row| Some(row.authentication) == kind)
        };
        #[cfg(not(feature = "tls12"))]
        let of_tls12 = |_: &SignatureScheme| false;
        let mut schemes = self.signature_schemes.iter().chain(&self.signing_schemes);
        if schemes.any(|scheme| of_tls13(scheme) || of_tls12(scheme)) {
            Ok(())
        } else {
            Err(ConfigError::NoSchemeForVersions)
        }
    }

    /// Says whether a peer that has signed so when a session was made might sign so now. Who has not signed is not held to it.
    pub(crate) fn takes_signature(&self, scheme: Option<SignatureScheme>) -> bool {
        scheme.is_none_or(|scheme| self.signature_schemes.contains(&scheme))
    }

    /// The schemes of delegated_credential: those of handshakes that delegated keys may have. RFC 9345 §4.
    pub(crate) fn delegation_schemes(&self) -> Vec<SignatureScheme> {
        self.signature_schemes.iter().copied().filter(|scheme| is_delegation_scheme(*scheme)).collect()
    }

    /// What certificates may be signed with, as bytes that sessions are bound to; nothing where it was not chosen.
    pub(crate) fn certificate_schemes_written(&self) -> Option<Vec<u8>> {
        let schemes = self.certificate_schemes.as_ref()?;
        Some(schemes.iter().flat_map(|scheme| scheme.0.to_be_bytes()).collect())
    }

    /// The code points of compress_certificate.
    pub(crate) fn compression_algorithms(&self) -> Vec<CertificateCompressionAlgorithm> {
        self.certificate_compression.iter().map(|one| one.algorithm()).collect()
    }

    pub(super) fn set_versions(&mut self, versions: Vec<ProtocolVersion>) -> Result<(), ConfigError> {
        let unavailable = |version: &ProtocolVersion| !AVAILABLE_VERSIONS.contains(version);
        self.versions = checked("versions", versions, unavailable, ConfigError::VersionUnavailable)?;
        // A lower version than both ends speak is what an attacker makes of a handshake, and is taken for that.
        self.versions.sort_by(|one, other| other.cmp(one));
        self.check()
    }

    pub(super) fn set_cipher_suites(&mut self, suites: Vec<CipherSuite>) -> Result<(), ConfigError> {
        let unavailable = |id: &CipherSuite| !self.has_cipher_suite(*id);
        self.cipher_suites = checked("cipher suites", suites, unavailable, ConfigError::CipherSuiteUnavailable)?;
        self.check()
    }

    pub(super) fn set_groups(&mut self, groups: Vec<NamedGroup>) -> Result<(), ConfigError> {
        let unavailable = |group: &NamedGroup| !self.has_group(*group);
        self.groups = checked("groups", groups, unavailable, ConfigError::GroupUnavailable)?;
        self.check_groups()
    }

    pub(super) fn set_signature_schemes(&mut self, schemes: Vec<SignatureScheme>) -> Result<(), ConfigError> {
        self.set_accepted_signature_schemes(schemes)?;
        self.signing_schemes.clone_from(&self.signature_schemes);
        self.check_schemes()
    }

    pub(super) fn set_accepted_signature_schemes(&mut self, schemes: Vec<SignatureScheme>) -> Result<(), ConfigError> {
        let of_provider = handshake_schemes(&*self.provider);
        let unavailable = |scheme: &SignatureScheme| !of_provider.contains(scheme);
        let reason = ConfigError::SignatureSchemeUnavailable;
        self.signature_schemes = checked("signature schemes", schemes, unavailable, reason)?;
        Ok(())
    }

    pub(super) fn set_certificate_schemes(&mut self, schemes: Vec<SignatureScheme>) -> Result<(), ConfigError> {
        let unavailable = |scheme: &SignatureScheme| !self.has_certificate_scheme(*scheme);
        let reason = ConfigError::SignatureSchemeUnavailable;
        self.certificate_schemes = Some(checked("certificate signature schemes", schemes, unavailable, reason)?);
        Ok(())
    }

    pub(super) fn set_certificate_compression(
        &mut self,
        list: Vec<Arc<dyn CompressCertificates>>,
    ) -> Result<(), ConfigError> {
        let algorithms = list.iter().map(|one| one.algorithm()).collect::<Vec<_>>();
        if algorithms.len() > MAX_COMPRESSION_ALGORITHMS {
            return Err(ConfigError::TooMany("certificate compression algorithms", MAX_COMPRESSION_ALGORITHMS));
        }
        checked("certificate compression algorithms", algorithms, |_| false, |_| ConfigError::Empty(""))?;
        self.certificate_compression = list;
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

    pub(super) fn set_record_size_limit(&mut self, bytes: u16) -> Result<(), ConfigError> {
        if !RECORD_SIZE_LIMITS.contains(&bytes) {
            return Err(ConfigError::RecordSizeLimitOutOfBounds(bytes));
        }
        self.record_size_limit = Some(bytes);
        Ok(())
    }
}

/// The least and the most that record_size_limit may say: the most is all that a record of TLS 1.3 holds. RFC 8449 §4.
const RECORD_SIZE_LIMITS: core::ops::RangeInclusive<u16> = 64..=16_385;

fn is_known(id: CipherSuite) -> bool {
    AVAILABLE_VERSIONS.iter().any(|version| Suite::is_for(id, *version))
}

/// The schemes with which a handshake may be signed, each once, in the provider's order; those of TLS 1.2 alone last.
fn handshake_schemes(provider: &dyn Provider) -> Vec<SignatureScheme> {
    let mut schemes = Vec::new();
    let of_any_version = provider.verification_algorithms().iter().filter_map(|algorithm| algorithm.scheme);
    let of_tls12: &[SignatureScheme] = if cfg!(feature = "tls12") { CERTIFICATE_ONLY_SCHEMES } else { &[] };
    for scheme in of_any_version.chain(of_tls12.iter().copied()) {
        if !schemes.contains(&scheme) {
            schemes.push(scheme);
        }
    }
    schemes
}

/// The schemes with which a certificate may be signed: all that the provider verifies, in its order.
fn certificate_schemes(provider: &dyn Provider) -> Vec<SignatureScheme> {
    let mut schemes = handshake_schemes(provider);
    schemes.retain(|scheme| !CERTIFICATE_ONLY_SCHEMES.contains(scheme));
    schemes.extend(CERTIFICATE_ONLY_SCHEMES);
    schemes
}

/// Refuses an empty list, an entry that cannot be had, and an entry that stands twice.
pub(super) fn checked<T: PartialEq>(
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
        /// Allows what a named policy allows, as far as this build and the provider have it: its versions, cipher suites,
        /// groups and signature schemes, of handshakes and of certificates. Refused if nothing of a list is left.
        pub fn policy(mut self, policy: &super::Policy) -> Result<Self, ConfigError> {
            self.preferences.set_policy(policy)?;
            Ok(self)
        }

        /// Allows these versions only. In whichever order they stand, the highest that both ends speak is used: RFC 5246
        /// §E.1, RFC 8446 §4.1.3.
        pub fn versions(mut self, versions: impl IntoIterator<Item = ProtocolVersion>) -> Result<Self, ConfigError> {
            self.preferences.set_versions(versions.into_iter().collect())?;
            Ok(self)
        }

        /// Allows these cipher suites only, most wanted first.
        pub fn cipher_suites(mut self, suites: impl IntoIterator<Item = CipherSuite>) -> Result<Self, ConfigError> {
            self.preferences.set_cipher_suites(suites.into_iter().collect())?;
            Ok(self)
        }

        /// Allows these key exchange groups only, most wanted first. A client sends a key share of the first one. Unless told
        /// otherwise, these are the provider's [default](crate::crypto::KeyExchange::is_default) ones.
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

        /// Accepts handshake signatures with these schemes only, most wanted first; what we sign with is left as it is.
        pub fn accepted_signature_schemes(
            mut self,
            schemes: impl IntoIterator<Item = SignatureScheme>,
        ) -> Result<Self, ConfigError> {
            self.preferences.set_accepted_signature_schemes(schemes.into_iter().collect())?;
            Ok(self)
        }

        /// Accepts certificates that are signed with these schemes only, most wanted first: signature_algorithms_cert. RFC 8446
        /// §4.2.3. They are chosen apart from those for handshakes; without this, all that the provider verifies. A root's own
        /// signature is not looked at.
        ///
        /// [`ConfigError::SignatureSchemeUnavailable`]: the provider does not verify it.
        pub fn certificate_signature_schemes(
            mut self,
            schemes: impl IntoIterator<Item = SignatureScheme>,
        ) -> Result<Self, ConfigError> {
            self.preferences.set_certificate_schemes(schemes.into_iter().collect())?;
            Ok(self)
        }

        /// Takes certificates that are compressed in one of these ways, and compresses our own in the first one that the peer
        /// takes too. RFC 8879. TLS 1.3 alone has that. Off by default. Each algorithm stands once; at most 127.
        pub fn certificate_compression(
            mut self,
            list: impl IntoIterator<Item = Arc<dyn CompressCertificates>>,
        ) -> Result<Self, ConfigError> {
            self.preferences.set_certificate_compression(list.into_iter().collect())?;
            Ok(self)
        }

        /// Speaks these application protocols, most wanted first; each name is 1 to 255 bytes. RFC 7301 §3.1.
        pub fn alpn(mut self, protocols: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Self, ConfigError> {
            let protocols = protocols.into_iter().map(|name| name.as_ref().to_vec()).collect();
            self.preferences.set_application_protocols(protocols)?;
            Ok(self)
        }

        /// Takes protected records of at most so many bytes of plaintext, in TLS 1.3 with content type and padding: 64 to 16,385.
        /// RFC 8449 §4. A peer that knows the extension sends no more, or the connection ends with record_overflow; one that
        /// does not know it sends as it likes. What comes before the keys is not counted, nor is early data.
        pub fn record_size_limit(mut self, bytes: u16) -> Result<Self, ConfigError> {
            self.preferences.set_record_size_limit(bytes)?;
            Ok(self)
        }

        /// Pads what is sent under the keys of TLS 1.3 as `policy` says. RFC 8446 §5.4. Off by default.
        ///
        /// [`send`](crate::Connection::send) and [`take_output`](crate::Connection::take_output) then need room for the padding
        /// too, at most [`MAX_RECORD_LEN`](crate::MAX_RECORD_LEN) for one record, and
        /// [`send_in_place`](crate::Connection::send_in_place) needs it behind the plaintext.
        pub fn record_padding(mut self, policy: Arc<dyn PadRecords>) -> Self {
            self.preferences.padding = Some(policy);
            self
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
