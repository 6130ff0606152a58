//! The runner's arguments.

use std::sync::Arc;

use bulla::config::Policy;
use bulla::config::compression::CompressCertificates;
use bulla::crypto::HashAlgorithm;
use bulla::wire::{
    AlertDescription, CertificateCompressionAlgorithm, CertificateType, NamedGroup, ProtocolVersion, SignatureScheme,
};

use crate::compression;
use crate::expect::Expectations;
use crate::unsupported::{self, Unsupported};
use crate::value::{Arguments, Value};

/// The size of fragments that a caller gets who lends bulla no more room than it asks for.
const SMALLEST_FRAGMENT_LEN: usize = 512;

/// A certificate that the shim may show, or a key that it may use in its place.
#[derive(Debug, Default)]
pub(crate) struct CredentialOptions {
    pub(crate) certificate_file: Option<String>,
    pub(crate) key_file: Option<String>,
    /// The key is shown by itself, without a certificate.
    pub(crate) is_raw: bool,
    pub(crate) signing_preferences: Vec<SignatureScheme>,
    /// What vouches for the key, where it is not the certificate's.
    pub(crate) delegated_credential: Vec<u8>,
    pub(crate) ocsp_response: Vec<u8>,
    pub(crate) timestamps: Vec<u8>,
    /// It is shown only to a peer that names the issuer of one of its certificates.
    pub(crate) must_match_issuer: bool,
    pub(crate) psk: Option<PskOptions>,
}

/// An external PSK, before it is imported. RFC 9258 §5.1.
#[derive(Debug)]
pub(crate) struct PskOptions {
    pub(crate) key: Vec<u8>,
    pub(crate) identity: Vec<u8>,
    pub(crate) context: Vec<u8>,
    pub(crate) hash: HashAlgorithm,
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
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) ipv6: bool,
    pub(crate) shim_id: u64,
    pub(crate) server: bool,
    /// `-async`: questions are answered late, reads and writes move little.
    pub(crate) asynchronous: bool,
    /// How many connections follow the first.
    pub(crate) resume_count: u32,
    /// How far the clock goes on behind this connection, in seconds.
    pub(crate) resumption_delay: u64,

    pub(crate) versions: Vec<ProtocolVersion>,
    pub(crate) policy: Option<Policy>,
    /// `-cnsa-202407`: AES-256 before the other suites of TLS 1.3, which stay.
    pub(crate) aes_256_first: bool,
    pub(crate) groups: Vec<NamedGroup>,
    /// The groups of the first hello's key shares, if they are chosen.
    pub(crate) key_shares: Option<Vec<NamedGroup>>,
    /// What the client knows of the server's groups.
    pub(crate) groups_of_server: Vec<NamedGroup>,
    pub(crate) grease: bool,
    pub(crate) shuffle_extensions: bool,
    pub(crate) verify_preferences: Vec<SignatureScheme>,
    pub(crate) host_name: Option<String>,
    /// What the client offers, as in the extension: names with their lengths.
    pub(crate) advertise_alpn: Vec<u8>,
    pub(crate) select_alpn: Option<String>,
    pub(crate) reject_alpn: bool,
    pub(crate) ask_for_ocsp: bool,
    pub(crate) ask_for_timestamps: bool,
    pub(crate) certificate_compression: Vec<Arc<dyn CompressCertificates>>,
    /// The application staples nothing, whatever it has.
    pub(crate) decline_ocsp: bool,
    /// The application refuses: a client the stapled response, a server to choose one.
    pub(crate) fail_ocsp: bool,
    pub(crate) client_authorities: Vec<Vec<u8>>,
    /// What the peer may show, if that is chosen.
    pub(crate) accepted_types: Vec<CertificateType>,
    /// What the client offers to show, if that is chosen.
    pub(crate) offered_types: Vec<CertificateType>,

    pub(crate) default_credential: CredentialOptions,
    pub(crate) credentials: Vec<CredentialOptions>,
    pub(crate) trust_certificate: Option<String>,
    pub(crate) verify_peer: bool,
    pub(crate) require_client_certificate: bool,
    pub(crate) verify_fail: bool,
    /// The chain of a session is judged again before the session is offered.
    pub(crate) verify_again: bool,
    /// `-use-custom-verify-callback`: a refused chain is refused with the library's alert, not with one of the
    /// application's choice.
    pub(crate) own_verifier: bool,
    pub(crate) require_extended_master_secret: bool,
    /// The application refuses when it is asked for a certificate, with this alert.
    pub(crate) refuse_choice: Option<AlertDescription>,
    /// No tickets: none sent, none taken, none offered.
    pub(crate) no_ticket: bool,
    /// The application that seals tickets seals none.
    pub(crate) skip_ticket: bool,
    pub(crate) enable_early_data: bool,
    /// The handshake message that comes before the client writes early.
    pub(crate) early_write_after_message: Option<u8>,

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
    pub(crate) export_tls_unique: bool,

    pub(crate) expect: Expectations,
}

impl Options {
    /// What an absent argument means, where that is not nothing.
    pub(crate) fn new() -> Self {
        Self {
            versions: vec![ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2],
            initial_write: "hello".to_owned(),
            initial_writes: 1,
            read_size: 512,
            ..Self::default()
        }
    }

    /// Takes one argument with its value. One that is not known, or wants what bulla does not have, is refused.
    pub(crate) fn take(&mut self, name: &str, arguments: &mut Arguments<'_>) -> Result<(), Unsupported> {
        let mut value = Value { name, arguments };
        let taken = self.take_behaviour(name, &mut value)?
            || self.take_resumption(name, &mut value)?
            || self.expect.take(name, &mut value)?
            || changes_nothing(name);
        if taken { Ok(()) } else { Err(unsupported::flag(name)) }
    }

