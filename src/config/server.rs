//! What a server decides.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::SubjectPublicKeyInfoDer;

use super::compression::CompressCertificates;
use super::identity::Wanted;
use super::preferences::shared_decisions;
use super::question::{JudgeLater, JudgeNow};
use super::resumption::EarlyDataPolicy;
use super::{
    AntiReplay, CertificateTypes, ChooseServerIdentity, ClientHelloInfo, ConfigError, Decision, FindPsk, Identity,
    Observer, Preferences, SealTickets, ServerResumption, ServerSessionStore, VerifyChain,
};
use crate::clock::Clock;
use crate::crypto::Provider;
use crate::keys::KeyLog;
use crate::record::PadRecords;
use crate::resume::CookieKeys;
use crate::verify::Roots;
use crate::wire::{AlertDescription, CertificateType, CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// A server's decisions.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(crate) preferences: Preferences,
    pub(crate) identity: Arc<dyn ChooseServerIdentity>,
    identities: Vec<Arc<Identity>>,
    pub(crate) client_auth: ClientAuth,
    pub(crate) post_handshake_auth: ClientAuth,
    pub(crate) verifier: Arc<dyn VerifyChain>,
    pub(crate) asks_for_ocsp: bool,
    pub(crate) certificate_types: CertificateTypes,
    pub(crate) resumption: ServerResumption,
    pub(crate) grease: bool,
}

/// Whether a server asks its clients for certificates. RFC 8446 §4.3.2.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ClientAuth {
    /// Does not ask.
    #[default]
    None,
    /// Asks; a client without a certificate may go on, one with a certificate must convince.
    Request(Arc<Roots>),
    /// Asks; a client without a certificate is refused with certificate_required.
    Require(Arc<Roots>),
}

impl ClientAuth {
    /// Returns the roots that clients' chains must lead to, unless no certificate is asked for.
    pub(crate) fn roots(&self) -> Option<&Arc<Roots>> {
        match self {
            Self::None => None,
            Self::Request(roots) | Self::Require(roots) => Some(roots),
        }
    }
}

impl ServerConfig {
    /// Shows `identity` to every client, with `ring`'s cryptography, and everything else at its safe default.
    #[cfg(feature = "ring")]
    pub fn new(identity: Identity) -> Self {
        Self::with_provider(identity, crate::crypto::ring::provider())
    }

    /// Shows `identity` to every client, with the cryptography of `provider`.
    pub fn with_provider(identity: Identity, provider: Arc<dyn Provider>) -> Self {
        let identities = alloc::vec![Arc::new(identity)];
        Self {
            preferences: Preferences::of(provider),
            identity: Arc::new(ByServerName(identities.clone())),
            identities,
            client_auth: ClientAuth::None,
            post_handshake_auth: ClientAuth::None,
            verifier: Arc::new(JudgeNow),
            asks_for_ocsp: false,
            certificate_types: CertificateTypes::default(),
            resumption: ServerResumption::default(),
            grease: false,
        }
    }

    /// Lets `chooser` choose the certificate for each ClientHello, at once or later, with `ring`'s cryptography: for servers
    /// that have no certificate of their own from the start.
    #[cfg(feature = "ring")]
    pub fn choosing(chooser: Arc<dyn ChooseServerIdentity>) -> Self {
        Self::choosing_with_provider(chooser, crate::crypto::ring::provider())
    }

    /// Like [`choosing`](Self::choosing), with the cryptography of `provider`.
    pub fn choosing_with_provider(chooser: Arc<dyn ChooseServerIdentity>, provider: Arc<dyn Provider>) -> Self {
        Self {
            preferences: Preferences::of(provider),
            identity: chooser,
            identities: Vec::new(),
            client_auth: ClientAuth::None,
            post_handshake_auth: ClientAuth::None,
            verifier: Arc::new(JudgeNow),
            asks_for_ocsp: false,
            certificate_types: CertificateTypes::default(),
            resumption: ServerResumption::default(),
            grease: false,
        }
    }

    /// Has no certificate at all: a client must name one of these external PSKs, with `ring`'s cryptography. TLS 1.3 alone
    /// has them.
    #[cfg(feature = "ring")]
    pub fn psk_only(psks: Arc<dyn FindPsk>) -> Self {
        Self::psk_only_with_provider(psks, crate::crypto::ring::provider())
    }

    /// Like [`psk_only`](Self::psk_only), with the cryptography of `provider`.
    pub fn psk_only_with_provider(psks: Arc<dyn FindPsk>, provider: Arc<dyn Provider>) -> Self {
        let mut config = Self::choosing_with_provider(Arc::new(ByServerName(Vec::new())), provider).psks(psks);
        config.preferences.versions = alloc::vec![ProtocolVersion::TLSv1_3];
        config
    }

    shared_decisions!();

