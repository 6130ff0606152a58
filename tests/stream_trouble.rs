//! The blocking adaptor in trouble: transports that refuse, time out, hang up or are attacked.

#[path = "support/pair.rs"]
mod pair;

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use bulla::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, Stream};
use pair::{KeyKind, Seen, configs, data, feed, name, output, send};

/// A transport with a server behind it, whose reads and writes a test can spoil.
struct World {
    server: ServerConnection,
    to_client: Vec<u8>,
    to_server: Vec<u8>,
    seen: Vec<Seen>,
    write_error: Option<ErrorKind>,
    /// Written bytes that wait for a flush, if the transport has a buffer.
    buffered: Option<Vec<u8>>,
    max_read: usize,
}

#[derive(Clone)]
struct Wire(Arc<Mutex<World>>);

impl World {
    fn deliver(&mut self, bytes: &[u8]) {
        self.to_server.extend_from_slice(bytes);
        let World { server, to_server, seen, .. } = self;
        let _ = feed(server, to_server, seen);
        let out = output(&mut self.server);
        self.to_client.extend(out);
    }
}

impl Read for Wire {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut world = self.0.lock().unwrap();
        let n = world.to_client.len().min(out.len()).min(world.max_read);
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        out[..n].copy_from_slice(&world.to_client[..n]);
        world.to_client.drain(..n);
        Ok(n)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut world = self.0.lock().unwrap();
        if let Some(kind) = world.write_error {
            return Err(kind.into());
        }
        if let Some(buffer) = &mut world.buffered {
            buffer.extend_from_slice(bytes);
        } else {
            world.deliver(bytes);
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        let mut world = self.0.lock().unwrap();
        if let Some(buffer) = &mut world.buffered {
            let bytes = std::mem::take(buffer);
            world.deliver(&bytes);
        }
        Ok(())
    }
}

fn world(client: ClientConfig, server: ServerConfig) -> (Stream<ClientConnection, Wire>, Wire) {
    let wire = Wire(Arc::new(Mutex::new(World {
        server: ServerConnection::new(Arc::new(server)).unwrap(),
        to_client: vec![],
        to_server: vec![],
        seen: vec![],
        write_error: None,
        buffered: None,
        max_read: usize::MAX,
    })));
    (Stream::new(ClientConnection::new(Arc::new(client), name()).unwrap(), wire.clone()), wire)
}

/// Runs `f` on a thread; None if it takes more than two seconds.
fn in_time<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || tx.send(f()));
    rx.recv_timeout(Duration::from_secs(2)).ok()
}

#[test]
fn unanswered_question_is_an_error_at_each_call() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let (mut stream, _) = world(client.verify_later(), server);
    assert!(stream.handshake().unwrap_err().to_string().contains("nobody answers"));
    assert!(in_time(move || stream.read(&mut [0; 10]).map_err(|e| e.to_string())).is_some(), "read spins for ever");
}

#[test]
fn wrong_answer_is_an_error_and_so_is_each_call_after_it() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let (stream, _) = world(client.verify_later(), server);
    let mut stream = stream.answer_with(|_| bulla::Answer::Identity(None));
    assert_eq!(stream.handshake().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(in_time(move || stream.read(&mut [0; 10]).map_err(|e| e.to_string())).is_some(), "read spins for ever");
}

#[test]
fn data_that_waits_and_data_behind_it_outlive_a_write_that_fails() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let (mut stream, wire) = world(client, server);
    stream.handshake().unwrap();
    {
        let mut w = wire.0.lock().unwrap();
        let one = send(&mut w.server, b"first record ");
        let two = send(&mut w.server, b"second record ");
        let three = send(&mut w.server, b"third record");
        w.to_client.extend([one, two, three].concat());
    }
    let mut all = vec![0; 5];
    stream.read_exact(&mut all).unwrap();
    wire.0.lock().unwrap().write_error = Some(ErrorKind::BrokenPipe);
    assert_eq!(stream.write(b"upload").unwrap_err().kind(), ErrorKind::BrokenPipe);
    wire.0.lock().unwrap().write_error = None; // irrelevant to reading; lets pending output go
    loop {
        match stream.fill_buf() {
            Ok(bytes) => {
                let n = bytes.len();
                all.extend_from_slice(bytes);
                stream.consume(n);
            }
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::WouldBlock);
                break;
            }
        }
    }
    assert_eq!(String::from_utf8_lossy(&all), "first record second record third record");
}

#[test]
fn what_comes_in_after_a_failed_write_is_never_laid_over_plaintext_that_waits() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let (mut stream, wire) = world(client, server);
    stream.handshake().unwrap();
    {
        let mut w = wire.0.lock().unwrap();
        let one = send(&mut w.server, b"first record and some more text behind it");
        w.to_client.extend(one);
    }
    let mut all = vec![0; 5];
    stream.read_exact(&mut all).unwrap();
    {
        let mut w = wire.0.lock().unwrap();
        w.write_error = Some(ErrorKind::BrokenPipe);
        // A KeyUpdate or NewSessionTicket or half a record: anything that is not data.
        w.server.close();
        let more = output(&mut w.server);
        w.to_client.extend(more);
    }
    assert_eq!(stream.write(b"upload").unwrap_err().kind(), ErrorKind::BrokenPipe);
    wire.0.lock().unwrap().write_error = None;
    let _ = stream.read_to_end(&mut all);
    assert_eq!(String::from_utf8_lossy(&all), "first record and some more text behind it");
}

