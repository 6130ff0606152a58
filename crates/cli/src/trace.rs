//! The message hook, printed for people: each message with direction, size, protection and meaning.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use bulla::wire::{
    Alert, AlertDescription, Certificate, CertificateRequest, CertificateRequestExtension, ClientExtension,
    ClientHello, EncryptedExtension, EncryptedExtensions, ExtensionType, Handshake, HelloRetryRequest, KeyShareEntry,
    KeyUpdateRequest, NewSessionTicket, RetryExtension, ServerExtension, ServerHello, is_grease,
};
use bulla::{Content, Direction, Level, Observed, Observer};

use crate::certificate::Described;
use crate::choices::list;
use crate::console::{self, BOLD, DIM, RECEIVED, SENT, clean, grouped};

/// One message as it is told.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    direction: Direction,
    level: Level,
    pub(crate) name: String,
    size: usize,
    /// What it means, in one line.
    meaning: String,
    /// What stands in it: a label and a value each.
    details: Vec<(&'static str, String)>,
}

impl Seen {
    fn of(observed: &Observed<'_>) -> Self {
        let (name, size, (meaning, details)) = match &observed.content {
            Content::Handshake { message: Ok(message), bytes } => (message.name().into(), bytes.len(), told(message)),
            Content::Handshake { message: Err(reason), bytes } => {
                ("unreadable message".into(), bytes.len(), (reason.to_string(), Vec::new()))
            }
            Content::Alert(alert) => (format!("Alert {}", alert.description), 2, (alert_meaning(*alert), Vec::new())),
            Content::ChangeCipherSpec => {
                ("change_cipher_spec".into(), 1, ("means nothing; middleboxes expect it".into(), Vec::new()))
            }
            _ => ("unknown content".into(), 0, (String::new(), Vec::new())),
        };
        let level = match observed.content {
            // It is never protected, whatever the keys. RFC 8446 §5.
            Content::ChangeCipherSpec => Level::Initial,
            _ => observed.level,
        };
        Self { direction: observed.direction, level, name, size, meaning, details }
    }

    /// Returns the message's line.
    pub(crate) fn line(&self) -> String {
        let (arrow, style) = match self.direction {
            Direction::Sent => ("→", SENT),
            Direction::Received => ("←", RECEIVED),
        };
        let level = match self.level {
            Level::Initial => "in the clear",
            Level::Handshake => "handshake keys",
            Level::Application => "application keys",
        };
        let (name, size, meaning) = (&self.name, grouped(self.size), &self.meaning);
        format!("{style}{arrow} {name:<21}{style:#} {size:>6} B  {DIM}{level:<16}{DIM:#}  {meaning}")
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
    /// Stands before each line, so that connections can be told apart.
    pub(crate) prefix: String,
}

impl Observer for Trace {
    fn observe(&self, observed: &Observed<'_>) {
        console::note(&Seen::of(observed).text(&self.prefix));
    }
}

/// Keeps every message for whoever wants to tell or to check them.
#[derive(Debug, Default)]
pub(crate) struct Account(Mutex<Vec<Seen>>);

impl Account {
    /// Returns what was seen so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Account {
    fn observe(&self, observed: &Observed<'_>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Seen::of(observed));
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
        Handshake::Certificate(certificate) => certificates(certificate),
        Handshake::CertificateVerify(verify) => {
            (format!("proves to own the certificate's key: {}", verify.algorithm), Vec::new())
        }
        Handshake::Finished(_) => short("confirms every message before it"),
        Handshake::NewSessionTicket(ticket) => new_session_ticket(ticket),
        Handshake::KeyUpdate(update) => match update.request_update {
            KeyUpdateRequest::update_requested => short("sends with new keys from now on, and asks for the same"),
            _ => short("sends with new keys from now on"),
        },
        Handshake::Unknown(raw) => (format!("of the type {}", raw.handshake_type), Vec::new()),
        // Messages of TLS 1.2 have a name and a size.
        _ => short(""),
    }
}

fn alert_meaning(alert: Alert) -> String {
    match alert.description {
        AlertDescription::close_notify => "nothing more will be sent".into(),
        AlertDescription::user_canceled => "the handshake is given up".into(),
        _ => "ends the connection".into(),
    }
}

fn client_hello(hello: &ClientHello<'_>) -> Told {
    let mut details = vec![("cipher suites", each(&hello.cipher_suites, |suite| suite.0))];
    let (mut versions, mut groups, mut name) = (hello.legacy_version.to_string(), 0, String::new());
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
            other => others.push(extension_name(other.extension_type())),
        }
    }
    details.extend((!others.is_empty()).then(|| ("also", others.join(", "))));
    let suites = hello.cipher_suites.iter().filter(|suite| !is_grease(suite.0)).count();
    (format!("offers {versions}, {}, {}{name}", counted(suites, "suite"), counted(groups, "group")), details)
}

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

fn server_hello(hello: &ServerHello<'_>) -> Told {
    let (mut version, mut group) = (hello.legacy_version.to_string(), String::new());
    let (mut details, mut others) = (Vec::new(), Vec::new());
    for extension in hello.extensions.iter().flatten() {
        match extension {
            ServerExtension::SupportedVersions(chosen) => version = chosen.to_string(),
            ServerExtension::KeyShare(share) => {
                group = format!(", {}", share.group);
                details.push(("key share", share_list(std::slice::from_ref(share))));
            }
            other => others.push(extension_name(other.extension_type())),
        }
    }
    details.extend((!others.is_empty()).then(|| ("also", others.join(", "))));
    (format!("chooses {version}, {}{group}", hello.cipher_suite), details)
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

fn certificates(message: &Certificate<'_>) -> Told {
    let described: Vec<_> = message.certificate_list.iter().map(|entry| Described::read(entry.cert_data)).collect();
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

fn new_session_ticket(ticket: &NewSessionTicket<'_>) -> Told {
    let (size, seconds) = (ticket.ticket.len(), ticket.ticket_lifetime);
    (format!("a ticket of {size} B for a later connection, good for {seconds} s"), Vec::new())
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
