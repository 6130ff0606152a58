//! The questions of a handshake and the shim's answers: at once, or, under `-async`, late.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bulla::config::danger::danger_accept_chain;
use bulla::config::{
    CertificateRequestInfo, ChainAccepted, ChainToVerify, ChooseClientIdentity, ChooseServerIdentity, ClientHelloInfo,
    ClientSessionStore, Decision, FindPsk, SealTickets, ServerSessionStore, SessionPlace, SessionQuery, SigningRequest,
    StrikeRegister, Verdict, VerifyChain, choose_by_request, choose_by_server_name,
};
use bulla::crypto::ring::provider;
use bulla::crypto::{Digest, HashAlgorithm};
use bulla::error::CertificateError;
use bulla::resume::ServerSession;
use bulla::verify::verify_chain;
use bulla::wire::{AlertDescription, CertificateType};
use bulla::{Answer, Identity, QuestionKind, Roots};

use crate::credential;
use crate::memory::Recall;
use crate::options::Options;
use crate::psk::Psks;

/// Puts an answer off once, if answers are to be late: whoever asks again gets it.
#[derive(Debug)]
pub(crate) struct Late {
    late: bool,
    asked: AtomicBool,
}

impl Late {
    pub(crate) fn new(late: bool) -> Self {
        Self { late, asked: AtomicBool::new(false) }
    }

    pub(crate) fn postpones(&self) -> bool {
        self.late && !self.asked.fetch_xor(true, Ordering::Relaxed)
    }
}

/// What the questions showed, for the expectations to be held against.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) selected_credential: AtomicI32,
    pub(crate) client_hello: Mutex<Option<ClientHelloInfo>>,
    pub(crate) certificate_request: Mutex<Option<CertificateRequestInfo>>,
    pub(crate) judged: Mutex<Option<ChainToVerify>>,
    /// How many sessions this connection has put into the store.
    pub(crate) new_sessions: AtomicU32,
    /// How much early data the newest of them allows the client.
    pub(crate) max_early_data: AtomicU32,
}

impl Seen {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            selected_credential: credential::none_selected(),
            client_hello: Mutex::default(),
            certificate_request: Mutex::default(),
            judged: Mutex::default(),
            new_sessions: AtomicU32::default(),
            max_early_data: AtomicU32::default(),
        })
    }
}

/// Chooses among the credentials as bulla does by itself, or refuses.
#[derive(Debug)]
pub(crate) struct Chooser {
    for_clients: Arc<dyn ChooseServerIdentity>,
    for_servers: Arc<dyn ChooseClientIdentity>,
    refuses: bool,
    late: Late,
    seen: Arc<Seen>,
}

impl Chooser {
    pub(crate) fn new(options: &Options, identities: Vec<Arc<Identity>>, seen: &Arc<Seen>) -> Self {
        Self {
            for_clients: choose_by_server_name(identities.clone()),
            for_servers: choose_by_request(identities),
            refuses: options.refuse_choice.is_some(),
            late: Late::new(options.asynchronous),
            seen: Arc::clone(seen),
        }
    }
}

impl ChooseServerIdentity for Chooser {
    fn choose(&self, hello: &ClientHelloInfo) -> Decision<Option<Arc<Identity>>> {
        // A refusal is an answer, and answers are given to questions.
        if self.refuses || self.late.postpones() {
            return Decision::Later;
        }
        *self.seen.client_hello.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(hello.clone());
        self.for_clients.choose(hello)
    }
}

impl ChooseClientIdentity for Chooser {
    fn choose(&self, request: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
        if self.refuses || self.late.postpones() {
            return Decision::Later;
        }
        *self.seen.certificate_request.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(request.clone());
        self.for_servers.choose(request)
    }

    fn certificate_types(&self) -> &[CertificateType] {
        self.for_servers.certificate_types()
    }
}

/// Judges the peer's chain: by bulla's own rules where the arguments name a root, without a name, which the runner's tests
/// do not mean; what else is asked of it is the application's own judgement. Of raw public keys it knows the hash.
pub(crate) struct Judge {
    roots: Option<Roots>,
    raw_key_hash: Vec<u8>,
    refuses: bool,
    /// The alert of the application's choice with which it refuses.
    refusal: Option<AlertDescription>,
    late: Late,
    seen: Arc<Seen>,
}

