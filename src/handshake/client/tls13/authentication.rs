//! Authentication: the server's Certificate, CertificateVerify and Finished, then our own. RFC 8446 §4.4.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::State;
use super::key_exchange::Handshake;
use crate::clock::Time;
use crate::config::{ChainAccepted, ChainToVerify, Decision, Identity, SigningFailed, SigningRequest, Verdict};
use crate::error::{Error, Internal, Violation};
use crate::handshake::certificates::{Requested, Shown, Takes};
use crate::handshake::connected::authentication::AskedClient;
use crate::handshake::connected::{ApplicationSecrets, ConnectedTls13, Kept, KeptSessions};
use crate::handshake::proof::{
    Authenticated, Signing, VerifiedDelegation, VerifiedFinished, crypto_failed, signed_message,
};
use crate::handshake::{Incoming, Outgoing, Progress, QuestionKind, certificates};
use crate::record::{ChangeCipherSpecs, Level};
use crate::verify::{PeerChain, Purpose};
use crate::wire::{
    CertificateVerify, ExtensionContext, ExtensionType, Finished, HandshakeType, ProtocolVersion, SignatureScheme,
};

/// RFC 8446 §A.1: WAIT_CERT, after a CertificateRequest.
pub(crate) struct WaitCertificate {
    pub(super) handshake: Handshake,
    pub(super) application_protocol: Option<Vec<u8>>,
    pub(super) requested: Requested,
}

impl WaitCertificate {
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        accept_certificate(self.handshake, self.application_protocol, Some(self.requested), message, out)
    }
}

/// Reads the server's chain and has it judged. RFC 8446 §4.4.2.
pub(super) fn accept_certificate(
    mut handshake: Handshake,
    application_protocol: Option<Vec<u8>>,
    requested: Option<Requested>,
    message: Incoming<'_>,
    out: &mut Outgoing,
) -> Result<State, Error> {
    // 1. The server's context is empty, its list is not; an entry's extensions answer ours. RFC 8446 §4.4.2, §4.4.2.4.
    let config = Arc::clone(handshake.config());
    let compression = &config.preferences.certificate_compression;
    let agreed = handshake.server_certificate_type;
    let check = |extension| check_extension(&handshake, extension);
    let ((), received) = certificates::read(message, certificates::no_context, agreed, compression, check)?;
    let certificates::Received { chain, beside, delegated_credential } = received;
    if chain.is_empty() {
        return Err(Violation::NoServerCertificate.into());
    }
    handshake.beside = beside;
    handshake.transcript.add(message.bytes());

    // 2. Is it to be trusted? The built-in judge answers at once.
    let question = ChainToVerify {
        chain: chain.clone(),
        purpose: Purpose::Server,
        name: Some(handshake.offer.name.clone()),
        now: config.preferences.now(),
        ocsp_response: handshake.beside.ocsp_response.clone(),
        signed_certificate_timestamps: handshake.beside.timestamps.clone(),
        certificate_schemes: config.preferences.certificate_schemes.clone(),
        roots: Arc::clone(&config.roots),
        raw_public_keys: Arc::clone(&config.certificate_types.trusted),
        provider: handshake.provider(),
    };
    let state = AskVerdict { handshake, application_protocol, requested, chain, delegated_credential };
    match config.verifier.verify(&question) {
        Decision::Now(verdict) if state.takes(&verdict) => state.accept(verdict),
        Decision::Now(_) => Err(Internal::VerdictAboutAnotherChain.into()),
        Decision::Refuse(alert) => Err(Error::Refused(alert)),
        Decision::Later => {
            out.ask(QuestionKind::VerifyChain(question));
            Ok(State::AskVerdict(state))
        }
    }
}

/// An extension of an entry answers one of our hello. RFC 8446 §4.4.2. A credential that was not asked for has an alert of its
/// own. RFC 9345 §4.1.1.
fn check_extension(handshake: &Handshake, extension: ExtensionType) -> Result<(), Error> {
    if extension == ExtensionType::delegated_credential && !handshake.offer.offered(extension) {
        return Err(Violation::DelegatedCredentialNotOffered.into());
    }
    handshake.offer.check_answer(extension, ExtensionContext::Certificate, HandshakeType::certificate)
}

