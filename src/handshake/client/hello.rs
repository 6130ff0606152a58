//! Writes ClientHello, reads ServerHello and HelloRetryRequest, and settles the version. RFC 8446 §4.1, RFC 5246 §7.4.1.
//!
//! Nothing here knows what follows ServerHello; the chosen version's own folder does.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use pki_types::ServerName;

use super::offer::{Look, Offer};
use super::psk::{PskKey, psks_to_offer};
use super::session::{fits, session_query};
use super::shares::KeyShares;
#[cfg(feature = "tls12")]
use super::tls12;
use super::{Client, early_data, tls13};
use crate::config::ClientConfig;
use crate::crypto::{Secret, Suite};
use crate::error::{Error, Incompatible, Violation};
use crate::handshake::proof::crypto_failed;
use crate::handshake::{EarlyData, Incoming, Outgoing};
use crate::keys::Transcript;
use crate::record::{ChangeCipherSpecs, Level};
use crate::resume::ClientSession;
use crate::wire::{
    ExtensionContext, ExtensionType, HandshakeType, HelloRetryRequest, KeyShareEntry, NamedGroup, ProtocolVersion,
    Random, RetryExtension, ServerExtension, ServerHello, is_hello_retry_request,
};

/// ClientHello is sent. RFC 8446 §A.1: WAIT_SH.
pub(crate) struct WaitServerHello {
    offer: Offer,
    /// Our half of the key exchange; `None` if TLS 1.3 is not offered, where the server goes first.
    shares: Option<KeyShares>,
    stage: Stage,
}

/// Whether the hello that waits for its answer is the first one or the second.
enum Stage {
    /// The first ClientHello, whose bytes wait until the server has chosen a hash.
    First { client_hello: Vec<u8> },
    /// The second: HelloRetryRequest has chosen suite and hash.
    Second { suite: Suite, transcript: Transcript },
}

/// What ServerHello has settled; what the TLS 1.3 table goes on with.
pub(super) struct Settled {
    pub(super) offer: Offer,
    pub(super) suite: Suite,
    pub(super) group: NamedGroup,
    pub(super) shared_secret: Secret,
    pub(super) transcript: Transcript,
    pub(super) hello_retried: bool,
    /// The PSK that the server chose.
    pub(super) psk: Option<PskKey>,
    /// What ServerHello says of early data: nothing yet if the first PSK was chosen.
    pub(super) early_data: EarlyData,
}

/// Draws the randoms, makes the key share, and sends the first ClientHello. RFC 8446 §4.1.2.
pub(super) fn send_client_hello(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    session: Option<Box<ClientSession>>,
    out: &mut Outgoing,
) -> Result<WaitServerHello, Error> {
    let has_tls13 = config.preferences.allows(ProtocolVersion::TLSv1_3);
    let offer = make_offer(config, name, session)?;
    let shares = if has_tls13 { Some(KeyShares::start(&offer.config)?) } else { None };

    let client_hello = offer.write(shares.as_ref(), None, None)?;
    out.send_bytes(Level::Initial, client_hello.clone());
    if has_tls13 {
        // The dummy of a server that speaks TLS 1.3; in TLS 1.2 there is none. RFC 8446 §D.4.
        out.read_change_cipher_spec(ChangeCipherSpecs::Tolerated);
    }
    early_data::start(&offer, &client_hello, out)?;
    Ok(WaitServerHello { offer, shares, stage: Stage::First { client_hello } })
}

