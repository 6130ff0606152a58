//! What a server remembers of a connection.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use pki_types::{CertificateDer, SubjectPublicKeyInfoDer};

use super::fields::{
    chain_len, end, is_between, read_application_protocol, read_certificate_type, read_chain, read_digest, read_flag,
    read_name, read_scheme, read_secret, read_time, read_version, write_application_protocol, write_certificate_type,
    write_chain, write_digest, write_name, write_scheme, write_secret, write_secretly, write_time, write_version,
};
use crate::clock::Time;
use crate::crypto::{Digest, Secret};
use crate::verify::PeerChain;
use crate::wire::{
    CertificateType, CipherSuite, Malformed, NamedGroup, ProtocolVersion, Reader, SignatureScheme, TooLong, Writer,
    read_all_with,
};

/// The form that sessions are written in. Another form gets another number, and old tickets then lead to full handshakes.
const FORMAT: u8 = 2;

/// Longest client chain in a session, in bytes, with three for each certificate's length. A ticket travels in a ClientHello,
/// which some servers and middleboxes refuse beyond 16 KiB; a client with a longer chain shows it again each time.
pub const MAX_SESSION_CHAIN_LEN: usize = 16_384;

/// Length of all the fields that are always there, the empty ones' lengths included.
const FIXED_LEN: usize = 2 + 1 + 1 + 2 + 2 + 1 + 2 + 8 + 4 + 8 + 32 + 1 + 1 + 2 + 1 + 1 + 4 + 4 + 16;

/// What a server remembers of a connection, sealed in a ticket or kept in a store.
pub struct ServerSession {
    pub(crate) version: ProtocolVersion,
    pub(crate) cipher_suite: CipherSuite,
    /// In TLS 1.3 the ticket's PSK, in TLS 1.2 the master secret.
    pub(crate) secret: Secret,
    pub(crate) group: NamedGroup,
    /// TLS 1.2 alone: the length of fragments that belongs to the session; 0 if none. RFC 6066 §4.
    pub(crate) record_limit: u16,
    /// tls-server-end-point of the certificate that was shown. RFC 5929 §4.
    pub(crate) server_end_point: Option<Box<Digest>>,
    pub(crate) created: Time,
    /// In seconds.
    pub(crate) lifetime: u32,
    /// When the full handshake was whose certificates still count.
    pub(crate) authenticated: Time,
    /// What the configuration decides about clients: another one does not resume the session.
    pub(crate) configuration: [u8; 32],
    pub(crate) server_name: Option<String>,
    pub(crate) application_protocol: Option<Vec<u8>>,
    /// Empty if the client stayed unknown.
    pub(crate) client_chain: PeerChain,
    pub(crate) client_scheme: Option<SignatureScheme>,
    /// What the server has shown itself as.
    pub(crate) server_certificate_type: CertificateType,
    pub(crate) extended_master_secret: bool,
    pub(crate) ticket_age_add: u32,
    /// 0 where early data is not taken.
    pub(crate) max_early_data: u32,
    /// Names the strike register that early data is held against.
    pub(crate) early_data_realm: [u8; 16],
}

impl ServerSession {
    /// Writes the session out, for a store elsewhere. Whoever has these bytes can pose as the client.
    ///
    /// Returns `None` for a session that is too large to be kept: one whose client chain is longer than
    /// [`MAX_SESSION_CHAIN_LEN`]. Such a client makes a full handshake each time.
    pub fn to_bytes(&self) -> Option<Secret> {
        self.to_bytes_for(self.lifetime)
    }

    /// Writes the session out with a lifetime of at most `max_lifetime` seconds.
    pub(super) fn to_bytes_for(&self, max_lifetime: u32) -> Option<Secret> {
        write_secretly(self.encoded_len(), |w| self.write(w, self.lifetime.min(max_lifetime)))
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        read_all_with(bytes, Self::read).ok()
    }

