//! How a failure is told: one line with what failed, why, which alert went over the wire and what to do about it, and
//! the exit code that belongs to it.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bulla::Error;
use bulla::error::{BadRecord, CertificateError, Incompatible, Violation};
use bulla::wire::AlertDescription;

use crate::console::{self, clean};

/// What a failure is, as the exit code tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An option, a file, or the pipe that the command stands in.
    Usage = 1,
    /// Names, addresses, connections, time-outs.
    Network = 2,
    /// TLS failed, or the peer cut its data off.
    Tls = 3,
    /// The peer's certificate was refused.
    Certificate = 4,
}

/// A failure with all that is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    what: String,
    why: String,
    hint: Option<String>,
}

/// Which end we are, for hints that name an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

impl Failure {
    pub(crate) fn new(kind: Kind, what: impl Into<String>, why: impl ToString) -> Self {
        Self { kind, what: what.into(), why: why.to_string(), hint: None }
    }

    /// An option or a file that cannot be used.
    pub(crate) fn usage(what: impl Into<String>, why: impl ToString) -> Self {
        Self::new(Kind::Usage, what, why)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Tells what went wrong while talking to `peer`: TLS or the transport below it.
    pub(crate) fn of_connection(peer: &str, role: Role, error: &io::Error) -> Self {
        match bulla::tls_error(error) {
            Some(error) => Self::of_tls(peer, role, error),
            None => Self::of_transport(peer, error),
        }
    }

    /// Tells what went wrong before there was a connection.
    pub(crate) fn of_handshake(peer: &str, role: Role, error: &io::Error) -> Self {
        let hint = match role {
            Role::Client => "is it a TLS server? --timeout gives it longer",
            Role::Server => "--timeout gives clients longer",
        };
        match bulla::tls_error(error) {
            Some(Error::Truncated) => {
                let failure = Self::new(Kind::Tls, peer, "the peer closed the connection during the handshake");
                if role == Role::Client {
                    failure.hint("is it a TLS server? --trace shows how far it came")
                } else {
                    failure
                }
            }
            Some(error) => Self::of_tls(peer, role, error),
            None if is_timeout(error) => Self::of_transport(peer, error).hint(hint),
            None => Self::of_transport(peer, error).hint("--trace shows how far it came"),
        }
    }

    pub(crate) fn of_tls(peer: &str, role: Role, error: &Error) -> Self {
        let kind = if matches!(error, Error::Certificate(_)) { Kind::Certificate } else { Kind::Tls };
        let why = match error.alert() {
            Some(alert) => format!("{} (sent the alert {alert})", sentence(error)),
            None => sentence(error),
        };
        let failure = Self::new(kind, peer, why);
        match hint(role, error) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    fn of_transport(peer: &str, error: &io::Error) -> Self {
        let failure = Self::new(Kind::Network, peer, transport_reason(error));
        match error.kind() {
            io::ErrorKind::ConnectionRefused => failure.hint("is a server listening on this port?"),
            _ => failure,
        }
    }

    /// Tells that none of a host's addresses answered; the last one's reason stands for all.
    pub(crate) fn of_connecting(peer: &str, tried: &[SocketAddr], error: &io::Error) -> Self {
        let addresses = tried.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ");
        let mut failure = Self::of_transport(&format!("cannot connect to {peer}"), error);
        // An address that was asked for by itself need not be said twice.
        if addresses != peer {
            failure.why = format!("{} (tried {addresses})", failure.why);
        }
        if is_timeout(error) {
            failure.hint = Some("nothing answers there; --timeout waits longer".into());
        }
        failure
    }

    /// Returns the line, without its end. What a peer wrote into it cannot move the cursor or start a new line.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{}: {}", self.what, self.why);
        if let Some(hint) = &self.hint {
            line.push_str("; ");
            line.push_str(hint);
        }
        clean(&line)
    }

    /// Says the line on standard error and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        console::error(&self.line());
        ExitCode::from(self.kind as u8)
    }
}

/// Says whether a transport gave up waiting.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

