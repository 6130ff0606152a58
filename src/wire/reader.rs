//! A reader that speaks the presentation language of RFC 8446 §3, thin over `untrusted::Reader`, which cannot panic.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::Malformed;

/// Something with one form on the wire.
///
/// Three properties hold for every implementation, and are tested as such: what is written is read back equal; what is
/// read is written back to the same bytes; each proper prefix of a whole message is refused.
pub trait Codec<'a>: Sized {
    /// Reads one value off the front.
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed>;
    /// Appends the value.
    fn write(&self, w: &mut super::Writer<'_>) -> Result<(), super::TooLong>;
}

/// Reads peer bytes front to back. Every method returns `Malformed` instead of reading past the end.
pub struct Reader<'a>(untrusted::Reader<'a>);

/// Reads a whole value: bytes that are left over are an error, so that nothing hides behind a message.
pub fn read_all<'a, T: Codec<'a>>(bytes: &'a [u8]) -> Result<T, Malformed> {
    read_all_with(bytes, T::read)
}

/// Like [`read_all`], with a function in place of the type's own.
pub fn read_all_with<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    let mut reader = Reader::new(bytes);
    let value = read(&mut reader)?;
    if reader.at_end() { Ok(value) } else { Err(Malformed::TrailingBytes) }
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(untrusted::Reader::new(untrusted::Input::from(bytes)))
    }

    /// Says whether everything was read.
    pub fn at_end(&self) -> bool {
        self.0.at_end()
    }

    /// Reads a `uint8`.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.0.read_byte()?)
    }

    /// Reads a `uint16`.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Reads a `uint24`.
    pub fn u24(&mut self) -> Result<u32, Malformed> {
        let [a, b, c] = self.array()?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    /// Reads a `uint32`.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Reads `N` bytes into an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        for byte in &mut array {
            *byte = self.0.read_byte()?;
        }
        Ok(array)
    }

    /// Borrows the next `len` bytes. The caller, as with each borrowing method here, passes them on unread or copies
    /// them; what looks into them goes through a `Reader` of its own.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        Ok(self.0.read_bytes(len)?.as_slice_less_safe())
    }

    /// Borrows everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        self.0.read_bytes_to_end().as_slice_less_safe()
    }

    /// Borrows an `opaque<bounds>` with a one-byte length.
    pub fn vector_u8(&mut self, bounds: RangeInclusive<usize>) -> Result<&'a [u8], Malformed> {
        let len = usize::from(self.u8()?);
        self.bounded(len, bounds)
    }

    /// Borrows an `opaque<bounds>` with a two-byte length.
    pub fn vector_u16(&mut self, bounds: RangeInclusive<usize>) -> Result<&'a [u8], Malformed> {
        let len = usize::from(self.u16()?);
        self.bounded(len, bounds)
    }

    /// Borrows an `opaque<bounds>` with a three-byte length.
    pub fn vector_u24(&mut self, bounds: RangeInclusive<usize>) -> Result<&'a [u8], Malformed> {
        let len = usize::try_from(self.u24()?).map_err(|_| Malformed::LengthOutOfBounds)?;
        self.bounded(len, bounds)
    }

    /// Reads a vector of `T` with a one-byte length; `bounds` count bytes, as the RFC's do.
    pub fn list_u8<T: Codec<'a>>(&mut self, bounds: RangeInclusive<usize>) -> Result<Vec<T>, Malformed> {
        list(self.vector_u8(bounds)?)
    }

    /// Reads a vector of `T` with a two-byte length; `bounds` count bytes, as the RFC's do.
    pub fn list_u16<T: Codec<'a>>(&mut self, bounds: RangeInclusive<usize>) -> Result<Vec<T>, Malformed> {
        list(self.vector_u16(bounds)?)
    }

    /// Reads a vector of `T` with a three-byte length; `bounds` count bytes, as the RFC's do.
    pub fn list_u24<T: Codec<'a>>(&mut self, bounds: RangeInclusive<usize>) -> Result<Vec<T>, Malformed> {
        list(self.vector_u24(bounds)?)
    }

    fn bounded(&mut self, len: usize, bounds: RangeInclusive<usize>) -> Result<&'a [u8], Malformed> {
        if !bounds.contains(&len) {
            return Err(Malformed::LengthOutOfBounds);
        }
        self.bytes(len)
    }
}

/// Reads elements until the bytes end. Memory grows with bytes that were seen, never with a length that was claimed.
fn list<'a, T: Codec<'a>>(bytes: &'a [u8]) -> Result<Vec<T>, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut items = Vec::new();
    while !reader.at_end() {
        items.push(T::read(&mut reader)?);
    }
    Ok(items)
}

impl From<untrusted::EndOfInput> for Malformed {
    fn from(_: untrusted::EndOfInput) -> Self {
        Self::Truncated
    }
}
