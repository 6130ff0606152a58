//! Reads ClientHello, settles version and parameters, answers with HelloRetryRequest where it must. RFC 8446 §4.1.
//!
//! Nothing here knows what follows ServerHello; the chosen version's own folder does.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::offered::{Offered, choose_protocol};
#[cfg(feature = "tls12")]
use super::tls12;
use super::{Server, tls13};
use crate::config::{ClientHelloInfo, Preferences, ServerConfig};
use crate::crypto::Suite;
use crate::error::{Error, Incompatible, Violation};
use crate::handshake::proof::crypto_failed;
use crate::handshake::{Incoming, MAX_KEY_SHARES, Outgoing};
use crate::keys::Transcript;
use crate::record::{ChangeCipherSpecs, Level, MAX_SKIPPED_EARLY_DATA, RecordBoundary};
use crate::wire::{
    CipherSuite, ClientExtension, ClientHello, CompressionMethod, ExtensionType, HandshakeType, HelloRetryRequest,
    KeyShareEntry, NamedGroup, ProtocolVersion, RetryExtension, SignatureScheme, read_all,
};

/// Nothing has come yet. RFC 8446 §A.2: START.
pub(crate) struct WaitClientHello {
    pub(super) config: Arc<ServerConfig>,
}

/// HelloRetryRequest is sent.
pub(crate) struct WaitSecondClientHello {
    config: Arc<ServerConfig>,
    /// The first ClientHello's body: the second must repeat it but for the share.
    first: Vec<u8>,
    suite: Suite,
    group: NamedGroup,
    transcript: Transcript,
}

/// What a ClientHello has settled; what the TLS 1.3 table goes on with.
pub(super) struct Settled {
    pub(super) config: Arc<ServerConfig>,
    pub(super) client_random: [u8; 32],
    pub(super) legacy_session_id: Vec<u8>,
    pub(super) suite: Suite,
    pub(super) group: NamedGroup,
    pub(super) client_share: Vec<u8>,
    pub(super) application_protocol: Option<Vec<u8>>,
    pub(super) hello: ClientHelloInfo,
    pub(super) asks_for_ocsp: bool,
    pub(super) transcript: Transcript,
    pub(super) hello_retried: bool,
}

/// What a first and a second hello are both asked for. RFC 8446 §4.1.1, §9.2.
struct Parameters<'h> {
    suite: Suite,
    offered: Offered<'h>,
    groups: &'h [NamedGroup],
    shares: &'h [KeyShareEntry<'h>],
    signature_algorithms: &'h [SignatureScheme],
}

impl<'h> Parameters<'h> {
    fn settle(
        preferences: &Preferences,
        client_hello: &'h ClientHello<'h>,
        offered: Offered<'h>,
    ) -> Result<Self, Error> {
        // 1. Compression: null and nothing else. RFC 8446 §4.1.2.
        if client_hello.legacy_compression_methods != [CompressionMethod::null] {
            return Err(Violation::BadCompressionMethods.into());
        }

        // 2. The suite: ours in our order.
        let ours = preferences.cipher_suites.iter();
        let suite = ours.copied().filter(|suite| client_hello.cipher_suites.contains(suite)).find_map(Suite::tls13);
        let suite = suite.ok_or(Incompatible::NoCommonCipherSuite)?;

        // 3. What a hello without a PSK must have. RFC 8446 §9.2.
        let missing = |extension| Violation::ExtensionMissing(extension, HandshakeType::client_hello);
        let groups = offered.groups.ok_or(missing(ExtensionType::supported_groups))?;
        let shares = offered.shares.ok_or(missing(ExtensionType::key_share))?;
        let signature_algorithms = offered.signature_algorithms;
        let signature_algorithms = signature_algorithms.ok_or(missing(ExtensionType::signature_algorithms))?;
        check_shares(groups, shares)?;
        Ok(Self { suite, offered, groups, shares, signature_algorithms })
    }
}

/// Settles the version: ours in our order. Without supported_versions it is TLS 1.2 at best. RFC 8446 §4.2.1, §D.5.
fn settle_version(
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
        if parameters.offered.early_data {
            // Sent with keys that we do not have; what else we answer tells the client that it was not taken.
            out.skip_early_data(MAX_SKIPPED_EARLY_DATA);
        }
        let mut transcript = Transcript::new(&*preferences.provider, parameters.suite.hash).map_err(crypto_failed)?;
        transcript.add(message.bytes());

        // The group: ours in our order among those that the client supports; the share of it may be there already.
        // A group that we want more than those with shares is worth a round trip: the order is the application's.
        let supported = |group: &NamedGroup| parameters.groups.contains(group);
        let group = preferences.groups.iter().copied().find(supported).ok_or(Incompatible::NoCommonGroup)?;
        match parameters.shares.iter().find(|share| share.group == group) {
            Some(share) => {
                let share = share.key_exchange.to_vec();
                proceed(config.clone(), &client_hello, parameters, (group, share), transcript, false, boundary, out)
            }
            None => {
                let suite = parameters.suite;
                retry(config.clone(), message, &client_hello, suite, group, transcript, out)
            }
        }
    }
}

