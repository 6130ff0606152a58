//! What the runner can ask for and bulla does not have, each with its reason: out of scope for ever ("Never"), or missing
//! today ("Not yet").

use std::fmt;

use bulla::crypto::ring::provider;
use bulla::wire::{NamedGroup, SignatureScheme};

/// Why the shim takes no part in a test.
#[derive(Debug)]
pub(crate) struct Unsupported {
    group: Group,
    reason: &'static str,
    /// The argument's name or value.
    what: String,
}

/// Whether it may come.
#[derive(Clone, Copy, Debug)]
enum Group {
    Never,
    NotYet,
}
use Group::{Never, NotYet};

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = match self.group {
            Never => "Never",
            NotYet => "Not yet",
        };
        write!(f, "{group}: {} [{}]", self.reason, self.what)
    }
}

/// Only versions are left that bulla does not speak.
pub(crate) const OLD_VERSIONS: Unsupported =
    Unsupported { group: Never, reason: "TLS 1.1 and older cannot be switched on", what: String::new() };

/// The client is to resume by session ids alone.
pub(crate) const CLIENT_WITHOUT_TICKETS: Unsupported = Unsupported {
    group: NotYet,
    reason: "a client of TLS 1.2 that keeps sessions and asks for no tickets",
    what: String::new(),
};

/// The reasons, and the arguments that each stands for.
const REASONS: &[(Group, &str, &[&str])] = &[
    (Never, "DTLS is another protocol", &["-dtls", "-mtu", "-initial-timeout-duration-ms", "-srtp-profiles"]),
    (
        NotYet,
        "QUIC",
        &[
            "-quic",
            "-quic-use-legacy-codepoint",
            "-quic-early-data-context",
            "-quic-transport-params",
            "-expect-quic-transport-params",
        ],
    ),
    (
        Never,
        "tickets that the runner can open: ours are not in its format, and change their keys with the clock",
        &["-ticket-key"],
    ),
    (
        Never,
        "a session for the other names of its certificate, which a flag of its ticket allows: a draft",
        &["-resumption-across-names-enabled", "-expect-resumable-across-names"],
    ),
    (Never, "pre-shared keys of TLS 1.2: no suite with them is spoken", &["-psk", "-psk-identity"]),
    (
        NotYet,
        "Encrypted Client Hello",
        &[
            "-ech-config-list",
            "-ech-server-config",
            "-ech-server-key",
            "-ech-is-retry-config",
            "-enable-ech-grease",
            "-expect-ech-accept",
            "-expect-ech-name-override",
            "-expect-no-ech-name-override",
            "-expect-ech-retry-configs",
            "-expect-no-ech-retry-configs",
            "-reject-unusable-ech-config",
            "-fail-early-callback-ech-rewind",
        ],
    ),
    (
        NotYet,
        "trust anchor identifiers, a draft",
        &[
            "-cert-properties",
            "-requested-trust-anchors",
            "-available-trust-anchors",
            "-expect-peer-match-trust-anchor",
            "-expect-no-peer-match-trust-anchor",
            "-expect-peer-available-trust-anchors",
        ],
    ),
    (Never, "groups that are wanted as much as others: the server's order counts", &["-curves-flags"]),
    (Never, "the client's signal of a fallback (RFC 7507): bulla does not fall back", &["-fallback-scsv"]),
    (NotYet, "a limit for a peer's chain in bytes, chosen by the application", &["-max-cert-list"]),
    (
        Never,
        "the certificate_types of a CertificateRequest, which are heeded and not shown: its schemes say as much",
        &["-expect-certificate-types"],
    ),
    (
        Never,
        "refusing a server of TLS 1.2 without renegotiation_info: it is gone on with, as RFC 5746 §4.1 allows",
        &["-no-legacy-server-connect"],
    ),
    (Never, "a server that knows the name always says so", &["-no-server-name-ack"]),
    (
        Never,
        "renegotiation, which is an attack surface and gone from TLS 1.3",
        &["-renegotiate-freely", "-renegotiate-once", "-renegotiate-explicit"],
    ),
    (Never, "False Start: data before the peer's Finished", &["-false-start", "-allow-false-start-without-alpn"]),
    (
        Never,
        "Next Protocol Negotiation, which ALPN has replaced",
        &[
            "-advertise-npn",
            "-advertise-empty-npn",
            "-select-next-proto",
            "-select-empty-next-proto",
            "-expect-next-proto",
            "-expect-no-next-proto",
        ],
    ),
    (Never, "Channel ID, an abandoned draft", &["-enable-channel-id", "-send-channel-id", "-expect-channel-id"]),
    (
        Never,
        "application settings (ALPS), an expired draft",
        &["-application-settings", "-expect-peer-application-settings", "-alps-use-new-codepoint", "-defer-alps"],
    ),
    (
        Never,
        "an application protocol that was not offered, or has no name",
        &["-allow-unknown-alpn-protos", "-select-empty-alpn"],
    ),
    (Never, "OpenSSL's language for cipher lists, which is mostly about CBC, 3DES and static RSA", &["-cipher"]),
    (Never, "1/n-1 record splitting, which is for CBC", &["-cbc-record-splitting"]),
    (Never, "password-authenticated key exchange, a draft", &["-new-spake2plusv1-credential"]),
    (Never, "a workaround for an old version of Java", &["-jdk11-workaround"]),
    (
        Never,
        "forgetting a client's chain but for its hash",
        &["-retain-only-sha256-client-cert", "-expect-sha256-client-cert"],
    ),
    (Never, "peeking: what was received lies in the caller's own buffer", &["-peek-then-read"]),
    (
        Never,
        "padding of the server's flight at the client's wish, a draft",
        &["-request-server-padding", "-expect-server-sent-requested-padding", "-server-supports-padding"],
    ),
    (
        Never,
        "a second process that takes over a handshake half way",
        &["-handshake-hints", "-allow-hint-mismatch", "-handshaker-path", "-handshaker-resume"],
    ),
];

