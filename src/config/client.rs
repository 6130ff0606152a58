//! What a client decides.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::SubjectPublicKeyInfoDer;

use super::compression::CompressCertificates;
use super::identity::{Wanted, types_of};
use super::preferences::shared_decisions;
use super::question::{JudgeLater, JudgeNow};
use super::{
    CertificateRequestInfo, CertificateTypes, ChooseClientIdentity, ClientHelloShape, ClientResumption,
    ClientSessionStore, ConfigError, Decision, Identity, Observer, Preferences, VerifyChain,
};
use crate::clock::Clock;
use crate::crypto::{Provider, Secret, sha256_of_parts};
use crate::keys::KeyLog;
use crate::record::PadRecords;
use crate::resume::{ClientSession, ExternalPsk, SessionRefused};
use crate::verify::Roots;
use crate::wire::{CertificateType, CipherSuite, MaxFragmentLength, NamedGroup, ProtocolVersion, SignatureScheme};

/// The most bytes of certificate_authorities that we send.
pub(crate) const MAX_AUTHORITIES_LEN: usize = 8192;

/// A client's decisions. Chain and host name are verified whatever is said here; only the module
/// [`danger`](super::danger) can change that.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    pub(crate) preferences: Preferences,
    pub(crate) roots: Arc<Roots>,
    pub(crate) verifier: Arc<dyn VerifyChain>,
    pub(crate) identity: Arc<dyn ChooseClientIdentity>,
    identities: Vec<Arc<Identity>>,
    pub(crate) middlebox_compatibility: bool,
    pub(crate) asks_for_ocsp: bool,
    pub(crate) asks_for_scts: bool,
    pub(crate) accepts_delegated_credentials: bool,
    /// The names of the roots, where ClientHello tells them.
    pub(crate) authorities: Vec<Vec<u8>>,
    pub(crate) max_fragment_length: Option<MaxFragmentLength>,
    pub(crate) certificate_types: CertificateTypes,
    pub(crate) post_handshake_auth: bool,
    pub(crate) resumption: ClientResumption,
    /// The groups that get a share; without it, the most wanted one.
    pub(crate) key_shares: Option<Vec<NamedGroup>>,
    pub(crate) shape: ClientHelloShape,
    pub(crate) grease: bool,
}

impl ClientConfig {
    /// Trusts `roots`, with `ring`'s cryptography, and everything else at its safe default.
    #[cfg(feature = "ring")]
    pub fn new(roots: impl Into<Arc<Roots>>) -> Self {
        Self::with_provider(roots, crate::crypto::ring::provider())
    }

    /// Trusts `roots`, with the cryptography of `provider`.
    pub fn with_provider(roots: impl Into<Arc<Roots>>, provider: Arc<dyn Provider>) -> Self {
        Self {
            preferences: Preferences::of(provider),
            roots: roots.into(),
            verifier: Arc::new(JudgeNow),
            identity: choose_by_request(Vec::new()),
            identities: Vec::new(),
            middlebox_compatibility: true,
            asks_for_ocsp: false,
            asks_for_scts: false,
            accepts_delegated_credentials: false,
            authorities: Vec::new(),
            max_fragment_length: None,
            certificate_types: CertificateTypes::default(),
            post_handshake_auth: false,
            resumption: ClientResumption::default(),
            key_shares: None,
            shape: ClientHelloShape::new(),
            grease: false,
        }
    }

    /// Trusts no certificate at all: the server must know this external PSK, with `ring`'s cryptography. TLS 1.3 alone has
    /// them.
    #[cfg(feature = "ring")]
    pub fn psk_only(psk: Arc<ExternalPsk>) -> Self {
        Self::psk_only_with_provider(psk, crate::crypto::ring::provider())
    }

    /// Like [`psk_only`](Self::psk_only), with the cryptography of `provider`.
    pub fn psk_only_with_provider(psk: Arc<ExternalPsk>, provider: Arc<dyn Provider>) -> Self {
        let mut config = Self::with_provider(Roots::new(), provider).psk(psk);
        config.resumption.psk_only = true;
        config.preferences.versions = alloc::vec![ProtocolVersion::TLSv1_3];
        config
    }

