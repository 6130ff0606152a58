//! The message hook, printed for people: each message with direction, size, protection and meaning.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use bulla::wire::{
    Alert, AlertDescription, AlertLevel, CertificateRequest, CertificateRequestExtension, CertificateRequestTls12,
    CertificateStatus, CipherSuite, ClientExtension, ClientHello, EncryptedExtension, EncryptedExtensions,
    ExtensionType, Handshake, HelloRetryRequest, KeyShareEntry, KeyUpdateRequest, ProtocolVersion, RetryExtension,
    ServerExtension, ServerHello, ServerKeyExchange, is_grease,
};
use bulla::{Content, Direction, Level, Observed, Observer};

use crate::certificate::Described;
use crate::choices::list;
use crate::console::{self, BOLD, DIM, RECEIVED, SENT, clean, grouped};

/// One message as it is told.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    direction: Direction,
    /// Which keys it travels under, in words.
    protection: &'static str,
    pub(crate) name: String,
    size: usize,
    /// What it means, in one line.
    meaning: String,
    /// What stands in it: a label and a value each.
    details: Vec<(&'static str, String)>,
}

/// Tells what is seen. It remembers the version, once ServerHello has settled it: not everything means the same in both.
#[derive(Debug, Default)]
struct Teller(Mutex<Option<ProtocolVersion>>);

impl Teller {
    fn tell(&self, observed: &Observed<'_>) -> Seen {
        self.tell_content(observed.direction, observed.level, &observed.content)
    }

    fn tell_content(&self, direction: Direction, level: Level, content: &Content<'_>) -> Seen {
        let mut settled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Content::Handshake { message: Ok(Handshake::ServerHello(hello)), .. } = content {
            *settled = Some(chosen_version(hello));
        }
        Seen::of(direction, level, content, *settled)
    }
}

impl Seen {
    fn of(direction: Direction, level: Level, content: &Content<'_>, version: Option<ProtocolVersion>) -> Self {
        let is_tls12 = version == Some(ProtocolVersion::TLSv1_2);
        let (name, size, (meaning, details)) = match content {
            Content::Handshake { message: Ok(message), bytes } => {
                // To the RFCs the messages of both versions have one name.
                (message.name().trim_end_matches("Tls12").into(), bytes.len(), told(message))
            }
            Content::Handshake { message: Err(reason), bytes } => {
                ("unreadable message".into(), bytes.len(), (reason.to_string(), Vec::new()))
            }
            Content::Alert(alert) => {
                (format!("Alert {}", alert.description), 2, (alert_meaning(*alert, version).into(), Vec::new()))
            }
            Content::ChangeCipherSpec => {
                let meaning = match (is_tls12, direction) {
                    (false, _) => "means nothing; middleboxes expect it",
                    (true, Direction::Sent) => "what we send is protected from here on",
                    (true, Direction::Received) => "what the peer sends is protected from here on",
                };
                ("change_cipher_spec".into(), 1, (meaning.into(), Vec::new()))
            }
            _ => ("unknown content".into(), 0, (String::new(), Vec::new())),
        };
        let protection = match (content, level) {
            // In a handshake it is never protected, whatever the keys. RFC 8446 §5, RFC 5246 §7.1.
            (Content::ChangeCipherSpec, _) | (_, Level::Initial) => "in the clear",
            (_, Level::EarlyData) => "early data keys",
            (_, Level::Handshake) => "handshake keys",
            // TLS 1.2 has no others.
            (_, Level::Application) if is_tls12 => "session keys",
            (_, Level::Application) => "application keys",
        };
        Self { direction, protection, name, size, meaning, details }
    }

    /// Returns the message's line.
    pub(crate) fn line(&self) -> String {
        let (arrow, style) = match self.direction {
            Direction::Sent => ("→", SENT),
            Direction::Received => ("←", RECEIVED),
        };
        let (name, size, protection, meaning) = (&self.name, grouped(self.size), self.protection, &self.meaning);
        format!("{style}{arrow} {name:<21}{style:#} {size:>6} B  {DIM}{protection:<16}{DIM:#}  {meaning}")
    }

    fn text(&self, prefix: &str) -> String {
        let mut text = format!("{prefix}{}", self.line());
        for (label, value) in &self.details {
            text.push_str(&format!("\n{prefix}    {BOLD}{label:<16}{BOLD:#} {}", clean(value)));
        }
        text
    }
}

/// Prints every message on standard error as it passes.
#[derive(Debug)]
pub(crate) struct Trace {
    prefix: String,
    teller: Teller,
}

impl Trace {
    /// Makes the trace of one connection. `prefix` stands before each line, so that connections can be told apart.
    pub(crate) fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), teller: Teller::default() }
    }
}

