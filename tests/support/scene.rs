//! A real end against the scripted peer: whatever the peer says is delivered at once, and it hears what comes back.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::Arc;

use bulla::config::ChooseServerConfig;
use bulla::wire::{Alert, AlertDescription, AlertLevel, ContentType};
use bulla::{ClientAuth, ClientConfig, ClientConnection, Connection, Error, Question, ServerConfig, ServerConnection};

use super::pair::{Authority, KeyKind, NAME, Seen, configs_by, feed_with, name, output};
use super::script::{GROUP, Peer, RETRY_GROUP, Role, SUITE, Say};

/// The end under test.
pub enum End {
    Client(ClientConnection),
    Server(ServerConnection),
}

/// What scripted peers of every version can do.
pub trait Script {
    type Say: Copy;
    fn compose(&mut self, say: Self::Say) -> Vec<u8>;
    fn say(&mut self, say: Self::Say) -> Vec<u8>;
    fn say_message(&mut self, message: &[u8]) -> Vec<u8>;
    fn record(&mut self, content_type: ContentType, content: &[u8]) -> Vec<u8>;
    fn hear(&mut self, records: &[u8]);
    fn alerts(&self) -> Vec<Alert>;
}

/// Lends a scripted peer's own methods under the names of [`Script`].
macro_rules! is_a_script {
    ($peer:ty, $say:ty) => {
        impl $crate::scene::Script for $peer {
            type Say = $say;

            fn compose(&mut self, say: $say) -> Vec<u8> {
                Self::compose(self, say)
            }

            fn say(&mut self, say: $say) -> Vec<u8> {
                Self::say(self, say)
            }

            fn say_message(&mut self, message: &[u8]) -> Vec<u8> {
                Self::say_message(self, message)
            }

            fn record(&mut self, content_type: bulla::wire::ContentType, content: &[u8]) -> Vec<u8> {
                Self::record(self, content_type, content)
            }

            fn hear(&mut self, records: &[u8]) {
                Self::hear(self, records);
            }

            fn alerts(&self) -> Vec<bulla::wire::Alert> {
                Self::alerts(self)
            }
        }
    };
}
#[allow(unused_imports, reason = "only tests of TLS 1.2 have a second script")]
pub(crate) use is_a_script;

is_a_script!(Peer, Say);

/// One connection in progress.
pub struct Scene<P = Peer> {
    pub end: End,
    pub peer: P,
    pub seen: Vec<Seen>,
    pub questions: Vec<Question>,
    /// What was delivered while a question was open, and still is in the application's buffer.
    pub unread: Vec<u8>,
    /// How the end failed. Nothing is delivered after that.
    pub error: Option<Error>,
}

/// The authority of all scenes of a test, with configurations that suit the scripted peer.
pub struct Stage {
    pub authority: Authority,
    pub client: ClientConfig,
    pub server: ServerConfig,
}

impl Stage {
    pub fn new() -> Self {
        let authority = Authority::new();
        let (client, server) = configs_by(&authority, KeyKind::EcdsaP256);
        let client = client.cipher_suites([SUITE]).unwrap().groups([GROUP, RETRY_GROUP]).unwrap();
        let client = client.identity(authority.identity(&["client.test"], KeyKind::EcdsaP256));
        let server = server.cipher_suites([SUITE]).unwrap().groups([GROUP, RETRY_GROUP]).unwrap();
        Self { authority, client, server }
    }

    /// A server's configuration that answers the scripted client's hello with a HelloRetryRequest.
    pub fn retrying_server(&self) -> ServerConfig {
        self.server.clone().groups([RETRY_GROUP]).unwrap()
    }

    pub fn requiring_server(&self) -> ServerConfig {
        self.server.clone().client_auth(ClientAuth::Require(Arc::new(self.authority.roots())))
    }

    pub fn requesting_server(&self) -> ServerConfig {
        self.server.clone().client_auth(ClientAuth::Request(Arc::new(self.authority.roots())))
    }

    /// A real client, whose first hello the scripted server has heard.
    pub fn client(&self) -> Scene {
        self.client_with(self.client.clone())
    }

    pub fn client_with(&self, config: ClientConfig) -> Scene {
        let end = End::Client(ClientConnection::new(Arc::new(config), name()).unwrap());
        self.scene(end, Role::Server, NAME)
    }

    /// A real server that waits for the scripted client.
    pub fn server(&self) -> Scene {
        self.server_with(self.server.clone())
    }

    pub fn server_with(&self, config: ServerConfig) -> Scene {
        self.scene(End::Server(ServerConnection::new(Arc::new(config)).unwrap()), Role::Client, "client.test")
    }

    /// A real server that chooses its configuration by the scripted client's hello.
    pub fn choosing_server(&self, chooser: Arc<dyn ChooseServerConfig>) -> Scene {
        self.scene(End::Server(ServerConnection::choosing(chooser).unwrap()), Role::Client, "client.test")
    }

    fn scene(&self, end: End, role: Role, name: &str) -> Scene {
        let peer = Peer::new(role, self.authority.issue(&[name], KeyKind::EcdsaP256));
        Scene::start(end, peer)
    }

