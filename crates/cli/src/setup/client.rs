//! A client's configuration.

use std::sync::Arc;

use bulla::config::ClientHelloShape;
use bulla::{ClientConfig, Roots, ServerName};

use super::protocol::{protocol, psk_protocol};
use super::{identity, roots_from};
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
            let roots = if options.ca.is_empty() { system_roots()? } else { roots_from("--ca", &options.ca)? };
            protocol(psks.into_iter().fold(ClientConfig::new(roots), ClientConfig::psk), &options.protocol)?
        }
    };
    if let (Some(cert), Some(key)) = (&options.cert, &options.key) {
        config = config.identity(identity::read(cert, key)?);
    }
    let config = shape(config, &options.shape)?;
    Ok(config.ask_for_ocsp(options.ocsp || options.save_ocsp.is_some()))
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

fn system_roots() -> Result<Roots, Failure> {
    let report = Roots::system().map_err(|error| Failure::usage("the system's roots", error))?;
    for (path, why) in &report.rejected {
        console::note(&console::clean(&format!("left out {}: {why}", path.display())));
    }
    Ok(report.roots)
}