impl Observer for Trace {
    fn observe(&self, observed: &Observed<'_>) {
        console::note(&self.teller.tell(observed).text(&self.prefix));
    }
}

/// Keeps every message for whoever wants to tell or to check them.
#[derive(Debug, Default)]
pub(crate) struct Account {
    seen: Mutex<Vec<Seen>>,
    teller: Teller,
}

impl Account {
    /// Returns what was seen so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Account {
    fn observe(&self, observed: &Observed<'_>) {
        let seen = self.teller.tell(observed);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }
}

/// What a message means in a line, and what stands in it.
type Told = (String, Vec<(&'static str, String)>);

fn told(message: &Handshake<'_>) -> Told {
    let short = |meaning: &str| (meaning.to_string(), Vec::new());
    match message {
        Handshake::ClientHello(hello) => client_hello(hello),
        Handshake::HelloRetryRequest(retry) => hello_retry_request(retry),
        Handshake::ServerHello(hello) => server_hello(hello),
        Handshake::EncryptedExtensions(extensions) => encrypted_extensions(extensions),
        Handshake::CertificateRequest(request) => certificate_request(request),
        Handshake::CertificateRequestTls12(request) => certificate_request_tls12(request),
        Handshake::Certificate(message) => certificates(message.certificate_list.iter().map(|entry| entry.cert_data)),
        Handshake::CompressedCertificate(message) => {
            let len = grouped(usize::try_from(message.uncompressed_length).unwrap_or(usize::MAX));
            (format!("a Certificate of {len} B, compressed with {}", message.algorithm), Vec::new())
        }
        Handshake::CertificateTls12(message) => certificates(message.certificate_list.iter().map(|entry| entry.0)),
        Handshake::CertificateStatus(CertificateStatus::Ocsp(response)) => {
            (format!("an OCSP response of {} B for the certificate", grouped(response.len())), Vec::new())
        }
        Handshake::CertificateStatus(CertificateStatus::Other(kind, _)) => {
            (format!("of the kind {kind}, which nobody asked for"), Vec::new())
        }
        Handshake::ServerKeyExchange(exchange) => server_key_exchange(exchange),
        Handshake::ServerHelloDone(_) => short("all is said; the client's turn"),
        Handshake::ClientKeyExchange(exchange) => {
            (format!("its key share ({} B); both ends now have the keys", exchange.ecdh_yc.len()), Vec::new())
        }
        Handshake::CertificateVerify(verify) => {
            (format!("proves to own the certificate's key: {}", verify.algorithm), Vec::new())
        }
        Handshake::Finished(_) => short("confirms every message before it"),
        Handshake::NewSessionTicket(it) => new_session_ticket(it.ticket, it.ticket_lifetime),
        Handshake::NewSessionTicketTls12(it) => new_session_ticket(it.ticket, it.ticket_lifetime_hint),
        Handshake::KeyUpdate(update) => match update.request_update {
            KeyUpdateRequest::update_requested => short("sends with new keys from now on, and asks for the same"),
            _ => short("sends with new keys from now on"),
        },
        Handshake::EndOfEarlyData(_) => short("the early data is complete"),
        Handshake::HelloRequest(_) => short("asks to negotiate anew, which is never done"),
        Handshake::Unknown(raw) => (format!("of the type {}", raw.handshake_type), Vec::new()),
    }
}

/// Before TLS 1.3, a warning ends nothing. RFC 5246 §7.2.2, RFC 8446 §6.
fn alert_meaning(alert: Alert, version: Option<ProtocolVersion>) -> &'static str {
    let is_warning = alert.level == AlertLevel::warning && version.is_none_or(|it| it < ProtocolVersion::TLSv1_3);
    match alert.description {
        AlertDescription::close_notify => "nothing more will be sent",
        AlertDescription::user_canceled => "the handshake is given up",
        AlertDescription::no_renegotiation if is_warning => "declines to negotiate anew; the connection goes on",
        _ if is_warning => "a warning; the connection goes on",
        _ => "ends the connection",
    }
}

fn client_hello(hello: &ClientHello<'_>) -> Told {
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
            other => others.push(extension_name(other.extension_type())),
        }
    }
    details.extend((!others.is_empty()).then(|| ("also", others.join(", "))));
    let is_suite = |suite: &&CipherSuite| !is_grease(suite.0) && !SIGNALS.contains(suite);
    let suites = hello.cipher_suites.iter().filter(is_suite).count();
    (format!("offers {versions}, {}, {}{name}{also}", counted(suites, "suite"), counted(groups, "group")), details)
}

