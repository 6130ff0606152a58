//! Asks a client for a certificate after the handshake, and takes its answer. RFC 8446 §4.4, §4.6.2.
//!
//! ```text
//!   CONNECTED ── CertificateRequest is sent; data, KeyUpdates and more requests go on ──┐
//!      ┌────────────────────────────────────────────────────────────────────────────────┘
//!      │ Certificate (may be empty)                          ⟂ is the chain to be trusted?
//!   CONNECTED_WAIT_CV                                        nothing else may come
//!      │ CertificateVerify
//!   CONNECTED_WAIT_FINISHED                                  nothing else may come
//!      │ Finished
//!   CONNECTED ── once the verdict is there ──▶ the client is who it says, NewSessionTicket
//! ```
//!
//! A question that is open holds nothing up: what comes is taken, and the signature is checked when the chain is accepted.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::client_authentication::{question_about, read_certificate};
use super::key_exchange::Handshake;
use super::server_parameters::{authorities, certificate_request};
use super::tickets::{keep_tickets, send_more_tickets};
use crate::config::{ClientAuth, Decision, ServerConfig, Verdict};
use crate::error::{Error, Incompatible, Internal, Misuse, Violation};
use crate::handshake::connected::authentication::{
    AskingServer, CONTEXT_LEN, ClientAnswer, ClientSignature, Flight, Judged,
};
use crate::handshake::connected::{ConnectedTls13, identify};
use crate::handshake::proof::{Authenticated, Signing, VerifiedFinished, crypto_failed, signed_message};
use crate::handshake::{Answer, Incoming, Negotiated, Outgoing, QuestionKind};
use crate::keys::{TrafficSecret, Transcript};
use crate::record::Level;
use crate::verify::PeerChain;
use crate::wire::{CertificateVerify, Finished, ProtocolVersion, write_message};

/// What a server keeps that may ask, or nothing: the client must have offered it, and the configuration want it. A client that is
/// known by an external PSK must not be asked. RFC 9846 §4.4.2.
pub(super) fn keep_asking(
    handshake: Handshake,
    authenticated: &Authenticated,
) -> Result<Option<Box<AskingServer>>, Error> {
    let wanted = handshake.post_handshake_auth && handshake.config.post_handshake_auth.roots().is_some();
    if !wanted || matches!(authenticated, Authenticated::ByExternalPsk { .. }) {
        return Ok(None);
    }
    let tickets = keep_tickets(&handshake, authenticated)?;
    let Handshake { config, transcript, certificate_types, .. } = handshake;
    Ok(Some(Box::new(AskingServer::new(config, certificate_types.client, transcript, tickets))))
}

/// Asks. RFC 8446 §4.3.2, §4.6.2.
pub(crate) fn request(connected: &mut ConnectedTls13, out: &mut Outgoing) -> Result<(), Error> {
    let (asking, _) = connected.asking().ok_or(Misuse::NoPostHandshakeAuth)?;
    let config = Arc::clone(&asking.config);
    let roots = config.post_handshake_auth.roots().ok_or(Misuse::NoPostHandshakeAuth)?;
    let mut context = [0; CONTEXT_LEN];
    config.preferences.provider.fill_random(&mut context).map_err(crypto_failed)?;
    let subjects = authorities(roots, asking.certificate_type);
    let message = write_message(&certificate_request(&config, &subjects, &context))?;
    let mut transcript = asking.transcript.fork();
    transcript.add(&message);
    out.send_bytes(Level::Application, message);
    asking.push(context, transcript);
    Ok(())
}