impl Judge {
    pub(crate) fn new(options: &Options, roots: Option<Roots>, seen: &Arc<Seen>) -> Self {
        // A client that is not told to insist on its judgement goes on with a chain that it does not think much of.
        let insists = options.server || options.verify_peer || options.own_verifier;
        let refuses = options.verify_fail && insists;
        Self {
            roots,
            raw_key_hash: options.expect.peer_raw_key_hash.clone(),
            refuses,
            refusal: match options {
                Options { own_verifier: false, .. } if refuses => Some(AlertDescription::handshake_failure),
                Options { fail_ocsp: true, .. } => Some(AlertDescription::bad_certificate_status_response),
                _ => None,
            },
            late: Late::new(options.asynchronous),
            seen: Arc::clone(seen),
        }
    }

    fn judge(&self, chain: &ChainToVerify) -> Result<ChainAccepted, CertificateError> {
        let key_hash = chain.raw_public_key().and_then(|key| sha256(&key));
        match (key_hash, &self.roots) {
            (Some(hash), _) if hash.as_ref() == self.raw_key_hash => {}
            (None, roots) if self.raw_key_hash.is_empty() => {
                if let Some(roots) = roots {
                    verify_chain(&*provider(), roots, chain.purpose(), None, chain.chain(), chain.now())?;
                }
            }
            // A raw key that nobody knows, or a certificate where a raw key is expected.
            _ => return Err(CertificateError::ApplicationRefused),
        }
        Ok(danger_accept_chain(chain))
    }
}

fn sha256(bytes: &[u8]) -> Option<Digest> {
    let mut hash = provider().hash(HashAlgorithm::Sha256).ok()?;
    hash.update(bytes);
    Some(hash.current())
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Judge({:?})", self.roots)
    }
}

impl VerifyChain for Judge {
    fn verify(&self, chain: &ChainToVerify) -> Decision<Verdict> {
        // A refusal with an alert of one's own is an answer, and answers are given to questions.
        if self.late.postpones() || self.refusal.is_some() {
            return Decision::Later;
        }
        *self.seen.judged.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(chain.clone());
        if self.refuses {
            return Decision::Now(Err(CertificateError::ApplicationRefused));
        }
        Decision::Now(self.judge(chain))
    }
}

/// Who answers a question that was put off.
pub(crate) struct Answers {
    pub(crate) chooser: Arc<Chooser>,
    pub(crate) judge: Arc<Judge>,
    pub(crate) recall: Recall,
    pub(crate) psks: Arc<Psks>,
    pub(crate) refuse_choice: Option<AlertDescription>,
}

impl Answers {
    pub(crate) fn answer(&self, question: &QuestionKind) -> Option<Answer> {
        let refuse = self.refuse_choice.map(Answer::Refuse);
        match question {
            QuestionKind::ChooseServerIdentity(hello) => {
                refuse.or_else(|| now(ChooseServerIdentity::choose(&*self.chooser, hello)).map(Answer::Identity))
            }
            QuestionKind::ChooseClientIdentity(request) => {
                refuse.or_else(|| now(ChooseClientIdentity::choose(&*self.chooser, request)).map(Answer::Identity))
            }
            QuestionKind::Sign(request) => now(sign(request)).map(Answer::Signature),
            QuestionKind::VerifyChain(chain) => match self.judge.refusal {
                Some(alert) => Some(Answer::Refuse(alert)),
                None => now(self.judge.verify(chain)).map(Answer::Verdict),
            },
            QuestionKind::FindClientSession(query) => {
                now(self.recall.client_sessions.take(query)).map(Answer::ClientSession)
            }
            QuestionKind::FindServerSession(query) => {
                refuse.or_else(|| now(self.find_session(query)).map(Answer::ServerSession))
            }
            QuestionKind::FindPsk(query) => now(self.psks.find(&query.identity)).map(Answer::Psk),
            QuestionKind::DecideEarlyData(offer) => now(self.recall.early_data.first_use(offer)).map(Answer::EarlyData),
            _ => None,
        }
    }

    fn find_session(&self, query: &SessionQuery) -> Decision<Option<Box<ServerSession>>> {
        match query.place {
            SessionPlace::Ticket => self.recall.tickets.open(&query.identity, query.now),
            SessionPlace::Store => self.recall.server_sessions.get(&query.identity),
            SessionPlace::StoreOnce => self.recall.server_sessions.take(&query.identity),
            _ => Decision::Now(None),
        }
    }
}

fn sign(request: &SigningRequest) -> Decision<Result<Vec<u8>, bulla::config::SigningFailed>> {
    request.identity.signer().sign(request)
}

fn now<T>(decision: Decision<T>) -> Option<T> {
    match decision {
        Decision::Now(answer) => Some(answer),
        Decision::Later | Decision::Refuse(_) => None,
    }
}
