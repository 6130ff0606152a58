//! The command `bulla`: a TLS client and server for the shell, and a demonstration of both.

#![forbid(unsafe_code)]

mod certificate;
mod choices;
mod connect;
mod console;
mod demo;
mod negotiated;
mod options;
mod report;
mod serve;
mod setup;
mod trace;

use std::process::ExitCode;

use clap::Parser;

use options::{Command, CommandLine};
use report::Kind;

fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // Help and version are no errors; all else is one of usage, which is 1 here.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Kind::Usage as u8 } else { 0 });
        }
    };
    let done = match &line.command {
        Command::Demo => demo::run(),
        Command::Connect(options) => connect::run(options),
        Command::Serve(options) => serve::run(options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
