//! The server's end.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::ops::{Deref, DerefMut};

use super::{Connection, Phase};
use crate::config::{ChooseServerConfig, ServerConfig};
use crate::error::Error;
use crate::handshake::server::Server;
use crate::record::ChangeCipherSpecs;
use crate::wire::ProtocolVersion;

/// A server's connection.
#[derive(Debug)]
pub struct ServerConnection(Connection);

impl ServerConnection {
    /// Waits for a ClientHello.
    pub fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        let observer = config.preferences.observer.clone();
        let forgets_retries = config.resumption.cookies.is_some();
        let phase = Phase::Server(Box::new(Server::start(config)));
        let mut connection = Connection::new(phase, observer, ProtocolVersion::TLSv1_2);
        if forgets_retries {
            // Another connection may have sent the HelloRetryRequest, and the dummy comes before the second hello. RFC 8446
            // §D.4.
            connection.reader.set_change_cipher_spec(ChangeCipherSpecs::Tolerated);
        }
        Ok(Self(connection))
    }

    /// Waits for a ClientHello and lets `chooser` choose the configuration by it, at once or later:
    /// [`QuestionKind::ChooseServerConfig`](crate::QuestionKind::ChooseServerConfig).
    pub fn choosing(chooser: Arc<dyn ChooseServerConfig>) -> Result<Self, Error> {
        let observer = chooser.observer();
        let phase = Phase::Server(Box::new(Server::start_choosing(chooser)));
        let mut connection = Connection::new(phase, observer, ProtocolVersion::TLSv1_2);
        // The configuration may be one that forgets its retries, as above.
        connection.reader.set_change_cipher_spec(ChangeCipherSpecs::Tolerated);
        Ok(Self(connection))
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
