//! The arguments of all connections of this process. Most are for every one, those with a prefix for some alone.

use bulla::wire::AlertDescription;

use crate::checks::Turn;
use crate::options::Options;
use crate::unsupported::{self, Unsupported};
use crate::value::Arguments;

/// What each connection is to be, to do and to expect.
#[derive(Debug)]
pub(crate) struct Script {
    /// The first connection.
    pub(crate) initial: Options,
    /// The connections behind it, which resume its session.
    pub(crate) resume: Options,
    /// What follows on a connection whose early data was rejected.
    pub(crate) retry: Options,
}

/// Whom a prefix speaks of.
const PREFIXES: [&str; 3] = ["-on-initial", "-on-resume", "-on-retry"];

impl Script {
    /// Reads the arguments. One that is not known, or wants what bulla does not have, takes the shim out of the test.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Unsupported> {
        let mut script = Self { initial: Options::new(), resume: Options::new(), retry: Options::new() };
        let mut rest: Arguments<'_> = arguments.iter();
        while let Some(argument) = rest.next() {
            // Only a shim with a second process that makes handshakes tells the two apart.
            let argument = without_prefix(argument, "-on-shim").unwrap_or(argument);
            let behind = rest.clone();
            let addressed = PREFIXES.map(|prefix| without_prefix(argument, prefix));
            let for_all = addressed.iter().all(Option::is_none);
            let all = [&mut script.initial, &mut script.resume, &mut script.retry];
            for (options, name) in all.into_iter().zip(addressed) {
                if let Some(name) = name.or(for_all.then_some(argument)) {
                    rest = behind.clone();
                    options.take(name, &mut rest)?;
                }
            }
        }
        for options in [&mut script.initial, &mut script.resume, &mut script.retry] {
            settle(options)?;
        }
        Ok(script)
    }

    /// The arguments of a connection, counted from 0.
    pub(crate) fn connection(&self, number: u32) -> &Options {
        if number == 0 { &self.initial } else { &self.resume }
    }

    /// Which turn that is.
    pub(crate) fn turn(&self, number: u32) -> Turn {
        if number == 0 { Turn::Initial } else { Turn::Resume }
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> u32 {
        self.initial.resume_count + 1
    }
}

/// Decides what no single argument does.
fn settle(options: &mut Options) -> Result<(), Unsupported> {
    if options.server && options.fail_ocsp {
        options.refuse_choice = Some(AlertDescription::internal_error);
    }
    if options.versions.is_empty() {
        return Err(unsupported::OLD_VERSIONS);
    }
    if options.no_ticket && !options.server {
        return Err(unsupported::CLIENT_WITHOUT_TICKETS);
    }
    Ok(())
}

fn without_prefix<'a>(argument: &'a str, prefix: &str) -> Option<&'a str> {
    argument.strip_prefix(prefix).filter(|name| name.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Script, Unsupported> {
        Script::parse(&arguments.iter().map(|argument| argument.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn argument_with_a_prefix_is_for_its_connection_alone_and_one_without_for_all() {
        let script = parse(&["-on-resume-read-size", "7", "-on-shim-host-name", "-x", "-resume-count", "2"]).unwrap();
        let sizes = [&script.initial, &script.resume, &script.retry].map(|options| options.read_size);
        assert_eq!(sizes, [512, 7, 512]);
        for options in [&script.initial, &script.resume, &script.retry] {
            assert_eq!(options.host_name.as_deref(), Some("-x"));
        }
        assert_eq!(script.connections(), 3);
        assert_eq!(script.connection(0).read_size, 512);
        assert_eq!(script.connection(2).read_size, 7);
    }

    #[test]
    fn flag_for_a_missing_feature_is_unsupported_with_its_reason() {
        for arguments in [&["-server", "-dtls"], &["-server", "-on-resume-dtls"]] {
            let reason = parse(arguments).unwrap_err().to_string();
            assert!(reason.starts_with("Never: ") && reason.contains("DTLS"), "{reason}");
        }
    }

    #[test]
    fn unknown_flag_is_unsupported() {
        assert!(parse(&["-no-such-flag"]).is_err());
        assert!(parse(&["-on-retry-no-such-flag"]).is_err());
    }
}
