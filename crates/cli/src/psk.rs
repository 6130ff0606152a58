//! Pre-shared keys as people write them: IDENTITY:HEX on the command line, or a line each in a file.

use std::path::Path;
use std::sync::Arc;

use bulla::crypto::ring;
use bulla::resume::ExternalPsk;

use crate::options::PskUse;
use crate::report::Failure;

/// The context of imported keys: both ends of this command say the same. RFC 9258 §5.1.
const CONTEXT: &[u8] = b"";

/// The keys that one entry stands for: one, or with the importer one for each hash.
type Keys = Vec<Arc<ExternalPsk>>;

/// Reads a key of the command line. What is wrong with it is said without it.
pub(crate) fn read(text: &str, used: &PskUse) -> Result<Keys, Failure> {
    parse(text, used).map_err(|why| Failure::usage("--psk", why))
}

/// Reads a file of keys.
pub(crate) fn read_file(path: &Path, used: &PskUse) -> Result<Keys, Failure> {
    let unusable = |why: String| Failure::usage("--psk-file", format!("{}{why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unusable(format!(": {error}")))?;
    parse_lines(&text, used).map_err(unusable)
}

/// Reads all lines; an error begins with the number of its line.
fn parse_lines(text: &str, used: &PskUse) -> Result<Keys, String> {
    let mut all = Keys::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let keys = parse(line, used).map_err(|why| format!(":{}: {why}", index + 1))?;
        if keys.iter().any(|key| all.iter().any(|it| it.identity() == key.identity())) {
            return Err(format!(":{}: this identity stands there twice", index + 1));
        }
        all.extend(keys);
    }
    if all.is_empty() { Err(": there is no key in it".into()) } else { Ok(all) }
}

fn parse(text: &str, used: &PskUse) -> Result<Keys, String> {
    let written = "a key is written IDENTITY:HEX, such as client1:6a09e667f3bcc908b2fb1366ea957d3e";
    // An identity may have colons, hexadecimal digits have none.
    let (identity, digits) = text.rsplit_once(':').ok_or(written)?;
    let key = hex(digits).ok_or(written)?;
    let keys = if used.psk_import {
        ExternalPsk::import(&*ring::provider(), identity.as_bytes(), CONTEXT, &key, used.psk_hash)
    } else {
        ExternalPsk::new(identity.as_bytes(), &key, used.psk_hash).map(|key| vec![Arc::new(key)])
    };
    keys.map_err(|error| error.to_string())
}

/// Reads hexadecimal digits, with or without white space among them.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

#[cfg(test)]
mod tests {
    use bulla::crypto::HashAlgorithm;

    use super::*;

    const USED: PskUse = PskUse { psk_hash: HashAlgorithm::Sha256, psk_import: false };

    #[test]
    fn hexadecimal_digits_are_read_in_pairs() {
        assert_eq!(hex("00fF 1a\n"), Some(vec![0, 0xff, 0x1a]));
        assert_eq!(hex(""), Some(vec![]));
        for wrong in ["0", "0x00", "gg", "00:11", "ü0"] {
            assert_eq!(hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn identity_may_have_colons() {
        let keys = parse(&format!("urn:a:{}", "00".repeat(16)), &USED).unwrap();
        assert_eq!(keys.iter().map(|it| it.identity()).collect::<Vec<_>>(), [b"urn:a"]);
        let import = PskUse { psk_import: true, ..USED };
        assert_eq!(parse(&format!("a:{}", "00".repeat(16)), &import).unwrap().len(), 2, "one for each hash");
    }

    #[test]
    fn unusable_lines_are_named_and_their_keys_are_not_shown() {
        let key = "ab".repeat(16);
        let refused = |text: &str| parse_lines(text, &USED).unwrap_err();
        assert_eq!(parse_lines(&format!("# keys\n\n a:{key} \r\nb:{key}"), &USED).unwrap().len(), 2);
        for (text, line) in [
            (format!("a:{key}\nb{key}"), ":2: "),
            (format!("\n#\nb:{key}x"), ":3: "),
            (format!("a:{key}\na:{}", "cd".repeat(16)), ":2: "),
            (format!(":{key}"), ":1: "),
            ("a:abab".into(), ":1: "),
        ] {
            let why = refused(&text);
            assert!(why.starts_with(line) && !why.contains("abab"), "{why}");
        }
        assert!(refused("# nothing\n").contains("no key"));
    }
}
