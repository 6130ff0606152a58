//! What the arguments expect of a connection.

use bulla::wire::{CertificateType, CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

use crate::unsupported::{self, Unsupported};
use crate::value::Value;

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
    pub(crate) timestamps: Vec<u8>,
    pub(crate) client_authorities: Option<Vec<Vec<u8>>>,
    pub(crate) peer_certificate_file: Option<String>,
    pub(crate) no_peer_certificate: bool,
    pub(crate) peer_certificate_type: Option<CertificateType>,
    /// The SHA-256 hash of the raw public key that the peer must have.
    pub(crate) peer_raw_key_hash: Vec<u8>,
    pub(crate) renegotiation_info: Option<bool>,
    /// In seconds.
    pub(crate) ticket_age_skew: Option<i32>,
    pub(crate) selected_credential: Option<i32>,
    pub(crate) hello_retry: Option<bool>,
    pub(crate) messages: Option<String>,
    pub(crate) never_established: bool,

    /// On a connection behind the first: the handshake is a full one all the same.
    pub(crate) session_miss: bool,
    /// The client gets no session to keep.
    pub(crate) no_session: bool,
    /// Whether the server keeps the first connection's session in its store.
    pub(crate) session_id: Option<bool>,
    /// The client gets a ticket in TLS 1.2 also where it resumes.
    pub(crate) ticket_renewal: bool,
    /// The client's new session allows early data.
    pub(crate) ticket_supports_early_data: bool,
    pub(crate) accept_early_data: bool,
    pub(crate) reject_early_data: bool,
    pub(crate) no_offer_early_data: bool,
    /// Why early data was taken or not, in the runner's words.
    pub(crate) early_data_reason: Option<String>,
}

impl Expectations {
    /// Takes what must be true of the connection; says whether the argument was one of these.
    pub(crate) fn take(&mut self, name: &str, value: &mut Value<'_, '_>) -> Result<bool, Unsupported> {
        match name {
            "-expect-version" => self.version = Some(ProtocolVersion(value.number()?)),
            "-expect-cipher" => self.cipher_suite = Some(CipherSuite(value.number()?)),
            // Which of the two suites is wanted depends on the machine.
            "-expect-cipher-aes" => {
                let suite = CipherSuite(value.number()?);
                self.cipher_suite = if has_aes_instructions() { Some(suite) } else { self.cipher_suite };
            }
            "-expect-cipher-no-aes" => {
                let suite = CipherSuite(value.number()?);
                self.cipher_suite = if has_aes_instructions() { self.cipher_suite } else { Some(suite) };
            }
            "-expect-curve-id" => self.group = Some(NamedGroup(value.number()?)),
            "-expect-peer-signature-algorithm" => {
                self.peer_signature_scheme = Some(SignatureScheme(value.number()?));
            }
            "-expect-peer-verify-pref" => self.peer_verify_preferences.push(SignatureScheme(value.number()?)),
            "-expect-server-name" => self.server_name = Some(value.text()?),
            "-expect-no-server-name" => self.no_server_name = true,
            "-expect-alpn" => self.alpn = value.text_or_none()?,
            "-expect-advertised-alpn" => self.advertised_alpn = Some(value.text()?.into_bytes()),
            "-expect-ocsp-response" => self.ocsp_response = value.base64()?,
            "-expect-signed-cert-timestamps" => self.timestamps = value.base64()?,
            "-expect-client-ca-list" => self.client_authorities = Some(value.hex_list()?),
            "-expect-peer-cert-file" => self.peer_certificate_file = Some(value.text()?),
            "-expect-no-peer-cert" => self.no_peer_certificate = true,
            "-expect-peer-certificate-type" => self.peer_certificate_type = Some(CertificateType(value.number()?)),
            "-expect-peer-rpk-sha256" => self.peer_raw_key_hash = value.base64()?,
            "-expect-secure-renegotiation" => self.renegotiation_info = Some(true),
            "-expect-no-secure-renegotiation" => self.renegotiation_info = Some(false),
            "-expect-ticket-age-skew" => self.ticket_age_skew = Some(value.number()?),
            "-expect-selected-credential" => self.selected_credential = Some(value.number()?),
            "-expect-hrr" => self.hello_retry = Some(true),
            "-expect-no-hrr" => self.hello_retry = Some(false),
            "-expect-msg-callback" => self.messages = Some(value.text()?),
            "-expect-total-renegotiations" => {
                if value.number::<u32>()? != 0 {
                    return Err(unsupported::flag("-renegotiate-freely"));
                }
            }
            "-expect-session-miss" => self.session_miss = true,
            "-expect-no-session" => self.no_session = true,
            "-expect-session-id" => self.session_id = Some(true),
            "-expect-no-session-id" => self.session_id = Some(false),
            "-expect-ticket-renewal" => self.ticket_renewal = true,
            "-expect-ticket-supports-early-data" => self.ticket_supports_early_data = true,
            "-expect-accept-early-data" => self.accept_early_data = true,
            "-expect-reject-early-data" => self.reject_early_data = true,
            "-expect-no-offer-early-data" => self.no_offer_early_data = true,
            "-expect-early-data-reason" => self.early_data_reason = Some(value.text()?),
            "-handshake-never-done" => self.never_established = true,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn has_aes_instructions() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}