/// The chain is read and waits for its verdict.
pub(crate) struct AskVerdict {
    handshake: Handshake,
    application_protocol: Option<Vec<u8>>,
    requested: Option<Requested>,
    chain: PeerChain,
    delegated_credential: Option<Vec<u8>>,
}

impl AskVerdict {
    /// Says whether a verdict is about the chain that was asked about.
    pub(super) fn takes(&self, verdict: &Verdict) -> bool {
        verdict.as_ref().ok().is_none_or(|accepted| accepted.is_about(&self.chain))
    }

    pub(super) fn accept(self, verdict: Verdict) -> Result<State, Error> {
        let Self { mut handshake, application_protocol, requested, delegated_credential, .. } = self;
        let accepted = verdict?;
        // RFC 9345 §4.1.3: after the chain.
        let delegation = match delegated_credential {
            Some(credential) => {
                let preferences = &handshake.config().preferences;
                let schemes = (&preferences.signature_schemes[..], &preferences.delegation_schemes()[..]);
                let provider = &*preferences.provider;
                let now = preferences.now();
                Some(VerifiedDelegation::check(provider, &accepted, &credential, schemes, now)?)
            }
            None => None,
        };
        handshake.delegated_until = delegation.as_ref().map(VerifiedDelegation::expires);
        Ok(State::WaitCertificateVerify(WaitCertificateVerify {
            handshake,
            application_protocol,
            requested,
            accepted,
            delegation,
        }))
    }
}

/// RFC 8446 §A.1: WAIT_CV.
pub(crate) struct WaitCertificateVerify {
    handshake: Handshake,
    application_protocol: Option<Vec<u8>>,
    requested: Option<Requested>,
    accepted: ChainAccepted,
    delegation: Option<VerifiedDelegation>,
}

impl WaitCertificateVerify {
    /// RFC 8446 §4.4.3.
    pub(super) fn accept(self, message: Incoming<'_>) -> Result<State, Error> {
        let Self { mut handshake, application_protocol, requested, accepted, delegation } = self;
        let verify: CertificateVerify<'_> = message.parse()?;
        let message_signed = signed_message(Signing::Server, &handshake.transcript.current());
        let (provider, signed) = (handshake.provider(), (verify.algorithm, verify.signature));
        let authenticated = match delegation {
            Some(delegation) => delegation.authenticate(&*provider, accepted, &message_signed, signed)?,
            None => Authenticated::check(
                &*provider,
                ProtocolVersion::TLSv1_3,
                &handshake.config().preferences.signature_schemes,
                accepted,
                &message_signed,
                signed,
            )?,
        };
        handshake.transcript.add(message.bytes());
        Ok(State::WaitFinished(WaitFinished { handshake, application_protocol, requested, authenticated }))
    }
}

/// RFC 8446 §A.1: WAIT_FINISHED.
pub(crate) struct WaitFinished {
    handshake: Handshake,
    application_protocol: Option<Vec<u8>>,
    requested: Option<Requested>,
    authenticated: Authenticated,
}

impl WaitFinished {
    /// RFC 8446 §4.4.4.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Progress<State>, Error> {
        let Self { mut handshake, application_protocol, requested, authenticated } = self;
        let (proof, application) = accept_finished(&mut handshake, message, out)?;
        // Our flight, with a certificate if the server asked for one.
        let authenticated_at = handshake.config().preferences.now();
        let flight = Flight { handshake, application_protocol, proof, authenticated, authenticated_at, application };
        match requested {
            None => flight.finish(out),
            Some(requested) => flight.choose_identity(requested, out),
        }
    }
}

