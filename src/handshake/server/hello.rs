//! Reads ClientHello, settles version and parameters, answers with HelloRetryRequest where it must. RFC 8446 §4.1.
//!
//! Nothing here knows what follows ServerHello; the chosen version's own folder does.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::offered::{Offered, choose_protocol};
#[cfg(feature = "tls12")]
use super::tls12;
use super::{Server, retry, tls13};
use crate::config::{ClientHelloInfo, Preferences, ServerConfig};
use crate::crypto::Suite;
use crate::error::{Error, Incompatible, Violation};
use crate::handshake::certificates::Takes;
use crate::handshake::record_sizes::RecordSizes;
use crate::handshake::{EarlyData, Incoming, MAX_KEY_SHARES, MAX_OFFERED_PSKS, Outgoing};
use crate::keys::Transcript;
use crate::record::{ChangeCipherSpecs, MAX_SKIPPED_EARLY_DATA, RecordBoundary};
use crate::wire::{
    CertificateType, CipherSuite, ClientHello, CompressionMethod, ExtensionType, HandshakeType, KeyShareEntry,
    NamedGroup, ProtocolVersion, PskKeyExchangeMode,
};

/// Nothing has come yet. RFC 8446 §A.2: START.
pub(crate) struct WaitClientHello {
    pub(super) config: Arc<ServerConfig>,
}

/// What a ClientHello has settled; what the TLS 1.3 table goes on with.
pub(super) struct Settled {
    pub(super) config: Arc<ServerConfig>,
    pub(super) client_random: [u8; 32],
    pub(super) legacy_session_id: Vec<u8>,
    /// The suites in common, most wanted first; after a retry the one that it named.
    pub(super) suites: Vec<Suite>,
    pub(super) group: NamedGroup,
    pub(super) client_share: Vec<u8>,
    pub(super) application_protocol: Option<Vec<u8>>,
    pub(super) hello: ClientHelloInfo,
    /// What the client can show.
    pub(super) client_certificate_types: Vec<CertificateType>,
    pub(super) has_signature_algorithms: bool,
    /// What the client takes beside our chain.
    pub(super) takes: Takes,
    pub(super) post_handshake_auth: bool,
    pub(super) offers_early_data: bool,
    pub(super) record_sizes: RecordSizes,
    /// Whether the client can use a ticket at all: it knows PSKs with a key exchange. RFC 8446 §4.2.9.
    pub(super) resumes: bool,
    pub(super) psks: Vec<OfferedPsk>,
    /// The list of all binders, its length included.
    binders_len: usize,
    /// The hello's message, whose hash is that of a suite which a PSK may still change.
    pub(super) client_hello: Vec<u8>,
    /// Of a retry: message_hash and HelloRetryRequest. RFC 8446 §4.4.1.
    pub(super) retried: Option<Transcript>,
}

impl Settled {
    /// The hello without its binders, which stand at its very end. RFC 8446 §4.2.11.2.
    pub(super) fn truncated_client_hello(&self) -> &[u8] {
        let end = self.client_hello.len().saturating_sub(self.binders_len);
        self.client_hello.get(..end).unwrap_or_default()
    }
}

/// One PSK that a client offers. RFC 8446 §4.2.11.
pub(super) struct OfferedPsk {
    pub(super) identity: Vec<u8>,
    pub(super) obfuscated_ticket_age: u32,
    pub(super) binder: Vec<u8>,
}

/// Reads the PSKs that can be used. Without psk_dhe_ke there are none: a PSK without a key exchange gives no forward
/// secrecy, and is not spoken here. RFC 8446 §4.2.9.
fn offered_psks(offered: &Offered<'_>) -> Result<Vec<OfferedPsk>, Error> {
    let Some(psks) = offered.psks else { return Ok(Vec::new()) };
    if psks.identities.len() != psks.binders.len() {
        return Err(Violation::PskBinderCount.into());
    }
    if !offered.psk_modes.contains(&PskKeyExchangeMode::psk_dhe_ke) {
        return Ok(Vec::new());
    }
    let both = psks.identities.iter().zip(&psks.binders).take(MAX_OFFERED_PSKS);
    Ok(both
        .map(|(psk, binder)| OfferedPsk {
            identity: psk.identity.to_vec(),
            obfuscated_ticket_age: psk.obfuscated_ticket_age,
            binder: binder.0.to_vec(),
        })
        .collect())
}

