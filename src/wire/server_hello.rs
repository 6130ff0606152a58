//! ServerHello, and HelloRetryRequest, which is one with a certain random. RFC 8446 §4.1.3, §4.1.4.

use alloc::vec::Vec;

use super::extension::read_list;
use super::{
    CipherSuite, Codec, CompressionMethod, HELLO_RETRY_REQUEST_RANDOM, HandshakeType, Malformed, Message,
    ProtocolVersion, Random, Reader, RetryExtension, ServerExtension, TooLong, Writer,
};

/// ```text
/// struct {
///     ProtocolVersion legacy_version = 0x0303;
///     Random random;
///     opaque legacy_session_id_echo<0..32>;
///     CipherSuite cipher_suite;
///     uint8 legacy_compression_method = 0;
///     Extension extensions<6..2^16-1>;
/// } ServerHello;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHello<'a> {
    /// TLS 1.2, or what an older server chose.
    pub legacy_version: ProtocolVersion,
    /// 32 random bytes, the last 8 of which may warn of a downgrade.
    pub random: Random,
    /// What ClientHello had; in TLS 1.2 the session's id. 0 to 32 bytes.
    pub legacy_session_id_echo: &'a [u8],
    /// The chosen suite.
    pub cipher_suite: CipherSuite,
    /// Null.
    pub legacy_compression_method: CompressionMethod,
    /// The extensions in order. A hello of TLS 1.2 may end before them: `None`. RFC 5246 §7.4.1.3.
    pub extensions: Option<Vec<ServerExtension<'a>>>,
}

impl<'a> Message<'a> for ServerHello<'a> {
    const TYPE: HandshakeType = HandshakeType::server_hello;
}

impl<'a> Codec<'a> for ServerHello<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            legacy_version: ProtocolVersion::read(r)?,
            random: Random::read(r)?,
            legacy_session_id_echo: r.vector_u8(0..=32)?,
            cipher_suite: CipherSuite::read(r)?,
            legacy_compression_method: CompressionMethod::read(r)?,
            extensions: if r.at_end() { None } else { Some(read_list(r, 0..=0xffff)?) },
        })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        self.legacy_version.write(w)?;
        self.random.write(w)?;
        w.vector_u8(0..=32, self.legacy_session_id_echo)?;
        self.cipher_suite.write(w)?;
        self.legacy_compression_method.write(w)?;
        match &self.extensions {
            Some(extensions) => w.list_u16(0..=0xffff, extensions),
            None => Ok(()),
        }
    }
}

/// The same struct as ServerHello, with the one random that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloRetryRequest<'a> {
    /// TLS 1.2.
    pub legacy_version: ProtocolVersion,
    /// What ClientHello had.
    pub legacy_session_id_echo: &'a [u8],
    /// The chosen suite, which ServerHello must repeat.
    pub cipher_suite: CipherSuite,
    /// Null.
    pub legacy_compression_method: CompressionMethod,
    /// The extensions in order.
    pub extensions: Vec<RetryExtension<'a>>,
}

/// Says whether the body of a server_hello message is a HelloRetryRequest. RFC 8446 §4.1.3.
pub fn is_hello_retry_request(body: &[u8]) -> bool {
    let mut reader = Reader::new(body);
    ProtocolVersion::read(&mut reader).is_ok()
        && Random::read(&mut reader).is_ok_and(|random| random == HELLO_RETRY_REQUEST_RANDOM)
}

impl<'a> Message<'a> for HelloRetryRequest<'a> {
    const TYPE: HandshakeType = HandshakeType::server_hello;
}

impl<'a> Codec<'a> for HelloRetryRequest<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        let legacy_version = ProtocolVersion::read(r)?;
        if Random::read(r)? != HELLO_RETRY_REQUEST_RANDOM {
            return Err(Malformed::IllegalValue);
        }
        Ok(Self {
            legacy_version,
            legacy_session_id_echo: r.vector_u8(0..=32)?,
            cipher_suite: CipherSuite::read(r)?,
            legacy_compression_method: CompressionMethod::read(r)?,
            extensions: read_list(r, 0..=0xffff)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        self.legacy_version.write(w)?;
        HELLO_RETRY_REQUEST_RANDOM.write(w)?;
        w.vector_u8(0..=32, self.legacy_session_id_echo)?;
        self.cipher_suite.write(w)?;
        self.legacy_compression_method.write(w)?;
        w.list_u16(0..=0xffff, &self.extensions)
    }
}
