//! One request: its head off the stream, and what of it matters to a server of files. RFC 9112, RFC 9110.

use std::io::{self, BufRead};
use std::time::{Duration, Instant};

use super::Status;

/// Longest request line with all headers, in bytes. Browsers with many cookies stay below 8 KiB.
pub(super) const MAX_HEAD_LEN: usize = 0x4000;
/// Most headers in one request.
const MAX_HEADERS: usize = 100;

/// A request for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Whether the answer comes without its body.
    pub(super) is_head: bool,
    /// The path as it was sent, without the query.
    pub(super) path: String,
    /// The query with its question mark; empty if there is none.
    pub(super) query: String,
    /// Whether the connection stays open after the answer.
    pub(super) keep_alive: bool,
    /// Whether the client must be told that it does, because it speaks HTTP/1.0.
    pub(super) is_http10: bool,
    pub(super) range: Option<String>,
    pub(super) conditions: Conditions,
}

/// The headers that make a request depend on the file's state. RFC 9110 §13.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    pub(super) if_match: Option<String>,
    pub(super) if_none_match: Option<String>,
    pub(super) if_modified_since: Option<String>,
    pub(super) if_unmodified_since: Option<String>,
    pub(super) if_range: Option<String>,
}

/// What came instead of a request.
#[derive(Debug)]
pub(super) enum NoRequest {
    /// The client has closed, or has been silent between requests for longer than it may.
    Over,
    /// Something that gets this answer, after which the connection is closed.
    Refused(Status),
    /// The connection failed.
    Failed(io::Error),
}

/// Reads the next head, which must be whole within `limit` from its first byte on.
pub(super) fn read_head(stream: &mut impl BufRead, limit: Duration) -> Result<Vec<u8>, NoRequest> {
    let mut head: Vec<u8> = Vec::new();
    let mut begun: Option<Instant> = None;
    loop {
        let data = match stream.fill_buf() {
            Ok(data) => data,
            Err(error) if is_timeout(&error) && head.is_empty() => return Err(NoRequest::Over),
            Err(error) if is_timeout(&error) => return Err(NoRequest::Refused(Status::RequestTimeout)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(NoRequest::Failed(error)),
        };
        if data.is_empty() {
            // A client that stops in the middle of a request wants no answer.
            return Err(NoRequest::Over);
        }
        // Empty lines before a request are ignored. RFC 9112 §2.2.
        let skipped =
            if head.is_empty() { data.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count() } else { 0 };
        let fresh = data.get(skipped..).unwrap_or_default();
        let before = head.len();
        head.extend_from_slice(fresh.get(..fresh.len().min(MAX_HEAD_LEN + 1)).unwrap_or_default());
        if let Some(end) = end_of_head(&head, before) {
            stream.consume(skipped + end - before);
            head.truncate(end);
            return if end > MAX_HEAD_LEN { Err(too_long(&head)) } else { Ok(head) };
        }
        let consumed = skipped + fresh.len();
        stream.consume(consumed);
        if head.len() > MAX_HEAD_LEN {
            return Err(too_long(&head));
        }
        if begun.get_or_insert_with(Instant::now).elapsed() > limit {
            return Err(NoRequest::Refused(Status::RequestTimeout));
        }
    }
}

fn too_long(head: &[u8]) -> NoRequest {
    let within_request_line = !head.iter().take(MAX_HEAD_LEN).any(|byte| *byte == b'\n');
    NoRequest::Refused(if within_request_line { Status::UriTooLong } else { Status::HeadersTooLarge })
}

/// Finds the end of the empty line that ends a head; bytes before `from` were looked at already.
fn end_of_head(head: &[u8], from: usize) -> Option<usize> {
    (from..head.len())
        .find(|&index| {
            let upto = head.get(..=index).unwrap_or_default();
            upto.ends_with(b"\n\r\n") || upto.ends_with(b"\n\n")
        })
        .map(|index| index + 1)
}

pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Reads a whole head. Of what may have been replayed, or that a proxy says it had as early data, only methods are
/// answered that change nothing. RFC 8470 §3, §5.1.
pub(super) fn parse(head: &[u8], may_be_replayed: bool) -> Result<Request, Status> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Status::BadRequest),
        Err(httparse::Error::TooManyHeaders) => return Err(Status::HeadersTooLarge),
        Err(httparse::Error::Version) => return Err(Status::VersionNotSupported),
        Err(_) => return Err(Status::BadRequest),
    }
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(Status::BadRequest);
    };
    let headers = Headers(parsed.headers);
    let is_http10 = version == 0;
    // RFC 9112 §3.2: exactly one Host in HTTP/1.1.
    match headers.count("host") {
        0 if is_http10 => {}
        1 => {}
        _ => return Err(Status::BadRequest),
    }
    let has_body = has_body(&headers)?;
    let is_head = match method {
        "GET" => false,
        "HEAD" => true,
        _ if may_be_replayed || headers.count("early-data") > 0 => return Err(Status::TooEarly),
        _ => return Err(Status::MethodNotAllowed),
    };
    let (path, query) = path_and_query(target).ok_or(Status::BadRequest)?;
    Ok(Request {
        is_head,
        path,
        query,
        // A body is not looked at, so what follows it cannot be found.
        keep_alive: !has_body && wants_keep_alive(&headers, is_http10),
        is_http10,
        range: headers.one("range"),
        conditions: Conditions {
            if_match: headers.all("if-match"),
            if_none_match: headers.all("if-none-match"),
            if_modified_since: headers.one("if-modified-since"),
            if_unmodified_since: headers.one("if-unmodified-since"),
            if_range: headers.one("if-range"),
        },
    })
}

