//! Extensions: one file per extension, one enumeration per message that can carry them. RFC 8446 §4.2.
//!
//! What a message's enumeration has no typed variant for stays as bytes in its `Unknown`: a type that nobody here
//! knows, and a known one that does not belong there. Which of the two it is, [`allowed_in`] tells.

mod certificate_authorities;
mod delegated_credential;
mod key_share;
mod oid_filters;
mod placement;
mod pre_shared_key;
mod protocol_name;
mod server_name;
mod signed_certificate_timestamp;
mod status_request;

pub use certificate_authorities::DistinguishedName;
pub use delegated_credential::{Credential, DelegatedCredential};
pub use key_share::KeyShareEntry;
pub use oid_filters::OidFilter;
pub use placement::{ExtensionContext, allowed_in};
pub use pre_shared_key::{OfferedPsks, PskBinderEntry, PskIdentity};
pub use protocol_name::ProtocolNameList;
pub use server_name::{ServerNameEntry, ServerNameList};
pub use signed_certificate_timestamp::{SerializedSct, SignedCertificateTimestampList};
pub use status_request::{CertificateStatusRequest, OcspStatusRequest, ResponderId};

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::{
    CertificateCompressionAlgorithm, CertificateStatus, CertificateType, Codec, EcPointFormat, ExtensionType,
    MAX_EXTENSIONS, Malformed, MaxFragmentLength, NamedGroup, ProtocolVersion, PskKeyExchangeMode, Reader,
    SignatureScheme, TooLong, Writer, read_all_with,
};

/// An extension whose content is not looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownExtension<'a> {
    /// The code point.
    pub extension_type: ExtensionType,
    /// The content.
    pub extension_data: &'a [u8],
}

/// Anything that can stand in a list of extensions.
pub trait Extension<'a>: Codec<'a> {
    /// Returns the code point.
    fn extension_type(&self) -> ExtensionType;
}

/// Reads `Extension extensions<bounds>`; a type that stands there twice is refused. RFC 8446 §4.2.
pub(super) fn read_list<'a, E: Extension<'a>>(
    r: &mut Reader<'a>,
    bounds: RangeInclusive<usize>,
) -> Result<Vec<E>, Malformed> {
    let mut inner = Reader::new(r.vector_u16(bounds)?);
    let mut list: Vec<E> = Vec::new();
    while !inner.at_end() {
        let extension = E::read(&mut inner)?;
        if list.len() >= MAX_EXTENSIONS {
            return Err(Malformed::TooManyExtensions);
        }
        if list.iter().any(|earlier| earlier.extension_type() == extension.extension_type()) {
            return Err(Malformed::DuplicateExtension);
        }
        list.push(extension);
    }
    Ok(list)
}

