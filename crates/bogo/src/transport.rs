//! The socket to the runner, and the crooked ways of `-async`: reads that bring little, writes that take little.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};

use crate::failure::Failure;
use crate::options::Options;

/// How much one read or write moves under `-async`, over and over: single bytes between pieces of many sizes, so that
/// records are cut everywhere.
const PIECES: &[usize] = &[1, 1, 2, 3, 1, 5, 8, 1, 13, 255, 1, 4096, 1, 17];

pub(crate) struct Transport {
    socket: TcpStream,
    in_pieces: bool,
    reads: usize,
    writes: usize,
}

impl Transport {
    /// Connects to the runner and says which shim this is.
    pub(crate) fn connect(options: &Options) -> Result<Self, Failure> {
        let address = match options.ipv6 {
            true => SocketAddr::from((Ipv6Addr::LOCALHOST, options.port)),
            false => SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)),
        };
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.write_all(&options.shim_id.to_le_bytes())?;
        Ok(Self { socket, in_pieces: options.asynchronous, reads: 0, writes: 0 })
    }

    /// Reads at least one byte into `buffer`, or nothing at the end of the input.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let len = self.piece(buffer.len(), self.reads);
        self.reads += 1;
        loop {
            match self.socket.read(&mut buffer[..len]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return Ok(result?),
            }
        }
    }

    pub(crate) fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(self.piece(bytes.len(), self.writes));
            self.writes += 1;
            self.socket.write_all(now)?;
            bytes = later;
        }
        Ok(())
    }

    fn piece(&self, len: usize, turn: usize) -> usize {
        if self.in_pieces { len.min(PIECES[turn % PIECES.len()]) } else { len }
    }

    /// Says that nothing more comes and waits until the runner says so too: a socket that is closed with unread bytes
    /// resets the connection, and the runner would not see our last words.
    pub(crate) fn finish(mut self) {
        let mut rest = [0; 4096];
        if self.socket.shutdown(Shutdown::Write).is_ok() {
            while matches!(self.socket.read(&mut rest), Ok(len) if len > 0) {}
        }
    }
}
