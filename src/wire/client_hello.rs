//! ClientHello. RFC 8446 §4.1.2.

use alloc::vec::Vec;

use super::extension::read_list;
use super::{
    CipherSuite, ClientExtension, Codec, CompressionMethod, HandshakeType, Malformed, Message, ProtocolVersion, Random,
    Reader, TooLong, Writer,
};

/// ```text
/// struct {
///     ProtocolVersion legacy_version = 0x0303;
///     Random random;
///     opaque legacy_session_id<0..32>;
///     CipherSuite cipher_suites<2..2^16-2>;
///     opaque legacy_compression_methods<1..2^8-1>;
///     Extension extensions<8..2^16-1>;
/// } ClientHello;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// TLS 1.2 for every client that knows better.
    pub legacy_version: ProtocolVersion,
    /// 32 random bytes.
    pub random: Random,
    /// A session of TLS 1.2, or 32 random bytes to please middleboxes. 0 to 32 bytes.
    pub legacy_session_id: &'a [u8],
    /// Cipher suites, most wanted first.
    pub cipher_suites: Vec<CipherSuite>,
    /// Null, and in TLS 1.3 nothing else.
    pub legacy_compression_methods: Vec<CompressionMethod>,
    /// The extensions in order. A hello of TLS 1.2 may end before them: `None`. RFC 5246 §7.4.1.2.
    pub extensions: Option<Vec<ClientExtension<'a>>>,
}

impl<'a> Message<'a> for ClientHello<'a> {
    const TYPE: HandshakeType = HandshakeType::client_hello;
}

impl<'a> Codec<'a> for ClientHello<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            legacy_version: ProtocolVersion::read(r)?,
            random: Random::read(r)?,
            legacy_session_id: r.vector_u8(0..=32)?,
            cipher_suites: r.list_u16(2..=0xfffe)?,
            legacy_compression_methods: r.list_u8(1..=255)?,
            extensions: if r.at_end() { None } else { Some(read_list(r, 0..=0xffff)?) },
        })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        self.legacy_version.write(w)?;
        self.random.write(w)?;
        w.vector_u8(0..=32, self.legacy_session_id)?;
        w.list_u16(2..=0xfffe, &self.cipher_suites)?;
        w.list_u8(1..=255, &self.legacy_compression_methods)?;
        match &self.extensions {
            Some(extensions) => w.list_u16(0..=0xffff, extensions),
            None => Ok(()),
        }
    }
}
