//! `connect --traffic-keys FILE`: what a kernel's TLS would go on with, for its owner's eyes.

use std::io::{self, Write};
use std::path::Path;
use std::{fmt, fs};

use bulla::Connection;
use bulla::connection::danger::{DangerousTrafficSecrets, DirectionKeys};

use super::session_file::create_private;
use crate::report::Failure;
use crate::told::hex;

/// Writes the keys in use to a file that its owner alone can read.
pub(super) fn write(path: &Path, connection: &Connection) -> Result<(), Failure> {
    let unusable = |why: &dyn fmt::Display| Failure::usage("--traffic-keys", format!("{}: {why}", path.display()));
    let keys = connection.danger_traffic_keys().map_err(|error| unusable(&error))?;
    let head = format!("version {}\ncipher_suite {}\n", keys.version, keys.cipher_suite);
    let text = head + &direction("write", &keys.write) + &direction("read", &keys.read);
    write_private(path, &text).map_err(|error| unusable(&error))
}

fn direction(name: &str, keys: &DirectionKeys) -> String {
    let (key, iv) = (hex(keys.key.expose()), hex(keys.iv.expose()));
    format!("{name}_key {key}\n{name}_iv {iv}\n{name}_sequence_number {}\n", keys.sequence_number)
}

/// A file that was there before may be readable by others.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    create_private(path)?.write_all(text.as_bytes())
}