/// Asks for a share of `group`. RFC 8446 §4.1.4.
fn retry(
    config: Arc<ServerConfig>,
    message: Incoming<'_>,
    client_hello: &ClientHello<'_>,
    suite: Suite,
    group: NamedGroup,
    mut transcript: Transcript,
    out: &mut Outgoing,
) -> Result<Server, Error> {
    transcript.replace_by_message_hash(&*config.preferences.provider).map_err(crypto_failed)?;
    let request = HelloRetryRequest {
        legacy_version: ProtocolVersion::TLSv1_2,
        legacy_session_id_echo: client_hello.legacy_session_id,
        cipher_suite: suite.id,
        legacy_compression_method: CompressionMethod::null,
        extensions: alloc::vec![
            RetryExtension::SupportedVersions(ProtocolVersion::TLSv1_3),
            RetryExtension::KeyShare(group),
        ],
    };
    out.send(Level::Initial, &request, &mut transcript)?;
    if !client_hello.legacy_session_id.is_empty() {
        out.change_cipher_spec();
    }
    let first = message.body().to_vec();
    Ok(Server::WaitSecondClientHello(WaitSecondClientHello { config, first, suite, group, transcript }))
}

impl WaitSecondClientHello {
    /// RFC 8446 §4.1.2: the second hello repeats the first, but for the share that was asked for.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Server, Error> {
        let Self { config, first, suite, group, mut transcript } = self;
        let client_hello: ClientHello<'_> = message.parse()?;
        let first: ClientHello<'_> = read_all(&first)
            .map_err(|reason| Error::Malformed { message: Some(HandshakeType::client_hello), reason })?;
        check_unchanged(&first, &client_hello)?;
        let offered = Offered::by(&client_hello)?;
        // The first hello settled on TLS 1.3, and versions may not change.
        if settle_version(&config.preferences, &client_hello, offered.versions)? != ProtocolVersion::TLSv1_3 {
            return Err(Violation::ClientHelloChangedAfterRetry.into());
        }
        let parameters = Parameters::settle(&config.preferences, &client_hello, offered)?;
        let boundary = message.boundary()?;
        // RFC 8446 §4.2.10: early data does not go with a second hello.
        if parameters.offered.early_data {
            return Err(Violation::ExtensionNotAllowed(ExtensionType::early_data, HandshakeType::client_hello).into());
        }
        if parameters.suite != suite {
            return Err(Violation::ClientHelloChangedAfterRetry.into());
        }
        let [share] = parameters.shares else { return Err(Violation::RetriedKeyShareWrong.into()) };
        if share.group != group {
            return Err(Violation::RetriedKeyShareWrong.into());
        }
        transcript.add(message.bytes());
        let share = share.key_exchange.to_vec();
        proceed(config.clone(), &client_hello, parameters, (group, share), transcript, true, boundary, out)
    }
}

/// Compares two hellos but for what a retry may change. RFC 8446 §4.1.2.
fn check_unchanged(first: &ClientHello<'_>, second: &ClientHello<'_>) -> Result<(), Error> {
    let may_change = |extension: &&ClientExtension<'_>| {
        matches!(
            extension.extension_type(),
            ExtensionType::key_share
                | ExtensionType::early_data
                | ExtensionType::pre_shared_key
                | ExtensionType::padding
                // Encrypted anew where it was accepted, repeated where it was not: which of the two is none of the business
                // of a server that does not know it. RFC 9849 §6.1.
                | ExtensionType::encrypted_client_hello
        )
    };
    let fixed = |hello: &ClientHello<'_>| -> Vec<Vec<u8>> {
        let extensions = hello.extensions.iter().flatten().filter(|extension| !may_change(extension));
        extensions.filter_map(|extension| crate::wire::write_all(extension).ok()).collect()
    };
    let same = first.legacy_version == second.legacy_version
        && first.random == second.random
        && first.legacy_session_id == second.legacy_session_id
        && first.cipher_suites == second.cipher_suites
        && first.legacy_compression_methods == second.legacy_compression_methods
        && fixed(first) == fixed(second);
    if same { Ok(()) } else { Err(Violation::ClientHelloChangedAfterRetry.into()) }
}

/// Hands over to the version's own folder, with everything that it needs of the hello.
#[allow(clippy::too_many_arguments, reason = "the two hellos differ in each of these and in nothing else")]
fn proceed(
    config: Arc<ServerConfig>,
    client_hello: &ClientHello<'_>,
    parameters: Parameters<'_>,
    (group, client_share): (NamedGroup, Vec<u8>),
    transcript: Transcript,
    hello_retried: bool,
    boundary: RecordBoundary,
    out: &mut Outgoing,
) -> Result<Server, Error> {
    let Parameters { suite, offered, groups, signature_algorithms, .. } = parameters;
    let certificate_schemes = offered.signature_algorithms_cert.unwrap_or(signature_algorithms);
    let hello = ClientHelloInfo {
        version: ProtocolVersion::TLSv1_3,
        server_name: offered.server_name()?,
        application_protocols: offered.protocol_names(),
        cipher_suites: client_hello.cipher_suites.clone(),
        groups: groups.to_vec(),
        signature_schemes: signature_algorithms.to_vec(),
        certificate_signature_schemes: certificate_schemes.to_vec(),
        certificate_authorities: offered.authorities(),
    };
    let settled = Settled {
        application_protocol: choose_protocol(&config.preferences, &offered)?,
        config,
        client_random: client_hello.random.0,
        legacy_session_id: client_hello.legacy_session_id.to_vec(),
        suite,
        group,
        client_share,
        hello,
        asks_for_ocsp: offered.asks_for_ocsp,
        transcript,
        hello_retried,
    };
    tls13::start(settled, boundary, out).map(Server::Tls13)
}