/// What stands among the suites and is none. RFC 5746 §3.3, RFC 7507 §2.
const SIGNALS: [CipherSuite; 2] = [CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV, CipherSuite::TLS_FALLBACK_SCSV];

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn hello_retry_request(retry: &HelloRetryRequest<'_>) -> Told {
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

fn chosen_version(hello: &ServerHello<'_>) -> ProtocolVersion {
    let chosen = hello.extensions.iter().flatten().find_map(|extension| match extension {
        ServerExtension::SupportedVersions(chosen) => Some(*chosen),
        _ => None,
    });
    chosen.unwrap_or(hello.legacy_version)
}

fn server_hello(hello: &ServerHello<'_>) -> Told {
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
            other => others.push(extension_name(other.extension_type())),
        }
    }
    details.extend((!others.is_empty()).then(|| ("also", others.join(", "))));
    (format!("chooses {}, {}{group}{chosen}", chosen_version(hello), hello.cipher_suite), details)
}

fn encrypted_extensions(message: &EncryptedExtensions<'_>) -> Told {
    let mut said = Vec::new();
    for extension in &message.extensions {
        said.push(match extension {
            EncryptedExtension::ApplicationLayerProtocolNegotiation(protocols) => {
                format!("chooses the protocol {}", protocol_list(&protocols.protocol_name_list))
            }
            EncryptedExtension::ServerNameAck => "has used the server name".into(),
            EncryptedExtension::SupportedGroups(groups) => format!("has the groups {}", list(groups)),
            EncryptedExtension::EarlyData => "takes the early data".into(),
            EncryptedExtension::RecordSizeLimit(limit) => format!("takes records of up to {limit} B"),
            other => extension_name(other.extension_type()),
        });
    }
    if said.is_empty() { ("nothing to add".into(), Vec::new()) } else { (clean(&said.join(", ")), Vec::new()) }
}

fn certificate_request(request: &CertificateRequest<'_>) -> Told {
    let mut details = Vec::new();
    for extension in &request.extensions {
        match extension {
            CertificateRequestExtension::SignatureAlgorithms(schemes) => {
                details.push(("signatures", each(schemes, |scheme| scheme.0)));
            }
            CertificateRequestExtension::CertificateAuthorities(authorities) => {
                details.push(("authorities", authorities.len().to_string()));
            }
            _ => {}
        }
    }
    ("asks for a certificate".into(), details)
}

fn certificate_request_tls12(request: &CertificateRequestTls12<'_>) -> Told {
    let details = vec![
        ("kinds of keys", list(&request.certificate_types)),
        ("signatures", each(&request.supported_signature_algorithms, |scheme| scheme.0)),
        ("authorities", request.certificate_authorities.len().to_string()),
    ];
    ("asks for a certificate".into(), details)
}

fn server_key_exchange(exchange: &ServerKeyExchange<'_>) -> Told {
    let (group, len) = (exchange.params.named_curve, exchange.params.public.len());
    let meaning = format!("its key share of {group}, signed with the certificate's key");
    (meaning, vec![("key share", format!("{group} ({len} B)")), ("signature", exchange.algorithm.to_string())])
}

fn certificates<'a>(chain: impl Iterator<Item = &'a [u8]>) -> Told {
    let described: Vec<_> = chain.map(Described::read).collect();
    let line = |it: &Option<Described>| it.as_ref().map_or("a certificate that cannot be read".into(), Described::line);
    let meaning = match described.as_slice() {
        [] => "no certificate".into(),
        [leaf] => line(leaf),
        [leaf, issuers @ ..] => format!("{} (and {} of its issuers)", line(leaf), issuers.len()),
    };
    let mut details = Vec::new();
    for (index, it) in described.iter().enumerate() {
        if index > 0 {
            details.push(("issuer", line(it)));
        }
        details.extend(it.as_ref().map(|it| ("certificate", it.details())));
    }
    (meaning, details)
}

fn new_session_ticket(ticket: &[u8], seconds: u32) -> Told {
    (format!("a ticket of {} B for a later connection, good for {seconds} s", ticket.len()), Vec::new())
}

fn share_list(shares: &[KeyShareEntry<'_>]) -> String {
    let one = |share: &KeyShareEntry<'_>| match is_grease(share.group.0) {
        true => "GREASE".into(),
        false => format!("{} ({} B)", share.group, grouped(share.key_exchange.len())),
    };
    if shares.is_empty() { "none yet".into() } else { shares.iter().map(one).collect::<Vec<_>>().join(", ") }
}