    shared_decisions!();

    /// Shows this certificate when a server asks for one that it fits. A raw public key is offered to the server by itself.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identities.clear();
        self.and_identity(identity)
    }

    /// Adds a certificate. What the server can verify chooses, then the authorities that it names, then the order here.
    pub fn and_identity(mut self, identity: Identity) -> Self {
        self.identities.push(Arc::new(identity));
        self.identity = choose_by_request(self.identities.clone());
        self
    }

    /// Lets `chooser` choose a certificate when a server asks for one, at once or later.
    pub fn choose_identity(mut self, chooser: Arc<dyn ChooseClientIdentity>) -> Self {
        self.identity = chooser;
        self
    }

    /// Hands every server's chain to the application as a question, to be judged elsewhere or later. A session that is resumed
    /// shows no chain again, and is not asked about unless
    /// [`verify_again_on_resumption`](Self::verify_again_on_resumption) is on.
    pub fn verify_later(mut self) -> Self {
        self.verifier = Arc::new(JudgeLater);
        self
    }

    /// Asks the server to staple an OCSP response to its certificate. RFC 6066 §8. Whoever judges the chain finds it in
    /// [`ChainToVerify::ocsp_response`](super::ChainToVerify::ocsp_response); the built-in judge does not look at it. Off by
    /// default.
    pub fn ask_for_ocsp(mut self, on: bool) -> Self {
        self.asks_for_ocsp = on;
        self
    }

    /// Asks the server for the signed certificate timestamps of its certificate. RFC 6962 §3.3.1. Whoever judges the chain finds
    /// them in [`ChainToVerify::signed_certificate_timestamps`](super::ChainToVerify::signed_certificate_timestamps); the
    /// built-in judge knows no logs and does not look at them. Off by default.
    pub fn ask_for_scts(mut self, on: bool) -> Self {
        self.asks_for_scts = on;
        self
    }

    /// Takes a delegated credential for the certificate's own key, if the certificate allows that: a short-lived key, for seven
    /// days at most. RFC 9345. TLS 1.3 alone has them. A server can tell the client's clock by them, which is why they are off
    /// by default.
    pub fn accept_delegated_credentials(mut self, on: bool) -> Self {
        self.accepts_delegated_credentials = on;
        self
    }

    /// Names the roots in ClientHello, for servers with chains to several: certificate_authorities. RFC 8446 §4.2.4. Where the
    /// names take more than 8,192 bytes together none is sent. Off by default: the list tells a client from others.
    pub fn name_authorities(mut self, on: bool) -> Self {
        self.authorities = if on { self.roots.subjects_that_fit(MAX_AUTHORITIES_LEN) } else { Vec::new() };
        self
    }

    /// Asks the server to split all that either end sends into fragments of at most 2^9, 2^10, 2^11 or 2^12 bytes. RFC 6066 §4.
    /// For servers that do not know [`record_size_limit`](Self::record_size_limit), which is better and comes first where both
    /// are asked for. Off by default.
    ///
    /// [`ConfigError::MaxFragmentLengthUnknown`]: no other length can be asked for.
    pub fn max_fragment_length(mut self, length: MaxFragmentLength) -> Result<Self, ConfigError> {
        if length.name().is_none() {
            return Err(ConfigError::MaxFragmentLengthUnknown(length));
        }
        self.max_fragment_length = Some(length);
        Ok(self)
    }

    /// Trusts servers with one of these raw public keys, and so offers to take a raw public key instead of a certificate. The
    /// key is all that is compared, byte for byte: no name, no time. Without any roots, certificates are not offered to be
    /// taken. RFC 7250.
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

    /// Offers to take these types of certificate from a server, most wanted first, whatever is trusted. RFC 7250 §4.1. A list
    /// of X.509 alone is not sent, because it is what silence means.
    pub fn server_certificate_types(
        mut self,
        types: impl IntoIterator<Item = CertificateType>,
    ) -> Result<Self, ConfigError> {
        self.certificate_types.accept(types.into_iter().collect())?;
        Ok(self)
    }

    /// Offers to show these types of certificate, most wanted first, whatever there is to show. RFC 7250 §4.1.
    pub fn client_certificate_types(
        mut self,
        types: impl IntoIterator<Item = CertificateType>,
    ) -> Result<Self, ConfigError> {
        self.certificate_types.show(types.into_iter().collect())?;
        Ok(self)
    }

    /// What a server may show, most wanted first.
    pub(crate) fn accepted_certificate_types(&self) -> &[CertificateType] {
        self.certificate_types.accepted(self.roots.is_empty())
    }

    /// What we can show, most wanted first.
    pub(crate) fn shown_certificate_types(&self) -> &[CertificateType] {
        self.certificate_types.shown.as_deref().unwrap_or_else(|| self.identity.certificate_types())
    }

    /// Lets the server ask for a certificate at any time after the handshake too. RFC 8446 §4.2.6, §4.6.2. What it then gets
    /// is chosen and signed as in the handshake; questions about it are handed out while data goes on. TLS 1.3 alone has it,
    /// and HTTP/2 and HTTP/3 forbid it. RFC 8740 §3. Off by default.
    pub fn post_handshake_auth(mut self, on: bool) -> Self {
        self.post_handshake_auth = on;
        self
    }

    /// Keeps sessions in `store` and resumes them: fast the second time. Off by default, because a server can tell by a
    /// ticket that a client was there before. RFC 8446 §C.4.
    pub fn session_store(mut self, store: Arc<dyn ClientSessionStore>) -> Self {
        self.resumption.store = Some(store);
        self.resumption.roots_digest = self.roots.digest(&*self.preferences.provider).ok();
        self
    }

    /// Judges the chain of a session again before the session is offered, by what the judge and the clock say then: for those
    /// who look for revoked certificates. Where the verdict is against it the handshake is a full one, and the chain that the
    /// server shows then is judged. Off by default: a session is bound to roots and rules, and lives for hours.
    pub fn verify_again_on_resumption(mut self, on: bool) -> Self {
        self.resumption.verifies_again = on;
        self
    }

    /// Offers early data where the session allows it; [`send_early`](crate::Connection::send_early) then takes it. An
    /// attacker can replay it, so that it must do no harm when it comes twice. RFC 8446 §8. Off by default.
    pub fn early_data(mut self, on: bool) -> Self {
        self.resumption.early_data = on;
        self
    }

    /// Offers a key that both ends have from elsewhere, beside those offered already. RFC 8446 §4.2.11.
    pub fn psk(mut self, psk: Arc<ExternalPsk>) -> Self {
        self.resumption.psks.push(psk);
        self
    }

    /// Writes a session out: opaque bytes, of which a later process with the same configuration makes a session again.
    /// Whoever has them can pose as this client, and read early data. `None` if the provider lacks HMAC with SHA-256.
    pub fn write_session(&self, session: &ClientSession) -> Option<Secret> {
        session.write(&*self.preferences.provider)
    }

    /// Reads what [`write_session`](Self::write_session) wrote under the same configuration.
    pub fn read_session(&self, bytes: &[u8]) -> Result<ClientSession, SessionRefused> {
        let binding = self.binding().ok_or(SessionRefused::OtherConfiguration)?;
        ClientSession::read(&*self.preferences.provider, &binding, bytes)
    }

    /// What a session is bound to of the configuration: all that decides whether a server is trusted, and who we are to it.
    pub(crate) fn binding(&self) -> Option<[u8; 32]> {
        let provider = &*self.preferences.provider;
        let hashed = self.resumption.roots_digest;
        let roots = hashed.or_else(|| self.roots.digest(provider).ok())?;
        let roots = self.certificate_types.bind(provider, roots)?;
        // Who holds an external PSK is trusted for that: a session of it is nothing to a client without. Its name tells it.
        let mode: &[u8] = if self.resumption.psk_only { b"psk only" } else { b"certificates" };
        let mut parts =
            alloc::vec![b"bulla client session".as_slice(), &roots, self.verifier.rules(), mode, self.identity.shows()];
        let schemes = self.preferences.certificate_schemes_written();
        parts.extend(schemes.iter().map(Vec::as_slice));
        if self.accepts_delegated_credentials {
            parts.push(b"delegated credentials");
        }
        parts.extend(self.resumption.psks.iter().map(|psk| psk.identity()));
        sha256_of_parts(provider, &parts).ok()
    }

    /// Sends key shares of these groups in the first ClientHello, apart from how much each is wanted: a server that takes one
    /// of them needs no second hello. None at all is allowed, and always costs a round trip. Each must be among the
    /// [`groups`](Self::groups), which are decided first; they go in the order of those. RFC 8446 §4.2.8. Without this, the
    /// most wanted group gets one, and with a hybrid its classical half.
    pub fn key_shares(mut self, groups: impl IntoIterator<Item = NamedGroup>) -> Result<Self, ConfigError> {
        let groups: Vec<_> = groups.into_iter().collect();
        for (index, group) in groups.iter().enumerate() {
            if !self.preferences.groups.contains(group) {
                return Err(ConfigError::KeyShareWithoutGroup(*group));
            }
            if groups.iter().take(index).any(|earlier| earlier == group) {
                return Err(ConfigError::Repeated("key shares"));
            }
        }
        self.key_shares = Some(groups);
        Ok(self)
    }

    /// Gives the ClientHello this shape: order, more extensions, length. Refused if it has an extension that Bulla writes
    /// itself, has one twice, or is too long.
    pub fn client_hello_shape(mut self, shape: ClientHelloShape) -> Result<Self, ConfigError> {
        shape.check()?;
        self.shape = shape;
        Ok(self)
    }

    /// Offers values that mean nothing among those that do, so that servers keep ignoring what they do not know: in suites,
    /// groups, key shares, extensions, versions, signature schemes, application protocols and PSK modes. A server that
    /// chooses one is refused. RFC 8701 §3.1. Off by default.
    pub fn grease(mut self, on: bool) -> Self {
        self.grease = on;
        self
    }

    /// Looks like TLS 1.2 to middleboxes: a session id and a dummy change_cipher_spec. RFC 8446 §D.4. On by default.
    pub fn middlebox_compatibility(mut self, on: bool) -> Self {
        self.middlebox_compatibility = on;
        self
    }
}

