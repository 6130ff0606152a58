//! `bulla demo`: both ends of a connection on this machine, and an account of what passes between them.
//!
//! Nothing is played: an authority is made, a server listens on loopback, a client connects over TCP, and whatever is not
//! as it should be ends the command with an error.

mod again;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bulla::error::CertificateError;
use bulla::pki_types::PrivateKeyDer;
use bulla::resume::MemoryClientSessions;
use bulla::wire::{AlertDescription, ProtocolVersion};
use bulla::{
    ClientConfig, ClientConnection, Error, HandshakeKind, Identity, Roots, ServerConfig, ServerConnection, ServerName,
    Stream,
};

use crate::console::{BOLD, DIM, GOOD, clean};
use crate::negotiated;
use crate::report::{Failure, Kind, Role};
use crate::trace::Account;

/// The name that the server's certificate is for.
const NAME: &str = "demo.example";
/// A name that it is not for.
const WRONG_NAME: &str = "wrong.example";
/// The application protocol that both ends speak.
const PROTOCOL: &str = "bulla-demo";
/// How much goes each way, in blocks: 64 MiB.
const BLOCKS: usize = 256;
/// Length of a block in bytes.
const BLOCK_LEN: usize = 0x4_0000;
/// Longest wait for anything: a demonstration must end.
const LIMIT: Duration = Duration::from_secs(30);

type Client = Stream<ClientConnection, TcpStream>;
type Server = Stream<ServerConnection, TcpStream>;

/// Runs the command.
pub(crate) fn run() -> Result<(), Failure> {
    let (roots, identity) = authority()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| network(&error))?;
    let address = listener.local_addr().map_err(|error| network(&error))?;
    say(format_args!("{BOLD}A client and a server on this machine{BOLD:#}, over TCP at {address}"));
    say(format_args!("{DIM}with a certificate for {NAME} from an authority made for this one run{DIM:#}\n"));

    let config = ServerConfig::new(identity).alpn([PROTOCOL]).map_err(|error| Failure::usage("demo", error))?;
    let config = again::resuming(config)?;
    let server = thread::spawn(move || serve(&listener, config));
    let client = ClientConfig::new(roots).session_store(Arc::new(MemoryClientSessions::new(2, 2)));
    let connected = tls13(address, &client)
        .and_then(|()| again::resumed(address, &client, ProtocolVersion::TLSv1_3))
        .and_then(|()| again::early(address, &client))
        .and_then(|()| tls12(address, &client))
        .and_then(|()| again::resumed(address, &client, ProtocolVersion::TLSv1_2))
        .and_then(|()| wrong_name(address, &client));
    // If the client has failed, the server may wait for ever for what does not come: it is left behind.
    connected?;
    let served = server.join().unwrap_or_else(|_| Err(wrong("the server's thread panicked")));
    served?;

    say(format_args!("{GOOD}All is as it should be.{GOOD:#}"));
    if cfg!(debug_assertions) {
        say(format_args!("{DIM}This is a debug build: `cargo run --release -- demo` shows the real speed.{DIM:#}"));
    }
    Ok(())
}

/// Makes an authority and a server's certificate, in memory.
fn authority() -> Result<(Roots, Identity), Failure> {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
    let made = || -> Result<_, rcgen::Error> {
        let mut params = CertificateParams::new([])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Throw-away authority");
        let key = KeyPair::generate()?;
        let root = params.self_signed(&key)?;
        let issuer = Issuer::new(params, key);

        let mut params = CertificateParams::new([NAME.to_string()])?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, NAME);
        params.not_before = time::OffsetDateTime::now_utc() - time::Duration::HOUR;
        params.not_after = params.not_before + time::Duration::DAY;
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &issuer)?;
        Ok((root, leaf, key))
    };
    let (root, leaf, key) = made().map_err(|error| wrong(&format!("no certificate could be made: {error}")))?;
    let mut roots = Roots::new();
    roots.add_der(root.der()).map_err(|error| Failure::usage("demo", error))?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(wrong)?;
    let identity = Identity::new(vec![leaf.der().clone()], &key).map_err(|error| Failure::usage("demo", error))?;
    Ok((roots, identity))
}