/// What a first and a second hello are both asked for. RFC 8446 §4.1.1, §9.2.
pub(super) struct Parameters<'h> {
    /// In common, most wanted first; never empty.
    pub(super) suites: Vec<Suite>,
    pub(super) offered: Offered<'h>,
    pub(super) groups: &'h [NamedGroup],
    pub(super) shares: &'h [KeyShareEntry<'h>],
}

impl<'h> Parameters<'h> {
    pub(super) fn settle(
        preferences: &Preferences,
        client_hello: &'h ClientHello<'h>,
        offered: Offered<'h>,
    ) -> Result<Self, Error> {
        // 1. Compression: null and nothing else. RFC 8446 §4.1.2.
        if client_hello.legacy_compression_methods != [CompressionMethod::null] {
            return Err(Violation::BadCompressionMethods.into());
        }

        // 2. The suites: ours in our order.
        let ours = preferences.cipher_suites.iter();
        let common = ours.copied().filter(|suite| client_hello.cipher_suites.contains(suite));
        let suites: Vec<_> = common.filter_map(Suite::tls13).collect();
        if suites.is_empty() {
            return Err(Incompatible::NoCommonCipherSuite.into());
        }

        // 3. What every hello must have, since a PSK without a key exchange is not spoken. RFC 8446 §9.2.
        let missing = |extension| Violation::ExtensionMissing(extension, HandshakeType::client_hello);
        let groups = offered.groups.ok_or(missing(ExtensionType::supported_groups))?;
        let shares = offered.shares.ok_or(missing(ExtensionType::key_share))?;
        // Only a PSK does without signatures. Whether one is used turns out later.
        if offered.signature_algorithms.is_none() && offered.psks.is_none() {
            return Err(missing(ExtensionType::signature_algorithms).into());
        }
        check_shares(groups, shares)?;
        Ok(Self { suites, offered, groups, shares })
    }
}

/// Settles the version: ours in our order. Without supported_versions it is TLS 1.2 at best. RFC 8446 §4.2.1, §D.5.
pub(super) fn settle_version(
    preferences: &Preferences,
    client_hello: &ClientHello<'_>,
    offered: Option<&[ProtocolVersion]>,
) -> Result<ProtocolVersion, Error> {
    let legacy_version = client_hello.legacy_version;
    let can = |version: &ProtocolVersion| match offered {
        Some(list) => list.contains(version),
        None => *version == ProtocolVersion::TLSv1_2 && legacy_version >= ProtocolVersion::TLSv1_2,
    };
    // A client that has come down to try again lower than we can was disturbed before. That is said even if there is no
    // common version left. RFC 7507 §3.
    let is_version = |version: &&ProtocolVersion| version.name().is_some();
    let highest = offered.map_or(Some(legacy_version), |list| list.iter().filter(is_version).max().copied());
    let falls_back = client_hello.cipher_suites.contains(&CipherSuite::TLS_FALLBACK_SCSV);
    if falls_back && highest.is_some_and(|highest| preferences.allowed_versions().any(|ours| ours > highest)) {
        return Err(Incompatible::InappropriateFallback.into());
    }
    // A hello of SSL 3.0 is refused whatever else it offers.
    let common = preferences.allowed_versions().find(can).filter(|_| legacy_version > ProtocolVersion::SSLv3);
    Ok(common.ok_or(Incompatible::NoCommonVersion)?)
}

