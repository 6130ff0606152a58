//! What can be said on the command line, and which names stand for what.

use std::path::PathBuf;
use std::time::Duration;

use bulla::crypto::HashAlgorithm;
use bulla::resume::{MAX_SESSION_LIFETIME, MIN_TICKET_PERIOD};
use bulla::wire::{CipherSuite, NamedGroup, ProtocolVersion};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use crate::choices;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "bulla", version, about = "A TLS client and server for the shell", after_help = EXAMPLES)]
#[command(propagate_version = true, arg_required_else_help = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  bulla demo                                       see a whole connection, without network or files
  bulla connect example.com:443 --trace            every handshake message, and what it means
  bulla serve 127.0.0.1:8443 --root . --cert chain.pem --key key.pem

Exit codes:
  0 done    1 usage: an option or a file    2 network    3 TLS failed    4 the peer's certificate was refused";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows a whole TLS connection on this machine: no network, no files
    Demo,
    /// Connects to a server: standard input goes to it, what it sends to standard output
    #[command(after_help = CONNECT_EXAMPLES)]
    Connect(Box<Connect>),
    /// Serves clients: echoes what they send, or the files of a folder over HTTP/1.1
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<Serve>),
}

const CONNECT_EXAMPLES: &str = "\
Examples:
  printf 'GET / HTTP/1.0\\r\\nHost: example.com\\r\\n\\r\\n' | bulla connect example.com:443

  Trust this authority alone, and show a certificate:
  bulla connect [::1]:8443 --ca ca.pem --cert me.pem --key me.key

  The certificate must be for another name than the address:
  bulla connect 192.0.2.7:443 --name www.example.com

  Through an echo and back:
  bulla connect localhost:8443 --ca ca.pem --half-close <file >copy

  Fetch a session, then resume it; the second request goes before the handshake is finished:
  bulla connect example.com:443 --session example.session </dev/null
  bulla connect example.com:443 --session example.session --early-data request.txt

  A key that both ends have (openssl rand -hex 32 makes one), and no certificate at all:
  bulla connect localhost:8443 --psk client1:6a09e667f3bcc908b2fb1366ea957d3e";

const SERVE_EXAMPLES: &str = "\
Examples:
  bulla serve 127.0.0.1:8443 --cert chain.pem --key key.pem --root public
  bulla serve 127.0.0.1:0 --cert chain.pem --key key.pem --echo --once

  The client's server name chooses between two certificates:
  bulla serve [::]:443 --root . --cert a.pem --key a.key --cert b.pem --key b.key

  Only clients with a certificate of this authority get in:
  bulla serve 127.0.0.1:8443 --echo --cert chain.pem --key key.pem --client-ca ca.pem

  Servers that resume each other's sessions (openssl rand -hex 32 >secret.hex, once, for all of them):
  bulla serve [::]:443 --root . --cert chain.pem --key key.pem --ticket-secret secret.hex

  Requests of up to 16 KiB before the handshake is finished:
  bulla serve [::]:443 --root . --cert chain.pem --key key.pem --early-data 16384

  Clients that have a key, each a line IDENTITY:HEX of the file, and no certificate at all:
  bulla serve 127.0.0.1:8443 --echo --psk-file keys.txt";

/// `bulla connect`.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// Whom to connect to: example.com:443, 192.0.2.7:443 or [::1]:443
    #[arg(value_name = "HOST:PORT", value_parser = Endpoint::parse)]
    pub(crate) server: Endpoint,

    /// Trusts the authorities in this file (PEM or DER) instead of the system's; repeatable
    #[arg(long, value_name = "FILE", visible_alias = "cacert")]
    pub(crate) ca: Vec<PathBuf>,

    /// The name or IP address that the certificate must be for, sent as server name; HOST if not given
    #[arg(long, value_name = "NAME", visible_alias = "servername")]
    pub(crate) name: Option<String>,

    /// Shows this certificate (PEM chain, leaf first, or DER) if the server asks for one
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// The private key of the certificate: PKCS#8, SEC1 or PKCS#1, PEM or DER
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Asks the server for an OCSP response to its certificate, and says how long it is; it is not judged
    #[arg(long)]
    pub(crate) ocsp: bool,

    /// Sends close_notify when standard input ends; receiving goes on until the server closes
    #[arg(long)]
    pub(crate) half_close: bool,

    /// How long connecting, and then the handshake, may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// Says nothing on standard error but errors
    #[arg(long, short, conflicts_with = "trace")]
    pub(crate) quiet: bool,

    /// Resumes the session in FILE if there is one that fits, and keeps the newest one there; with nothing on standard
    /// input it fetches one and ends: --session a.session </dev/null. Whoever can read FILE can pose as this client
    #[arg(long, value_name = "FILE", help_heading = "Second connections")]
    pub(crate) session: Option<PathBuf>,

    /// Sends this file before the handshake is finished if the session allows it, else right behind it: --early-data
    /// request.txt. An attacker can make the server see it twice
    #[arg(long, value_name = "FILE", requires = "session", help_heading = "Second connections")]
    pub(crate) early_data: Option<PathBuf>,

    /// Offers a key that the server has too, such as --psk client1:6a09e667f3bcc908b2fb1366ea957d3e, of 16 bytes or more;
    /// certificates count beside it only with --ca. Others on this machine may see it
    #[arg(long, value_name = "IDENTITY:HEX", help_heading = "Second connections")]
    pub(crate) psk: Option<String>,

    #[command(flatten)]
    pub(crate) psk_use: PskUse,

    #[command(flatten)]
    pub(crate) protocol: Protocol,
}

