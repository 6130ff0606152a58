//! How a test ends badly, as the runner reads it on standard error.

use std::fmt;

use bulla::Error;

/// Why the process ends with 1.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection failed. Its error's name is what the runner's expectation is mapped to.
    Tls(Error),
    /// The socket failed.
    Io(std::io::Error),
    /// The connection is not what the arguments expect.
    Unexpected(String),
}

impl Failure {
    pub(crate) fn unexpected<T>(what: impl Into<String>) -> Result<T, Self> {
        Err(Self::Unexpected(what.into()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The colons keep one name from being found inside another.
            Self::Tls(error) => write!(f, ":{}: {error}", error.name()),
            Self::Io(error) => write!(f, "socket: {error}"),
            Self::Unexpected(what) => write!(f, "unexpected: {what}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Tls(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}
