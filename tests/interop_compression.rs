//! Compressed certificates with tlslite-ng, both ways and with both certificates, with GnuTLS where it has them, and with
//! browsers' clients by curl_cffi. RFC 8879.

#![cfg(all(feature = "ring", feature = "std", feature = "zlib", feature = "brotli"))]

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer_gnutls.rs"]
mod gnutls;
#[path = "support/peer.rs"]
mod peer;

use std::io::{Read, Write};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use bulla::config::compression::{Brotli, CompressCertificates, Zlib};
use bulla::config::{ChooseServerConfig, ClientHelloView, Decision};
use bulla::wire::{CertificateCompressionAlgorithm as Algorithm, ExtensionType, Handshake, NamedGroup};
use bulla::{ClientAuth, ClientConfig, Content, Direction, Observed, Observer, ServerConfig, ServerConnection, Stream};
use certificates::{Certificates, Kind};
use ends::{ServerStream, connect, read_line, serve};
use gnutls::{gnutls_certificates, gnutls_cli, gnutls_serv, isolated};
use peer::{Process, is_installed, skipped};

const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/python/");
/// tlslite-ng's words for the algorithms.
const ALGORITHMS: [(&str, Algorithm); 2] = [("zlib", Algorithm::zlib), ("brotli", Algorithm::brotli)];

/// The certificates, or `None` without a Python that can import all of this; says so then.
fn certificates_and_modules(modules: &str, what: &str) -> Option<Arc<Certificates>> {
    let imported = Command::new("python3").args(["-c", &format!("import {modules}")]).output();
    if !imported.is_ok_and(|output| output.status.success()) {
        skipped(what, &format!("python3 with {modules}"));
        return None;
    }
    if !is_installed("openssl", "version") {
        skipped(what, "openssl, which makes the certificates,");
        return None;
    }
    Some(Certificates::shared())
}

fn python(script: &str, arguments: &[&str]) -> Process {
    Process::start(Command::new("python3").arg(format!("{PEERS}{script}")).args(arguments))
}

fn both() -> [Arc<dyn CompressCertificates>; 2] {
    [Arc::new(Zlib), Arc::new(Brotli)]
}

/// Writes down how certificates travelled: which way, and how they were compressed.
#[derive(Debug, Default)]
struct Travelled(Mutex<Vec<(Direction, Option<Algorithm>)>>);