fn transport_reason(error: &io::Error) -> String {
    match error.kind() {
        // Whoever put words into it knew more than its kind says.
        _ if error.get_ref().is_some() => error.to_string(),
        io::ErrorKind::ConnectionRefused => "the connection was refused".into(),
        io::ErrorKind::ConnectionReset => "the peer reset the connection".into(),
        io::ErrorKind::BrokenPipe => "the peer closed the connection while we were sending".into(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer in time".into(),
        _ => error.to_string(),
    }
}

/// Says what went wrong, in the library's words; what concerns an alert or the end of data, in ours.
fn sentence(error: &Error) -> String {
    match error {
        Error::AlertReceived(alert) => format!("the peer ended the connection: received the alert {alert}"),
        Error::Truncated => "the peer ended the connection without close_notify: data may be missing".into(),
        other => other.to_string(),
    }
}

/// Writes a moment, in seconds since 1970, as HTTP does; a year that has five digits stays a number.
pub(crate) fn date(seconds: u64) -> String {
    const YEAR_10000: u64 = 253_402_300_800;
    if seconds >= YEAR_10000 {
        return format!("second {seconds}");
    }
    let moment: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds);
    httpdate::fmt_http_date(moment)
}

/// What to do about it, where something can be done.
fn hint(role: Role, error: &Error) -> Option<String> {
    let text = match error {
        Error::Certificate(error) => certificate_hint(role, error)?,
        Error::AlertReceived(alert) if role == Role::Client => return hint_for_client(*alert),
        Error::AlertReceived(alert) => hint_for_server(*alert)?,
        Error::Incompatible(Incompatible::NoCommonVersion) | Error::Violation(Violation::VersionNotOffered(_)) => {
            return Some(format!("this build can speak {}; see --min-version and --max-version", versions()));
        }
        Error::Incompatible(Incompatible::NoCommonCipherSuite) => "widen --suites",
        Error::Incompatible(Incompatible::NoCommonGroup) => "widen --groups",
        Error::Incompatible(Incompatible::NoCommonApplicationProtocol) => "widen --alpn",
        Error::Incompatible(Incompatible::NoCommonSignatureScheme) if role == Role::Server => {
            "the client can verify no --cert that is here: it may need another kind of key"
        }
        Error::Incompatible(Incompatible::PskNotChosen) => {
            "does the server know the identity of --psk? --ca takes certificates beside it"
        }
        Error::Incompatible(Incompatible::NoCommonPsk) => {
            "the client names no identity of --psk-file; --cert takes such clients"
        }
        Error::Violation(Violation::EarlyDataWithOldVersion) => {
            "the session is used up: another attempt goes without it"
        }
        Error::Violation(Violation::PskBinderWrong) => "the client has another key under this identity",
        Error::Incompatible(Incompatible::NoExtendedMasterSecret) => {
            "the peer's TLS 1.2 is too old to be safe (RFC 7627); newer software there will do"
        }
        Error::Incompatible(Incompatible::ClientCertificateRequired | Incompatible::ClientCertificateRequiredTls12) => {
            "--client-auth request lets such clients in"
        }
        Error::BadRecord(BadRecord::NotTls) if role == Role::Client => "is this the port of a TLS server?",
        Error::BadRecord(BadRecord::NotTls) => "the client does not begin with TLS (plain HTTP?)",
        Error::Truncated if role == Role::Client => {
            "what came has been written out; the server or the network cut it off"
        }
        _ => return None,
    };
    Some(text.into())
}

fn versions() -> String {
    crate::choices::list(&crate::choices::available_versions())
}

#[allow(clippy::unneeded_struct_pattern, reason = "a hint goes by the kind of error, whatever data it carries")]
fn certificate_hint(role: Role, error: &CertificateError) -> Option<&'static str> {
    Some(match (role, error) {
        (_, CertificateError::NameMismatch { .. }) => "--name says which name the certificate must be for",
        (Role::Client, CertificateError::UnknownIssuer { .. }) => "--ca FILE trusts the authority that issued it",
        (Role::Server, CertificateError::UnknownIssuer { .. }) => {
            "--client-ca FILE trusts the authority that issued it"
        }
        (_, CertificateError::UnsupportedAlgorithm { .. }) => {
            "--certificate-signatures says what is accepted, and so does --policy"
        }
        (_, CertificateError::UntrustedRawPublicKey { .. }) => {
            "--raw-public-key FILE trusts it, if you know that it is the right one"
        }
        (Role::Client, CertificateError::SelfSigned { .. }) => {
            "--ca FILE trusts it, if you know that it is the right one"
        }
        (Role::Server, CertificateError::SelfSigned { .. }) => {
            "--client-ca FILE trusts it, if you know that it is the right one"
        }
        (_, CertificateError::Expired { .. }) => "the peer needs a new one, or the clock here is wrong",
        (Role::Client, CertificateError::WrongExtendedKeyUsage { .. }) => "it was not issued for servers (serverAuth)",
        (Role::Server, CertificateError::WrongExtendedKeyUsage { .. }) => "it was not issued for clients (clientAuth)",
        _ => return None,
    })
}

