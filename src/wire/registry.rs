//! The IANA registries as open enumerations: an unknown code point is a value, not an error. RFC 8446 §11.

use core::fmt;

use super::{Codec, Malformed, Reader, TooLong, Writer};

/// Defines an open enumeration: a transparent number with named constants, its name in `Debug` and `Display`.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        $name:ident($repr:ident) { $( $(#[$row_meta:meta])* $variant:ident = $value:literal $(as $text:literal)?, )* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $repr);

        #[allow(non_upper_case_globals, reason = "the registry's own spelling, so that it can be searched for")]
        impl $name {
            $( $(#[$row_meta])* #[doc = concat!("Code point ", stringify!($value), ".")] pub const $variant: Self = Self($value); )*

            /// Every code point that has a name here, in the registry's order.
            pub const NAMED: &'static [Self] = &[ $( Self::$variant, )* ];

            /// Returns the registry's name, or `None` for a code point that has none here.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $( $value => Some(open_enum!(@text $variant $($text)?)), )*
                    _ => None,
                }
            }

            /// Finds a code point by its registry name, ignoring ASCII case.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::NAMED.iter().copied().find(|known| known.name().is_some_and(|it| it.eq_ignore_ascii_case(name)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, concat!(stringify!($name), "(0x{:0width$x})"), self.0, width = size_of::<$repr>().saturating_mul(2)),
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl<'a> Codec<'a> for $name {
            fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
                Ok(Self(r.$repr()?))
            }

            fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
                w.$repr(self.0);
                Ok(())
            }
        }
    };
    (@text $variant:ident) => { stringify!($variant) };
    (@text $variant:ident $text:literal) => { $text };
}

open_enum! {
    /// Protocol versions as they stand on the wire. RFC 8446 §4.2.1.
    ProtocolVersion(u16) {
        SSLv3 = 0x0300 as "SSL 3.0",
        TLSv1_0 = 0x0301 as "TLS 1.0",
        TLSv1_1 = 0x0302 as "TLS 1.1",
        TLSv1_2 = 0x0303 as "TLS 1.2",
        TLSv1_3 = 0x0304 as "TLS 1.3",
    }
}

open_enum! {
    /// What a record holds. RFC 8446 §5.1.
    ContentType(u8) {
        change_cipher_spec = 20,
        alert = 21,
        handshake = 22,
        application_data = 23,
        heartbeat = 24,
    }
}

open_enum! {
    /// Handshake message types. RFC 8446 §4, RFC 5246 §7.4.
    HandshakeType(u8) {
        hello_request = 0 as "HelloRequest",
        client_hello = 1 as "ClientHello",
        server_hello = 2 as "ServerHello",
        new_session_ticket = 4 as "NewSessionTicket",
        end_of_early_data = 5 as "EndOfEarlyData",
        encrypted_extensions = 8 as "EncryptedExtensions",
        certificate = 11 as "Certificate",
        server_key_exchange = 12 as "ServerKeyExchange",
        certificate_request = 13 as "CertificateRequest",
        server_hello_done = 14 as "ServerHelloDone",
        certificate_verify = 15 as "CertificateVerify",
        client_key_exchange = 16 as "ClientKeyExchange",
        finished = 20 as "Finished",
        certificate_url = 21 as "CertificateURL",
        certificate_status = 22 as "CertificateStatus",
        key_update = 24 as "KeyUpdate",
        compressed_certificate = 25 as "CompressedCertificate",
        message_hash = 254,
    }
}

open_enum! {
    /// Alert levels. RFC 8446 §6.
    AlertLevel(u8) {
        warning = 1,
        fatal = 2,
    }
}