#[test]
fn write_that_timed_out_behind_what_it_took_doubles_nothing() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let (mut stream, wire) = world(client, server);
    stream.handshake().unwrap();
    wire.0.lock().unwrap().write_error = Some(ErrorKind::TimedOut);
    // The contract of io::Write: an error means that nothing was taken. So an application tries again.
    let first = stream.write(b"pay 100;");
    wire.0.lock().unwrap().write_error = None;
    if first.is_err() {
        assert_eq!(stream.write(b"pay 100;").unwrap(), 8);
    }
    stream.flush().unwrap();
    assert_eq!(String::from_utf8_lossy(&data(&wire.0.lock().unwrap().seen)), "pay 100;");
}

/// Takes one byte in ten milliseconds.
struct Slow;
impl Read for Slow {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}
impl Write for Slow {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        thread::sleep(Duration::from_millis(10));
        Ok(1)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn handshake_deadline_holds_against_a_peer_that_takes_one_byte_at_a_time() {
    let (client, _) = configs(KeyKind::EcdsaP256);
    let mut stream = Stream::new(ClientConnection::new(Arc::new(client), name()).unwrap(), Slow);
    let start = Instant::now();
    let error = stream.handshake_before(start + Duration::from_millis(100)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[cfg(unix)]
#[test]
fn handshake_deadline_holds_against_a_peer_that_hung_up_and_trickles() {
    use std::os::unix::net::UnixStream;
    let (client, _) = configs(KeyKind::EcdsaP256);
    let (near, mut far) = UnixStream::pair().unwrap();
    let mut stream = Stream::new(ClientConnection::new(Arc::new(client), name()).unwrap(), near);
    // The peer hangs up its reading side and then sends a byte of a record now and then.
    far.shutdown(std::net::Shutdown::Read).unwrap();
    let fed = thread::spawn(move || {
        let _ = far.write_all(&[22, 3, 3, 0x10, 0]);
        for _ in 0..60 {
            if far.write_all(&[0]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    let start = Instant::now();
    assert_eq!(stream.handshake_within(Duration::from_millis(200)).unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    drop(stream);
    fed.join().unwrap();
}

#[cfg(unix)]
#[test]
fn flush_to_a_peer_that_reads_no_more_fails_and_does_not_wait() {
    use std::os::unix::net::UnixStream;
    let (client, _) = configs(KeyKind::EcdsaP256);
    let (near, far) = UnixStream::pair().unwrap();
    let mut stream = Stream::new(ClientConnection::new(Arc::new(client), name()).unwrap(), near);
    far.shutdown(std::net::Shutdown::Read).unwrap();
    let result = in_time(move || stream.flush().map_err(|e| e.kind()));
    drop(far);
    assert_eq!(result, Some(Err(ErrorKind::BrokenPipe)), "flush() waits for the peer to speak");
}

#[test]
fn transport_with_a_buffer_is_flushed_before_anything_is_waited_for() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let (mut stream, wire) = world(client, server);
    wire.0.lock().unwrap().buffered = Some(vec![]);
    // WouldBlock here stands for a read that would wait for ever.
    let result = stream.handshake().map_err(|e| e.kind());
    assert_eq!(result, Ok(()));
}

#[test]
fn read_goes_on_while_the_transport_takes_no_writes() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let (mut stream, wire) = world(client, server);
    stream.handshake().unwrap();
    {
        let mut w = wire.0.lock().unwrap();
        w.write_error = Some(ErrorKind::WouldBlock);
        let one = send(&mut w.server, b"answer");
        w.to_client.extend(one);
    }
    assert_eq!(stream.write(b"taken").unwrap(), 5);
    // The peer takes nothing before we have read what it sends: both wait for ever.
    let mut out = [0; 6];
    let read = stream.read(&mut out).map_err(|e| e.kind());
    assert_eq!(read, Ok(6));
}

/// flush() waits for a permit.
struct Gate {
    wire: Wire,
    entered: mpsc::Sender<()>,
    permit: mpsc::Receiver<()>,
}
enum Side {
    Plain(Wire),
    Gated(Gate),
}
impl Read for Side {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Side::Plain(w) => w.read(out),
            Side::Gated(g) => g.wire.read(out),
        }
    }
}
impl Write for Side {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Side::Plain(w) => w.write(bytes),
            Side::Gated(g) => g.wire.write(bytes),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Side::Plain(w) => w.flush(),
            Side::Gated(g) => {
                let _ = g.entered.send(());
                let _ = g.permit.recv();
                Ok(())
            }
        }
    }
}

#[test]
fn alert_of_the_reading_half_goes_out_behind_a_flush_of_the_other() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let (_, wire) = world(client.clone(), server);
    let connection = ClientConnection::new(Arc::new(client), name()).unwrap();
    let stream = Stream::new(connection, Side::Plain(wire.clone()));
    let (entered_tx, entered) = mpsc::channel();
    let (permit, permit_rx) = mpsc::channel();
    let gate = Gate { wire: wire.clone(), entered: entered_tx, permit: permit_rx };
    let (mut read_half, mut write_half) = stream.split(Side::Gated(gate)).unwrap();
    let flushing = thread::spawn(move || {
        let result = write_half.flush();
        (write_half, result.map_err(|e| e.kind()))
    });
    entered.recv().unwrap();
    wire.0.lock().unwrap().to_client.extend([23, 3, 3, 0, 20].into_iter().chain([0; 20]));
    assert_eq!(read_half.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::InvalidData);
    permit.send(()).unwrap();
    permit.send(()).unwrap();
    drop(permit);
    let (_write_half, flushed) = flushing.join().unwrap();
    assert_eq!(flushed, Ok(()));
    let failed = wire.0.lock().unwrap().server.is_failed();
    assert!(failed, "the server was never told bad_record_mac");
}

#[test]
fn panic_of_the_answerer_leaves_an_error_at_each_call() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let (stream, _) = world(client.verify_later(), server);
    let mut stream = stream.answer_with(|_| panic!("boom"));
    let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stream.handshake()));
    assert!(r.is_err());
    assert!(in_time(move || stream.read(&mut [0; 10]).map_err(|e| e.to_string())).is_some(), "read spins for ever");
}

