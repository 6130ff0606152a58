//! A writer that nests closures as the wire nests vectors. A length that does not fit its field is an error.

use alloc::vec::Vec;
use core::fmt;
use core::ops::RangeInclusive;

use super::Codec;

/// A vector was too long or too short for its bounds. Ours to avoid, never the peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value does not fit the length that its field allows")
    }
}

impl core::error::Error for TooLong {}

/// Appends to a byte vector in the presentation language of RFC 8446 §3.
pub struct Writer<'b> {
    out: &'b mut Vec<u8>,
}

/// Writes a value into a vector of its own.
pub fn write_all<'a, T: Codec<'a>>(value: &T) -> Result<Vec<u8>, TooLong> {
    let mut bytes = Vec::new();
    value.write(&mut Writer::new(&mut bytes))?;
    Ok(bytes)
}

impl<'b> Writer<'b> {
    /// Appends to `out`.
    pub fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Writes a `uint8`.
    pub fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    /// Writes a `uint16`.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes a `uint24`.
    pub fn u24(&mut self, value: u32) -> Result<(), TooLong> {
        let [0, rest @ ..] = value.to_be_bytes() else { return Err(TooLong) };
        self.bytes(&rest);
        Ok(())
    }

    /// Writes a `uint32`.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Writes what `body` writes, behind its length in one byte.
    pub fn nest_u8(
        &mut self,
        bounds: RangeInclusive<usize>,
        body: impl FnOnce(&mut Writer<'_>) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        self.nest::<1>(bounds, body)
    }

    /// Writes what `body` writes, behind its length in two bytes.
    pub fn nest_u16(
        &mut self,
        bounds: RangeInclusive<usize>,
        body: impl FnOnce(&mut Writer<'_>) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        self.nest::<2>(bounds, body)
    }

    /// Writes what `body` writes, behind its length in three bytes.
    pub fn nest_u24(
        &mut self,
        bounds: RangeInclusive<usize>,
        body: impl FnOnce(&mut Writer<'_>) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        self.nest::<3>(bounds, body)
    }

    /// Writes an `opaque<bounds>` with a one-byte length.
    pub fn vector_u8(&mut self, bounds: RangeInclusive<usize>, bytes: &[u8]) -> Result<(), TooLong> {
        self.nest_u8(bounds, |w| {
            w.bytes(bytes);
            Ok(())
        })
    }

    /// Writes an `opaque<bounds>` with a two-byte length.
    pub fn vector_u16(&mut self, bounds: RangeInclusive<usize>, bytes: &[u8]) -> Result<(), TooLong> {
        self.nest_u16(bounds, |w| {
            w.bytes(bytes);
            Ok(())
        })
    }

    /// Writes an `opaque<bounds>` with a three-byte length.
    pub fn vector_u24(&mut self, bounds: RangeInclusive<usize>, bytes: &[u8]) -> Result<(), TooLong> {
        self.nest_u24(bounds, |w| {
            w.bytes(bytes);
            Ok(())
        })
    }

    /// Writes a vector of `T` with a one-byte length.
    pub fn list_u8<'a, T: Codec<'a>>(&mut self, bounds: RangeInclusive<usize>, items: &[T]) -> Result<(), TooLong> {
        self.nest_u8(bounds, |w| items.iter().try_for_each(|item| item.write(w)))
    }

    /// Writes a vector of `T` with a two-byte length.
    pub fn list_u16<'a, T: Codec<'a>>(&mut self, bounds: RangeInclusive<usize>, items: &[T]) -> Result<(), TooLong> {
        self.nest_u16(bounds, |w| items.iter().try_for_each(|item| item.write(w)))
    }

    /// Writes a vector of `T` with a three-byte length.
    pub fn list_u24<'a, T: Codec<'a>>(&mut self, bounds: RangeInclusive<usize>, items: &[T]) -> Result<(), TooLong> {
        self.nest_u24(bounds, |w| items.iter().try_for_each(|item| item.write(w)))
    }

    /// Reserves `N` length bytes, runs `body`, then fills them in.
    fn nest<const N: usize>(
        &mut self,
        bounds: RangeInclusive<usize>,
        body: impl FnOnce(&mut Writer<'_>) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        let before = self.out.len();
        self.out.extend_from_slice(&[0; N]);
        body(&mut Writer { out: self.out })?;
        let start = before.checked_add(N).ok_or(TooLong)?;
        let len = self.out.len().checked_sub(start).ok_or(TooLong)?;
        let encoded = u32::try_from(len).map_err(|_| TooLong)?.to_be_bytes();
        let unused = encoded.len().checked_sub(N).ok_or(TooLong)?;
        let (zeros, length) = encoded.split_at_checked(unused).ok_or(TooLong)?;
        if !bounds.contains(&len) || zeros.iter().any(|&byte| byte != 0) {
            return Err(TooLong);
        }
        self.out.get_mut(before..start).ok_or(TooLong)?.copy_from_slice(length);
        Ok(())
    }
}
