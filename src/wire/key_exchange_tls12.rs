//! ServerKeyExchange and ClientKeyExchange of TLS 1.2, for ECDHE. RFC 8422 §5.4, §5.7.

use super::{
    Codec, EcCurveType, HandshakeType, Malformed, Message, NamedGroup, Reader, SignatureScheme, TooLong, Writer,
};

/// ```text
/// struct { ECCurveType curve_type = named_curve; NamedCurve namedcurve; opaque point<1..2^8-1>; } ServerECDHParams;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerEcdhParams<'a> {
    /// The group.
    pub named_curve: NamedGroup,
    /// The server's point.
    pub public: &'a [u8],
}

impl<'a> Codec<'a> for ServerEcdhParams<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        // RFC 8422 §5.4: explicit curves are gone.
        if EcCurveType::read(r)? != EcCurveType::named_curve {
            return Err(Malformed::IllegalValue);
        }
        Ok(Self { named_curve: NamedGroup::read(r)?, public: r.vector_u8(1..=0xff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        EcCurveType::named_curve.write(w)?;
        self.named_curve.write(w)?;
        w.vector_u8(1..=0xff, self.public)
    }
}

/// `struct { ServerECDHParams params; digitally-signed struct {…} } ServerKeyExchange;`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerKeyExchange<'a> {
    /// What the signature covers, beside both randoms.
    pub params: ServerEcdhParams<'a>,
    /// The scheme.
    pub algorithm: SignatureScheme,
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> Message<'a> for ServerKeyExchange<'a> {
    const TYPE: HandshakeType = HandshakeType::server_key_exchange;
}

impl<'a> Codec<'a> for ServerKeyExchange<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            params: ServerEcdhParams::read(r)?,
            algorithm: SignatureScheme::read(r)?,
            signature: r.vector_u16(0..=0xffff)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        self.params.write(w)?;
        self.algorithm.write(w)?;
        w.vector_u16(0..=0xffff, self.signature)
    }
}

/// `struct { opaque ecdh_Yc<1..2^8-1>; } ClientKeyExchange;`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientKeyExchange<'a> {
    /// The client's point.
    pub ecdh_yc: &'a [u8],
}

impl<'a> Message<'a> for ClientKeyExchange<'a> {
    const TYPE: HandshakeType = HandshakeType::client_key_exchange;
}

impl<'a> Codec<'a> for ClientKeyExchange<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { ecdh_yc: r.vector_u8(1..=0xff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.vector_u8(1..=0xff, self.ecdh_yc)
    }
}