/// Reads the client's chain, or that it has none, and has it judged. RFC 8446 §4.4.2.
pub(super) fn accept_certificate(
    asking: &mut AskingServer,
    message: Incoming<'_>,
    out: &mut Outgoing,
) -> Result<(), Error> {
    // 1. Which request is it? RFC 8446 §4.4.2.
    let (config, agreed) = (Arc::clone(&asking.config), asking.certificate_type);
    let (mut transcript, received) =
        read_certificate(&config, |context| asking.take_request(context), agreed, message)?;
    let chain = received.chain.clone();
    transcript.add(message.bytes());

    // 2. A client without a certificate. RFC 8446 §4.4.2.4.
    let roots = match &config.post_handshake_auth {
        ClientAuth::Require(_) if chain.is_empty() => return Err(Incompatible::ClientCertificateRequired.into()),
        ClientAuth::None | ClientAuth::Request(_) if chain.is_empty() => {
            asking.flight = Some(Flight::WaitFinishedOfNone(transcript));
            return Ok(());
        }
        ClientAuth::None => return Err(Violation::NoServerCertificate.into()),
        ClientAuth::Request(roots) | ClientAuth::Require(roots) => roots,
    };

    // 3. Is it to be trusted? The built-in judge answers at once.
    let question = question_about(&config, roots, &received);
    let judged = match asking.config.verifier.verify(&question) {
        Decision::Now(verdict) if !is_about(&verdict, &chain) => return Err(Internal::VerdictAboutAnotherChain.into()),
        Decision::Now(verdict) => Judged::Accepted(verdict?),
        Decision::Refuse(alert) => return Err(Error::Refused(alert)),
        // One question is open at a time.
        Decision::Later if asking.is_asking() => Judged::NotAsked(question),
        Decision::Later => {
            out.ask(QuestionKind::VerifyChain(question));
            Judged::Asked
        }
    };
    let ocsp_response = received.beside.ocsp_response;
    let (signature, authenticated, is_finished) = (None, None, false);
    asking.answers.push_back(ClientAnswer { chain, ocsp_response, judged, signature, authenticated, is_finished });
    asking.flight = Some(Flight::WaitCertificateVerify(transcript));
    Ok(())
}

/// Says whether a verdict is about the chain that was asked about.
fn is_about(verdict: &Verdict, chain: &PeerChain) -> bool {
    verdict.as_ref().ok().is_none_or(|accepted| accepted.is_about(chain))
}

/// Reads the signature, and checks it if the chain is accepted already. RFC 8446 §4.4.3.
pub(super) fn accept_certificate_verify(
    asking: &mut AskingServer,
    mut transcript: Transcript,
    message: Incoming<'_>,
) -> Result<(), Error> {
    let verify: CertificateVerify<'_> = message.parse()?;
    let signed = signed_message(Signing::Client, &transcript.current());
    transcript.add(message.bytes());
    if let Some(answer) = asking.answers.back_mut() {
        let signature = verify.signature.to_vec();
        answer.signature = Some(ClientSignature { scheme: verify.algorithm, signature, message: signed });
        check_signature(answer, &asking.config)?;
    }
    asking.flight = Some(Flight::WaitFinished(transcript));
    Ok(())
}

/// Checks the signature, once both it and the verdict are there.
fn check_signature(answer: &mut ClientAnswer, config: &ServerConfig) -> Result<(), Error> {
    if !matches!(answer.judged, Judged::Accepted(_)) {
        return Ok(());
    }
    let Some(ClientSignature { scheme, signature, message }) = answer.signature.take() else { return Ok(()) };
    let Judged::Accepted(accepted) = core::mem::replace(&mut answer.judged, Judged::Used) else { return Ok(()) };
    answer.authenticated = Some(Authenticated::check(
        &*config.preferences.provider,
        ProtocolVersion::TLSv1_3,
        &config.preferences.signature_schemes,
        accepted,
        &message,
        (scheme, &signature),
    )?);
    Ok(())
}

/// Checks the client's Finished, which ends its answer. RFC 8446 §4.4.4.
pub(super) fn accept_finished(
    (asking, secret): (&mut AskingServer, &TrafficSecret),
    transcript: &Transcript,
    negotiated: &mut Negotiated,
    message: Incoming<'_>,
    out: &mut Outgoing,
) -> Result<(), Error> {
    check_finished(asking, secret, transcript, message)?;
    let Some(last) = asking.answers.len().checked_sub(1) else { return Ok(()) };
    if let Some(answer) = asking.answers.get_mut(last) {
        answer.is_finished = true;
    }
    settle(asking, last, negotiated, out)
}