open_enum! {
    /// Alert descriptions. RFC 8446 §6; general_error: RFC 9846 §6.
    AlertDescription(u8) {
        close_notify = 0,
        unexpected_message = 10,
        bad_record_mac = 20,
        decryption_failed_RESERVED = 21,
        record_overflow = 22,
        decompression_failure_RESERVED = 30,
        handshake_failure = 40,
        no_certificate_RESERVED = 41,
        bad_certificate = 42,
        unsupported_certificate = 43,
        certificate_revoked = 44,
        certificate_expired = 45,
        certificate_unknown = 46,
        illegal_parameter = 47,
        unknown_ca = 48,
        access_denied = 49,
        decode_error = 50,
        decrypt_error = 51,
        export_restriction_RESERVED = 60,
        protocol_version = 70,
        insufficient_security = 71,
        internal_error = 80,
        inappropriate_fallback = 86,
        user_canceled = 90,
        no_renegotiation = 100,
        missing_extension = 109,
        unsupported_extension = 110,
        certificate_unobtainable = 111,
        unrecognized_name = 112,
        bad_certificate_status_response = 113,
        bad_certificate_hash_value = 114,
        unknown_psk_identity = 115,
        certificate_required = 116,
        general_error = 117,
        no_application_protocol = 120,
        ech_required = 121,
    }
}

open_enum! {
    /// Cipher suites: those that Bulla speaks, signalling values, and the older ones a trace should name. RFC 8446 §B.4.
    CipherSuite(u16) {
        TLS_EMPTY_RENEGOTIATION_INFO_SCSV = 0x00ff,
        TLS_AES_128_GCM_SHA256 = 0x1301,
        TLS_AES_256_GCM_SHA384 = 0x1302,
        TLS_CHACHA20_POLY1305_SHA256 = 0x1303,
        TLS_AES_128_CCM_SHA256 = 0x1304,
        TLS_AES_128_CCM_8_SHA256 = 0x1305,
        TLS_FALLBACK_SCSV = 0x5600,
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = 0xc02b,
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 = 0xc02c,
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 = 0xc02f,
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 = 0xc030,
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 = 0xcca8,
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 = 0xcca9,
    }
}

open_enum! {
    /// Key exchange groups. RFC 8446 §4.2.7, RFC 10024.
    NamedGroup(u16) {
        secp256r1 = 0x0017,
        secp384r1 = 0x0018,
        secp521r1 = 0x0019,
        x25519 = 0x001d,
        x448 = 0x001e,
        ffdhe2048 = 0x0100,
        ffdhe3072 = 0x0101,
        ffdhe4096 = 0x0102,
        ffdhe6144 = 0x0103,
        ffdhe8192 = 0x0104,
        MLKEM512 = 0x0200,
        MLKEM768 = 0x0201,
        MLKEM1024 = 0x0202,
        SecP256r1MLKEM768 = 0x11eb,
        X25519MLKEM768 = 0x11ec,
        SecP384r1MLKEM1024 = 0x11ed,
    }
}

open_enum! {
    /// Signature schemes. RFC 8446 §4.2.3.
    SignatureScheme(u16) {
        rsa_pkcs1_sha1 = 0x0201,
        ecdsa_sha1 = 0x0203,
        rsa_pkcs1_sha256 = 0x0401,
        ecdsa_secp256r1_sha256 = 0x0403,
        rsa_pkcs1_sha384 = 0x0501,
        ecdsa_secp384r1_sha384 = 0x0503,
        rsa_pkcs1_sha512 = 0x0601,
        ecdsa_secp521r1_sha512 = 0x0603,
        rsa_pss_rsae_sha256 = 0x0804,
        rsa_pss_rsae_sha384 = 0x0805,
        rsa_pss_rsae_sha512 = 0x0806,
        ed25519 = 0x0807,
        ed448 = 0x0808,
        rsa_pss_pss_sha256 = 0x0809,
        rsa_pss_pss_sha384 = 0x080a,
        rsa_pss_pss_sha512 = 0x080b,
    }
}

