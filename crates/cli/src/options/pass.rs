//! `serve --pass NAME=HOST:PORT`.

use super::Endpoint;

/// A server name, and where connections for it go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    name: String,
    pub(crate) to: Endpoint,
}

impl Pass {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let written = "write NAME=HOST:PORT, such as mail.example.com=127.0.0.1:9443";
        let (name, to) = text.split_once('=').ok_or(written)?;
        let bare = name.strip_prefix("*.").unwrap_or(name);
        if bare.is_empty() || bare.contains('*') {
            return Err(format!("{written}; a name may begin with *."));
        }
        Ok(Self { name: name.into(), to: Endpoint::parse(to)? })
    }

    /// Says whether a client that names this server goes there. A star stands for one label. RFC 9525 §6.3.
    pub(crate) fn is_for(&self, server_name: &str) -> bool {
        match self.name.strip_prefix("*.") {
            Some(domain) => server_name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain)),
            None => self.name.eq_ignore_ascii_case(server_name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_passed_by_themselves_or_by_a_star() {
        let pass = Pass::parse("mail.example.com=[::1]:443").unwrap();
        assert_eq!(pass.to.to_string(), "[::1]:443");
        assert!(pass.is_for("MAIL.example.com") && !pass.is_for("www.example.com"));
        let pass = Pass::parse("*.example.com=b:1").unwrap();
        assert!(pass.is_for("mail.Example.com") && !pass.is_for("example.com") && !pass.is_for("a.b.example.com"));
        for wrong in ["", "a", "=b:1", "*=b:1", "*.=b:1", "a.*.b=b:1", "a=b"] {
            assert!(Pass::parse(wrong).is_err(), "{wrong}");
        }
    }
}
