//! The shim between BoGo's runner and bulla: one process is one client or server, told by its arguments what to be, to do
//! and to expect. The runner is BoringSSL's `ssl/test/runner`; its PORTING.md says what a shim is.
//!
//! Exit codes: 0 all went as the arguments say; 1 it did not, and standard error has the name of our error; 89 the
//! arguments want something that bulla does not have. That is known before anything is sent: `unsupported.rs` has the
//! reason for each.

mod answers;
mod checks;
mod credential;
mod endpoint;
mod exchange;
mod failure;
mod options;
mod policy;
mod transport;
mod unsupported;

use std::io::Write;
use std::process::ExitCode;

use options::Options;
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
    let prepared = Options::parse(arguments).and_then(|options| {
        let prepared = endpoint::prepare(&options)?;
        Ok((options, prepared))
    });
    let (options, prepared) = match prepared {
        Ok(prepared) => prepared,
        Err(unsupported) => {
            note_skip(&unsupported);
            eprintln!("{unsupported}");
            return ExitCode::from(UNIMPLEMENTED);
        }
    };
    match exchange::run(&options, prepared) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Appends the reason to the file that BOGO_SHIM_SKIPS names, so that a run can count them.
fn note_skip(unsupported: &Unsupported) {
    let Some(path) = std::env::var_os("BOGO_SHIM_SKIPS") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    if let Ok(mut file) = file {
        let _ = file.write_all(format!("{unsupported}\n").as_bytes());
    }
}
