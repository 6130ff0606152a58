//! Foreign programs as peers, and our own ends that meet them over loopback.
//!
//! A peer listens on a port that the system chose, its output is read by threads so that no pipe ever fills, and it is
//! stopped by its process id when the test is done with it. Every wait has a bound.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// No single wait takes longer. Far more than any step here needs on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Says on one line, past the test runner's capture and once for each missing program, that tests prove nothing here.
pub fn skipped(what: &str, missing: &str) {
    static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let line = format!("SKIPPED: {what}: {missing} is not installed");
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if !said.contains(&line) {
        let _ = writeln!(io::stderr(), "{line}");
        said.push(line);
    }
}

/// Says whether a program can be started at all.
pub fn is_installed(program: &str, version_flag: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(version_flag).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A running program. Dropping it kills it.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Where standard input comes back to after [`Process::say_all`].
    speaker: Option<mpsc::Receiver<ChildStdin>>,
    heard: Arc<Heard>,
    command: String,
}

/// What a program has written so far.
#[derive(Default)]
struct Heard {
    written: Mutex<Written>,
    changed: Condvar,
}

#[derive(Default)]
struct Written {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    open_pipes: u32,
}

/// A program that has ended.
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Finished {
    /// Returns both outputs as one text, standard output first.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned() + &String::from_utf8_lossy(&self.stderr)
    }

    /// Returns itself if the program succeeded, and shows all that it said if not.
    pub fn successful(self) -> Self {
        assert!(self.status.success(), "{}\n{}", self.status, self.text());
        self
    }
}

impl Process {
    /// Starts a program with pipes at all three ends.
    pub fn start(command: &mut Command) -> Self {
        let description = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{description}: {error}"));
        let heard = Arc::new(Heard::default());
        heard.lock().open_pipes = 2;
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        heard.listen(stdout, |written| &mut written.stdout);
        heard.listen(stderr, |written| &mut written.stderr);
        let stdin = child.stdin.take();
        Self { child, stdin, speaker: None, heard, command: description }
    }

    /// Writes to the program's standard input.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("standard input is still open");
        stdin.write_all(bytes.as_ref()).and_then(|()| stdin.flush()).unwrap();
    }

    /// Writes to the program's standard input from another thread. It is closed with the program's end or when the
    /// test waits for that.
    pub fn say_all(&mut self, bytes: Vec<u8>) {
        let mut stdin = self.stdin.take().expect("standard input is still open");
        let (sender, receiver) = mpsc::channel();
        self.speaker = Some(receiver);
        thread::spawn(move || {
            // A program that ends early closes the pipe; what it made of the input is for the test to judge.
            let _ = stdin.write_all(&bytes);
            let _ = sender.send(stdin);
        });
    }

    /// Closes the program's standard input.
    pub fn hush(&mut self) {
        self.stdin = None;
        self.speaker = None;
    }

    /// Waits until `find` finds what it looks for in standard output and standard error.
    pub fn wait_for<T>(&self, what: &str, mut find: impl FnMut(&[u8], &[u8]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut written = self.heard.lock();
        loop {
            if let Some(found) = find(&written.stdout, &written.stderr) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if written.open_pipes == 0 || left.is_zero() {
                let said = String::from_utf8_lossy(&written.stdout).into_owned();
                let said = said + "\n" + &String::from_utf8_lossy(&written.stderr);
                panic!("{} never said {what:?}; it said:\n{said}", self.command);
            }
            written = self.heard.wait(written, left);
        }
    }

    /// Waits for a whole line that starts with `start`, on either output, and returns the rest of it.
    pub fn wait_for_line(&self, start: &str) -> String {
        self.wait_for(start, |stdout, stderr| line_with(stdout, start).or_else(|| line_with(stderr, start)))
    }

    /// Waits until either output contains `text`.
    pub fn wait_for_text(&self, text: &str) {
        self.wait_for(text, |stdout, stderr| (contains(stdout, text) || contains(stderr, text)).then_some(()));
    }

    /// Waits until the program ends, and returns what it said. Its standard input is closed first.
    pub fn finish(mut self) -> Finished {
        self.hush();
        let deadline = Instant::now() + PATIENCE;
        let mut written = self.heard.lock();
        while written.open_pipes > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} does not end", self.command);
            written = self.heard.wait(written, left);
        }
        let (stdout, stderr) = (std::mem::take(&mut written.stdout), std::mem::take(&mut written.stderr));
        drop(written);
        // Both its outputs are closed, so that it is ending; a program that closes them and lives on is none of ours.
        Finished { status: self.child.wait().unwrap(), stdout, stderr }
    }

    /// Ends the program at once, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Heard {
    fn lock(&self) -> std::sync::MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(
        &self,
        guard: std::sync::MutexGuard<'g, Written>,
        limit: Duration,
    ) -> std::sync::MutexGuard<'g, Written> {
        self.changed.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner).0
    }

    fn listen(self: &Arc<Self>, mut pipe: impl Read + Send + 'static, which: fn(&mut Written) -> &mut Vec<u8>) {
        let heard = Arc::clone(self);
        thread::spawn(move || {
            let mut chunk = [0; 16 * 1024];
            loop {
                match pipe.read(&mut chunk) {
                    Ok(0) | Err(_) => break,
                    Ok(len) => which(&mut heard.lock()).extend_from_slice(&chunk[..len]),
                }
                heard.changed.notify_all();
            }
            heard.lock().open_pipes -= 1;
            heard.changed.notify_all();
        });
    }
}

