//! The blocking adaptor with early data: sent, read apart from all else, accepted, rejected, retried.

#[path = "support/pair.rs"]
mod pair;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bulla::config::{AntiReplay, ClientSessionQuery, ClientSessionStore, Decision};
use bulla::crypto::ring;
use bulla::resume::{ClientSession, MemoryServerSessions, MemoryStrikeRegister, TicketKeys};
use bulla::wire::NamedGroup;
use bulla::{
    Answer, ClientAuth, ClientConfig, ClientConnection, EarlyData, Error, HandshakeKind, QuestionKind, ServerConfig,
    ServerConnection, Stream, tls_error,
};
use pair::{Authority, KeyKind, configs_by, name};

/// How much early data the server takes: more than one record.
const ROOM: usize = 40_000;
/// No wait takes longer.
const LIMIT: Duration = Duration::from_secs(30);

type Client<T> = Stream<ClientConnection, T>;
type Server = Stream<ServerConnection, TcpStream>;

/// Keeps the newest session, and hands out no other way than by question.
#[derive(Debug, Default)]
struct Newest(Mutex<Option<Box<ClientSession>>>);

impl ClientSessionStore for Newest {
    fn put(&self, _: &ClientSessionQuery, session: Box<ClientSession>) {
        *self.0.lock().unwrap() = Some(session);
    }

    fn take(&self, _: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        Decision::Later
    }
}

/// Both ends' configurations, and where the client's session is.
struct Scene {
    client: ClientConfig,
    server: ServerConfig,
    store: Arc<Newest>,
}

impl Scene {
    fn new() -> Self {
        let (client, server) = configs_by(&Authority::new(), KeyKind::EcdsaP256);
        let store = Arc::new(Newest::default());
        let client = client.session_store(Arc::clone(&store) as _).early_data(true);
        let register = MemoryStrikeRegister::random(&*ring::provider(), 16).unwrap();
        let server = server
            .tickets(Arc::new(TicketKeys::random(ring::provider(), 3600).unwrap()))
            .session_store(Arc::new(MemoryServerSessions::new(16)))
            .early_data(u32::try_from(ROOM).unwrap(), AntiReplay::StrikeRegister(Arc::new(register)))
            .unwrap();
        Self { client, server, store }
    }

    /// With a session from a first connection.
    fn visited() -> Self {
        let scene = Self::new();
        let (mut client, served) = scene.connect(|mut stream| {
            assert_eq!(stream.read_early(&mut [0; 10]).unwrap(), 0);
            finish(stream)
        });
        client.handshake().unwrap();
        client.close().unwrap();
        assert_eq!(client.read(&mut [0; 10]).unwrap(), 0);
        served.join().unwrap();
        assert!(scene.store.0.lock().unwrap().is_some(), "the server has sent a ticket");
        scene
    }

    fn client<T: Read + Write>(&self, transport: T) -> Client<T> {
        let store = Arc::clone(&self.store);
        let connection = ClientConnection::new(Arc::new(self.client.clone()), name()).unwrap();
        Stream::new(connection, transport).answer_with(move |question| match &question.kind {
            QuestionKind::FindClientSession(_) => Answer::ClientSession(store.0.lock().unwrap().take()),
            other => panic!("nobody asks {other:?}"),
        })
    }

    /// Connects to a server that does as `serve` says.
    fn connect<R: Send + 'static>(
        &self,
        serve: impl FnOnce(Server) -> R + Send + 'static,
    ) -> (Client<TcpStream>, thread::JoinHandle<R>) {
        let (near, far) = sockets();
        let config = self.server.clone();
        let served = thread::spawn(move || serve(Stream::new(ServerConnection::new(config.into()).unwrap(), far)));
        (self.client(near), served)
    }
}

fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let far = listener.accept().unwrap().0;
    for socket in [&near, &far] {
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket.set_write_timeout(Some(LIMIT)).unwrap();
    }
    (near, far)
}

fn data(len: usize) -> Vec<u8> {
    (0..len).map(|number| number.to_le_bytes()[0] ^ number.to_le_bytes()[1]).collect()
}

/// Writes all of it early, as far as that goes; returns how much went.
fn write_early(stream: &mut Client<impl Read + Write>, data: &[u8]) -> usize {
    let mut sent = 0;
    loop {
        match stream.write_early(&data[sent..]).unwrap() {
            0 => return sent,
            taken => sent += taken,
        }
    }
}

/// Reads all early data, in small pieces.
fn read_early(stream: &mut Server) -> Vec<u8> {
    let mut early = Vec::new();
    let mut buffer = [0; 1000];
    loop {
        match stream.read_early(&mut buffer).unwrap() {
            0 => return early,
            read => early.extend_from_slice(&buffer[..read]),
        }
    }
}

/// Reads to the end and closes; returns what came, and what had become of early data.
fn finish(mut stream: Server) -> (Vec<u8>, EarlyData) {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    stream.close().unwrap();
    (rest, stream.connection().early_data())
}

