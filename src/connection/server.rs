//! The server's end.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::ops::{Deref, DerefMut};

use super::{Connection, Phase};
use crate::config::ServerConfig;
use crate::error::Error;
use crate::handshake::server::Server;
use crate::wire::ProtocolVersion;

/// A server's connection.
#[derive(Debug)]
pub struct ServerConnection(Connection);

impl ServerConnection {
    /// Waits for a ClientHello.
    pub fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        let preferences = config.preferences.clone();
        let phase = Phase::Server(Box::new(Server::start(config)));
        Ok(Self(Connection::new(phase, &preferences, ProtocolVersion::TLSv1_2)))
    }
}

impl Deref for ServerConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for ServerConnection {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}