/// Says whether a body follows. Two ways to say its length are one too many: smuggling begins there. RFC 9112 §6.3.
fn has_body(headers: &Headers<'_>) -> Result<bool, Status> {
    let chunked = headers.count("transfer-encoding") > 0;
    match (headers.count("content-length"), chunked) {
        (0, chunked) => Ok(chunked),
        (1, false) => {
            let length = headers.one("content-length").unwrap_or_default();
            let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { Ok(length.bytes().any(|byte| byte != b'0')) } else { Err(Status::BadRequest) }
        }
        _ => Err(Status::BadRequest),
    }
}

/// RFC 9112 §9.3.
fn wants_keep_alive(headers: &Headers<'_>, is_http10: bool) -> bool {
    let said = headers.all("connection").unwrap_or_default();
    let says = |option: &str| said.split(',').any(|it| it.trim().eq_ignore_ascii_case(option));
    if is_http10 { says("keep-alive") && !says("close") } else { !says("close") }
}

/// Splits a target in origin form or absolute form into its path and its query. RFC 9112 §3.2.
fn path_and_query(target: &str) -> Option<(String, String)> {
    let from_path = if target.starts_with('/') {
        target
    } else {
        let (scheme, rest) = target.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        rest.find(['/', '?']).map_or("/", |index| rest.get(index..).unwrap_or("/"))
    };
    let without_fragment = from_path.split('#').next().unwrap_or_default();
    let (path, query) = without_fragment.split_at(without_fragment.find('?').unwrap_or(without_fragment.len()));
    Some((if path.is_empty() { "/" } else { path }.into(), query.into()))
}

