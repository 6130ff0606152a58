//! The server's flight of a full handshake: ServerHello to ServerHelloDone. RFC 5246 §7.4.1.3 to §7.4.5.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::State;
use super::client_flight::{Proving, WaitCertificate, WaitClientKeyExchange};
use super::hello::Settled;
use super::server_hello::{self, Kind, Reply};
use super::session::Keeping;
use crate::config::{ClientHelloInfo, Decision, Identity, ServerConfig, SigningFailed, SigningRequest};
use crate::crypto::{Authentication, Digest, Provider, StartedKeyExchange, SuiteTls12, key_exchange};
use crate::error::{Error, Incompatible, Internal};
use crate::handshake::proof::crypto_failed;
use crate::handshake::record_sizes::RecordSizes;
use crate::handshake::server::certificate_types::SettledTypes;
use crate::handshake::server::end_point_of;
use crate::handshake::{HandshakeKind, Negotiated, Outgoing, QuestionKind, shown};
use crate::keys::{Randoms, Transcript};
use crate::record::Level;
use crate::verify::{CERTIFICATE_ONLY_SCHEMES, PeerChain};
use crate::wire::{
    CertificateRequestTls12, CertificateStatus, CertificateType, ClientCertificateType, DistinguishedName, NamedGroup,
    ProtocolVersion, ServerEcdhParams, ServerHelloDone, ServerKeyExchange, SignatureScheme, write_all,
};

/// What every state of the handshake owns from ServerHello on.
pub(super) struct Handshake {
    pub(super) config: Arc<ServerConfig>,
    pub(super) randoms: Randoms,
    pub(super) suite: SuiteTls12,
    pub(super) group: NamedGroup,
    pub(super) application_protocol: Option<Vec<u8>>,
    pub(super) hello: ClientHelloInfo,
    pub(super) certificate_types: SettledTypes,
    pub(super) extended_master_secret: bool,
    pub(super) secure_renegotiation: bool,
    pub(super) keeping: Keeping,
    /// What was agreed on about the size of records.
    pub(super) record_sizes: RecordSizes,
    /// tls-server-end-point of our certificate, shown here or in the session's connection. RFC 5929 §4.
    pub(super) server_end_point: Option<Box<Digest>>,
    pub(super) transcript: Transcript,
}

impl Handshake {
    pub(super) fn provider(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.config.preferences.provider)
    }

    /// The facts of this handshake; the peer's certificates come with the proof of who it is.
    pub(super) fn negotiated(&self) -> Negotiated {
        Negotiated {
            version: ProtocolVersion::TLSv1_2,
            cipher_suite: self.suite.suite.id,
            group: self.group,
            hello_retried: false,
            server_name: self.hello.server_name.clone(),
            application_protocol: self.application_protocol.clone(),
            peer_certificates: PeerChain::default(),
            peer_signature_scheme: None,
            peer_ocsp_response: None,
            server_end_point: self.server_end_point.clone(),
            record_limit: 0,
            kind: HandshakeKind::Full,
            external_psk_identity: None,
            peer_extensions: Box::default(),
            ticket_age_skew: None,
            renegotiation_info: self.secure_renegotiation,
        }
    }
}

/// Chooses the certificate before anything is sent: the suite depends on it.
pub(super) fn choose_identity(settled: Settled, out: &mut Outgoing) -> Result<State, Error> {
    let chooser = Arc::clone(&settled.config.identity);
    match chooser.choose(&settled.hello) {
        Decision::Now(identity) => AskIdentity { settled }.accept(identity, out),
        Decision::Refuse(alert) => Err(Error::Refused(alert)),
        Decision::Later => {
            out.ask(QuestionKind::ChooseServerIdentity(settled.hello.clone()));
            Ok(State::AskIdentity(AskIdentity { settled }))
        }
    }
}

/// ClientHello is read and waits for a certificate.
pub(crate) struct AskIdentity {
    settled: Settled,
}

impl AskIdentity {
    /// Sends the flight as far as the signature.
    pub(super) fn accept(self, identity: Option<Arc<Identity>>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { settled } = self;
        let asks_for_ocsp = settled.asks_for_ocsp;
        let identity = identity.ok_or(match &settled.hello.server_name {
            Some(_) => Incompatible::UnrecognizedName,
            None => Incompatible::NoCommonSignatureScheme,
        })?;
        let (config, shown) = (&settled.config, &settled.client_certificate_types);
        let certificate_types = SettledTypes::of_full(config, &settled.hello, shown, &identity, false)?;
        let (suite, scheme) = choose_suite(&settled, &identity)?;
        let status = identity.stapled().filter(|_| asks_for_ocsp);

        let (group, keeping) = (settled.group, Keeping::of(&settled)?);
        let kind = Kind::Full { certificate_status: status.is_some() };
        let server_end_point = end_point_of(&*settled.config.preferences.provider, &identity);
        let reply = Reply { suite, group, keeping, kind, certificate_types, server_end_point };
        let mut handshake = server_hello::send(settled, reply, out)?;
        send_certificate(&mut handshake, &identity, status, out)?;

        let provider = handshake.provider();
        let exchange = key_exchange(&*provider, handshake.group).ok_or(Incompatible::NoCommonGroup)?;
        let exchange = exchange.start(&*provider).map_err(crypto_failed)?;
        let params = ServerEcdhParams { named_curve: handshake.group, public: exchange.share() };
        let message = [&handshake.randoms.client[..], &handshake.randoms.server, &write_all(&params)?].concat();
        let request = SigningRequest { scheme, message, identity };
        let state = AskSignature { handshake, exchange, scheme };
        match request.identity.signer().sign(&request) {
            Decision::Now(signature) => state.accept(signature, out),
            Decision::Refuse(alert) => Err(Error::Refused(alert)),
            Decision::Later => {
                out.ask(QuestionKind::Sign(request));
                Ok(State::AskSignature(state))
            }
        }
    }
}