/// `bulla serve`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["echo", "root"]))]
pub(crate) struct Serve {
    /// Where to listen: 127.0.0.1:8443, [::]:443; port 0 lets the system choose one
    #[arg(value_name = "ADDRESS", value_parser = Endpoint::parse)]
    pub(crate) address: Endpoint,

    /// A certificate to show (PEM chain, leaf first, or DER); repeatable, the client's server name chooses
    #[arg(long, value_name = "FILE", required_unless_present = "psk_file", requires = "key")]
    pub(crate) cert: Vec<PathBuf>,

    /// The private key of the certificate in the same place: PKCS#8, SEC1 or PKCS#1, PEM or DER
    #[arg(long, value_name = "FILE", required_unless_present = "psk_file", requires = "cert")]
    pub(crate) key: Vec<PathBuf>,

    /// Sends back what a client sends
    #[arg(long)]
    pub(crate) echo: bool,

    /// Serves every file in this folder over HTTP/1.1, and nothing outside it
    #[arg(long, value_name = "DIR", visible_alias = "www")]
    pub(crate) root: Option<PathBuf>,

    /// Asks clients for a certificate from the authorities in this file; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) client_ca: Vec<PathBuf>,

    /// Refuses a client without a certificate ("require", the default with --client-ca) or lets it in ("request")
    #[arg(long, value_name = "require|request", requires = "client_ca", hide_possible_values = true)]
    pub(crate) client_auth: Option<WhetherRequired>,

    /// Serves one connection and exits with its result
    #[arg(long)]
    pub(crate) once: bool,

    /// Serves at most this many connections at a time; further ones wait
    #[arg(long, value_name = "NUMBER", default_value = "256", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) max_connections: u32,

    /// How long a client may take for its handshake
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// How long a client may send and take nothing before it is closed
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) idle_timeout: Duration,

    /// Says nothing on standard error but errors
    #[arg(long, short, conflicts_with = "trace")]
    pub(crate) quiet: bool,

    /// How many tickets a client gets in each TLS 1.3 handshake, 0 to 10, of which it uses each once. 0 switches
    /// resumption off, in TLS 1.2 too
    #[arg(long, value_name = "NUMBER", default_value = "2", value_parser = clap::value_parser!(u8).range(0..=10), help_heading = "Second connections")]
    pub(crate) tickets: u8,

    /// Makes the ticket keys from the secret in this file, at least 32 bytes in hexadecimal: openssl rand -hex 32 >FILE.
    /// Servers with the same secret and --ticket-rotation resume each other's sessions; without it the secret is drawn
    /// and goes with the process. Whoever has it can pose as a client, and read early data and resumed TLS 1.2
    #[arg(long, value_name = "FILE", help_heading = "Second connections")]
    pub(crate) ticket_secret: Option<PathBuf>,

    /// How long a ticket key seals before the clock brings the next: --ticket-rotation 3600. No session lives longer, and
    /// none longer than two hours
    #[arg(long, value_name = "SECONDS", default_value = "86400", value_parser = clap::value_parser!(u32).range(i64::from(MIN_TICKET_PERIOD)..=i64::from(MAX_SESSION_LIFETIME)), help_heading = "Second connections")]
    pub(crate) ticket_rotation: u32,

    /// Takes up to so many bytes before the handshake is finished, from clients that resume: --early-data 16384. What was
    /// seen before is refused, and so is what comes with another process's ticket, whatever --ticket-secret says. Over HTTP
    /// for GET and HEAD alone; others get 425 Too Early
    #[arg(long, value_name = "BYTES", default_value = "0", hide_default_value = true, value_parser = clap::value_parser!(u32).range(0..=1_048_576), help_heading = "Second connections")]
    pub(crate) early_data: u32,

    /// Knows these keys: lines IDENTITY:HEX, of 16 bytes or more (openssl rand -hex 32), and # comments. Without --cert
    /// nothing else gets in
    #[arg(long, value_name = "FILE", help_heading = "Second connections")]
    pub(crate) psk_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) psk_use: PskUse,

    /// Puts what a HelloRetryRequest must remember into its cookie, so that any server with the same --ticket-secret can
    /// go on from there
    #[arg(long, help_heading = "Second connections")]
    pub(crate) stateless_retry: bool,

    #[command(flatten)]
    pub(crate) protocol: Protocol,
}

