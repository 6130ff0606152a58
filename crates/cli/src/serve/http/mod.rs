//! HTTP/1.1 for static files: GET and HEAD, ranges, conditions, kept connections. RFC 9110, RFC 9112.
//!
//! Everything that is odd gets a plain answer and the end of the connection; a file is sent from a buffer of one size.

mod conditions;
mod files;
mod request;

use std::fmt::Write as _;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::opening::Opening;
use crate::console::clean;
use conditions::Part;
use files::{Found, NotFound};
use request::{NoRequest, Request};

/// How much is written at a time: four full records.
const BUFFER_LEN: usize = 0x1_0000;

/// How much of a request line is logged.
const MAX_LINE_LOGGED: usize = 256;

/// The answers that are given. RFC 9110 §15, RFC 6585, RFC 8470 §5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ok = 200,
    PartialContent = 206,
    MovedPermanently = 301,
    NotModified = 304,
    BadRequest = 400,
    Forbidden = 403,
    NotFound = 404,
    MethodNotAllowed = 405,
    RequestTimeout = 408,
    PreconditionFailed = 412,
    UriTooLong = 414,
    RangeNotSatisfiable = 416,
    TooEarly = 425,
    HeadersTooLarge = 431,
    ServerError = 500,
    VersionNotSupported = 505,
}

impl Status {
    fn reason(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::PartialContent => "Partial Content",
            Self::MovedPermanently => "Moved Permanently",
            Self::NotModified => "Not Modified",
            Self::BadRequest => "Bad Request",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "Not Found",
            Self::MethodNotAllowed => "Method Not Allowed",
            Self::RequestTimeout => "Request Timeout",
            Self::PreconditionFailed => "Precondition Failed",
            Self::UriTooLong => "URI Too Long",
            Self::RangeNotSatisfiable => "Range Not Satisfiable",
            Self::TooEarly => "Too Early",
            Self::HeadersTooLarge => "Request Header Fields Too Large",
            Self::ServerError => "Internal Server Error",
            Self::VersionNotSupported => "HTTP Version Not Supported",
        }
    }
}

/// Where requests come from.
pub(super) trait Requests: BufRead + Write {
    /// Says whether what has come so far may have been sent before, to be sent again: early data, and the client has not
    /// shown yet that it is there. RFC 8470 §3.
    fn may_be_replayed(&self) -> bool;

    /// Says whether the client has shown who it is, and asks it if it has not.
    fn is_known(&mut self) -> io::Result<bool>;
}

/// What is served.
#[derive(Debug)]
pub(super) struct Site {
    /// The folder, canonical.
    pub(super) root: PathBuf,
    /// What in it is for known clients alone, canonical too.
    pub(super) private: Vec<PathBuf>,
}

impl Requests for Opening<'_> {
    fn may_be_replayed(&self) -> bool {
        !self.is_finished()
    }

    fn is_known(&mut self) -> io::Result<bool> {
        self.is_authenticated()
    }
}

/// Answers requests until the client or the answer closes the connection. `log` is told of each.
pub(super) fn serve<S: Requests>(stream: &mut S, site: &Site, limit: Duration, log: &dyn Fn(&str)) -> io::Result<()> {
    loop {
        let head = match request::read_head(stream, limit) {
            Ok(head) => head,
            Err(NoRequest::Over) => return Ok(()),
            Err(NoRequest::Failed(error)) => return Err(error),
            Err(NoRequest::Refused(status)) => {
                log(&format!("{} {}", status as u16, status.reason()));
                return Head::new(status, false).send_text(stream, false);
            }
        };
        let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        let line = clean(&String::from_utf8_lossy(line.get(..line.len().min(MAX_LINE_LOGGED)).unwrap_or_default()));
        let request = match request::parse(&head, stream.may_be_replayed()) {
            Ok(request) => request,
            Err(status) => {
                log(&format!("{line}: {} {}", status as u16, status.reason()));
                // A client that asked for the head alone would take the body for the next answer.
                return Head::new(status, false).send_text(stream, head.starts_with(b"HEAD "));
            }
        };
        let status = answer(stream, site, &request)?;
        log(&format!("{line}: {} {}", status as u16, status.reason()));
        if !request.keep_alive {
            return Ok(());
        }
    }
}

fn answer<S: Requests>(stream: &mut S, site: &Site, request: &Request) -> io::Result<Status> {
    let forbidden = |stream: &mut S| {
        Head::of(Status::Forbidden, request).send_text(stream, request.is_head)?;
        Ok(Status::Forbidden)
    };
    // Those who may not see a file shall not learn whether it is there.
    if files::is_below(&site.root, &request.path, &site.private) && !stream.is_known()? {
        return forbidden(stream);
    }
    let found = match files::find(&site.root, &request.path) {
        // A link may lead there as well.
        Ok(found) if site.private.iter().any(|it| found.real.starts_with(it)) && !stream.is_known()? => {
            return forbidden(stream);
        }
        Ok(found) => found,
        Err(NotFound::Refused(status)) => {
            Head::of(status, request).send_text(stream, request.is_head)?;
            return Ok(status);
        }
        Err(NotFound::Moved(to)) => {
            let status = Status::MovedPermanently;
            Head::of(status, request).field("Location", to + &request.query).send_text(stream, request.is_head)?;
            return Ok(status);
        }
    };
    let part = match conditions::judge(request, &found) {
        Ok(part) => part,
        Err(Status::NotModified) => {
            Head::of(Status::NotModified, request).state_of(&found).send_alone(stream)?;
            return Ok(Status::NotModified);
        }
        Err(status) => {
            let head = Head::of(status, request);
            let head = match status {
                Status::RangeNotSatisfiable => head.field("Content-Range", format!("bytes */{}", found.len)),
                _ => head,
            };
            head.send_text(stream, request.is_head)?;
            return Ok(status);
        }
    };
    send_file(stream, request, found, part)
}

