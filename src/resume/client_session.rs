//! What a client remembers of a connection, and the form in which it outlives the program.
//!
//! ```text
//! struct {
//!     opaque magic[14];
//!     uint8 format = 2;
//!     opaque configuration_id[32];    HMAC-SHA256(binding, CONFIGURATION_LABEL)
//!     ClientSession session;
//!     opaque mac[32];                 HMAC-SHA256(binding, all that stands before)
//! } WrittenSession;
//! ```
//!
//! The binding is what the configuration decides about servers. It is not written: another configuration has another one, and
//! refuses the session.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use pki_types::{CertificateDer, SubjectPublicKeyInfoDer};

use super::fields::{
    chain_len, end, is_between, read_application_protocol, read_chain, read_flag, read_name, read_scheme, read_secret,
    read_time, read_version, write_application_protocol, write_chain, write_name, write_scheme, write_secret,
    write_secretly, write_time, write_version,
};
use crate::clock::Time;
use crate::crypto::{CryptoError, Digest, HashAlgorithm, Provider, Secret};
use crate::record::MAX_HANDSHAKE_MESSAGE_LEN;
use crate::verify::PeerChain;
use crate::wire::{
    CipherSuite, Malformed, NamedGroup, ProtocolVersion, Reader, SignatureScheme, TooLong, Writer, read_all_with,
};

/// How a written session begins.
const MAGIC: &[u8] = b"bulla session\n";
/// The form of what follows. Another form gets another number.
const FORMAT: u8 = 2;
/// Sets the configuration's public name apart from the MAC, which is made with the same key over bytes that begin otherwise.
const CONFIGURATION_LABEL: &[u8] = b"bulla client configuration";
/// Length of an HMAC-SHA256.
const MAC_LEN: usize = 32;

/// Length of all the fields that are always there, the empty ones' lengths included.
const FIXED_LEN: usize = 2 + 2 + 2 + 1 + 2 + 2 + 1 + 8 + 8 + 4 + 4 + 4 + 1 + 1 + 2 + 1;

/// What a client remembers of a connection: enough to resume it once more.
pub struct ClientSession {
    pub(crate) version: ProtocolVersion,
    pub(crate) cipher_suite: CipherSuite,
    /// In TLS 1.3 the ticket's PSK, in TLS 1.2 the master secret.
    pub(crate) secret: Secret,
    pub(crate) group: NamedGroup,
    /// In TLS 1.3 the most that the server takes in a record of early data, in TLS 1.2 the length of fragments that belongs to the
    /// session; 0 if nothing was said. RFC 8449 §4, RFC 6066 §4.
    pub(crate) record_limit: u16,
    /// Empty if the server knows the session by its id alone.
    pub(crate) ticket: Vec<u8>,
    /// TLS 1.2 alone.
    pub(crate) session_id: Vec<u8>,
    pub(crate) received: Time,
    /// In seconds.
    pub(crate) lifetime: u32,
    /// When the full handshake was whose certificates still count.
    pub(crate) authenticated: Time,
    pub(crate) ticket_age_add: u32,
    pub(crate) max_early_data: u32,
    /// What the configuration decides about servers: another one does not resume the session.
    pub(crate) configuration: [u8; 32],
    pub(crate) server_name: String,
    pub(crate) application_protocol: Option<Vec<u8>>,
    pub(crate) server_chain: PeerChain,
    pub(crate) server_scheme: Option<SignatureScheme>,
    pub(crate) extended_master_secret: bool,
}

/// Why a written session is not read back. None of these is a reason to fail: without the session the handshake is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionRefused {
    /// These are not the bytes of a session.
    NotASession,
    /// The session was written by another version of this library.
    UnknownVersion,
    /// The session was made under another configuration.
    OtherConfiguration,
    /// The bytes were altered.
    Altered,
    /// The session could not be checked at all.
    Cryptography(CryptoError),
}

impl fmt::Display for SessionRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotASession => "this is not a written session; name another file, or remove this one if nothing else needs it",
            Self::UnknownVersion => "this session was written in a form of another version; remove it, and connect anew",
            Self::OtherConfiguration => {
                "this session was made under another configuration (other roots, for example); remove it, or use that configuration"
            }
            Self::Altered => "this session was cut short or altered since it was written; remove it, and connect anew",
            Self::Cryptography(error) => return write!(f, "this session cannot be checked: {error}"),
        })
    }
}