fn end(mut client: Client<TcpStream>) {
    client.close().unwrap();
    assert_eq!(client.read(&mut [0; 10]).unwrap(), 0);
}

#[test]
fn early_data_comes_before_the_handshake_is_finished_and_the_rest_behind_it() {
    let scene = Scene::visited();
    let (mut client, served) = scene.connect(|mut stream| {
        let early = read_early(&mut stream);
        assert!(stream.connection().is_established());
        (early, finish(stream))
    });
    let sent = data(ROOM + 1000);
    assert_eq!(write_early(&mut client, &sent), ROOM, "as much as the session allows");
    assert_eq!(client.connection().early_data(), EarlyData::Pending);
    client.handshake().unwrap();
    assert_eq!(client.connection().early_data(), EarlyData::Accepted);
    assert_eq!(client.connection().handshake_kind(), Some(HandshakeKind::Resumed));
    assert_eq!(client.write_early(b"late").unwrap(), 0);
    client.write_all(&sent[ROOM..]).unwrap();
    end(client);
    let (early, (rest, outcome)) = served.join().unwrap();
    assert!(early == sent[..ROOM] && rest == sent[ROOM..]);
    assert_eq!(outcome, EarlyData::Accepted);
}

#[test]
fn answer_to_early_data_comes_before_the_handshake_is_finished() {
    let scene = Scene::visited();
    let (mut client, served) = scene.connect(|mut stream| {
        assert_eq!(stream.write_half_rtt(b"to whom?").unwrap(), 0, "nobody is there yet");
        let mut question = [0; 100];
        let read = stream.read_early(&mut question).unwrap();
        assert!(!stream.connection().is_established());
        assert_eq!(stream.write_half_rtt(b"pong").unwrap(), 4);
        assert_eq!(read_early(&mut stream), b"");
        assert_eq!(stream.write_half_rtt(b"!").unwrap(), 1, "later it is like write");
        finish(stream);
        question[..read].to_vec()
    });
    assert_eq!(write_early(&mut client, b"ping"), 4);
    let mut answer = [0; 5];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"pong!");
    end(client);
    assert_eq!(served.join().unwrap(), b"ping");
}

#[test]
fn early_data_that_nobody_reads_is_neither_dropped_nor_taken_for_other_data() {
    let scene = Scene::visited();
    let (mut client, served) = scene.connect(|mut stream| {
        for _ in 0..2 {
            let refusals: [io::Error; 4] = [
                stream.handshake().unwrap_err(),
                stream.handshake_within(LIMIT).unwrap_err(),
                stream.read(&mut [0; 10]).unwrap_err(),
                stream.write(b"no").unwrap_err(),
            ];
            for error in refusals {
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                assert!(tls_error(&error).is_none() && error.to_string().contains("read_early"), "{error}");
            }
        }
        // A part of it is not enough.
        assert_eq!(stream.read_early(&mut [0; 2]).unwrap(), 2);
        assert_eq!(stream.handshake().unwrap_err().kind(), ErrorKind::InvalidInput);
        let mut stream = *stream.into_parts().unwrap_err();
        let mut rest = [0; 10];
        assert_eq!(stream.read_early(&mut rest).unwrap(), 3);
        assert_eq!(stream.read_early(&mut rest).unwrap(), 0);
        finish(stream);
        rest[..3].to_vec()
    });
    assert_eq!(write_early(&mut client, b"early"), 5);
    client.handshake().unwrap();
    end(client);
    assert_eq!(served.join().unwrap(), b"rly");
}

#[test]
fn server_that_takes_no_early_data_never_sees_it_and_the_client_sends_it_again() {
    let mut scene = Scene::visited();
    // What the session was promised, the server does not keep: it takes none any more.
    let register = MemoryStrikeRegister::random(&*ring::provider(), 16).unwrap();
    scene.server = scene.server.early_data(0, AntiReplay::StrikeRegister(Arc::new(register))).unwrap();
    let (mut client, served) = scene.connect(finish);
    assert_eq!(write_early(&mut client, b"early"), 5);
    client.handshake().unwrap();
    assert_eq!(client.connection().early_data(), EarlyData::Rejected);
    assert_eq!(client.write_early(b"late").unwrap(), 0);
    client.write_all(b"again").unwrap();
    end(client);
    assert_eq!(served.join().unwrap().0, b"again");
}

#[test]
fn early_data_before_a_retry_is_lost_and_told() {
    let mut scene = Scene::visited();
    scene.server = scene.server.groups([NamedGroup::secp384r1]).unwrap();
    let (mut client, served) = scene.connect(|mut stream| (read_early(&mut stream), finish(stream)));
    assert_eq!(write_early(&mut client, b"early"), 5);
    client.handshake().unwrap();
    assert!(client.connection().hello_retried());
    assert_eq!(client.connection().early_data(), EarlyData::Retried);
    client.write_all(b"again").unwrap();
    end(client);
    let (early, (rest, _)) = served.join().unwrap();
    assert_eq!((early.as_slice(), rest.as_slice()), (&b""[..], &b"again"[..]));
}

