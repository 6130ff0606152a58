//! Transports that can be told to give up.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

/// The time-outs of one read and of one write; `None` waits for ever.
type ReadAndWrite = (Option<Duration>, Option<Duration>);

/// A transport whose reads and writes can be told to give up.
pub trait Timeouts {
    /// Returns the time-outs for reading and for writing.
    fn timeouts(&self) -> io::Result<ReadAndWrite>;

    /// Sets the time-outs for reading and for writing.
    fn set_timeouts(&mut self, timeouts: ReadAndWrite) -> io::Result<()>;
}

macro_rules! socket {
    ($socket:ty) => {
        impl Timeouts for $socket {
            fn timeouts(&self) -> io::Result<ReadAndWrite> {
                Ok((self.read_timeout()?, self.write_timeout()?))
            }

            fn set_timeouts(&mut self, (read, write): ReadAndWrite) -> io::Result<()> {
                self.set_read_timeout(read)?;
                self.set_write_timeout(write)
            }
        }
    };
}

socket!(TcpStream);
socket!(&TcpStream);
#[cfg(unix)]
socket!(std::os::unix::net::UnixStream);
