//! Turns options into configurations. Whatever is wrong with an option or a file comes out here, before any connection.

mod client;
mod identity;
mod protocol;
mod resumption;
mod server;

pub(crate) use client::{client, server_name};
pub(crate) use identity::{public_key, read as identity};
pub(crate) use server::server;

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use bulla::Roots;

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

/// Connects to a host, whose addresses are tried in turn.
pub(crate) fn open(to: &Endpoint, limit: Duration) -> Result<TcpStream, Failure> {
    let addresses = resolve(to)?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in &addresses {
        match TcpStream::connect_timeout(address, limit) {
            Ok(transport) => {
                // Small messages must not wait for the answers to earlier ones.
                let _ = transport.set_nodelay(true);
                return Ok(transport);
            }
            Err(error) => last = error,
        }
    }
    Err(Failure::of_connecting(&to.to_string(), &addresses, &last))
}

fn roots_from(option: &str, files: &[PathBuf]) -> Result<Roots, Failure> {
    let mut roots = Roots::new();
    for file in files {
        roots.add_file(file).map_err(|error| Failure::usage(option, error))?;
    }
    Ok(roots)
}