impl Observer for Travelled {
    fn observe(&self, seen: &Observed<'_>) {
        let algorithm = match &seen.content {
            Content::Handshake { message: Ok(Handshake::Certificate(_)), .. } => None,
            Content::Handshake { message: Ok(Handshake::CompressedCertificate(compressed)), .. } => {
                Some(compressed.algorithm)
            }
            _ => return,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((seen.direction, algorithm));
    }
}

impl Travelled {
    fn all(&self) -> Vec<(Direction, Option<Algorithm>)> {
        self.0.lock().unwrap().clone()
    }
}

#[test]
fn certificates_of_both_ends_travel_compressed_between_tlslite_and_our_server() {
    let Some(certificates) = certificates_and_modules("tlslite, brotli", "compressed certificates of tlslite-ng")
    else {
        return;
    };
    for (name, algorithm) in ALGORITHMS {
        let travelled = Arc::new(Travelled::default());
        let config = ServerConfig::new(certificates.identity(Kind::Rsa)).certificate_compression(both()).unwrap();
        let config = config.client_auth(ClientAuth::Require(Arc::new(certificates.roots())));
        let (address, served) = serve(config.observer(travelled.clone()), |mut stream: ServerStream| {
            let shown = stream.connection().peer_certificates().to_vec();
            let line = read_line(&mut stream);
            stream.write_all(line.as_bytes()).unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
            stream.close().unwrap();
            shown
        });
        let (certificate, key) =
            (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
        let port = address.port().to_string();
        let client = python("tlslite_compression.py", &["client", &port, name, &certificate, &key]);
        client.wait_for_text(&format!("compressed {name} {name}\n"));
        client.wait_for_text("done");
        assert_eq!(served.finish(), certificates.identity(Kind::EcdsaP256).chain());
        assert_eq!(travelled.all(), [(Direction::Sent, Some(algorithm)), (Direction::Received, Some(algorithm))]);
    }
}

#[test]
fn certificates_of_both_ends_travel_compressed_between_our_client_and_tlslite() {
    let Some(certificates) = certificates_and_modules("tlslite, brotli", "compressed certificates of tlslite-ng")
    else {
        return;
    };
    for (name, algorithm) in ALGORITHMS {
        let travelled = Arc::new(Travelled::default());
        let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
        let server = python("tlslite_compression.py", &["server", name, &certificate, &key]);
        let address = format!("127.0.0.1:{}", server.wait_for_line("port ")).parse().unwrap();
        let config = ClientConfig::new(certificates.roots()).certificate_compression(both()).unwrap();
        let config = config.identity(certificates.identity(Kind::EcdsaP256)).observer(travelled.clone());
        let mut stream = connect(address, config).unwrap();
        server.wait_for_text(&format!("compressed {name} {name}\n"));
        assert_eq!(stream.connection().peer_certificates(), certificates.identity(Kind::Rsa).chain());
        stream.write_all(b"there and back\n").unwrap();
        assert_eq!(read_line(&mut stream), "there and back\n");
        stream.close().unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        server.wait_for_text("done");
        assert_eq!(travelled.all(), [(Direction::Received, Some(algorithm)), (Direction::Sent, Some(algorithm))]);
    }
}

/// Says whether this GnuTLS can compress certificates, and loudly if it cannot.
fn gnutls_compresses(certificates: &Certificates) -> bool {
    let (address, served) = serve(ServerConfig::new(certificates.identity(Kind::Rsa)), |mut stream: ServerStream| {
        let _ = stream.read(&mut [0]);
        let _ = stream.close();
    });
    let text = gnutls_cli(certificates, address, &["--compress-cert=zlib"]).finish().text();
    served.finish();
    let compresses = !text.contains("Unknown compression method");
    if !compresses {
        let line =
            "NOT COMPRESSED: this GnuTLS was built without certificate compression; only that it goes on is tested";
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    compresses
}

#[test]
fn gnutls_as_a_client_takes_our_certificate_compressed_where_it_can() {
    let Some(certificates) = gnutls_certificates() else { return };
    let expected = gnutls_compresses(&certificates).then_some(Algorithm::zlib);
    let travelled = Arc::new(Travelled::default());
    let config = ServerConfig::new(certificates.identity(Kind::Rsa)).certificate_compression(both()).unwrap();
    let (address, served) = serve(config.observer(travelled.clone()), |mut stream: ServerStream| {
        let line = read_line(&mut stream);
        stream.write_all(line.as_bytes()).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        stream.close().unwrap();
    });
    let mut process = gnutls_cli(&certificates, address, &["--compress-cert=zlib"]);
    process.wait_for_text("- Simple Client Mode:");
    process.say("there and back\n");
    process.wait_for_text("there and back\n");
    process.finish().successful();
    served.finish();
    assert_eq!(travelled.all(), [(Direction::Sent, expected)]);
}

#[test]
fn gnutls_as_a_server_compresses_its_certificate_where_it_can() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("gnutls_as_a_server_compresses_its_certificate_where_it_can") {
        return;
    }
    let expected = gnutls_compresses(&certificates).then_some(Algorithm::zlib);
    let travelled = Arc::new(Travelled::default());
    let more = ["--disable-client-cert", "--compress-cert=zlib"];
    let (_process, address) = gnutls_serv(&certificates, Kind::Rsa, 5600, &more);
    let config = ClientConfig::new(certificates.roots()).certificate_compression(both()).unwrap();
    let mut stream = connect(address, config.observer(travelled.clone())).unwrap();
    stream.write_all(b"there and back\n").unwrap();
    assert_eq!(read_line(&mut stream), "there and back\n");
    stream.close().unwrap();
    assert_eq!(travelled.all(), [(Direction::Received, expected)]);
}

/// Serves one client of curl_cffi over HTTP; returns what its hello said, what became of it, and how our certificate went.
fn visit_of(browser: &str, certificates: &Certificates) -> (ClientHelloView, Option<NamedGroup>, Option<Algorithm>) {
    let travelled = Arc::new(Travelled::default());
    let identity = certificates.identity(Kind::EcdsaP256).ocsp_response(b"what nobody looks at".to_vec());
    let config = ServerConfig::new(identity).certificate_compression(both()).unwrap().alpn(["http/1.1"]).unwrap();
    let looks = Arc::new(Looks { config: Arc::new(config.observer(travelled.clone())), hello: Mutex::default() });
    let chooser = looks.clone();
    let (address, served) = peer::serve_once(move |socket| {
        let mut stream = Stream::new(ServerConnection::choosing(chooser).unwrap(), socket);
        stream.handshake().unwrap();
        while read_line(&mut stream) != "\r\n" {}
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nwelcome").unwrap();
        stream.close().unwrap();
        stream.connection().group()
    });
    let (port, roots) = (address.port().to_string(), certificates.roots_file());
    let process = python("browser.py", &[browser, &port, &roots]);
    process.wait_for_text("answer 200 welcome");
    process.finish().successful();
    let group = served.finish();
    let hello = looks.hello.lock().unwrap().take().expect("a hello should have come");
    let travelled = travelled.all();
    assert_eq!(travelled.len(), 1, "{travelled:?}");
    (hello, group, travelled[0].1)
}

/// Keeps the hello and serves everybody alike.
#[derive(Debug)]
struct Looks {
    config: Arc<ServerConfig>,
    hello: Mutex<Option<ClientHelloView>>,
}

impl ChooseServerConfig for Looks {
    fn choose(&self, hello: &ClientHelloView) -> Decision<Arc<ServerConfig>> {
        *self.hello.lock().unwrap() = Some(hello.clone());
        Decision::Now(Arc::clone(&self.config))
    }
}

/// The values of RFC 8701: two equal bytes with A in their lower halves.
fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

#[test]
fn client_like_chrome_takes_brotli_and_its_grease_is_passed_over() {
    let Some(certificates) = certificates_and_modules("curl_cffi", "browsers by curl_cffi") else { return };
    let (hello, group, compressed) = visit_of("chrome146", &certificates);
    assert_eq!((group, compressed), (Some(NamedGroup::X25519MLKEM768), Some(Algorithm::brotli)));
    let greased = hello.extension_types().iter().filter(|extension| is_grease(extension.0)).count();
    assert_eq!((greased, is_grease(hello.cipher_suites()[0].0), is_grease(hello.groups()[0].0)), (2, true, true));
    for extension in [ExtensionType::status_request, ExtensionType::signed_certificate_timestamp] {
        assert!(hello.has_extension(extension), "{extension}");
    }
}

#[test]
fn client_like_firefox_takes_our_first_algorithm_and_names_more_than_we_have() {
    let Some(certificates) = certificates_and_modules("curl_cffi", "browsers by curl_cffi") else { return };
    let (hello, group, compressed) = visit_of("firefox147", &certificates);
    assert_eq!((group, compressed), (Some(NamedGroup::X25519MLKEM768), Some(Algorithm::zlib)));
    for extension in [ExtensionType::delegated_credential, ExtensionType::record_size_limit] {
        assert!(hello.has_extension(extension), "{extension}");
    }
}
