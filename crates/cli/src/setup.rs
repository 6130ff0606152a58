//! Turns options into configurations. Whatever is wrong with an option or a file comes out here, before any connection.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulla::config::AntiReplay;
use bulla::crypto::ring;
use bulla::resume::{CookieKeys, MIN_SHARED_SECRET_LEN, MemoryServerSessions, MemoryStrikeRegister, TicketKeys};
use bulla::wire::ProtocolVersion;
use bulla::{ClientAuth, ClientConfig, ConfigError, Identity, KeyLogFile, Roots, ServerConfig, ServerName};

use crate::choices;
use crate::console;
use crate::options::{Connect, Endpoint, Protocol, Serve, WhetherRequired};
use crate::psk;
use crate::report::{Failure, Kind};

/// Most sessions that a server remembers, for TLS 1.2 clients that know no tickets: a few hundred bytes each.
const MAX_SESSIONS: usize = 4096;
/// Most uses of early data that a server remembers, each for the seconds in which it could be replayed.
const MAX_STRIKES: usize = 0x1_0000;

/// Builds a client's configuration, all but its session.
pub(crate) fn client(options: &Connect) -> Result<ClientConfig, Failure> {
    let psks = options.psk.as_ref().map_or(Ok(Vec::new()), |text| psk::read(text, &options.psk_use))?;
    let mut config = match psks.split_first() {
        Some((first, others)) if options.ca.is_empty() => {
            let config =
                others.iter().fold(ClientConfig::psk_only(Arc::clone(first)), |it, psk| it.psk(Arc::clone(psk)));
            psk_protocol(config, "--psk", &options.protocol)?
        }
        _ => {
            let roots = if options.ca.is_empty() { system_roots()? } else { roots_from("--ca", &options.ca)? };
            protocol(psks.into_iter().fold(ClientConfig::new(roots), ClientConfig::psk), &options.protocol)?
        }
    };
    if let (Some(cert), Some(key)) = (&options.cert, &options.key) {
        config = config.identity(identity(cert, key)?);
    }
    Ok(config.ask_for_ocsp(options.ocsp))
}

/// Builds a server's configuration.
pub(crate) fn server(options: &Serve) -> Result<ServerConfig, Failure> {
    if options.cert.len() != options.key.len() {
        let (certs, keys) = (options.cert.len(), options.key.len());
        let why = format!("{certs} --cert and {keys} --key were given");
        return Err(Failure::usage("--cert", why).hint("each certificate needs its key, in the same order"));
    }
    let mut config: Option<ServerConfig> = None;
    for (cert, key) in options.cert.iter().zip(&options.key) {
        let identity = identity(cert, key)?;
        config = Some(match config {
            Some(config) => config.and_identity(identity),
            None => ServerConfig::new(identity),
        });
    }
    let psks = options.psk_file.as_ref().map(|file| psk::read_file(file, &options.psk_use)).transpose()?.map(Arc::new);
    let config = match (config, psks) {
        (Some(config), None) => protocol(config, &options.protocol)?,
        (Some(config), Some(psks)) => protocol(config.psks(psks), &options.protocol)?,
        (None, Some(psks)) => psk_protocol(ServerConfig::psk_only(psks), "--psk-file", &options.protocol)?,
        (None, None) => return Err(Failure::usage("--cert", "no certificate was given")),
    };
    resumption(config.client_auth(client_auth(options)?), options)
}

