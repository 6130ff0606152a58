//! Our small Go program as a peer: built once in a test run, with whatever Go there is.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::peer::{Process, skipped};

/// Go tells the key exchange of a connection since 1.25, and has MLKEM1024 since 1.27.
const OLDEST_MINOR: u32 = 27;

/// Builds the program and returns its path, or says that there is no Go and returns `None`.
///
/// Go is the program that the environment variable BULLA_GO names, or `go` on the path.
pub fn go_peer(source: &str) -> Option<&'static str> {
    static BUILT: OnceLock<Option<String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let go = std::env::var("BULLA_GO").unwrap_or_else(|_| "go".to_string());
        new_enough(&go).then(|| build(&go, source))
    });
    if built.is_none() {
        skipped("Go's crypto/tls and Bulla", "Go 1.27 or newer (on the path, or named by BULLA_GO)");
    }
    built.as_deref()
}

fn new_enough(go: &str) -> bool {
    let Ok(output) = Command::new(go).args(["env", "GOVERSION"]).stdin(Stdio::null()).output() else { return false };
    let version = String::from_utf8_lossy(&output.stdout).trim().to_string();
    let minor = version.strip_prefix("go1.").map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    minor.flatten().and_then(|minor| minor.parse().ok()).is_some_and(|minor: u32| minor >= OLDEST_MINOR)
}

fn build(go: &str, source: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Another test run may be executing the last one: a new file takes its place.
    let new = folder.join(format!("go-peer-{}", std::process::id()));
    let program = folder.join("go-peer");
    let mut command = Command::new(go);
    command.args(["build", "-o"]).arg(&new).arg(source);
    command.env("GOCACHE", folder.join("go-cache"));
    // Only what Go itself brings: nothing is fetched.
    command.env("GOFLAGS", "-mod=mod").env("GOPROXY", "off").env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::rename(new, &program).unwrap();
    program.to_str().unwrap().to_string()
}

/// Starts the program as a client of ours.
pub fn go_client(program: &str, address: SocketAddr, arguments: &[&str]) -> Process {
    let address = address.to_string();
    Process::start(Command::new(program).args(["client", "-address", &address]).args(arguments))
}

/// Starts the program as an echoing server.
pub fn go_server(program: &str, arguments: &[&str]) -> (Process, SocketAddr) {
    let process = Process::start(Command::new(program).arg("server").args(arguments));
    let address = process.wait_for_line("listening=").parse().unwrap();
    (process, address)
}
