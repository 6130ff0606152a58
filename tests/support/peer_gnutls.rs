//! GnuTLS' commands as peers.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use super::certificates::{Certificates, Kind, NAME};
use super::peer::{Process, is_installed, skipped};

/// The certificates, or `None` without a program; says so then.
pub fn gnutls_certificates() -> Option<Arc<Certificates>> {
    for (program, flag) in [("gnutls-cli", "--version"), ("openssl", "version")] {
        if !is_installed(program, flag) {
            skipped("GnuTLS and Bulla", program);
            return None;
        }
    }
    Some(Certificates::shared())
}

/// Starts a client that verifies our chain and name.
pub fn gnutls_cli(certificates: &Certificates, address: SocketAddr, more: &[&str]) -> Process {
    let (roots, port) = (certificates.roots_file(), address.port().to_string());
    let mut command = Command::new("gnutls-cli");
    command.args(["--x509cafile", &roots, "--sni-hostname", NAME, "--verify-hostname", NAME, "--port", &port]);
    Process::start(command.args(more).arg("127.0.0.1"))
}

/// Set where a test runs in a network of its own.
const ISOLATED: &str = "BULLA_TEST_ISOLATED";

/// `gnutls-serv` listens on every address of the machine and cannot be told otherwise. So the test of this name starts
/// itself again in a network namespace that has a loopback and nothing else. Says whether we are in there.
pub fn isolated(test: &str) -> bool {
    if std::env::var_os(ISOLATED).is_some() {
        return true;
    }
    let unshare = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]);
        command.args(arguments).env(ISOLATED, "");
        command
    };
    let possible =
        unshare(&["stdbuf", "-oL", "gnutls-serv", "--version"]).output().is_ok_and(|output| output.status.success());
    if !possible {
        skipped(
            "gnutls-serv and our client",
            "gnutls-serv, stdbuf, or unshare and ip to give it a network of its own,",
        );
        return false;
    }
    let program = std::env::current_exe().unwrap();
    let again = Process::start(&mut unshare(&[program.to_str().unwrap(), "--exact", test, "--nocapture"]));
    let text = again.finish().successful().text();
    assert!(text.contains("1 passed"), "{text}");
    false
}

/// Starts an echoing server; in a network of its own, every port is free.
pub fn gnutls_serv(certificates: &Certificates, kind: Kind, port: u16, more: &[&str]) -> (Process, SocketAddr) {
    let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
    gnutls_serv_with(port, &[&["--x509certfile", &certificate, "--x509keyfile", &key], more].concat())
}

/// Starts an echoing server that has no certificate unless it is told to.
pub fn gnutls_serv_with(port: u16, more: &[&str]) -> (Process, SocketAddr) {
    let port_text = port.to_string();
    // What it tells of a connection would else wait in its buffer until it ends.
    let mut command = Command::new("stdbuf");
    command.args(["-oL", "gnutls-serv", "--echo", "--port", &port_text]);
    let process = Process::start(command.args(more));
    process.wait_for_text(&format!("IPv4 0.0.0.0 port {port}...done"));
    (process, ([127, 0, 0, 1], port).into())
}