/// Draws the randoms and keeps of the session what it is good for.
fn make_offer(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    session: Option<Box<ClientSession>>,
) -> Result<Offer, Error> {
    let provider = &*config.preferences.provider;
    // 1. The session, if it fits.
    let kept_under = session_query(&config, &name);
    let fitting = session.filter(|session| {
        let now = config.preferences.now();
        kept_under.as_ref().zip(now).is_some_and(|(query, now)| fits(session, &config, query, now))
    });
    let of_tls13 = fitting.as_ref().is_some_and(|session| session.version == ProtocolVersion::TLSv1_3);
    let (session_tls13, session_tls12) = if of_tls13 { (fitting, None) } else { (None, fitting) };
    let psks = match config.preferences.allows(ProtocolVersion::TLSv1_3) {
        true => psks_to_offer(&config, session_tls13),
        false => Vec::new(),
    };

    // 2. The randoms. With a ticket of TLS 1.2 goes an id that is made up, whose echo shows the resumption. RFC 5077 §3.4.
    let mut random = [0; 32];
    provider.fill_random(&mut random).map_err(crypto_failed)?;
    let looks_resumed = config.middlebox_compatibility && config.preferences.allows(ProtocolVersion::TLSv1_3);
    let legacy_session_id = match &session_tls12 {
        Some(session) if session.ticket.is_empty() => session.session_id.clone(),
        session => {
            let mut legacy_session_id = vec![0; if looks_resumed || session.is_some() { 32 } else { 0 }];
            provider.fill_random(&mut legacy_session_id).map_err(crypto_failed)?;
            legacy_session_id
        }
    };

    let look = Look::draw(&config).map_err(crypto_failed)?;
    Ok(Offer {
        early_data: early_data::may_offer(&config, &psks),
        offers_psks: !psks.is_empty(),
        config,
        name,
        random: Random(random),
        legacy_session_id,
        kept_under,
        #[cfg(feature = "tls12")]
        session_tls12,
        psks,
        look,
        answers: Vec::new(),
    })
}

impl WaitServerHello {
    /// Says whether the server may choose TLS 1.2.
    pub(super) fn offers_tls12(&self) -> bool {
        self.offer.offers(ProtocolVersion::TLSv1_2)
    }

