//! A server's configuration.

use std::sync::Arc;

use bulla::{ClientAuth, ServerConfig};

use super::protocol::{protocol, psk_protocol};
use super::resumption::resumption;
use super::{identity, roots_from};
use crate::options::{Serve, WhetherRequired};
use crate::psk;
use crate::report::Failure;

/// Builds a server's configuration.
pub(crate) fn server(options: &Serve) -> Result<ServerConfig, Failure> {
    let mut config: Option<ServerConfig> = None;
    for identity in identity::read_all(&options.cert, &options.key, &options.staple)? {
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
