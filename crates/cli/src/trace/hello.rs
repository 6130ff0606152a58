//! The hellos, and what goes with them.

use bulla::wire::{
    CertificateCompressionAlgorithm, CertificateStatusRequest, CertificateType, CipherSuite, ClientExtension,
    ClientHello, EncryptedExtension, EncryptedExtensions, HelloRetryRequest, KeyShareEntry, MaxFragmentLength,
    ProtocolVersion, RetryExtension, ServerExtension, ServerHello, is_grease,
};

use super::Told;
use super::message::{each, extension_name, text, timestamps};
use crate::choices::list;
use crate::console::{clean, grouped};

pub(super) fn client_hello(hello: &ClientHello<'_>) -> Told {
    let mut details = vec![("cipher suites", each(&hello.cipher_suites, |suite| suite.0))];
    let (mut versions, mut groups, mut name) = (hello.legacy_version.to_string(), 0, String::new());
    let mut also = String::new();
    let mut others = Vec::new();
    for extension in hello.extensions.iter().flatten() {
        match extension {
            ClientExtension::SupportedVersions(offered) => {
                versions = each(offered, |version| version.0);
                details.push(("versions", versions.clone()));
            }
            ClientExtension::SupportedGroups(offered) => {
                groups = offered.iter().filter(|group| !is_grease(group.0)).count();
                details.push(("groups", each(offered, |group| group.0)));
            }
            ClientExtension::KeyShare(shares) => details.push(("key shares", share_list(shares))),
            ClientExtension::SignatureAlgorithms(schemes) => {
                details.push(("signatures", each(schemes, |scheme| scheme.0)));
            }
            ClientExtension::ServerName(names) => {
                let names: Vec<_> = names.server_name_list.iter().map(|it| text(it.name)).collect();
                name = format!(", for {}", names.join(", "));
                details.push(("server name", names.join(", ")));
            }
            ClientExtension::ApplicationLayerProtocolNegotiation(protocols) => {
                details.push(("protocols", protocol_list(&protocols.protocol_name_list)));
            }
            ClientExtension::PreSharedKey(psks) => {
                let names: Vec<_> = psks.identities.iter().map(|psk| format!("{} B", psk.identity.len())).collect();
                details.push(("tickets or PSKs", names.join(", ")));
                also.push_str(", with a ticket or PSK");
            }
            ClientExtension::SessionTicket(ticket) if !ticket.is_empty() => {
                details.push(("session ticket", format!("{} B", ticket.len())));
                also.push_str(", with a ticket");
            }
            ClientExtension::EarlyData => also.push_str(", early data follows"),
            other => match offer(other) {
                Some(detail) => details.push(detail),
                None => others.push(extension_name(other.extension_type())),
            },
        }
    }
    details.extend((!others.is_empty()).then(|| ("also", others.join(", "))));
    let is_suite = |suite: &&CipherSuite| !is_grease(suite.0) && !SIGNALS.contains(suite);
    let suites = hello.cipher_suites.iter().filter(is_suite).count();
    (format!("offers {versions}, {}, {}{name}{also}", counted(suites, "suite"), counted(groups, "group")), details)
}

/// Tells of an extension that a line of its own is enough for.
fn offer(extension: &ClientExtension<'_>) -> Option<(&'static str, String)> {
    Some(match extension {
        ClientExtension::SignatureAlgorithmsCert(schemes) => ("in certificates", each(schemes, |scheme| scheme.0)),
        ClientExtension::DelegatedCredential(schemes) => ("delegated keys", each(schemes, |scheme| scheme.0)),
        ClientExtension::ServerCertificateType(types) => ("server shows", kinds(types)),
        ClientExtension::ClientCertificateType(types) => ("client shows", kinds(types)),
        ClientExtension::CompressCertificate(algorithms) => ("compression", algorithm_list(algorithms)),
        ClientExtension::CertificateAuthorities(authorities) => ("authorities", authorities.len().to_string()),
        ClientExtension::RecordSizeLimit(limit) => ("records", format!("of up to {} B", grouped((*limit).into()))),
        ClientExtension::MaxFragmentLength(limit) => ("fragments", fragments(*limit)),
        ClientExtension::StatusRequest(CertificateStatusRequest::Ocsp(_)) => ("staple", "an OCSP response".into()),
        ClientExtension::Padding(bytes) => ("padding", format!("{} B", grouped(bytes.len()))),
        ClientExtension::Unknown(it) if !is_grease(it.extension_type.0) && !it.extension_data.is_empty() => {
            ("also", format!("{} ({} B)", extension_name(it.extension_type), grouped(it.extension_data.len())))
        }
        _ => return None,
    })
}

/// Says in words how long a fragment may be.
fn fragments(limit: MaxFragmentLength) -> String {
    match limit {
        MaxFragmentLength::two_to_the_9 => "of up to 512 B".into(),
        MaxFragmentLength::two_to_the_10 => "of up to 1,024 B".into(),
        MaxFragmentLength::two_to_the_11 => "of up to 2,048 B".into(),
        MaxFragmentLength::two_to_the_12 => "of up to 4,096 B".into(),
        other => format!("of an unknown length, {other}"),
    }
}

/// Says in words what a certificate message holds.
fn kind(certificate_type: CertificateType) -> String {
    match certificate_type {
        CertificateType::X509 => "an X.509 certificate".into(),
        CertificateType::RawPublicKey => "a raw public key".into(),
        other => format!("a certificate of the type {other}"),
    }
}

