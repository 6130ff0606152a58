//! `bulla serve`: listens, and serves each connection on a thread of its own. One connection's error ends that one alone.

mod echo;
mod http;
mod looking;
mod md5;
mod opening;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bulla::{ServerConfig, ServerConnection, Stream};

use crate::console::{self, DIM};
use crate::negotiated;
use crate::options::{Keys, Pass, Serve};
use crate::report::{Failure, Kind, Role};
use crate::setup;
use crate::told;
use crate::trace::Trace;
use http::Site;
use looking::Limits;
use opening::Opening;

/// How long a closed connection may take until the client has closed too. Closing earlier could make the system throw
/// away what the client has not read yet, an alert for example.
const LINGER: Duration = Duration::from_secs(2);
/// How long to wait when the system has no handle left for a connection.
const PAUSE: Duration = Duration::from_millis(100);

type Connected = Stream<ServerConnection, TcpStream>;

/// What every connection gets.
#[derive(Debug)]
struct Service {
    config: ServerConfig,
    what: What,
    trace: bool,
    keys: Keys,
    passes: Vec<Pass>,
    fingerprint: bool,
    handshake_limit: Duration,
    idle_limit: Duration,
}

#[derive(Debug)]
enum What {
    Echo,
    Files(Site),
}

/// Runs the command.
pub(crate) fn run(options: &Serve) -> Result<(), Failure> {
    console::be_quiet(options.quiet);
    let service = service(options)?;
    let listener = listen(options)?;
    if options.once {
        let (transport, peer) = accept(&listener)?;
        return service.serve(1, transport, peer);
    }
    let service = Arc::new(service);
    let places = Arc::new(Places { free: Mutex::new(options.max_connections), freed: Condvar::new() });
    for number in 1.. {
        let place = places.take();
        let (transport, peer) = accept(&listener)?;
        let service = Arc::clone(&service);
        let spawned = thread::Builder::new().spawn(move || {
            let _place = place;
            if let Err(failure) = service.serve(number, transport, peer) {
                console::error(&failure.line());
            }
        });
        if let Err(error) = spawned {
            console::error(&format!("#{number} {peer}: no thread could be started: {error}"));
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}

fn service(options: &Serve) -> Result<Service, Failure> {
    let mut config = setup::server(options)?;
    let what = match &options.root {
        None => What::Echo,
        Some(root) => {
            let unusable = |why: String| Failure::usage("--root", format!("{}: {why}", root.display()));
            let real = root.canonicalize().map_err(|error| unusable(error.to_string()))?;
            if !real.is_dir() {
                return Err(unusable("not a folder".into()));
            }
            if options.protocol.alpn.is_empty() {
                // A client that speaks something else must not be answered in HTTP. RFC 7301 §3.2. `curl --http1.0`
                // offers http/1.0 and nothing else.
                config = config.alpn(["http/1.1", "http/1.0"]).map_err(|error| Failure::usage("--alpn", error))?;
            }
            What::Files(Site { private: private(&real, &options.client_auth_for)?, root: real })
        }
    };
    Ok(Service {
        config,
        what,
        trace: options.protocol.trace,
        keys: options.keys.clone(),
        passes: options.pass.clone(),
        fingerprint: options.fingerprint,
        handshake_limit: options.timeout,
        idle_limit: options.idle_timeout,
    })
}

/// The real places of what known clients alone may have.
fn private(root: &Path, paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let real = |path: &PathBuf| {
        let below = path.strip_prefix("/").unwrap_or(path);
        let unusable = |why: String| Failure::usage("--client-auth-for", format!("{}: {why}", path.display()));
        let real = root.join(below).canonicalize().map_err(|error| unusable(error.to_string()))?;
        if real.starts_with(root) { Ok(real) } else { Err(unusable("this is not in the folder of --root".into())) }
    };
    paths.iter().map(real).collect()
}

fn listen(options: &Serve) -> Result<TcpListener, Failure> {
    let addresses = setup::resolve(&options.address)?;
    let cannot = |error: io::Error| {
        let failure = Failure::new(Kind::Network, format!("cannot listen on {}", options.address), &error);
        match error.kind() {
            io::ErrorKind::AddrInUse => failure.hint("port 0 lets the system choose a free one"),
            io::ErrorKind::PermissionDenied => failure.hint("ports below 1024 are often reserved"),
            _ => failure,
        }
    };
    let listener = TcpListener::bind(&addresses[..]).map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    // Scripts read this line; that nobody does is no reason not to serve.
    let mut output = io::stdout().lock();
    let _ = writeln!(output, "listening on {address}").and_then(|()| output.flush());
    Ok(listener)
}

/// Waits for a client. Clients that are gone again, and a system that is short of handles, do not end the server.
fn accept(listener: &TcpListener) -> Result<(TcpStream, SocketAddr), Failure> {
    loop {
        match listener.accept() {
            Ok(accepted) => return Ok(accepted),
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {}
                io::ErrorKind::InvalidInput => return Err(Failure::new(Kind::Network, "cannot accept", error)),
                _ => {
                    console::error(&format!("cannot accept a connection: {error}"));
                    thread::sleep(PAUSE);
                }
            },
        }
    }
}

impl Service {
    /// Serves one connection to its end.
    fn serve(&self, number: u64, transport: TcpStream, peer: SocketAddr) -> Result<(), Failure> {
        let name = format!("#{number} {peer}");
        // Small answers must not wait for the client's acknowledgement of earlier ones.
        let _ = transport.set_nodelay(true);
        let mut received = Vec::new();
        if self.fingerprint || !self.passes.is_empty() {
            let hello;
            (received, hello) = looking::look(&transport, self.handshake_limit);
            if let Some(hello) = hello.as_ref().filter(|_| self.fingerprint) {
                looking::tell_fingerprint(&name, hello);
            }
            if let Some(pass) = hello.as_ref().and_then(|hello| looking::destination(&self.passes, hello)) {
                let limits = Limits { connecting: self.handshake_limit, idle: self.idle_limit };
                return looking::pass(&name, &transport, &received, pass, limits);
            }
        }
        let mut config = self.config.clone();
        if self.trace {
            config = config.observer(Arc::new(Trace::new(format!("#{number} "))));
        }
        let connection = ServerConnection::new(Arc::new(config));
        let connection = connection.map_err(|error| Failure::of_tls(&name, Role::Server, &error))?;
        let mut stream = Stream::with_received(connection, transport, &received);
        let served = self.talk(&name, &mut stream);
        // The client may be gone, or take nothing more; then nobody needs to hear it.
        let _ = stream.transport().set_write_timeout(Some(LINGER)).and_then(|()| stream.close());
        linger(stream.transport());
        served?;
        console::note(&format!("{name}: closed"));
        Ok(())
    }

    fn talk(&self, name: &str, stream: &mut Connected) -> Result<(), Failure> {
        let finished = |stream: &Connected| {
            tell(name, stream);
            told::keys(&format!("{name}: "), stream.connection(), &self.keys);
        };
        let authenticated = |stream: &Connected| tell_certificate(name, stream);
        let limited = stream.transport().set_read_timeout(Some(self.idle_limit));
        let limited = limited.and_then(|()| stream.transport().set_write_timeout(Some(self.idle_limit)));
        let mut opening = Opening::new(stream, self.handshake_limit, &finished, &authenticated);
        // A client that wanted nothing but early data still has to show that it was there.
        let talked = limited.and_then(|()| opening.begin());
        let talked = talked.and_then(|()| self.exchange(name, &mut opening)).and_then(|()| opening.finish());
        talked.map_err(|error| match error.kind() {
            _ if !opening.is_finished() => Failure::of_handshake(name, Role::Server, &error),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                let why = format!("nothing moved for {} s", self.idle_limit.as_secs_f64());
                Failure::new(Kind::Network, name, why).hint("--idle-timeout waits longer")
            }
            _ => Failure::of_connection(name, Role::Server, &error),
        })
    }

    fn exchange(&self, name: &str, opening: &mut Opening<'_>) -> io::Result<()> {
        match &self.what {
            What::Echo => echo::serve(opening),
            What::Files(site) => {
                let log = |line: &str| console::note(&format!("{name}: {line}"));
                http::serve(opening, site, self.idle_limit, &log)
            }
        }
    }
}