/// Checks the server's Finished and changes the read keys behind it. RFC 8446 §4.4.4, §7.1.
pub(super) fn accept_finished(
    handshake: &mut Handshake,
    message: Incoming<'_>,
    out: &mut Outgoing,
) -> Result<(VerifiedFinished, ApplicationSecrets), Error> {
    let provider = handshake.provider();
    let boundary = message.boundary()?;

    // 1. The server's Finished covers everything up to here.
    let finished: Finished<'_> = message.parse()?;
    let proof = VerifiedFinished::check(&*provider, &handshake.server_secret, &handshake.transcript, &finished)?;
    handshake.transcript.add(message.bytes());

    // 2. The application secrets over ClientHello…server Finished.
    let application = application_secrets(handshake)?;
    out.read_keys(Level::Application, application.read.keys(&*provider).map_err(crypto_failed)?, boundary);
    out.read_change_cipher_spec(ChangeCipherSpecs::Refused);
    Ok((proof, application))
}

fn application_secrets(handshake: &Handshake) -> Result<ApplicationSecrets, Error> {
    let main_secret = &handshake.main_secret;
    let provider = handshake.provider();
    let hash = handshake.transcript.current();
    let application = ApplicationSecrets {
        read: main_secret.server_application_traffic_secret(&*provider, &hash).map_err(crypto_failed)?,
        write: main_secret.client_application_traffic_secret(&*provider, &hash).map_err(crypto_failed)?,
        exporter: main_secret.exporter_secret(&*provider, &hash).map_err(crypto_failed)?,
    };
    handshake.log("CLIENT_TRAFFIC_SECRET_0", application.write.secret().expose());
    handshake.log("SERVER_TRAFFIC_SECRET_0", application.read.secret().expose());
    handshake.log("EXPORTER_SECRET", application.exporter.secret().expose());
    Ok(application)
}

/// Our last flight, with all that came before it proven.
pub(super) struct Flight {
    pub(super) handshake: Handshake,
    pub(super) application_protocol: Option<Vec<u8>>,
    pub(super) proof: VerifiedFinished,
    pub(super) authenticated: Authenticated,
    pub(super) authenticated_at: Option<Time>,
    pub(super) application: ApplicationSecrets,
}

impl Flight {
    fn choose_identity(self, requested: Requested, out: &mut Outgoing) -> Result<Progress<State>, Error> {
        let chooser = Arc::clone(&self.handshake.config().identity);
        let Requested { info, takes } = requested;
        match chooser.choose(&info) {
            Decision::Now(identity) => self.send_certificate(identity, &info.signature_schemes, &takes, out),
            Decision::Refuse(alert) => Err(Error::Refused(alert)),
            Decision::Later => {
                let peer_schemes = info.signature_schemes.clone();
                out.ask(QuestionKind::ChooseClientIdentity(info));
                Ok(Progress::Handshaking(State::AskIdentity(AskIdentity { flight: self, peer_schemes, takes })))
            }
        }
    }

    /// Sends Certificate, empty if there is none to show. RFC 8446 §4.4.2.
    fn send_certificate(
        mut self,
        identity: Option<Arc<Identity>>,
        peer_schemes: &[SignatureScheme],
        takes: &Takes,
        out: &mut Outgoing,
    ) -> Result<Progress<State>, Error> {
        let ours = &self.handshake.config().preferences.signing_schemes;
        // A key that cannot sign in any way that the server accepts must not be shown. RFC 8446 §4.4.2.3.
        let agreed = self.handshake.client_certificate_type;
        let chosen = identity.filter(|identity| identity.certificate_type() == agreed).and_then(|identity| {
            let scheme = identity.scheme_for(ProtocolVersion::TLSv1_3, ours, peer_schemes)?;
            Some((identity, scheme))
        });
        let shown = chosen.as_ref().map(|(identity, _)| Shown { identity, signing: identity });
        let Handshake { offer, transcript, .. } = &mut self.handshake;
        certificates::send(shown.as_ref(), takes, &offer.config.preferences, transcript, out)?;
        let Some((identity, scheme)) = chosen else { return self.finish(out) };

        let message = signed_message(Signing::Client, &self.handshake.transcript.current());
        let request = SigningRequest { scheme, message, identity };
        match request.identity.signer().sign(&request) {
            Decision::Now(signature) => self.send_certificate_verify(scheme, signature, out),
            Decision::Refuse(alert) => Err(Error::Refused(alert)),
            Decision::Later => {
                out.ask(QuestionKind::Sign(request));
                Ok(Progress::Handshaking(State::AskSignature(AskSignature { flight: self, scheme })))
            }
        }
    }