/// Runs a program to its end; it must succeed.
pub fn run<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Finished {
    Process::start(Command::new(program).args(arguments)).finish().successful()
}

/// Returns the rest of the first whole line that starts with `start`.
pub fn line_with(bytes: &[u8], start: &str) -> Option<String> {
    let whole_lines = &bytes[..bytes.iter().rposition(|&byte| byte == b'\n')? + 1];
    let rest = whole_lines.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(start.as_bytes()))?;
    Some(String::from_utf8_lossy(rest).trim().to_string())
}

/// Says whether `text` stands in `bytes`.
pub fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Returns a port that was free a moment ago, for programs that cannot tell which one the system gave them.
pub fn free_port() -> u16 {
    TcpListener::bind(loopback()).unwrap().local_addr().unwrap().port()
}

/// Loopback, with a port that the system is to choose.
pub fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Connects, with bounded reads and writes.
pub fn connect_tcp(address: SocketAddr) -> TcpStream {
    bounded(TcpStream::connect_timeout(&address, PATIENCE).unwrap())
}

fn bounded(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// Work on another thread whose outcome the test waits for.
pub struct Background<T>(mpsc::Receiver<thread::Result<T>>);

impl<T: Send + 'static> Background<T> {
    pub fn start(work: impl FnOnce() -> T + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))));
        Self(receiver)
    }

    /// Waits for the outcome; a panic over there is one here.
    pub fn finish(self) -> T {
        match self.0.recv_timeout(2 * PATIENCE) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(RecvTimeoutError::Timeout) => panic!("nobody connected, or the peer is silent"),
            Err(RecvTimeoutError::Disconnected) => unreachable!("the thread sends before it ends"),
        }
    }
}

/// Listens on loopback and hands the first connection to `serve`.
pub fn serve_once<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, Background<T>) {
    let listener = TcpListener::bind(loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    (address, Background::start(move || serve(bounded(listener.accept().unwrap().0))))
}

/// Listens on loopback and hands each of the first `count` connections to `serve`, one after the other.
pub fn serve_in_turn<T: Send + 'static>(
    count: usize,
    mut serve: impl FnMut(usize, TcpStream) -> T + Send + 'static,
) -> (SocketAddr, Background<Vec<T>>) {
    let listener = TcpListener::bind(loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    let work = move || (0..count).map(|turn| serve(turn, bounded(listener.accept().unwrap().0))).collect();
    (address, Background::start(work))
}

/// `len` bytes of digits in lines, different at every place: no program takes them for a command.
pub fn digits(len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 16);
    for number in 0u64.. {
        if bytes.len() >= len {
            break;
        }
        writeln!(bytes, "{number:015}").unwrap();
    }
    bytes.truncate(len.saturating_sub(1));
    bytes.push(b'\n');
    bytes
}
