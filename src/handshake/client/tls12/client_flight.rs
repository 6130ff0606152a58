//! The client's flight: Certificate, ClientKeyExchange, CertificateVerify, Finished. RFC 5246 §7.4.6 to §7.4.9.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::State;
use super::finished::{WaitChangeCipherSpec, WaitNewSessionTicket};
use super::full::Handshake;
use crate::config::{CertificateRequestInfo, Decision, Identity, SigningFailed, SigningRequest};
use crate::crypto::{CryptoError, Secret, key_exchange};
use crate::error::{Error, Internal, Violation};
use crate::handshake::proof::{Authenticated, crypto_failed};
use crate::handshake::{Outgoing, QuestionKind, shown};
use crate::keys::{KeyBlock, MasterSecret};
use crate::record::{ChangeCipherSpecs, Level};
use crate::wire::{CertificateVerify, ClientKeyExchange, Finished, NamedGroup, ProtocolVersion, SignatureScheme};

/// The server's flight is complete and the server is who it should be.
pub(super) struct Flight {
    pub(super) handshake: Handshake,
    pub(super) authenticated: Authenticated,
    pub(super) server_share: (NamedGroup, Vec<u8>),
}

/// Who signs for us, and how.
type Chosen = (Arc<Identity>, SignatureScheme);

impl Flight {
    pub(super) fn choose_identity(self, requested: CertificateRequestInfo, out: &mut Outgoing) -> Result<State, Error> {
        let chooser = Arc::clone(&self.handshake.config().identity);
        match chooser.choose(&requested) {
            Decision::Now(identity) => self.send_certificate(identity, &requested.signature_schemes, out),
            Decision::Refuse(alert) => Err(Error::Refused(alert)),
            Decision::Later => {
                let peer_schemes = requested.signature_schemes.clone();
                out.ask(QuestionKind::ChooseClientIdentity(requested));
                Ok(State::AskIdentity(AskIdentity { flight: self, peer_schemes }))
            }
        }
    }

    /// Sends Certificate, empty if there is none to show. RFC 5246 §7.4.6.
    fn send_certificate(
        mut self,
        identity: Option<Arc<Identity>>,
        peer_schemes: &[SignatureScheme],
        out: &mut Outgoing,
    ) -> Result<State, Error> {
        let ours = &self.handshake.config().preferences.signing_schemes;
        let agreed = self.handshake.answered.client_certificate_type;
        let chosen = identity.filter(|identity| identity.certificate_type() == agreed).and_then(|identity| {
            let scheme = identity.scheme_for(ProtocolVersion::TLSv1_2, ours, peer_schemes)?;
            Some((identity, scheme))
        });
        let identity = chosen.as_ref().map(|(identity, _)| &**identity);
        shown::send_tls12(identity, &mut self.handshake.transcript, out)?;
        self.exchange_keys(chosen, out)
    }

    /// Sends ClientKeyExchange and derives everything. RFC 8422 §5.7, RFC 7627 §4.
    pub(super) fn exchange_keys(self, chosen: Option<Chosen>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut handshake, authenticated, server_share: (group, server_share) } = self;
        let provider = handshake.provider();

        // 1. Our half, and the pre-master secret.
        let exchange = key_exchange(&*provider, group).ok_or(Violation::GroupNotOffered)?;
        let (share, pre_master_secret) = match exchange.respond(&*provider, &server_share) {
            Ok(answer) => answer,
            Err(CryptoError::InvalidShare) => return Err(Violation::InvalidKeyShare.into()),
            Err(other) => return Err(crypto_failed(other)),
        };
        out.send(Level::Initial, &ClientKeyExchange { ecdh_yc: &share }, &mut handshake.transcript)?;

        // 2. The master secret over everything up to here, and the keys.
        let master_secret = derive_master_secret(&handshake, &pre_master_secret)?;
        drop(pre_master_secret);
        let keys = master_secret.key_block(&*provider, &handshake.randoms).map_err(crypto_failed)?;

