//! The command `bulla`: a TLS client and server for the shell, and a demonstration of both.

#![forbid(unsafe_code)]

mod certificate;
mod choices;
mod connect;
mod console;
mod delegate;
mod demo;
mod negotiated;
mod options;
mod psk;
mod report;
mod serve;
mod setup;
mod told;
mod trace;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use options::{Command, CommandLine};
use report::Kind;

fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => return not_run(&error),
    };
    let done = match &line.command {
        Command::Demo => demo::run(),
        Command::Connect(options) => connect::run(options),
        Command::Serve(options) => serve::run(options),
        Command::Delegate(options) => delegate::run(options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Shows help and version, and says what is wrong with the command line: as one line, with the exit code of usage.
fn not_run(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(Kind::Usage as u8)
        }
        _ => {
            console::error(&console::clean(&one_line(&error.to_string())));
            ExitCode::from(Kind::Usage as u8)
        }
    }
}

/// Joins the paragraphs that clap writes.
fn one_line(text: &str) -> String {
    let paragraphs = text.trim_start_matches("error: ").split("\n\n").map(|paragraph| {
        let words: Vec<_> = paragraph.split_whitespace().collect();
        words.join(" ")
    });
    let said: Vec<_> = paragraphs.filter(|it| !it.is_empty() && !it.starts_with("For more information")).collect();
    format!("{}; see --help", said.join("; "))
}
