//! Authentication: our Certificate, CertificateVerify and Finished. RFC 8446 §4.4.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::State;
use super::client_authentication::WaitCertificate;
use super::early_data::WaitEndOfEarlyData;
use super::finished::{Established, WaitFinished};
use super::key_exchange::{Handshake, KeySource, exchange_keys};
use super::psk::ChosenPsk;
use super::server_parameters::{send_certificate_request, send_encrypted_extensions};
use crate::config::{Decision, Identity, SigningFailed, SigningRequest};
use crate::error::{Error, Incompatible, Internal, Violation};
use crate::handshake::connected::ApplicationSecrets;
use crate::handshake::proof::{Authenticated, Signing, crypto_failed, signed_message};
use crate::handshake::server::certificate_types::SettledTypes;
use crate::handshake::server::end_point_of;
use crate::handshake::server::hello::Settled;
use crate::handshake::{Outgoing, QuestionKind};
use crate::record::{Level, RecordBoundary};
use crate::wire::{
    Certificate, CertificateEntry, CertificateExtension, CertificateStatus, CertificateVerify, ExtensionType, Finished,
    HandshakeType, ProtocolVersion, SignatureScheme,
};

/// Chooses the certificate before anything is sent: what it can sign decides whether there is common ground.
pub(super) fn choose_identity(settled: Settled, boundary: RecordBoundary, out: &mut Outgoing) -> Result<State, Error> {
    if !settled.has_signature_algorithms {
        // A PSK alone would do for this client, and whether it was unknown or its key another one is not told apart.
        if settled.config.resumption.psks.is_some() && !settled.psks.is_empty() {
            return Err(Incompatible::NoCommonPsk.into());
        }
        let missing = (ExtensionType::signature_algorithms, HandshakeType::client_hello);
        return Err(Violation::ExtensionMissing(missing.0, missing.1).into());
    }
    let chooser = Arc::clone(&settled.config.identity);
    match chooser.choose(&settled.hello) {
        Decision::Now(identity) => AskIdentity { settled, boundary }.accept(identity, out),
        Decision::Refuse(alert) => Err(Error::Refused(alert)),
        Decision::Later => {
            out.ask(QuestionKind::ChooseServerIdentity(settled.hello.clone()));
            Ok(State::AskIdentity(AskIdentity { settled, boundary }))
        }
    }
}

/// ClientHello is read and waits for a certificate.
pub(crate) struct AskIdentity {
    settled: Settled,
    boundary: RecordBoundary,
}

