//! The scripted peer's keys: what passes in either direction changes them as RFC 8446 §7.1 says.

use std::sync::Arc;

use bulla::crypto::ring::provider;
use bulla::keys::{TrafficKeys, TrafficSecret};
use bulla::wire::{
    EncryptedExtension, EncryptedExtensions, HandshakeType, ServerExtension, ServerHello, is_hello_retry_request,
    read_all,
};

use super::{Peer, Role};

/// One direction's keys. RFC 8446 §5.2, §5.3.
pub(super) struct Protection {
    pub(super) secret: TrafficSecret,
    pub(super) keys: TrafficKeys,
    sequence_number: u64,
}

impl Protection {
    pub(super) fn new(secret: TrafficSecret) -> Self {
        let keys = secret.keys(&*provider()).unwrap();
        Self { secret, keys, sequence_number: 0 }
    }

    pub(super) fn nonce(&mut self) -> [u8; 12] {
        let mut nonce = *self.keys.iv;
        for (byte, number) in nonce.iter_mut().rev().zip(self.sequence_number.to_le_bytes()) {
            *byte ^= number;
        }
        self.sequence_number += 1;
        nonce
    }

    fn next(&self) -> Self {
        Self::new(self.secret.next(&*provider()).unwrap())
    }
}

impl Peer {
    /// Counts a message and changes the keys that change behind it.
    pub(super) fn pass(&mut self, by: Role, message: &[u8]) {
        let (handshake_type, body) = (HandshakeType(message[0]), message.get(4..).unwrap_or_default());
        match (handshake_type, by) {
            (HandshakeType::server_hello, _) if is_hello_retry_request(body) && !self.retried => {
                self.retried = true;
                if self.second.is_early && self.main_secret.is_none() {
                    self.forget_early();
                }
                self.transcript.replace_by_message_hash(&*self.provider).unwrap();
                self.transcript.add(message);
            }
            (HandshakeType::server_hello, Role::Server) if self.main_secret.is_none() && is_tls13(body) => {
                self.transcript.add(message);
                self.second.is_early &= selected_identity(body) == Some(0);
                self.derive_handshake_keys(body);
            }
            (HandshakeType::finished, Role::Server) if self.client_application_secret.is_none() => {
                self.transcript.add(message);
                self.derive_application_keys();
            }
            // Not that of an answer to a request after the handshake.
            (HandshakeType::finished, Role::Client) if self.established.is_none() => {
                self.transcript.add(message);
                self.keep_resumption_secret();
                if self.client_application_secret.is_some() {
                    self.established = Some(self.transcript.fork());
                }
                if let Some(secret) = self.client_application_secret.take() {
                    *self.direction(Role::Client) = Some(Protection::new(secret));
                }
            }
            (HandshakeType::encrypted_extensions, Role::Server) if self.client_secret.is_some() => {
                self.transcript.add(message);
                let is_first = !std::mem::replace(&mut self.second.is_settled, true);
                if self.second.is_early && is_first && !takes_early_data(body) {
                    self.stop_early();
                }
            }
            (HandshakeType::end_of_early_data, Role::Client)
                if self.second.is_early && self.client_secret.is_some() =>
            {
                self.transcript.add(message);
                self.stop_early();
            }
            (HandshakeType::key_update, _) => {
                let direction = self.direction(by);
                *direction = direction.take().map(|protection| protection.next());
            }
            _ => {
                if handshake_type == HandshakeType::client_hello {
                    self.client_hello = body.to_vec();
                }
                self.transcript.add(message);
            }
        }
    }

    /// The keys for what this end sends.
    pub(super) fn direction(&mut self, by: Role) -> &mut Option<Protection> {
        if by == self.role { &mut self.write } else { &mut self.read }
    }

    fn derive_handshake_keys(&mut self, server_hello: &[u8]) {
        let provider = Arc::clone(&self.provider);
        if let Some(started) = self.started.take() {
            let server_hello: ServerHello<'_> = read_all(server_hello).unwrap();
            let share = server_hello.extensions.iter().flatten().find_map(|extension| match extension {
                ServerExtension::KeyShare(share) => Some(*share),
                _ => None,
            });
            self.shared_secret = Some(started.complete(share.unwrap().key_exchange).unwrap());
        }
        let Some(shared_secret) = self.shared_secret.take() else { return };
        let early_secret = self.early_secret(server_hello);
        let handshake_secret = early_secret.into_handshake(&*provider, &shared_secret).unwrap();
        let hash = self.transcript.current();
        let client_secret = || handshake_secret.client_handshake_traffic_secret(&*provider, &hash).unwrap();
        let server_secret = || handshake_secret.server_handshake_traffic_secret(&*provider, &hash).unwrap();
        if !self.second.is_early {
            *self.direction(Role::Client) = Some(Protection::new(client_secret()));
        }
        *self.direction(Role::Server) = Some(Protection::new(server_secret()));
        (self.client_secret, self.server_secret) = (Some(client_secret()), Some(server_secret()));
        self.main_secret = Some(handshake_secret.into_main(&*provider).unwrap());
    }

    fn derive_application_keys(&mut self) {
        let Some(main_secret) = &self.main_secret else { return };
        let hash = self.transcript.current();
        let server_secret = main_secret.server_application_traffic_secret(&*self.provider, &hash).unwrap();
        let client_secret = main_secret.client_application_traffic_secret(&*self.provider, &hash).unwrap();
        *self.direction(Role::Server) = Some(Protection::new(server_secret));
        self.client_application_secret = Some(client_secret);
    }
}

/// A ServerHello that does not name its version so is one of TLS 1.2. One that cannot be read changes no keys either.
fn is_tls13(server_hello: &[u8]) -> bool {
    let Ok(server_hello) = read_all::<ServerHello<'_>>(server_hello) else { return false };
    server_hello.extensions.iter().flatten().any(|it| matches!(it, ServerExtension::SupportedVersions(_)))
}

pub(super) fn selected_identity(server_hello: &[u8]) -> Option<u16> {
    let server_hello: ServerHello<'_> = read_all(server_hello).unwrap();
    server_hello.extensions.iter().flatten().find_map(|extension| match extension {
        ServerExtension::PreSharedKey(index) => Some(*index),
        _ => None,
    })
}

fn takes_early_data(encrypted_extensions: &[u8]) -> bool {
    read_all::<EncryptedExtensions<'_>>(encrypted_extensions)
        .is_ok_and(|message| message.extensions.contains(&EncryptedExtension::EarlyData))
}