#[test]
fn write_of_a_half_that_timed_out_behind_what_it_took_doubles_nothing() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let (stream, wire) = world(client, server);
    let (_r, mut w) = stream.split(wire.clone()).unwrap();
    wire.0.lock().unwrap().write_error = Some(ErrorKind::TimedOut);
    let first = w.write(b"pay 100;");
    wire.0.lock().unwrap().write_error = None;
    if first.is_err() {
        assert_eq!(w.write(b"pay 100;").unwrap(), 8);
    }
    w.flush().unwrap();
    assert_eq!(String::from_utf8_lossy(&data(&wire.0.lock().unwrap().seen)), "pay 100;");
}

/// An attacker on the path, real sockets: forges what is left of a record that was read in part.
#[test]
fn attacker_who_resets_the_connection_cannot_put_words_into_a_record_that_is_half_read() {
    use std::net::{TcpListener, TcpStream};
    let (client, server) = configs(KeyKind::EcdsaP256);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut path, _) = listener.accept().unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let (go, wait) = mpsc::channel::<()>();
    let (done, attacked) = mpsc::channel::<()>();
    let attacker = thread::spawn(move || {
        // Relays the handshake and one honest record.
        let mut buffer = [0; 20_000];
        let (mut pending, mut seen) = (vec![], vec![]);
        while !server.is_established() {
            let n = path.read(&mut buffer).unwrap();
            pending.extend_from_slice(&buffer[..n]);
            feed(&mut server, &mut pending, &mut seen).unwrap();
            path.write_all(&output(&mut server)).unwrap();
        }
        path.write_all(&send(&mut server, b"to: alice, amount: 1")).unwrap();
        wait.recv().unwrap();
        // Waits for the client's first record without reading it, injects bytes, and resets the connection.
        path.peek(&mut buffer).unwrap();
        path.write_all(b"\x17\x03\x03\x40\x00to: mallory, amount: 1000000").unwrap();
        drop(path);
        done.send(()).unwrap();
    });
    let mut stream = Stream::new(ClientConnection::new(Arc::new(client), name()).unwrap(), near);
    let mut all = vec![0; 4];
    stream.read_exact(&mut all).unwrap();
    go.send(()).unwrap();
    stream.write_all(b"ping").unwrap();
    attacked.recv().unwrap();
    assert!((0..100).any(|_| stream.write_all(b"ping").is_err()));
    assert!(stream.read_to_end(&mut all).is_err());
    attacker.join().unwrap();
    assert_eq!(String::from_utf8_lossy(&all), "to: alice, amount: 1");
}

#[test]
fn answer_of_a_peer_that_hung_up_can_be_read_to_its_end() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let (mut stream, wire) = world(client, server);
    stream.handshake().unwrap();
    {
        let mut w = wire.0.lock().unwrap();
        let mut answer = send(&mut w.server, b"413 Content Too Large");
        w.server.close();
        answer.extend(output(&mut w.server));
        w.to_client.extend(answer);
        w.write_error = Some(ErrorKind::BrokenPipe);
    }
    let mut all = vec![];
    let end = stream.read_to_end(&mut all).map_err(|e| e.kind());
    for _ in 0..4 {
        assert_eq!(stream.read(&mut [0; 30]).map_err(|e| e.kind()), Ok(0));
    }
    assert_eq!(all, b"413 Content Too Large");
    assert!(end.is_ok());
}
