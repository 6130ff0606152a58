//! `bulla serve --root`, asked by hand through `bulla connect`.
#![cfg(unix)]

mod support;

use std::os::unix::fs::symlink;

use support::{Authority, Folder, Server, bulla_with_input, noise};

/// A server of files, and what is needed to reach it.
struct Site {
    folder: Folder,
    authority: Authority,
    server: Server,
}

/// What came back: the status, the headers as they stand there, the body.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        values.next()
    }
}

impl Site {
    fn new() -> Self {
        Self::with(&[])
    }

    /// A server with further options.
    fn with(options: &[&str]) -> Self {
        let folder = Folder::new();
        let authority = Authority::new(&folder, "authority");
        let issued = authority.issue(&folder, &["127.0.0.1"]);
        folder.write("root/index.html", "<p>home</p>");
        folder.write("root/a file.txt", "0123456789");
        folder.write("root/sub/index.html", "<p>sub</p>");
        folder.write("root/none/other.bin", [0, 255]);
        folder.write("secret.txt", "secret");
        let server = Server::start(&issued, &[&["--root", &folder.path("root")], options].concat());
        Self { folder, authority, server }
    }

    /// Sends these bytes and returns all that comes until the server closes.
    fn raw(&self, request: impl AsRef<[u8]>) -> Vec<u8> {
        let arguments = ["connect", &self.server.address, "--ca", &self.authority.file, "--quiet"];
        let ran = bulla_with_input(&arguments, request.as_ref());
        // close_notify came, or this would be 3.
        assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
        ran.output
    }

    fn answers(&self, request: impl AsRef<[u8]>) -> Vec<Answer> {
        let bytes = self.raw(request);
        let mut rest = bytes.as_slice();
        let mut answers = Vec::new();
        while !rest.is_empty() {
            let end = rest.windows(4).position(|it| it == b"\r\n\r\n").expect("a whole head") + 4;
            let head = String::from_utf8(rest[..end].to_vec()).unwrap();
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            let mut answer = Answer { status, head, body: Vec::new() };
            rest = &rest[end..];
            let length = answer.header("content-length").map_or(0, |it| it.parse().unwrap());
            answer.body = rest[..length].to_vec();
            rest = &rest[length..];
            answers.push(answer);
        }
        answers
    }

    /// One GET that closes, with more headers.
    #[track_caller]
    fn get(&self, path: &str, headers: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        let mut answers = self.answers(request);
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0)
    }
}

#[test]
fn file_comes_with_its_type_length_and_state() {
    let site = Site::new();
    let answer = site.get("/a%20file.txt?query", "");
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"0123456789"[..]));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(answer.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", answer.head);
    for name in ["date", "last-modified", "etag"] {
        assert!(answer.header(name).is_some(), "{name} is missing in {}", answer.head);
    }
}

#[test]
fn folders_answer_with_their_index() {
    let site = Site::new();
    assert_eq!(site.get("/", "").body, b"<p>home</p>");
    assert_eq!(site.get("/", "").header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(site.get("/sub/", "").body, b"<p>sub</p>");
    let moved = site.get("//sub?a=b", "");
    assert_eq!((moved.status, moved.header("location")), (301, Some("/sub/?a=b")));
    assert_eq!(site.get("/none/", "").status, 404);
}

#[test]
fn large_file_comes_whole() {
    let site = Site::new();
    let data = noise(5_000_001);
    site.folder.write("root/large.bin", &data);
    let answer = site.get("/large.bin", "");
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert!(answer.body == data, "{} bytes came", answer.body.len());
    assert!(site.get("/large.bin", "Range: bytes=70000-4999999\r\n").body == data[70_000..5_000_000]);
}

#[test]
fn ranges_are_served() {
    let site = Site::new();
    let range = |range: &str| site.get("/a%20file.txt", &format!("Range: {range}\r\n"));
    for (wanted, body, content_range) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-100", "89", "bytes 8-9/10"),
    ] {
        let answer = range(wanted);
        assert_eq!((answer.status, answer.body.as_slice()), (206, body.as_bytes()), "{wanted}");
        assert_eq!(answer.header("content-range"), Some(content_range));
    }
    let answer = range("bytes=10-");
    assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */10")));
    assert_eq!(range("bytes=0-1,4-5").status, 200);
    let etag = site.get("/a%20file.txt", "").header("etag").unwrap().to_string();
    let with = |if_range: &str| site.get("/a%20file.txt", &format!("Range: bytes=0-0\r\nIf-Range: {if_range}\r\n"));
    assert_eq!(with(&etag).status, 206);
    assert_eq!(with("\"another\"").status, 200);
}

