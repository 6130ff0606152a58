//! What both ends can take out of a connection for other protocols.

use std::fmt;

use clap::Args;

/// What is said of a finished connection's secrets.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Keys for other protocols")]
pub(crate) struct Keys {
    /// Derives so many bytes, 32 if not said, from the connection's secrets and says them: --export EXPORTER-mine:48. The
    /// peer has the same (RFC 5705, RFC 8446 section 7.5); repeatable
    #[arg(long, value_name = "LABEL[:LEN]", value_parser = Export::parse, visible_alias = "keymatexport")]
    pub(crate) export: Vec<Export>,

    /// Like --export, from the secrets that there are before the handshake is finished, if early data is accepted:
    /// --early-data request.txt --export-early mine. What is replayed replays it too
    #[arg(long, value_name = "LABEL[:LEN]", value_parser = Export::parse)]
    pub(crate) export_early: Vec<Export>,

    /// Says what binds another protocol to this connection, such as SCRAM: --channel-binding tls-exporter (RFC 9266),
    /// tls-server-end-point or, in TLS 1.2, tls-unique (RFC 5929); repeatable
    #[arg(long, value_name = "TYPE", value_parser = ChannelBinding::parse)]
    pub(crate) channel_binding: Vec<ChannelBinding>,
}

/// A label, and how much is derived from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) label: String,
    pub(crate) len: usize,
}

impl Export {
    /// What HKDF can do with the shortest hash. RFC 5869 §2.3.
    const MAX_LEN: usize = 255 * 32;
    const USUAL_LEN: usize = 32;

    fn parse(text: &str) -> Result<Self, String> {
        let written = format!("write LABEL or LABEL:LEN, of 1 to {} bytes, such as EXPORTER-mine:48", Self::MAX_LEN);
        // A label may have colons.
        let (label, len) = match text.rsplit_once(':') {
            Some((label, len)) if !len.is_empty() && len.bytes().all(|it| it.is_ascii_digit()) => {
                (label, len.parse().map_err(|_| written.clone())?)
            }
            _ => (text, Self::USUAL_LEN),
        };
        if label.is_empty() || !(1..=Self::MAX_LEN).contains(&len) {
            return Err(written);
        }
        Ok(Self { label: label.into(), len })
    }
}

/// A kind of channel binding. RFC 5056.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelBinding {
    Exporter,
    ServerEndPoint,
    Unique,
}

impl ChannelBinding {
    const ALL: [Self; 3] = [Self::Exporter, Self::ServerEndPoint, Self::Unique];

    fn name(self) -> &'static str {
        match self {
            Self::Exporter => "tls-exporter",
            Self::ServerEndPoint => "tls-server-end-point",
            Self::Unique => "tls-unique",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            format!("there is no such channel binding; choose from {}", names.join(", "))
        })
    }
}

impl fmt::Display for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_have_a_label_and_a_length_within_bounds() {
        let parsed = |text| Export::parse(text).map(|it| (it.label, it.len));
        assert_eq!(parsed("EXPORTER-mine"), Ok(("EXPORTER-mine".into(), 32)));
        assert_eq!(parsed("EXPORTER-mine:48"), Ok(("EXPORTER-mine".into(), 48)));
        assert_eq!(parsed("a:b"), Ok(("a:b".into(), 32)));
        assert_eq!(parsed("a:b:1"), Ok(("a:b".into(), 1)));
        for wrong in ["", ":4", "a:0", "a:8161", "a:99999999999999999999"] {
            assert!(parsed(wrong).unwrap_err().contains("LABEL:LEN"), "{wrong}");
        }
    }

    #[test]
    fn channel_bindings_are_known_by_their_registered_names() {
        for it in ChannelBinding::ALL {
            assert_eq!(ChannelBinding::parse(&it.to_string().to_uppercase()), Ok(it));
        }
        assert!(ChannelBinding::parse("tls-none").unwrap_err().contains("tls-exporter, tls-server-end-point"));
    }
}
