//! A server's configuration.

use std::sync::Arc;

use bulla::{ClientAuth, ServerConfig};

use super::identity::{self, Shown};
use super::protocol::{certificates, protocol, psk_protocol, records};
use super::resumption::resumption;
use super::roots_from;
use crate::options::{Serve, WhetherRequired};
use crate::psk;
use crate::report::Failure;

/// Builds a server's configuration.
pub(crate) fn server(options: &Serve) -> Result<ServerConfig, Failure> {
    let mut config: Option<ServerConfig> = None;
    let shown = Shown {
        certs: &options.cert,
        keys: &options.key,
        staples: &options.staple,
        scts: &options.sct,
        credentials: &options.delegated_credential,
        delegated_keys: &options.delegated_key,
    };
    for identity in shown.read()?.into_iter().chain(identity::raw(&options.certificates.raw_key)?) {
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
    let config = raw_public_keys(config, options)?;
    let config = match client_auth(options)? {
        ClientAuth::None => config,
        later if !options.client_auth_for.is_empty() => config.post_handshake_auth(later),
        now => config.client_auth(now),
    };
    let config =
        records(certificates(config, &options.certificates)?, &options.records)?.ask_for_ocsp(options.client_ocsp);
    resumption(config, options)
}

/// Trusts clients by their keys.
fn raw_public_keys(config: ServerConfig, options: &Serve) -> Result<ServerConfig, Failure> {
    if options.certificates.raw_public_key.is_empty() {
        return Ok(config);
    }
    let keys = identity::raw_public_keys(&options.certificates.raw_public_key)?;
    config.trusted_raw_public_keys(keys).map_err(|error| Failure::usage("--raw-public-key", error))
}

fn client_auth(options: &Serve) -> Result<ClientAuth, Failure> {
    let nobody = options.client_ca.is_empty() && options.certificates.raw_public_key.is_empty();
    if nobody && options.client_auth.is_some() {
        return Err(Failure::usage("--client-auth", "whose certificates? --client-ca or --raw-public-key says it"));
    }
    if nobody {
        return Ok(ClientAuth::None);
    }
    let roots = Arc::new(roots_from("--client-ca", &options.client_ca)?);
    Ok(match options.client_auth {
        // A client that has none is told so in HTTP.
        None if !options.client_auth_for.is_empty() => ClientAuth::Request(roots),
        None | Some(WhetherRequired::Require) => ClientAuth::Require(roots),
        Some(WhetherRequired::Request) => ClientAuth::Request(roots),
    })
}
