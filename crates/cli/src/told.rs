//! What is told of a finished handshake because an option asked for it: derived keys and bindings.

use bulla::{Connection, Error};

use crate::console::{self, clean};
use crate::options::{ChannelBinding, Extension, Keys};

/// Says what was asked for, each on a line of its own that begins with `prefix`.
pub(crate) fn keys(prefix: &str, connection: &Connection, keys: &Keys) {
    for export in &keys.export {
        let told = filled(export.len, |output| connection.export(export.label.as_bytes(), None, output));
        console::note(&format!("{prefix}exported {}: {}", clean(&export.label), hex_or_why(told)));
    }
    for export in &keys.export_early {
        let told = filled(export.len, |output| connection.export_early(export.label.as_bytes(), None, output));
        console::note(&format!("{prefix}exported early {}: {}", clean(&export.label), hex_or_why(told)));
    }
    for binding in &keys.channel_binding {
        console::note(&format!("{prefix}channel binding {binding}: {}", hex_or_why(bound(connection, *binding))));
    }
}

/// Says what the server has answered to the extensions that were added to the ClientHello.
pub(crate) fn answers(connection: &Connection, extensions: &[Extension]) {
    for Extension { extension_type, .. } in extensions {
        let answer = connection.peer_extension(*extension_type);
        let answer = answer.map_or("none".into(), |it| if it.is_empty() { "empty".into() } else { hex(it) });
        console::note(&format!("answer to the extension {extension_type}: {answer}"));
    }
}

fn filled(len: usize, fill: impl FnOnce(&mut [u8]) -> Result<(), Error>) -> Result<Vec<u8>, Error> {
    let mut output = vec![0; len];
    fill(&mut output)?;
    Ok(output)
}

fn bound(connection: &Connection, binding: ChannelBinding) -> Result<Vec<u8>, Error> {
    match binding {
        ChannelBinding::Exporter => connection.tls_exporter_channel_binding().map(|it| it.to_vec()),
        ChannelBinding::ServerEndPoint => connection.tls_server_end_point().map(|it| it.as_ref().to_vec()),
        ChannelBinding::Unique => connection.tls_unique().map(|it| it.to_vec()),
    }
}

fn hex_or_why(bytes: Result<Vec<u8>, Error>) -> String {
    match bytes {
        Ok(bytes) => hex(&bytes),
        Err(error) => format!("none, because {error}"),
    }
}

/// Writes bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