/// What a client can do about an alert that it received.
fn hint_for_client(alert: AlertDescription) -> Option<String> {
    let text = match alert {
        AlertDescription::protocol_version => {
            return Some(format!("the server speaks none of what was offered; this build can speak {}", versions()));
        }
        AlertDescription::handshake_failure | AlertDescription::insufficient_security => {
            // TLS 1.2 has no certificate_required. RFC 5246 §7.4.6.
            "the server wants nothing of what was offered (see --trace), or a client certificate: --cert FILE --key FILE"
        }
        AlertDescription::certificate_required => "the server wants a client certificate: --cert FILE --key FILE",
        AlertDescription::unsupported_certificate => {
            "the server takes no such certificate as --cert or --raw-key shows, or shows none that is taken here"
        }
        AlertDescription::unknown_ca => "the server does not trust the authority of --cert, or the --raw-key",
        AlertDescription::bad_certificate
        | AlertDescription::certificate_unknown
        | AlertDescription::certificate_expired
        | AlertDescription::certificate_revoked => "the server refused the certificate of --cert",
        AlertDescription::decrypt_error => "if --psk was given: the server has another key under this identity",
        AlertDescription::unknown_psk_identity => "the server does not know the identity of --psk",
        AlertDescription::unrecognized_name => "the server does not know this name: --name says another one",
        AlertDescription::no_application_protocol => "the server speaks none of the protocols of --alpn",
        AlertDescription::access_denied => "the server does not let this certificate in",
        AlertDescription::internal_error => "the fault is the server's",
        _ => return None,
    };
    Some(text.into())
}

/// What a server can do about an alert that it received.
fn hint_for_server(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::unknown_ca => "the client does not trust the authority of --cert",
        AlertDescription::bad_certificate | AlertDescription::certificate_unknown => {
            "the client refused the certificate of --cert; it may have asked for another name"
        }
        AlertDescription::certificate_expired => "the client finds the certificate of --cert expired",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_has_what_why_alert_and_hint() {
        let failure = Failure::of_tls("localhost:1", Role::Client, &CertificateError::SelfSigned.into());
        assert_eq!(failure.kind, Kind::Certificate);
        let line = failure.line();
        assert!(line.starts_with("localhost:1: the certificate is self-signed"), "{line}");
        assert!(line.contains("(sent the alert unknown_ca)") && line.contains("--ca FILE"), "{line}");
    }

    #[test]
    fn line_from_a_hostile_peer_stays_one_line() {
        let names = bulla::error::NameList(vec!["a\n\x1b[2Jb".into()]);
        let error = Error::Certificate(CertificateError::NameMismatch("x".into(), names));
        let line = Failure::of_tls("x:1", Role::Client, &error).line();
        assert!(!line.contains(['\n', '\x1b']), "{line:?}");
    }

    #[test]
    fn date_of_a_far_year_is_a_number() {
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date(253_402_300_799), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(date(u64::MAX), format!("second {}", u64::MAX));
    }

    #[test]
    fn alert_from_the_peer_is_a_tls_failure_with_a_hint() {
        let error = Error::AlertReceived(AlertDescription::certificate_required);
        let failure = Failure::of_tls("x:1", Role::Client, &error);
        assert_eq!(failure.kind, Kind::Tls);
        assert!(failure.line().contains("received the alert certificate_required"), "{}", failure.line());
        assert!(failure.line().contains("--cert FILE --key FILE"), "{}", failure.line());
    }
}
