//! What a connection can be asked: where it stands, what was negotiated, who the peer is, and keys for the application.

use pki_types::{CertificateDer, SubjectPublicKeyInfoDer};

use super::{Connection, Phase, Role};
use crate::crypto::Digest;
use crate::error::{Error, Misuse};
use crate::handshake::{EarlyData, HandshakeKind, Negotiated};
use crate::verify::server_end_point;
use crate::wire::{CertificateType, CipherSuite, ExtensionType, NamedGroup, ProtocolVersion, SignatureScheme};

impl Connection {
    /// Fills `output` with keying material for the application: TLS-Exporter. RFC 8446 §7.5. The label is at most 249
    /// bytes, the output at most 255 times the hash's length. An absent context is an empty one in TLS 1.3, and is not in TLS
    /// 1.2, where extended master secret is needed. RFC 5705 §4, RFC 7627 §5.4.
    pub fn export(&self, label: &[u8], context: Option<&[u8]>, output: &mut [u8]) -> Result<(), Error> {
        match &self.phase {
            Phase::Established { connected, .. } => {
                output.copy_from_slice(connected.export(label, context, output.len())?.expose());
                Ok(())
            }
            Phase::Failed(error) => Err(error.clone()),
            Phase::Client(_) | Phase::Server(_) => Err(Misuse::HandshakeNotFinished.into()),
        }
    }

    /// Returns the channel binding `tls-exporter`, which ties an authentication inside the connection to it. RFC 9266.
    pub fn tls_exporter_channel_binding(&self) -> Result<[u8; 32], Error> {
        let mut binding = [0; 32];
        // RFC 9266 §2: an empty context, which TLS 1.2 tells from none.
        self.export(b"EXPORTER-Channel-Binding", Some(b""), &mut binding)?;
        Ok(binding)
    }

    /// Returns the channel binding `tls-unique`: the first Finished of the handshake. RFC 5929 §3. TLS 1.2 alone has it, and
    /// with extended master secret alone does it bind to anything: [`Misuse::NoTlsUnique`].
    pub fn tls_unique(&self) -> Result<[u8; 12], Error> {
        match &self.phase {
            Phase::Established { connected, .. } => connected.tls_unique(),
            Phase::Failed(error) => Err(error.clone()),
            Phase::Client(_) | Phase::Server(_) => Err(Misuse::HandshakeNotFinished.into()),
        }
    }

    /// Returns the channel binding `tls-server-end-point`, on both ends: the hash of the server's certificate with the hash of
    /// that certificate's signature, SHA-256 instead of MD5 and SHA-1. RFC 5929 §4. A resumed connection has that of the
    /// session.
    ///
    /// [`Misuse::NoEndPointBinding`]: where the server has shown no certificate, or one whose signature names no hash (Ed25519),
    /// there is none.
    pub fn tls_server_end_point(&self) -> Result<Digest, Error> {
        let (role, connected, negotiated) = match &self.phase {
            Phase::Established { role, connected, negotiated } => (role, connected, negotiated),
            Phase::Failed(error) => return Err(error.clone()),
            Phase::Client(_) | Phase::Server(_) => return Err(Misuse::HandshakeNotFinished.into()),
        };
        let binding = match role {
            Role::Client => {
                let leaf = negotiated.peer_certificates.certificates().first();
                leaf.and_then(|leaf| server_end_point(connected.provider(), leaf))
            }
            Role::Server => negotiated.server_end_point.as_deref().copied(),
        };
        binding.ok_or(Misuse::NoEndPointBinding.into())
    }

    /// Fills `output` with keying material that both ends have as soon as early data is accepted, and a client once it is
    /// offered: TLS-Exporter with early_exporter_secret. RFC 8446 §7.5. An attacker who replays the early data replays what is
    /// made of this too. An absent context is an empty one.
    ///
    /// [`Misuse::NoEarlyExporter`]: none was offered, or the server has not accepted it.
    pub fn export_early(&self, label: &[u8], context: Option<&[u8]>, output: &mut [u8]) -> Result<(), Error> {
        if let Phase::Failed(error) = &self.phase {
            return Err(error.clone());
        }
        let exporter = self.early_exporter.as_ref().ok_or(Misuse::NoEarlyExporter)?;
        output.copy_from_slice(exporter.export(label, context.unwrap_or_default(), output.len())?.expose());
        Ok(())
    }

    /// Returns the most plaintext that a record of ours may hold now: 16,384 bytes, or what the peer has asked for. RFC 8449,
    /// RFC 6066 §4.
    #[must_use]
    pub fn max_fragment_len(&self) -> usize {
        self.writer.max_fragment_len()
    }

    /// Says whether the handshake is finished and the connection has not failed.
    #[must_use]
    pub fn is_established(&self) -> bool {
        matches!(self.phase, Phase::Established { .. })
    }

