//! Reads the values behind the runner's arguments.

use std::slice::Iter;
use std::str::FromStr;

use crate::unsupported::{self, Unsupported};

/// The arguments that have not been looked at.
pub(crate) type Arguments<'a> = Iter<'a, String>;

/// The value behind an argument.
pub(crate) struct Value<'v, 'a> {
    pub(crate) name: &'v str,
    pub(crate) arguments: &'v mut Arguments<'a>,
}

impl Value<'_, '_> {
    pub(crate) fn text(&mut self) -> Result<String, Unsupported> {
        self.arguments.next().cloned().ok_or_else(|| unsupported::bad_value(self.name))
    }

    /// Reads a text, of which an empty one means none.
    pub(crate) fn text_or_none(&mut self) -> Result<Option<String>, Unsupported> {
        Ok(Some(self.text()?).filter(|text| !text.is_empty()))
    }

    pub(crate) fn number<N: FromStr>(&mut self) -> Result<N, Unsupported> {
        self.text()?.parse().map_err(|_| unsupported::bad_value(self.name))
    }

    pub(crate) fn base64(&mut self) -> Result<Vec<u8>, Unsupported> {
        base64(&self.text()?).ok_or_else(|| unsupported::bad_value(self.name))
    }

    /// Reads a list of byte strings in hexadecimal, with commas between them, or a word for an empty one.
    pub(crate) fn hex_list(&mut self) -> Result<Vec<Vec<u8>>, Unsupported> {
        match self.text()?.as_str() {
            "<NULL>" | "<EMPTY>" => Ok(Vec::new()),
            list => hex_list(list).ok_or_else(|| unsupported::bad_value(self.name)),
        }
    }
}

/// RFC 4648 §4.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    Some(bytes)
}

fn hex_list(text: &str) -> Option<Vec<Vec<u8>>> {
    let byte = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let bytes = |item: &str| item.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>();
    text.split(',').filter(|item| !item.is_empty()).map(bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_and_without_padding() {
        assert_eq!(base64("AQIDBA==").unwrap(), [1, 2, 3, 4]);
        assert_eq!(base64("+/8").unwrap(), [0xfb, 0xff]);
        assert_eq!(base64("a-b"), None);
    }

    #[test]
    fn a_list_of_names_in_hexadecimal_is_split_at_commas() {
        assert_eq!(hex_list("0102,ff").unwrap(), [vec![1, 2], vec![255]]);
        assert!(hex_list("0g").is_none());
    }
}