    fn encoded_len(&self) -> usize {
        let name = self.server_name.as_ref().map_or(0, String::len);
        let application_protocol = self.application_protocol.as_ref().map_or(0, Vec::len);
        // The flag is followed by a length only where there is a name.
        let name = name + usize::from(self.server_name.is_some());
        let end_point = self.server_end_point.as_ref().map_or(0, |digest| (**digest).as_ref().len());
        FIXED_LEN + end_point + self.secret.len() + name + application_protocol + chain_len(&self.client_chain)
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        if r.u8()? != FORMAT {
            return Err(Malformed::IllegalValue);
        }
        Ok(Self {
            version: read_version(r)?,
            cipher_suite: CipherSuite(r.u16()?),
            secret: read_secret(r)?,
            group: NamedGroup(r.u16()?),
            record_limit: r.u16()?,
            server_end_point: read_digest(r)?,
            created: read_time(r)?,
            lifetime: r.u32()?,
            authenticated: read_time(r)?,
            configuration: r.array()?,
            server_name: if read_flag(r)? { Some(read_name(r)?) } else { None },
            application_protocol: read_application_protocol(r)?,
            client_chain: read_chain(r, MAX_SESSION_CHAIN_LEN)?,
            client_scheme: read_scheme(r)?,
            server_certificate_type: read_certificate_type(r)?,
            extended_master_secret: read_flag(r)?,
            ticket_age_add: r.u32()?,
            max_early_data: r.u32()?,
            early_data_realm: r.array()?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, lifetime: u32) -> Result<(), TooLong> {
        w.u8(FORMAT);
        write_version(w, self.version)?;
        w.u16(self.cipher_suite.0);
        write_secret(w, &self.secret)?;
        w.u16(self.group.0);
        w.u16(self.record_limit);
        write_digest(w, self.server_end_point.as_deref())?;
        write_time(w, self.created);
        w.u32(lifetime);
        write_time(w, self.authenticated);
        w.bytes(&self.configuration);
        w.u8(u8::from(self.server_name.is_some()));
        self.server_name.as_ref().map_or(Ok(()), |name| write_name(w, name))?;
        write_application_protocol(w, self.application_protocol.as_deref())?;
        write_chain(w, MAX_SESSION_CHAIN_LEN, &self.client_chain)?;
        write_scheme(w, self.client_scheme)?;
        write_certificate_type(w, self.server_certificate_type)?;
        w.u8(u8::from(self.extended_master_secret));
        w.u32(self.ticket_age_add);
        w.u32(self.max_early_data);
        w.bytes(&self.early_data_realm);
        Ok(())
    }

    /// Returns when the session ends: after its lifetime, and after seven days in any case. RFC 8446 §4.6.1.
    pub fn expires(&self) -> Time {
        end(self.created, self.lifetime)
    }

    /// Says whether the session may be resumed at this time. A clock that went back by up to ten seconds is tolerated.
    pub(crate) fn is_alive(&self, now: Time) -> bool {
        is_between(self.created, now, self.expires())
    }

    /// Says whether the client asked for this name, or for none. Names are the same in either case. RFC 6066 §3.
    pub(crate) fn is_for(&self, server_name: Option<&str>) -> bool {
        match (&self.server_name, server_name) {
            (Some(then), Some(now)) => then.eq_ignore_ascii_case(now),
            (then, now) => then.is_none() && now.is_none(),
        }
    }

    /// Returns the version of the connection.
    pub fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// Returns the cipher suite of the connection.
    pub fn cipher_suite(&self) -> CipherSuite {
        self.cipher_suite
    }

    /// Returns when the session was made.
    pub fn created(&self) -> Time {
        self.created
    }

    /// Returns the name that the client asked for.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Returns the application protocol that was agreed on.
    pub fn application_protocol(&self) -> Option<&[u8]> {
        self.application_protocol.as_deref()
    }

    /// Returns the chain that the client showed, its own certificate first; empty if the client stayed unknown, or showed a raw
    /// public key.
    pub fn client_chain(&self) -> &[CertificateDer<'static>] {
        self.client_chain.certificates()
    }

    /// Returns the raw public key that the client showed instead. RFC 7250.
    pub fn client_raw_public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.client_chain.raw_public_key()
    }
}

/// Tells what is no secret, and of the rest nothing.
impl fmt::Debug for ServerSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSession")
            .field("version", &self.version)
            .field("cipher_suite", &self.cipher_suite)
            .field("server_name", &self.server_name)
            .field("created", &format_args!("{}", self.created))
            .field("expires", &format_args!("{}", self.expires()))
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "ring", feature = "std"))]
mod tests {
    use alloc::format;
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;
    use crate::resume::made::{server_session, server_session_at};

    fn assert_same(read: &ServerSession, session: &ServerSession) {
        assert_eq!(
            (read.version, read.cipher_suite, read.group, read.created, read.lifetime, read.configuration),
            (
                session.version,
                session.cipher_suite,
                session.group,
                session.created,
                session.lifetime,
                session.configuration
            )
        );
        assert!(read.secret == session.secret && read.authenticated == session.authenticated);
        assert_eq!(
            (&read.server_name, &read.application_protocol, &read.client_chain, read.client_scheme),
            (&session.server_name, &session.application_protocol, &session.client_chain, session.client_scheme)
        );
        assert_eq!(
            (
                read.server_certificate_type,
                read.extended_master_secret,
                read.ticket_age_add,
                read.max_early_data,
                read.early_data_realm
            ),
            (
                session.server_certificate_type,
                session.extended_master_secret,
                session.ticket_age_add,
                session.max_early_data,
                session.early_data_realm
            )
        );
    }

