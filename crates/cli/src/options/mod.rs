//! What can be said on the command line, and which names stand for what.

mod certificates;
mod connect;
mod delegate;
mod endpoint;
mod keys;
mod pass;
mod protocol;
mod records;
mod serve;
mod shape;

pub(crate) use certificates::Certificates;
pub(crate) use connect::Connect;
pub(crate) use delegate::Delegate;
pub(crate) use endpoint::Endpoint;
pub(crate) use keys::{ChannelBinding, Keys};
pub(crate) use pass::Pass;
pub(crate) use protocol::{Protocol, PskUse};
pub(crate) use records::Records;
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
    /// Delegates a certificate's key: makes a credential (RFC 9345) for another key that may stand in for some days
    #[command(after_help = delegate::EXAMPLES)]
    Delegate(Delegate),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        use clap::CommandFactory;
        CommandLine::command().debug_assert();
    }

    /// In its own words or at the end: an example shows more than a description.
    #[test]
    fn every_option_stands_in_an_example() {
        use clap::CommandFactory;
        let mut line = CommandLine::command();
        line.build();
        let mut without = Vec::new();
        for command in line.get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            let words = help.split_whitespace().map(|it| it.trim_end_matches([',', ';', ':', '.', ')']));
            let words: Vec<_> = words.collect();
            let options = command.get_arguments().filter_map(|it| it.get_long());
            for option in options.filter(|it| !matches!(*it, "help" | "version")) {
                let written = format!("--{option}");
                if words.iter().filter(|word| **word == written).count() < 2 {
                    without.push(format!("{} {written}", command.get_name()));
                }
            }
        }
        assert!(without.is_empty(), "{without:?}");
    }
}
