//! The runner's arguments.

use bulla::wire::{AlertDescription, CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

use crate::policy::{self, Policy};
use crate::unsupported::{self, Unsupported};

/// The size of fragments that a caller gets who lends bulla no more room than it asks for.
const SMALLEST_FRAGMENT_LEN: usize = 512;

/// A certificate that the shim may show.
#[derive(Debug, Default)]
pub(crate) struct CredentialOptions {
    pub(crate) certificate_file: Option<String>,
    pub(crate) key_file: Option<String>,
    pub(crate) signing_preferences: Vec<SignatureScheme>,
    pub(crate) ocsp_response: Vec<u8>,
    /// It is shown only to a peer that names the issuer of one of its certificates.
    pub(crate) must_match_issuer: bool,
}

/// What to export, and to tell the runner. RFC 8446 §7.5.
#[derive(Debug, Default)]
pub(crate) struct ExportOptions {
    pub(crate) len: usize,
    pub(crate) label: String,
    pub(crate) context: String,
    pub(crate) use_context: bool,
}

/// What the arguments say.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) ipv6: bool,
    pub(crate) shim_id: u64,
    pub(crate) server: bool,
    /// `-async`: questions are answered late, reads and writes move little.
    pub(crate) asynchronous: bool,

    pub(crate) versions: Vec<ProtocolVersion>,
    pub(crate) policy: Option<Policy>,
    pub(crate) groups: Vec<NamedGroup>,
    pub(crate) verify_preferences: Vec<SignatureScheme>,
    pub(crate) host_name: Option<String>,
    /// What the client offers, as in the extension: names with their lengths.
    pub(crate) advertise_alpn: Vec<u8>,
    pub(crate) select_alpn: Option<String>,
    pub(crate) reject_alpn: bool,
    pub(crate) ask_for_ocsp: bool,
    /// The application staples nothing, whatever it has.
    pub(crate) decline_ocsp: bool,
    /// The application refuses: a client the stapled response, a server to choose one.
    pub(crate) fail_ocsp: bool,
    pub(crate) client_authorities: Vec<Vec<u8>>,

    pub(crate) default_credential: CredentialOptions,
    pub(crate) credentials: Vec<CredentialOptions>,
    pub(crate) trust_certificate: Option<String>,
    pub(crate) verify_peer: bool,
    pub(crate) require_client_certificate: bool,
    pub(crate) verify_fail: bool,
    /// `-use-custom-verify-callback`: a refused chain is refused with the library's alert, not with one of the
    /// application's choice.
    pub(crate) own_verifier: bool,
    pub(crate) require_extended_master_secret: bool,
    /// The application refuses when it is asked for a certificate, with this alert.
    pub(crate) refuse_choice: Option<AlertDescription>,

    pub(crate) shim_writes_first: bool,
    pub(crate) initial_write: String,
    pub(crate) initial_writes: u32,
    pub(crate) read_with_unfinished_write: bool,
    pub(crate) shim_shuts_down: bool,
    pub(crate) send_alert: bool,
    pub(crate) check_close_notify: bool,
    pub(crate) read_size: usize,
    /// `-max-send-fragment` with the one size that a small output buffer leads to.
    pub(crate) small_fragments: bool,
    pub(crate) key_update: bool,
    pub(crate) key_update_before_read: bool,
    pub(crate) write_different_record_sizes: bool,
    pub(crate) export: ExportOptions,
    pub(crate) export_between_reads: bool,
    pub(crate) export_traffic_secrets: bool,

    pub(crate) expect: Expectations,
}

/// What must be true of an established connection.
#[derive(Debug, Default)]
pub(crate) struct Expectations {
    pub(crate) version: Option<ProtocolVersion>,
    pub(crate) cipher_suite: Option<CipherSuite>,
    pub(crate) group: Option<NamedGroup>,
    pub(crate) peer_signature_scheme: Option<SignatureScheme>,
    pub(crate) peer_verify_preferences: Vec<SignatureScheme>,
    pub(crate) server_name: Option<String>,
    pub(crate) no_server_name: bool,
    pub(crate) alpn: Option<String>,
    pub(crate) advertised_alpn: Option<Vec<u8>>,
    pub(crate) ocsp_response: Vec<u8>,
    pub(crate) client_authorities: Option<Vec<Vec<u8>>>,
    pub(crate) peer_certificate_file: Option<String>,
    pub(crate) no_peer_certificate: bool,
    pub(crate) selected_credential: Option<i32>,
    pub(crate) hello_retry: Option<bool>,
    pub(crate) messages: Option<String>,
    pub(crate) never_established: bool,
}