    /// A real client that is connected to the scripted server.
    pub fn connected_client(&self) -> Scene {
        let scene = self.client().say(&SERVER_FLIGHT);
        assert_eq!(scene.end.state(), "Connected");
        scene
    }

    /// A real server that is connected to the scripted client.
    pub fn connected_server(&self) -> Scene {
        let scene = self.server().say(&[Say::ClientHello, Say::Finished]);
        assert_eq!(scene.end.state(), "Connected");
        scene
    }
}

/// What a server says that asks for nothing. RFC 8446 §2.
pub const SERVER_FLIGHT: [Say; 5] =
    [Say::ServerHello, Say::EncryptedExtensions, Say::Certificate, Say::CertificateVerify, Say::Finished];

impl std::ops::Deref for End {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Client(client) => client,
            Self::Server(server) => server,
        }
    }
}

impl std::ops::DerefMut for End {
    fn deref_mut(&mut self) -> &mut Connection {
        match self {
            Self::Client(client) => client,
            Self::Server(server) => server,
        }
    }
}

impl<P: Script> Scene<P> {
    /// Puts both on the scene, and lets the peer hear what the end says first.
    pub fn start(end: End, peer: P) -> Self {
        let mut scene = Self { end, peer, seen: Vec::new(), questions: Vec::new(), unread: Vec::new(), error: None };
        scene.listen();
        scene
    }

    /// Says these messages, each in a record of its own.
    pub fn say(mut self, says: &[P::Say]) -> Self {
        for say in says {
            self = self.with(|peer| peer.say(*say));
        }
        self
    }

    /// Says a message of the test's own making.
    pub fn say_message(self, compose: impl FnOnce(&mut P) -> Vec<u8>) -> Self {
        self.with(|peer| {
            let message = compose(peer);
            peer.say_message(&message)
        })
    }

    /// Says `content` in one record of this type.
    pub fn say_record(self, content_type: ContentType, content: &[u8]) -> Self {
        self.with(|peer| peer.record(content_type, content))
    }

    /// Delivers whatever bytes the peer makes.
    pub fn with(mut self, speak: impl FnOnce(&mut P) -> Vec<u8>) -> Self {
        if self.error.is_none() {
            let bytes = speak(&mut self.peer);
            self.deliver(bytes);
        }
        self
    }

    fn deliver(&mut self, bytes: Vec<u8>) {
        self.unread.extend(bytes);
        let Self { end, seen, unread, questions, .. } = self;
        let fed = feed_with(end, unread, seen, &mut |_, question| questions.push(question));
        self.error = fed.err();
        self.listen();
    }

    /// Answers the open question as a configuration would have, and goes on.
    pub fn answer(&mut self, remote: &super::later::Remote) {
        let question = self.questions.pop().expect("a question should be open");
        let answer = remote.answer(&question);
        self.answer_with(&question, answer);
    }

    pub fn answer_with(&mut self, question: &Question, answer: bulla::Answer) {
        self.error = self.end.answer(question.id, answer).err();
        if self.error.is_none() {
            self.deliver(Vec::new());
        }
        self.listen();
    }

    /// Lets the peer hear what the end has to say.
    pub fn listen(&mut self) {
        let output = output(&mut self.end);
        self.peer.hear(&output);
    }

    /// The name of the failure, or of the state as long as there is none.
    pub fn outcome(&self) -> &'static str {
        self.error.as_ref().map_or(self.end.state(), Error::name)
    }

    /// The end has failed for good: the right alert, once, on the wire, and the same error from every call.
    pub fn assert_failed_with_its_alert(&mut self) {
        let error = self.error.clone().expect("the end should have failed");
        let fatal = |description| Alert { level: AlertLevel::fatal, description };
        // The answer to HelloRequests that came before is no failure.
        let refusal = Alert { level: AlertLevel::warning, description: AlertDescription::no_renegotiation };
        let alerts: Vec<_> = self.peer.alerts().into_iter().filter(|alert| *alert != refusal).collect();
        assert_eq!(alerts, error.alert().map(fatal).into_iter().collect::<Vec<_>>(), "{error}");
        assert_eq!(self.end.state(), "Failed");
        assert!(!self.end.has_output() && !self.end.is_established() && !self.end.may_send());
        assert_eq!(self.end.receive(&mut []).unwrap_err(), error);
        assert_eq!(self.end.receive(&mut [0; 16]).unwrap_err(), error);
        assert_eq!(self.end.send(b"data", &mut [0; 1024]).unwrap_err(), error);
        assert_eq!(self.end.send_in_place(&mut [0; 1024], 5..10).unwrap_err(), error);
        assert_eq!(self.end.export(b"label", None, &mut [0; 16]).unwrap_err(), error);
        assert_eq!(self.end.update_keys(false).unwrap_err(), error);
        assert_eq!(self.end.end_of_input().unwrap_err(), error);
        self.end.close();
        assert_eq!(output(&mut self.end), [], "the alert must be queued once and nothing behind it");
    }
}