/// Adds what makes second connections fast.
fn resumption(config: ServerConfig, options: &Serve) -> Result<ServerConfig, Failure> {
    let secret = options.ticket_secret.as_ref().map(|file| ticket_secret(file)).transpose()?;
    let config =
        if options.stateless_retry { config.stateless_retry(Arc::new(cookies(secret.as_deref())?)) } else { config };
    if options.tickets == 0 {
        return match (&options.ticket_secret, options.early_data) {
            (None, 0) => Ok(config),
            (Some(_), _) if !options.stateless_retry => {
                Err(Failure::usage("--ticket-secret", "--tickets 0 makes no tickets"))
            }
            (_, 0) => Ok(config),
            _ => {
                Err(Failure::usage("--early-data", "only clients that resume can send some, and --tickets 0 lets none"))
            }
        };
    }
    let (provider, period) = (ring::provider(), options.ticket_rotation);
    let keys = match &secret {
        Some(secret) => TicketKeys::from_shared_secret(provider, secret, period),
        None => TicketKeys::random(provider, period),
    };
    let keys = keys.map_err(|error| Failure::usage("--ticket-secret", error))?;
    let config = config
        .tickets(Arc::new(keys))
        .tickets_per_handshake(options.tickets)
        .session_store(Arc::new(MemoryServerSessions::new(MAX_SESSIONS)));
    if options.early_data == 0 {
        return Ok(config);
    }
    let unusable = |error: &dyn ToString| Failure::usage("--early-data", error.to_string());
    let register = MemoryStrikeRegister::random(&*ring::provider(), MAX_STRIKES).map_err(|error| unusable(&error))?;
    let anti_replay = AntiReplay::StrikeRegister(Arc::new(register));
    config.early_data(options.early_data, anti_replay).map_err(|error| unusable(&error))
}

/// Reads the secret that a fleet shares. Hexadecimal alone: what could be raw bytes as well would be guessed at.
fn ticket_secret(file: &Path) -> Result<Vec<u8>, Failure> {
    let unusable = |why: String| Failure::usage("--ticket-secret", format!("{}: {why}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
    let secret =
        std::str::from_utf8(&bytes).ok().and_then(psk::hex).filter(|secret| secret.len() >= MIN_SHARED_SECRET_LEN);
    secret.ok_or_else(|| {
        unusable(format!("this is not a secret of {MIN_SHARED_SECRET_LEN} bytes or more in hexadecimal"))
            .hint("`openssl rand -hex 32` makes one")
    })
}

fn cookies(secret: Option<&[u8]>) -> Result<CookieKeys, Failure> {
    let unusable = |error: &dyn ToString| Failure::usage("--stateless-retry", error.to_string());
    match secret {
        Some(secret) => CookieKeys::from_shared_secret(ring::provider(), secret).map_err(|error| unusable(&error)),
        None => CookieKeys::random(ring::provider()).map_err(|error| unusable(&error)),
    }
}

fn client_auth(options: &Serve) -> Result<ClientAuth, Failure> {
    if options.client_ca.is_empty() {
        return Ok(ClientAuth::None);
    }
    let roots = Arc::new(roots_from("--client-ca", &options.client_ca)?);
    Ok(match options.client_auth {
        None | Some(WhetherRequired::Require) => ClientAuth::Require(roots),
        Some(WhetherRequired::Request) => ClientAuth::Request(roots),
    })
}

/// The name that the server's certificate must be for.
pub(crate) fn server_name(options: &Connect) -> Result<ServerName, Failure> {
    let (option, name) = match &options.name {
        Some(name) => ("--name", name),
        None => ("HOST", &options.server.host),
    };
    // A name that ends in a dot is the same name, and server_name does not have it. RFC 6066 §3.
    let bare = name.strip_suffix('.').unwrap_or(name);
    ServerName::try_from(bare.to_string())
        .map_err(|_| Failure::usage(option, format!("{name:?} is neither a DNS name nor an IP address")))
}

/// Looks up a host: all its addresses, in the system's order.
pub(crate) fn resolve(endpoint: &Endpoint) -> Result<Vec<SocketAddr>, Failure> {
    let Endpoint { host, port } = endpoint;
    let addresses: Vec<_> = match (host.as_str(), *port).to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            let failure = Failure::new(Kind::Network, format!("cannot look up {host}"), error);
            return Err(failure.hint("is the name spelled right, and is there a network?"));
        }
    };
    if addresses.is_empty() {
        return Err(Failure::new(Kind::Network, format!("cannot look up {host}"), "the name has no address"));
    }
    Ok(addresses)
}

