//! Hexadecimal text, as the vector files have it.

use std::vec::Vec;

/// Reads pairs of hexadecimal digits.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    let digit = |octet: u8| char::from(octet).to_digit(16).unwrap_or_else(|| panic!("not hexadecimal: {text}"));
    assert!(text.len().is_multiple_of(2), "half an octet: {text}");
    text.as_bytes().chunks(2).map(|pair| u8::try_from(digit(pair[0]) << 4 | digit(pair[1])).unwrap()).collect()
}
