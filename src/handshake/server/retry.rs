//! HelloRetryRequest and the second ClientHello, remembered here or in a cookie. RFC 8446 §4.1.4, §4.2.2.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::Server;
use super::hello::{Parameters, proceed, settle_version};
use super::offered::Offered;
use crate::config::ServerConfig;
use crate::crypto::Suite;
use crate::error::{Error, Violation};
use crate::handshake::proof::crypto_failed;
use crate::handshake::{Incoming, Outgoing};
use crate::keys::Transcript;
use crate::record::{Level, RecordBoundary};
use crate::resume::{CookieKeys, RetryCookie};
use crate::wire::{
    ClientExtension, ClientHello, CompressionMethod, ExtensionType, HandshakeType, HelloRetryRequest, NamedGroup,
    ProtocolVersion, RetryExtension, read_all, write_message,
};

/// HelloRetryRequest is sent.
pub(crate) struct WaitSecondClientHello {
    config: Arc<ServerConfig>,
    /// The first ClientHello's body: the second must repeat it but for the share.
    first: Vec<u8>,
    cookie: Option<Vec<u8>>,
    retried: Retried,
}

/// What a retry has settled.
pub(super) struct Retried {
    suite: Suite,
    group: NamedGroup,
    /// message_hash and HelloRetryRequest.
    transcript: Transcript,
}

/// The suite to retry with: the first in common, or the first whose hash is that of the client's first PSK, which the length
/// of the binder tells. With another one the client would have to leave its PSK out. RFC 8446 §4.1.2.
pub(super) fn suite_for(parameters: &Parameters<'_>) -> Option<Suite> {
    let binder = parameters.offered.psks.and_then(|psks| psks.binders.first());
    let of_psk = binder.and_then(|binder| {
        let mut suites = parameters.suites.iter();
        suites.find(|suite| suite.hash.output_len() == binder.0.len())
    });
    of_psk.or(parameters.suites.first()).copied()
}

/// Asks for a share of `group`. RFC 8446 §4.1.4.
pub(super) fn send(
    config: Arc<ServerConfig>,
    message: Incoming<'_>,
    client_hello: &ClientHello<'_>,
    suite: Suite,
    group: NamedGroup,
    out: &mut Outgoing,
) -> Result<Server, Error> {
    let provider = &*config.preferences.provider;
    let mut transcript = Transcript::new(provider, suite.hash).map_err(crypto_failed)?;
    transcript.add(message.bytes());
    let client_hello_hash = transcript.current();
    transcript.replace_by_message_hash(provider).map_err(crypto_failed)?;
    let cookie = match &config.resumption.cookies {
        Some(cookies) => {
            let cookie = RetryCookie { cipher_suite: suite.id, group, client_hello_hash };
            Some(cookies.seal(&cookie, config.preferences.now()).map_err(crypto_failed)?)
        }
        None => None,
    };
    out.send(Level::Initial, &request(client_hello, suite, group, cookie.as_deref()), &mut transcript)?;
    if !client_hello.legacy_session_id.is_empty() {
        out.change_cipher_spec();
    }
    let first = message.body().to_vec();
    let retried = Retried { suite, group, transcript };
    Ok(Server::WaitSecondClientHello(WaitSecondClientHello { config, first, cookie, retried }))
}

/// The HelloRetryRequest: a function of the hello and of what the cookie says, so that it can be written again.
fn request<'r>(
    client_hello: &ClientHello<'r>,
    suite: Suite,
    group: NamedGroup,
    cookie: Option<&'r [u8]>,
) -> HelloRetryRequest<'r> {
    let mut extensions =
        vec![RetryExtension::SupportedVersions(ProtocolVersion::TLSv1_3), RetryExtension::KeyShare(group)];
    extensions.extend(cookie.map(RetryExtension::Cookie));
    HelloRetryRequest {
        legacy_version: ProtocolVersion::TLSv1_2,
        legacy_session_id_echo: client_hello.legacy_session_id,
        cipher_suite: suite.id,
        legacy_compression_method: CompressionMethod::null,
        extensions,
    }
}