impl core::error::Error for SessionRefused {}

impl From<CryptoError> for SessionRefused {
    fn from(error: CryptoError) -> Self {
        Self::Cryptography(error)
    }
}

impl ClientSession {
    /// Writes the session out under its configuration. Whoever has these bytes can pose as this client.
    ///
    /// Returns `None` if a field does not fit or the provider fails: the session then lives in this process only.
    pub(crate) fn write(&self, provider: &dyn Provider) -> Option<Secret> {
        let id = configuration_id(provider, &self.configuration).ok()?;
        let len = MAGIC.len() + 1 + id.as_ref().len() + self.encoded_len() + MAC_LEN;
        let mut written = write_secretly(len, |w| {
            w.bytes(MAGIC);
            w.u8(FORMAT);
            w.bytes(id.as_ref());
            self.write_body(w)?;
            w.bytes(&[0; MAC_LEN]);
            Ok(())
        })?;
        let (before, mac) = written.expose_mut().split_last_chunk_mut::<MAC_LEN>()?;
        mac.copy_from_slice(mac_over(provider, &self.configuration, before).ok()?.as_ref());
        Some(written)
    }

    /// Reads what [`write`](Self::write) wrote under the same configuration.
    pub(crate) fn read(
        provider: &dyn Provider,
        configuration: &[u8; 32],
        bytes: &[u8],
    ) -> Result<Self, SessionRefused> {
        let (format, rest) =
            bytes.strip_prefix(MAGIC).and_then(<[u8]>::split_first).ok_or(SessionRefused::NotASession)?;
        if *format != FORMAT {
            return Err(SessionRefused::UnknownVersion);
        }
        let (id, _) = rest.split_first_chunk::<MAC_LEN>().ok_or(SessionRefused::Altered)?;
        if configuration_id(provider, configuration)?.as_ref() != id {
            return Err(SessionRefused::OtherConfiguration);
        }
        let (before, mac) = bytes.split_last_chunk::<MAC_LEN>().ok_or(SessionRefused::Altered)?;
        // A digest is compared in constant time.
        if Digest::new(mac) != Some(mac_over(provider, configuration, before)?) {
            return Err(SessionRefused::Altered);
        }
        let body = before.get(MAGIC.len() + 1 + MAC_LEN..).ok_or(SessionRefused::Altered)?;
        read_all_with(body, |r| Self::read_body(r, *configuration)).map_err(|_| SessionRefused::Altered)
    }

    fn encoded_len(&self) -> usize {
        let application_protocol = self.application_protocol.as_ref().map_or(0, Vec::len);
        let vectors = self.secret.len() + self.ticket.len() + self.session_id.len() + self.server_name.len();
        FIXED_LEN + vectors + application_protocol + chain_len(&self.server_chain)
    }

    fn read_body(r: &mut Reader<'_>, configuration: [u8; 32]) -> Result<Self, Malformed> {
        Ok(Self {
            configuration,
            version: read_version(r)?,
            cipher_suite: CipherSuite(r.u16()?),
            secret: read_secret(r)?,
            group: NamedGroup(r.u16()?),
            record_limit: r.u16()?,
            ticket: r.vector_u16(0..=0xffff)?.to_vec(),
            session_id: r.vector_u8(0..=32)?.to_vec(),
            received: read_time(r)?,
            lifetime: r.u32()?,
            authenticated: read_time(r)?,
            ticket_age_add: r.u32()?,
            max_early_data: r.u32()?,
            server_name: read_name(r)?,
            application_protocol: read_application_protocol(r)?,
            server_chain: read_chain(r, MAX_HANDSHAKE_MESSAGE_LEN)?,
            server_scheme: read_scheme(r)?,
            extended_master_secret: read_flag(r)?,
        })
    }