/// Each share is of a listed group, and stands once. Their order is the client's duty, which we do not check: a share out
/// of order harms nobody. RFC 8446 §4.2.8.
fn check_shares(groups: &[NamedGroup], shares: &[KeyShareEntry<'_>]) -> Result<(), Error> {
    if shares.len() > MAX_KEY_SHARES {
        return Err(Violation::TooManyKeyShares.into());
    }
    for (index, share) in shares.iter().enumerate() {
        let again = shares.iter().take(index).any(|earlier| earlier.group == share.group);
        if again || !groups.contains(&share.group) {
            return Err(Violation::BadKeyShareList.into());
        }
    }
    Ok(())
}

impl WaitClientHello {
    /// RFC 8446 §4.1.2.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Server, Error> {
        let Self { config } = self;
        out.read_change_cipher_spec(ChangeCipherSpecs::Tolerated);
        let client_hello: ClientHello<'_> = message.parse()?;
        let preferences = &config.preferences;
        let offered = Offered::by(&client_hello)?;
        match settle_version(preferences, &client_hello, offered.versions)? {
            #[cfg(feature = "tls12")]
            ProtocolVersion::TLSv1_2 => {
                let settled = tls12::settle(config.clone(), message, &client_hello, &offered)?;
                return tls12::start(settled, out).map(Server::Tls12);
            }
            _ => {}
        }
        let parameters = Parameters::settle(preferences, &client_hello, offered)?;
        let boundary = message.boundary()?;
        if let Some((cookies, cookie)) = config.resumption.cookies.as_ref().zip(parameters.offered.cookie) {
            let retried = retry::open_cookie(&config, cookies, cookie, &client_hello, &parameters)?;
            return retry::proceed_after_retry(config, message, &client_hello, parameters, retried, boundary, out);
        }

        // The group: ours in our order among those that the client supports; the share of it may be there already.
        // A group that we want more than those with shares is worth a round trip: the order is the application's.
        let supported = |group: &NamedGroup| parameters.groups.contains(group);
        let group = preferences.groups.iter().copied().find(supported).ok_or(Incompatible::NoCommonGroup)?;
        match parameters.shares.iter().find(|share| share.group == group) {
            Some(share) => {
                let share = (group, share.key_exchange.to_vec());
                proceed(config, message, &client_hello, parameters, share, None, boundary, out)
            }
            None => {
                let suite = retry::suite_for(&parameters).ok_or(Incompatible::NoCommonCipherSuite)?;
                if parameters.offered.early_data {
                    // It does not go with a second hello. RFC 8446 §4.2.10.
                    out.early_data(EarlyData::Retried);
                    out.skip_early_data(skip_limit(&config));
                }
                retry::send(config, message, &client_hello, suite, group, out)
            }
        }
    }
}

/// How much early data is skipped: more than our tickets allow is only making us try keys. RFC 8446 §4.2.10.
pub(super) fn skip_limit(config: &ServerConfig) -> usize {
    let allowed = config.resumption.early_data.as_ref().map_or(0, |policy| policy.max_bytes);
    // A record costs 22 bytes beyond its plaintext; small ones are half of it.
    let with_records = usize::try_from(allowed).unwrap_or(usize::MAX).saturating_mul(2);
    with_records.max(MAX_SKIPPED_EARLY_DATA)
}

/// Hands over to the version's own folder, with everything that it needs of the hello.
#[allow(clippy::too_many_arguments, reason = "the two hellos differ in each of these and in nothing else")]
pub(super) fn proceed(
    config: Arc<ServerConfig>,
    message: Incoming<'_>,
    client_hello: &ClientHello<'_>,
    parameters: Parameters<'_>,
    (group, client_share): (NamedGroup, Vec<u8>),
    retried: Option<Transcript>,
    boundary: RecordBoundary,
    out: &mut Outgoing,
) -> Result<Server, Error> {
    let Parameters { suites, offered, groups, .. } = parameters;
    let signature_algorithms = offered.signature_algorithms.unwrap_or_default();
    let certificate_schemes = offered.signature_algorithms_cert.unwrap_or(signature_algorithms);
    let (client_certificate_types, server_certificate_types) = offered.certificate_types();
    let hello = ClientHelloInfo {
        version: ProtocolVersion::TLSv1_3,
        server_name: offered.server_name()?,
        application_protocols: offered.protocol_names(),
        cipher_suites: client_hello.cipher_suites.clone(),
        groups: groups.to_vec(),
        signature_schemes: signature_algorithms.to_vec(),
        certificate_signature_schemes: certificate_schemes.to_vec(),
        delegated_credential_schemes: offered.delegated_credential_schemes.to_vec(),
        certificate_authorities: offered.authorities(),
        server_certificate_types,
        now: config.preferences.now(),
    };
    let record_sizes = offered.record_sizes(&config.preferences, ProtocolVersion::TLSv1_3)?;
    let settled = Settled {
        application_protocol: choose_protocol(&config.preferences, &offered)?,
        config,
        client_random: client_hello.random.0,
        legacy_session_id: client_hello.legacy_session_id.to_vec(),
        suites,
        group,
        client_share,
        hello,
        client_certificate_types,
        has_signature_algorithms: offered.signature_algorithms.is_some(),
        takes: offered.takes(),
        post_handshake_auth: offered.post_handshake_auth,
        offers_early_data: offered.early_data,
        record_sizes,
        resumes: offered.psk_modes.contains(&PskKeyExchangeMode::psk_dhe_ke),
        psks: offered_psks(&offered)?,
        binders_len: offered.psks.map_or(0, |psks| 2 + psks.binders.iter().map(|it| 1 + it.0.len()).sum::<usize>()),
        client_hello: message.bytes().to_vec(),
        retried,
    };
    tls13::start(settled, boundary, out).map(Server::Tls13)
}