/// Opens the cookie of a hello whose first half somebody else has seen, and writes down what was said then. RFC 8446 §4.2.2.
pub(super) fn open_cookie(
    config: &ServerConfig,
    cookies: &CookieKeys,
    cookie: &[u8],
    client_hello: &ClientHello<'_>,
    parameters: &Parameters<'_>,
) -> Result<Retried, Error> {
    let provider = &*config.preferences.provider;
    let opened = cookies.open(cookie, config.preferences.now()).ok_or(Violation::BadCookie)?;
    let suite = parameters.suites.iter().copied().find(|suite| suite.id == opened.cipher_suite);
    let suite = suite.ok_or(Violation::ClientHelloChangedAfterRetry)?;
    let group = opened.group;
    if !config.preferences.groups.contains(&group) || !parameters.groups.contains(&group) {
        return Err(Violation::ClientHelloChangedAfterRetry.into());
    }
    let hash = &opened.client_hello_hash;
    let mut transcript = Transcript::from_message_hash(provider, suite.hash, hash).map_err(crypto_failed)?;
    transcript.add(&write_message(&request(client_hello, suite, group, Some(cookie)))?);
    Ok(Retried { suite, group, transcript })
}

impl WaitSecondClientHello {
    /// RFC 8446 §4.1.2: the second hello repeats the first, but for the share and the cookie that were asked for.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Server, Error> {
        let Self { config, first, cookie, retried } = self;
        let client_hello: ClientHello<'_> = message.parse()?;
        let first: ClientHello<'_> = read_all(&first)
            .map_err(|reason| Error::Malformed { message: Some(HandshakeType::client_hello), reason })?;
        check_unchanged(&first, &client_hello, cookie.as_deref())?;
        let offered = Offered::by(&client_hello)?;
        // The first hello settled on TLS 1.3, and versions may not change.
        if settle_version(&config.preferences, &client_hello, offered.versions)? != ProtocolVersion::TLSv1_3 {
            return Err(Violation::ClientHelloChangedAfterRetry.into());
        }
        let parameters = Parameters::settle(&config.preferences, &client_hello, offered)?;
        let boundary = message.boundary()?;
        proceed_after_retry(config, message, &client_hello, parameters, retried, boundary, out)
    }
}

/// What every second hello must be like, whoever sent the request for it.
pub(super) fn proceed_after_retry(
    config: Arc<ServerConfig>,
    message: Incoming<'_>,
    client_hello: &ClientHello<'_>,
    mut parameters: Parameters<'_>,
    retried: Retried,
    boundary: RecordBoundary,
    out: &mut Outgoing,
) -> Result<Server, Error> {
    let Retried { suite, group, transcript } = retried;
    // RFC 8446 §4.2.10: early data does not go with a second hello.
    if parameters.offered.early_data {
        return Err(Violation::EarlyDataAfterRetry.into());
    }
    parameters.suites.retain(|common| *common == suite);
    if parameters.suites.is_empty() {
        return Err(Violation::ClientHelloChangedAfterRetry.into());
    }
    let [share] = parameters.shares else { return Err(Violation::RetriedKeyShareWrong.into()) };
    if share.group != group {
        return Err(Violation::RetriedKeyShareWrong.into());
    }
    let share = (group, share.key_exchange.to_vec());
    proceed(config, message, client_hello, parameters, share, Some(transcript), boundary, out)
}

/// Compares two hellos but for what a retry may change. RFC 8446 §4.1.2.
fn check_unchanged(first: &ClientHello<'_>, second: &ClientHello<'_>, cookie: Option<&[u8]>) -> Result<(), Error> {
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
    let is_ours = |extension: &&ClientExtension<'_>| match extension {
        ClientExtension::Cookie(bytes) => cookie == Some(*bytes),
        _ => false,
    };
    let fixed = |hello: &ClientHello<'_>, without_cookie: bool| -> Vec<Vec<u8>> {
        let extensions = hello.extensions.iter().flatten().filter(|extension| !may_change(extension));
        let extensions = extensions.filter(|extension| !(without_cookie && is_ours(extension)));
        extensions.filter_map(|extension| crate::wire::write_all(extension).ok()).collect()
    };
    let gives_cookie_back = cookie.is_none() || second.extensions.iter().flatten().any(|extension| is_ours(&extension));
    let same = first.legacy_version == second.legacy_version
        && first.random == second.random
        && first.legacy_session_id == second.legacy_session_id
        && first.cipher_suites == second.cipher_suites
        && first.legacy_compression_methods == second.legacy_compression_methods
        && gives_cookie_back
        && fixed(first, false) == fixed(second, true);
    if same { Ok(()) } else { Err(Violation::ClientHelloChangedAfterRetry.into()) }
}
