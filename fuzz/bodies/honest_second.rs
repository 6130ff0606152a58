//! What an honest peer says in a handshake that resumes, or that stands on an external PSK.

use bulla::crypto::Secret;
use bulla::keys::{EarlySecret, PskKind};
use bulla::wire::*;

use super::fixed::GROUP;
use super::honest::{self, Honest, write};
use super::honest_tls12;
use super::rig::{Keys, Rig, Role};
use super::second::{PSK, PSK_IDENTITY, second};
use super::watch::Watch;

/// What stands for the certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The session of the first connection.
    Session,
    /// The same, with early data.
    SessionEarly,
    /// The external PSK, which TLS 1.3 alone has.
    Psk,
}

pub const BYS: [By; 3] = [By::Session, By::SessionEarly, By::Psk];

/// One honest handshake: what the peer of the rig's end says, and under which keys.
pub fn handshake(rig: &Rig, by: By) -> Vec<(Keys, Honest)> {
    use Honest as H;
    let early = by == By::SessionEarly;
    match (rig.role, rig.is_tls12()) {
        (Role::Server, true) => {
            let said = [(Keys::None, H::Resuming(GROUP, By::Session)), (Keys::None, H::ChangeCipherSpec)];
            said.into_iter().chain([(Keys::Application, H::Finished)]).collect()
        }
        (Role::Client, true) => {
            let said = [(Keys::None, H::Resumed(By::Session)), (Keys::None, H::ChangeCipherSpec)];
            said.into_iter().chain([(Keys::Application, H::Finished)]).collect()
        }
        (Role::Server, false) => {
            let mut said = vec![(Keys::None, H::Resuming(GROUP, by))];
            if early {
                said.extend([(Keys::Early, H::EarlyData), (Keys::Early, H::EndOfEarlyData)]);
            }
            said.push((Keys::Handshake, H::Finished));
            said
        }
        (Role::Client, false) => vec![
            (Keys::None, H::Resumed(by)),
            (Keys::Handshake, H::ResumedExtensions { early }),
            (Keys::Handshake, H::Finished),
        ],
    }
}

/// A ClientHello that names a session or a PSK, with the binder that it must have. It gives back a cookie that it was given.
pub fn client_hello(rig: &Rig, group: NamedGroup, by: By) -> Option<Vec<u8>> {
    let session = second(rig.suite.id);
    if rig.is_tls12() {
        let mut hello = honest_tls12::client_hello(rig);
        hello.legacy_session_id = &[0x49; 32];
        hello.extensions.get_or_insert_default().push(ClientExtension::SessionTicket(&session.ticket));
        return write(&hello);
    }
    let mut hello = honest::client_hello(rig, group);
    let cookie = cookie(&rig.watch);
    let extensions = hello.extensions.get_or_insert_default();
    extensions.extend(cookie.as_deref().map(ClientExtension::Cookie));
    extensions.push(ClientExtension::PskKeyExchangeModes(vec![PskKeyExchangeMode::psk_dhe_ke]));
    if by == By::SessionEarly {
        extensions.push(ClientExtension::EarlyData);
    }
    let (identity, obfuscated_ticket_age) = match by {
        // No time has gone by.
        By::Session | By::SessionEarly => (&session.ticket[..], session.ticket_age_add),
        By::Psk => (PSK_IDENTITY, 0),
    };
    let binder = [0; 48];
    extensions.push(ClientExtension::PreSharedKey(OfferedPsks {
        identities: vec![PskIdentity { identity, obfuscated_ticket_age }],
        binders: vec![PskBinderEntry(&binder[..rig.suite.hash.output_len()])],
    }));
    let mut bytes = write(&hello)?;
    bind(rig, by, &mut bytes);
    Some(bytes)
}

/// Puts the right binder in the place of the last bytes, whatever stands before them. RFC 8446 §4.2.11.2.
pub fn bind(rig: &Rig, by: By, client_hello: &mut [u8]) {
    let provider = &*super::fixed::provider();
    let (psk, kind) = match by {
        By::Session | By::SessionEarly => (&second(rig.suite.id).secret[..], PskKind::Resumption),
        By::Psk => (PSK, PskKind::External),
    };
    let binder_len = rig.suite.hash.output_len();
    let Some(truncated_len) = client_hello.len().checked_sub(2 + 1 + binder_len) else { return };
    let early_secret = EarlySecret::with_psk(provider, rig.suite, &Secret::copy_from(psk)).unwrap();
    let hash = rig.watch.transcript_hash_with(rig.suite.hash, &client_hello[..truncated_len]);
    let binder = early_secret.binder(provider, kind, &hash).unwrap();
    client_hello[truncated_len + 3..].copy_from_slice(binder.as_ref());
}

pub fn cookie(watch: &Watch) -> Option<Vec<u8>> {
    let bytes = watch.first_of(HandshakeType::server_hello)?;
    let retry: HelloRetryRequest<'_> = match is_hello_retry_request(&bytes[4..]) {
        true => read_all(&bytes[4..]).ok()?,
        false => return None,
    };
    retry.extensions.iter().find_map(|extension| match extension {
        RetryExtension::Cookie(cookie) => Some(cookie.to_vec()),
        _ => None,
    })
}

/// A ServerHello that resumes, or takes the external PSK, which is the second one.
pub fn server_hello(rig: &Rig, by: By) -> Option<Vec<u8>> {
    if rig.is_tls12() {
        return honest::with_session_id(rig, |legacy_session_id_echo| {
            let mut hello = honest_tls12::server_hello(rig);
            hello.legacy_session_id_echo = legacy_session_id_echo;
            // No name is acknowledged, and no points are sent. RFC 6066 §3, RFC 8422 §5.1.2.
            hello.extensions.get_or_insert_default().retain(|extension| {
                !matches!(extension, ServerExtension::ServerNameAck | ServerExtension::EcPointFormats(_))
            });
            write(&hello)
        });
    }
    honest::with_session_id(rig, |legacy_session_id_echo| {
        let key_exchange = &super::fixed::peer_share();
        let mut hello = honest::server_hello(rig, GROUP, key_exchange);
        hello.legacy_session_id_echo = legacy_session_id_echo;
        let extension = ServerExtension::PreSharedKey(u16::from(by == By::Psk));
        hello.extensions.get_or_insert_default().push(extension);
        write(&hello)
    })
}

pub fn encrypted_extensions(early: bool) -> Option<Vec<u8>> {
    let h2 = ProtocolNameList { protocol_name_list: vec![b"h2"] };
    let mut extensions = vec![EncryptedExtension::ApplicationLayerProtocolNegotiation(h2)];
    extensions.extend(early.then_some(EncryptedExtension::EarlyData));
    write(&EncryptedExtensions { extensions })
}
