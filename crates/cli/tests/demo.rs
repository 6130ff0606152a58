//! `bulla demo`, the first thing that anybody runs.

mod support;

use support::bulla;

#[test]
fn demo_ends_well_and_tells_each_message() {
    let ran = bulla(&["demo"]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert_eq!(ran.errors, "");
    let text = ran.text();
    let expected = [
        "→ ClientHello",
        "← ServerHello",
        "← EncryptedExtensions",
        "← Certificate ",
        "← CertificateVerify",
        "← Finished",
        "→ Finished",
        "TLS 1.3, TLS_AES_128_GCM_SHA256, X25519MLKEM768",
        "64 MiB in ",
        "← NewSessionTicket",
        "→ Alert close_notify",
        "← Alert close_notify",
        "Once more in TLS 1.3: the session is resumed",
        "→ ClientHello",
        ", with a ticket or PSK",
        "the client's ticket or PSK 0",
        ", resumed",
        "every byte compared",
        "Data before the handshake is finished",
        ", early data follows",
        "takes the early data",
        "→ EndOfEarlyData",
        ", resumed, early data accepted",
        "16,384 B went with the first flight and came back, every byte compared",
        "from somebody who has recorded them: the data is refused",
        "The same in TLS 1.2",
        "→ ClientHello",
        "← ServerHello",
        "← Certificate ",
        "← ServerKeyExchange",
        "← ServerHelloDone",
        "→ ClientKeyExchange",
        "→ change_cipher_spec",
        "→ Finished",
        "← change_cipher_spec",
        "← Finished",
        "TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, x25519",
        "64 MiB in ",
        "Once more in TLS 1.2: the session is resumed",
        "→ ClientHello",
        ", with a ticket",
        "← ServerHello",
        "← Finished",
        "→ Finished",
        ", resumed",
        "every byte compared",
        "→ Alert bad_certificate",
        "is not valid for the name wrong.example; it is valid for demo.example",
        "All is as it should be.",
    ];
    let mut rest = text.as_str();
    for part in expected {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is missing, or not in its place: {text}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn demo_on_a_pipe_has_no_colours() {
    assert!(!bulla(&["demo"]).text().contains('\x1b'));
}