/// The first suite that goes with a scheme which the key has and the client accepts. RFC 8422 §5.3.
fn choose_suite(settled: &Settled, identity: &Identity) -> Result<(SuiteTls12, SignatureScheme), Error> {
    let ours = &settled.config.preferences.signing_schemes;
    let scheme = identity.scheme_for(ProtocolVersion::TLSv1_2, ours, &settled.hello.signature_schemes);
    let scheme = scheme.ok_or(Incompatible::NoCommonSignatureScheme)?;
    let kind = Authentication::of(scheme);
    let suite = settled.suites.iter().copied().find(|row| Some(row.authentication) == kind);
    Ok((suite.ok_or(Incompatible::NoCommonCipherSuite)?, scheme))
}

/// RFC 5246 §7.4.2, RFC 6066 §8.
fn send_certificate(
    handshake: &mut Handshake,
    identity: &Identity,
    status: Option<&[u8]>,
    out: &mut Outgoing,
) -> Result<(), Error> {
    shown::send_tls12(Some(identity), &mut handshake.transcript, out)?;
    match status {
        Some(response) => out.send(Level::Initial, &CertificateStatus::Ocsp(response), &mut handshake.transcript),
        None => Ok(()),
    }
}

/// Our certificate is sent; the parameters wait for the signature that proves it ours.
pub(crate) struct AskSignature {
    handshake: Handshake,
    exchange: Box<dyn StartedKeyExchange>,
    scheme: SignatureScheme,
}

impl AskSignature {
    /// Sends ServerKeyExchange, CertificateRequest if wanted, and ServerHelloDone. RFC 8422 §5.4, RFC 5246 §7.4.4, §7.4.5.
    pub(super) fn accept(self, signature: Result<Vec<u8>, SigningFailed>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut handshake, exchange, scheme } = self;
        let signature = signature.map_err(|_| Internal::SigningFailed)?;
        let params = ServerEcdhParams { named_curve: handshake.group, public: exchange.share() };
        let server_key_exchange = ServerKeyExchange { params, algorithm: scheme, signature: &signature };
        out.send(Level::Initial, &server_key_exchange, &mut handshake.transcript)?;
        let asks = send_certificate_request(&mut handshake, out)?;
        out.send(Level::Initial, &ServerHelloDone, &mut handshake.transcript)?;
        Ok(if asks {
            State::WaitCertificate(WaitCertificate { handshake, exchange })
        } else {
            State::WaitClientKeyExchange(WaitClientKeyExchange { handshake, exchange, proving: Proving::Anonymous })
        })
    }
}

/// Asks for the client's certificate if the configuration wants one. RFC 5246 §7.4.4.
fn send_certificate_request(handshake: &mut Handshake, out: &mut Outgoing) -> Result<bool, Error> {
    let Some(roots) = handshake.config.client_auth.roots() else { return Ok(false) };
    let ours = &handshake.config.preferences.signature_schemes;
    let certificates = CERTIFICATE_ONLY_SCHEMES.iter().filter(|scheme| !ours.contains(scheme));
    // Nobody has issued a raw public key.
    let subjects = match handshake.certificate_types.client {
        CertificateType::RawPublicKey => Vec::new(),
        _ => roots.subjects_that_fit(MAX_AUTHORITIES_LEN),
    };
    // The schemes speak of certificates too, so they list what no key of a client may sign with; the types do not.
    let kinds = [
        (Authentication::Ecdsa, ClientCertificateType::ecdsa_sign),
        (Authentication::Rsa, ClientCertificateType::rsa_sign),
    ];
    let accepted = |kind| ours.iter().any(|scheme| Authentication::of(*scheme) == Some(kind));
    let certificate_types = kinds.into_iter().filter(|(kind, _)| accepted(*kind)).map(|(_, listed)| listed).collect();
    let request = CertificateRequestTls12 {
        certificate_types,
        supported_signature_algorithms: ours.iter().chain(certificates).copied().collect(),
        certificate_authorities: subjects.iter().map(|name| DistinguishedName(name)).collect(),
    };
    out.send(Level::Initial, &request, &mut handshake.transcript)?;
    Ok(true)
}

/// The most bytes of certificate_authorities that we send.
const MAX_AUTHORITIES_LEN: usize = 8192;
