//! From a path in a request to a file inside the folder, and never to one outside it.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::Status;

/// What must be escaped in a path that we send. RFC 3986 §3.3.
const IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\');

/// A file that is open and may be sent.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: File,
    pub(super) len: u64,
    /// When it was changed, to the second; `None` where HTTP cannot say it.
    pub(super) modified: Option<SystemTime>,
    /// A name for exactly this state of the file. RFC 9110 §8.8.3.
    pub(super) etag: Option<String>,
    pub(super) content_type: String,
    /// Where it really is.
    pub(super) real: PathBuf,
}

/// Why there is no file to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotFound {
    Refused(Status),
    /// It is a folder, which is named with a slash at its end.
    Moved(String),
}

impl From<Status> for NotFound {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

/// Opens what `path` names under `root`, which is canonical.
pub(super) fn find(root: &Path, path: &str) -> Result<Found, NotFound> {
    let segments = segments(path)?;
    let mut wanted = root.to_path_buf();
    wanted.extend(&segments);
    let mut real = inside(root, &wanted)?;
    if real.is_dir() {
        if !path.ends_with('/') {
            return Err(NotFound::Moved(folder_path(&segments)));
        }
        real = inside(root, &real.join("index.html"))?;
    } else if path.ends_with('/') {
        return Err(Status::NotFound.into());
    }
    // Only files: opening a named pipe would wait for its other end.
    let metadata = fs::metadata(&real).map_err(|error| status_of(&error))?;
    if !metadata.is_file() {
        return Err(Status::Forbidden.into());
    }
    let file = File::open(&real).map_err(|error| status_of(&error))?;
    let metadata = file.metadata().map_err(|error| status_of(&error))?;
    let content_type = mime_guess::from_path(&real).first_or_octet_stream();
    let content_type = match content_type.type_() == mime_guess::mime::TEXT {
        true => format!("{content_type}; charset=utf-8"),
        false => content_type.to_string(),
    };
    let changed = metadata.modified().ok();
    let etag = changed.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    let etag = etag.map(|since| format!("\"{:x}-{:x}\"", since.as_nanos(), metadata.len()));
    Ok(Found { len: metadata.len(), modified: changed.and_then(http_time), etag, content_type, file, real })
}

/// Says whether a path leads to one of these files or into one of these folders, as far as its words tell: what is not
/// there, and may not be asked for either.
pub(super) fn is_below(root: &Path, path: &str, folders: &[PathBuf]) -> bool {
    let Ok(segments) = segments(path) else { return false };
    let mut wanted = root.to_path_buf();
    wanted.extend(segments);
    folders.iter().any(|folder| wanted.starts_with(folder))
}

/// Splits and decodes a path. Whatever could lead upwards or elsewhere is refused before a file is touched.
fn segments(path: &str) -> Result<Vec<String>, Status> {
    if has_broken_escape(path) {
        return Err(Status::BadRequest);
    }
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| Status::BadRequest)?;
    if decoded.contains('\0') {
        return Err(Status::BadRequest);
    }
    let mut segments = Vec::new();
    for segment in decoded.split('/').filter(|segment| !matches!(*segment, "" | ".")) {
        // One plain name: not "..", and not a drive or another root where the system has such.
        let mut components = Path::new(segment).components();
        match (components.next(), components.next()) {
            (Some(Component::Normal(name)), None) if name == segment => segments.push(segment.to_string()),
            _ => return Err(Status::Forbidden),
        }
    }
    Ok(segments)
}

/// Says whether a percent sign stands there without its two digits.
fn has_broken_escape(path: &str) -> bool {
    let is_hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = path.as_bytes();
    bytes
        .iter()
        .enumerate()
        .any(|(index, byte)| *byte == b'%' && !(is_hex(bytes.get(index + 1)) && is_hex(bytes.get(index + 2))))
}

/// Follows every link, and refuses what then lies outside.
fn inside(root: &Path, path: &Path) -> Result<PathBuf, Status> {
    let real = path.canonicalize().map_err(|error| status_of(&error))?;
    if real.starts_with(root) { Ok(real) } else { Err(Status::Forbidden) }
}

fn status_of(error: &io::Error) -> Status {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Status::Forbidden,
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => Status::NotFound,
        _ => Status::ServerError,
    }
}

/// Made of the segments anew, so that a path that begins with two slashes does not name another host.
fn folder_path(segments: &[String]) -> String {
    let mut path = String::from("/");
    for segment in segments {
        path.extend(utf8_percent_encode(segment, IN_PATH));
        path.push('/');
    }
    path
}

/// Cuts a time to the second, if HTTP's dates can say it: years 1970 to 9999, and not the future. RFC 9110 §8.8.2.1.
fn http_time(time: SystemTime) -> Option<SystemTime> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let cut = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    (cut <= SystemTime::now()).then_some(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_and_decoded() {
        assert_eq!(segments("/a%20b//./c"), Ok(vec!["a b".into(), "c".into()]));
        assert_eq!(segments("/"), Ok(vec![]));
    }

    #[test]
    fn paths_that_lead_upwards_are_refused() {
        for path in ["/..", "/a/../b", "/%2e%2e/a", "/a%2f..%2f..", "/..%2fa", "/%2E%2E"] {
            assert_eq!(segments(path), Err(Status::Forbidden), "{path}");
        }
        for path in ["/%", "/%4", "/%zz", "/%00", "/a%00.html", "/%ff"] {
            assert_eq!(segments(path), Err(Status::BadRequest), "{path}");
        }
    }

    #[test]
    fn folder_is_named_on_this_host_and_escaped() {
        let moved = folder_path(&["evil.example".into(), "a?b c".into()]);
        assert_eq!(moved, "/evil.example/a%3Fb%20c/");
    }
}
