//! A total reader for DER (X.690), as far as keys and certificates need it. It knows tags and lengths, and no ASN.1 type.
//!
//! Only DER is read: definite lengths, in their shortest form. Values are borrowed; nothing is allocated.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

#[cfg(test)]
mod tests;

use core::fmt;

/// The bytes are not the DER that was expected there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotDer;

impl fmt::Display for NotDer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes are not the DER that was expected")
    }
}

impl core::error::Error for NotDer {}

impl From<untrusted::EndOfInput> for NotDer {
    fn from(_: untrusted::EndOfInput) -> Self {
        Self
    }
}

/// An identifier octet. Tag numbers above 30 do not occur in what we read and are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(pub u8);

impl Tag {
    /// BOOLEAN.
    pub const BOOLEAN: Self = Self(0x01);
    /// INTEGER.
    pub const INTEGER: Self = Self(0x02);
    /// BIT STRING.
    pub const BIT_STRING: Self = Self(0x03);
    /// OCTET STRING.
    pub const OCTET_STRING: Self = Self(0x04);
    /// NULL.
    pub const NULL: Self = Self(0x05);
    /// OBJECT IDENTIFIER.
    pub const OBJECT_IDENTIFIER: Self = Self(0x06);
    /// UTF8String.
    pub const UTF8_STRING: Self = Self(0x0c);
    /// SEQUENCE and SEQUENCE OF.
    pub const SEQUENCE: Self = Self(0x30);
    /// SET and SET OF.
    pub const SET: Self = Self(0x31);
    /// UTCTime.
    pub const UTC_TIME: Self = Self(0x17);
    /// GeneralizedTime.
    pub const GENERALIZED_TIME: Self = Self(0x18);

    /// Returns the tag `[number]`, constructed; `number` is at most 30.
    pub const fn context(number: u8) -> Self {
        Self(0xa0 | (number & 0x1f))
    }

    /// Returns the tag `[number] IMPLICIT` of a primitive type; `number` is at most 30.
    pub const fn context_primitive(number: u8) -> Self {
        Self(0x80 | (number & 0x1f))
    }
}

/// One element: its tag, its content, and the whole of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier octet.
    pub tag: Tag,
    /// The content octets.
    pub content: &'a [u8],
    /// Identifier, length and content octets.
    pub whole: &'a [u8],
}

/// Reads elements front to back.
pub struct DerReader<'a>(untrusted::Reader<'a>);

/// Reads one element that must be all there is, and reads its content with `read`, to the end.
pub fn read_all<'a, T>(
    bytes: &'a [u8],
    tag: Tag,
    read: impl FnOnce(&mut DerReader<'a>) -> Result<T, NotDer>,
) -> Result<T, NotDer> {
    let mut reader = DerReader::new(bytes);
    let value = reader.nested(tag, read)?;
    reader.end()?;
    Ok(value)
}

impl<'a> DerReader<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(untrusted::Reader::new(untrusted::Input::from(bytes)))
    }

    /// Says whether everything was read.
    pub fn at_end(&self) -> bool {
        self.0.at_end()
    }

    /// Refuses bytes that are left over.
    pub fn end(&self) -> Result<(), NotDer> {
        if self.at_end() { Ok(()) } else { Err(NotDer) }
    }

    /// Says whether the next element has this tag.
    pub fn peek(&self, tag: Tag) -> bool {
        self.0.peek(tag.0)
    }

    /// Reads the next element, whatever its tag.
    pub fn element(&mut self) -> Result<Element<'a>, NotDer> {
        let (whole, (tag, content)) = self.0.read_partial(|reader| {
            let tag = Tag(reader.read_byte()?);
            if tag.0 & 0x1f == 0x1f {
                return Err(NotDer);
            }
            let len = length(reader)?;
            // Lent to whom asked for this element; who looks into it does so through a reader of its own.
            Ok((tag, reader.read_bytes(len)?.as_slice_less_safe()))
        })?;
        Ok(Element { tag, content, whole: whole.as_slice_less_safe() })
    }

    /// Reads the next element, which must have this tag, and returns its content.
    pub fn expect(&mut self, tag: Tag) -> Result<&'a [u8], NotDer> {
        let element = self.element()?;
        if element.tag == tag { Ok(element.content) } else { Err(NotDer) }
    }

    /// Reads the next element if it has this tag.
    pub fn optional(&mut self, tag: Tag) -> Result<Option<&'a [u8]>, NotDer> {
        if self.peek(tag) { self.expect(tag).map(Some) } else { Ok(None) }
    }

    /// Reads the next element, which must have this tag, and its content with `read`, to the end.
    pub fn nested<T>(
        &mut self,
        tag: Tag,
        read: impl FnOnce(&mut DerReader<'a>) -> Result<T, NotDer>,
    ) -> Result<T, NotDer> {
        let mut inner = DerReader::new(self.expect(tag)?);
        let value = read(&mut inner)?;
        inner.end()?;
        Ok(value)
    }

    /// Reads a BOOLEAN.
    pub fn boolean(&mut self) -> Result<bool, NotDer> {
        match self.expect(Tag::BOOLEAN)? {
            [0x00] => Ok(false),
            [0xff] => Ok(true),
            _ => Err(NotDer),
        }
    }

    /// Reads a BIT STRING without unused bits, as keys and signatures are, and returns its bytes.
    pub fn bit_string(&mut self) -> Result<&'a [u8], NotDer> {
        match self.expect(Tag::BIT_STRING)? {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(NotDer),
        }
    }

    /// Reads a small non-negative INTEGER, such as a version.
    pub fn small_integer(&mut self) -> Result<u8, NotDer> {
        match self.expect(Tag::INTEGER)? {
            [value @ 0..=0x7f] => Ok(*value),
            [0, value @ 0x80..=0xff] => Ok(*value),
            _ => Err(NotDer),
        }
    }

    /// Reads a non-negative INTEGER and returns its bytes without a leading zero.
    pub fn unsigned_integer(&mut self) -> Result<&'a [u8], NotDer> {
        match self.expect(Tag::INTEGER)? {
            [0, 0..=0x7f, ..] | [0x80..=0xff, ..] | [] => Err(NotDer),
            [0] => Ok(&[0]),
            [0, rest @ ..] => Ok(rest),
            bytes => Ok(bytes),
        }
    }
}

/// Reads a definite length in its shortest form, up to four octets.
fn length(reader: &mut untrusted::Reader<'_>) -> Result<usize, NotDer> {
    let first = reader.read_byte()?;
    if first < 0x80 {
        return Ok(usize::from(first));
    }
    let octets = first & 0x7f;
    if octets == 0 || octets > 4 {
        return Err(NotDer);
    }
    let mut len = 0u32;
    for _ in 0..octets {
        len = len.checked_shl(8).ok_or(NotDer)? | u32::from(reader.read_byte()?);
    }
    let shortest = match octets {
        1 => 0x80,
        2 => 0x100,
        3 => 0x1_0000,
        _ => 0x100_0000,
    };
    if len < shortest {
        return Err(NotDer);
    }
    usize::try_from(len).map_err(|_| NotDer)
}
