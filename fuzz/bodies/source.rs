//! Takes decisions from a fuzzer's bytes, front to back. When the bytes end, every further decision is the smallest.

use std::ops::RangeInclusive;

/// What is left of the input.
pub struct Source<'a> {
    rest: &'a [u8],
}

/// What stands in when the input is too short for a value that cannot be shorter.
static FILL: [u8; 64] = [0; 64];

impl<'a> Source<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub fn u8(&mut self) -> u8 {
        u8::from_be_bytes(self.array())
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    pub fn flag(&mut self) -> bool {
        self.u8() & 1 == 1
    }

    /// Returns a number below `bound`, which is at most 256 and not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.u8()) % bound
    }

    /// Alters some bytes: a bit, or a few bytes for others.
    pub fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = usize::from(self.u16()) % bytes.len().max(1);
            if self.flag() {
                let removed = at..bytes.len().min(at + self.below(5));
                let inserted = self.bytes(0..=40);
                bytes.splice(removed, inserted.iter().copied());
            } else if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << self.below(8);
            }
        }
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let (now, later) = self.rest.split_at(N.min(self.rest.len()));
        array[..now.len()].copy_from_slice(now);
        self.rest = later;
        array
    }

    /// Borrows bytes of the input, as many as `bounds` allow; the lower bound is at most 64.
    pub fn bytes(&mut self, bounds: RangeInclusive<usize>) -> &'a [u8] {
        let wanted = match self.u8() {
            // Most values are short; some are as long as they can be.
            255 => usize::from(self.u16()),
            254 => *bounds.end(),
            short => bounds.start() + usize::from(short) % 64,
        };
        let len = wanted.clamp(*bounds.start(), *bounds.end()).min(self.rest.len());
        if len < *bounds.start() {
            return &FILL[..*bounds.start()];
        }
        let (now, later) = self.rest.split_at(len);
        self.rest = later;
        now
    }
}
