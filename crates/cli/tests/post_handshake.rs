//! `serve --client-auth-for` and `connect --post-handshake-auth`: who somebody is, asked for when it matters. RFC 8446 §4.6.2.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use bulla::{ClientAuth, Identity, Roots, ServerConfig, ServerConnection, Stream};
use support::{Authority, Folder, Issued, Ran, Server, bulla, bulla_with_input};

struct Site {
    folder: Folder,
    authority: Authority,
    server_own: Issued,
    client_own: Issued,
    root: String,
}

impl Site {
    fn new() -> Self {
        let folder = Folder::new();
        let authority = Authority::new(&folder, "authority");
        let (server_own, client_own) =
            (authority.issue(&folder, &["127.0.0.1"]), authority.issue(&folder, &["client.test"]));
        folder.write("www/open.txt", "for all\n");
        folder.write("www/private/secret.txt", "for few\n");
        let root = folder.path("www");
        Self { folder, authority, server_own, client_own, root }
    }

    fn server(&self) -> Server {
        let options = ["--root", &self.root, "--client-ca", &self.authority.file, "--client-auth-for", "private/"];
        Server::start(&self.server_own, &options)
    }

    fn get(&self, server: &Server, paths: &[&str], more: &[&str]) -> Ran {
        let last = paths.len() - 1;
        let requests = paths.iter().enumerate().map(|(index, path)| {
            let end = if index == last { "Connection: close\r\n" } else { "" };
            format!("GET {path} HTTP/1.1\r\nHost: a\r\n{end}\r\n")
        });
        let options = ["connect", &server.address, "--ca", &self.authority.file];
        bulla_with_input(&[&options[..], more].concat(), requests.collect::<String>().as_bytes())
    }

    fn own(&self) -> [&str; 4] {
        ["--cert", &self.client_own.cert, "--key", &self.client_own.key]
    }
}

#[test]
fn client_is_asked_only_for_what_is_private() {
    let site = Site::new();
    let server = site.server();
    let with = [&["--post-handshake-auth", "--trace"][..], &site.own()].concat();
    let ran = site.get(&server, &["/open.txt"], &with);
    assert!(ran.code == 0 && ran.text().ends_with("for all\n"), "{}", ran.errors);
    assert!(!ran.errors.contains("behind the handshake"), "{}", ran.errors);
    for path in ["/private/secret.txt", "/%70rivate//./secret.txt"] {
        let ran = site.get(&server, &[path], &with);
        assert!(ran.code == 0 && ran.text().ends_with("for few\n"), "{}{}", ran.text(), ran.errors);
        assert!(ran.errors.contains("asks for a certificate, behind the handshake"), "{}", ran.errors);
    }
    assert_eq!(server.stop().matches("its certificate: CN=client.test").count(), 2);
}

#[test]
fn clients_without_a_certificate_or_without_the_extension_or_of_tls12_are_told_so_in_http() {
    let site = Site::new();
    let server = site.server();
    let own = site.own();
    for more in [&["--post-handshake-auth"][..], &own, &[&own[..], &["--max-version", "1.2"]].concat(), &[]] {
        let ran = site.get(&server, &["/open.txt"], more);
        assert!(ran.code == 0 && ran.text().ends_with("for all\n"), "{}", ran.errors);
        for path in ["/private/secret.txt", "/private/missing.txt", "/private/", "/private"] {
            let ran = site.get(&server, &[path], more);
            assert!(ran.code == 0 && ran.text().starts_with("HTTP/1.1 403 "), "{}{}", ran.text(), ran.errors);
        }
    }
}

#[cfg(unix)]
#[test]
fn link_to_what_is_private_is_private() {
    let site = Site::new();
    std::os::unix::fs::symlink(site.folder.path("www/private/secret.txt"), site.folder.path("www/link.txt")).unwrap();
    let server = site.server();
    assert!(site.get(&server, &["/link.txt"], &[]).text().starts_with("HTTP/1.1 403 "));
    let with = [&["--post-handshake-auth"][..], &site.own()].concat();
    assert!(site.get(&server, &["/link.txt"], &with).text().ends_with("for few\n"));
}

#[test]
fn connect_shows_its_certificate_to_a_server_that_asks_in_the_middle_of_data() {
    let site = Site::new();
    let roots = Arc::new(Roots::from_file(&site.authority.file).unwrap());
    let identity = Identity::from_files(&site.server_own.cert, &site.server_own.key).unwrap();
    let config = ServerConfig::new(identity).post_handshake_auth(ClientAuth::Require(roots));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let (socket, _): (TcpStream, _) = listener.accept().unwrap();
        let mut tls = Stream::new(ServerConnection::new(Arc::new(config)).unwrap(), socket);
        let mut question = [0; 4];
        tls.read_exact(&mut question).unwrap();
        tls.request_client_certificate().unwrap();
        assert!(tls.await_client_certificate().unwrap());
        let known = tls.connection().peer_certificates().len();
        tls.write_all(format!("{known} certificate").as_bytes()).unwrap();
        tls.close().unwrap();
    });
    let options = ["connect", &address, "--ca", &site.authority.file, "--post-handshake-auth"];
    let ran = bulla_with_input(&[&options[..], &site.own()].concat(), b"who?");
    assert_eq!((ran.code, ran.text().as_str()), (0, "1 certificate"), "{}", ran.errors);
    server.join().unwrap();
}

#[test]
fn unusable_options_are_refused() {
    let site = Site::new();
    let (ca, issued) = (site.authority.file.as_str(), &site.server_own);
    let serve = |more: &[&str], words: &[&str]| {
        let options = ["serve", "127.0.0.1:0", "--cert", &issued.cert, "--key", &issued.key];
        bulla(&[&options[..], more].concat()).failed_with(1, words);
    };
    let below = ["--client-auth-for", "private", "--root", &site.root];
    serve(&below, &["--client-ca"]);
    serve(&["--client-auth-for", "private", "--echo", "--client-ca", ca], &["--echo"]);
    serve(
        &["--client-auth-for", "missing", "--root", &site.root, "--client-ca", ca],
        &["--client-auth-for", "missing"],
    );
    serve(&["--client-auth-for", "..", "--root", &site.root, "--client-ca", ca], &["not in the folder of --root"]);
    serve(&[&below[..], &["--client-ca", ca, "--client-auth", "require"]].concat(), &["--client-auth"]);
}