#[test]
fn unchanged_file_is_not_sent_again() {
    let site = Site::new();
    let first = site.get("/", "");
    let (etag, modified) = (first.header("etag").unwrap(), first.header("last-modified").unwrap());
    for condition in [format!("If-None-Match: {etag}"), format!("If-Modified-Since: {modified}")] {
        let answer = site.get("/", &format!("{condition}\r\n"));
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{condition}");
        assert_eq!(answer.header("etag"), Some(etag));
    }
    assert_eq!(site.get("/", "If-None-Match: \"another\"\r\n").status, 200);
    assert_eq!(site.get("/", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n").status, 200);
    assert_eq!(site.get("/", "If-Match: \"another\"\r\n").status, 412);
    assert_eq!(site.get("/", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n").status, 412);
}

#[test]
fn head_is_answered_without_a_body() {
    let site = Site::new();
    for (path, status, length) in [("/a%20file.txt", 200, 10), ("/none", 301, 22), ("/nothing", 404, 14)] {
        let text = site.raw(format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        assert!(text.contains(&format!("Content-Length: {length}\r\n")), "{text}");
        assert!(text.ends_with("\r\n\r\n"), "{text}");
    }
}

#[test]
fn connection_is_kept_for_further_requests() {
    let site = Site::new();
    let requests = "GET / HTTP/1.1\r\nHost: x\r\n\r\n\
        HEAD / HTTP/1.1\r\nHost: x\r\n\r\n\
        GET /sub/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n\
        GET /never HTTP/1.1\r\nHost: x\r\n\r\n";
    let text = String::from_utf8(site.raw(requests)).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 3, "{text}");
    assert_eq!(text.matches("Connection: close\r\n").count(), 1, "{text}");
    assert!(text.ends_with("<p>sub</p>"), "{text}");
}

#[test]
fn http_1_0_closes_unless_asked_to_stay() {
    let site = Site::new();
    let answers = site.answers("GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n");
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].header("connection"), Some("close"));
    let answers = site.answers("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /sub/ HTTP/1.0\r\n\r\n");
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0].header("connection"), Some("keep-alive"));
    assert_eq!(answers[1].body, b"<p>sub</p>");
}

#[test]
fn nothing_outside_the_folder_is_served() {
    let site = Site::new();
    symlink(site.folder.path("secret.txt"), site.folder.path("root/link.txt")).unwrap();
    symlink(site.folder.path(""), site.folder.path("root/up")).unwrap();
    symlink(site.folder.path("root/a file.txt"), site.folder.path("root/inner.txt")).unwrap();
    for path in [
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2E%2Fsecret.txt",
        "/..%2fsecret.txt",
        "/sub/%2e%2e/%2e%2e/secret.txt",
        "/link.txt",
        "/up/secret.txt",
        "http://x/../secret.txt",
    ] {
        let answer = site.get(path, "");
        assert_eq!(answer.status, 403, "{path}");
        assert!(!answer.body.windows(6).any(|it| it == b"secret"), "{path}");
    }
    let absolute = format!("/{}", site.folder.path("secret.txt"));
    assert_eq!(site.get(&absolute, "").status, 404);
    assert_eq!(site.get("/secret.txt%00.html", "").status, 400);
    assert_eq!(site.get("/inner.txt", "").body, b"0123456789", "a link that stays inside is followed");
}

#[test]
fn what_is_no_request_for_a_file_is_refused() {
    let site = Site::new();
    let status = |request: &str| site.answers(request)[0].status;
    assert_eq!(status("GET /nothing HTTP/1.0\r\n\r\n"), 404);
    assert_eq!(status("GET /index.html/ HTTP/1.0\r\n\r\n"), 404);
    assert_eq!(status("GET /index.html/more HTTP/1.0\r\n\r\n"), 404);
    assert_eq!(status(&format!("GET /{} HTTP/1.0\r\n\r\n", "n".repeat(300))), 404);
    assert_eq!(status("GET /%zz HTTP/1.0\r\n\r\n"), 400);
    assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(status("nonsense\r\n\r\n"), 400);
    assert_eq!(status("GET / HTTP/1.1\r\nHost x\r\n\r\n"), 400);
    assert_eq!(status("GET / HTTP/3.0\r\nHost: x\r\n\r\n"), 505);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(20_000))), 431);
    assert_eq!(status(&format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(20_000))), 414);
    let posted = site.answers("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
    assert_eq!((posted.len(), posted[0].status, posted[0].header("allow")), (1, 405, Some("GET, HEAD")));
}

#[test]
fn body_of_a_request_is_not_taken_for_the_next_one() {
    let site = Site::new();
    let smuggled = "GET /sub/ HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = smuggled.len();
    let request = format!("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{smuggled}");
    let answers = site.answers(request);
    assert_eq!((answers.len(), answers[0].body.as_slice()), (1, &b"<p>home</p>"[..]));
}

#[test]
fn special_files_are_not_opened() {
    let site = Site::new();
    let made = std::process::Command::new("mkfifo").arg(site.folder.path("root/pipe")).status();
    assert!(made.unwrap().success());
    assert_eq!(site.get("/pipe", "").status, 403);
}

#[test]
fn requests_are_logged_without_what_would_move_the_cursor() {
    let site = Site::new();
    site.answers("GET /\x1b[2J HTTP/1.0\r\n\r\n");
    site.get("/", "");
    let said = site.server.stop();
    assert!(said.contains("GET / HTTP/1.1: 200 OK"), "{said}");
    assert!(said.contains("\\u{1b}[2J"), "{said}");
    assert!(!said.contains('\x1b'), "{said}");
}

#[test]
fn unfinished_request_is_given_up() {
    let site = Site::with(&["--idle-timeout", "1"]);
    assert_eq!(site.answers("GET / HTTP/1.1\r\nHo")[0].status, 408);
    assert_eq!(site.answers("GET / HTTP/1.1\r\nHost: x\r\n\r\n").len(), 1, "silence between requests is no error");
}

#[test]
fn client_that_speaks_another_protocol_is_refused() {
    let site = Site::new();
    let arguments = |alpn| ["connect", &site.server.address, "--ca", &site.authority.file, "--alpn", alpn];
    bulla_with_input(&arguments("h2"), b"").failed_with(3, &["received the alert no_application_protocol"]);
    let ran = bulla_with_input(&arguments("h2,http/1.1"), b"GET / HTTP/1.0\r\n\r\n");
    assert!(ran.code == 0 && ran.errors.contains("protocol http/1.1"), "{}", ran.errors);
}
