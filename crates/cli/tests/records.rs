//! How large records are and how they are padded, seen on the wire between `connect` and `serve`.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use support::{Authority, Folder, Ran, Server, bulla, bulla_with_input, noise};

/// A record's content type and length.
type Seen = (u8, usize);

/// Somebody between the two, who writes down the records that go each way.
struct Tap {
    address: String,
    seen: JoinHandle<[Vec<Seen>; 2]>,
}

impl Tap {
    fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, to) = (listener.local_addr().unwrap().to_string(), server.address.clone());
        let seen = thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect(to).unwrap();
            let (client_side, server_side) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let there = thread::spawn(move || records(&copy(client, server)));
            let back = records(&copy(server_side, client_side));
            [there.join().unwrap(), back]
        });
        Self { address, seen }
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match from.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => {
                all.extend_from_slice(&buffer[..read]);
                if to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    all
}

fn records(mut bytes: &[u8]) -> Vec<Seen> {
    let mut records = Vec::new();
    while let [content_type, _, _, high, low, rest @ ..] = bytes {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        records.push((*content_type, len));
        bytes = &rest[len.min(rest.len())..];
    }
    records
}

/// What a protected record of TLS 1.3 has beside its plaintext: the content type and the AEAD's tag.
const TLS13_MORE: usize = 1 + 16;

struct Pair {
    _folder: Folder,
    authority: Authority,
    server: Server,
}

impl Pair {
    fn new(more: &[&str]) -> Self {
        let folder = Folder::new();
        let authority = Authority::new(&folder, "authority");
        let issued = authority.issue(&folder, &["127.0.0.1"]);
        let server = Server::start(&issued, &[&["--echo", "--tickets", "0"], more].concat());
        Self { _folder: folder, authority, server }
    }

    /// Sends data there and back, and returns what was seen of it: the protected records of the client's and the server's.
    #[track_caller]
    fn talk(&self, data: &[u8], more: &[&str]) -> (Ran, [Vec<usize>; 2]) {
        let tap = Tap::before(&self.server);
        let options = ["connect", &tap.address, "--ca", &self.authority.file, "--half-close"];
        let ran = bulla_with_input(&[&options[..], more].concat(), data);
        assert_eq!(ran.code, 0, "{}", ran.errors);
        assert!(ran.output == data, "{} bytes came back", ran.output.len());
        let protected = |seen: Vec<Seen>| seen.into_iter().filter(|it| it.0 == 23).map(|it| it.1).collect();
        (ran, tap.seen.join().unwrap().map(protected))
    }
}

#[test]
fn records_keep_to_what_each_end_says() {
    let pair = Pair::new(&["--record-size-limit", "1000"]);
    let data = noise(20_000);
    let (ran, [there, back]) = pair.talk(&data, &["--record-size-limit", "400"]);
    // The content type is counted in TLS 1.3. RFC 8449 §4.
    assert_eq!(there.iter().max(), Some(&(1000 - 1 + TLS13_MORE)), "{there:?}");
    assert_eq!(back.iter().max(), Some(&(400 - 1 + TLS13_MORE)), "the certificate too: {back:?}");
    assert!(ran.errors.contains("records of up to 999 B"), "{}", ran.errors);
    assert!(pair.server.stop().contains("records of up to 399 B"));
}

#[test]
fn records_of_an_end_that_says_nothing_are_as_long_as_ever() {
    let pair = Pair::new(&[]);
    let (ran, [there, back]) = pair.talk(&noise(40_000), &["--record-size-limit", "400"]);
    assert_eq!(there.iter().max(), Some(&(16_384 + TLS13_MORE)), "{there:?}");
    assert!(!ran.errors.contains("records of up to"), "{}", ran.errors);
    assert_eq!(back.iter().max(), Some(&(400 - 1 + TLS13_MORE)), "{back:?}");
}

#[test]
fn fragments_are_as_short_as_the_client_asks_in_both_versions() {
    for version in ["1.3", "1.2"] {
        let pair = Pair::new(&[]);
        let options = ["--max-fragment", "512", "--max-version", version];
        let (ran, [there, back]) = pair.talk(&noise(5000), &options);
        for seen in [there, back] {
            // In TLS 1.3 the content type is counted; TLS 1.2 with AES-GCM has an explicit nonce of 8 bytes. Both have a tag.
            let more = if version == "1.3" { 16 } else { 8 + 16 };
            assert_eq!(seen.iter().max(), Some(&(512 + more)), "{version}: {seen:?}");
        }
        let len = if version == "1.3" { 511 } else { 512 };
        assert!(ran.errors.contains(&format!("records of up to {len} B")), "{}", ran.errors);
    }
}

#[test]
fn padded_records_say_less_by_their_length() {
    let pair = Pair::new(&["--record-padding", "100"]);
    for len in [1, 250, 900] {
        let (_, [there, back]) = pair.talk(&noise(len), &["--record-padding", "1024"]);
        for (seen, multiple) in [(there, 1024), (back, 100)] {
            assert!(seen.iter().all(|it| (it - TLS13_MORE).is_multiple_of(multiple)), "{multiple}: {seen:?}");
        }
    }
}

#[test]
fn lengths_out_of_bounds_are_refused() {
    let refused = |option: &str, value: &str, words: &[&str]| {
        bulla(&["connect", "localhost:1", option, value]).failed_with(1, words);
    };
    refused("--record-size-limit", "63", &["--record-size-limit", "64"]);
    refused("--record-size-limit", "16386", &["--record-size-limit", "16385"]);
    refused("--max-fragment", "700", &["--max-fragment", "512, 1024, 2048", "--record-size-limit"]);
    refused("--record-padding", "0", &["--record-padding", "1"]);
}
