//! The blocking adaptor where a certificate is asked for after the handshake.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;

use bulla::error::Misuse;
use bulla::{ClientAuth, ClientConfig, ClientConnection, ServerConfig, ServerConnection, Stream, tls_error};
use later::{Later, Remote};
use pair::{Authority, KeyKind, configs_by, name};

/// What both ends of these tests are made of.
struct Rig {
    client: ClientConfig,
    server: ServerConfig,
    remote: Remote,
}

impl Rig {
    fn new() -> Self {
        let authority = Authority::new();
        let (client, server) = configs_by(&authority, KeyKind::EcdsaP256);
        let client = client.identity(authority.identity(&["client.test"], KeyKind::EcdsaP256));
        let server = server.post_handshake_auth(ClientAuth::Require(Arc::new(authority.roots())));
        let remote = Remote::new(authority.issue(&["client.test"], KeyKind::EcdsaP256));
        Self { client: client.post_handshake_auth(true), server, remote }
    }
}

fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

fn client(config: ClientConfig, socket: TcpStream) -> Stream<ClientConnection, TcpStream> {
    Stream::new(ClientConnection::new(Arc::new(config), name()).unwrap(), socket)
}

fn server(config: ServerConfig, socket: TcpStream) -> Stream<ServerConnection, TcpStream> {
    Stream::new(ServerConnection::new(Arc::new(config)).unwrap(), socket)
}

#[test]
fn server_waits_for_the_answer_and_is_told_of_data_that_comes_before_it() {
    let rig = Rig::new();
    let (near, far) = sockets();
    let asking = thread::spawn(move || {
        let mut stream = server(rig.server, far);
        // Asking finishes the handshake; the client has written something before it reads at all.
        stream.request_client_certificate().unwrap();
        stream.write_all(b"who is there?").unwrap();
        let mut text = [0; 5];
        assert!(!stream.await_client_certificate().unwrap());
        assert!(!stream.await_client_certificate().unwrap(), "as long as the data waits");
        stream.read_exact(&mut text).unwrap();
        assert!(stream.connection().peer_certificates().is_empty());
        assert!(stream.await_client_certificate().unwrap());
        assert!(stream.await_client_certificate().unwrap(), "nothing more is waited for");
        assert_eq!(stream.connection().peer_certificates().len(), 1);
        stream.close().unwrap();
        text
    });
    let mut stream = client(rig.client, near);
    stream.write_all(b"first").unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "who is there?");
    assert_eq!(asking.join().unwrap(), *b"first");
}

#[test]
fn server_that_cannot_ask_is_told_so_and_goes_on() {
    let rig = Rig::new();
    let (near, far) = sockets();
    let asking = thread::spawn(move || {
        let mut stream = server(rig.server, far);
        let error = stream.request_client_certificate().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(tls_error(&error), Some(&Misuse::NoPostHandshakeAuth.into()));
        assert!(stream.await_client_certificate().unwrap());
        stream.write_all(b"then not").unwrap();
        stream.close().unwrap();
    });
    let mut heard = String::new();
    client(rig.client.post_handshake_auth(false), near).read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "then not");
    asking.join().unwrap();
}

#[test]
fn client_that_leaves_is_an_end_and_no_answer() {
    let rig = Rig::new();
    let (near, far) = sockets();
    let asking = thread::spawn(move || {
        let mut stream = server(rig.server, far);
        stream.handshake().unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        stream.request_client_certificate().unwrap();
        stream.await_client_certificate().unwrap_err().kind()
    });
    let mut stream = client(rig.client, near);
    stream.handshake().unwrap();
    stream.close().unwrap();
    assert_eq!(asking.join().unwrap(), ErrorKind::UnexpectedEof);
}

#[test]
fn reading_halves_answer_questions_and_write_what_they_owe() {
    let Rig { client: client_config, server: server_config, remote } = Rig::new();
    let (near, far) = sockets();
    let judge = remote.clone();
    let (to_client, judged) = mpsc::channel();
    let asking = thread::spawn(move || {
        let stream = server(server_config.verify_later(), far);
        let mut stream = stream.answer_with(move |question| {
            to_client.send(()).unwrap();
            judge.answer(question)
        });
        stream.handshake().unwrap();
        let write_side = stream.transport().try_clone().unwrap();
        let (mut reader, mut writer) = stream.split(write_side).unwrap();
        writer.with_connection(|connection| connection.request_client_certificate()).unwrap();
        writer.flush().unwrap();
        let mut text = [0; 7];
        reader.read_exact(&mut text).unwrap();
        assert_eq!(reader.with_connection(|connection| connection.open_certificate_requests()), 0);
        assert_eq!(reader.with_connection(|connection| connection.peer_certificates().len()), 1);
        writer.write_all(b"come in").unwrap();
        writer.close().unwrap();
        text
    });
    let chosen = client_config.choose_identity(Arc::new(Later));
    let mut stream = client(chosen, near).answer_with(move |question| remote.answer(question));
    stream.handshake().unwrap();
    let write_side = stream.transport().try_clone().unwrap();
    let (mut reader, mut writer) = stream.split(write_side).unwrap();
    let answered = thread::spawn(move || {
        let mut heard = String::new();
        reader.read_to_string(&mut heard).unwrap();
        heard
    });
    // Nothing is written here before the server has got what the reading half owed it.
    judged.recv().unwrap();
    writer.write_all(b"let me ").unwrap();
    assert_eq!(asking.join().unwrap(), *b"let me ");
    assert_eq!(answered.join().unwrap(), "come in");
}

#[test]
fn question_that_nobody_answers_is_an_error_once_and_data_goes_on() {
    let rig = Rig::new();
    let (near, far) = sockets();
    let asking = thread::spawn(move || {
        let mut stream = server(rig.server, far);
        stream.request_client_certificate().unwrap();
        stream.write_all(b"data all the same").unwrap();
        stream.close().unwrap();
        stream.connection().open_certificate_requests()
    });
    let mut stream = client(rig.client.choose_identity(Arc::new(Later)), near);
    stream.handshake().unwrap();
    let error = stream.read(&mut [0; 1]).unwrap_err();
    assert!(error.to_string().contains("nobody answers it"), "{error}");
    let mut heard = String::new();
    stream.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "data all the same");
    assert_eq!(asking.join().unwrap(), 1);
}