    /// Tells HelloRetryRequest from ServerHello by its random. RFC 8446 §4.1.3.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Client, Error> {
        if is_hello_retry_request(message.body()) {
            self.accept_hello_retry_request(message, out).map(Client::WaitServerHello)
        } else {
            self.accept_server_hello(message, out)
        }
    }

    /// RFC 8446 §4.1.4.
    fn accept_hello_retry_request(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Self, Error> {
        let Self { mut offer, shares, stage } = self;
        let provider = Arc::clone(&offer.config.preferences.provider);
        // 1. Only the first hello may be retried, and keys do not change here, but the client's flight does.
        let Stage::First { client_hello } = stage else { return Err(Violation::SecondHelloRetryRequest.into()) };
        // A hello without a share has none to retry: to it, this is a hello of TLS 1.2 that claims to be more.
        let Some(shares) = shares else { return Err(Violation::HelloRetryRequestWithoutChange.into()) };
        message.boundary()?;
        let retry: HelloRetryRequest<'_> = message.parse()?;

        // 2. The version, the echo and the suite are checked as in ServerHello.
        let suite = check_retry(&offer, &retry)?;

        // 3. What it asks for: a group, a cookie, or both; nothing at all would lead to the same hello again.
        let (group, cookie) = read_retry(&offer, &retry)?;
        if group.is_none() && cookie.is_none() {
            return Err(Violation::HelloRetryRequestWithoutChange.into());
        }

        // 4. The group must be one that we offer and have not sent a share for. RFC 8446 §4.2.8.
        let shares = match group {
            None => shares,
            Some(group) => {
                if shares.has(group) || !offer.config.preferences.groups.contains(&group) {
                    return Err(Violation::RetryGroupNotOffered.into());
                }
                KeyShares::start_one(&*provider, group)?
            }
        };

        // 5. The first ClientHello lives on as its hash. RFC 8446 §4.4.1.
        let mut transcript = Transcript::new(&*provider, suite.hash).map_err(crypto_failed)?;
        transcript.add(&client_hello);
        transcript.replace_by_message_hash(&*provider).map_err(crypto_failed)?;
        transcript.add(message.bytes());

        // 6. The second ClientHello: the first with the one share and the cookie, in the clear and without early data, and
        // with the PSKs that go with the suite. RFC 8446 §4.1.2.
        if offer.early_data {
            out.write_unprotected();
            early_data::give_up(EarlyData::Retried, out);
        } else if offer.config.middlebox_compatibility {
            out.change_cipher_spec();
        }
        offer.early_data = false;
        offer.psks.retain(|psk| psk.suite.hash == suite.hash);
        offer.offers_psks = !offer.psks.is_empty();
        let client_hello = offer.write(Some(&shares), cookie, Some(&transcript))?;
        transcript.add(&client_hello);
        out.send_bytes(Level::Initial, client_hello);
        Ok(Self { offer, shares: Some(shares), stage: Stage::Second { suite, transcript } })
    }

    /// Settles the version, which says what all the rest means. RFC 8446 §4.1.3.
    fn accept_server_hello(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Client, Error> {
        let server_hello: ServerHello<'_> = message.parse()?;
        let extensions = server_hello.extensions.as_deref().unwrap_or_default();
        let selected = extensions.iter().find_map(|extension| match extension {
            ServerExtension::SupportedVersions(version) => Some(*version),
            _ => None,
        });
        match self.offer.settle_version(selected, server_hello.legacy_version, Some(&server_hello.random))? {
            #[cfg(feature = "tls12")]
            ProtocolVersion::TLSv1_2 => self.accept_tls12(message, &server_hello, out),
            _ => self.accept_tls13(message, &server_hello, out),
        }
    }

    /// RFC 8446 §4.1.3.
    fn accept_tls13(
        self,
        message: Incoming<'_>,
        server_hello: &ServerHello<'_>,
        out: &mut Outgoing,
    ) -> Result<Client, Error> {
        let Self { mut offer, shares, stage } = self;
        let provider = Arc::clone(&offer.config.preferences.provider);
        // 1. The keys change behind this message.
        let boundary = message.boundary()?;
        let shares = shares.ok_or(Violation::KeyShareGroupNotOffered)?;

        // 2. The echo, the suite, and that a retry's suite is kept. RFC 8446 §4.1.4.
        let suite = offer.check_hello(
            server_hello.legacy_version,
            server_hello.legacy_session_id_echo,
            server_hello.legacy_compression_method,
            server_hello.cipher_suite,
        )?;
        let hello_retried = matches!(stage, Stage::Second { .. });
        let mut transcript = match stage {
            Stage::First { client_hello } => {
                let mut transcript = Transcript::new(&*provider, suite.hash).map_err(crypto_failed)?;
                transcript.add(&client_hello);
                transcript
            }
            Stage::Second { suite: retried, transcript } if retried == suite => transcript,
            Stage::Second { .. } => return Err(Violation::CipherSuiteChangedAfterRetry.into()),
        };

        // 3. Only supported_versions, key_share and, if we offered any, the choice of a PSK belong here. RFC 8446 §4.2.
        let (share, selected_identity) = read_extensions(&offer, server_hello)?;

        // 4. The PSK, and with it the share, because psk_dhe_ke is the only mode of ours. RFC 8446 §4.2.11.
        let psk = selected_identity.map(|index| offer.take_psk(index, suite)).transpose()?;
        let share = match (share, &psk) {
            (Some(share), _) => share,
            (None, Some(_)) => return Err(Violation::PskWithoutKeyShare.into()),
            (None, None) => {
                let (extension, message) = (ExtensionType::key_share, HandshakeType::server_hello);
                return Err(Violation::ExtensionMissing(extension, message).into());
            }
        };
        if psk.is_none() && offer.config.resumption.psk_only {
            return Err(Incompatible::PskNotChosen.into());
        }
        let early_data = match (offer.early_data, selected_identity) {
            (false, _) => EarlyData::NotOffered,
            (true, Some(0)) => EarlyData::Pending,
            (true, _) => EarlyData::Rejected,
        };

        // 5. The key exchange. RFC 8446 §4.2.8.
        let (group, shared_secret) = shares.complete(share)?;

        // 6. ServerHello ends the transcript of the handshake keys.
        transcript.add(message.bytes());
        let settled = Settled { offer, suite, group, shared_secret, transcript, hello_retried, psk, early_data };
        tls13::start(settled, boundary, out).map(Client::Tls13)
    }

    /// RFC 5246 §7.4.1.3.
    #[cfg(feature = "tls12")]
    fn accept_tls12(
        self,
        message: Incoming<'_>,
        server_hello: &ServerHello<'_>,
        out: &mut Outgoing,
    ) -> Result<Client, Error> {
        if self.offer.config.resumption.psk_only {
            return Err(Incompatible::PskNotChosen.into());
        }
        match self.stage {
            Stage::First { client_hello } => {
                tls12::accept_server_hello(self.offer, &client_hello, message, server_hello, out).map(Client::Tls12)
            }
            // A server that has retried us speaks TLS 1.3.
            Stage::Second { .. } => Err(Violation::VersionNotOffered(ProtocolVersion::TLSv1_2).into()),
        }
    }
}

/// Reads the server's share and its choice among our PSKs.
fn read_extensions<'m>(
    offer: &Offer,
    server_hello: &'m ServerHello<'_>,
) -> Result<(Option<&'m KeyShareEntry<'m>>, Option<u16>), Error> {
    let (mut share, mut selected_identity) = (None, None);
    for extension in server_hello.extensions.iter().flatten() {
        match extension {
            ServerExtension::SupportedVersions(_) => {}
            ServerExtension::KeyShare(entry) => share = Some(entry),
            ServerExtension::PreSharedKey(index) if offer.offered(ExtensionType::pre_shared_key) => {
                selected_identity = Some(*index);
            }
            other => {
                let message = HandshakeType::server_hello;
                offer.check_answer(other.extension_type(), ExtensionContext::ServerHello, message)?;
                return Err(Violation::ExtensionNotAllowed(other.extension_type(), message).into());
            }
        }
    }
    Ok((share, selected_identity))
}

