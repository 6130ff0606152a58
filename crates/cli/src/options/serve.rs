//! `bulla serve`.

use std::path::PathBuf;
use std::time::Duration;

use bulla::resume::{MAX_SESSION_LIFETIME, MIN_TICKET_PERIOD};
use clap::{ArgGroup, Args, ValueEnum};

use super::endpoint::seconds;
use super::{Certificates, Endpoint, Keys, Pass, Protocol, PskUse, Records};

pub(super) const EXAMPLES: &str = "\
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
  bulla serve 127.0.0.1:8443 --echo --psk-file keys.txt

  Two ends that know each other by their public keys, without any certificate:
  bulla serve 127.0.0.1:8443 --echo --raw-key server.key --raw-public-key client.pub

  A certificate with all that belongs to it: its staple, timestamps, and a key that stands in (bulla delegate --help):
  bulla serve [::]:443 --root . --cert chain.pem --key key.pem --staple leaf.der --sct leaf.sct --delegated-credential
  short.dc --delegated-key short.key --compress-certificate brotli,zlib

  A folder that is for clients with a certificate alone, which are asked for it when they want something there:
  bulla serve [::]:443 --root public --cert chain.pem --key key.pem --client-ca ca.pem --client-auth-for private/

  Who is calling, and two more servers behind this port:
  bulla serve [::]:443 --root . --cert chain.pem --key key.pem --fingerprint --pass mail.example.com=127.0.0.1:9443
  --pass *.example.net=192.0.2.7:443";

/// `bulla serve`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["echo", "root"]))]
pub(crate) struct Serve {
    /// Where to listen: 127.0.0.1:8443, [::]:443; port 0 lets the system choose one
    #[arg(value_name = "ADDRESS", value_parser = Endpoint::parse)]
    pub(crate) address: Endpoint,

    /// A certificate to show (PEM chain, leaf first, or DER); repeatable, the client's server name chooses
    #[arg(long, value_name = "FILE", required_unless_present_any = ["psk_file", "raw_key"], requires = "key")]
    pub(crate) cert: Vec<PathBuf>,

    /// The private key of the certificate in the same place: PKCS#8, SEC1 or PKCS#1, PEM or DER. A dash means that it is
    /// elsewhere, and --delegated-key stands in
    #[arg(long, value_name = "FILE", required_unless_present_any = ["psk_file", "raw_key"], requires = "cert")]
    pub(crate) key: Vec<PathBuf>,

    /// An OCSP response (DER) for the certificate in the same place, for clients that ask: --staple leaf.der. A dash means
    /// none; openssl ocsp -respout makes such a file
    #[arg(long, value_name = "FILE", requires = "cert", visible_alias = "status-file")]
    pub(crate) staple: Vec<PathBuf>,

    /// Signed certificate timestamps for the certificate in the same place, for clients that ask: --sct leaf.sct, a
    /// SignedCertificateTimestampList (RFC 6962) as its length says. A dash means none
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) sct: Vec<PathBuf>,

    /// A credential by which another key stands in for the certificate's in the same place, for clients that take it:
    /// --delegated-credential short.dc --delegated-key short.key. A dash means none; bulla delegate makes one
    #[arg(long, value_name = "FILE", requires = "delegated_key")]
    pub(crate) delegated_credential: Vec<PathBuf>,

    /// The private key of the delegated credential in the same place
    #[arg(long, value_name = "FILE", requires = "delegated_credential")]
    pub(crate) delegated_key: Vec<PathBuf>,

    /// Sends back what a client sends
    #[arg(long)]
    pub(crate) echo: bool,

    /// Serves every file in this folder over HTTP/1.1, and nothing outside it
    #[arg(long, value_name = "DIR", visible_alias = "www")]
    pub(crate) root: Option<PathBuf>,

    /// Asks clients for a certificate from the authorities in this file; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) client_ca: Vec<PathBuf>,

    /// Refuses a client without a certificate ("require", the default with --client-ca) or lets it in:
    /// --client-ca ca.pem --client-auth request
    #[arg(long, value_name = "require|request", hide_possible_values = true)]
    pub(crate) client_auth: Option<WhetherRequired>,

    /// Asks clients to staple an OCSP response to their certificate, in TLS 1.3; it is not judged: --client-ca
    /// ca.pem --client-ocsp
    #[arg(long, requires = "client_ca")]
    pub(crate) client_ocsp: bool,

    /// Asks for a certificate of --client-ca only when a client wants something in this folder, or this file, under --root,
    /// and gives it to nobody else: --client-auth-for private/. TLS 1.3 clients that offer it alone can be asked then
    #[arg(long, value_name = "PATH", requires = "client_ca", conflicts_with_all = ["client_auth", "echo"])]
    pub(crate) client_auth_for: Vec<PathBuf>,

    /// Passes clients that ask for NAME on to another server, their bytes untouched: --pass mail.example.com=127.0.0.1:9443.
    /// NAME may begin with *. for any one label; repeatable
    #[arg(long, value_name = "NAME=HOST:PORT", value_parser = Pass::parse)]
    pub(crate) pass: Vec<Pass>,

    /// Says what each client's software is known by: its JA4, and its JA3
    #[arg(long)]
    pub(crate) fingerprint: bool,

    /// Serves one connection and exits with its result
    #[arg(long)]
    pub(crate) once: bool,

    /// Serves at most this many connections at a time; further ones wait: --max-connections 16
    #[arg(long, value_name = "NUMBER", default_value = "256", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) max_connections: u32,

    /// How long a client may take for its handshake: --timeout 2.5
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// How long a client may send and take nothing before it is closed: --idle-timeout 600
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) idle_timeout: Duration,

    /// Says nothing on standard error but errors: --quiet
    #[arg(long, short, conflicts_with = "trace")]
    pub(crate) quiet: bool,

    /// How many tickets a client gets in each TLS 1.3 handshake, 0 to 10, of which it uses each once: --tickets 4.
    /// 0 switches resumption off, in TLS 1.2 too
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
    /// go on from there: --stateless-retry --ticket-secret secret.hex
    #[arg(long, help_heading = "Second connections")]
    pub(crate) stateless_retry: bool,

    #[command(flatten)]
    pub(crate) protocol: Protocol,

    #[command(flatten)]
    pub(crate) certificates: Certificates,

    #[command(flatten)]
    pub(crate) records: Records,

    #[command(flatten)]
    pub(crate) keys: Keys,
}

/// Whether a server insists on its clients' certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhetherRequired {
    // No comments for clap: they would turn the help into its long form.
    Require,
    Request,
}