    /// Adds a certificate. The client's server name chooses, then what the client can verify, then the authorities that it
    /// names, then the order here; a name that no certificate has gets the first ones.
    pub fn and_identity(mut self, identity: Identity) -> Self {
        self.identities.push(Arc::new(identity));
        self.identity = Arc::new(ByServerName(self.identities.clone()));
        self
    }

    /// Lets `chooser` choose the certificate for each ClientHello, at once or later.
    pub fn choose_identity(mut self, chooser: Arc<dyn ChooseServerIdentity>) -> Self {
        self.identity = chooser;
        self
    }

    /// Asks clients for certificates.
    pub fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        let digest = |roots: &Arc<Roots>| roots.digest(&*self.preferences.provider).ok();
        self.resumption.roots_digest = client_auth.roots().map_or(Some([0; 32]), digest);
        self.client_auth = client_auth;
        self
    }

    /// Asks clients that show a certificate to staple an OCSP response to it: status_request in CertificateRequest. RFC 8446
    /// §4.4.2.1. Whoever judges the chain finds it in
    /// [`ChainToVerify::ocsp_response`](super::ChainToVerify::ocsp_response); the built-in judge does not look at it. TLS 1.3
    /// alone has that. Off by default.
    pub fn ask_for_ocsp(mut self, on: bool) -> Self {
        self.asks_for_ocsp = on;
        self
    }

    /// Trusts clients with one of these raw public keys, where [`client_auth`](Self::client_auth) asks for a certificate at all.
    /// The key is all that is compared, byte for byte. Without any roots, certificates are not taken. RFC 7250.
    ///
    /// [`ConfigError::RawPublicKey`]: one cannot be read, is an RSA key below 2048 bits, or of a kind that the provider cannot
    /// verify with.
    pub fn trusted_raw_public_keys(
        mut self,
        keys: impl IntoIterator<Item = SubjectPublicKeyInfoDer<'static>>,
    ) -> Result<Self, ConfigError> {
        self.certificate_types.trust(&*self.preferences.provider, keys.into_iter().collect())?;
        Ok(self)
    }

    /// Takes these types of certificate from clients, most wanted first, whatever is trusted. RFC 7250 §4.2. A client that
    /// has none of them is refused with unsupported_certificate, if it is asked for a certificate.
    pub fn client_certificate_types(
        mut self,
        types: impl IntoIterator<Item = CertificateType>,
    ) -> Result<Self, ConfigError> {
        self.certificate_types.accept(types.into_iter().collect())?;
        Ok(self)
    }

    /// What a client may show, most wanted first.
    pub(crate) fn accepted_certificate_types(&self) -> &[CertificateType] {
        let roots = self.client_auth.roots().or(self.post_handshake_auth.roots());
        self.certificate_types.accepted(roots.is_none_or(|roots| roots.is_empty()))
    }

    /// Lets [`request_client_certificate`](crate::Connection::request_client_certificate) ask a client for a certificate
    /// after the handshake, if the client offers that: when it wants something that not everybody may have, say. RFC 8446
    /// §4.6.2. Whom to trust is said here once more, because [`client_auth`](Self::client_auth) asks every client during the
    /// handshake. Where both ask, and by other roots, a client that answers this gets no tickets for it: it would come back as
    /// one that `client_auth` has let in. TLS 1.3 alone has it. Off by default.
    pub fn post_handshake_auth(mut self, client_auth: ClientAuth) -> Self {
        let digest = |roots: &Arc<Roots>| roots.digest(&*self.preferences.provider).ok();
        self.resumption.post_handshake_digest = client_auth.roots().map_or(Some([0; 32]), digest);
        self.post_handshake_auth = client_auth;
        self
    }

    /// Says whether who shows a certificate after the handshake might have shown it in the handshake, if that asks for one.
    pub(crate) fn trusts_alike_after_the_handshake(&self) -> bool {
        let ServerResumption { roots_digest, post_handshake_digest, .. } = &self.resumption;
        self.client_auth.roots().is_none() || roots_digest == post_handshake_digest
    }

    /// Puts an extension that means nothing into the message of each ticket, so that clients keep ignoring what they do not
    /// know. RFC 8701 §4.1. Off by default.
    pub fn grease(mut self, on: bool) -> Self {
        self.grease = on;
        self
    }

    /// Seals sessions into tickets, which clients keep and show again: fast the second time. Without a clock none are sent.
    pub fn tickets(mut self, tickets: Arc<dyn SealTickets>) -> Self {
        self.resumption.tickets = Some(tickets);
        self
    }

    /// Keeps sessions in `store`. Beside [`tickets`](Self::tickets) it serves clients of TLS 1.2 that know none, and early
    /// data with [`AntiReplay::SingleUse`].
    pub fn session_store(mut self, store: Arc<dyn ServerSessionStore>) -> Self {
        self.resumption.store = Some(store);
        self
    }

    /// Sends so many tickets at the end of each TLS 1.3 handshake: 2 unless told otherwise. A client uses each once.
    pub fn tickets_per_handshake(mut self, tickets: u8) -> Self {
        self.resumption.tickets_per_handshake = tickets;
        self
    }

    /// Lets sessions live this many seconds: 1 to 604,800 (seven days), 7,200 unless told otherwise. RFC 8446 §4.6.1.
    pub fn session_lifetime(mut self, seconds: u32) -> Self {
        self.resumption.set_lifetime(seconds);
        self
    }

    /// Binds sessions to these bytes: a server with others, of a fleet with the same ticket keys, does not resume them.
    pub fn session_context(mut self, context: impl Into<Vec<u8>>) -> Self {
        self.resumption.context = context.into();
        self
    }

    /// Takes up to `max_bytes` of early data from clients that resume. It comes as
    /// [`Event::EarlyData`](crate::Event::EarlyData) and may have been replayed to another server; `anti_replay` keeps it
    /// from coming twice here. RFC 8446 §8. Off by default.
    ///
    /// [`ConfigError::NoSessionStore`]: single use needs a [`session_store`](Self::session_store), given before.
    pub fn early_data(mut self, max_bytes: u32, anti_replay: AntiReplay) -> Result<Self, ConfigError> {
        if matches!(anti_replay, AntiReplay::SingleUse) && self.resumption.store.is_none() {
            return Err(ConfigError::NoSessionStore);
        }
        self.resumption.early_data = Some(EarlyDataPolicy { max_bytes, anti_replay }).filter(|_| max_bytes > 0);
        Ok(self)
    }

    /// Knows external PSKs. RFC 8446 §4.2.11. A client that must show a certificate cannot use one.
    pub fn psks(mut self, psks: Arc<dyn FindPsk>) -> Self {
        self.resumption.psks = Some(psks);
        self
    }

    /// Puts all that a HelloRetryRequest must remember into its cookie, so that another connection, or another server with
    /// the same keys, can take the second ClientHello. RFC 8446 §4.2.2.
    pub fn stateless_retry(mut self, cookies: Arc<CookieKeys>) -> Self {
        self.resumption.cookies = Some(cookies);
        self
    }

    /// What a session is bound to of this configuration.
    pub(crate) fn binding(&self) -> Option<[u8; 32]> {
        let asks = (&self.client_auth, &self.post_handshake_auth);
        self.resumption.binding(&self.preferences, asks, &self.certificate_types, self.verifier.rules())
    }

    /// Hands every client's chain to the application as a question, to be judged elsewhere or later. A session that is resumed
    /// shows no chain again, and is not asked about.
    pub fn verify_later(mut self) -> Self {
        self.verifier = Arc::new(JudgeLater);
        self
    }
}