/// The reason for an argument that the shim does not take.
pub(crate) fn flag(name: &str) -> Unsupported {
    let what = name.to_owned();
    if name.starts_with("-on-handshaker-") {
        return flag("-handshake-hints");
    }
    match REASONS.iter().find(|(_, _, flags)| flags.contains(&name)) {
        Some((group, reason, _)) => Unsupported { group: *group, reason, what },
        None => Unsupported { group: NotYet, reason: "an argument that the shim does not know", what },
    }
}

/// A value that the shim cannot read.
pub(crate) fn bad_value(name: &str) -> Unsupported {
    Unsupported { group: NotYet, reason: "a value that the shim cannot read", what: name.to_owned() }
}

/// A file that the arguments name and that holds what bulla cannot use.
pub(crate) fn file(group_is_never: bool, reason: &'static str, path: &str) -> Unsupported {
    Unsupported { group: if group_is_never { Never } else { NotYet }, reason, what: path.to_owned() }
}

/// What bulla refuses to be configured with.
pub(crate) fn configuration(what: String) -> Unsupported {
    Unsupported { group: Never, reason: "a configuration that cannot work", what }
}

/// Refuses a group that the provider does not have.
pub(crate) fn check_group(group: NamedGroup) -> Result<NamedGroup, Unsupported> {
    if provider().groups().iter().any(|exchange| exchange.group() == group) {
        return Ok(group);
    }
    let what = group.to_string();
    Err(match group {
        NamedGroup::secp521r1 => Unsupported { group: NotYet, reason: "P-521, which the provider does not have", what },
        NamedGroup::MLKEM1024 => {
            Unsupported { group: NotYet, reason: "ML-KEM-1024, which the provider does not have", what }
        }
        _ => Unsupported { group: NotYet, reason: "a group that the provider does not have", what },
    })
}

/// Refuses a scheme with which the provider cannot verify handshakes.
pub(crate) fn check_scheme(scheme: SignatureScheme) -> Result<SignatureScheme, Unsupported> {
    let pkcs1 = bulla::verify::CERTIFICATE_ONLY_SCHEMES.contains(&scheme);
    if pkcs1 || provider().verification_algorithms().iter().any(|algorithm| algorithm.scheme == Some(scheme)) {
        return Ok(scheme);
    }
    /// rsa_pkcs1_md5_sha1, BoringSSL's own name for what TLS 1.1 signs.
    const MD5_AND_SHA1: SignatureScheme = SignatureScheme(0xff01);
    /// rsa_pkcs1_sha256_legacy, for client certificates in old smart cards.
    const LEGACY_PKCS1: SignatureScheme = SignatureScheme(0x0420);
    const ML_DSA: [SignatureScheme; 3] = [SignatureScheme(0x0904), SignatureScheme(0x0905), SignatureScheme(0x0906)];
    let what = scheme.to_string();
    Err(match scheme {
        SignatureScheme::rsa_pkcs1_sha1 | SignatureScheme::ecdsa_sha1 | MD5_AND_SHA1 => {
            Unsupported { group: Never, reason: "SHA-1 and MD5, which vouch for nothing", what }
        }
        LEGACY_PKCS1 => {
            Unsupported { group: Never, reason: "RSA PKCS#1 in TLS 1.3, under a code point of its own", what }
        }
        SignatureScheme::ecdsa_secp521r1_sha512 => {
            Unsupported { group: NotYet, reason: "P-521, which the provider does not have", what }
        }
        scheme if ML_DSA.contains(&scheme) => {
            Unsupported { group: NotYet, reason: "ML-DSA, which the provider does not have", what }
        }
        _ => Unsupported { group: NotYet, reason: "a signature scheme that the provider does not have", what },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flag_has_two_reasons() {
        let mut flags: Vec<_> = REASONS.iter().flat_map(|(_, _, flags)| flags.iter()).collect();
        let all = flags.len();
        flags.sort();
        flags.dedup();
        assert_eq!(flags.len(), all);
    }
}