    /// The credential that arguments speak of now: the newest, or the default one.
    fn credential(&mut self) -> &mut CredentialOptions {
        self.credentials.last_mut().unwrap_or(&mut self.default_credential)
    }

    /// Takes what the shim is to be and to do; says whether the argument was one of these.
    fn take_behaviour(&mut self, name: &str, value: &mut Value<'_, '_>) -> Result<bool, Unsupported> {
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
            "-fips-202205" => self.policy = Some(Policy::SP_800_52_2026_11),
            "-wpa-202304" => self.policy = Some(Policy::WPA3_192_2026_11),
            "-cnsa1-202603" => self.policy = Some(Policy::CNSA_1_2026_11),
            "-cnsa2-202603" => self.policy = Some(Policy::CNSA_2026_11),
            "-cnsa-202407" => self.aes_256_first = true,
            "-curves" => self.groups.push(unsupported::check_group(NamedGroup(value.number()?))?),
            "-key-shares" => self.key_shares.get_or_insert_default().push(NamedGroup(value.number()?)),
            "-no-key-shares" => self.key_shares = Some(Vec::new()),
            "-server-supported-groups-hint" => self.groups_of_server.push(NamedGroup(value.number()?)),
            "-enable-grease" => self.grease = true,
            "-permute-extensions" => self.shuffle_extensions = true,
            "-verify-prefs" => {
                self.verify_preferences.push(unsupported::check_scheme(SignatureScheme(value.number()?))?);
            }
            "-host-name" => self.host_name = Some(value.text()?),
            "-advertise-alpn" => self.advertise_alpn = value.text()?.into_bytes(),
            "-select-alpn" => self.select_alpn = value.text_or_none()?,
            "-reject-alpn" => self.reject_alpn = true,
            "-enable-ocsp-stapling" => self.ask_for_ocsp = true,
            "-enable-signed-cert-timestamps" => self.ask_for_timestamps = true,
            "-install-cert-compression-algs" => self.certificate_compression = compression::algorithms(None),
            "-install-one-cert-compression-alg" => {
                let alone = CertificateCompressionAlgorithm(value.number()?);
                self.certificate_compression = compression::algorithms(Some(alone));
            }
            "-use-client-ca-list" => self.client_authorities = value.hex_list()?,

            "-accepted-peer-cert-types" => self.accepted_types.push(CertificateType(value.number()?)),
            "-available-client-cert-types" => self.offered_types.push(CertificateType(value.number()?)),

            "-new-x509-credential" | "-new-delegated-credential" => {
                self.credentials.push(CredentialOptions::default());
            }
            "-new-rpk-credential" => {
                self.credentials.push(CredentialOptions { is_raw: true, ..CredentialOptions::default() });
            }
            "-cert-file" => self.credential().certificate_file = Some(value.text()?),
            "-key-file" => self.credential().key_file = Some(value.text()?),
            "-signing-prefs" => {
                let scheme = unsupported::check_scheme(SignatureScheme(value.number()?))?;
                self.credential().signing_preferences.push(scheme);
            }
            "-must-match-issuer" => self.credential().must_match_issuer = true,
            "-decline-ocsp-callback" => self.decline_ocsp = true,
            "-fail-ocsp-callback" => self.fail_ocsp = true,
            "-delegated-credential" => self.credential().delegated_credential = value.base64()?,
            "-signed-cert-timestamps" => self.credential().timestamps = value.base64()?,
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
            "-tls-unique" => self.export_tls_unique = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes what concerns more than one connection, or a key from elsewhere; says whether the argument was one of these.
    fn take_resumption(&mut self, name: &str, value: &mut Value<'_, '_>) -> Result<bool, Unsupported> {
        match name {
            "-resume-count" => self.resume_count = value.number()?,
            "-resumption-delay" => self.resumption_delay = value.number()?,
            "-no-ticket" => self.no_ticket = true,
            "-skip-ticket" => self.skip_ticket = true,
            "-reverify-on-resume" => self.verify_again = true,
            "-enable-early-data" => self.enable_early_data = true,
            "-early-write-after-message" => self.early_write_after_message = Some(value.number()?),

            "-new-psk-credential" => {
                let (key, identity, context) = Default::default();
                let psk = PskOptions { key, identity, context, hash: HashAlgorithm::Sha256 };
                self.credentials.push(CredentialOptions { psk: Some(psk), ..CredentialOptions::default() });
            }
            "-psk-importer-key" => self.psk(name)?.key = value.base64()?,
            "-psk-importer-identity" => self.psk(name)?.identity = value.base64()?,
            "-psk-importer-context" => self.psk(name)?.context = value.base64()?,
            "-psk-importer-sha256" => self.psk(name)?.hash = HashAlgorithm::Sha256,
            "-psk-importer-sha384" => self.psk(name)?.hash = HashAlgorithm::Sha384,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn psk(&mut self, name: &str) -> Result<&mut PskOptions, Unsupported> {
        self.credential().psk.as_mut().ok_or_else(|| unsupported::bad_value(name))
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
        // Tickets are sealed by an object that the application makes.
        "-use-ticket-callback",
        "-use-ticket-aead-callback",
        // A resumed connection of TLS 1.3 gets new tickets in any case.
        "-renew-ticket",
        // Nobody allows a session to be resumed under another name, and it is not.
        "-expect-not-resumable-across-names",
    ];
    NOTHING_TO_DO.contains(&name)
}
