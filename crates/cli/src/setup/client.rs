//! A client's configuration.

use std::sync::Arc;

use bulla::config::ClientHelloShape;
use bulla::{ClientConfig, Roots, ServerName};

use super::identity::{self, Shown};
use super::protocol::{certificates, protocol, psk_protocol, records};
use super::roots_from;
use crate::console;
use crate::options::{Connect, KeyShares, Shape};
use crate::psk;
use crate::report::Failure;

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
            let config = ClientConfig::new(roots(options)?);
            protocol(psks.into_iter().fold(config, ClientConfig::psk), &options.protocol)?
        }
    };
    let shown = Shown { certs: &options.cert, keys: &options.key, staples: &options.staple, ..Shown::default() };
    for identity in shown.read()?.into_iter().chain(identity::raw(&options.certificates.raw_key)?) {
        config = config.and_identity(identity);
    }
    if !options.certificates.raw_public_key.is_empty() {
        let keys = identity::raw_public_keys(&options.certificates.raw_public_key)?;
        let trusted = config.trusted_raw_public_keys(keys);
        config = trusted.map_err(|error| Failure::usage("--raw-public-key", error))?;
    }
    config = records(certificates(shape(config, &options.shape)?, &options.certificates)?, &options.records)?;
    if let Some(length) = options.max_fragment {
        config = config.max_fragment_length(length).map_err(|error| Failure::usage("--max-fragment", error))?;
    }
    let config = config
        .ask_for_scts(options.scts)
        .accept_delegated_credentials(options.delegated_credentials)
        .name_authorities(options.name_authorities);
    Ok(config
        .post_handshake_auth(options.post_handshake_auth)
        .ask_for_ocsp(options.ocsp || options.save_ocsp.is_some()))
}

/// Decides what the ClientHello looks like.
fn shape(config: ClientConfig, options: &Shape) -> Result<ClientConfig, Failure> {
    let mut config = config.grease(options.grease);
    if let Some(KeyShares(groups)) = &options.key_shares {
        config = config.key_shares(groups.iter().copied()).map_err(|error| Failure::usage("--key-shares", error))?;
    }
    let mut shape = ClientHelloShape::new()
        .order(options.extension_order.iter().copied())
        .shuffle(options.shuffle_extensions)
        .pad_to(options.pad_hello.unwrap_or(0).into());
    for extension in &options.extension {
        shape = shape.with_extension(extension.extension_type, extension.content.clone());
    }
    config.client_hello_shape(shape).map_err(|error| Failure::usage("--extension, --pad-hello", error))
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

/// Whom to trust: those of the system, unless something else is said.
fn roots(options: &Connect) -> Result<Roots, Failure> {
    match (options.ca.is_empty(), options.certificates.raw_public_key.is_empty()) {
        (false, _) => roots_from("--ca", &options.ca),
        (true, false) => Ok(Roots::new()),
        (true, true) => system_roots(),
    }
}

fn system_roots() -> Result<Roots, Failure> {
    let report = Roots::system().map_err(|error| Failure::usage("the system's roots", error))?;
    for (path, why) in &report.rejected {
        console::note(&console::clean(&format!("left out {}: {why}", path.display())));
    }
    Ok(report.roots)
}
