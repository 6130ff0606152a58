//! The blocking adaptor over real sockets, and over transports that behave badly.

#[path = "support/pair.rs"]
mod pair;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bulla::wire::AlertDescription;
use bulla::{
    Answer, ClientConfig, ClientConnection, Error, QuestionKind, ServerConfig, ServerConnection, Stream, tls_error,
};
use pair::{Authority, KeyKind, configs, configs_by, name};

type Client<T> = Stream<ClientConnection, T>;
type Server<T> = Stream<ServerConnection, T>;

fn client<T: Read + Write>(config: ClientConfig, transport: T) -> Client<T> {
    Stream::new(ClientConnection::new(Arc::new(config), name()).unwrap(), transport)
}

fn server<T: Read + Write>(config: ServerConfig, transport: T) -> Server<T> {
    Stream::new(ServerConnection::new(Arc::new(config)).unwrap(), transport)
}

fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

#[test]
fn data_goes_both_ways_and_close_notify_ends_it() {
    let (client_config, server_config) = configs(KeyKind::EcdsaP256);
    let (near, far) = sockets();
    let served = thread::spawn(move || {
        let mut stream = server(server_config, far);
        let mut request = Vec::new();
        stream.read_to_end(&mut request).unwrap();
        stream.write_all(&request).unwrap();
        stream.close().unwrap();
        request.len()
    });
    let mut stream = client(client_config, near);
    let sent: Vec<u8> = (0..300_000u32).map(|number| number.to_le_bytes()[0]).collect();
    stream.write_all(&sent).unwrap();
    stream.close().unwrap();
    assert_eq!(stream.write(b"more").unwrap_err().kind(), ErrorKind::InvalidInput);
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert!(received == sent);
    assert_eq!(stream.read(&mut [0; 10]).unwrap(), 0);
    assert_eq!(served.join().unwrap(), sent.len());
}

