//! How a ClientHello looks: the order of its extensions, more of them, and its length.

use alloc::vec::Vec;

use super::ConfigError;
use crate::wire::{ExtensionType, MAX_EXTENSIONS, is_grease};

/// The most bytes that a ClientHello may be padded to, and that an application's extensions may take: the limit that servers
/// have for a handshake message is rarely lower.
pub const MAX_SHAPED_LEN: usize = 16_384;

/// How a ClientHello looks, for those who must look like another client, or like no client in particular.
///
/// The shape changes no decision: what is offered stays the configuration's. pre_shared_key is last whatever is said here,
/// and a second hello after a HelloRetryRequest keeps the order of the first. RFC 8446 §4.1.2, §4.2.11.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHelloShape {
    pub(crate) order: Vec<ExtensionType>,
    pub(crate) shuffle: bool,
    pub(crate) extensions: Vec<(ExtensionType, Vec<u8>)>,
    pub(crate) pad_to: usize,
}

impl ClientHelloShape {
    /// Returns the shape that a ClientHello has anyway.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts these extensions first, in this order, as far as the hello has them; the others follow as they would.
    pub fn order(mut self, order: impl IntoIterator<Item = ExtensionType>) -> Self {
        self.order = order.into_iter().collect();
        self
    }

    /// Shuffles the extensions for each connection anew, so that no server comes to rely on an order; those of
    /// [`order`](Self::order) stay in front.
    pub fn shuffle(mut self, on: bool) -> Self {
        self.shuffle = on;
        self
    }

    /// Adds an extension of the application's own. What the server answers is
    /// [`Connection::peer_extension`](crate::Connection::peer_extension).
    pub fn with_extension(mut self, extension: ExtensionType, content: impl Into<Vec<u8>>) -> Self {
        self.extensions.push((extension, content.into()));
        self
    }

    /// Pads a ClientHello that is shorter than this many bytes, its header of four counted, to at least as many: 0, the
    /// default, to 16,384. RFC 7685. The extension has a header of four bytes itself, by which the hello may get longer.
    pub fn pad_to(mut self, len: usize) -> Self {
        self.pad_to = len;
        self
    }

    /// Refuses what no hello can look like.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (index, (extension, _)) in self.extensions.iter().enumerate() {
            if is_ours(*extension) {
                return Err(ConfigError::ExtensionIsOurs(*extension));
            }
            if self.extensions.iter().take(index).any(|(earlier, _)| earlier == extension) {
                return Err(ConfigError::Repeated("extensions"));
            }
        }
        if self.order.iter().enumerate().any(|(index, it)| self.order.iter().take(index).any(|earlier| earlier == it)) {
            return Err(ConfigError::Repeated("extensions in order"));
        }
        let len: usize = self.extensions.iter().map(|(_, content)| 4 + content.len()).sum();
        if len.max(self.pad_to) > MAX_SHAPED_LEN || self.extensions.len() > MAX_EXTENSIONS / 2 {
            return Err(ConfigError::ClientHelloTooLong);
        }
        Ok(())
    }
}

/// Says whether an extension is Bulla's to write, or one that would promise the server what Bulla does not do.
fn is_ours(extension: ExtensionType) -> bool {
    type T = ExtensionType;
    let promises = matches!(extension, T::heartbeat | T::encrypt_then_mac | T::encrypted_client_hello | T::oid_filters);
    let writes = matches!(
        extension,
        T::server_name
            | T::max_fragment_length
            | T::status_request
            | T::supported_groups
            | T::ec_point_formats
            | T::signature_algorithms
            | T::application_layer_protocol_negotiation
            | T::signed_certificate_timestamp
            | T::client_certificate_type
            | T::server_certificate_type
            | T::padding
            | T::extended_master_secret
            | T::compress_certificate
            | T::record_size_limit
            | T::delegated_credential
            | T::session_ticket
            | T::pre_shared_key
            | T::early_data
            | T::supported_versions
            | T::cookie
            | T::psk_key_exchange_modes
            | T::certificate_authorities
            | T::post_handshake_auth
            | T::signature_algorithms_cert
            | T::key_share
            | T::renegotiation_info
    );
    writes || promises || is_grease(extension.0)
}
