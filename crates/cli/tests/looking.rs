//! A server that looks at the ClientHello first: fingerprints, and connections that are passed on untouched.

mod support;

use std::net::TcpListener;

use support::{Authority, Folder, Server, bulla_with_input, noise};

#[test]
fn client_is_passed_on_untouched_to_the_server_that_it_names() {
    let folder = Folder::new();
    let authority = Authority::new(&folder, "authority");
    let (here, there) = (authority.issue(&folder, &["here.test"]), authority.issue(&folder, &["there.test"]));
    let behind = Server::start(&there, &["--echo"]);
    let pass = format!("*.test={}", behind.address);
    let front = Server::start(&here, &["--echo", "--pass", &format!("nobody.test={}", closed_port()), "--pass", &pass]);
    let data = noise(3 << 20);
    for (name, certificate) in [("there.test", "CN=there.test"), ("THERE.test", "CN=there.test")] {
        let options = ["connect", &front.address, "--ca", &authority.file, "--name", name, "--half-close"];
        let ran = bulla_with_input(&options, &data);
        assert_eq!(ran.code, 0, "{}", ran.errors);
        assert!(ran.output == data, "{} bytes came back", ran.output.len());
        assert!(ran.errors.contains(certificate), "{}", ran.errors);
    }
    // Without a name, and with a hello of another length, it is served here.
    let options = ["connect", &front.address, "--ca", &authority.file, "--name", "127.0.0.1", "--half-close"];
    bulla_with_input(&options, b"").failed_with(4, &["here.test"]);
    let options = ["connect", &front.address, "--ca", &authority.file, "--name", "nobody.test", "--half-close"];
    assert_eq!(bulla_with_input(&options, b"").code, 3);
    let said = front.stop();
    assert_eq!(said.matches("passed to 127.0.0.1:").count(), 2, "{said}");
    assert!(said.contains("refused"), "{said}");
}

/// An address where nobody listens.
fn closed_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn hello_of_many_reads_is_looked_at_and_then_served() {
    let folder = Folder::new();
    let authority = Authority::new(&folder, "authority");
    let issued = authority.issue(&folder, &["127.0.0.1"]);
    let server = Server::start(&issued, &["--echo", "--trace", "--fingerprint", "--pass", "other.test=127.0.0.1:1"]);
    let options = ["connect", &server.address, "--ca", &authority.file, "--half-close", "--pad-hello", "16000"];
    let ran = bulla_with_input(&options, b"long");
    assert_eq!((ran.code, ran.text().as_str()), (0, "long"), "{}", ran.errors);
    let said = server.stop();
    assert!(said.contains("fingerprint JA4 t13i") && said.contains("16,000 B"), "{said}");
}

#[test]
fn fingerprints_tell_what_is_offered_and_ja4_forgets_the_order() {
    let folder = Folder::new();
    let authority = Authority::new(&folder, "authority");
    let issued = authority.issue(&folder, &["127.0.0.1"]);
    let server = Server::start(&issued, &["--echo", "--fingerprint"]);
    let ca = authority.file.as_str();
    let connect = |more: &[&str]| {
        let options = ["connect", &server.address, "--ca", ca, "--half-close"];
        assert_eq!(bulla_with_input(&[&options[..], more].concat(), b"").code, 0);
    };
    connect(&[]);
    connect(&["--extension-order", "key_share,supported_groups"]);
    connect(&["--grease"]);
    connect(&["--suites", "TLS_AES_128_GCM_SHA256", "--alpn", "h2"]);
    // Something that is not TLS has no fingerprint and gets its alert as ever.
    let mut plain = std::net::TcpStream::connect(&server.address).unwrap();
    std::io::Write::write_all(&mut plain, b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    std::io::Read::read_to_end(&mut plain, &mut answer).unwrap();
    assert_eq!(answer.first(), Some(&21), "an alert");

    let said = server.stop();
    let of = |words: &str| -> Vec<String> {
        let lines = said.lines().filter_map(|line| line.split_once(words));
        lines.map(|(_, rest)| rest.split([',', ' ']).next().unwrap().to_string()).collect()
    };
    let (ja4, ja3, text) = (of("fingerprint JA4 "), of(", JA3 "), of("MD5 of "));
    assert_eq!((ja4.len(), ja3.len(), text.len()), (4, 4, 4), "{said}");
    assert!(ja4[0].starts_with("t13i") && ja3[0].len() == 32 && text[0] == "771", "{said}");
    assert_eq!(ja4[0], ja4[1], "the order does not count");
    assert_ne!(ja3[0], ja3[1], "the order counts");
    assert!(ja4[2] == ja4[0] && ja3[2] == ja3[0], "GREASE does not count: {said}");
    assert!(ja4[3].contains("h2_"), "{said}");
}