/// Returns the chooser that a client with identities has unless it is given another: among those that can sign with a scheme
/// which the server accepts, by what it can verify and by the authorities that it names, then in the order given; none if
/// none can sign. For choosers of an application that look elsewhere first, or answer late.
pub fn choose_by_request(identities: Vec<Arc<Identity>>) -> Arc<dyn ChooseClientIdentity> {
    Arc::new(ByRequest::of(identities))
}

/// Shows the identity that fits a request best, if one can sign for it. RFC 8446 §4.4.2.3.
#[derive(Debug)]
struct ByRequest {
    identities: Vec<Arc<Identity>>,
    /// The leaves, one behind the other: DER says where each ends.
    shows: Vec<u8>,
    /// Each once, in the order given.
    certificate_types: Vec<CertificateType>,
}

impl ByRequest {
    fn of(identities: Vec<Arc<Identity>>) -> Self {
        let leaves = identities.iter().filter_map(|identity| identity.chain().first());
        let shows = leaves.flat_map(|leaf| leaf.iter().copied()).collect();
        let certificate_types = types_of(&identities);
        Self { identities, shows, certificate_types }
    }
}

impl ChooseClientIdentity for ByRequest {
    fn choose(&self, request: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
        let wanted = Wanted {
            version: request.version,
            signature_schemes: &request.signature_schemes,
            certificate_signature_schemes: &request.certificate_signature_schemes,
            delegated_credential_schemes: &[],
            now: None,
            certificate_authorities: &request.certificate_authorities,
        };
        let of_type = |identity: &&Arc<Identity>| identity.certificate_type() == request.certificate_type;
        Decision::Now(wanted.best_of(self.identities.iter().filter(of_type)).cloned())
    }

    fn shows(&self) -> &[u8] {
        &self.shows
    }

    fn certificate_types(&self) -> &[CertificateType] {
        &self.certificate_types
    }
}
