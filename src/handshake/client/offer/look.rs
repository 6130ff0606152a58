//! How a hello looks beside what it says: GREASE, the order of its extensions, padding. RFC 8701, RFC 7685.
//!
//! Drawn once per connection, so that the second hello after a HelloRetryRequest looks like the first.

use alloc::vec::Vec;

use crate::config::{ClientConfig, ClientHelloShape};
use crate::crypto::{CryptoError, Provider};
use crate::wire::{
    CipherSuite, ClientExtension, ExtensionType, NamedGroup, ProtocolVersion, PskKeyExchangeMode, SignatureScheme,
    UnknownExtension, grease_value,
};

/// What is drawn for a connection.
pub(in crate::handshake::client) struct Look {
    pub(super) grease: Option<Grease>,
    /// What the shuffled order hangs on.
    seed: u64,
}

impl Look {
    /// Draws as much as the configuration wants, and nothing if it wants nothing.
    pub(in crate::handshake::client) fn draw(config: &ClientConfig) -> Result<Self, CryptoError> {
        let provider = &*config.preferences.provider;
        let grease = config.grease.then(|| Grease::draw(provider)).transpose()?;
        let mut seed = [0; 8];
        if config.shape.shuffle {
            provider.fill_random(&mut seed)?;
        }
        Ok(Self { grease, seed: u64::from_le_bytes(seed) })
    }

    /// Puts the extensions into their order: those that the shape names, then the others. GREASE stands first and last
    /// whatever the order is: a server that stumbles shall do so every time. RFC 8701 §5.
    pub(super) fn arrange(&self, shape: &ClientHelloShape, list: &mut Vec<ClientExtension<'_>>) {
        if shape.shuffle || !shape.order.is_empty() {
            list.sort_by_key(|extension| {
                let extension = extension.extension_type();
                let named = shape.order.iter().position(|named| *named == extension).unwrap_or(usize::MAX);
                // Only the others are shuffled; a cookie that comes with the second hello moves nothing else.
                let scattered = if shape.shuffle && named == usize::MAX { scatter(self.seed, extension) } else { 0 };
                (named, scattered)
            });
        }
        if let Some(grease) = &self.grease {
            list.insert(0, unknown(grease.first_extension, &[]));
            list.push(unknown(grease.last_extension, &[0]));
        }
    }
}

fn unknown(extension_type: ExtensionType, extension_data: &[u8]) -> ClientExtension<'_> {
    ClientExtension::Unknown(UnknownExtension { extension_type, extension_data })
}

/// Gives an extension its place in the shuffled order: the mixing of SplitMix64, since an order that anyone can see needs no
/// cipher.
fn scatter(seed: u64, extension: ExtensionType) -> u64 {
    let mut mixed = seed.wrapping_add(u64::from(extension.0).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Values that mean nothing, one for each place where a hello may have one. RFC 8701 §2, §3.1.
pub(super) struct Grease {
    pub(super) cipher_suite: CipherSuite,
    pub(super) group: NamedGroup,
    pub(super) version: ProtocolVersion,
    pub(super) signature_scheme: SignatureScheme,
    pub(super) application_protocol: [u8; 2],
    pub(super) psk_mode: PskKeyExchangeMode,
    first_extension: ExtensionType,
    last_extension: ExtensionType,
}

impl Grease {
    /// The content of the share: any value will do, and a length of one stumbles over nothing but the group.
    pub(super) const SHARE: &'static [u8] = &[0];

    fn draw(provider: &dyn Provider) -> Result<Self, CryptoError> {
        let mut drawn = [0; 8];
        provider.fill_random(&mut drawn)?;
        let [suite, group, version, scheme, protocol, mode, first, last] = drawn;
        let (first, mut last) = (grease_value(first), grease_value(last));
        if first == last {
            // No extension may stand twice. RFC 8446 §4.2.
            last ^= 0x1010;
        }
        Ok(Self {
            cipher_suite: CipherSuite(grease_value(suite)),
            group: NamedGroup(grease_value(group)),
            version: ProtocolVersion(grease_value(version)),
            signature_scheme: SignatureScheme(grease_value(scheme)),
            application_protocol: grease_value(protocol).to_be_bytes(),
            psk_mode: PskKeyExchangeMode(0x0b + 0x1f * (mode % 8)),
            first_extension: ExtensionType(first),
            last_extension: ExtensionType(last),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::is_grease;

    #[test]
    fn each_drawn_octet_makes_a_grease_value_and_all_sixteen_come() {
        let mut values: Vec<_> = (0..=255).map(grease_value).collect();
        assert!(values.iter().all(|value| is_grease(*value)));
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), 16);
    }

    #[test]
    fn shuffled_place_hangs_on_the_seed_and_on_the_extension() {
        let places = |seed| -> Vec<_> { (0..60).map(|code| scatter(seed, ExtensionType(code))).collect() };
        let mut sorted = places(7);
        assert_eq!(sorted, places(7));
        assert!(sorted.iter().zip(places(8)).all(|(one, other)| *one != other));
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 60);
    }
}