fn kinds(types: &[CertificateType]) -> String {
    types.iter().map(|it| kind(*it)).collect::<Vec<_>>().join(" or ")
}

/// Names algorithms of compression.
pub(super) fn algorithm_list(algorithms: &[CertificateCompressionAlgorithm]) -> String {
    each(algorithms, |algorithm| algorithm.0)
}

/// What stands among the suites and is none. RFC 5746 §3.3, RFC 7507 §2.
const SIGNALS: [CipherSuite; 2] = [CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV, CipherSuite::TLS_FALLBACK_SCSV];

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

pub(super) fn hello_retry_request(retry: &HelloRetryRequest<'_>) -> Told {
    let mut details = vec![("cipher suite", retry.cipher_suite.to_string())];
    let mut wanted = Vec::new();
    for extension in &retry.extensions {
        match extension {
            RetryExtension::KeyShare(group) => wanted.push(format!("a key share of {group}")),
            RetryExtension::Cookie(cookie) => wanted.push(format!("its cookie of {} B back", cookie.len())),
            RetryExtension::SupportedVersions(version) => details.push(("version", version.to_string())),
            RetryExtension::Unknown(unknown) => details.push(("also", extension_name(unknown.extension_type))),
        }
    }
    (format!("wants {}", wanted.join(" and ")), details)
}

pub(super) fn chosen_version(hello: &ServerHello<'_>) -> ProtocolVersion {
    let chosen = hello.extensions.iter().flatten().find_map(|extension| match extension {
        ServerExtension::SupportedVersions(chosen) => Some(*chosen),
        _ => None,
    });
    chosen.unwrap_or(hello.legacy_version)
}

pub(super) fn server_hello(hello: &ServerHello<'_>) -> Told {
    let (mut group, mut chosen) = (String::new(), String::new());
    let (mut details, mut others) = (Vec::new(), Vec::new());
    for extension in hello.extensions.iter().flatten() {
        match extension {
            ServerExtension::SupportedVersions(_) => {}
            ServerExtension::ApplicationLayerProtocolNegotiation(protocols) => {
                details.push(("protocol", protocol_list(&protocols.protocol_name_list)));
            }
            ServerExtension::KeyShare(share) => {
                group = format!(", {}", share.group);
                details.push(("key share", share_list(std::slice::from_ref(share))));
            }
            ServerExtension::PreSharedKey(index) => chosen = format!(", the client's ticket or PSK {index}"),
            ServerExtension::ServerCertificateType(it) => details.push(("server shows", kind(*it))),
            ServerExtension::ClientCertificateType(it) => details.push(("client shows", kind(*it))),
            ServerExtension::MaxFragmentLength(it) => details.push(("fragments", fragments(*it))),
            ServerExtension::RecordSizeLimit(it) => {
                details.push(("records", format!("of up to {} B", grouped((*it).into()))));
            }
            ServerExtension::SignedCertificateTimestamp(list) => details.push(("timestamps", timestamps(list))),
            ServerExtension::Unknown(it) => {
                let (name, len) = (extension_name(it.extension_type), grouped(it.extension_data.len()));
                details.push(("also", format!("{name} ({len} B)")));
            }
            other => others.push(extension_name(other.extension_type())),
        }
    }
    details.extend((!others.is_empty()).then(|| ("also", others.join(", "))));
    (format!("chooses {}, {}{group}{chosen}", chosen_version(hello), hello.cipher_suite), details)
}

pub(super) fn encrypted_extensions(message: &EncryptedExtensions<'_>) -> Told {
    let mut said = Vec::new();
    for extension in &message.extensions {
        said.push(match extension {
            EncryptedExtension::ApplicationLayerProtocolNegotiation(protocols) => {
                format!("chooses the protocol {}", protocol_list(&protocols.protocol_name_list))
            }
            EncryptedExtension::ServerNameAck => "has used the server name".into(),
            EncryptedExtension::SupportedGroups(groups) => format!("has the groups {}", list(groups)),
            EncryptedExtension::EarlyData => "takes the early data".into(),
            EncryptedExtension::RecordSizeLimit(limit) => {
                format!("takes records of up to {} B", grouped((*limit).into()))
            }
            EncryptedExtension::MaxFragmentLength(limit) => format!("agrees to fragments {}", fragments(*limit)),
            EncryptedExtension::ServerCertificateType(it) => format!("will show {}", kind(*it)),
            EncryptedExtension::ClientCertificateType(it) => format!("would take {}", kind(*it)),
            EncryptedExtension::Unknown(it) => {
                format!("says {} ({} B)", extension_name(it.extension_type), grouped(it.extension_data.len()))
            }
        });
    }
    if said.is_empty() { ("nothing to add".into(), Vec::new()) } else { (clean(&said.join(", ")), Vec::new()) }
}

fn share_list(shares: &[KeyShareEntry<'_>]) -> String {
    let one = |share: &KeyShareEntry<'_>| match is_grease(share.group.0) {
        true => "GREASE".into(),
        false => format!("{} ({} B)", share.group, grouped(share.key_exchange.len())),
    };
    if shares.is_empty() { "none yet".into() } else { shares.iter().map(one).collect::<Vec<_>>().join(", ") }
}

fn protocol_list(names: &[&[u8]]) -> String {
    names.iter().map(|name| text(name)).collect::<Vec<_>>().join(", ")
}
