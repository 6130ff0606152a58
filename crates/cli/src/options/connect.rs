//! `bulla connect`.

use std::path::PathBuf;
use std::time::Duration;

use bulla::wire::MaxFragmentLength;
use clap::Args;

use super::endpoint::seconds;
use super::{Certificates, Endpoint, Keys, Protocol, PskUse, Records, Shape};
use crate::choices;

pub(super) const EXAMPLES: &str = "\
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
  bulla connect localhost:8443 --psk client1:6a09e667f3bcc908b2fb1366ea957d3e

  A server that is known by its public key (openssl pkey -in server.key -pubout), without any certificate:
  bulla connect localhost:8443 --raw-public-key server.pub

  All that a server can bring along: staple, timestamps, a compressed chain, a delegated key:
  bulla connect example.com:443 --save-ocsp staple.der --scts --compress-certificate brotli,zlib --delegated-credentials

  A certificate that is shown only when the server asks for it behind the handshake:
  bulla connect localhost:8443 --ca ca.pem --cert me.pem --key me.key --post-handshake-auth

  Does a server bear with hellos that it has never seen?
  bulla connect example.com:443 --grease --shuffle-extensions --pad-hello 2000 --extension 65000:00 --trace

  The keys that the server derives too, and what ties a login to this connection:
  bulla connect localhost:8443 --ca ca.pem --export EXPORTER-mine --channel-binding tls-exporter";

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

    /// Shows this certificate (PEM chain, leaf first, or DER) if the server asks for one; repeatable, the server's request
    /// chooses
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Vec<PathBuf>,

    /// The private key of the certificate in the same place: PKCS#8, SEC1 or PKCS#1, PEM or DER
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Vec<PathBuf>,

    /// An OCSP response (DER) for the certificate in the same place, for servers that ask: --staple me.der. A dash means none
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) staple: Vec<PathBuf>,

    /// Lets the server ask for the certificate after the handshake too, in TLS 1.3: --post-handshake-auth --cert me.pem --key
    /// me.key
    #[arg(long, visible_alias = "enable-pha")]
    pub(crate) post_handshake_auth: bool,

    /// Asks the server for an OCSP response to its certificate, and says how long it is; it is not judged: --ocsp --trace shows
    /// it coming
    #[arg(long, visible_alias = "status")]
    pub(crate) ocsp: bool,

    /// Asks for an OCSP response and writes it to FILE as it came: --save-ocsp staple.der
    #[arg(long, value_name = "FILE")]
    pub(crate) save_ocsp: Option<PathBuf>,

    /// Asks for signed certificate timestamps (RFC 6962) of its certificate, and says how many came; they are not judged
    #[arg(long)]
    pub(crate) scts: bool,

    /// Takes a short-lived key that the certificate delegates to, in its place (RFC 9345)
    #[arg(long)]
    pub(crate) delegated_credentials: bool,

    /// Tells the server which authorities of --ca are trusted, so that it can choose its certificate by them:
    /// --ca ca.pem --name-authorities
    #[arg(long, requires = "ca")]
    pub(crate) name_authorities: bool,

    /// Sends close_notify when standard input ends; receiving goes on until the server closes
    #[arg(long)]
    pub(crate) half_close: bool,

    /// How long connecting, and then the handshake, may take: --timeout 2.5
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// Says nothing on standard error but errors: --quiet --half-close <file >copy
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

    #[command(flatten)]
    pub(crate) certificates: Certificates,

    #[command(flatten)]
    pub(crate) records: Records,

    /// Asks a server that does not know --record-size-limit for records of at most 512, 1024, 2048 or 4096 bytes, both ways
    /// (RFC 6066): --max-fragment 1024
    #[arg(long, value_name = "BYTES", value_parser = choices::max_fragment, help_heading = "Records", visible_alias = "maxfraglen")]
    pub(crate) max_fragment: Option<MaxFragmentLength>,

    #[command(flatten)]
    pub(crate) shape: Shape,

    #[command(flatten)]
    pub(crate) keys: Keys,

    /// Danger: writes the keys of both directions to FILE, with their sequence numbers after the handshake, as a kernel that
    /// takes over the records needs them. Whoever reads FILE reads everything, and can send in either's
    /// name: --traffic-keys keys.txt
    #[arg(long, value_name = "FILE", help_heading = "Keys for other protocols")]
    pub(crate) traffic_keys: Option<PathBuf>,
}
