//! Sends back what comes, until the client has nothing more to say.

use std::io::{self, Read, Write};

/// How much is taken at a time. A client that sends without reading is held back by TCP, not by a growing buffer.
const BUFFER_LEN: usize = 0x1_0000;

/// Echoes until close_notify.
pub(super) fn serve(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_LEN];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return stream.flush(),
            Ok(read) => {
                stream.write_all(buffer.get(..read).unwrap_or_default())?;
                stream.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
