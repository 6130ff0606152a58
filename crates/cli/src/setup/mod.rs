//! Turns options into configurations. Whatever is wrong with an option or a file comes out here, before any connection.

mod client;
mod protocol;
mod resumption;
mod server;

pub(crate) use client::{client, server_name};
pub(crate) use server::server;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use bulla::{Identity, Roots};

use crate::options::Endpoint;
use crate::report::{Failure, Kind};

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