/// The connection that goes well in TLS 1.3, told by the client from its first message to its last.
fn tls13(address: SocketAddr, client: &ClientConfig) -> Result<(), Failure> {
    let account = Arc::new(Account::default());
    let (mut stream, took) = shake_hands(address, client, ProtocolVersion::TLSv1_3, HandshakeKind::Full, &account)?;
    let shaken = account.seen().len();
    say(format_args!("{BOLD}The handshake{BOLD:#}, as the client sees it ({})", milliseconds(took)));
    tell(&account, 0);

    say(format_args!("{BOLD}What was agreed on{BOLD:#}\n  {}", negotiated::line(stream.connection())));
    let certificate = negotiated::peer(stream.connection()).unwrap_or_default();
    say(format_args!("  {certificate}\n"));

    say(format_args!("{BOLD}Data{BOLD:#}, every byte compared"));
    exchange(&mut stream).map_err(client_failed)?;

    close(&mut stream)?;
    say(format_args!("{BOLD}The end{BOLD:#}, said by both, so that nobody can cut the data short unseen"));
    tell(&account, shaken);
    Ok(())
}

/// The same with the version before, for servers and clients that have no other.
fn tls12(address: SocketAddr, client: &ClientConfig) -> Result<(), Failure> {
    let account = Arc::new(Account::default());
    let (mut stream, took) = shake_hands(address, client, ProtocolVersion::TLSv1_2, HandshakeKind::Full, &account)?;
    say(format_args!("{BOLD}The same in TLS 1.2{BOLD:#}, for peers that have nothing newer ({})", milliseconds(took)));
    tell(&account, 0);
    say(format_args!("  {}", negotiated::line(stream.connection())));
    exchange(&mut stream).map_err(client_failed)?;
    close(&mut stream)
}

/// Connects in one version and checks what was agreed on.
fn shake_hands(
    address: SocketAddr,
    client: &ClientConfig,
    version: ProtocolVersion,
    kind: HandshakeKind,
    account: &Arc<Account>,
) -> Result<(Client, Duration), Failure> {
    let started = Instant::now();
    let mut stream = connect(address, client, NAME, version, account)?;
    stream.handshake_within(LIMIT).map_err(client_failed)?;
    let took = started.elapsed();
    if stream.connection().protocol_version() != Some(version) {
        return Err(wrong("the version that was agreed on is not the one that was offered"));
    }
    if stream.connection().handshake_kind() != Some(kind) {
        return Err(wrong("the handshake is not of the kind that it should be"));
    }
    if stream.connection().alpn_protocol() != Some(PROTOCOL.as_bytes()) {
        return Err(wrong("the protocol that was agreed on is not the one that was offered"));
    }
    Ok((stream, took))
}

/// Moves all blocks there, and back again, and tells how fast.
fn exchange(stream: &mut Client) -> io::Result<()> {
    let block = block();
    let started = Instant::now();
    send(stream, &block, BLOCKS).and_then(|()| acknowledged(stream))?;
    say(format_args!("  → {}", speed(started.elapsed())));
    let started = Instant::now();
    receive(stream, &block, BLOCKS)?;
    say(format_args!("  ← {}\n", speed(started.elapsed())));
    Ok(())
}

fn close(stream: &mut Client) -> Result<(), Failure> {
    stream.close().and_then(|()| at_end(stream)).map_err(client_failed)
}

/// The connection that must not come about: the certificate is for another name.
fn wrong_name(address: SocketAddr, client: &ClientConfig) -> Result<(), Failure> {
    let account = Arc::new(Account::default());
    let mut stream = connect(address, client, WRONG_NAME, ProtocolVersion::TLSv1_3, &account)?;
    let refused = stream.handshake_within(LIMIT);
    match refused.as_ref().map_err(bulla::tls_error) {
        Err(Some(Error::Certificate(error @ CertificateError::NameMismatch(..)))) => {
            say(format_args!("{BOLD}The same server under the name {WRONG_NAME}{BOLD:#}: refused, as it must be"));
            let sent = account.seen().into_iter().filter(|seen| seen.name.starts_with("Alert"));
            sent.for_each(|seen| say(format_args!("  {}", seen.line())));
            say(format_args!("  {}\n", clean(&error.to_string())));
            Ok(())
        }
        Ok(()) => Err(wrong("a certificate was accepted for a name that it is not for")),
        Err(_) => refused.map_err(client_failed),
    }
}

fn connect(
    address: SocketAddr,
    client: &ClientConfig,
    name: &str,
    version: ProtocolVersion,
    account: &Arc<Account>,
) -> Result<Client, Failure> {
    let connection = connection(client, name, version, account)?;
    Ok(Stream::new(connection, transport(address)?))
}

fn connection(
    client: &ClientConfig,
    name: &str,
    version: ProtocolVersion,
    account: &Arc<Account>,
) -> Result<ClientConnection, Failure> {
    let config = client.clone().versions([version]).and_then(|config| config.alpn([PROTOCOL]));
    let config = config.map_err(|error| Failure::usage("demo", error))?;
    let config = Arc::new(config.observer(Arc::clone(account) as _));
    let name = ServerName::try_from(name.to_string()).map_err(|error| Failure::usage("demo", error))?;
    ClientConnection::new(config, name).map_err(|error| Failure::of_tls("the client", Role::Client, &error))
}