impl Options {
    fn new() -> Self {
        Self {
            port: 0,
            ipv6: false,
            shim_id: 0,
            server: false,
            asynchronous: false,
            versions: vec![ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2],
            policy: None,
            groups: Vec::new(),
            verify_preferences: Vec::new(),
            host_name: None,
            advertise_alpn: Vec::new(),
            select_alpn: None,
            reject_alpn: false,
            ask_for_ocsp: false,
            decline_ocsp: false,
            fail_ocsp: false,
            client_authorities: Vec::new(),
            default_credential: CredentialOptions::default(),
            credentials: Vec::new(),
            trust_certificate: None,
            verify_peer: false,
            require_client_certificate: false,
            verify_fail: false,
            own_verifier: false,
            require_extended_master_secret: false,
            refuse_choice: None,
            shim_writes_first: false,
            initial_write: "hello".to_owned(),
            initial_writes: 1,
            read_with_unfinished_write: false,
            shim_shuts_down: false,
            send_alert: false,
            check_close_notify: false,
            read_size: 512,
            small_fragments: false,
            key_update: false,
            key_update_before_read: false,
            write_different_record_sizes: false,
            export: ExportOptions::default(),
            export_between_reads: false,
            export_traffic_secrets: false,
            expect: Expectations::default(),
        }
    }

