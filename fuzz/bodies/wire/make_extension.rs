//! Makes extensions, one enumeration per message, and what stands in them.

use bulla::wire::*;

use super::Make;
use super::make::{make, make_one_of, other_than_ocsp};
use crate::bodies::source::Source;

make! {
    ServerNameList<'a>, s => ServerNameList { server_name_list: s.list(1) };
    ServerNameEntry<'a>, s => ServerNameEntry { name_type: s.make(), name: s.bytes(1..=4096) };
    CertificateStatusRequest<'a>, s => match other_than_ocsp(s) {
        None => CertificateStatusRequest::Ocsp(OcspStatusRequest {
            responder_id_list: s.list(0),
            request_extensions: s.bytes(0..=4096),
        }),
        Some(other) => CertificateStatusRequest::Other(other, s.bytes(0..=4096)),
    };
    ResponderId<'a>, s => ResponderId(s.bytes(1..=4096));
    OfferedPsks<'a>, s => OfferedPsks { identities: s.list(1), binders: s.list(1) };
    PskIdentity<'a>, s => PskIdentity { identity: s.bytes(1..=4096), obfuscated_ticket_age: s.u32() };
    PskBinderEntry<'a>, s => PskBinderEntry(s.bytes(32..=255));
    ProtocolNameList<'a>, s => ProtocolNameList {
        protocol_name_list: (0..=s.below(8)).map(|_| s.bytes(1..=255)).collect(),
    };
    KeyShareEntry<'a>, s => KeyShareEntry { group: s.make(), key_exchange: s.bytes(1..=4096) };
    OidFilter<'a>, s => OidFilter {
        certificate_extension_oid: s.bytes(1..=255),
        certificate_extension_values: s.bytes(0..=4096),
    };
    Credential<'a>, s => Credential {
        valid_time: s.u32(),
        dc_cert_verify_algorithm: s.make(),
        subject_public_key_info: s.bytes(1..=4096),
    };
    DelegatedCredential<'a>, s => DelegatedCredential {
        credential: s.make(),
        algorithm: s.make(),
        signature: s.bytes(1..=4096),
    };
    DistinguishedName<'a>, s => DistinguishedName(s.bytes(1..=4096));
    SerializedSct<'a>, s => SerializedSct(s.bytes(1..=4096));
    SignedCertificateTimestampList<'a>, s => SignedCertificateTimestampList { sct_list: s.list(1) };
}

/// An extension that the enumeration keeps as bytes: of a type that has no name, or of one that has no place there.
macro_rules! unknown {
    ($name:ident, $s:ident) => {{
        let extension_type: ExtensionType = $s.make();
        let [high, low] = extension_type.0.to_be_bytes();
        let is_kept = matches!(read_all::<$name>(&[high, low, 0, 0]), Ok($name::Unknown(_)));
        let extension_type = if is_kept { extension_type } else { ExtensionType(0x4a4a) };
        UnknownExtension { extension_type, extension_data: $s.bytes(0..=4096) }
    }};
}

make_one_of! {
    ClientExtension<'a>, s =>
    ServerName(s.make()),
    MaxFragmentLength(s.make()),
    StatusRequest(s.make()),
    SupportedGroups(s.list(1)),
    EcPointFormats(s.list(1)),
    SignatureAlgorithms(s.list(1)),
    SignatureAlgorithmsCert(s.list(1)),
    ApplicationLayerProtocolNegotiation(s.make()),
    SignedCertificateTimestamp,
    ClientCertificateType(s.list(1)),
    ServerCertificateType(s.list(1)),
    Padding(s.bytes(0..=4096)),
    ExtendedMasterSecret,
    CompressCertificate(s.list(1)),
    RecordSizeLimit(s.u16()),
    DelegatedCredential(s.list(1)),
    SessionTicket(s.bytes(0..=4096)),
    PreSharedKey(s.make()),
    EarlyData,
    SupportedVersions(s.list(1)),
    Cookie(s.bytes(1..=4096)),
    PskKeyExchangeModes(s.list(1)),
    CertificateAuthorities(s.list(1)),
    PostHandshakeAuth,
    KeyShare(s.list(0)),
    RenegotiationInfo(s.bytes(0..=255)),
    Unknown(unknown!(ClientExtension, s)),
}

make_one_of! {
    ServerExtension<'a>, s =>
    ServerNameAck,
    MaxFragmentLength(s.make()),
    StatusRequest,
    EcPointFormats(s.list(1)),
    ApplicationLayerProtocolNegotiation(s.make()),
    SignedCertificateTimestamp(s.make()),
    ClientCertificateType(s.make()),
    ServerCertificateType(s.make()),
    ExtendedMasterSecret,
    RecordSizeLimit(s.u16()),
    SessionTicket,
    PreSharedKey(s.u16()),
    SupportedVersions(s.make()),
    KeyShare(s.make()),
    RenegotiationInfo(s.bytes(0..=255)),
    Unknown(unknown!(ServerExtension, s)),
}

make_one_of! {
    RetryExtension<'a>, s =>
    SupportedVersions(s.make()),
    Cookie(s.bytes(1..=4096)),
    KeyShare(s.make()),
    Unknown(unknown!(RetryExtension, s)),
}

make_one_of! {
    EncryptedExtension<'a>, s =>
    ServerNameAck,
    MaxFragmentLength(s.make()),
    SupportedGroups(s.list(1)),
    ApplicationLayerProtocolNegotiation(s.make()),
    ClientCertificateType(s.make()),
    ServerCertificateType(s.make()),
    RecordSizeLimit(s.u16()),
    EarlyData,
    Unknown(unknown!(EncryptedExtension, s)),
}

make_one_of! {
    CertificateRequestExtension<'a>, s =>
    StatusRequest,
    SignatureAlgorithms(s.list(1)),
    SignedCertificateTimestamp,
    CompressCertificate(s.list(1)),
    DelegatedCredential(s.list(1)),
    CertificateAuthorities(s.list(1)),
    OidFilters(s.list(0)),
    SignatureAlgorithmsCert(s.list(1)),
    Unknown(unknown!(CertificateRequestExtension, s)),
}

make_one_of! {
    CertificateExtension<'a>, s =>
    StatusRequest(s.make()),
    SignedCertificateTimestamp(s.make()),
    DelegatedCredential(s.make()),
    Unknown(unknown!(CertificateExtension, s)),
}

make_one_of! {
    NewSessionTicketExtension<'a>, s =>
    EarlyData(s.u32()),
    Unknown(unknown!(NewSessionTicketExtension, s)),
}