fn transport(address: SocketAddr) -> Result<TcpStream, Failure> {
    TcpStream::connect(address).and_then(limited).map_err(|error| network(&error))
}

/// The server's side: the connections that go well, in the client's order, and one whose client must refuse us.
fn serve(listener: &TcpListener, config: ServerConfig) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::of_connection("the server", Role::Server, &error);
    let config = Arc::new(config);
    let block = block();
    for version in [ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2] {
        let mut stream = accept(listener, &config)?;
        receive(&mut stream, &block, BLOCKS).map_err(failed)?;
        stream.write_all(b"!").and_then(|()| send(&mut stream, &block, BLOCKS)).map_err(failed)?;
        at_end(&mut stream).and_then(|()| stream.close()).map_err(failed)?;
        again::serve_resumed(accept(listener, &config)?).map_err(failed)?;
        if version == ProtocolVersion::TLSv1_3 {
            again::serve_early(accept(listener, &config)?).map_err(failed)?;
            again::serve_replayed(accept(listener, &config)?)?;
        }
    }

    let refused = accept(listener, &config)?.handshake_within(LIMIT);
    match refused.as_ref().map_err(bulla::tls_error) {
        Err(Some(Error::AlertReceived(AlertDescription::bad_certificate))) => Ok(()),
        Ok(()) => Err(wrong("the server was not told that its certificate was refused")),
        Err(_) => refused.map_err(failed),
    }
}

fn accept(listener: &TcpListener, config: &Arc<ServerConfig>) -> Result<Server, Failure> {
    let (transport, _) = listener.accept().map_err(|error| network(&error))?;
    let transport = limited(transport).map_err(|error| network(&error))?;
    let connection = ServerConnection::new(Arc::clone(config));
    let connection = connection.map_err(|error| Failure::of_tls("the server", Role::Server, &error))?;
    Ok(Stream::new(connection, transport))
}

/// Makes a transport that gives up after a while.
fn limited(transport: TcpStream) -> io::Result<TcpStream> {
    transport.set_nodelay(true)?;
    transport.set_read_timeout(Some(LIMIT))?;
    transport.set_write_timeout(Some(LIMIT))?;
    Ok(transport)
}

/// A block that looks like nothing else: bytes of a linear congruential generator.
fn block() -> Vec<u8> {
    let mut state: u32 = 1;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(BLOCK_LEN).collect()
}

fn send(stream: &mut impl Write, block: &[u8], blocks: usize) -> io::Result<()> {
    (0..blocks).try_for_each(|_| stream.write_all(block))?;
    stream.flush()
}

fn receive(stream: &mut impl Read, block: &[u8], blocks: usize) -> io::Result<()> {
    let mut buffer = vec![0; block.len()];
    for _ in 0..blocks {
        stream.read_exact(&mut buffer)?;
        if buffer != block {
            return Err(io::Error::other("the data that came is not the data that was sent"));
        }
    }
    Ok(())
}

/// Waits for the one byte by which the server says that it has all.
fn acknowledged(stream: &mut impl Read) -> io::Result<()> {
    stream.read_exact(&mut [0])
}

/// Checks that the peer has closed, with nothing before it.
fn at_end(stream: &mut impl Read) -> io::Result<()> {
    match stream.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::other("the peer sent more than was agreed")),
    }
}

fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1e3)
}

fn speed(took: Duration) -> String {
    let mebibytes = BLOCKS * BLOCK_LEN / 0x10_0000;
    let rate = mebibytes as f64 / took.as_secs_f64().max(1e-6);
    format!("{mebibytes} MiB in {:.2} s: {rate:.0} MiB/s", took.as_secs_f64())
}

/// Tells what the hook has seen, from a message on.
fn tell(account: &Account, from: usize) {
    for seen in account.seen().iter().skip(from) {
        say(format_args!("  {}", seen.line()));
    }
    say(format_args!(""));
}

fn say(line: std::fmt::Arguments<'_>) {
    // A reader who has gone away has seen enough; the exit code tells the rest.
    let _ = writeln!(anstream::stdout().lock(), "{line}");
}

fn client_failed(error: io::Error) -> Failure {
    Failure::of_connection("the client", Role::Client, &error)
}

fn network(error: &io::Error) -> Failure {
    Failure::new(Kind::Network, "loopback", error)
}

fn wrong(why: &str) -> Failure {
    Failure::new(Kind::Tls, "demo", why)
}
