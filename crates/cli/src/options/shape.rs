//! How the ClientHello of `bulla connect` looks.

use bulla::wire::{ExtensionType, NamedGroup};
use clap::Args;

use crate::{choices, psk};

/// What a ClientHello looks like, beside what it offers.
#[derive(Debug, Args)]
#[command(next_help_heading = "ClientHello")]
pub(crate) struct Shape {
    /// Sends key shares of these groups, which must be among --groups: --key-shares x25519,P-256. A dash sends none, and
    /// costs a round trip; without this, the most wanted group gets one
    #[arg(long, value_name = "GROUPS", value_parser = KeyShares::parse)]
    pub(crate) key_shares: Option<KeyShares>,

    /// Strews values in that mean nothing, so that servers keep ignoring what they do not know (RFC 8701)
    #[arg(long)]
    pub(crate) grease: bool,

    /// Puts these extensions first, in this order: --extension-order server_name,supported_groups,51
    #[arg(long, value_name = "TYPES", value_delimiter = ',', value_parser = choices::extension)]
    pub(crate) extension_order: Vec<ExtensionType>,

    /// Shuffles the extensions, but those of --extension-order, for each connection anew
    #[arg(long)]
    pub(crate) shuffle_extensions: bool,

    /// Adds an extension that Bulla does not know, its type in decimal or by name, and says what the server answers:
    /// --extension 17513:00020268; repeatable
    #[arg(long, value_name = "TYPE[:HEX]", value_parser = Extension::parse)]
    pub(crate) extension: Vec<Extension>,

    /// Pads a shorter ClientHello to this many bytes (RFC 7685): --pad-hello 512
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1..=16_384))]
    pub(crate) pad_hello: Option<u16>,
}

/// The groups that get a key share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyShares(pub(crate) Vec<NamedGroup>);

impl KeyShares {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "-" => Ok(Self(Vec::new())),
            names => names.split(',').map(choices::group).collect::<Result<_, _>>().map(Self),
        }
    }
}

/// An extension and its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) extension_type: ExtensionType,
    pub(crate) content: Vec<u8>,
}

impl Extension {
    fn parse(text: &str) -> Result<Self, String> {
        let (extension_type, content) = text.split_once(':').unwrap_or((text, ""));
        let content = psk::hex(content).ok_or("write TYPE or TYPE:HEX, such as 17513:00020268")?;
        Ok(Self { extension_type: choices::extension(extension_type)?, content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_read_by_number_and_by_name() {
        let parsed = |text| Extension::parse(text).map(|it| (it.extension_type.0, it.content));
        assert_eq!(parsed("17513:00020268"), Ok((17_513, vec![0, 2, 2, 0x68])));
        assert_eq!(parsed("0x4469"), Ok((17_513, vec![])));
        assert_eq!(parsed("Heartbeat:01"), Ok((15, vec![1])));
        for wrong in ["", "70000", "none", "17513:0", "17513:0g", ":00"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn key_shares_can_be_none_at_all() {
        assert_eq!(KeyShares::parse("-"), Ok(KeyShares(vec![])));
        assert_eq!(KeyShares::parse("x25519,P-256"), Ok(KeyShares(vec![NamedGroup::x25519, NamedGroup::secp256r1])));
        assert!(KeyShares::parse("x25519,").is_err());
    }
}