    proptest! {
        #[test]
        fn written_session_is_read_back_equal_and_no_prefix_of_it_is_read(session in server_session()) {
            let bytes = session.to_bytes().unwrap();
            let bytes = bytes.expose();
            prop_assert_eq!(bytes.len(), session.encoded_len(), "the memory was not reserved in one piece");
            assert_same(&ServerSession::from_bytes(bytes).unwrap(), &session);
            for len in 0..bytes.len() {
                prop_assert!(ServerSession::from_bytes(&bytes[..len]).is_none(), "{} bytes were read", len);
            }
            prop_assert!(ServerSession::from_bytes(&[bytes, &[0]].concat()).is_none());
        }

        #[test]
        fn bytes_that_are_read_are_written_back_the_same(
            session in server_session(),
            flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut bytes = session.to_bytes().unwrap().expose().to_vec();
            for (at, flip) in flips {
                *at.get_mut(&mut bytes) ^= flip;
            }
            if let Some(read) = ServerSession::from_bytes(&bytes) {
                prop_assert!(read.to_bytes().unwrap().expose() == bytes);
            }
        }
    }

    #[test]
    fn session_lives_from_ten_seconds_before_it_was_made_until_its_lifetime_is_over() {
        let session = server_session_at(Time::from_secs(1_000), 100);
        for (now, alive) in
            [(989_999, false), (990_000, true), (1_000_000, true), (1_099_999, true), (1_100_000, false)]
        {
            assert_eq!(session.is_alive(Time::from_millis(now)), alive, "at {now}");
        }
        assert_eq!(session.expires(), Time::from_secs(1_100));
    }

    #[test]
    fn no_session_lives_longer_than_seven_days() {
        let session = server_session_at(Time::from_secs(0), u32::MAX);
        assert_eq!(session.expires(), Time::from_secs(604_800));
        assert!(!session.is_alive(Time::from_secs(604_800)));
    }

    #[test]
    fn session_at_the_end_of_time_does_not_overflow() {
        let session = server_session_at(Time::from_millis(u64::MAX), 100);
        assert!(!session.is_alive(Time::from_millis(0)));
        assert!(!session.is_alive(Time::from_millis(u64::MAX)));
        assert!(format!("{session:?}").contains("TLS 1.3"));
    }

    #[test]
    fn session_with_a_longer_chain_than_a_ticket_carries_is_not_written() {
        let with_chain = |len| {
            let mut session = server_session_at(Time::from_secs(0), 1);
            session.client_chain = [CertificateDer::from(vec![0; len])].into();
            session
        };
        let longest = with_chain(MAX_SESSION_CHAIN_LEN - 3);
        let read = ServerSession::from_bytes(longest.to_bytes().unwrap().expose()).unwrap();
        assert_eq!(read.client_chain().len(), 1);
        assert!(with_chain(MAX_SESSION_CHAIN_LEN - 2).to_bytes().is_none());
    }

    #[test]
    fn fields_that_would_not_be_read_back_are_not_written() {
        let not_written = |change: &dyn Fn(&mut ServerSession)| {
            let mut session = server_session_at(Time::from_secs(0), 1);
            change(&mut session);
            assert!(session.to_bytes().is_none());
        };
        not_written(&|session| session.version = ProtocolVersion::TLSv1_1);
        not_written(&|session| session.secret = Secret::zeros(31));
        not_written(&|session| session.secret = Secret::zeros(49));
        not_written(&|session| session.server_name = Some(String::new()));
        not_written(&|session| session.application_protocol = Some(Vec::new()));
        not_written(&|session| session.client_scheme = Some(SignatureScheme(0)));
        not_written(&|session| session.client_chain = [CertificateDer::from(Vec::new())].into());
    }

    #[test]
    fn session_of_another_format_is_not_read() {
        let mut bytes = server_session_at(Time::from_secs(0), 1).to_bytes().unwrap();
        bytes.expose_mut()[0] = FORMAT + 1;
        assert!(ServerSession::from_bytes(bytes.expose()).is_none());
    }

    #[test]
    fn debug_output_of_a_session_has_no_secret() {
        let text = format!("{:?}", server_session_at(Time::from_secs(0), 1));
        assert!(
            text.contains("example.com") && text.contains("1970-01-01T00:00:01Z") && !text.contains("7, 7"),
            "{text}"
        );
    }
}