    /// Reads the arguments. One that is not known, or wants what bulla does not have, takes the shim out of the test.
    pub(crate) fn parse(arguments: Vec<String>) -> Result<Self, Unsupported> {
        let mut options = Self::new();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            // Only a shim with a second process that makes handshakes tells the two apart.
            let name = argument.strip_prefix("-on-shim").filter(|name| name.starts_with('-')).unwrap_or(&argument);
            let mut value = Value { name, arguments: &mut arguments };
            if !options.take_behaviour(name, &mut value)?
                && !options.take_expectation(name, &mut value)?
                && !changes_nothing(name)
            {
                return Err(unsupported::flag(name));
            }
        }
        if options.server && options.fail_ocsp {
            options.refuse_choice = Some(AlertDescription::internal_error);
        }
        if options.versions.is_empty() {
            return Err(unsupported::OLD_VERSIONS);
        }
        Ok(options)
    }

    /// The credential that arguments speak of now: the newest, or the default one.
    fn credential(&mut self) -> &mut CredentialOptions {
        self.credentials.last_mut().unwrap_or(&mut self.default_credential)
    }

    /// Takes what the shim is to be and to do; says whether the argument was one of these.
    fn take_behaviour(&mut self, name: &str, value: &mut Value<'_>) -> Result<bool, Unsupported> {
        match name {
            "-port" => self.port = value.number()?,
            "-ipv6" => self.ipv6 = true,
            "-shim-id" => self.shim_id = value.number()?,
            "-server" => self.server = true,
            "-async" => self.asynchronous = true,

            "-min-version" => {
                let lowest = ProtocolVersion(value.number()?);
                self.versions.retain(|version| *version >= lowest);
            }
            "-max-version" => {
                let highest = ProtocolVersion(value.number()?);
                self.versions.retain(|version| *version <= highest);
            }
            "-no-tls13" => self.versions.retain(|version| *version != ProtocolVersion::TLSv1_3),
            "-no-tls12" => self.versions.retain(|version| *version != ProtocolVersion::TLSv1_2),
            "-fips-202205" => self.policy = Some(policy::FIPS_202205),
            "-wpa-202304" => self.policy = Some(policy::WPA_202304),
            "-cnsa-202407" => self.policy = Some(policy::CNSA_202407),
            "-curves" => self.groups.push(unsupported::check_group(NamedGroup(value.number()?))?),
            "-verify-prefs" => {
                self.verify_preferences.push(unsupported::check_scheme(SignatureScheme(value.number()?))?);
            }
            "-host-name" => self.host_name = Some(value.text()?),
            "-advertise-alpn" => self.advertise_alpn = value.text()?.into_bytes(),
            "-select-alpn" => self.select_alpn = Some(value.text()?),
            "-reject-alpn" => self.reject_alpn = true,
            "-enable-ocsp-stapling" => self.ask_for_ocsp = true,
            "-use-client-ca-list" => match value.text()?.as_str() {
                "<NULL>" | "<EMPTY>" => self.client_authorities = Vec::new(),
                list => self.client_authorities = hex_list(name, list)?,
            },

            "-new-x509-credential" => self.credentials.push(CredentialOptions::default()),
            "-cert-file" => self.credential().certificate_file = Some(value.text()?),
            "-key-file" => self.credential().key_file = Some(value.text()?),
            "-signing-prefs" => {
                let scheme = unsupported::check_scheme(SignatureScheme(value.number()?))?;
                self.credential().signing_preferences.push(scheme);
            }
            "-must-match-issuer" => self.credential().must_match_issuer = true,
            "-decline-ocsp-callback" => self.decline_ocsp = true,
            "-fail-ocsp-callback" => self.fail_ocsp = true,
            "-ocsp-response" => self.credential().ocsp_response = value.base64()?,
            "-trust-cert" => self.trust_certificate = Some(value.text()?).filter(|path| !path.is_empty()),
            "-verify-peer" => self.verify_peer = true,
            "-require-any-client-certificate" => self.require_client_certificate = true,
            "-verify-fail" => self.verify_fail = true,
            "-use-custom-verify-callback" => self.own_verifier = true,
            "-fail-early-callback" => self.refuse_choice = Some(AlertDescription::handshake_failure),
            "-fail-ddos-callback" | "-fail-cert-callback" => {
                self.refuse_choice = Some(AlertDescription::internal_error);
            }
            "-expect-extended-master-secret" => self.require_extended_master_secret = true,

            "-shim-writes-first" => self.shim_writes_first = true,
            "-shim-initial-write" => self.initial_write = value.text()?,
            "-repeat-shim-initial-write" => self.initial_writes = value.number()?,
            "-read-with-unfinished-write" => self.read_with_unfinished_write = true,
            "-send-alert" => self.send_alert = true,
            "-shim-shuts-down" => self.shim_shuts_down = true,
            "-check-close-notify" => self.check_close_notify = true,
            "-read-size" => self.read_size = value.number()?,
            "-max-send-fragment" => match value.number()? {
                SMALLEST_FRAGMENT_LEN => self.small_fragments = true,
                _ => return Err(unsupported::bad_value(name)),
            },
            "-key-update" => self.key_update = true,
            "-key-update-before-read" => self.key_update_before_read = true,
            "-write-different-record-sizes" => self.write_different_record_sizes = true,
            "-export-keying-material" => self.export.len = value.number()?,
            "-export-label" => self.export.label = value.text()?,
            "-export-context" => self.export.context = value.text()?,
            "-use-export-context" => self.export.use_context = true,
            "-use-exporter-between-reads" => self.export_between_reads = true,
            "-export-traffic-secrets" => self.export_traffic_secrets = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes what must be true of the connection; says whether the argument was one of these.
    fn take_expectation(&mut self, name: &str, value: &mut Value<'_>) -> Result<bool, Unsupported> {
        let expect = &mut self.expect;
        match name {
            "-expect-version" => expect.version = Some(ProtocolVersion(value.number()?)),
            "-expect-cipher" => expect.cipher_suite = Some(CipherSuite(value.number()?)),
            // Which of the two suites is wanted depends on the machine.
            "-expect-cipher-aes" => {
                let suite = CipherSuite(value.number()?);
                expect.cipher_suite = if has_aes_instructions() { Some(suite) } else { expect.cipher_suite };
            }
            "-expect-cipher-no-aes" => {
                let suite = CipherSuite(value.number()?);
                expect.cipher_suite = if has_aes_instructions() { expect.cipher_suite } else { Some(suite) };
            }
            "-expect-curve-id" => expect.group = Some(NamedGroup(value.number()?)),
            "-expect-peer-signature-algorithm" => {
                expect.peer_signature_scheme = Some(SignatureScheme(value.number()?));
            }
            "-expect-peer-verify-pref" => expect.peer_verify_preferences.push(SignatureScheme(value.number()?)),
            "-expect-server-name" => expect.server_name = Some(value.text()?),
            "-expect-no-server-name" => expect.no_server_name = true,
            "-expect-alpn" => expect.alpn = Some(value.text()?),
            "-expect-advertised-alpn" => expect.advertised_alpn = Some(value.text()?.into_bytes()),
            "-expect-ocsp-response" => expect.ocsp_response = value.base64()?,
            "-expect-client-ca-list" => expect.client_authorities = Some(hex_list(name, &value.text()?)?),
            "-expect-peer-cert-file" => expect.peer_certificate_file = Some(value.text()?),
            "-expect-no-peer-cert" => expect.no_peer_certificate = true,
            "-expect-selected-credential" => expect.selected_credential = Some(value.number()?),
            "-expect-hrr" => expect.hello_retry = Some(true),
            "-expect-no-hrr" => expect.hello_retry = Some(false),
            "-expect-msg-callback" => expect.messages = Some(value.text()?),
            "-expect-total-renegotiations" => {
                if value.number::<u32>()? != 0 {
                    return Err(unsupported::flag("-renegotiate-freely"));
                }
            }
            "-handshake-never-done" => expect.never_established = true,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Arguments that ask for what is so in any case, and why.
fn changes_nothing(name: &str) -> bool {
    const NOTHING_TO_DO: &[&str] = &[
        // There is no TLS 1.1 and no TLS 1.0 to switch off.
        "-no-tls11",
        "-no-tls1",
        // The handshake is made by the first receive, whoever asks for it.
        "-implicit-handshake",
        "-no-op-extra-handshake",
        "-handshake-twice",
        // Every certificate is chosen, and every chain judged, where the application can have its say.
        "-use-early-callback",
        "-install-ddos-callback",
        "-use-old-client-cert-callback",
        "-use-ocsp-callback",
        "-set-ocsp-in-callback",
        "-expect-verify-result",
        // The server's order of suites counts in any case.
        "-server-preference",
        // No application protocol is chosen unless one is configured.
        "-decline-alpn",
        // Sending may take a part in any case.
        "-partial-write",
        // A HelloRequest is answered with no_renegotiation in any case, and none may come that is not.
        "-renegotiate-ignore",
        "-forbid-renegotiation-after-handshake",
        // There are no tickets and no sessions.
        "-no-ticket",
        "-expect-no-session",
        "-expect-no-session-id",
    ];
    NOTHING_TO_DO.contains(&name)
}

fn has_aes_instructions() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// The value behind an argument.
struct Value<'a> {
    name: &'a str,
    arguments: &'a mut std::vec::IntoIter<String>,
}

impl Value<'_> {
    fn text(&mut self) -> Result<String, Unsupported> {
        self.arguments.next().ok_or_else(|| unsupported::bad_value(self.name))
    }

    fn number<N: std::str::FromStr>(&mut self) -> Result<N, Unsupported> {
        self.text()?.parse().map_err(|_| unsupported::bad_value(self.name))
    }

    fn base64(&mut self) -> Result<Vec<u8>, Unsupported> {
        base64(&self.text()?).ok_or_else(|| unsupported::bad_value(self.name))
    }
}

/// RFC 4648 §4.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    Some(bytes)
}

fn hex_list(name: &str, text: &str) -> Result<Vec<Vec<u8>>, Unsupported> {
    let byte = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let bytes = |item: &str| item.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>();
    let items = text.split(',').filter(|item| !item.is_empty());
    items.map(bytes).collect::<Option<Vec<_>>>().ok_or_else(|| unsupported::bad_value(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_and_without_padding() {
        assert_eq!(base64("AQIDBA==").unwrap(), [1, 2, 3, 4]);
        assert_eq!(base64("+/8").unwrap(), [0xfb, 0xff]);
        assert_eq!(base64("a-b"), None);
    }

    #[test]
    fn a_list_of_names_in_hexadecimal_is_split_at_commas() {
        assert_eq!(hex_list("-x", "0102,ff").unwrap(), [vec![1, 2], vec![255]]);
        assert!(hex_list("-x", "0g").is_err());
    }

    #[test]
    fn flag_for_a_missing_feature_is_unsupported_with_its_reason() {
        let reason = Options::parse(vec!["-server".to_owned(), "-dtls".to_owned()]).unwrap_err().to_string();
        assert!(reason.starts_with("Never: ") && reason.contains("DTLS"), "{reason}");
    }

    #[test]
    fn unknown_flag_is_unsupported() {
        assert!(Options::parse(vec!["-no-such-flag".to_owned()]).is_err());
    }
}