#[test]
fn without_a_session_there_is_no_room_and_the_handshake_goes_on() {
    let scene = Scene::new();
    let (mut client, served) = scene.connect(|mut stream| (read_early(&mut stream), finish(stream)));
    assert_eq!(client.write_early(b"early").unwrap(), 0);
    client.write_all(b"ordinary").unwrap();
    assert_eq!(client.connection().early_data(), EarlyData::NotOffered);
    assert_eq!(client.connection().handshake_kind(), Some(HandshakeKind::Full));
    end(client);
    let (early, (rest, outcome)) = served.join().unwrap();
    assert_eq!((early.len(), rest.as_slice(), outcome), (0, &b"ordinary"[..], EarlyData::NotOffered));
}

#[test]
fn session_is_asked_for_before_anything_is_waited_for() {
    let scene = Scene::visited();
    // A transport that has nothing to read: whoever waits has hung, or failed.
    let mut client = scene.client(Silent::default());
    assert_eq!(client.write_early(b"early").unwrap(), 5);
    assert!(client.transport().written.len() > 5, "the hello went before it");
    assert!(scene.store.0.lock().unwrap().is_none(), "the session was taken");
    assert_eq!(client.handshake().unwrap_err().kind(), ErrorKind::WouldBlock);

    let unanswered = ClientConnection::new(Arc::new(scene.client.clone()), name()).unwrap();
    let mut client = Stream::new(unanswered, Silent::default());
    for error in [client.write_early(b"early").unwrap_err(), client.handshake().unwrap_err()] {
        assert!(error.to_string().contains("answer_with"), "{error}");
    }
}

#[test]
fn halves_of_a_stream_begin_behind_its_early_data() {
    let scene = Scene::visited();
    let (mut client, served) = scene.connect(|mut stream| {
        let early = read_early(&mut stream);
        let write_side = stream.transport().try_clone().unwrap();
        let (mut reading, mut writing) = stream.split(write_side).unwrap();
        let mut rest = Vec::new();
        reading.read_to_end(&mut rest).unwrap();
        writing.write_all(&early).unwrap();
        writing.close().unwrap();
        rest
    });
    assert_eq!(write_early(&mut client, b"early"), 5);
    let write_side = client.transport().try_clone().unwrap();
    let (mut reading, mut writing) = client.split(write_side).unwrap();
    writing.write_all(b"later").unwrap();
    writing.close().unwrap();
    let mut answer = Vec::new();
    reading.read_to_end(&mut answer).unwrap();
    assert_eq!((answer.as_slice(), served.join().unwrap().as_slice()), (&b"early"[..], &b"later"[..]));

    let scene = Scene::visited();
    let (mut client, served) = scene.connect(|stream| {
        let write_side = stream.transport().try_clone().unwrap();
        stream.split(write_side).err().unwrap().kind()
    });
    assert_eq!(write_early(&mut client, b"early"), 5);
    assert_eq!(served.join().unwrap(), ErrorKind::InvalidInput);
}

#[test]
fn client_that_goes_silent_behind_its_early_data_is_given_up() {
    let scene = Scene::visited();
    let (mut client, served) = scene.connect(|mut stream| {
        let mut buffer = [0; 10];
        assert_eq!(stream.read_early_within(&mut buffer, LIMIT).unwrap(), 5);
        let error = stream.read_early_within(&mut buffer, Duration::from_millis(20)).unwrap_err();
        assert_eq!(stream.transport().read_timeout().unwrap(), Some(LIMIT), "the time-outs are as before");
        error.kind()
    });
    assert_eq!(write_early(&mut client, b"early"), 5);
    assert_eq!(served.join().unwrap(), ErrorKind::TimedOut);

    let scene = Scene::visited();
    let (mut client, served) = scene.connect(|mut stream| {
        let early = stream.read_early(&mut [0; 10]).unwrap();
        (early, tls_error(&stream.read_early(&mut [0; 10]).unwrap_err()).cloned())
    });
    assert_eq!(write_early(&mut client, b"early"), 5);
    client.transport().shutdown(Shutdown::Write).unwrap();
    assert_eq!(served.join().unwrap(), (5, Some(Error::Truncated)));
}

#[test]
fn client_that_sends_early_to_a_server_that_refuses_learns_why() {
    let mut scene = Scene::visited();
    // It has lost its tickets, and asks for a certificate that the client has not.
    let roots = Authority::new().roots();
    scene.server = scene.server.client_auth(ClientAuth::Require(Arc::new(roots)));
    let (mut client, served) = scene.connect(|mut stream| stream.handshake().map_err(|error| error.kind()));
    write_early(&mut client, &data(ROOM));
    let mut received = Vec::new();
    let error = client.handshake().and_then(|()| client.read_to_end(&mut received)).unwrap_err();
    assert!(matches!(tls_error(&error), Some(Error::AlertReceived(_))), "{error}");
    assert!(served.join().unwrap().is_err());
}

/// Takes everything and has nothing to read.
#[derive(Default)]
struct Silent {
    written: Vec<u8>,
}

impl Read for Silent {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}

impl Write for Silent {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
