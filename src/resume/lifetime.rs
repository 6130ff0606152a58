//! How long a session may live.

use pki_types::CertificateDer;

use super::MAX_SESSION_LIFETIME;
use crate::clock::Time;
use crate::verify::PeerCertificate;

/// Cuts a wished lifetime, in seconds, to seven days and to what the peer's leaf has left; `None` if nothing is left, or if
/// the leaf cannot be read. RFC 8446 §4.6.1.
pub(crate) fn lifetime_within(wished: u32, chain: &[CertificateDer<'_>], now: Time) -> Option<u32> {
    let wished = wished.min(MAX_SESSION_LIFETIME);
    let left = match chain.first() {
        None => wished,
        Some(leaf) => {
            let (_, not_after) = PeerCertificate::read(leaf).ok()?.validity();
            let seconds = not_after.as_secs().saturating_sub(now.as_secs());
            wished.min(u32::try_from(seconds).unwrap_or(u32::MAX))
        }
    };
    (left > 0).then_some(left)
}
