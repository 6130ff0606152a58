//! Alerts, and change_cipher_spec, which is as small. RFC 8446 §6, RFC 5246 §7.1.

use super::{AlertDescription, AlertLevel, Codec, Malformed, Reader, TooLong, Writer};

/// `struct { AlertLevel level; AlertDescription description; } Alert;`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// In TLS 1.3 the description alone decides.
    pub level: AlertLevel,
    /// What happened.
    pub description: AlertDescription,
}

impl<'a> Codec<'a> for Alert {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { level: AlertLevel::read(r)?, description: AlertDescription::read(r)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        self.level.write(w)?;
        self.description.write(w)
    }
}

/// `struct { enum { change_cipher_spec(1), (255) } type; } ChangeCipherSpec;`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeCipherSpec;

impl<'a> Codec<'a> for ChangeCipherSpec {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        if r.u8()? == 1 { Ok(Self) } else { Err(Malformed::IllegalValue) }
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.u8(1);
        Ok(())
    }
}
