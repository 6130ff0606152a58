//! The questions of a handshake and the shim's answers: at once, or, under `-async`, late.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bulla::config::danger::danger_accept_chain;
use bulla::config::{
    CertificateRequestInfo, ChainToVerify, ChooseClientIdentity, ChooseServerIdentity, ClientHelloInfo,
    ClientSessionStore, Decision, FindPsk, SealTickets, ServerSessionStore, SessionPlace, SessionQuery, SigningRequest,
    StrikeRegister, Verdict, VerifyChain,
};
use bulla::crypto::ring::provider;
use bulla::error::CertificateError;
use bulla::resume::ServerSession;
use bulla::verify::{CERTIFICATE_ONLY_SCHEMES, verify_chain};
use bulla::wire::{AlertDescription, ProtocolVersion, SignatureScheme};
use bulla::{Answer, Identity, QuestionKind, Roots};

use crate::credential::{self, Credential};
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
    pub(crate) ocsp_at_verification: Mutex<Option<Vec<u8>>>,
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
            ocsp_at_verification: Mutex::default(),
            new_sessions: AtomicU32::default(),
            max_early_data: AtomicU32::default(),
        })
    }
}

/// Chooses among the credentials, or refuses.
pub(crate) struct Chooser {
    credentials: Vec<Credential>,
    refuses: bool,
    late: Late,
    seen: Arc<Seen>,
}

impl Chooser {
    pub(crate) fn new(options: &Options, credentials: Vec<Credential>, seen: &Arc<Seen>) -> Self {
        Self {
            credentials,
            refuses: options.refuse_choice.is_some(),
            late: Late::new(options.asynchronous),
            seen: Arc::clone(seen),
        }
    }

    /// The identities that may be shown to a peer that trusts these authorities.
    fn for_authorities(&self, authorities: &[Vec<u8>]) -> Vec<Arc<Identity>> {
        let fits = |credential: &&Credential| !credential.must_match_issuer || credential.is_issued_by(authorities);
        self.credentials.iter().filter(fits).map(|credential| Arc::clone(&credential.identity)).collect()
    }
}

impl fmt::Debug for Chooser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chooser({})", self.credentials.len())
    }
}

impl ChooseServerIdentity for Chooser {
    fn choose(&self, hello: &ClientHelloInfo) -> Decision<Option<Arc<Identity>>> {
        // A refusal is an answer, and answers are given to questions.
        if self.refuses || self.late.postpones() {
            return Decision::Later;
        }
        *self.seen.client_hello.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(hello.clone());
        bulla::config::choose_by_server_name(self.for_authorities(&hello.certificate_authorities)).choose(hello)
    }
}

impl ChooseClientIdentity for Chooser {
    fn choose(&self, request: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
        if self.refuses || self.late.postpones() {
            return Decision::Later;
        }
        *self.seen.certificate_request.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(request.clone());
        let may_sign = |scheme: &SignatureScheme| {
            request.signature_schemes.contains(scheme)
                && (request.version < ProtocolVersion::TLSv1_3 || !CERTIFICATE_ONLY_SCHEMES.contains(scheme))
        };
        let fits = |identity: &&Arc<Identity>| identity.signer().schemes().iter().any(may_sign);
        Decision::Now(self.for_authorities(&request.certificate_authorities).iter().find(fits).cloned())
    }
}

/// Judges the peer's chain: by bulla's own rules where the arguments name a root, without a name, which the runner's tests
/// do not mean; what else is asked of it is the application's own judgement.
pub(crate) struct Judge {
    roots: Option<Roots>,
    refuses: bool,
    /// The alert of the application's choice with which it refuses.
    refusal: Option<AlertDescription>,
    late: Late,
    seen: Arc<Seen>,
}

impl Judge {
    pub(crate) fn new(options: &Options, roots: Option<Roots>, seen: &Arc<Seen>) -> Self {
        Self {
            roots,
            refuses: options.verify_fail,
            refusal: match options {
                Options { verify_fail: true, own_verifier: false, .. } => Some(AlertDescription::handshake_failure),
                Options { fail_ocsp: true, .. } => Some(AlertDescription::bad_certificate_status_response),
                _ => None,
            },
            late: Late::new(options.asynchronous),
            seen: Arc::clone(seen),
        }
    }
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
        let response = chain.ocsp_response().map(<[u8]>::to_vec);
        *self.seen.ocsp_at_verification.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = response;
        if self.refuses {
            return Decision::Now(Err(CertificateError::ApplicationRefused));
        }
        let judged = self.roots.as_ref().map_or(Ok(()), |roots| {
            verify_chain(&*provider(), roots, chain.purpose(), None, chain.chain(), chain.now())
        });
        Decision::Now(judged.map(|()| danger_accept_chain(chain)))
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
