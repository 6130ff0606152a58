//! Chooses the configuration by the ClientHello, before anything is answered. Once it is there, everything goes on as if it
//! had been there from the start.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Server;
use super::hello::WaitClientHello;
use crate::config::{ChooseServerConfig, ClientHelloView, Decision, ServerConfig};
use crate::error::{Error, Misuse, Violation};
use crate::handshake::{Answer, Incoming, Outgoing, QuestionKind};
use crate::record::RecordBoundary;
use crate::wire::ContentType;

/// Nothing has come yet. RFC 8446 §A.2: START.
pub(crate) struct WaitClientHelloToChoose {
    pub(super) chooser: Arc<dyn ChooseServerConfig>,
    /// Whether a change_cipher_spec came before, which belongs to a second hello alone.
    pub(super) comes_behind_change_cipher_spec: bool,
}

impl WaitClientHelloToChoose {
    /// RFC 8446 §4.1.2.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Server, Error> {
        let hello = ClientHelloView::read(message.bytes())?;
        match self.chooser.choose(&hello) {
            Decision::Now(config) => configure(config, message, self.comes_behind_change_cipher_spec, out),
            Decision::Refuse(alert) => Err(Error::Refused(alert)),
            Decision::Later => {
                out.ask(QuestionKind::ChooseServerConfig(hello));
                Ok(Server::AskServerConfig(AskServerConfig {
                    message: message.bytes().to_vec(),
                    boundary: message.boundary().ok(),
                    comes_behind_change_cipher_spec: self.comes_behind_change_cipher_spec,
                }))
            }
        }
    }
}

/// ClientHello waits for a configuration.
pub(crate) struct AskServerConfig {
    message: Vec<u8>,
    boundary: Option<RecordBoundary>,
    comes_behind_change_cipher_spec: bool,
}

impl AskServerConfig {
    pub(super) fn answer(self, answer: Answer, out: &mut Outgoing) -> Result<Server, Error> {
        match answer {
            Answer::ServerConfig(config) => {
                let message = Incoming::new(&self.message, self.boundary);
                configure(config, message, self.comes_behind_change_cipher_spec, out)
            }
            Answer::Refuse(alert) => Err(Error::Refused(alert)),
            _ => Err(Misuse::WrongAnswer.into()),
        }
    }
}

/// Goes on as a server does that had this configuration from the start.
fn configure(
    config: Arc<ServerConfig>,
    message: Incoming<'_>,
    comes_behind_change_cipher_spec: bool,
    out: &mut Outgoing,
) -> Result<Server, Error> {
    // Only where another connection may have sent the HelloRetryRequest is a first hello here a second one. RFC 8446 §5, §D.4.
    if comes_behind_change_cipher_spec && config.resumption.cookies.is_none() {
        return Err(Violation::UnexpectedRecord(ContentType::change_cipher_spec).into());
    }
    out.configured(Arc::clone(&config), message.bytes().to_vec());
    WaitClientHello { config }.accept(message, out)
}
