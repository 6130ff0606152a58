//! Serves one name itself, and passes every other connection on to another server: each byte as it came, nothing decrypted.
//!
//! `cargo run --example route_by_name -- [::1]:8443 chain.pem key.pem example.com 192.0.2.1:443`
//!
//! What it serves is an echo. The other server sees the client's own ClientHello, and the client that server's certificate.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bulla::config::ClientHelloView;
use bulla::{Identity, Peek, ServerConfig, ServerConnection, Stream, alert_record, read_client_hello};

/// How long a client may take for its hello, and then for the rest of its handshake.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who serves whom.
pub struct Router {
    /// The name that is served here.
    pub name: String,
    /// How it is served.
    pub config: Arc<ServerConfig>,
    /// Where all others go.
    pub backend: SocketAddr,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, chain, key, name, backend] = arguments.as_slice() else {
        return Err("usage: route_by_name LISTEN CHAIN.pem KEY.pem NAME BACKEND".into());
    };
    let config = Arc::new(ServerConfig::new(Identity::from_files(chain, key)?));
    let router = Router { name: name.clone(), config, backend: backend.parse()? };
    serve(&TcpListener::bind(listen.as_str())?, Arc::new(router));
    Ok(())
}

/// Takes connections until the listener fails, each in a thread of its own.
pub fn serve(listener: &TcpListener, router: Arc<Router>) {
    for socket in listener.incoming().map_while(Result::ok) {
        let router = Arc::clone(&router);
        thread::spawn(move || {
            if let Err(error) = route(&router, socket) {
                eprintln!("{error}");
            }
        });
    }
}

/// Looks at the hello and decides; the bytes that were looked at go wherever the connection goes.
fn route(router: &Router, mut socket: TcpStream) -> io::Result<()> {
    let mut received = Vec::new();
    let hello = look(&mut socket, &mut received)?;
    socket.set_read_timeout(None)?;
    if hello.server_name().is_some_and(|name| name.eq_ignore_ascii_case(&router.name)) {
        echo(&router.config, &received, socket)
    } else {
        pass_on(router.backend, &received, socket)
    }
}

/// Reads until there is a whole ClientHello. What is none gets its alert, as from any server.
fn look(socket: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<ClientHelloView> {
    let deadline = Instant::now() + PATIENCE;
    let mut buffer = [0; 4096];
    loop {
        match read_client_hello(received) {
            Ok(Peek::ClientHello(hello)) => return Ok(hello),
            Ok(Peek::NeedMore { .. }) => {}
            Err(error) => {
                alert_record(&error).map_or(Ok(()), |alert| socket.write_all(&alert))?;
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match socket.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            len => received.extend_from_slice(&buffer[..len]),
        }
    }
}

fn echo(config: &Arc<ServerConfig>, received: &[u8], socket: TcpStream) -> io::Result<()> {
    let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut tls = Stream::with_received(connection, socket, received);
    tls.handshake_within(PATIENCE)?;
    let mut buffer = [0; 4096];
    while let len @ 1.. = tls.read(&mut buffer)? {
        tls.write_all(&buffer[..len])?;
    }
    tls.close()
}

fn pass_on(backend: SocketAddr, received: &[u8], client: TcpStream) -> io::Result<()> {
    let mut server = TcpStream::connect(backend)?;
    server.write_all(received)?;
    let (from_server, to_client) = (server.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || copy(from_server, to_client));
    copy(client, server)?;
    back.join().unwrap_or(Ok(()))
}

/// Copies one way; where it ends, the other side is told.
fn copy(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    let copied = io::copy(&mut from, &mut to);
    to.shutdown(Shutdown::Write).and(copied).map(drop)
}
