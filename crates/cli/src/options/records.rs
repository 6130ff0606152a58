//! How large records are, and how they are padded.

use clap::Args;

/// What records are like.
#[derive(Debug, Args)]
#[command(next_help_heading = "Records")]
pub(crate) struct Records {
    /// Takes records of at most so many bytes, 64 to 16385, and keeps to what the peer says (RFC 8449): --record-size-limit
    /// 1400
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(64..=16_385))]
    pub(crate) record_size_limit: Option<u16>,

    /// Pads each record of TLS 1.3 to a multiple of so many bytes, so that its length says less: --record-padding 512
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1..=16_384))]
    pub(crate) record_padding: Option<u16>,
}