impl AskIdentity {
    /// Sends the flight as far as the signature. RFC 8446 §2.
    pub(super) fn accept(self, identity: Option<Arc<Identity>>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { settled, boundary } = self;
        let identity = identity.ok_or(match &settled.hello.server_name {
            _ if settled.config.resumption.psks.is_some() && settled.psks.is_empty() => Incompatible::NoPskOffered,
            // Whether a PSK was unknown or its key another one is not told apart. RFC 8446 §4.2.11.
            _ if settled.config.resumption.psks.is_some() => Incompatible::NoCommonPsk,
            Some(_) => Incompatible::UnrecognizedName,
            None => Incompatible::NoCommonSignatureScheme,
        })?;
        let &[suite, ..] = settled.suites.as_slice() else { return Err(Incompatible::NoCommonCipherSuite.into()) };
        let ours = &settled.config.preferences.signing_schemes;
        let scheme = identity.scheme_for(ProtocolVersion::TLSv1_3, ours, &settled.hello.signature_schemes);
        let scheme = scheme.ok_or(Incompatible::NoCommonSignatureScheme)?;

        let (config, shown) = (&settled.config, &settled.client_certificate_types);
        let asks_later = settled.post_handshake_auth && config.post_handshake_auth.roots().is_some();
        let certificate_types = SettledTypes::of_full(config, &settled.hello, shown, &identity, asks_later)?;
        let server_end_point = end_point_of(&*settled.config.preferences.provider, &identity);
        let source = KeySource {
            suite,
            psk: None,
            authenticated_at: None,
            ticket_age_skew: None,
            accepts_early_data: false,
            certificate_types,
            server_end_point,
        };
        let mut handshake = exchange_keys(settled, source, boundary, out)?;
        send_encrypted_extensions(&mut handshake, false, out)?;
        send_certificate_request(&mut handshake, out)?;
        send_certificate(&mut handshake, &identity, out)?;

        let message = signed_message(Signing::Server, &handshake.transcript.current());
        let request = SigningRequest { scheme, message, identity };
        let state = AskSignature { handshake, scheme };
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

/// RFC 8446 §4.4.2; the staple stands beside the leaf. RFC 8446 §4.4.2.1.
fn send_certificate(handshake: &mut Handshake, identity: &Identity, out: &mut Outgoing) -> Result<(), Error> {
    let staple = identity.stapled().filter(|_| handshake.asks_for_ocsp);
    let mut staple = staple.map(|response| CertificateExtension::StatusRequest(CertificateStatus::Ocsp(response)));
    let entries = identity.chain().iter();
    let certificate = Certificate {
        certificate_request_context: &[],
        certificate_list: entries
            .map(|entry| CertificateEntry {
                cert_data: entry.as_ref(),
                extensions: staple.take().into_iter().collect(),
            })
            .collect(),
    };
    out.send(Level::Handshake, &certificate, &mut handshake.transcript)
}

/// Our Certificate is sent and waits for the signature that proves it ours.
pub(crate) struct AskSignature {
    handshake: Handshake,
    scheme: SignatureScheme,
}

impl AskSignature {
    /// Sends CertificateVerify and Finished. RFC 8446 §4.4.3, §4.4.4.
    pub(super) fn accept(self, signature: Result<Vec<u8>, SigningFailed>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut handshake, scheme } = self;
        let signature = signature.map_err(|_| Internal::SigningFailed)?;
        let verify = CertificateVerify { algorithm: scheme, signature: &signature };
        out.send(Level::Handshake, &verify, &mut handshake.transcript)?;

        let established = send_finished(handshake, out)?;
        Ok(match established.handshake.config.client_auth.roots() {
            Some(_) => State::WaitCertificate(WaitCertificate { established }),
            None => {
                out.half_rtt();
                State::WaitFinished(WaitFinished { established, authenticated: Authenticated::Anonymous })
            }
        })
    }
}

/// The whole flight of a handshake by PSK, which shows no certificate and asks for none. RFC 8446 §2.2.
pub(super) fn send_psk_flight(
    settled: Settled,
    chosen: ChosenPsk,
    boundary: RecordBoundary,
    out: &mut Outgoing,
) -> Result<State, Error> {
    let ChosenPsk { index, suite, secret, authenticated, authenticated_at, ticket_age_skew, .. } = chosen;
    let ChosenPsk { accepts_early_data, certificate_types, server_end_point, .. } = chosen;
    let accepts = accepts_early_data.is_some();
    let source = KeySource {
        suite,
        psk: Some((index, &secret)),
        authenticated_at,
        ticket_age_skew,
        accepts_early_data: accepts,
        certificate_types,
        server_end_point,
    };
    let mut handshake = exchange_keys(settled, source, boundary, out)?;
    drop(secret);
    send_encrypted_extensions(&mut handshake, accepts, out)?;
    let established = send_finished(handshake, out)?;
    out.half_rtt();
    Ok(match accepts_early_data {
        Some(room) => State::WaitEndOfEarlyData(WaitEndOfEarlyData { established, authenticated, room }),
        None => State::WaitFinished(WaitFinished { established, authenticated }),
    })
}

/// Sends Finished and changes our side to the application keys. RFC 8446 §4.4.4.
fn send_finished(mut handshake: Handshake, out: &mut Outgoing) -> Result<Established, Error> {
    let provider = handshake.provider();
    let verify_data = handshake.server_secret.verify_data(&*provider, &handshake.transcript.current());
    let verify_data = verify_data.map_err(crypto_failed)?;
    out.send(Level::Handshake, &Finished { verify_data: verify_data.as_ref() }, &mut handshake.transcript)?;

    let application = application_secrets(&handshake)?;
    out.write_keys(Level::Application, application.write.keys(&*provider).map_err(crypto_failed)?);
    Ok(Established { handshake, application })
}

/// The application secrets over ClientHello…server Finished. RFC 8446 §7.1.
fn application_secrets(handshake: &Handshake) -> Result<ApplicationSecrets, Error> {
    let provider = handshake.provider();
    let hash = handshake.transcript.current();
    let main_secret = &handshake.main_secret;
    let application = ApplicationSecrets {
        read: main_secret.client_application_traffic_secret(&*provider, &hash).map_err(crypto_failed)?,
        write: main_secret.server_application_traffic_secret(&*provider, &hash).map_err(crypto_failed)?,
        exporter: main_secret.exporter_secret(&*provider, &hash).map_err(crypto_failed)?,
    };
    handshake.log("CLIENT_TRAFFIC_SECRET_0", application.read.secret().expose());
    handshake.log("SERVER_TRAFFIC_SECRET_0", application.write.secret().expose());
    handshake.log("EXPORTER_SECRET", application.exporter.secret().expose());
    Ok(application)
}