#[test]
fn transport_that_ends_without_close_notify_is_truncation_behind_the_data() {
    let (client_config, server_config) = configs(KeyKind::EcdsaP256);
    let (near, far) = sockets();
    let served = thread::spawn(move || {
        let mut stream = server(server_config, far);
        stream.write_all(b"half of").unwrap();
    });
    let mut stream = client(client_config, near);
    let mut received = Vec::new();
    let error = stream.read_to_end(&mut received).unwrap_err();
    assert_eq!((error.kind(), tls_error(&error)), (ErrorKind::UnexpectedEof, Some(&Error::Truncated)));
    assert_eq!(received, b"half of");
    assert_eq!(stream.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    served.join().unwrap();
}

#[test]
fn refusal_reaches_the_peer_as_its_alert() {
    let authority = Authority::new();
    let (client_config, _) = configs_by(&authority, KeyKind::EcdsaP256);
    let other = ServerConfig::new(authority.identity(&["other.test"], KeyKind::EcdsaP256));
    let (near, far) = sockets();
    let served = thread::spawn(move || {
        let error = server(other, far).read(&mut [0; 10]).unwrap_err();
        assert_eq!(tls_error(&error), Some(&Error::AlertReceived(AlertDescription::bad_certificate)));
    });
    let error = client(client_config, near).handshake().unwrap_err();
    assert_eq!((error.kind(), tls_error(&error).unwrap().name()), (ErrorKind::InvalidData, "NameMismatch"));
    served.join().unwrap();
}

#[test]
fn handshake_deadline_holds_against_silence_and_against_one_byte_at_a_time() {
    for trickles in [false, true] {
        let (client_config, server_config) = configs(KeyKind::EcdsaP256);
        let (mut near, far) = sockets();
        let before = far.read_timeout().unwrap();
        let mut stream = server(server_config, far);
        let fed = thread::spawn(move || {
            let mut hello = Recorder::default();
            let _ = client(client_config, &mut hello).handshake();
            if !trickles {
                // Waits until the server gives up and hangs up; so does the loop below.
                let _ = near.read(&mut [0; 10]);
                return;
            }
            for byte in hello.written {
                if near.write_all(&[byte]).is_err() {
                    break;
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        let error = stream.handshake_within(Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        assert_eq!(stream.transport().read_timeout().unwrap(), before);
        drop(stream);
        fed.join().unwrap();
    }
}

#[test]
fn handshake_deadline_that_has_passed_is_seen_on_any_transport() {
    let (client_config, _) = configs(KeyKind::EcdsaP256);
    let mut stream = client(client_config, Recorder::default());
    let error = stream.handshake_before(Instant::now()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

/// Keeps what is written; has nothing to read.
#[derive(Default)]
struct Recorder {
    written: Vec<u8>,
}

impl Read for Recorder {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn halves_send_and_receive_at_the_same_time() {
    const LEN: usize = 3_000_000;
    let (client_config, server_config) = configs(KeyKind::EcdsaP256);
    let (near, far) = sockets();
    let served = thread::spawn(move || {
        // Echoes while it reads, so that a client which only sends would stop it.
        let mut stream = server(server_config, far);
        let mut buffer = vec![0; 20_000];
        loop {
            match stream.read(&mut buffer).unwrap() {
                0 => return stream.close().unwrap(),
                read => stream.write_all(&buffer[..read]).unwrap(),
            }
        }
    });
    let write_side = near.try_clone().unwrap();
    let (mut reading, mut writing) = client(client_config, near).split(write_side).unwrap();
    let sender = thread::spawn(move || {
        for chunk in 0..LEN / 1000 {
            if chunk % 100 == 50 {
                writing.with_connection(|connection| connection.update_keys(true)).unwrap();
            }
            writing.write_all(&[chunk.to_le_bytes()[0]; 1000]).unwrap();
        }
        writing.close().unwrap();
    });
    let mut received = Vec::new();
    reading.read_to_end(&mut received).unwrap();
    assert_eq!(received.len(), LEN);
    assert!(received.chunks(1000).enumerate().all(|(chunk, bytes)| bytes == [chunk.to_le_bytes()[0]; 1000]));
    assert!(reading.with_connection(|connection| connection.is_closed()));
    sender.join().unwrap();
    served.join().unwrap();
}

#[test]
fn half_that_reads_fails_and_the_peer_sees_the_alert() {
    let (client_config, server_config) = configs(KeyKind::EcdsaP256);
    let (near, far) = sockets();
    let raw = far.try_clone().unwrap();
    let served = thread::spawn(move || {
        let mut stream = server(server_config, far);
        stream.handshake().unwrap();
        // A record that no key has sealed.
        (&raw).write_all(&[23, 3, 3, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        let error = stream.read(&mut [0; 10]).unwrap_err();
        assert_eq!(tls_error(&error), Some(&Error::AlertReceived(AlertDescription::bad_record_mac)));
    });
    let write_side = near.try_clone().unwrap();
    let (mut reading, mut writing) = client(client_config, near).split(write_side).unwrap();
    let error = reading.read(&mut [0; 10]).unwrap_err();
    assert_eq!(tls_error(&error).unwrap().name(), "DoesNotOpen");
    let error = writing.write(b"data").unwrap_err();
    assert_eq!(tls_error(&error).unwrap().name(), "DoesNotOpen");
    served.join().unwrap();
}

#[test]
fn question_is_answered_by_the_stream_or_named_as_unanswered() {
    for answered in [true, false] {
        let (client_config, server_config) = configs(KeyKind::EcdsaP256);
        let (near, far) = sockets();
        let served = thread::spawn(move || server(server_config, far).handshake().is_ok());
        let mut stream = client(client_config.verify_later(), near);
        if answered {
            stream = stream.answer_with(|question| match &question.kind {
                QuestionKind::VerifyChain(chain) => Answer::Verdict(chain.judge()),
                other => panic!("{other:?}"),
            });
            stream.handshake().unwrap();
        } else {
            let error = stream.handshake().unwrap_err();
            assert!(error.to_string().contains("answer_with"), "{error}");
        }
        drop(stream);
        assert_eq!(served.join().unwrap(), answered);
    }
}

/// Two queues; each call moves one byte at most, and every second call of a kind is refused for now.
#[derive(Clone)]
struct Reluctant {
    incoming: Arc<Mutex<VecDeque<u8>>>,
    outgoing: Arc<Mutex<VecDeque<u8>>>,
    refuses: bool,
}

impl Reluctant {
    fn pair() -> (Self, Self) {
        let near = Self { incoming: Arc::default(), outgoing: Arc::default(), refuses: false };
        let (incoming, outgoing) = (Arc::clone(&near.outgoing), Arc::clone(&near.incoming));
        (near, Self { incoming, outgoing, refuses: true })
    }

    fn refuse(&mut self) -> io::Result<()> {
        self.refuses = !self.refuses;
        if self.refuses { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }
}

impl Read for Reluctant {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.refuse()?;
        out[0] = self.incoming.lock().unwrap().pop_front().ok_or(ErrorKind::WouldBlock)?;
        Ok(1)
    }
}

impl Write for Reluctant {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.refuse()?;
        self.outgoing.lock().unwrap().push_back(bytes[0]);
        Ok(1)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn not_yet<T>(result: io::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn transport_that_refuses_every_other_call_loses_nothing() {
    let (client_config, server_config) = configs(KeyKind::EcdsaP256);
    let (near, far) = Reluctant::pair();
    let (mut near, mut far) = (client(client_config, near), server(server_config, far));
    let (mut near_ready, mut far_ready) = (false, false);
    while !(near_ready && far_ready) {
        near_ready = near_ready || not_yet(near.handshake()).is_some();
        far_ready = far_ready || not_yet(far.handshake()).is_some();
    }
    let data: Vec<u8> = (0..=255).collect();
    let (mut taken, mut received) = (0, Vec::new());
    while received.len() < data.len() {
        if taken < data.len() {
            taken += not_yet(near.write(&data[taken..data.len().min(taken + 50)])).unwrap_or(0);
        } else {
            not_yet(near.flush());
        }
        let mut buffer = [0; 7];
        let read = not_yet(far.read(&mut buffer)).unwrap_or(0);
        received.extend_from_slice(&buffer[..read]);
    }
    assert_eq!(received, data);
}