/// Checks the Finished of a client that has nothing to show, and may stay. RFC 8446 §4.4.2.4.
pub(super) fn accept_finished_of_none(
    (asking, secret): (&mut AskingServer, &TrafficSecret),
    transcript: &Transcript,
    message: Incoming<'_>,
    out: &mut Outgoing,
) -> Result<(), Error> {
    check_finished(asking, secret, transcript, message)?;
    out.certificate_declined();
    Ok(())
}

fn check_finished(
    asking: &AskingServer,
    secret: &TrafficSecret,
    transcript: &Transcript,
    message: Incoming<'_>,
) -> Result<VerifiedFinished, Error> {
    let finished: Finished<'_> = message.parse()?;
    VerifiedFinished::check(&*asking.config.preferences.provider, secret, transcript, &finished)
}

/// Says whether [`answer`] has a row for what is open, and this answer.
pub(crate) fn takes(connected: &ConnectedTls13, answer: &Answer) -> bool {
    let answers = connected.asking.iter().flat_map(|asking| &asking.answers);
    let asked = answers.into_iter().find(|answer| matches!(answer.judged, Judged::Asked));
    match (asked, answer) {
        (Some(asked), Answer::Verdict(verdict)) => is_about(verdict, &asked.chain),
        (Some(_), Answer::Refuse(_)) => true,
        _ => false,
    }
}

/// The rows of the question.
pub(crate) fn answer(
    connected: &mut ConnectedTls13,
    negotiated: &mut Negotiated,
    answer: Answer,
    out: &mut Outgoing,
) -> Result<(), Error> {
    let (asking, _) = connected.asking().ok_or(Misuse::WrongAnswer)?;
    let accepted = match answer {
        Answer::Verdict(verdict) => verdict?,
        Answer::Refuse(alert) => return Err(Error::Refused(alert)),
        _ => return Err(Misuse::WrongAnswer.into()),
    };
    let asked = asking.answers.iter().position(|answer| matches!(answer.judged, Judged::Asked));
    let asked = asked.ok_or(Misuse::WrongAnswer)?;
    if let Some(answer) = asking.answers.get_mut(asked) {
        answer.judged = Judged::Accepted(accepted);
        check_signature(answer, &asking.config)?;
    }
    settle(asking, asked, negotiated, out)?;
    ask_next(asking, out);
    Ok(())
}

/// Asks about the oldest chain that was not asked about.
fn ask_next(asking: &mut AskingServer, out: &mut Outgoing) {
    let next = asking.answers.iter_mut().find(|answer| matches!(answer.judged, Judged::NotAsked(_)));
    if let Some(answer) = next
        && let Judged::NotAsked(question) = core::mem::replace(&mut answer.judged, Judged::Asked)
    {
        out.ask(QuestionKind::VerifyChain(question));
    }
}

/// Writes down who the client is, once its answer is both ended and found good, and lets it come back as that.
fn settle(
    asking: &mut AskingServer,
    place: usize,
    negotiated: &mut Negotiated,
    out: &mut Outgoing,
) -> Result<(), Error> {
    let is_settled = |answer: &ClientAnswer| answer.is_finished && answer.authenticated.is_some();
    if !asking.answers.get(place).is_some_and(is_settled) {
        return Ok(());
    }
    let Some(answer) = asking.answers.remove(place) else { return Ok(()) };
    let Some(authenticated) = answer.authenticated else { return Ok(()) };
    send_more_tickets(asking, negotiated, &authenticated, out)?;
    negotiated.peer_ocsp_response = answer.ocsp_response;
    identify(negotiated, authenticated);
    out.peer_authenticated();
    Ok(())
}