    fn write_body(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        write_version(w, self.version)?;
        w.u16(self.cipher_suite.0);
        write_secret(w, &self.secret)?;
        w.u16(self.group.0);
        w.u16(self.record_limit);
        w.vector_u16(0..=0xffff, &self.ticket)?;
        w.vector_u8(0..=32, &self.session_id)?;
        write_time(w, self.received);
        w.u32(self.lifetime);
        write_time(w, self.authenticated);
        w.u32(self.ticket_age_add);
        w.u32(self.max_early_data);
        write_name(w, &self.server_name)?;
        write_application_protocol(w, self.application_protocol.as_deref())?;
        write_chain(w, MAX_HANDSHAKE_MESSAGE_LEN, &self.server_chain)?;
        write_scheme(w, self.server_scheme)?;
        w.u8(u8::from(self.extended_master_secret));
        Ok(())
    }

    /// Returns when the session ends: after its lifetime, and after seven days in any case. RFC 8446 §4.6.1.
    pub fn expires(&self) -> Time {
        end(self.received, self.lifetime)
    }

    /// Says whether the session may be resumed at this time. A clock that went back by up to ten seconds is tolerated.
    pub(crate) fn is_alive(&self, now: Time) -> bool {
        is_between(self.received, now, self.expires())
    }

    /// Returns the version of the connection.
    pub fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// Returns the cipher suite of the connection.
    pub fn cipher_suite(&self) -> CipherSuite {
        self.cipher_suite
    }

    /// Returns when the session was received.
    pub fn received(&self) -> Time {
        self.received
    }

    /// Returns the server's name, as the configuration knows it.
    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// Returns the application protocol that was agreed on.
    pub fn application_protocol(&self) -> Option<&[u8]> {
        self.application_protocol.as_deref()
    }

    /// Returns the chain that the server showed, its own certificate first; empty if it showed a raw public key.
    pub fn server_chain(&self) -> &[CertificateDer<'static>] {
        self.server_chain.certificates()
    }

    /// Returns the raw public key that the server showed instead. RFC 7250.
    pub fn server_raw_public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.server_chain.raw_public_key()
    }

    /// Returns how many bytes of early data the server takes; 0 if none.
    pub fn max_early_data(&self) -> u32 {
        self.max_early_data
    }
}

/// The configuration's public name: tells whether the key is the right one, and nothing about it.
fn configuration_id(provider: &dyn Provider, binding: &[u8; 32]) -> Result<Digest, CryptoError> {
    provider.hmac(HashAlgorithm::Sha256, binding, &[CONFIGURATION_LABEL])
}

fn mac_over(provider: &dyn Provider, binding: &[u8; 32], bytes: &[u8]) -> Result<Digest, CryptoError> {
    provider.hmac(HashAlgorithm::Sha256, binding, &[bytes])
}

