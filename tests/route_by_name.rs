//! Runs the example that serves one name itself and passes every other connection on, over loopback.

#[path = "support/pair.rs"]
mod pair;
#[allow(dead_code, unreachable_pub, reason = "it is a program, whose `main` is for the command line")]
#[path = "../examples/route_by_name.rs"]
mod route_by_name;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use bulla::pki_types::CertificateDer;
use bulla::wire::{AlertDescription, NamedGroup, ProtocolVersion};
use bulla::{ClientConfig, ClientConnection, Event, Roots, ServerConfig, ServerConnection, Stream};
use pair::{Authority, KeyKind, NAME, NOW};
use route_by_name::{Router, serve};

const ELSEWHERE: &str = "elsewhere.test";

/// A router on a port of its own, and the server behind it, each with an authority of its own.
struct Town {
    here: Authority,
    there: Authority,
    router: SocketAddr,
}

impl Town {
    fn new() -> Self {
        let [here, there] = ["Here", "There"].map(Authority::named);
        let config = |authority: &Authority, name: &str| {
            Arc::new(ServerConfig::new(authority.identity(&[name], KeyKind::EcdsaP256)).clock(Arc::new(NOW)))
        };
        let behind = config(&there, ELSEWHERE);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let backend = listener.local_addr().unwrap();
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let behind = Arc::clone(&behind);
                thread::spawn(move || shout(&behind, socket));
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let router = listener.local_addr().unwrap();
        let routing = Router { name: NAME.into(), config: config(&here, NAME), backend };
        thread::spawn(move || serve(&listener, Arc::new(routing)));
        Self { here, there, router }
    }

    fn client(&self) -> ClientConfig {
        let mut roots = Roots::new();
        roots.add_der(&self.here.certificate).unwrap();
        roots.add_der(&self.there.certificate).unwrap();
        ClientConfig::new(roots).clock(Arc::new(NOW))
    }
}

/// The server behind: it answers in capital letters, so that nobody takes it for the echo.
fn shout(config: &Arc<ServerConfig>, socket: TcpStream) {
    let mut tls = Stream::new(ServerConnection::new(Arc::clone(config)).unwrap(), socket);
    let mut heard = [0; 100];
    while let Ok(len @ 1..) = tls.read(&mut heard) {
        tls.write_all(&heard[..len].to_ascii_uppercase()).unwrap();
    }
    let _ = tls.close();
}

/// Says something to a server and returns what it answered, and its leaf.
fn ask<T: Read + Write>(
    config: ClientConfig,
    name: &str,
    transport: T,
) -> io::Result<(String, CertificateDer<'static>)> {
    let connection = ClientConnection::new(Arc::new(config), name.to_string().try_into().unwrap()).unwrap();
    let mut tls = Stream::new(connection, transport);
    tls.write_all(b"hello")?;
    tls.flush()?;
    let leaf = tls.connection().peer_certificates()[0].clone();
    tls.close()?;
    let mut answer = String::new();
    tls.read_to_string(&mut answer)?;
    Ok((answer, leaf))
}

fn is_by(leaf: &CertificateDer<'_>, authority: &Authority) -> bool {
    use bulla::verify::PeerCertificate;
    let issuer = PeerCertificate::read(&authority.certificate).unwrap().subject().to_vec();
    PeerCertificate::read(leaf).unwrap().issuer() == issuer
}

#[test]
fn own_name_is_served_here_and_another_one_by_the_server_behind() {
    let town = Town::new();
    for version in [ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2] {
        for (name, expected, authority) in [(NAME, "hello", &town.here), (ELSEWHERE, "HELLO", &town.there)] {
            let client = town.client().versions([version]).unwrap();
            let (answer, leaf) = ask(client, name, TcpStream::connect(town.router).unwrap()).unwrap();
            assert_eq!(answer, expected);
            assert!(is_by(&leaf, authority));
        }
    }
}

#[test]
fn retry_is_between_the_client_and_the_server_behind_alone() {
    let town = Town::new();
    // No share in the first hello is of a group that servers want first.
    let client = || town.client().groups([NamedGroup::secp384r1, NamedGroup::x25519]).unwrap();
    for (name, expected) in [(NAME, "hello"), (ELSEWHERE, "HELLO")] {
        let connection = ClientConnection::new(Arc::new(client()), name.to_string().try_into().unwrap()).unwrap();
        let mut tls = Stream::new(connection, TcpStream::connect(town.router).unwrap());
        tls.write_all(b"hello").unwrap();
        let mut answer = [0; 5];
        tls.read_exact(&mut answer).unwrap();
        assert!(tls.connection().hello_retried());
        assert_eq!(answer, expected.as_bytes());
    }
}

/// A socket that sends one byte at a time.
struct Crumbs(TcpStream);

impl Read for Crumbs {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Crumbs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn hello_in_crumbs_finds_its_way() {
    let town = Town::new();
    for (name, expected) in [(NAME, "hello"), (ELSEWHERE, "HELLO")] {
        let socket = TcpStream::connect(town.router).unwrap();
        socket.set_nodelay(true).unwrap();
        assert_eq!(ask(town.client(), name, Crumbs(socket)).unwrap().0, expected);
    }
}

#[test]
fn what_is_no_hello_gets_its_alert_and_goes_nowhere() {
    let town = Town::new();
    for (bytes, alert) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], AlertDescription::protocol_version),
        (&[22, 3, 1, 0, 5, 1, 0, 0, 1, 3], AlertDescription::decode_error),
    ] {
        let mut socket = TcpStream::connect(town.router).unwrap();
        socket.write_all(bytes).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, [21, 3, 3, 0, 2, 2, alert.0]);
    }
}

#[test]
fn stream_takes_up_what_somebody_else_has_read_however_much_it_is() {
    let said: Vec<u8> = (0..100_000_u32).map(|it| it as u8).collect();
    for len in [0, 1, 20_000, 60_000, 100_000] {
        let (client, server) = pair::configs(KeyKind::EcdsaP256);
        let mut pair = pair::Pair::established(client, server);
        let records = pair::send(&mut pair.client, &said);
        let (received, rest) = records.split_at(len);
        let transport = Crumbling { rest: rest.to_vec() };
        let mut stream = Stream::with_received(pair.server, transport, received);
        let mut heard = vec![0; said.len()];
        stream.read_exact(&mut heard).unwrap();
        assert!(heard == said, "{len}");
        assert!(matches!(stream.connection_mut().receive(&mut []).unwrap().event, Event::NeedMore { .. }));
    }
}

/// A transport that has these bytes and takes any.
struct Crumbling {
    rest: Vec<u8>,
}

impl Read for Crumbling {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.rest.len()).min(1000);
        buffer[..len].copy_from_slice(&self.rest[..len]);
        self.rest.drain(..len);
        Ok(len)
    }
}

impl Write for Crumbling {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
