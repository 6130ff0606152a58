//! `--raw-key` and `--raw-public-key`: peers that are known by their keys, without any certificate. RFC 7250.

mod support;

use rcgen::KeyPair;
use support::{Authority, Folder, Issued, Ran, Server, bulla, bulla_with_input};

/// A key in files: the private one, and the public one.
struct Key {
    private: String,
    public: String,
}

impl Key {
    fn new(folder: &Folder, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let public = folder.write(&format!("{name}.pub"), key.public_key_pem());
        Self { private: folder.write(&format!("{name}.key"), key.serialize_pem()), public }
    }
}

fn files() -> (Folder, Authority, Issued) {
    let folder = Folder::new();
    let authority = Authority::new(&folder, "authority");
    let issued = authority.issue(&folder, &["127.0.0.1"]);
    (folder, authority, issued)
}

fn serve(more: &[&str]) -> Server {
    Server::run(&[&["serve", "127.0.0.1:0", "--echo"], more].concat())
}

fn connect(server: &Server, more: &[&str]) -> Ran {
    bulla_with_input(&[&["connect", &server.address, "--half-close"], more].concat(), b"there and back")
}

#[track_caller]
fn connected(ran: &Ran) {
    assert_eq!((ran.code, ran.text().as_str()), (0, "there and back"), "{}", ran.errors);
}

#[test]
fn server_is_known_by_its_key_alone_in_both_versions() {
    let (folder, authority, _) = files();
    let (key, other) = (Key::new(&folder, "key"), Key::new(&folder, "other"));
    let server = serve(&["--raw-key", &key.private]);
    for version in ["1.3", "1.2"] {
        let ran = connect(&server, &["--raw-public-key", &key.public, "--max-version", version, "--trace"]);
        connected(&ran);
        assert!(ran.errors.contains("its raw public key: EC key of 256 bits, sha256//"), "{}", ran.errors);
        assert!(ran.errors.contains("a raw public key: EC key of 256 bits"), "the trace tells: {}", ran.errors);
        // Of several, one must be right; the name plays no part.
        let several = ["--raw-public-key", &other.public, "--raw-public-key", &key.public, "--name", "any.test"];
        connected(&connect(&server, &several));

        let ran = connect(&server, &["--raw-public-key", &other.public, "--max-version", version]);
        ran.failed_with(4, &["--raw-public-key"]);
        let ran = connect(&server, &["--ca", &authority.file, "--max-version", version]);
        assert_eq!((ran.code, ran.output.len()), (3, 0), "whoever wants a certificate gets nothing: {}", ran.errors);
    }
}

#[test]
fn server_with_both_shows_each_client_what_it_takes() {
    let (folder, authority, issued) = files();
    let key = Key::new(&folder, "key");
    let server = Server::start(&issued, &["--echo", "--raw-key", &key.private]);
    let by_key = connect(&server, &["--raw-public-key", &key.public]);
    connected(&by_key);
    assert!(by_key.errors.contains("its raw public key: "), "{}", by_key.errors);
    let by_certificate = connect(&server, &["--ca", &authority.file]);
    connected(&by_certificate);
    assert!(by_certificate.errors.contains("its certificate: CN=127.0.0.1"), "{}", by_certificate.errors);
    // A client that takes both gets the one that it wants most, and the certificate where there is no other.
    let both = ["--ca", authority.file.as_str(), "--raw-public-key", &key.public];
    connected(&connect(&server, &both));
    connected(&connect(&Server::start(&issued, &["--echo"]), &both));
}

#[test]
fn client_is_known_by_its_key_alone() {
    let (folder, authority, issued) = files();
    let (key, other) = (Key::new(&folder, "key"), Key::new(&folder, "other"));
    let ca = ["--ca", authority.file.as_str()];
    let server = Server::start(&issued, &["--echo", "--raw-public-key", &key.public]);
    for version in ["1.3", "1.2"] {
        let max = ["--max-version", version];
        connected(&connect(&server, &[&ca[..], &max, &["--raw-key", &key.private]].concat()));
        for more in [&["--raw-key", other.private.as_str()][..], &[]] {
            assert_eq!(connect(&server, &[&ca[..], &max, more].concat()).code, 3, "{more:?}");
        }
    }
    assert_eq!(server.stop().matches("its raw public key: EC key").count(), 2);

    // Whoever shows nothing is let in where certificates would be taken too.
    let lenient = ["--echo", "--raw-public-key", &key.public, "--client-ca", ca[1], "--client-auth", "request"];
    connected(&connect(&Server::start(&issued, &lenient), &ca));
}

#[test]
fn sessions_of_raw_keys_are_resumed_under_the_same_pins_alone() {
    let (folder, _authority, _) = files();
    let (key, other) = (Key::new(&folder, "key"), Key::new(&folder, "other"));
    let server = serve(&["--raw-key", &key.private]);
    for version in ["1.3", "1.2"] {
        let session = folder.path(version);
        let again = |pins: &[&str]| {
            let options = ["connect", &server.address, "--max-version", version, "--session", &session];
            let ran = bulla(&[&options[..], pins].concat());
            assert_eq!(ran.code, 0, "{}", ran.errors);
            assert!(ran.errors.contains("its raw public key: "), "{}", ran.errors);
            ran.errors.contains(", resumed")
        };
        let pin = ["--raw-public-key", key.public.as_str()];
        assert_eq!([again(&pin), again(&pin)], [false, true], "{version}");
        assert!(!again(&[&pin[..], &["--raw-public-key", &other.public]].concat()), "other keys are trusted now");
    }
}

#[test]
fn certificates_lend_their_keys_and_unusable_files_are_refused() {
    let (folder, _authority, issued) = files();
    let server = serve(&["--raw-key", &issued.key]);
    connected(&connect(&server, &["--raw-public-key", &issued.cert]));

    let key = Key::new(&folder, "key");
    let text = folder.write("text", "no key");
    let connect = |more: &[&str], words: &[&str]| {
        bulla(&[&["connect", "localhost:1"], more].concat()).failed_with(1, words);
    };
    connect(&["--raw-public-key", &text], &["--raw-public-key", "text", "openssl pkey"]);
    connect(&["--raw-public-key", &key.private], &["--raw-public-key", "no public key"]);
    connect(&["--raw-public-key", &key.public, "--raw-key", &key.public], &["--raw-key", "private key"]);
    bulla(&["serve", "127.0.0.1:0", "--echo"]).failed_with(1, &["--cert"]);
    let both = ["serve", "127.0.0.1:0", "--echo", "--raw-key", &key.private, "--cert", &issued.cert];
    bulla(&both).failed_with(1, &["--key"]);
}