/// Checks what HelloRetryRequest has in common with ServerHello. RFC 8446 §4.1.3, §4.1.4.
fn check_retry(offer: &Offer, retry: &HelloRetryRequest<'_>) -> Result<Suite, Error> {
    let selected = retry.extensions.iter().find_map(|extension| match extension {
        RetryExtension::SupportedVersions(version) => Some(*version),
        _ => None,
    });
    let missing = Violation::ExtensionMissing(ExtensionType::supported_versions, HandshakeType::server_hello);
    offer.settle_version(Some(selected.ok_or(missing)?), retry.legacy_version, None)?;
    offer.check_hello(
        retry.legacy_version,
        retry.legacy_session_id_echo,
        retry.legacy_compression_method,
        retry.cipher_suite,
    )
}

/// Returns the group and the cookie that HelloRetryRequest asks for. RFC 8446 §4.2.2, §4.2.8.
fn read_retry<'r>(
    offer: &Offer,
    retry: &HelloRetryRequest<'r>,
) -> Result<(Option<NamedGroup>, Option<&'r [u8]>), Error> {
    let (mut group, mut cookie) = (None, None);
    for extension in &retry.extensions {
        match extension {
            RetryExtension::KeyShare(selected_group) => group = Some(*selected_group),
            RetryExtension::Cookie(bytes) => cookie = Some(*bytes),
            RetryExtension::SupportedVersions(_) => {}
            other => {
                let message = HandshakeType::server_hello;
                offer.check_answer(other.extension_type(), ExtensionContext::HelloRetryRequest, message)?;
            }
        }
    }
    Ok((group, cookie))
}

/// The name that a finished connection reports.
pub(super) fn reported_name(offer: &Offer) -> Option<String> {
    offer.host_name().map(String::from)
}
