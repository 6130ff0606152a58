//! Which extension may stand in which message: the one table. RFC 8446 §4.2.

use crate::wire::ExtensionType;

/// The messages of TLS 1.3 that carry extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionContext {
    /// CH.
    ClientHello,
    /// SH.
    ServerHello,
    /// HRR.
    HelloRetryRequest,
    /// EE.
    EncryptedExtensions,
    /// CR.
    CertificateRequest,
    /// CT, in each entry.
    Certificate,
    /// NST.
    NewSessionTicket,
}

/// Says whether TLS 1.3 allows the extension in the message; `None` if the extension is not known here, so that nothing
/// can be said. What belongs to TLS 1.2 alone stands in a ClientHello, for servers that choose it, and nowhere else.
/// RFC 8446 §4.2.
pub fn allowed_in(extension: ExtensionType, context: ExtensionContext) -> Option<bool> {
    use ExtensionContext::{
        Certificate as CT, CertificateRequest as CR, ClientHello as CH, EncryptedExtensions as EE,
        HelloRetryRequest as HRR, NewSessionTicket as NST, ServerHello as SH,
    };
    type T = ExtensionType;
    let allowed: &[ExtensionContext] = match extension {
        // In CertificateRequest since RFC 9846 §4.3.
        T::server_name => &[CH, EE, CR],
        T::max_fragment_length => &[CH, EE],
        T::status_request => &[CH, CR, CT],
        T::supported_groups => &[CH, EE],
        T::signature_algorithms => &[CH, CR],
        T::use_srtp => &[CH, EE],
        T::heartbeat => &[CH, EE],
        T::application_layer_protocol_negotiation => &[CH, EE],
        T::signed_certificate_timestamp => &[CH, CR, CT],
        T::client_certificate_type => &[CH, EE],
        T::server_certificate_type => &[CH, EE],
        T::padding => &[CH],
        T::compress_certificate => &[CH, CR],
        T::record_size_limit => &[CH, EE],
        T::delegated_credential => &[CH, CR, CT],
        T::pre_shared_key => &[CH, SH],
        T::early_data => &[CH, EE, NST],
        T::supported_versions => &[CH, SH, HRR],
        T::cookie => &[CH, HRR],
        T::psk_key_exchange_modes => &[CH],
        T::certificate_authorities => &[CH, CR],
        T::oid_filters => &[CR],
        T::post_handshake_auth => &[CH],
        T::signature_algorithms_cert => &[CH, CR],
        T::key_share => &[CH, SH, HRR],
        T::quic_transport_parameters => &[CH, EE],
        T::ticket_request => &[CH, EE],
        T::encrypted_client_hello => &[CH, HRR, EE],
        T::ec_point_formats | T::encrypt_then_mac | T::extended_master_secret => &[CH],
        T::session_ticket | T::renegotiation_info => &[CH],
        _ => return None,
    };
    Some(allowed.contains(&context))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_of_tls12_alone_stands_in_client_hello_and_nowhere_else() {
        for extension in [
            ExtensionType::ec_point_formats,
            ExtensionType::encrypt_then_mac,
            ExtensionType::extended_master_secret,
            ExtensionType::session_ticket,
            ExtensionType::renegotiation_info,
        ] {
            assert_eq!(allowed_in(extension, ExtensionContext::ClientHello), Some(true), "{extension}");
            assert_eq!(allowed_in(extension, ExtensionContext::EncryptedExtensions), Some(false), "{extension}");
            assert_eq!(allowed_in(extension, ExtensionContext::ServerHello), Some(false), "{extension}");
        }
    }
}
