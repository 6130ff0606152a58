//! SSLKEYLOGFILE output, for analysers such as Wireshark. RFC 9850.

use alloc::string::String;
use core::fmt::{self, Write as _};

/// Receives the secrets of a connection. Whoever holds them can read the connection: for debugging only.
pub trait KeyLog: Send + Sync + fmt::Debug {
    /// Takes one secret. `label` is the RFC 9850 label, such as `CLIENT_HANDSHAKE_TRAFFIC_SECRET`.
    fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]);
}

/// Formats one line of an SSLKEYLOGFILE, without the line's end. RFC 9850 §2.
pub fn key_log_line(label: &str, client_random: &[u8; 32], secret: &[u8]) -> String {
    // Room for the line's end too: a string that grows leaves its first copy behind, secret and all.
    let mut line = String::with_capacity(label.len() + 2 + 64 + 2 * secret.len() + 1);
    line.push_str(label);
    for field in [&client_random[..], secret] {
        line.push(' ');
        for byte in field {
            // Writing into a String cannot fail.
            let _ = write!(line, "{byte:02x}");
        }
    }
    line
}

/// Appends the lines to a file, each with one write, so that several processes can share it.
#[cfg(feature = "std")]
#[derive(Debug)]
pub struct KeyLogFile {
    file: std::sync::Mutex<std::fs::File>,
}

#[cfg(feature = "std")]
impl KeyLogFile {
    /// Opens `path` for appending; creates it readable by its owner alone where the system knows such a thing.
    pub fn open(path: impl AsRef<std::path::Path>) -> std::io::Result<Self> {
        let mut options = std::fs::OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self { file: std::sync::Mutex::new(options.open(path)?) })
    }
}

#[cfg(feature = "std")]
impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]) {
        let mut line = key_log_line(label, client_random, secret);
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A log that cannot be written must not break the connection that it watches.
        let _ = std::io::Write::write_all(&mut *file, line.as_bytes());
        zeroize::Zeroize::zeroize(&mut line);
    }
}