/// Names each entry of a list; values that stand there to be ignored are called so. RFC 8701.
fn each<T: Display>(entries: &[T], code_point: impl Fn(&T) -> u16) -> String {
    let name = |entry: &T| if is_grease(code_point(entry)) { "GREASE".into() } else { entry.to_string() };
    entries.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn extension_name(extension_type: ExtensionType) -> String {
    if is_grease(extension_type.0) { "GREASE".into() } else { extension_type.to_string() }
}

fn protocol_list(names: &[&[u8]]) -> String {
    names.iter().map(|name| text(name)).collect::<Vec<_>>().join(", ")
}

fn text(bytes: &[u8]) -> String {
    clean(&String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use bulla::wire::{CompressionMethod, Random};

    use super::*;

    /// Says in which version the handshake is from now on.
    fn settled(version: ProtocolVersion) -> Teller {
        let extensions =
            (version > ProtocolVersion::TLSv1_2).then(|| vec![ServerExtension::SupportedVersions(version)]);
        let hello = ServerHello {
            legacy_version: ProtocolVersion::TLSv1_2,
            random: Random([7; 32]),
            legacy_session_id_echo: &[],
            cipher_suite: CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            legacy_compression_method: CompressionMethod::null,
            extensions,
        };
        let teller = Teller::default();
        let bytes = Handshake::ServerHello(hello).to_bytes().unwrap();
        let line = told_by(&teller, version, &bytes);
        assert!(line.contains(&format!("chooses {version}, ")), "{line}");
        teller
    }

    fn told_by(teller: &Teller, version: ProtocolVersion, bytes: &[u8]) -> String {
        seen(teller, Direction::Received, Content::Handshake { message: Handshake::read(bytes, version), bytes })
    }

    fn seen(teller: &Teller, direction: Direction, content: Content<'_>) -> String {
        teller.tell_content(direction, Level::Application, &content).text("")
    }

    #[test]
    fn change_cipher_spec_has_a_meaning_in_tls12_alone() {
        let tls12 = settled(ProtocolVersion::TLSv1_2);
        assert!(seen(&tls12, Direction::Sent, Content::ChangeCipherSpec).contains("what we send is protected"));
        assert!(
            seen(&tls12, Direction::Received, Content::ChangeCipherSpec).contains("what the peer sends is protected")
        );
        let tls13 = settled(ProtocolVersion::TLSv1_3);
        assert!(seen(&tls13, Direction::Sent, Content::ChangeCipherSpec).contains("means nothing"));
    }

    #[test]
    fn warnings_are_told_from_what_ends_the_connection() {
        let alert = |level, description| Content::Alert(Alert { level, description });
        let (warning, fatal) = (AlertLevel::warning, AlertLevel::fatal);
        let (name, anew) = (AlertDescription::unrecognized_name, AlertDescription::no_renegotiation);
        // Before the hellos are through, the server may still choose TLS 1.2.
        let early = seen(&Teller::default(), Direction::Received, alert(warning, name));
        assert!(early.contains("Alert unrecognized_name") && early.contains("goes on"), "{early}");
        let tls12 = settled(ProtocolVersion::TLSv1_2);
        let declined = seen(&tls12, Direction::Sent, alert(warning, anew));
        assert!(declined.contains("declines to negotiate anew") && declined.contains("session keys"), "{declined}");
        assert!(seen(&tls12, Direction::Received, alert(fatal, anew)).contains("ends the connection"));
        assert!(
            seen(&tls12, Direction::Received, alert(warning, AlertDescription::close_notify)).contains("nothing more")
        );
        let tls13 = settled(ProtocolVersion::TLSv1_3);
        assert!(seen(&tls13, Direction::Received, alert(warning, name)).contains("ends the connection"));
    }

    #[test]
    fn messages_that_only_tls12_has_are_explained() {
        let tls12 = settled(ProtocolVersion::TLSv1_2);
        for (message, name, meaning) in [
            (Handshake::HelloRequest(bulla::wire::HelloRequest), "HelloRequest ", "asks to negotiate anew"),
            (Handshake::ServerHelloDone(bulla::wire::ServerHelloDone), "ServerHelloDone ", "the client's turn"),
            (
                Handshake::CertificateStatus(CertificateStatus::Ocsp(&[0x30; 1234])),
                "CertificateStatus ",
                "an OCSP response of 1,234 B",
            ),
            (
                Handshake::ClientKeyExchange(bulla::wire::ClientKeyExchange { ecdh_yc: &[4; 65] }),
                "ClientKeyExchange ",
                "its key share (65 B)",
            ),
            (
                Handshake::NewSessionTicketTls12(bulla::wire::NewSessionTicketTls12 {
                    ticket_lifetime_hint: 300,
                    ticket: &[1; 100],
                }),
                "NewSessionTicket ",
                "a ticket of 100 B",
            ),
        ] {
            let text = told_by(&tls12, ProtocolVersion::TLSv1_2, &message.to_bytes().unwrap());
            assert!(text.contains(name) && text.contains(meaning), "{text}");
        }
    }
}
