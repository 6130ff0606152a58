//! Answers a CertificateRequest after the handshake: Certificate, CertificateVerify, Finished. RFC 8446 §4.4, §4.6.2.
//!
//! ```text
//!   CONNECTED ── CertificateRequest ──▶ ⟂ which certificate?  ⟂ sign, please ──▶ Certificate, CertificateVerify, Finished
//! ```
//!
//! Everything else goes on while a question is open. What is asked meanwhile waits for its turn; the answer is sent as a whole, under
//! the keys of that moment.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::config::{Decision, Identity, SigningFailed, SigningRequest};
use crate::error::{Error, Internal, Misuse};
use crate::handshake::certificates::{self, Shown, read_request};
use crate::handshake::connected::ConnectedTls13;
use crate::handshake::connected::authentication::{AskedClient, MakingAnswer, ReceivedRequest};
use crate::handshake::proof::{Signing, crypto_failed, signed_message};
use crate::handshake::{Answer, Incoming, Outgoing, QuestionKind};
use crate::keys::{TrafficSecret, Transcript};
use crate::record::Level;
use crate::wire::{CertificateRequest, CertificateVerify, Finished, ProtocolVersion, SignatureScheme, write_message};

/// Reads a request, and answers it unless another one is being answered. RFC 8446 §4.3.2, §4.6.2.
pub(super) fn accept_certificate_request(
    (asked, secret): (&mut AskedClient, &TrafficSecret),
    message: Incoming<'_>,
    out: &mut Outgoing,
) -> Result<(), Error> {
    let request: CertificateRequest<'_> = message.parse()?;
    let context = request.certificate_request_context;
    asked.count_request(context)?;
    let requested = read_request(&request, &asked.server_name, asked.certificate_type)?;
    let mut transcript = asked.transcript.fork();
    transcript.add(message.bytes());
    asked.push(ReceivedRequest { context: context.to_vec(), requested, transcript });
    answer_requests(asked, secret, out)
}

/// Says whether [`answer`] has a row for what is open, and this answer.
pub(crate) fn takes(connected: &ConnectedTls13, answer: &Answer) -> bool {
    let making = connected.asked.as_ref().and_then(|asked| asked.making.as_ref());
    matches!(
        (making, answer),
        (Some(MakingAnswer::AskIdentity(_)), Answer::Identity(_))
            | (Some(MakingAnswer::AskSignature { .. }), Answer::Signature(_))
            | (Some(_), Answer::Refuse(_))
    )
}

/// The rows of the questions.
pub(crate) fn answer(connected: &mut ConnectedTls13, answer: Answer, out: &mut Outgoing) -> Result<(), Error> {
    let (asked, secret) = connected.asked().ok_or(Misuse::WrongAnswer)?;
    match (asked.making.take(), answer) {
        (Some(MakingAnswer::AskIdentity(request)), Answer::Identity(identity)) => {
            make_certificate(asked, secret, request, identity, out)?;
        }
        (Some(MakingAnswer::AskSignature { transcript, certificate, scheme }), Answer::Signature(signature)) => {
            let signed = SignedAnswer { transcript, certificate, scheme };
            signed.send(asked, secret, signature, out)?;
        }
        (Some(_), Answer::Refuse(alert)) => return Err(Error::Refused(alert)),
        _ => return Err(Misuse::WrongAnswer.into()),
    }
    answer_requests(asked, secret, out)
}

/// Answers what waits until a question stays open.
fn answer_requests(asked: &mut AskedClient, secret: &TrafficSecret, out: &mut Outgoing) -> Result<(), Error> {
    while let Some(request) = asked.next_request() {
        let chooser = Arc::clone(&asked.config.identity);
        match chooser.choose(&request.requested.info) {
            Decision::Now(identity) => make_certificate(asked, secret, request, identity, out)?,
            Decision::Refuse(alert) => return Err(Error::Refused(alert)),
            Decision::Later => {
                out.ask(QuestionKind::ChooseClientIdentity(request.requested.info.clone()));
                asked.making = Some(MakingAnswer::AskIdentity(request));
            }
        }
    }
    Ok(())
}

/// Makes Certificate, empty if there is none to show, and has it signed for. RFC 8446 §4.4.2.
fn make_certificate(
    asked: &mut AskedClient,
    secret: &TrafficSecret,
    request: ReceivedRequest,
    identity: Option<Arc<Identity>>,
    out: &mut Outgoing,
) -> Result<(), Error> {
    let ReceivedRequest { context, requested, mut transcript } = request;
    let ours = &asked.config.preferences.signing_schemes;
    // A key that cannot sign in any way that the server accepts must not be shown. RFC 8446 §4.4.2.3.
    let agreed = asked.certificate_type;
    let chosen = identity.filter(|identity| identity.certificate_type() == agreed).and_then(|identity| {
        let scheme = identity.scheme_for(ProtocolVersion::TLSv1_3, ours, &requested.info.signature_schemes)?;
        Some((identity, scheme))
    });
    let shown = chosen.as_ref().map(|(identity, _)| Shown { identity, signing: identity });
    let certificate = certificates::write(shown.as_ref(), &context, &requested.takes, &asked.config.preferences)?;
    transcript.add(&certificate);
    let Some((identity, scheme)) = chosen else {
        out.send_bytes(Level::Application, certificate);
        return send_finished(asked, secret, &transcript, out);
    };

    let message = signed_message(Signing::Client, &transcript.current());
    let request = SigningRequest { scheme, message, identity };
    let signed = SignedAnswer { transcript, certificate, scheme };
    match request.identity.signer().sign(&request) {
        Decision::Now(signature) => signed.send(asked, secret, signature, out),
        Decision::Refuse(alert) => Err(Error::Refused(alert)),
        Decision::Later => {
            out.ask(QuestionKind::Sign(request));
            let SignedAnswer { transcript, certificate, scheme } = signed;
            asked.making = Some(MakingAnswer::AskSignature { transcript, certificate, scheme });
            Ok(())
        }
    }
}

/// An answer that lacks nothing but its signature.
struct SignedAnswer {
    transcript: Transcript,
    certificate: Vec<u8>,
    scheme: SignatureScheme,
}

impl SignedAnswer {
    /// Sends Certificate, CertificateVerify and Finished, with nothing between them. RFC 8446 §4.4.3, §4.6.2.
    fn send(
        self,
        asked: &mut AskedClient,
        secret: &TrafficSecret,
        signature: Result<Vec<u8>, SigningFailed>,
        out: &mut Outgoing,
    ) -> Result<(), Error> {
        let Self { mut transcript, certificate, scheme } = self;
        let signature = signature.map_err(|_| Internal::SigningFailed)?;
        let verify = write_message(&CertificateVerify { algorithm: scheme, signature: &signature })?;
        transcript.add(&verify);
        out.send_bytes(Level::Application, certificate);
        out.send_bytes(Level::Application, verify);
        send_finished(asked, secret, &transcript, out)
    }
}

/// Sends Finished, whose key is of our application traffic secret as it is now. RFC 8446 §4.4.4.
fn send_finished(
    asked: &mut AskedClient,
    secret: &TrafficSecret,
    transcript: &Transcript,
    out: &mut Outgoing,
) -> Result<(), Error> {
    let verify_data = secret.verify_data(&*asked.config.preferences.provider, &transcript.current());
    let verify_data = verify_data.map_err(crypto_failed)?;
    out.send_bytes(Level::Application, write_message(&Finished { verify_data: verify_data.as_ref() })?);
    asked.answered();
    Ok(())
}