/// Whether a server insists on its clients' certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhetherRequired {
    // No comments for clap: they would turn the help into its long form.
    Require,
    Request,
}

/// What a pre-shared key is for; both ends must say the same.
#[derive(Debug, Args)]
#[command(next_help_heading = "Second connections")]
pub(crate) struct PskUse {
    /// The hash that pre-shared keys are bound to, sha256 or sha384; only suites with it can use them
    #[arg(long, value_name = "HASH", default_value = "sha256", value_parser = choices::psk_hash)]
    pub(crate) psk_hash: HashAlgorithm,

    /// Derives the keys that are used from those that were given (RFC 9258), one for each hash that suites have
    #[arg(long)]
    pub(crate) psk_import: bool,
}

/// What client and server say alike.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct Protocol {
    /// Application protocols, most wanted first, such as h2,http/1.1
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) alpn: Vec<String>,

    /// The oldest version to speak: 1.2 or 1.3
    #[arg(long, value_name = "VERSION", value_parser = choices::version)]
    pub(crate) min_version: Option<ProtocolVersion>,

    /// The newest version to speak: 1.2 or 1.3
    #[arg(long, value_name = "VERSION", value_parser = choices::version)]
    pub(crate) max_version: Option<ProtocolVersion>,

    /// Cipher suites of either version, most wanted first, such as TLS_AES_128_GCM_SHA256,ECDHE-RSA-AES128-GCM-SHA256
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = choices::cipher_suite, visible_alias = "ciphersuites")]
    pub(crate) suites: Vec<CipherSuite>,

    /// Key exchange groups, most wanted first, such as X25519MLKEM768,x25519,P-256
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = choices::group, visible_alias = "curves")]
    pub(crate) groups: Vec<NamedGroup>,

    /// Appends the connection's secrets to this file, as SSLKEYLOGFILE: whoever reads it reads everything
    #[arg(long, value_name = "FILE", visible_alias = "keylogfile")]
    pub(crate) keylog: Option<PathBuf>,

    /// Shows every handshake message and alert with its meaning on standard error
    #[arg(long)]
    pub(crate) trace: bool,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// A name or an address, without the brackets of IPv6.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Endpoint {
    fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                rest.split_once("]:").ok_or("an IPv6 address is written [ADDRESS]:PORT, such as [::1]:443")?
            }
            None => text.rsplit_once(':').ok_or("the port is missing: write HOST:PORT, such as example.com:443")?,
        };
        if host.is_empty() {
            return Err("the host is missing: write HOST:PORT, such as example.com:443".into());
        }
        if host.contains(':') && !text.starts_with('[') {
            return Err("an IPv6 address stands in brackets, such as [::1]:443".into());
        }
        let port = port.parse().map_err(|_| format!("{port:?} is not a port: a number from 0 to 65535"))?;
        Ok(Self { host: host.into(), port })
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Longest time that can be asked for, a day: it keeps every sum of times far from any overflow.
const MAX_SECONDS: f64 = 86_400.0;

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=MAX_SECONDS).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("a number of seconds from 0.001 to {MAX_SECONDS}, such as 10 or 0.5")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        use clap::CommandFactory;
        CommandLine::command().debug_assert();
    }

    #[test]
    fn endpoints_are_read_with_names_and_addresses() {
        let parsed = |text| Endpoint::parse(text).map(|it| (it.host, it.port));
        assert_eq!(parsed("example.com:443"), Ok(("example.com".into(), 443)));
        assert_eq!(parsed("[::1]:8443"), Ok(("::1".into(), 8443)));
        assert_eq!(Endpoint::parse("[::1]:8443").unwrap().to_string(), "[::1]:8443");
        for wrong in ["example.com", ":443", "::1:443", "[::1]", "[::1]443", "host:", "host:65536", "host:-1", ""] {
            assert!(Endpoint::parse(wrong).is_err(), "{wrong} was accepted");
        }
    }

    #[test]
    fn seconds_are_bounded() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "1e9", "NaN", "inf", "soon"] {
            assert!(seconds(wrong).is_err(), "{wrong} was accepted");
        }
    }
}
