//! NSS's commands as peers: `tstclnt` and `selfserv`, with a database that holds the shared certificates.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bulla::wire::ProtocolVersion;

use super::certificates::{Certificates, Kind, NAME};
use super::peer::{Process, is_installed, run, skipped};

/// A database of NSS: authorities that it trusts, and one leaf with its key.
pub struct Nss {
    pub certificates: Arc<Certificates>,
    database: String,
}

impl Nss {
    /// Makes a database that trusts the shared P-256 authority and has its leaf; `None` without the programs, and says so.
    pub fn new() -> Option<Self> {
        // The programs have no flag that succeeds and does nothing.
        let has_nss = Command::new("certutil").arg("-H").output().is_ok();
        if !has_nss || Command::new("tstclnt").output().is_err() || Command::new("selfserv").output().is_err() {
            skipped("NSS and Bulla", "one of tstclnt, selfserv and certutil (libnss3-tools)");
            return None;
        }
        if !is_installed("openssl", "version") {
            skipped("NSS and Bulla", "openssl, which makes the certificates,");
            return None;
        }
        let certificates = Certificates::shared();
        let made = Self::with_authority(&certificates, "ca-p256");
        made.add_leaf(&certificates.certificate_file(Kind::EcdsaP256), &certificates.key_file(Kind::EcdsaP256));
        Some(made)
    }

    /// Makes a database that trusts one authority of the folder.
    fn with_authority(certificates: &Arc<Certificates>, authority: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = certificates.folder.path(&format!("nss-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir(&folder).unwrap();
        let database = format!("sql:{}", folder.to_str().unwrap());
        run("certutil", ["-N", "-d", &database, "--empty-password"]);
        let file = certificates.folder.text(&format!("{authority}.pem"));
        run("certutil", ["-A", "-d", &database, "-n", "authority", "-t", "CT,C,C", "-i", &file]);
        Self { certificates: Arc::clone(certificates), database }
    }

    fn add_leaf(&self, certificate: &str, key: &str) {
        let both = format!("{}/leaf.p12", self.database.trim_start_matches("sql:"));
        let from = ["-in", certificate, "-inkey", key, "-name", "leaf", "-out", &both, "-passout", "pass:"];
        run("openssl", [&["pkcs12", "-export"], &from[..]].concat());
        run("pk12util", ["-i", &both, "-d", &self.database, "-W", ""]);
    }

    /// Starts a client that verifies our chain and name. It must not lose its standard input while it runs: it would look at
    /// that without rest until the server closes.
    pub fn client(&self, version: ProtocolVersion, address: SocketAddr, more: &[&str]) -> Process {
        let port = address.port().to_string();
        // What it exports would else wait in its buffer until it ends.
        let mut command = Command::new("stdbuf");
        command.args(["-oL", "tstclnt", "-h", "127.0.0.1", "-p", &port, "-a", NAME, "-d", &self.database]);
        Process::start(command.args(["-V", &only(version), "-v", "-4"]).args(more))
    }

    /// Starts a server that answers a request with a short head and the request itself. It listens on every address and
    /// cannot be told otherwise, so that it needs a network of its own, where every port is free.
    pub fn server(&self, version: ProtocolVersion, port: u16, more: &[&str]) -> (Process, SocketAddr) {
        let mut command = Command::new("selfserv");
        command.args(["-n", "leaf", "-p", &port.to_string(), "-d", &self.database]);
        let process = Process::start(command.args(["-V", &only(version), "-v"]).args(more));
        // It listens before it says so.
        process.wait_for_text("About to call accept");
        (process, ([127, 0, 0, 1], port).into())
    }
}

/// NSS's words for a version alone.
fn only(version: ProtocolVersion) -> String {
    let name = if version == ProtocolVersion::TLSv1_3 { "tls1.3" } else { "tls1.2" };
    format!("{name}:{name}")
}