    /// RFC 8446 §4.4.3.
    fn send_certificate_verify(
        mut self,
        scheme: SignatureScheme,
        signature: Result<Vec<u8>, SigningFailed>,
        out: &mut Outgoing,
    ) -> Result<Progress<State>, Error> {
        let signature = signature.map_err(|_| Internal::SigningFailed)?;
        let verify = CertificateVerify { algorithm: scheme, signature: &signature };
        out.send(Level::Handshake, &verify, &mut self.handshake.transcript)?;
        self.finish(out)
    }

    /// Sends Finished and changes to the application keys. RFC 8446 §4.4.4.
    pub(super) fn finish(self, out: &mut Outgoing) -> Result<Progress<State>, Error> {
        let Self { mut handshake, application_protocol, proof, authenticated, authenticated_at, application } = self;
        let provider = handshake.provider();
        let verify_data = handshake.client_secret.verify_data(&*provider, &handshake.transcript.current());
        let verify_data = verify_data.map_err(crypto_failed)?;
        let finished = Finished { verify_data: verify_data.as_ref() };
        out.send(Level::Handshake, &finished, &mut handshake.transcript)?;
        out.write_keys(Level::Application, application.write.keys(&*provider).map_err(crypto_failed)?);
        let sessions = keep_sessions(&mut handshake, authenticated_at)?;
        let negotiated = handshake.negotiated(application_protocol);
        let asked = keep_asked(handshake, &authenticated);
        let kept = Kept { sessions, asked, asking: None };
        Ok(ConnectedTls13::establish(provider, application, proof, authenticated, negotiated, kept))
    }
}

/// What the tickets to come need, if they are kept at all: resumption_secret over ClientHello…client Finished.
/// RFC 8446 §4.6.1, §7.1.
fn keep_sessions(handshake: &mut Handshake, authenticated: Option<Time>) -> Result<Option<Box<KeptSessions>>, Error> {
    let Some((query, authenticated)) = handshake.offer.kept_under.take().zip(authenticated) else { return Ok(None) };
    let hash = handshake.transcript.current();
    let resumption_secret = handshake.main_secret.resumption_secret(&*handshake.provider(), &hash);
    let resumption_secret = resumption_secret.map_err(crypto_failed)?;
    let config = Arc::clone(handshake.config());
    Ok(Some(Box::new(KeptSessions { config, query, resumption_secret, authenticated })))
}

/// What a request after the handshake is answered by, if that was offered: the transcript is ClientHello…client Finished.
/// RFC 8446 §4.4. Where an external PSK stands for both ends there must be no request. RFC 9846 §4.4.2.
fn keep_asked(handshake: Handshake, authenticated: &Authenticated) -> Option<Box<AskedClient>> {
    let Handshake { offer, transcript, client_certificate_type, .. } = handshake;
    let offered = offer.offers_post_handshake_auth() && !matches!(authenticated, Authenticated::ByExternalPsk { .. });
    offered.then(|| Box::new(AskedClient::new(offer.config, offer.name, client_certificate_type, transcript)))
}

/// The server asks for a certificate, and the application has not chosen one yet.
pub(crate) struct AskIdentity {
    flight: Flight,
    peer_schemes: Vec<SignatureScheme>,
    takes: Takes,
}

impl AskIdentity {
    pub(super) fn accept(self, identity: Option<Arc<Identity>>, out: &mut Outgoing) -> Result<Progress<State>, Error> {
        self.flight.send_certificate(identity, &self.peer_schemes, &self.takes, out)
    }
}

/// Our Certificate is sent and waits for the signature that proves it ours.
pub(crate) struct AskSignature {
    flight: Flight,
    scheme: SignatureScheme,
}

impl AskSignature {
    pub(super) fn accept(
        self,
        signature: Result<Vec<u8>, SigningFailed>,
        out: &mut Outgoing,
    ) -> Result<Progress<State>, Error> {
        self.flight.send_certificate_verify(self.scheme, signature, out)
    }
}