/// Tells what is no secret, and of the rest nothing.
impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession")
            .field("version", &self.version)
            .field("cipher_suite", &self.cipher_suite)
            .field("server_name", &self.server_name)
            .field("received", &format_args!("{}", self.received))
            .field("expires", &format_args!("{}", self.expires()))
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "ring", feature = "std"))]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;
    use crate::crypto::ring::provider;
    use crate::resume::made::{client_session, client_session_at};

    fn written(session: &ClientSession) -> Vec<u8> {
        session.write(provider().as_ref()).unwrap().expose().to_vec()
    }

    fn read(bytes: &[u8]) -> Result<ClientSession, SessionRefused> {
        ClientSession::read(provider().as_ref(), &[3; 32], bytes)
    }

    fn refused(bytes: &[u8]) -> SessionRefused {
        read(bytes).expect_err("the bytes were read")
    }

    fn assert_same(read: &ClientSession, session: &ClientSession) {
        assert!(read.secret == session.secret && read.authenticated == session.authenticated);
        assert_eq!(
            (read.version, read.cipher_suite, read.group, &read.ticket, &read.session_id, read.received),
            (
                session.version,
                session.cipher_suite,
                session.group,
                &session.ticket,
                &session.session_id,
                session.received
            )
        );
        assert_eq!(
            (read.lifetime, read.ticket_age_add, read.max_early_data, read.configuration, &read.server_name),
            (
                session.lifetime,
                session.ticket_age_add,
                session.max_early_data,
                session.configuration,
                &session.server_name
            )
        );
        assert_eq!(
            (&read.application_protocol, &read.server_chain, read.server_scheme, read.extended_master_secret),
            (
                &session.application_protocol,
                &session.server_chain,
                session.server_scheme,
                session.extended_master_secret
            )
        );
    }

    proptest! {
        #[test]
        fn written_session_is_read_back_equal_and_so_is_its_duplicate(session in client_session()) {
            let bytes = written(&session);
            prop_assert_eq!(
                bytes.len(),
                MAGIC.len() + 1 + 32 + session.encoded_len() + MAC_LEN,
                "the memory was not reserved in one piece"
            );
            let read = ClientSession::read(provider().as_ref(), &session.configuration, &bytes).unwrap();
            assert_same(&read, &session);
            prop_assert!(written(&read) == bytes);
        }

        #[test]
        fn each_prefix_of_a_written_session_is_refused(session in client_session()) {
            let bytes = written(&session);
            for len in 0..bytes.len() {
                let refused = ClientSession::read(provider().as_ref(), &session.configuration, &bytes[..len]).unwrap_err();
                let expected = if len <= MAGIC.len() { SessionRefused::NotASession } else { SessionRefused::Altered };
                prop_assert_eq!(refused, expected, "{} bytes", len);
            }
            let longer = [&bytes[..], &[0]].concat();
            prop_assert!(ClientSession::read(provider().as_ref(), &session.configuration, &longer).is_err());
        }
    }

    #[test]
    fn each_flipped_bit_of_a_written_session_is_refused_for_its_reason() {
        let mut bytes = written(&client_session_at(Time::from_secs(1_000), 100, b"ticket"));
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let expected = match (bit / 8).checked_sub(MAGIC.len()) {
                None => SessionRefused::NotASession,
                Some(0) => SessionRefused::UnknownVersion,
                Some(1..=32) => SessionRefused::OtherConfiguration,
                Some(_) => SessionRefused::Altered,
            };
            assert_eq!(refused(&bytes), expected, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(read(&bytes).is_ok());
    }

    #[test]
    fn session_of_another_configuration_is_refused_and_does_not_tell_its_own() {
        let bytes = written(&client_session_at(Time::from_secs(1_000), 100, b"ticket"));
        let other = ClientSession::read(provider().as_ref(), &[4; 32], &bytes).unwrap_err();
        assert_eq!(other, SessionRefused::OtherConfiguration);
        assert!(!bytes.windows(32).any(|window| window == [3; 32]), "the binding stands in the file");
    }

    #[test]
    fn each_reason_says_what_to_do() {
        for (reason, advice) in [
            (SessionRefused::NotASession, "name another file"),
            (SessionRefused::UnknownVersion, "remove it, and connect anew"),
            (SessionRefused::OtherConfiguration, "remove it, or use that configuration"),
            (SessionRefused::Altered, "remove it, and connect anew"),
            (SessionRefused::Cryptography(CryptoError::Failed), "the cryptography provider failed"),
        ] {
            assert!(reason.to_string().contains(advice), "{reason}");
        }
    }

    #[test]
    fn session_that_does_not_fit_is_not_written() {
        let mut session = client_session_at(Time::from_secs(0), 1, &[0; 0x1_0000]);
        assert!(session.write(provider().as_ref()).is_none());
        session.ticket.truncate(0xffff);
        assert!(session.write(provider().as_ref()).is_some());
        session.session_id = [0; 33].to_vec();
        assert!(session.write(provider().as_ref()).is_none());
    }

    #[test]
    fn session_lives_from_ten_seconds_before_it_came_until_its_lifetime_is_over() {
        let session = client_session_at(Time::from_secs(1_000), 100, b"ticket");
        for (now, alive) in [(989_999, false), (990_000, true), (1_099_999, true), (1_100_000, false)] {
            assert_eq!(session.is_alive(Time::from_millis(now)), alive, "at {now}");
        }
        assert_eq!(client_session_at(Time::from_secs(0), u32::MAX, b"").expires(), Time::from_secs(604_800));
    }

    #[test]
    fn debug_output_of_a_session_has_no_secret() {
        let text = format!("{:?}", client_session_at(Time::from_secs(0), 1, b"ticket"));
        assert!(text.contains("example.com") && !text.contains("7, 7") && !text.contains("116, 105"), "{text}");
    }
}
