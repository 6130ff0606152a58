//! The randoms of the hellos and what is hidden in them. RFC 8446 §4.1.2, §4.1.3.

use super::{Codec, Malformed, ProtocolVersion, Reader, TooLong, Writer};

/// The 32 random bytes of a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Random(pub [u8; 32]);

/// The random that turns a ServerHello into a HelloRetryRequest: SHA-256 of "HelloRetryRequest". RFC 8446 §4.1.3.
pub const HELLO_RETRY_REQUEST_RANDOM: Random = Random([
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
]);

/// The last bytes of a random by a server that chose TLS 1.2 but knows TLS 1.3: "DOWNGRD" and 1. RFC 8446 §4.1.3.
pub const DOWNGRADE_TLS12: [u8; 8] = *b"DOWNGRD\x01";

/// The last bytes of a random by a server that chose TLS 1.1 or older but knows better: "DOWNGRD" and 0.
pub const DOWNGRADE_TLS11: [u8; 8] = *b"DOWNGRD\x00";

impl Random {
    /// Returns the version that a downgrade sentinel at the end names: TLS 1.2, or TLS 1.1 for anything older.
    pub fn downgrade_sentinel(&self) -> Option<ProtocolVersion> {
        let last = self.0.last_chunk::<8>()?;
        match *last {
            DOWNGRADE_TLS12 => Some(ProtocolVersion::TLSv1_2),
            DOWNGRADE_TLS11 => Some(ProtocolVersion::TLSv1_1),
            _ => None,
        }
    }
}

impl<'a> Codec<'a> for Random {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self(r.array()?))
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.bytes(&self.0);
        Ok(())
    }
}
