//! Whether a file is sent, which part of it, or only the word that it is as it was. RFC 9110 §13, §14.

use std::time::SystemTime;

use super::Status;
use super::files::Found;
use super::request::{Conditions, Request};

/// What is sent of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// From the first byte to before the last one.
    Range(u64, u64),
}

/// Judges a request's conditions in the order of RFC 9110 §13.2.2.
pub(super) fn judge(request: &Request, found: &Found) -> Result<Part, Status> {
    let Conditions { if_match, if_none_match, if_modified_since, if_unmodified_since, .. } = &request.conditions;
    let date = |text: &Option<String>| text.as_deref().and_then(|it| httpdate::parse_http_date(it).ok());
    let etag = found.etag.as_deref();
    if let Some(list) = if_match {
        if !lists(list, etag, true) {
            return Err(Status::PreconditionFailed);
        }
    } else if let (Some(since), Some(modified)) = (date(if_unmodified_since), found.modified)
        && modified > since
    {
        return Err(Status::PreconditionFailed);
    }
    if let Some(list) = if_none_match {
        if lists(list, etag, false) {
            return Err(Status::NotModified);
        }
    } else if let (Some(since), Some(modified)) = (date(if_modified_since), found.modified)
        && modified <= since
    {
        return Err(Status::NotModified);
    }
    // RFC 9110 §14.2: a range belongs to GET.
    match &request.range {
        Some(range) if !request.is_head && is_current(request.conditions.if_range.as_deref(), found) => {
            range_of(range, found.len)
        }
        _ => Ok(Part::Whole),
    }
}

/// Says whether a list of entity tags has this one. A strong comparison accepts no weak tag. RFC 9110 §8.8.3.2.
fn lists(list: &str, etag: Option<&str>, strong: bool) -> bool {
    if list.trim() == "*" {
        return true;
    }
    let Some(etag) = etag else { return false };
    list.split(',').map(str::trim).any(|it| match it.strip_prefix("W/") {
        Some(weak) => !strong && weak == etag,
        None => it == etag,
    })
}

/// RFC 9110 §13.1.5: the range is of use only if the client's part is of the same state.
fn is_current(if_range: Option<&str>, found: &Found) -> bool {
    let Some(text) = if_range else { return true };
    if text.starts_with('"') || text.starts_with("W/") {
        return found.etag.as_deref() == Some(text);
    }
    let date: Option<SystemTime> = httpdate::parse_http_date(text).ok();
    date.is_some() && date == found.modified
}

/// Reads one range of bytes. Several of them, other units and what is no range get the whole file. RFC 9110 §14.2.
fn range_of(text: &str, len: u64) -> Result<Part, Status> {
    let Some((unit, range)) = text.split_once('=') else { return Ok(Part::Whole) };
    let Some((first, last)) = range.trim().split_once('-') else { return Ok(Part::Whole) };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Ok(Part::Whole);
    }
    let (start, end) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(len)),
        (Some(first), None) if last.is_empty() => (first, len),
        (None, Some(suffix)) if first.is_empty() => (len.saturating_sub(suffix), len),
        _ => return Ok(Part::Whole),
    };
    if start < end { Ok(Part::Range(start, end)) } else { Err(Status::RangeNotSatisfiable) }
}

/// Reads digits and nothing else; a number too large to count with is as large as can be.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_defines_them() {
        assert_eq!(range_of("bytes=0-0", 10), Ok(Part::Range(0, 1)));
        assert_eq!(range_of("bytes=2-", 10), Ok(Part::Range(2, 10)));
        assert_eq!(range_of("bytes=-3", 10), Ok(Part::Range(7, 10)));
        assert_eq!(range_of("bytes=-30", 10), Ok(Part::Range(0, 10)));
        assert_eq!(range_of("Bytes=4-99999999999999999999", 10), Ok(Part::Range(4, 10)));
        for unsatisfiable in ["bytes=10-", "bytes=99999999999999999999-", "bytes=-0"] {
            assert_eq!(range_of(unsatisfiable, 10), Err(Status::RangeNotSatisfiable), "{unsatisfiable}");
        }
        assert_eq!(range_of("bytes=0-", 0), Err(Status::RangeNotSatisfiable));
        for ignored in
            ["bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes", "bytes=", "bytes=-", "bytes=+1-2", "bytes=a-b"]
        {
            assert_eq!(range_of(ignored, 10), Ok(Part::Whole), "{ignored}");
        }
    }

    #[test]
    fn entity_tags_are_compared_as_each_header_wants_it() {
        assert!(lists("*", None, true));
        assert!(lists("\"a\", W/\"b\"", Some("\"b\""), false));
        assert!(!lists("\"a\", W/\"b\"", Some("\"b\""), true));
        assert!(!lists("\"a\"", None, false));
    }
}
