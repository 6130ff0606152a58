//! Runs the command as a person would: with files, arguments and pipes.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// After this long a command that should have ended has hung.
const TOO_LONG: Duration = Duration::from_secs(60);

/// A folder for one test, gone when the test is over.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("bulla-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_string()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An authority whose certificate lies in a file.
pub struct Authority {
    pub file: String,
    pub issuer: Issuer<'static, KeyPair>,
}

/// Certificate and key in files.
#[derive(Clone, Debug)]
pub struct Issued {
    pub cert: String,
    pub key: String,
}

impl Authority {
    pub fn new(folder: &Folder, name: &str) -> Self {
        let mut params = ca_params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let file = folder.write(&format!("{name}.ca.pem"), certificate.pem());
        Self { file, issuer: Issuer::new(params, key) }
    }

    /// Issues a certificate for these names.
    pub fn issue(&self, folder: &Folder, names: &[&str]) -> Issued {
        self.issue_with(folder, names, |_| {})
    }

    /// Issues a certificate with something changed.
    pub fn issue_with(&self, folder: &Folder, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let mut params = leaf_params(names);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let name = names.first().unwrap();
        Issued {
            cert: folder.write(&format!("{name}.pem"), certificate.pem()),
            key: folder.write(&format!("{name}.key"), key.serialize_pem()),
        }
    }
}

pub fn ca_params(name: &str) -> CertificateParams {
    let mut params = leaf_params(&[]);
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

pub fn leaf_params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names.clone()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(name) = names.first() {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    params
}

/// What a command has left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub output: Vec<u8>,
    pub errors: String,
}

impl Ran {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// Checks code and words of the one line about the error, which is returned.
    #[track_caller]
    pub fn failed_with(&self, code: i32, words: &[&str]) -> String {
        assert_eq!(self.code, code, "{}", self.errors);
        let lines: Vec<_> = self.errors.lines().filter(|line| line.starts_with("bulla: ")).collect();
        assert_eq!(lines.len(), 1, "one line tells the error: {}", self.errors);
        for word in words {
            assert!(lines[0].contains(word), "{word:?} is not in {:?}", lines[0]);
        }
        lines[0].to_string()
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Neither the roots nor the colours of whoever runs the tests play a part.
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").env_remove("CLICOLOR_FORCE");
    command
}

/// Runs the command to its end, with nothing on standard input.
pub fn bulla(arguments: &[&str]) -> Ran {
    bulla_with_input(arguments, b"")
}

/// Runs the command to its end.
pub fn bulla_with_input(arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = command(arguments).spawn().unwrap();
    let (to_child, from_child) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let writer = write_all(to_child, input, drop);
    let output = read_all(from_child);
    let (code, errors) = finish(child);
    writer.join().unwrap();
    Ran { code, output: output.join().unwrap(), errors }
}

/// Runs the command to its end while its standard input stays open.
pub fn bulla_with_open_input(arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = command(arguments).spawn().unwrap();
    let (to_child, from_child) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let writer = write_all(to_child, input, |to_child| to_child);
    let output = read_all(from_child);
    let (code, errors) = finish(child);
    drop(writer.join().unwrap());
    Ran { code, output: output.join().unwrap(), errors }
}

/// Runs the command to its end while nobody reads its standard output.
pub fn bulla_with_closed_output(arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = command(arguments).spawn().unwrap();
    drop(child.stdout.take());
    let writer = write_all(child.stdin.take().unwrap(), input, drop);
    let (code, errors) = finish(child);
    writer.join().unwrap();
    Ran { code, output: Vec::new(), errors }
}

/// Writes while others read; the command may end before it has taken everything, which is its right.
fn write_all<R: Send + 'static>(
    mut to_child: ChildStdin,
    input: &[u8],
    after: impl FnOnce(ChildStdin) -> R + Send + 'static,
) -> JoinHandle<R> {
    let input = input.to_vec();
    thread::spawn(move || {
        let _ = to_child.write_all(&input);
        after(to_child)
    })
}

fn finish(mut child: Child) -> (i32, String) {
    let errors = read_all(child.stderr.take().unwrap());
    let code = wait(&mut child).code().expect("ended by a signal");
    (code, String::from_utf8(errors.join().unwrap()).unwrap())
}

fn read_all(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).unwrap();
        all
    })
}

/// Waits for the end, and ends what does not end by itself.
fn wait(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if begun.elapsed() > TOO_LONG {
            child.kill().unwrap();
            panic!("the command has hung");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// A running `bulla serve`, ended when it is dropped.
pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
    errors: Option<JoinHandle<Vec<u8>>>,
}

impl Server {
    /// Starts a server on a port that the system chooses, with this certificate.
    pub fn start(issued: &Issued, more: &[&str]) -> Self {
        let mut arguments = vec!["serve", "127.0.0.1:0", "--cert", &issued.cert, "--key", &issued.key];
        arguments.extend(more);
        Self::run(&arguments)
    }

    pub fn run(arguments: &[&str]) -> Self {
        let mut child = command(arguments).stdin(Stdio::null()).spawn().unwrap();
        let errors = read_all(child.stderr.take().unwrap());
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on ").map(|it| it.trim_end().to_string());
        let Some(address) = address else {
            let _ = child.kill();
            panic!("no address: {line:?}; {}", String::from_utf8_lossy(&errors.join().unwrap()));
        };
        Self { child, address, errors: Some(errors) }
    }

    /// Waits until the server ends by itself (`--once`).
    pub fn end(mut self) -> Ran {
        let code = wait(&mut self.child).code().expect("ended by a signal");
        let errors = self.errors.take().unwrap().join().unwrap();
        Ran { code, output: Vec::new(), errors: String::from_utf8(errors).unwrap() }
    }

    /// Ends the server and returns what it has said on standard error.
    pub fn stop(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        String::from_utf8(self.errors.take().unwrap().join().unwrap()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes that are not all alike: a linear congruential generator's.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state: u32 = 7;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(len).collect()
}
