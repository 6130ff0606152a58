//! What an honest peer would say next in TLS 1.2, where it differs from TLS 1.3.

use bulla::wire::*;

use super::fixed::{self, GROUP, OTHER_GROUP, peer_share};
use super::honest::{Honest, write};
use super::rig::{Keys, Rig, Role};

/// The scripted server's random.
const SERVER_RANDOM: [u8; 32] = [0x53; 32];

/// RFC 5246 §7.3, Figure 1.
pub fn handshake(role: Role, client_auth: bool) -> Vec<(Keys, Honest)> {
    use Honest as H;
    let certificate = H::Certificate { empty: false };
    let mut said = match (role, client_auth) {
        (Role::Server, false) => vec![H::ClientHello(GROUP), H::ClientKeyExchange],
        (Role::Server, true) => {
            vec![H::ClientHello(GROUP), certificate, H::ClientKeyExchange, H::CertificateVerify]
        }
        (Role::Client, false) => vec![H::ServerHello(GROUP), certificate, H::ServerKeyExchange, H::ServerHelloDone],
        (Role::Client, true) => {
            let request = H::CertificateRequest;
            vec![H::ServerHello(GROUP), certificate, H::ServerKeyExchange, request, H::ServerHelloDone]
        }
    };
    said.push(H::ChangeCipherSpec);
    let in_the_clear = said.into_iter().map(|honest| (Keys::None, honest));
    in_the_clear.chain([(Keys::Application, H::Finished)]).collect()
}

/// Writes a message that TLS 1.2 writes in its own way, or cannot make yet; `None` if the versions agree on it.
pub fn message(rig: &Rig, honest: Honest) -> Option<Option<Vec<u8>>> {
    Some(match honest {
        Honest::ClientHello(_) => write(&client_hello(rig)),
        Honest::ServerHello(_) => write(&server_hello(rig)),
        Honest::CertificateRequest => write(&CertificateRequestTls12 {
            certificate_types: vec![ClientCertificateType::ecdsa_sign],
            supported_signature_algorithms: vec![SignatureScheme::ed25519],
            certificate_authorities: Vec::new(),
        }),
        Honest::Certificate { empty } => {
            let certificate_list = if empty { Vec::new() } else { vec![Asn1Cert(fixed::LEAF)] };
            write(&CertificateTls12 { certificate_list })
        }
        // RFC 5246 §7.4.8: over all messages so far.
        Honest::CertificateVerify => {
            let signature = &sign(&rig.watch.all_messages());
            write(&CertificateVerify { algorithm: SignatureScheme::ed25519, signature })
        }
        Honest::NewSessionTicket => write(&NewSessionTicketTls12 { ticket_lifetime_hint: 3600, ticket: b"ticket" }),
        _ => return None,
    })
}

/// One that announces no session.
pub fn server_hello(rig: &Rig) -> ServerHello<'static> {
    ServerHello {
        legacy_version: ProtocolVersion::TLSv1_2,
        random: Random(SERVER_RANDOM),
        legacy_session_id_echo: &[],
        cipher_suite: rig.suite.id,
        legacy_compression_method: CompressionMethod::null,
        extensions: Some(vec![
            ServerExtension::ServerNameAck,
            ServerExtension::RenegotiationInfo(&[]),
            ServerExtension::ExtendedMasterSecret,
            ServerExtension::EcPointFormats(vec![EcPointFormat::uncompressed]),
            ServerExtension::ApplicationLayerProtocolNegotiation(ProtocolNameList { protocol_name_list: vec![b"h2"] }),
        ]),
    }
}

fn sign(message: &[u8]) -> Vec<u8> {
    fixed::leaf_key().sign(&*fixed::provider(), SignatureScheme::ed25519, message).unwrap()
}

/// RFC 8422 §5.4.
pub fn server_key_exchange(rig: &Rig) -> Option<Vec<u8>> {
    let client_random = rig.watch.client_random()?;
    let params = ServerEcdhParams { named_curve: GROUP, public: &peer_share() };
    let signed = [&client_random[..], &SERVER_RANDOM, &write_all(&params).unwrap()].concat();
    write(&ServerKeyExchange { params, algorithm: SignatureScheme::ed25519, signature: &sign(&signed) })
}

pub fn client_hello<'h>(rig: &Rig) -> ClientHello<'h> {
    let name = ServerNameEntry { name_type: NameType::host_name, name: fixed::NAME.as_bytes() };
    ClientHello {
        legacy_version: ProtocolVersion::TLSv1_2,
        random: Random([0x43; 32]),
        legacy_session_id: &[],
        cipher_suites: vec![rig.suite.id],
        legacy_compression_methods: vec![CompressionMethod::null],
        extensions: Some(vec![
            ClientExtension::ServerName(ServerNameList { server_name_list: vec![name] }),
            ClientExtension::RenegotiationInfo(&[]),
            ClientExtension::ExtendedMasterSecret,
            ClientExtension::EcPointFormats(vec![EcPointFormat::uncompressed]),
            ClientExtension::SupportedGroups(vec![GROUP, OTHER_GROUP]),
            ClientExtension::SignatureAlgorithms(vec![SignatureScheme::ed25519]),
            ClientExtension::ApplicationLayerProtocolNegotiation(ProtocolNameList { protocol_name_list: vec![b"h2"] }),
        ]),
    }
}
