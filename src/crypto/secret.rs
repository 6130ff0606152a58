//! The one kind of box in which secrets live.

use alloc::boxed::Box;
use alloc::vec::Vec;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Secret bytes: wiped on drop, without `Debug`, without `Clone`, compared in constant time.
///
/// The bytes stand on the heap so that moving a `Secret` moves a pointer and leaves no copy behind.
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes `bytes` over. A vector with spare capacity is copied once into an exact one, and the old one is wiped.
    pub fn from_vec(mut bytes: Vec<u8>) -> Self {
        if bytes.len() == bytes.capacity() {
            return Self(bytes.into_boxed_slice());
        }
        let secret = Self(bytes.as_slice().into());
        bytes.zeroize();
        secret
    }

    /// Copies `bytes`; wiping the original is the caller's part.
    pub fn copy_from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// Returns a secret of `len` zero bytes, which the key schedule uses where there is no input. RFC 8446 §7.1.
    pub fn zeros(len: usize) -> Self {
        Self(alloc::vec![0; len].into_boxed_slice())
    }

    /// Returns a second box with the same bytes. Each use is a place for a reviewer to look at.
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// Lends the bytes to a primitive, or to whom the application has decided to show them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Lends the bytes for writing.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Returns the length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Says whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Secret {
    fn wipe(&mut self) {
        self.0.zeroize();
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn secret_is_all_zero_once_it_is_wiped() {
        let mut spare = Vec::with_capacity(64);
        spare.extend_from_slice(&[7; 32]);
        for mut secret in [Secret::copy_from(&[7; 32]), Secret::from_vec(vec![7; 32]), Secret::from_vec(spare)] {
            assert_eq!(secret.expose(), [7; 32]);
            secret.wipe();
            assert_eq!(secret.expose(), [0; 32]);
        }
    }
}
