//! The client's end.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::ops::{Deref, DerefMut};

use pki_types::ServerName;

use super::{Connection, Phase};
use crate::config::ClientConfig;
use crate::error::{Error, Internal};
use crate::handshake::client::Client;
use crate::wire::ProtocolVersion;

/// A client's connection.
#[derive(Debug)]
pub struct ClientConnection(Connection);

impl ClientConnection {
    /// Starts a handshake with the server of this name, which its certificate must be valid for. ClientHello is in
    /// the output at once.
    pub fn new(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, Error> {
        let nothing_yet = Phase::Failed(Internal::Poisoned.into());
        let mut connection =
            Connection::new(nothing_yet, config.preferences.observer.clone(), ProtocolVersion::TLSv1_0);
        connection.step(|_, out| Ok(Phase::Client(Box::new(Client::start(config, name, out)?))))?;
        Ok(Self(connection))
    }
}

impl Deref for ClientConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for ClientConnection {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}
