//! What can be said on the command line, and which names stand for what.

mod connect;
mod endpoint;
mod keys;
mod pass;
mod protocol;
mod serve;
mod shape;

pub(crate) use connect::Connect;
pub(crate) use endpoint::Endpoint;
pub(crate) use keys::{ChannelBinding, Export, Keys};
pub(crate) use pass::Pass;
pub(crate) use protocol::{Protocol, PskUse};
pub(crate) use serve::{Serve, WhetherRequired};
pub(crate) use shape::{Extension, KeyShares, Shape};

use clap::{Parser, Subcommand};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "bulla", version, about = "A TLS client and server for the shell", after_help = EXAMPLES)]
#[command(propagate_version = true, arg_required_else_help = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  bulla demo                                       see a whole connection, without network or files
  bulla connect example.com:443 --trace            every handshake message, and what it means
  bulla serve 127.0.0.1:8443 --root . --cert chain.pem --key key.pem

Exit codes:
  0 done    1 usage: an option or a file    2 network    3 TLS failed    4 the peer's certificate was refused";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows a whole TLS connection on this machine: no network, no files
    Demo,
    /// Connects to a server: standard input goes to it, what it sends to standard output
    #[command(after_help = connect::EXAMPLES)]
    Connect(Box<Connect>),
    /// Serves clients: echoes what they send, or the files of a folder over HTTP/1.1
    #[command(after_help = serve::EXAMPLES)]
    Serve(Box<Serve>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        use clap::CommandFactory;
        CommandLine::command().debug_assert();
    }
}