fn send_file<S: Write>(stream: &mut S, request: &Request, found: Found, part: Part) -> io::Result<Status> {
    let (status, start, end) = match part {
        Part::Whole => (Status::Ok, 0, found.len),
        Part::Range(start, end) => (Status::PartialContent, start, end),
    };
    let mut head = Head::of(status, request).state_of(&found).field("Accept-Ranges", "bytes");
    if status == Status::PartialContent {
        head = head.field("Content-Range", format!("bytes {start}-{}/{}", end.saturating_sub(1), found.len));
    }
    let head = head.field("Content-Type", &found.content_type).field("Content-Length", end - start);
    if request.is_head {
        head.send_alone(stream)?;
        return Ok(status);
    }
    let mut file = found.file;
    file.seek(SeekFrom::Start(start))?;
    send_with_body(stream, head, file.take(end - start))?;
    Ok(status)
}

/// Sends head and body with as few writes as there can be. The body must be as long as it says: a file that has become
/// shorter ends the connection, or the client would take the next answer for the rest of it.
fn send_with_body<S: Write>(stream: &mut S, head: Head, mut body: io::Take<impl Read>) -> io::Result<()> {
    let mut buffer = head.finish().into_bytes();
    while body.limit() > 0 {
        let room = BUFFER_LEN.saturating_sub(buffer.len()) as u64;
        let before = body.limit();
        body.by_ref().take(room).read_to_end(&mut buffer)?;
        if body.limit() == before {
            return Err(io::Error::other("the file became shorter while it was sent"));
        }
        stream.write_all(&buffer)?;
        buffer.clear();
    }
    stream.write_all(&buffer)?;
    stream.flush()
}

/// The head of an answer.
struct Head {
    text: String,
    status: Status,
}

impl Head {
    fn new(status: Status, keep_alive: bool) -> Self {
        let text = format!("HTTP/1.1 {} {}\r\n", status as u16, status.reason());
        let head = Self { text, status };
        let head = head.field("Date", httpdate::fmt_http_date(SystemTime::now())).field("Server", "bulla");
        if keep_alive { head } else { head.field("Connection", "close") }
    }

    fn of(status: Status, request: &Request) -> Self {
        let head = Self::new(status, request.keep_alive);
        // HTTP/1.0 closes unless both say otherwise.
        if request.keep_alive && request.is_http10 { head.field("Connection", "keep-alive") } else { head }
    }

    fn field(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        // Writing into a String cannot fail.
        let _ = write!(self.text, "{name}: {value}\r\n");
        self
    }

    /// What identifies the file's state.
    fn state_of(self, found: &Found) -> Self {
        let head = match found.modified {
            Some(modified) => self.field("Last-Modified", httpdate::fmt_http_date(modified)),
            None => self,
        };
        match &found.etag {
            Some(etag) => head.field("ETag", etag),
            None => head,
        }
    }

    fn finish(self) -> String {
        // Browsers shall believe the content type that is said.
        self.field("X-Content-Type-Options", "nosniff").text + "\r\n"
    }

    fn send_alone<S: Write>(self, stream: &mut S) -> io::Result<()> {
        stream.write_all(self.finish().as_bytes())?;
        stream.flush()
    }

    /// Sends the status once more as a body for people to read; to HEAD without it.
    fn send_text<S: Write>(self, stream: &mut S, is_head: bool) -> io::Result<()> {
        let body = format!("{} {}\n", self.status as u16, self.status.reason());
        let head = match self.status {
            // RFC 9110 §15.5.6 wants to know what is allowed.
            Status::MethodNotAllowed => self.field("Allow", "GET, HEAD"),
            _ => self,
        };
        let head = head.field("Content-Type", "text/plain; charset=utf-8").field("Content-Length", body.len());
        let text = head.finish();
        stream.write_all((if is_head { text } else { text + &body }).as_bytes())?;
        stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_became_shorter_ends_the_connection() {
        let send = |body: &[u8], promised| {
            let mut sent = Vec::new();
            let head = Head::new(Status::Ok, true).field("Content-Length", promised);
            let result = send_with_body(&mut sent, head, body.take(promised));
            (result.is_ok(), sent)
        };
        let body = vec![7; 3 * BUFFER_LEN];
        for len in [0, 1, BUFFER_LEN - 1, BUFFER_LEN, 3 * BUFFER_LEN] {
            let (ok, sent) = send(&body[..len], len as u64);
            assert!(ok && sent.ends_with(&body[..len]), "{len}");
        }
        for len in [0, 1, BUFFER_LEN, 2 * BUFFER_LEN] {
            assert!(!send(&body[..len], len as u64 + 1).0, "{len}");
        }
    }
}
