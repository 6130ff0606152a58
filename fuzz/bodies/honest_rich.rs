//! What an honest peer says to an end that has everything switched on, where that differs.

use bulla::wire::*;

use super::fixed;
use super::honest::{self, Honest, write};
use super::honest_tls12;
use super::rich::{
    ASKED_LATER, DELEGATED, DELEGATING_LEAF, FRAGMENTS, LIMITED, RAW_CLIENT, RAW_SERVER, Rich, STAPLE, STAPLED,
    TIMESTAMPED, TIMESTAMPS, credential, public_key,
};
use super::rig::{Rig, Role};

/// Writes a message that is said otherwise, or cannot be made yet; `None` if it is as it always is.
pub fn message(rig: &Rig, rich: Rich, honest: Honest) -> Option<Option<Vec<u8>>> {
    let is_tls12 = rig.is_tls12();
    Some(match honest {
        Honest::ClientHello(group) => {
            let hello = if is_tls12 { honest_tls12::client_hello(rig) } else { honest::client_hello(rig, group) };
            client_hello(rich, hello)
        }
        Honest::LateRequest(context) => certificate_request(rich, &[context]),
        Honest::LateCertificate { empty } => {
            let context = rig.watch.late_context()?;
            certificate(rig, rich, &context, empty)
        }
        Honest::LateVerify => {
            let transcript_hash = rig.watch.late_transcript_hash(rig.suite.hash)?;
            let signature = &honest::sign_hash(Role::Server, transcript_hash.as_ref());
            write(&CertificateVerify { algorithm: SignatureScheme::ed25519, signature })
        }
        Honest::LateFinished => write(&Finished { verify_data: &rig.late_verify_data()? }),
        _ if is_tls12 => return None,
        Honest::EncryptedExtensions => encrypted_extensions(rich),
        Honest::CertificateRequest => certificate_request(rich, &[]),
        Honest::Certificate { empty } => certificate(rig, rich, &[], empty),
        _ => return None,
    })
}

fn client_hello(rich: Rich, mut hello: ClientHello<'_>) -> Option<Vec<u8>> {
    type E<'e> = ClientExtension<'e>;
    let raw = vec![CertificateType::RawPublicKey];
    let algorithms = algorithms(rich);
    let status = OcspStatusRequest { responder_id_list: Vec::new(), request_extensions: &[] };
    let offered = [
        rich.has(RAW_SERVER).then(|| E::ServerCertificateType(raw.clone())),
        rich.has(RAW_CLIENT).then(|| E::ClientCertificateType(raw.clone())),
        (!algorithms.is_empty()).then_some(E::CompressCertificate(algorithms)),
        rich.has(DELEGATED).then(|| E::DelegatedCredential(vec![SignatureScheme::ed25519])),
        rich.has(TIMESTAMPED).then_some(E::SignedCertificateTimestamp),
        rich.has(STAPLED).then_some(E::StatusRequest(CertificateStatusRequest::Ocsp(status))),
        rich.has(LIMITED).then_some(E::RecordSizeLimit(rich.limit)),
        rich.has(FRAGMENTS).then_some(E::MaxFragmentLength(MaxFragmentLength::two_to_the_9)),
        rich.has(ASKED_LATER).then_some(E::PostHandshakeAuth),
    ];
    hello.extensions.get_or_insert_default().extend(offered.into_iter().flatten());
    write(&hello)
}

fn algorithms(rich: Rich) -> Vec<CertificateCompressionAlgorithm> {
    rich.compression().iter().map(|way| way.algorithm()).collect()
}

fn encrypted_extensions(rich: Rich) -> Option<Vec<u8>> {
    type E<'e> = EncryptedExtension<'e>;
    let h2 = ProtocolNameList { protocol_name_list: vec![b"h2"] };
    // Not both. RFC 8449 §5.
    let fragments = rich.has(FRAGMENTS) && !rich.has(LIMITED);
    let said = [
        Some(E::ServerNameAck),
        Some(E::ApplicationLayerProtocolNegotiation(h2)),
        rich.has(RAW_SERVER).then_some(E::ServerCertificateType(CertificateType::RawPublicKey)),
        rich.has(RAW_CLIENT).then_some(E::ClientCertificateType(CertificateType::RawPublicKey)),
        rich.has(LIMITED).then_some(E::RecordSizeLimit(rich.limit)),
        fragments.then_some(E::MaxFragmentLength(MaxFragmentLength::two_to_the_9)),
    ];
    write(&EncryptedExtensions { extensions: said.into_iter().flatten().collect() })
}

fn certificate_request(rich: Rich, certificate_request_context: &[u8]) -> Option<Vec<u8>> {
    type E<'e> = CertificateRequestExtension<'e>;
    let algorithms = algorithms(rich);
    let said = [
        Some(E::SignatureAlgorithms(vec![SignatureScheme::ed25519])),
        (!algorithms.is_empty()).then_some(E::CompressCertificate(algorithms)),
        rich.has(TIMESTAMPED).then_some(E::SignedCertificateTimestamp),
        rich.has(STAPLED).then_some(E::StatusRequest),
    ];
    let extensions = said.into_iter().flatten().collect();
    write(&CertificateRequest { certificate_request_context, extensions })
}

/// The peer's Certificate, with what may stand beside a server's, compressed if both know how.
fn certificate(rig: &Rig, rich: Rich, context: &[u8], empty: bool) -> Option<Vec<u8>> {
    type E<'e> = CertificateExtension<'e>;
    let is_server = rig.role == Role::Client;
    let raw = rich.has(if is_server { RAW_SERVER } else { RAW_CLIENT });
    let beside = is_server && !raw;
    let delegated = beside && rich.has(DELEGATED);
    let cert_data = match (raw, delegated) {
        (true, _) => public_key(),
        (false, true) => DELEGATING_LEAF,
        (false, false) => fixed::LEAF,
    };
    let extensions = [
        delegated.then(|| E::DelegatedCredential(read_all(credential()).unwrap())),
        (beside && rich.has(TIMESTAMPED)).then(|| E::SignedCertificateTimestamp(read_all(TIMESTAMPS).unwrap())),
        (beside && rich.has(STAPLED)).then_some(E::StatusRequest(CertificateStatus::Ocsp(STAPLE))),
    ];
    let entry = CertificateEntry { cert_data, extensions: extensions.into_iter().flatten().collect() };
    let certificate_list = if empty { Vec::new() } else { vec![entry] };
    let whole = write(&Certificate { certificate_request_context: context, certificate_list })?;
    let ways = rich.compression();
    let Some(way) = ways.first() else { return Some(whole) };
    let body = &whole[4..];
    write(&CompressedCertificate {
        algorithm: way.algorithm(),
        uncompressed_length: body.len() as u32,
        compressed_certificate_message: &way.compress(&*fixed::provider(), body)?,
    })
}
