//! Chooses the configuration by the ClientHello, before anything is answered. Once it is there, everything goes on as if it
//! had been there from the start.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Server;
use super::hello::WaitClientHello;
use crate::config::{ChooseServerConfig, ClientHelloView, Decision, ServerConfig};
use crate::error::{Error, Misuse};
use crate::handshake::{Answer, Incoming, Outgoing, QuestionKind};
use crate::record::RecordBoundary;

/// Nothing has come yet. RFC 8446 §A.2: START.
pub(crate) struct WaitClientHelloToChoose {
    pub(super) chooser: Arc<dyn ChooseServerConfig>,
}

impl WaitClientHelloToChoose {
    /// RFC 8446 §4.1.2.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Server, Error> {
        let hello = ClientHelloView::read(message.bytes())?;
        match self.chooser.choose(&hello) {
            Decision::Now(config) => configure(config, message, out),
            Decision::Refuse(alert) => Err(Error::Refused(alert)),
            Decision::Later => {
                out.ask(QuestionKind::ChooseServerConfig(hello));
                let waiting = AskServerConfig { message: message.bytes().to_vec(), boundary: message.boundary().ok() };
                Ok(Server::AskServerConfig(waiting))
            }
        }
    }
}

/// ClientHello waits for a configuration.
pub(crate) struct AskServerConfig {
    message: Vec<u8>,
    boundary: Option<RecordBoundary>,
}

impl AskServerConfig {
    pub(super) fn answer(self, answer: Answer, out: &mut Outgoing) -> Result<Server, Error> {
        match answer {
            Answer::ServerConfig(config) => configure(config, Incoming::new(&self.message, self.boundary), out),
            Answer::Refuse(alert) => Err(Error::Refused(alert)),
            _ => Err(Misuse::WrongAnswer.into()),
        }
    }
}

/// Goes on as a server does that had this configuration from the start.
fn configure(config: Arc<ServerConfig>, message: Incoming<'_>, out: &mut Outgoing) -> Result<Server, Error> {
    out.configured(Arc::clone(&config), message.bytes().to_vec());
    WaitClientHello { config }.accept(message, out)
}