/// Returns the chooser that a server has unless it is given another: by server name, then by what the client can verify and
/// by the authorities that it names, then in the order given. For choosers of an application that look elsewhere first, or answer late.
pub fn choose_by_server_name(identities: Vec<Arc<Identity>>) -> Arc<dyn ChooseServerIdentity> {
    Arc::new(ByServerName(identities))
}

/// Chooses among identities by type, by server name and by what the client can verify. RFC 8446 §4.4.2.2, RFC 7250 §4.2.
#[derive(Debug)]
struct ByServerName(Vec<Arc<Identity>>);

impl ChooseServerIdentity for ByServerName {
    fn choose(&self, hello: &ClientHelloInfo) -> Decision<Option<Arc<Identity>>> {
        let judged = |identity: &&Arc<Identity>| hello.server_certificate_types.contains(&identity.certificate_type());
        let judged: Vec<_> = self.0.iter().filter(judged).collect();
        let named =
            |identity: &&Arc<Identity>| hello.server_name.as_deref().is_some_and(|name| identity.is_valid_for(name));
        let with_name: Vec<_> = judged.iter().copied().filter(named).collect();
        // And one of a type that the client does not judge is better than none, for the same reason.
        let of_any_type = || self.0.iter().collect();
        let candidates = match (with_name.is_empty(), judged.is_empty()) {
            (false, _) => with_name,
            (true, false) => judged,
            (true, true) => of_any_type(),
        };
        let wanted = Wanted {
            version: hello.version,
            signature_schemes: &hello.signature_schemes,
            certificate_signature_schemes: &hello.certificate_signature_schemes,
            delegated_credential_schemes: &hello.delegated_credential_schemes,
            now: hello.now,
            certificate_authorities: &hello.certificate_authorities,
        };
        // A key that cannot sign for the client is better than none: the handshake then says what is missing.
        let shown_to_all = |identity: &&&Arc<Identity>| !identity.is_only_for_named_authorities();
        let best = wanted.best_of(candidates.iter().copied());
        let best = best.or_else(|| candidates.iter().find(shown_to_all).copied());
        if best.is_none() && !candidates.is_empty() {
            return Decision::Refuse(AlertDescription::handshake_failure);
        }
        Decision::Now(best.cloned())
    }
}