fn tell(name: &str, stream: &Connected) {
    let connection = stream.connection();
    let asked_for = connection.server_name().map_or(String::new(), |it| format!(", for {}", console::clean(it)));
    console::note(&format!("{name}: {}{asked_for}", negotiated::line(connection)));
    tell_certificate(name, stream);
}

fn tell_certificate(name: &str, stream: &Connected) {
    if let Some(certificate) = negotiated::peer(stream.connection()) {
        console::note(&format!("{DIM}{name}: {certificate}{DIM:#}"));
    }
}

/// Ends our direction and waits, not for long, until the client has ended its own.
fn linger(mut transport: &TcpStream) {
    let end = Instant::now() + LINGER;
    if transport.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let mut rest = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || transport.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match transport.read(&mut rest) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// How many connections may still be served at the same time.
#[derive(Debug)]
struct Places {
    free: Mutex<u32>,
    freed: Condvar,
}

/// One of them, given back when it is dropped.
struct Place(Arc<Places>);

impl Places {
    fn free(&self) -> MutexGuard<'_, u32> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place.
    fn take(self: &Arc<Self>) -> Place {
        let mut free = self.freed.wait_while(self.free(), |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Place(Arc::clone(self))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.free() += 1;
        self.0.freed.notify_one();
    }
}
