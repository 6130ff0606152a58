//! `connect --early-data FILE`: sent before the handshake is finished where that goes, and behind it where it does not.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use bulla::{ClientConnection, EarlyData, Stream};

use super::SessionFile;
use crate::console::{self, clean, grouped};
use crate::report::Failure;

/// What is to be sent early, and how much of it was.
pub(super) struct EarlyInput {
    path: PathBuf,
    data: Vec<u8>,
    sent: usize,
}

impl EarlyInput {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let data = fs::read(path);
        let data = data.map_err(|error| Failure::usage("--early-data", format!("{}: {error}", path.display())))?;
        Ok(Self { path: path.into(), data, sent: 0 })
    }

    /// Sends as much as the session allows, without waiting for the server. A server that takes nothing holds it up for
    /// `limit` at a time at most.
    pub(super) fn send(&mut self, stream: &mut Stream<ClientConnection, TcpStream>, limit: Duration) -> io::Result<()> {
        stream.transport().set_write_timeout(Some(limit))?;
        loop {
            let rest = self.data.get(self.sent..).unwrap_or_default();
            match stream.write_early(rest)? {
                0 => return stream.transport().set_write_timeout(None),
                taken => self.sent += taken,
            }
        }
    }

    /// Says what became of it, and returns what is still to be sent.
    pub(super) fn rest(mut self, connection: &ClientConnection, file: Option<&Arc<SessionFile>>) -> Vec<u8> {
        let (all, sent) = (grouped(self.data.len()), grouped(self.sent));
        let outcome = match connection.early_data() {
            EarlyData::Accepted if self.sent == self.data.len() => format!("accepted, {all} B"),
            EarlyData::Accepted => format!("accepted, the first {sent} of {all} B; the rest follows"),
            EarlyData::Rejected => format!("rejected by the server; all {all} B are sent again"),
            EarlyData::Retried => {
                format!("rejected, because the server asked for another hello; all {all} B are sent again")
            }
            EarlyData::NotOffered | EarlyData::Pending => {
                let why = file.and_then(|file| file.missing()).unwrap_or("the session allows none here".into());
                format!("not offered, because {why}; all {all} B follow the handshake")
            }
        };
        console::note(&clean(&format!("early data {}: {outcome}", self.path.display())));
        let accepted = if connection.early_data() == EarlyData::Accepted { self.sent } else { 0 };
        self.data.split_off(accepted)
    }
}
