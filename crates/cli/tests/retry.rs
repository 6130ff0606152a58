//! `serve --stateless-retry`: another process takes the second ClientHello, with no memory of the first.

mod support;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use support::{Authority, Folder, Ran, Server, bulla_with_input};

/// A change_cipher_spec record, which a server sends behind its HelloRetryRequest. RFC 8446 §D.4.
const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// Shows the first hello to one server, and all that follows its answer to the other.
fn divide(one: &str, two: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (one, two) = (one.to_string(), two.to_string());
    thread::spawn(move || {
        let mut client = listener.accept().unwrap().0;
        let mut first = TcpStream::connect(one).unwrap();
        first.write_all(&record(&mut client)).unwrap();
        client.write_all(&record(&mut first)).unwrap();
        let behind = record(&mut first);
        assert_eq!(behind, CHANGE_CIPHER_SPEC);
        client.write_all(&behind).unwrap();
        drop(first);
        let mut second = TcpStream::connect(two).unwrap();
        let (mut back, mut answers) = (second.try_clone().unwrap(), client.try_clone().unwrap());
        let answering = thread::spawn(move || {
            let _ = io::copy(&mut back, &mut answers);
            let _ = answers.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut client, &mut second);
        let _ = second.shutdown(Shutdown::Write);
        answering.join().unwrap();
    });
    address
}

/// Reads a whole record.
fn record(from: &mut TcpStream) -> Vec<u8> {
    let mut record = vec![0; 5];
    from.read_exact(&mut record).unwrap();
    let len = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + len, 0);
    from.read_exact(&mut record[5..]).unwrap();
    record
}

/// Connects through two servers with these secrets; the second one says what it made of it.
fn through_two(secrets: [&str; 2], options: &[&str]) -> (Ran, String) {
    let folder = Folder::new();
    let authority = Authority::new(&folder, "authority");
    let issued = authority.issue(&folder, &["localhost"]);
    let [one, two] = secrets.map(|secret| {
        let file = folder.write(&secret[..4], secret.repeat(16));
        let start = ["--echo", "--max-connections", "1", "--groups", "secp384r1", "--ticket-secret", &file];
        Server::start(&issued, &[&start[..], options].concat())
    });
    let address = divide(&one.address, &two.address);
    let connect = ["connect", &address, "--ca", &authority.file, "--name", "localhost", "--half-close"];
    let ran = bulla_with_input(&connect, b"there and back");
    // A second connection is served when the first one's report is out.
    let direct = ["connect", &two.address, "--ca", &authority.file, "--name", "localhost", "--half-close"];
    assert_eq!(bulla_with_input(&direct, b"").code, 0);
    (ran, two.stop())
}

#[test]
fn second_hello_is_taken_by_another_process_with_the_same_secret() {
    let (ran, said) = through_two(["c0ffee11", "c0ffee11"], &["--stateless-retry"]);
    assert_eq!((ran.code, ran.text().as_str()), (0, "there and back"), "{}\n{said}", ran.errors);
    assert!(ran.errors.contains("secp384r1") && ran.errors.contains("after a HelloRetryRequest"), "{}", ran.errors);
    assert!(said.contains("after a HelloRetryRequest"), "{said}");
}

#[test]
fn second_hello_with_a_strangers_cookie_or_none_is_refused() {
    for (secrets, options) in [(["c0ffee11", "0ddba115"], &["--stateless-retry"][..]), (["c0ffee11", "c0ffee11"], &[])]
    {
        let (ran, said) = through_two(secrets, options);
        assert_eq!((ran.code, ran.output.len()), (3, 0), "{}", ran.errors);
        assert!(said.lines().any(|line| line.starts_with("bulla: #1 ")), "{said}");
    }
}
