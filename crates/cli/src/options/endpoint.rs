//! Values that options have: a host with its port, and a time.

use std::time::Duration;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// A name or an address, without the brackets of IPv6.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Endpoint {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                rest.split_once("]:").ok_or("an IPv6 address is written [ADDRESS]:PORT, such as [::1]:443")?
            }
            None => text.rsplit_once(':').ok_or("the port is missing: write HOST:PORT, such as example.com:443")?,
        };
        if host.is_empty() {
            return Err("the host is missing: write HOST:PORT, such as example.com:443".into());
        }
        if host.contains(':') && !text.starts_with('[') {
            return Err("an IPv6 address stands in brackets, such as [::1]:443".into());
        }
        let port = port.parse().map_err(|_| format!("{port:?} is not a port: a number from 0 to 65535"))?;
        Ok(Self { host: host.into(), port })
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Longest time that can be asked for, a day: it keeps every sum of times far from any overflow.
const MAX_SECONDS: f64 = 86_400.0;

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=MAX_SECONDS).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("a number of seconds from 0.001 to {MAX_SECONDS}, such as 10 or 0.5")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_with_names_and_addresses() {
        let parsed = |text| Endpoint::parse(text).map(|it| (it.host, it.port));
        assert_eq!(parsed("example.com:443"), Ok(("example.com".into(), 443)));
        assert_eq!(parsed("[::1]:8443"), Ok(("::1".into(), 8443)));
        assert_eq!(Endpoint::parse("[::1]:8443").unwrap().to_string(), "[::1]:8443");
        for wrong in ["example.com", ":443", "::1:443", "[::1]", "[::1]443", "host:", "host:65536", "host:-1", ""] {
            assert!(Endpoint::parse(wrong).is_err(), "{wrong} was accepted");
        }
    }

    #[test]
    fn seconds_are_bounded() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "1e9", "NaN", "inf", "soon"] {
            assert!(seconds(wrong).is_err(), "{wrong} was accepted");
        }
    }
}
