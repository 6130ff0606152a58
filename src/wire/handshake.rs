//! The frame of every handshake message, and the sum of all messages for whoever wants to see them. RFC 8446 §4.

use alloc::vec::Vec;

use super::{
    Certificate, CertificateRequest, CertificateRequestTls12, CertificateStatus, CertificateTls12, CertificateVerify,
    ClientHello, ClientKeyExchange, Codec, CompressedCertificate, EncryptedExtensions, EndOfEarlyData, Finished,
    HandshakeType, HelloRequest, HelloRetryRequest, KeyUpdate, Malformed, NewSessionTicket, NewSessionTicketTls12,
    ProtocolVersion, RawPublicKeyTls12, Reader, ServerHello, ServerHelloDone, ServerKeyExchange, TooLong, Writer,
    is_hello_retry_request, read_all,
};

/// Length in bytes of a handshake message's header.
pub const HANDSHAKE_HEADER_LEN: usize = 4;

/// A message's body, which knows its type.
pub trait Message<'a>: Codec<'a> {
    /// The type in its header.
    const TYPE: HandshakeType;
}

/// Writes a whole message: header and body.
pub fn write_message<'a>(message: &impl Message<'a>) -> Result<Vec<u8>, TooLong> {
    let mut bytes = Vec::new();
    write_framed(&mut Writer::new(&mut bytes), message)?;
    Ok(bytes)
}

fn write_framed<'a, M: Message<'a>>(w: &mut Writer<'_>, message: &M) -> Result<(), TooLong> {
    M::TYPE.write(w)?;
    w.nest_u24(0..=0xff_ffff, |w| message.write(w))
}

/// `struct { HandshakeType msg_type; uint24 length; … } Handshake;` with the body as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawHandshake<'a> {
    /// The type.
    pub handshake_type: HandshakeType,
    /// What follows the header.
    pub body: &'a [u8],
}

impl<'a> Codec<'a> for RawHandshake<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { handshake_type: HandshakeType::read(r)?, body: r.vector_u24(0..=0xff_ffff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        self.handshake_type.write(w)?;
        w.vector_u24(0..=0xff_ffff, self.body)
    }
}

/// Defines the sum of all messages, each with the type and the versions that it belongs to.
macro_rules! messages {
    ($( $(#[$meta:meta])* $variant:ident($content:ty) if $guard:expr; )*) => {
        /// Any handshake message, typed.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(clippy::large_enum_variant, reason = "a value for looking at, of which there is one at a time")]
        pub enum Handshake<'a> {
            $( $(#[$meta])* $variant($content), )*
            /// A message of an unknown type, as bytes.
            Unknown(RawHandshake<'a>),
        }

        impl<'a> Handshake<'a> {
            /// Reads a whole message, header included, as `version` defines it.
            pub fn read(bytes: &'a [u8], version: ProtocolVersion) -> Result<Self, Malformed> {
                let raw: RawHandshake<'a> = read_all(bytes)?;
                let is_tls13 = version >= ProtocolVersion::TLSv1_3;
                $(
                    let guard: fn(bool, &[u8]) -> bool = $guard;
                    if raw.handshake_type == <$content as Message<'a>>::TYPE && guard(is_tls13, raw.body) {
                        return read_all(raw.body).map(Self::$variant);
                    }
                )*
                Ok(Self::Unknown(raw))
            }

            /// Writes the whole message, header included.
            pub fn to_bytes(&self) -> Result<Vec<u8>, TooLong> {
                match self {
                    $( Self::$variant(message) => write_message(message), )*
                    Self::Unknown(raw) => super::write_all(raw),
                }
            }

            /// Returns the message's name as the RFC spells it.
            pub fn name(&self) -> &'static str {
                match self {
                    $( Self::$variant(_) => stringify!($variant), )*
                    Self::Unknown(_) => "unknown message",
                }
            }
        }
    };
}

/// Says whether a Certificate of TLS 1.2 is a raw public key, which alone its negotiation tells: a SEQUENCE begins where in a
/// list of certificates the length of the first one stands, which would then have three megabytes.
fn is_raw_public_key_tls12(body: &[u8]) -> bool {
    body.get(3) == Some(&0x30) && body.len() < 0x30_0000
}

messages! {
    /// RFC 8446 §4.1.2.
    ClientHello(ClientHello<'a>) if |_, _| true;
    /// RFC 8446 §4.1.4.
    HelloRetryRequest(HelloRetryRequest<'a>) if |_, body| is_hello_retry_request(body);
    /// RFC 8446 §4.1.3.
    ServerHello(ServerHello<'a>) if |_, _| true;
    /// RFC 8446 §4.3.1.
    EncryptedExtensions(EncryptedExtensions<'a>) if |_, _| true;
    /// RFC 8446 §4.3.2.
    CertificateRequest(CertificateRequest<'a>) if |tls13, _| tls13;
    /// RFC 5246 §7.4.4.
    CertificateRequestTls12(CertificateRequestTls12<'a>) if |_, _| true;
    /// RFC 8446 §4.4.2.
    Certificate(Certificate<'a>) if |tls13, _| tls13;
    /// RFC 8879 §4.
    CompressedCertificate(CompressedCertificate<'a>) if |_, _| true;
    /// RFC 7250 §3.
    RawPublicKeyTls12(RawPublicKeyTls12<'a>) if |tls13, body| !tls13 && is_raw_public_key_tls12(body);
    /// RFC 5246 §7.4.2.
    CertificateTls12(CertificateTls12<'a>) if |_, _| true;
    /// RFC 8446 §4.4.3.
    CertificateVerify(CertificateVerify<'a>) if |_, _| true;
    /// RFC 8446 §4.4.4.
    Finished(Finished<'a>) if |_, _| true;
    /// RFC 8446 §4.6.1.
    NewSessionTicket(NewSessionTicket<'a>) if |tls13, _| tls13;
    /// RFC 5077 §3.3.
    NewSessionTicketTls12(NewSessionTicketTls12<'a>) if |_, _| true;
    /// RFC 8446 §4.6.3.
    KeyUpdate(KeyUpdate) if |_, _| true;
    /// RFC 8446 §4.5.
    EndOfEarlyData(EndOfEarlyData) if |_, _| true;
    /// RFC 5246 §7.4.1.1.
    HelloRequest(HelloRequest) if |_, _| true;
    /// RFC 8422 §5.4.
    ServerKeyExchange(ServerKeyExchange<'a>) if |_, _| true;
    /// RFC 5246 §7.4.5.
    ServerHelloDone(ServerHelloDone) if |_, _| true;
    /// RFC 8422 §5.7.
    ClientKeyExchange(ClientKeyExchange<'a>) if |_, _| true;
    /// RFC 6066 §8.
    CertificateStatus(CertificateStatus<'a>) if |_, _| true;
}
