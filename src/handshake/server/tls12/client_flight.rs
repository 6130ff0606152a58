//! The client's flight: Certificate, ClientKeyExchange, CertificateVerify. RFC 5246 §7.4.6 to §7.4.8.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::State;
use super::finished::WaitChangeCipherSpec;
use super::full::Handshake;
use crate::config::{ChainAccepted, ChainToVerify, ClientAuth, Decision, Verdict};
use crate::crypto::{CryptoError, Secret, StartedKeyExchange};
use crate::error::{Error, Incompatible, Internal, Violation};
use crate::handshake::proof::{Authenticated, crypto_failed};
use crate::handshake::{Incoming, Outgoing, QuestionKind, shown};
use crate::keys::{KeyBlock, MasterSecret};
use crate::record::ChangeCipherSpecs;
use crate::verify::{PeerChain, Purpose};
use crate::wire::{CertificateVerify, ClientKeyExchange, ProtocolVersion};

/// We have asked for a certificate.
pub(crate) struct WaitCertificate {
    pub(super) handshake: Handshake,
    pub(super) exchange: Box<dyn StartedKeyExchange>,
}

impl WaitCertificate {
    /// RFC 5246 §7.4.6, RFC 7250 §3.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut handshake, exchange } = self;
        let chain = shown::read_tls12(handshake.certificate_types.client, message)?;
        handshake.transcript.add(message.bytes());

        // 1. A client without a certificate: whether it may go on is the configuration's. TLS 1.2 has no alert of its own
        // for that. RFC 5246 §7.4.6.
        let config = Arc::clone(&handshake.config);
        let roots = match &config.client_auth {
            ClientAuth::Require(_) if chain.is_empty() => {
                return Err(Incompatible::ClientCertificateRequiredTls12.into());
            }
            ClientAuth::None | ClientAuth::Request(_) if chain.is_empty() => {
                handshake.transcript.drop_messages();
                let proving = Proving::Anonymous;
                return Ok(State::WaitClientKeyExchange(WaitClientKeyExchange { handshake, exchange, proving }));
            }
            ClientAuth::None => return Err(Violation::NoServerCertificate.into()),
            ClientAuth::Request(roots) | ClientAuth::Require(roots) => roots,
        };

        // 2. Is it to be trusted? The built-in judge answers at once.
        let question = ChainToVerify {
            chain: chain.clone(),
            purpose: Purpose::Client,
            name: None,
            now: config.preferences.now(),
            ocsp_response: None,
            signed_certificate_timestamps: None,
            certificate_schemes: config.preferences.certificate_schemes.clone(),
            roots: Arc::clone(roots),
            raw_public_keys: Arc::clone(&config.certificate_types.trusted),
            provider: handshake.provider(),
        };
        let state = AskVerdict { handshake, exchange, chain };
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
}

/// The chain is read and waits for its verdict.
pub(crate) struct AskVerdict {
    handshake: Handshake,
    exchange: Box<dyn StartedKeyExchange>,
    chain: PeerChain,
}

impl AskVerdict {
    /// Says whether a verdict is about the chain that was asked about.
    pub(super) fn takes(&self, verdict: &Verdict) -> bool {
        verdict.as_ref().ok().is_none_or(|accepted| accepted.is_about(&self.chain))
    }

    pub(super) fn accept(self, verdict: Verdict) -> Result<State, Error> {
        let Self { handshake, exchange, .. } = self;
        let proving = Proving::Certificate(verdict?);
        Ok(State::WaitClientKeyExchange(WaitClientKeyExchange { handshake, exchange, proving }))
    }
}

/// What the client still has to prove.
pub(super) enum Proving {
    /// Nothing: it may stay unknown.
    Anonymous,
    /// That it holds the key of this chain's leaf.
    Certificate(ChainAccepted),
}

/// The client's share comes next.
pub(crate) struct WaitClientKeyExchange {
    pub(super) handshake: Handshake,
    pub(super) exchange: Box<dyn StartedKeyExchange>,
    pub(super) proving: Proving,
}

impl WaitClientKeyExchange {
    /// RFC 8422 §5.7, RFC 7627 §4.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut handshake, exchange, proving } = self;
        let provider = handshake.provider();
        let received: ClientKeyExchange<'_> = message.parse()?;
        let pre_master_secret = match exchange.complete(received.ecdh_yc) {
            Ok(secret) => secret,
            Err(CryptoError::InvalidShare) => return Err(Violation::InvalidKeyShare.into()),
            Err(other) => return Err(crypto_failed(other)),
        };
        handshake.transcript.add(message.bytes());
        let master_secret = derive_master_secret(&handshake, &pre_master_secret)?;
        let keys = master_secret.key_block(&*provider, &handshake.randoms).map_err(crypto_failed)?;
        let exchanged = Exchanged { handshake, master_secret, keys };
        match proving {
            Proving::Anonymous => Ok(exchanged.wait_change_cipher_spec(Authenticated::Anonymous, out)),
            Proving::Certificate(accepted) => {
                Ok(State::WaitCertificateVerify(WaitCertificateVerify { exchanged, accepted }))
            }
        }
    }
}

fn derive_master_secret(handshake: &Handshake, pre_master_secret: &Secret) -> Result<MasterSecret, Error> {
    let (provider, suite) = (handshake.provider(), handshake.suite.suite);
    let derived = if handshake.extended_master_secret {
        MasterSecret::extended(&*provider, suite, pre_master_secret, &handshake.transcript.current())
    } else {
        MasterSecret::legacy(&*provider, suite, pre_master_secret, &handshake.randoms)
    };
    let master_secret = derived.map_err(crypto_failed)?;
    if let Some(key_log) = &handshake.config.preferences.key_log {
        key_log.log("CLIENT_RANDOM", &handshake.randoms.client, master_secret.secret().expose());
    }
    Ok(master_secret)
}

/// ClientKeyExchange has come and the keys are known.
struct Exchanged {
    handshake: Handshake,
    master_secret: MasterSecret,
    keys: KeyBlock,
}

impl Exchanged {
    fn wait_change_cipher_spec(self, authenticated: Authenticated, out: &mut Outgoing) -> State {
        let Self { mut handshake, master_secret, keys } = self;
        handshake.transcript.drop_messages();
        out.read_change_cipher_spec(ChangeCipherSpecs::Awaited);
        State::WaitChangeCipherSpec(WaitChangeCipherSpec { handshake, authenticated, master_secret, keys })
    }
}

/// The client has shown a certificate.
pub(crate) struct WaitCertificateVerify {
    exchanged: Exchanged,
    accepted: ChainAccepted,
}

impl WaitCertificateVerify {
    /// RFC 5246 §7.4.8: the signature covers all messages up to here.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut exchanged, accepted } = self;
        let handshake = &mut exchanged.handshake;
        let verify: CertificateVerify<'_> = message.parse()?;
        let authenticated = Authenticated::check(
            &*handshake.provider(),
            ProtocolVersion::TLSv1_2,
            &handshake.config.preferences.signature_schemes,
            accepted,
            handshake.transcript.messages(),
            (verify.algorithm, verify.signature),
        )?;
        handshake.transcript.add(message.bytes());
        Ok(exchanged.wait_change_cipher_spec(authenticated, out))
    }
}
