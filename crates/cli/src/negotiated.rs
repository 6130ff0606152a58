//! What a handshake has settled, in lines for people.

use bulla::Connection;

use crate::certificate::Described;
use crate::console::{clean, grouped};

/// Returns version, suite, group, the peer's signature and the protocol in one line.
pub(crate) fn line(connection: &Connection) -> String {
    let mut facts = Vec::new();
    facts.extend(connection.protocol_version().map(|it| it.to_string()));
    facts.extend(connection.cipher_suite().map(|it| it.to_string()));
    facts.extend(connection.group().map(|it| it.to_string()));
    facts.extend(connection.peer_signature_scheme().map(|it| it.to_string()));
    facts.extend(connection.alpn_protocol().map(|it| format!("protocol {}", clean(&String::from_utf8_lossy(it)))));
    facts.extend(connection.peer_ocsp_response().map(|it| format!("an OCSP response of {} B", grouped(it.len()))));
    facts.extend(connection.hello_retried().then(|| "after a HelloRetryRequest".to_string()));
    facts.join(", ")
}

/// Returns the peer's certificate in one line, if it showed one.
pub(crate) fn peer(connection: &Connection) -> Option<String> {
    let leaf = connection.peer_certificates().first()?;
    let described = Described::read(leaf);
    Some(described.map_or("(cannot be described)".into(), |it| it.accepted()))
}