open_enum! {
    /// Extension types. RFC 8446 §4.2.
    ExtensionType(u16) {
        server_name = 0,
        max_fragment_length = 1,
        status_request = 5,
        supported_groups = 10,
        ec_point_formats = 11,
        signature_algorithms = 13,
        use_srtp = 14,
        heartbeat = 15,
        application_layer_protocol_negotiation = 16,
        signed_certificate_timestamp = 18,
        client_certificate_type = 19,
        server_certificate_type = 20,
        padding = 21,
        encrypt_then_mac = 22,
        extended_master_secret = 23,
        compress_certificate = 27,
        record_size_limit = 28,
        delegated_credential = 34,
        session_ticket = 35,
        pre_shared_key = 41,
        early_data = 42,
        supported_versions = 43,
        cookie = 44,
        psk_key_exchange_modes = 45,
        certificate_authorities = 47,
        oid_filters = 48,
        post_handshake_auth = 49,
        signature_algorithms_cert = 50,
        key_share = 51,
        quic_transport_parameters = 57,
        ticket_request = 58,
        encrypted_client_hello = 0xfe0d,
        renegotiation_info = 0xff01,
    }
}

open_enum! {
    /// Whether a KeyUpdate asks for one in return. RFC 8446 §4.6.3.
    KeyUpdateRequest(u8) {
        update_not_requested = 0,
        update_requested = 1,
    }
}

open_enum! {
    /// Kinds of names in server_name. RFC 6066 §3.
    NameType(u8) {
        host_name = 0,
    }
}

open_enum! {
    /// Certificate status types. RFC 6066 §8.
    CertificateStatusType(u8) {
        ocsp = 1,
        ocsp_multi = 2,
    }
}

open_enum! {
    /// Compression methods of the hellos; only null may be negotiated. RFC 8446 §4.1.2.
    CompressionMethod(u8) {
        null = 0,
    }
}

open_enum! {
    /// Certificate kinds that a TLS 1.2 CertificateRequest names. RFC 5246 §7.4.4, RFC 8422 §5.5.
    ClientCertificateType(u8) {
        rsa_sign = 1,
        dss_sign = 2,
        rsa_fixed_dh = 3,
        dss_fixed_dh = 4,
        ecdsa_sign = 64,
    }
}

open_enum! {
    /// Point formats; only uncompressed is left. RFC 8422 §5.1.2.
    EcPointFormat(u8) {
        uncompressed = 0,
        ansiX962_compressed_prime = 1,
        ansiX962_compressed_char2 = 2,
    }
}

open_enum! {
    /// How a PSK is combined with key exchange. RFC 8446 §4.2.9.
    PskKeyExchangeMode(u8) {
        psk_ke = 0,
        psk_dhe_ke = 1,
    }
}

open_enum! {
    /// How ServerKeyExchange names a curve; only named_curve is left. RFC 8422 §5.4.
    EcCurveType(u8) {
        explicit_prime = 1,
        explicit_char2 = 2,
        named_curve = 3,
    }
}

open_enum! {
    /// What a peer is known by. RFC 7250 §3.
    CertificateType(u8) {
        X509 = 0 as "X.509",
        RawPublicKey = 2 as "raw public key",
    }
}

impl Default for CertificateType {
    /// X.509: what it means to say nothing.
    fn default() -> Self {
        Self::X509
    }
}

open_enum! {
    /// How a Certificate message is compressed. RFC 8879 §3.
    CertificateCompressionAlgorithm(u16) {
        zlib = 1,
        brotli = 2,
        zstd = 3,
    }
}

open_enum! {
    /// The most plaintext in a record: 2 to the power of 9, 10, 11 or 12. RFC 6066 §4.
    MaxFragmentLength(u8) {
        two_to_the_9 = 1 as "2^9",
        two_to_the_10 = 2 as "2^10",
        two_to_the_11 = 3 as "2^11",
        two_to_the_12 = 4 as "2^12",
    }
}

/// Returns the GREASE value of the octet's high nibble: 0x0a0a, 0x1a1a … 0xfafa. RFC 8701 §2.
pub fn grease_value(octet: u8) -> u16 {
    let octet = octet & 0xf0 | 0x0a;
    u16::from_be_bytes([octet, octet])
}

/// Says whether a 16-bit code point is a GREASE value: both octets equal, low nibble `a`. RFC 8701 §2.
pub fn is_grease(code_point: u16) -> bool {
    let [high, low] = code_point.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}