/// Defines one message's enumeration: variant, the type of its content, code point, and how to read and write it.
macro_rules! extensions {
    (
        $(#[$meta:meta])*
        $name:ident { $( $(#[$row_meta:meta])* $variant:ident $( ( $content:ty ) )? = $code:ident, $read:expr, $write:expr; )* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name<'a> {
            $( $(#[$row_meta])* $variant $( ( $content ) )?, )*
            /// Any other extension, as bytes.
            Unknown(UnknownExtension<'a>),
        }

        impl $name<'_> {
            /// Returns the code point.
            pub fn extension_type(&self) -> ExtensionType {
                match self {
                    $( extensions!(@pattern $variant $( _ $content )?) => ExtensionType::$code, )*
                    Self::Unknown(unknown) => unknown.extension_type,
                }
            }
        }

        impl<'a> Extension<'a> for $name<'a> {
            fn extension_type(&self) -> ExtensionType {
                $name::extension_type(self)
            }
        }

        impl<'a> Codec<'a> for $name<'a> {
            fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
                let extension_type = ExtensionType::read(r)?;
                let extension_data = r.vector_u16(0..=0xffff)?;
                match extension_type {
                    $( ExtensionType::$code => extensions!(@read extension_data, $read, $variant $( $content )?), )*
                    _ => Ok(Self::Unknown(UnknownExtension { extension_type, extension_data })),
                }
            }

            fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
                self.extension_type().write(w)?;
                w.nest_u16(0..=0xffff, |w| match self {
                    $( extensions!(@bind $variant content $( $content )?) => extensions!(@write w, content, $write $(, $content)?), )*
                    Self::Unknown(unknown) => {
                        w.bytes(unknown.extension_data);
                        Ok(())
                    }
                })
            }
        }
    };
    (@pattern $variant:ident) => { Self::$variant };
    (@pattern $variant:ident _ $content:ty) => { Self::$variant(_) };
    (@bind $variant:ident $bound:ident) => { Self::$variant };
    (@bind $variant:ident $bound:ident $content:ty) => { Self::$variant($bound) };
    (@read $data:ident, $read:expr, $variant:ident) => { read_all_with($data, |_| Ok(Self::$variant)) };
    (@read $data:ident, $read:expr, $variant:ident $content:ty) => { read_all_with($data, $read).map(Self::$variant) };
    (@write $w:ident, $bound:ident, $write:expr) => { Ok(()) };
    (@write $w:ident, $bound:ident, $write:expr, $content:ty) => { put($w, $bound, $write) };
}

/// Calls a row's writer; a function, so that the closure in the row learns its types.
fn put<T>(
    w: &mut Writer<'_>,
    value: &T,
    write: impl FnOnce(&mut Writer<'_>, &T) -> Result<(), TooLong>,
) -> Result<(), TooLong> {
    write(w, value)
}

extensions! {
    /// An extension of ClientHello.
    ClientExtension {
        /// RFC 6066 §3.
        ServerName(ServerNameList<'a>) = server_name, Codec::read, |w, it| it.write(w);
        /// RFC 6066 §4.
        MaxFragmentLength(MaxFragmentLength) = max_fragment_length, Codec::read, |w, it| it.write(w);
        /// RFC 6066 §8.
        StatusRequest(CertificateStatusRequest<'a>) = status_request, Codec::read, |w, it| it.write(w);
        /// RFC 8446 §4.2.7.
        SupportedGroups(Vec<NamedGroup>) = supported_groups, |r| r.list_u16(2..=0xffff), |w, it| w.list_u16(2..=0xffff, it);
        /// RFC 8422 §5.1.2.
        EcPointFormats(Vec<EcPointFormat>) = ec_point_formats, |r| r.list_u8(1..=0xff), |w, it| w.list_u8(1..=0xff, it);
        /// RFC 8446 §4.2.3.
        SignatureAlgorithms(Vec<SignatureScheme>) = signature_algorithms, |r| r.list_u16(2..=0xfffe), |w, it| w.list_u16(2..=0xfffe, it);
        /// RFC 8446 §4.2.3.
        SignatureAlgorithmsCert(Vec<SignatureScheme>) = signature_algorithms_cert, |r| r.list_u16(2..=0xfffe), |w, it| w.list_u16(2..=0xfffe, it);
        /// RFC 7301 §3.1.
        ApplicationLayerProtocolNegotiation(ProtocolNameList<'a>) = application_layer_protocol_negotiation, Codec::read, |w, it| it.write(w);
        /// RFC 6962 §3.3.1: empty.
        SignedCertificateTimestamp = signed_certificate_timestamp, (), ();
        /// RFC 7250 §3: what the client can show. An empty list is the handshake's to refuse, like one of X.509 alone.
        ClientCertificateType(Vec<CertificateType>) = client_certificate_type, |r| r.list_u8(0..=0xff), |w, it| w.list_u8(0..=0xff, it);
        /// RFC 7250 §3: what the client can judge. The same.
        ServerCertificateType(Vec<CertificateType>) = server_certificate_type, |r| r.list_u8(0..=0xff), |w, it| w.list_u8(0..=0xff, it);
        /// RFC 7685: bytes that say nothing.
        Padding(&'a [u8]) = padding, |r| Ok(r.rest()), opaque;
        /// RFC 7627 §5.1: empty.
        ExtendedMasterSecret = extended_master_secret, (), ();
        /// RFC 8879 §3.
        CompressCertificate(Vec<CertificateCompressionAlgorithm>) = compress_certificate, |r| r.list_u8(2..=254), |w, it| w.list_u8(2..=254, it);
        /// RFC 8449 §4: 64 bytes at least.
        RecordSizeLimit(u16) = record_size_limit, |r| r.u16(), |w, it| { w.u16(*it); Ok(()) };
        /// RFC 9345 §4.1.1: the schemes in which a delegated key may sign.
        DelegatedCredential(Vec<SignatureScheme>) = delegated_credential, |r| r.list_u16(2..=0xfffe), |w, it| w.list_u16(2..=0xfffe, it);
        /// RFC 5077 §3.2: a ticket, or nothing.
        SessionTicket(&'a [u8]) = session_ticket, |r| Ok(r.rest()), opaque;
        /// RFC 8446 §4.2.11.
        PreSharedKey(OfferedPsks<'a>) = pre_shared_key, Codec::read, |w, it| it.write(w);
        /// RFC 8446 §4.2.10: empty.
        EarlyData = early_data, (), ();
        /// RFC 8446 §4.2.1.
        SupportedVersions(Vec<ProtocolVersion>) = supported_versions, |r| r.list_u8(2..=254), |w, it| w.list_u8(2..=254, it);
        /// RFC 8446 §4.2.2.
        Cookie(&'a [u8]) = cookie, |r| r.vector_u16(1..=0xffff), |w, it| w.vector_u16(1..=0xffff, it);
        /// RFC 8446 §4.2.9.
        PskKeyExchangeModes(Vec<PskKeyExchangeMode>) = psk_key_exchange_modes, |r| r.list_u8(1..=0xff), |w, it| w.list_u8(1..=0xff, it);
        /// RFC 8446 §4.2.4.
        CertificateAuthorities(Vec<DistinguishedName<'a>>) = certificate_authorities, |r| r.list_u16(3..=0xffff), |w, it| w.list_u16(3..=0xffff, it);
        /// RFC 8446 §4.2.6: empty.
        PostHandshakeAuth = post_handshake_auth, (), ();
        /// RFC 8446 §4.2.8.
        KeyShare(Vec<KeyShareEntry<'a>>) = key_share, |r| r.list_u16(0..=0xffff), |w, it| w.list_u16(0..=0xffff, it);
        /// RFC 5746 §3.2.
        RenegotiationInfo(&'a [u8]) = renegotiation_info, |r| r.vector_u8(0..=0xff), |w, it| w.vector_u8(0..=0xff, it);
    }
}

extensions! {
    /// An extension of ServerHello, in TLS 1.3 and in TLS 1.2.
    ServerExtension {
        /// RFC 6066 §3: the name was used. TLS 1.2.
        ServerNameAck = server_name, (), ();
        /// RFC 6066 §4. TLS 1.2.
        MaxFragmentLength(MaxFragmentLength) = max_fragment_length, Codec::read, |w, it| it.write(w);
        /// RFC 6066 §8: CertificateStatus follows. TLS 1.2.
        StatusRequest = status_request, (), ();
        /// RFC 8422 §5.2. TLS 1.2.
        EcPointFormats(Vec<EcPointFormat>) = ec_point_formats, |r| r.list_u8(1..=0xff), |w, it| w.list_u8(1..=0xff, it);
        /// RFC 7301 §3.1. TLS 1.2.
        ApplicationLayerProtocolNegotiation(ProtocolNameList<'a>) = application_layer_protocol_negotiation, Codec::read, |w, it| it.write(w);
        /// RFC 7250 §3: what the client shall show. TLS 1.2.
        ClientCertificateType(CertificateType) = client_certificate_type, Codec::read, |w, it| it.write(w);
        /// RFC 7250 §3: what the server will show. TLS 1.2.
        ServerCertificateType(CertificateType) = server_certificate_type, Codec::read, |w, it| it.write(w);
        /// RFC 6962 §3.3. TLS 1.2.
        SignedCertificateTimestamp(SignedCertificateTimestampList<'a>) = signed_certificate_timestamp, Codec::read, |w, it| it.write(w);
        /// RFC 7627 §5.1: empty. TLS 1.2.
        ExtendedMasterSecret = extended_master_secret, (), ();
        /// RFC 8449 §4. TLS 1.2.
        RecordSizeLimit(u16) = record_size_limit, |r| r.u16(), |w, it| { w.u16(*it); Ok(()) };
        /// RFC 5077 §3.2: NewSessionTicket will come. TLS 1.2.
        SessionTicket = session_ticket, (), ();
        /// RFC 8446 §4.2.11: selected_identity.
        PreSharedKey(u16) = pre_shared_key, |r| r.u16(), |w, it| { w.u16(*it); Ok(()) };
        /// RFC 8446 §4.2.1: selected_version.
        SupportedVersions(ProtocolVersion) = supported_versions, Codec::read, |w, it| it.write(w);
        /// RFC 8446 §4.2.8: server_share.
        KeyShare(KeyShareEntry<'a>) = key_share, Codec::read, |w, it| it.write(w);
        /// RFC 5746 §3.2. TLS 1.2.
        RenegotiationInfo(&'a [u8]) = renegotiation_info, |r| r.vector_u8(0..=0xff), |w, it| w.vector_u8(0..=0xff, it);
    }
}

extensions! {
    /// An extension of HelloRetryRequest.
    RetryExtension {
        /// RFC 8446 §4.2.1: selected_version.
        SupportedVersions(ProtocolVersion) = supported_versions, Codec::read, |w, it| it.write(w);
        /// RFC 8446 §4.2.2.
        Cookie(&'a [u8]) = cookie, |r| r.vector_u16(1..=0xffff), |w, it| w.vector_u16(1..=0xffff, it);
        /// RFC 8446 §4.2.8: selected_group.
        KeyShare(NamedGroup) = key_share, Codec::read, |w, it| it.write(w);
    }
}

extensions! {
    /// An extension of EncryptedExtensions.
    EncryptedExtension {
        /// RFC 6066 §3: the name was used.
        ServerNameAck = server_name, (), ();
        /// RFC 6066 §4.
        MaxFragmentLength(MaxFragmentLength) = max_fragment_length, Codec::read, |w, it| it.write(w);
        /// RFC 8446 §4.2.7: for the client's next connection.
        SupportedGroups(Vec<NamedGroup>) = supported_groups, |r| r.list_u16(2..=0xffff), |w, it| w.list_u16(2..=0xffff, it);
        /// RFC 7301 §3.1.
        ApplicationLayerProtocolNegotiation(ProtocolNameList<'a>) = application_layer_protocol_negotiation, Codec::read, |w, it| it.write(w);
        /// RFC 7250 §3: what the client shall show.
        ClientCertificateType(CertificateType) = client_certificate_type, Codec::read, |w, it| it.write(w);
        /// RFC 7250 §3: what the server will show.
        ServerCertificateType(CertificateType) = server_certificate_type, Codec::read, |w, it| it.write(w);
        /// RFC 8449 §4.
        RecordSizeLimit(u16) = record_size_limit, |r| r.u16(), |w, it| { w.u16(*it); Ok(()) };
        /// RFC 8446 §4.2.10: empty.
        EarlyData = early_data, (), ();
    }
}

extensions! {
    /// An extension of CertificateRequest.
    CertificateRequestExtension {
        /// RFC 8446 §4.4.2.1: empty, unlike in ClientHello.
        StatusRequest = status_request, (), ();
        /// RFC 8446 §4.2.3.
        SignatureAlgorithms(Vec<SignatureScheme>) = signature_algorithms, |r| r.list_u16(2..=0xfffe), |w, it| w.list_u16(2..=0xfffe, it);
        /// RFC 6962 §3.3.1: empty.
        SignedCertificateTimestamp = signed_certificate_timestamp, (), ();
        /// RFC 8879 §3.
        CompressCertificate(Vec<CertificateCompressionAlgorithm>) = compress_certificate, |r| r.list_u8(2..=254), |w, it| w.list_u8(2..=254, it);
        /// RFC 9345 §4.1.2: the schemes in which a delegated key may sign.
        DelegatedCredential(Vec<SignatureScheme>) = delegated_credential, |r| r.list_u16(2..=0xfffe), |w, it| w.list_u16(2..=0xfffe, it);
        /// RFC 8446 §4.2.4.
        CertificateAuthorities(Vec<DistinguishedName<'a>>) = certificate_authorities, |r| r.list_u16(3..=0xffff), |w, it| w.list_u16(3..=0xffff, it);
        /// RFC 8446 §4.2.5.
        OidFilters(Vec<OidFilter<'a>>) = oid_filters, |r| r.list_u16(0..=0xffff), |w, it| w.list_u16(0..=0xffff, it);
        /// RFC 8446 §4.2.3.
        SignatureAlgorithmsCert(Vec<SignatureScheme>) = signature_algorithms_cert, |r| r.list_u16(2..=0xfffe), |w, it| w.list_u16(2..=0xfffe, it);
    }
}

extensions! {
    /// An extension of a CertificateEntry.
    CertificateExtension {
        /// RFC 8446 §4.4.2.1.
        StatusRequest(CertificateStatus<'a>) = status_request, Codec::read, |w, it| it.write(w);
        /// RFC 9345 §4.
        DelegatedCredential(DelegatedCredential<'a>) = delegated_credential, Codec::read, |w, it| it.write(w);
        /// RFC 6962 §3.3.
        SignedCertificateTimestamp(SignedCertificateTimestampList<'a>) = signed_certificate_timestamp, Codec::read, |w, it| it.write(w);
    }
}

extensions! {
    /// An extension of NewSessionTicket.
    NewSessionTicketExtension {
        /// RFC 8446 §4.2.10: max_early_data_size.
        EarlyData(u32) = early_data, |r| r.u32(), |w, it| { w.u32(*it); Ok(()) };
    }
}

/// Writes content that is its own encoding.
fn opaque(w: &mut Writer<'_>, content: &&[u8]) -> Result<(), TooLong> {
    w.bytes(content);
    Ok(())
}