        // 3. The proof that the certificate is ours.
        let Some((identity, scheme)) = chosen else {
            return Exchanged { handshake, authenticated, group, master_secret, keys }.finish(out);
        };
        let message = handshake.transcript.messages().to_vec();
        let request = SigningRequest { scheme, message, identity };
        let exchanged = Exchanged { handshake, authenticated, group, master_secret, keys };
        match request.identity.signer().sign(&request) {
            Decision::Now(signature) => exchanged.send_certificate_verify(scheme, signature, out),
            Decision::Refuse(alert) => Err(Error::Refused(alert)),
            Decision::Later => {
                out.ask(QuestionKind::Sign(request));
                Ok(State::AskSignature(AskSignature { exchanged, scheme }))
            }
        }
    }
}

fn derive_master_secret(handshake: &Handshake, pre_master_secret: &Secret) -> Result<MasterSecret, Error> {
    let (provider, suite) = (handshake.provider(), handshake.suite.suite);
    let derived = if handshake.answered.extended_master_secret {
        MasterSecret::extended(&*provider, suite, pre_master_secret, &handshake.transcript.current())
    } else {
        MasterSecret::legacy(&*provider, suite, pre_master_secret, &handshake.randoms)
    };
    let master_secret = derived.map_err(crypto_failed)?;
    if let Some(key_log) = &handshake.config().preferences.key_log {
        key_log.log("CLIENT_RANDOM", &handshake.randoms.client, master_secret.secret().expose());
    }
    Ok(master_secret)
}

/// ClientKeyExchange is sent and the keys are known.
struct Exchanged {
    handshake: Handshake,
    authenticated: Authenticated,
    group: NamedGroup,
    master_secret: MasterSecret,
    keys: KeyBlock,
}

impl Exchanged {
    /// RFC 5246 §7.4.8.
    fn send_certificate_verify(
        mut self,
        scheme: SignatureScheme,
        signature: Result<Vec<u8>, SigningFailed>,
        out: &mut Outgoing,
    ) -> Result<State, Error> {
        let signature = signature.map_err(|_| Internal::SigningFailed)?;
        let verify = CertificateVerify { algorithm: scheme, signature: &signature };
        out.send(Level::Initial, &verify, &mut self.handshake.transcript)?;
        self.finish(out)
    }

    /// Changes our side to the keys and sends Finished under them. RFC 5246 §7.1, §7.4.9.
    fn finish(self, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut handshake, authenticated, group, master_secret, keys } = self;
        let provider = handshake.provider();
        handshake.transcript.drop_messages();
        out.change_cipher_spec();
        out.write_keys(Level::Application, keys.client);
        let verify_data = master_secret.client_verify_data(&*provider, &handshake.transcript.current());
        let first_finished = verify_data.map_err(crypto_failed)?;
        let finished = Finished { verify_data: first_finished.expose() };
        out.send(Level::Application, &finished, &mut handshake.transcript)?;
        let server_keys = keys.server;
        let announced = handshake.answered.session_ticket;
        let state =
            WaitChangeCipherSpec { handshake, authenticated, group, master_secret, server_keys, first_finished };
        if announced {
            return Ok(State::WaitNewSessionTicket(WaitNewSessionTicket { next: state }));
        }
        out.read_change_cipher_spec(ChangeCipherSpecs::Awaited);
        Ok(State::WaitChangeCipherSpec(state))
    }
}

/// The server asks for a certificate, and the application has not chosen one yet.
pub(crate) struct AskIdentity {
    flight: Flight,
    peer_schemes: Vec<SignatureScheme>,
}

impl AskIdentity {
    pub(super) fn accept(self, identity: Option<Arc<Identity>>, out: &mut Outgoing) -> Result<State, Error> {
        self.flight.send_certificate(identity, &self.peer_schemes, out)
    }
}

/// Our Certificate is sent and waits for the signature that proves it ours.
pub(crate) struct AskSignature {
    exchanged: Exchanged,
    scheme: SignatureScheme,
}

impl AskSignature {
    pub(super) fn accept(self, signature: Result<Vec<u8>, SigningFailed>, out: &mut Outgoing) -> Result<State, Error> {
        self.exchanged.send_certificate_verify(self.scheme, signature, out)
    }
}