fn system_roots() -> Result<Roots, Failure> {
    let report = Roots::system().map_err(|error| Failure::usage("the system's roots", error))?;
    for (path, why) in &report.rejected {
        console::note(&console::clean(&format!("left out {}: {why}", path.display())));
    }
    Ok(report.roots)
}

fn roots_from(option: &str, files: &[PathBuf]) -> Result<Roots, Failure> {
    let mut roots = Roots::new();
    for file in files {
        roots.add_file(file).map_err(|error| Failure::usage(option, error))?;
    }
    Ok(roots)
}

fn identity(cert: &Path, key: &Path) -> Result<Identity, Failure> {
    Identity::from_files(cert, key).map_err(|error| Failure::usage("--cert, --key", error))
}

/// What both configurations have, which are two types with the same methods.
trait Decisions: Sized {
    fn with_versions(self, versions: Vec<ProtocolVersion>) -> Result<Self, ConfigError>;
    fn with_options(self, options: &Protocol) -> Result<Self, ConfigError>;
    fn with_key_log(self, file: KeyLogFile) -> Self;
}

macro_rules! decisions {
    ($config:ty) => {
        impl Decisions for $config {
            fn with_versions(self, versions: Vec<ProtocolVersion>) -> Result<Self, ConfigError> {
                self.versions(versions)
            }

            fn with_options(self, options: &Protocol) -> Result<Self, ConfigError> {
                let mut config = self;
                if !options.suites.is_empty() {
                    config = config.cipher_suites(options.suites.iter().copied())?;
                }
                if !options.groups.is_empty() {
                    config = config.groups(options.groups.iter().copied())?;
                }
                if !options.alpn.is_empty() {
                    config = config.alpn(&options.alpn)?;
                }
                Ok(config)
            }

            fn with_key_log(self, file: KeyLogFile) -> Self {
                self.key_log(Arc::new(file))
            }
        }
    };
}
decisions!(ClientConfig);
decisions!(ServerConfig);

fn protocol<C: Decisions>(config: C, options: &Protocol) -> Result<C, Failure> {
    let mut config =
        config.with_options(options).map_err(|error| Failure::usage("--suites, --groups, --alpn", error))?;
    if options.min_version.is_some() || options.max_version.is_some() {
        let versions = versions_between(options.min_version, options.max_version)?;
        config =
            config.with_versions(versions).map_err(|error| Failure::usage("--min-version, --max-version", error))?;
    }
    if let Some(path) = &options.keylog {
        let opened = KeyLogFile::open(path);
        let file = opened.map_err(|error| Failure::usage("--keylog", format!("{}: {error}", path.display())))?;
        config = config.with_key_log(file);
    }
    Ok(config)
}

/// Like [`protocol`], where pre-shared keys are all there is: only TLS 1.3 has them.
fn psk_protocol<C: Decisions>(config: C, option: &str, options: &Protocol) -> Result<C, Failure> {
    if options.max_version.is_some_and(|max| max < ProtocolVersion::TLSv1_3) {
        return Err(Failure::usage(option, "only TLS 1.3 has pre-shared keys, and --max-version is older"));
    }
    let config = protocol(config, options)?;
    config.with_versions(vec![ProtocolVersion::TLSv1_3]).map_err(|error| Failure::usage(option, error))
}

/// The versions from `min` to `max` that this build speaks, newest first.
fn versions_between(
    min: Option<ProtocolVersion>,
    max: Option<ProtocolVersion>,
) -> Result<Vec<ProtocolVersion>, Failure> {
    let mut versions = choices::available_versions();
    versions.retain(|version| min.is_none_or(|min| *version >= min) && max.is_none_or(|max| *version <= max));
    versions.reverse();
    if versions.is_empty() {
        return Err(Failure::usage("--min-version", "is newer than --max-version"));
    }
    Ok(versions)
}
