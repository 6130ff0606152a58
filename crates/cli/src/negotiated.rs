//! What a handshake has settled, in lines for people.

use bulla::{Connection, EarlyData, HandshakeKind};

use crate::certificate::{Described, RawKey, count_timestamps};
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
    facts.extend(connection.peer_signed_certificate_timestamps().map(|it| match count_timestamps(it) {
        1 => "1 signed certificate timestamp".to_string(),
        count => format!("{count} signed certificate timestamps"),
    }));
    let records = Some(connection.max_fragment_len()).filter(|len| *len < bulla::MAX_FRAGMENT_LEN);
    facts.extend(records.map(|len| format!("records of up to {} B", grouped(len))));
    facts.extend(connection.delegated_credential().then(|| "delegated credential".to_string()));
    facts.extend(connection.handshake_kind().map(|it| kind(it).to_string()));
    facts.extend(early_data(connection.early_data()).map(str::to_string));
    facts.extend(connection.hello_retried().then(|| "after a HelloRetryRequest".to_string()));
    facts.join(", ")
}

/// What the handshake stands on.
fn kind(kind: HandshakeKind) -> &'static str {
    match kind {
        HandshakeKind::Full => "full handshake",
        HandshakeKind::Resumed => "resumed",
        HandshakeKind::ExternalPsk => "external PSK",
        _ => "another kind of handshake",
    }
}

/// What became of early data, if there was any.
fn early_data(outcome: EarlyData) -> Option<&'static str> {
    match outcome {
        EarlyData::NotOffered | EarlyData::Pending => None,
        EarlyData::Accepted => Some("early data accepted"),
        EarlyData::Rejected => Some("early data rejected"),
        EarlyData::Retried => Some("early data rejected for another hello"),
    }
}

/// Returns the peer's certificate in one line, or its raw public key, if it showed one.
pub(crate) fn peer(connection: &Connection) -> Option<String> {
    if let Some(key) = connection.peer_raw_public_key() {
        let described = RawKey::read(&key).map(|it| format!("its raw public key: {}, {}", it.key, it.pin));
        return described.or(Some("its raw public key".into()));
    }
    let leaf = connection.peer_certificates().first()?;
    let described = Described::read(leaf);
    Some(format!("its certificate: {}", described.map_or("(cannot be described)".into(), |it| it.accepted())))
}
