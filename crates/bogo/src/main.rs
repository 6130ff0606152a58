//! The shim between BoGo's runner and bulla: one process is one client or server, told by its arguments what to be, to do
//! and to expect, on one connection or on several that resume each other's sessions. The runner is BoringSSL's
//! `ssl/test/runner`; its PORTING.md says what a shim is.
//!
//! Exit codes: 0 all went as the arguments say; 1 it did not, and standard error has the name of our error; 89 the
//! arguments want something that bulla does not have. That is known before anything is sent: `unsupported.rs` has the
//! reason for each.

mod answers;
mod checks;
mod compression;
mod credential;
mod early;
mod endpoint;
mod exchange;
mod expect;
mod failure;
mod memory;
mod options;
mod psk;
mod script;
mod transport;
mod unsupported;
mod value;

use std::io::Write;
use std::process::ExitCode;

use failure::Failure;
use memory::Memory;
use script::Script;
use unsupported::Unsupported;

/// The runner's code for a test that this shim does not take part in.
const UNIMPLEMENTED: u8 = 89;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "-is-handshaker-supported") {
        // No second process takes over a handshake half way.
        println!("No");
        return ExitCode::SUCCESS;
    }
    match play(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(NotPassed::Failed(failure)) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
        Err(NotPassed::Skipped(unsupported)) => {
            note_skip(&unsupported);
            eprintln!("{unsupported}");
            ExitCode::from(UNIMPLEMENTED)
        }
    }
}

/// Why it did not all go as the arguments say.
enum NotPassed {
    Failed(Failure),
    Skipped(Unsupported),
}

impl From<Failure> for NotPassed {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Unsupported> for NotPassed {
    fn from(unsupported: Unsupported) -> Self {
        Self::Skipped(unsupported)
    }
}

/// Makes one connection after the other. All are prepared before the first: what bulla does not have shows then.
fn play(arguments: &[String]) -> Result<(), NotPassed> {
    let script = Script::parse(arguments)?;
    let memory = Memory::new()?;
    let connections = 0..script.connections();
    let prepared = connections.map(|number| endpoint::prepare(script.connection(number), script.turn(number), &memory));
    let prepared = prepared.collect::<Result<Vec<_>, _>>()?;
    for (number, prepared) in (0..).zip(prepared) {
        exchange::run(&script, number, prepared)?;
        memory.clock.advance(script.connection(number).resumption_delay);
    }
    Ok(())
}

/// Appends the reason to the file that BOGO_SHIM_SKIPS names, so that a run can count them.
fn note_skip(unsupported: &Unsupported) {
    let Some(path) = std::env::var_os("BOGO_SHIM_SKIPS") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    if let Ok(mut file) = file {
        let _ = file.write_all(format!("{unsupported}\n").as_bytes());
    }
}