    /// Says whether the connection has failed, so that every call repeats the error.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        matches!(self.phase, Phase::Failed(_))
    }

    /// Says whether application data can be sent now.
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.check_may_send().is_ok()
    }

    /// Says whether the peer has sent close_notify.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.peer_closed
    }

    /// Returns the handshake's state by its name in RFC 8446 §A, for logs and tests.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match &self.phase {
            Phase::Client(state) => state.name(),
            Phase::Server(state) => state.name(),
            Phase::Established { connected, .. } => connected.state(),
            Phase::Failed(_) => "Failed",
        }
    }

    fn negotiated(&self) -> Option<&Negotiated> {
        match &self.phase {
            Phase::Established { negotiated, .. } => Some(negotiated),
            Phase::Client(_) | Phase::Server(_) | Phase::Failed(_) => None,
        }
    }

    /// Returns the protocol version, once established.
    #[must_use]
    pub fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.negotiated().map(|negotiated| negotiated.version)
    }

    /// Returns the cipher suite, once established.
    #[must_use]
    pub fn cipher_suite(&self) -> Option<CipherSuite> {
        self.negotiated().map(|negotiated| negotiated.cipher_suite)
    }

    /// Returns the key exchange group, once established.
    #[must_use]
    pub fn group(&self) -> Option<NamedGroup> {
        self.negotiated().map(|negotiated| negotiated.group)
    }

    /// Returns the scheme of the peer's handshake signature, if it made one.
    #[must_use]
    pub fn peer_signature_scheme(&self) -> Option<SignatureScheme> {
        self.negotiated()?.peer_signature_scheme
    }

    /// Returns what the handshake was authenticated by, once established.
    #[must_use]
    pub fn handshake_kind(&self) -> Option<HandshakeKind> {
        self.negotiated().map(|negotiated| negotiated.kind)
    }

    /// Returns the identity of the external PSK that the handshake was authenticated by: who the peer is.
    #[must_use]
    pub fn external_psk_identity(&self) -> Option<&[u8]> {
        self.negotiated()?.external_psk_identity.as_deref()
    }

    /// Says what became of early data. RFC 8446 §4.2.10.
    #[must_use]
    pub fn early_data(&self) -> EarlyData {
        self.early_data
    }

    /// Returns how many bytes of early data can be sent now: 0 where none is offered, or its time is over.
    #[must_use]
    pub fn early_data_room(&self) -> u32 {
        self.early_data_room
    }

    /// Returns the application protocol, if one was agreed on. RFC 7301.
    #[must_use]
    pub fn alpn_protocol(&self) -> Option<&[u8]> {
        self.negotiated()?.application_protocol.as_deref()
    }

    /// Returns the server name that the client sent, once established. RFC 6066 §3.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.negotiated()?.server_name.as_deref()
    }

    /// Returns the peer's chain as it was sent, leaf first; empty if the peer showed none, or a raw public key.
    #[must_use]
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        self.negotiated().map_or(&[], |negotiated| negotiated.peer_certificates.certificates())
    }

    /// Returns the raw public key that the peer showed instead of a certificate. RFC 7250.
    #[must_use]
    pub fn peer_raw_public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.negotiated()?.peer_certificates.raw_public_key()
    }

    /// Returns what the peer is known by; `None` if it showed neither a certificate nor a raw public key.
    #[must_use]
    pub fn peer_certificate_type(&self) -> Option<CertificateType> {
        let shown = &self.negotiated()?.peer_certificates;
        (!shown.is_empty()).then(|| shown.certificate_type())
    }

    /// Returns the OCSP response that the peer stapled to its certificate, if it was asked to and did; on a client also that of
    /// the session.
    #[must_use]
    pub fn peer_ocsp_response(&self) -> Option<&[u8]> {
        self.negotiated()?.peer_ocsp_response.as_deref()
    }

    /// Returns the signed certificate timestamps that the server sent beside its certificate, if it was asked to and did: a
    /// SignedCertificateTimestampList with its length. RFC 6962 §3.3.
    #[must_use]
    pub fn peer_signed_certificate_timestamps(&self) -> Option<&[u8]> {
        self.negotiated()?.peer_timestamps.as_deref()
    }

    /// Says whether the server signed with a delegated credential, in this connection or in that of the session. RFC 9345.
    #[must_use]
    pub fn delegated_credential(&self) -> bool {
        self.negotiated().is_some_and(|negotiated| negotiated.delegated_until.is_some())
    }

    /// Returns what the server answered to an extension of the application's own, once established: in EncryptedExtensions,
    /// or in a ServerHello of TLS 1.2. See
    /// [`ClientHelloShape::with_extension`](crate::config::ClientHelloShape::with_extension).
    #[must_use]
    pub fn peer_extension(&self, extension: ExtensionType) -> Option<&[u8]> {
        let mut answers = self.negotiated()?.peer_extensions.iter();
        answers.find(|(answered, _)| *answered == extension).map(|(_, content)| &**content)
    }

    /// Returns by how many seconds the age of its ticket that a client told differs from the age that this server measured:
    /// positive if the client's clock runs faster, or was set forward. `None` on a client, in TLS 1.2, and without a
    /// ticket. RFC 8446 §4.2.11.1, §8.3.
    #[must_use]
    pub fn ticket_age_skew(&self) -> Option<i32> {
        self.negotiated()?.ticket_age_skew
    }

    /// Says whether the peer sent renegotiation_info, or the cipher suite that stands for it, in a handshake of TLS 1.2: an
    /// attacker's handshake before this one would have been noticed. RFC 5746. TLS 1.3 knows no renegotiation.
    #[must_use]
    pub fn peer_sent_renegotiation_info(&self) -> bool {
        self.negotiated().is_some_and(|negotiated| negotiated.renegotiation_info)
    }

    /// Says whether the handshake took a HelloRetryRequest.
    #[must_use]
    pub fn hello_retried(&self) -> bool {
        self.negotiated().is_some_and(|negotiated| negotiated.hello_retried)
    }
}
