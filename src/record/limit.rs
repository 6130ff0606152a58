//! How much a record may hold, where that is less than the protocol allows. RFC 8449 §4, RFC 6066 §4.

use crate::wire::MAX_PLAINTEXT_LEN;

/// The most plaintext of one direction's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordLimit {
    /// Of records without protection.
    unprotected: u16,
    /// Of what is sealed, all counted: in TLS 1.3 content, content type and padding.
    protected: u16,
}

impl RecordLimit {
    /// The content of the largest record, and in TLS 1.3 its type. RFC 8446 §5.1, §5.4.
    const LARGEST: Self = Self { unprotected: 0x4000, protected: 0x4001 };

    /// The least that a peer may ask for. What a stored session says may be anything; a record must have room for content.
    const SMALLEST: u16 = 64;

    /// As large as the protocol allows.
    pub(crate) const NONE: Self = Self::LARGEST;

    /// What record_size_limit says: it counts the type and the padding, and only what is sealed. A peer may name more than
    /// there is. RFC 8449 §4.
    pub(crate) fn of_protected(bytes: u16) -> Self {
        Self { protected: bytes.clamp(Self::SMALLEST, Self::LARGEST.protected), ..Self::LARGEST }
    }

    /// What max_fragment_length says, of every record, of which `protected` bytes may be sealed.
    pub(crate) fn of_every(unprotected: u16, protected: u16) -> Self {
        Self {
            unprotected: unprotected.clamp(Self::SMALLEST, Self::LARGEST.unprotected),
            protected: protected.clamp(Self::SMALLEST, Self::LARGEST.protected),
        }
    }

    /// Returns the most content of a record without protection.
    pub(super) fn unprotected(self) -> usize {
        usize::from(self.unprotected)
    }

    /// Returns the most that may be sealed in TLS 1.3.
    pub(super) fn inner_plaintext(self) -> usize {
        usize::from(self.protected)
    }

    /// Returns the most that may be sealed in TLS 1.2, which has no type inside.
    #[cfg(feature = "tls12")]
    pub(super) fn plaintext_tls12(self) -> usize {
        usize::from(self.protected).min(MAX_PLAINTEXT_LEN)
    }

    /// Says whether protected records may be as large as the protocol allows.
    pub(super) fn allows_largest(self) -> bool {
        usize::from(self.protected) >= MAX_PLAINTEXT_LEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_of_a_stored_session_leaves_room_for_content_whatever_it_says() {
        for bytes in [0, 1, 63, 64] {
            for limit in [RecordLimit::of_protected(bytes), RecordLimit::of_every(bytes, bytes)] {
                assert_eq!(limit.inner_plaintext(), 64);
            }
            assert_eq!(RecordLimit::of_every(bytes, bytes).unprotected(), 64);
        }
        assert_eq!(RecordLimit::of_every(u16::MAX, u16::MAX), RecordLimit::NONE);
    }
}