struct Headers<'a>(&'a [httparse::Header<'a>]);

impl Headers<'_> {
    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.0.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        // A value that is not text is as good as another text that nobody expects.
        named.map(|header| std::str::from_utf8(header.value).unwrap_or("\u{fffd}").trim())
    }

    fn count(&self, name: &str) -> usize {
        self.values(name).count()
    }

    /// The value of a header that may stand there once; one that stands there twice says nothing.
    fn one(&self, name: &str) -> Option<String> {
        let mut values = self.values(name);
        let first = values.next()?;
        values.next().is_none().then(|| first.to_string())
    }

    /// The values of a header whose lines form one list. RFC 9110 §5.3.
    fn all(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self.values(name).collect();
        if values.is_empty() { None } else { Some(values.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(head: &str) -> Status {
        parse(head.as_bytes(), false).expect_err(head)
    }

    #[test]
    fn request_in_both_forms_of_target_has_its_path() {
        for (target, path) in [("/a/b?c", "/a/b"), ("http://x/a", "/a"), ("HTTPS://x:1", "/"), ("http://x?q", "/")] {
            let request = parse(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes(), false).unwrap();
            assert_eq!(request.path, path, "{target}");
            assert_eq!(request.query, target.find('?').map_or("", |at| &target[at..]), "{target}");
        }
        assert_eq!(refused("GET * HTTP/1.1\r\nHost: x\r\n\r\n"), Status::BadRequest);
        assert_eq!(refused("GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n"), Status::BadRequest);
    }

    #[test]
    fn connection_is_kept_as_each_version_has_it() {
        let keeps = |head: &str| parse(head.as_bytes(), false).unwrap().keep_alive;
        assert!(keeps("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.0\r\n\r\n"));
        assert!(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"), "nobody reads the body");
        assert!(keeps("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
    }

    #[test]
    fn ambiguous_requests_are_refused() {
        assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), Status::BadRequest);
        assert_eq!(refused("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"), Status::BadRequest);
        let both = "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(refused(both), Status::BadRequest);
        assert_eq!(refused("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n"), Status::BadRequest);
        assert_eq!(refused("GET / HTTP/2.0\r\n\r\n"), Status::VersionNotSupported);
        assert_eq!(refused("POST / HTTP/1.1\r\nHost: x\r\n\r\n"), Status::MethodNotAllowed);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        assert_eq!(refused(&many), Status::HeadersTooLarge);
    }

    #[test]
    fn early_requests_are_answered_if_they_change_nothing() {
        for method in ["GET", "HEAD"] {
            let head = format!("{method} / HTTP/1.1\r\nHost: x\r\nEarly-Data: 1\r\n\r\n");
            assert!(parse(head.as_bytes(), true).is_ok(), "{method}");
        }
        let post = b"POST / HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(parse(post, true), Err(Status::TooEarly));
        assert_eq!(parse(post, false), Err(Status::MethodNotAllowed));
        let through_proxy = b"POST / HTTP/1.1\r\nHost: x\r\nEarly-Data: 1\r\n\r\n";
        assert_eq!(parse(through_proxy, false), Err(Status::TooEarly));
    }

    #[test]
    fn heads_are_found_however_the_bytes_are_cut() {
        let bytes = b"\r\nGET / HTTP/1.0\r\nA: b\r\n\r\nGET /next HTTP/1.0\n\nrest";
        for size in 1..bytes.len() {
            let mut stream = io::BufReader::with_capacity(size, &bytes[..]);
            let limit = Duration::from_secs(60);
            assert_eq!(read_head(&mut stream, limit).unwrap(), b"GET / HTTP/1.0\r\nA: b\r\n\r\n", "{size}");
            assert_eq!(read_head(&mut stream, limit).unwrap(), b"GET /next HTTP/1.0\n\n", "{size}");
            assert!(matches!(read_head(&mut stream, limit), Err(NoRequest::Over)), "{size}");
        }
    }

    #[test]
    fn head_without_end_is_refused_at_its_limit() {
        let limit = Duration::from_secs(60);
        let line = "x".repeat(MAX_HEAD_LEN + 1);
        let refusal = read_head(&mut line.as_bytes(), limit);
        assert!(matches!(refusal, Err(NoRequest::Refused(Status::UriTooLong))), "{refusal:?}");
        let headers = format!("GET / HTTP/1.1\r\n{line}");
        let refusal = read_head(&mut headers.as_bytes(), limit);
        assert!(matches!(refusal, Err(NoRequest::Refused(Status::HeadersTooLarge))), "{refusal:?}");
    }
}
