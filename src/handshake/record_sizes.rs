//! How large records may be, as both ends have agreed: record_size_limit, or max_fragment_length. RFC 8449 §4, RFC 6066 §4.

use crate::config::Preferences;
use crate::error::{Error, Violation};
use crate::record::RecordLimit;
use crate::wire::{MaxFragmentLength, ProtocolVersion};

/// The least that record_size_limit may say. RFC 8449 §4.
const MIN_RECORD_SIZE_LIMIT: u16 = 64;

/// What was agreed on. It holds for one connection; only max_fragment_length belongs to a session of TLS 1.2 too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RecordSizes {
    /// Nothing.
    #[default]
    Any,
    /// Each end has said what it takes.
    Limits { ours: u16, peers: u16 },
    /// So many bytes in each fragment, either way: 2^9, 2^10, 2^11 or 2^12.
    Fragments(u16),
}

impl RecordSizes {
    /// Judges what a client offers. Where it offers both, the older one is ignored, whatever it says. RFC 8449 §5.
    pub(crate) fn offered(
        preferences: &Preferences,
        version: ProtocolVersion,
        record_size_limit: Option<u16>,
        max_fragment_length: Option<MaxFragmentLength>,
    ) -> Result<Self, Error> {
        match (record_size_limit, max_fragment_length) {
            (Some(peers), _) => Self::limits(preferences, version, peers),
            (None, Some(length)) => match fragment_len(length) {
                Some(len) => Ok(Self::Fragments(len)),
                None => Err(Violation::MaxFragmentLengthUnknown.into()),
            },
            (None, None) => Ok(Self::Any),
        }
    }

    /// Judges what a server answers to a client that has offered both, or the one that is answered. RFC 8449 §5, RFC 6066 §4.
    pub(crate) fn answered(
        preferences: &Preferences,
        version: ProtocolVersion,
        offered: Option<MaxFragmentLength>,
        record_size_limit: Option<u16>,
        max_fragment_length: Option<MaxFragmentLength>,
    ) -> Result<Self, Error> {
        match (record_size_limit, max_fragment_length) {
            (Some(_), Some(_)) => Err(Violation::BothRecordSizes.into()),
            (Some(peers), None) => Self::limits(preferences, version, peers),
            (None, Some(length)) if Some(length) == offered => Ok(Self::of_session(fragment_bytes(offered))),
            (None, Some(_)) => Err(Violation::MaxFragmentLengthChanged.into()),
            (None, None) => Ok(Self::Any),
        }
    }

    /// What a session of TLS 1.2 has kept. RFC 6066 §4.
    pub(crate) fn of_session(fragment_len: u16) -> Self {
        if fragment_len == 0 { Self::Any } else { Self::Fragments(fragment_len) }
    }

    fn limits(preferences: &Preferences, version: ProtocolVersion, peers: u16) -> Result<Self, Error> {
        if peers < MIN_RECORD_SIZE_LIMIT {
            return Err(Violation::RecordSizeLimitTooSmall(peers).into());
        }
        Ok(Self::Limits { ours: our_record_size_limit(preferences, version), peers })
    }

    /// Returns our own record_size_limit, if there is one to tell the client.
    pub(crate) fn record_size_limit(self) -> Option<u16> {
        match self {
            Self::Limits { ours, .. } => Some(ours),
            Self::Any | Self::Fragments(_) => None,
        }
    }

    /// Returns the max_fragment_length to repeat to the client.
    pub(crate) fn max_fragment_length(self) -> Option<MaxFragmentLength> {
        let Self::Fragments(len) = self else { return None };
        FRAGMENT_LENGTHS.into_iter().find(|length| fragment_len(*length) == Some(len))
    }

    /// Returns the fragment's length that a session of TLS 1.2 keeps, or 0. RFC 6066 §4.
    #[cfg(feature = "tls12")]
    pub(crate) fn fragment_len(self) -> u16 {
        match self {
            Self::Fragments(len) => len,
            Self::Any | Self::Limits { .. } => 0,
        }
    }

    /// Returns the most that the peer takes in a protected record of TLS 1.3, or 0 if it has not said.
    pub(crate) fn peers_limit(self) -> u16 {
        match self {
            Self::Any => 0,
            Self::Limits { peers, .. } => peers,
            Self::Fragments(len) => len,
        }
    }

    /// Returns what holds for the records that we make. In TLS 1.3 a fragment's length counts type and padding too. RFC 8446 §5.4.
    pub(crate) fn write_limit(self) -> RecordLimit {
        match self {
            Self::Any => RecordLimit::NONE,
            Self::Limits { peers, .. } => RecordLimit::of_protected(peers),
            Self::Fragments(len) => RecordLimit::of_every(len, len),
        }
    }

    /// Returns what holds for the records that come. That a fragment's length counts the type of TLS 1.3 too is not how all
    /// stacks read it: there one byte more may come.
    pub(crate) fn read_limit(self, version: ProtocolVersion) -> RecordLimit {
        match self {
            Self::Any => RecordLimit::NONE,
            Self::Limits { ours, .. } => RecordLimit::of_protected(ours),
            Self::Fragments(len) => {
                RecordLimit::of_every(len, len.saturating_add(u16::from(version >= ProtocolVersion::TLSv1_3)))
            }
        }
    }
}

/// Returns our record_size_limit for this version: as it is configured, or all that the version allows. RFC 8449 §4.
pub(crate) fn our_record_size_limit(preferences: &Preferences, version: ProtocolVersion) -> u16 {
    let most = if version >= ProtocolVersion::TLSv1_3 { 0x4001 } else { 0x4000 };
    preferences.record_size_limit.unwrap_or(most).min(most)
}

/// Returns the length that a max_fragment_length stands for, or 0 for none.
pub(crate) fn fragment_bytes(length: Option<MaxFragmentLength>) -> u16 {
    length.and_then(fragment_len).unwrap_or_default()
}

const FRAGMENT_LENGTHS: [MaxFragmentLength; 4] = [
    MaxFragmentLength::two_to_the_9,
    MaxFragmentLength::two_to_the_10,
    MaxFragmentLength::two_to_the_11,
    MaxFragmentLength::two_to_the_12,
];

fn fragment_len(length: MaxFragmentLength) -> Option<u16> {
    FRAGMENT_LENGTHS.contains(&length).then(|| 1 << (8 + u16::from(length.0)))
}
