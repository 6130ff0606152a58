//! `connect --session FILE`: one session in a file. It is read once, taken out of the file when it may be used but once,
//! and what the server sends is written back at once, so that it is there however the command ends.
//!
//! A file that cannot be used is told of and never an error: without a session the handshake is a full one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bulla::clock::Time;
use bulla::config::{ClientSessionQuery, ClientSessionStore, Decision};
use bulla::resume::{ClientSession, SessionRefused};
use bulla::wire::ProtocolVersion;
use bulla::{ClientConfig, ServerName};

use crate::console::{self, DIM, clean};
use crate::report::{self, Failure};

/// No session is longer: a chain of certificates, a ticket, and little else.
const MAX_LEN: u64 = 0x10_0000;

/// The file, and what has become of its session.
#[derive(Debug)]
pub(crate) struct SessionFile {
    path: PathBuf,
    /// The configuration that its sessions are bound to, and which writes them.
    config: ClientConfig,
    /// Whether something else stands in the file, which is not to be lost.
    is_foreign: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The session that the file held.
    found: Option<Box<ClientSession>>,
    /// Why there was none to use.
    missing: Option<String>,
    /// Whether the server has sent a session.
    has_come: bool,
    /// Why that could not be written.
    failed: Option<String>,
}

impl SessionFile {
    /// Reads the file, and says why its session is not used if it is not.
    pub(crate) fn open(path: &Path, config: &ClientConfig, name: &ServerName) -> Result<Arc<Self>, Failure> {
        let unusable =
            |why: &dyn ToString| Failure::usage("--session", format!("{}: {}", path.display(), why.to_string()));
        if !folder_of(path).is_dir() {
            return Err(unusable(&"there is no such folder"));
        }
        let bytes = read(path).map_err(|error| unusable(&error))?;
        let mut file = Self { path: path.into(), config: config.clone(), is_foreign: false, state: Mutex::default() };
        let state = file.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        match bytes.as_deref() {
            None | Some([]) => state.missing = Some("there is no session yet".into()),
            Some(bytes) => match config.read_session(bytes).map_err(refusal).and_then(|session| fits(session, name)) {
                Ok(session) => state.found = Some(session),
                Err(why) => {
                    console::note(&clean(&format!("{}: not used: {why}", path.display())));
                    state.missing = Some(format!("the session was not used: {why}"));
                    file.is_foreign = matches!(config.read_session(bytes), Err(SessionRefused::NotASession));
                }
            },
        }
        Ok(Arc::new(file))
    }

    /// Says whether the server has sent a session.
    pub(crate) fn has_come(&self) -> bool {
        self.state().has_come
    }

    /// Returns why there was no session to use, if there was none.
    pub(crate) fn missing(&self) -> Option<String> {
        self.state().missing.clone()
    }

    /// Says whether all sessions that have come could be kept.
    pub(crate) fn result(&self) -> Result<(), Failure> {
        match &self.state().failed {
            Some(why) => Err(Failure::usage("--session", format!("{}: {why}", self.path.display()))),
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a session beside the file and moves it there: whoever reads meanwhile finds a whole one.
    fn write(&self, session: &ClientSession) -> io::Result<()> {
        let bytes =
            self.config.write_session(session).ok_or_else(|| io::Error::other("the session cannot be written"))?;
        let beside = self.beside();
        let written = create_private(&beside)
            .and_then(|mut file| file.write_all(bytes.expose()))
            .and_then(|()| fs::rename(&beside, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }

    /// A name that no other process uses.
    fn beside(&self) -> PathBuf {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let mut name = self.path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}-{now}.tmp", std::process::id()));
        self.path.with_file_name(name)
    }
}

impl ClientSessionStore for SessionFile {
    fn put(&self, _: &ClientSessionQuery, session: Box<ClientSession>) {
        let mut state = self.state();
        let is_first = !state.has_come;
        state.has_come = true;
        if self.is_foreign {
            return;
        }
        match self.write(&session) {
            Ok(()) if is_first => {
                let (path, end) = (self.path.display(), report::date(session.expires().as_secs()));
                console::note(&format!("{DIM}a session for the next time is in {path}, until {end}{DIM:#}"));
            }
            Ok(()) => {}
            Err(error) => state.failed = Some(error.to_string()),
        }
    }

    fn take(&self, _: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        let found = self.state().found.take();
        if found.as_ref().is_some_and(|session| session.version() >= ProtocolVersion::TLSv1_3) {
            // It is used once, so that nobody can tell by it which connections are the same client's. RFC 8446 §C.4.
            let _ = fs::remove_file(&self.path);
        }
        Decision::Now(found)
    }
}

/// Why a session was refused, where the file is a command's own.
fn refusal(refused: SessionRefused) -> String {
    match refused {
        SessionRefused::NotASession => "this is no session; the file is left as it is".into(),
        SessionRefused::UnknownVersion => "it was written by another version of bulla".into(),
        SessionRefused::OtherConfiguration => "it was made under other options, such as --ca or --cert".into(),
        SessionRefused::Altered => "it was cut short or altered".into(),
        other => other.to_string(),
    }
}

/// Checks what the handshake would only pass over.
fn fits(session: ClientSession, name: &ServerName) -> Result<Box<ClientSession>, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if !session.server_name().eq_ignore_ascii_case(&name.to_str()) {
        return Err(format!("it is for {}", session.server_name()));
    }
    if session.expires() <= Time::from_secs(now) {
        return Err(format!("it ended on {}", report::date(session.expires().as_secs())));
    }
    Ok(Box::new(session))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Reads a file, `None` if there is none yet.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(MAX_LEN).read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes a file that its owner alone can read.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
