//! Makes messages out of a fuzzer's bytes: any that can be written, not only sensible ones.

use bulla::wire::*;

use crate::bodies::source::Source;

/// Something that can be made out of decisions. Its byte strings are borrowed from the input.
pub trait Make<'a>: Sized {
    fn make(source: &mut Source<'a>) -> Self;
}

impl<'a> Source<'a> {
    pub fn make<T: Make<'a>>(&mut self) -> T {
        T::make(self)
    }

    /// Makes a list of at least `least` values; of as many as decided, but never more than 32.
    pub fn list<T: Make<'a>>(&mut self, least: usize) -> Vec<T> {
        let len = least + self.below(8) * self.below(5);
        (0..len).map(|_| self.make()).collect()
    }

    /// Makes extensions, each type once.
    pub fn extensions<E: Make<'a> + Extension<'a>>(&mut self) -> Vec<E> {
        let mut list: Vec<E> = Vec::new();
        for extension in self.list::<E>(0) {
            if list.iter().all(|earlier| earlier.extension_type() != extension.extension_type()) {
                list.push(extension);
            }
        }
        list
    }
}

/// Open enumerations: a code point that has a name, or any.
macro_rules! make_code_points {
    ($($name:ident: $repr:ident),*) => { $(
        impl<'a> Make<'a> for $name {
            fn make(s: &mut Source<'a>) -> Self {
                if s.flag() { Self(s.$repr()) } else { Self::NAMED[s.below(Self::NAMED.len())] }
            }
        }
    )* };
}
make_code_points! {
    ContentType: u8, ProtocolVersion: u16, HandshakeType: u8, AlertLevel: u8, AlertDescription: u8, CipherSuite: u16,
    NamedGroup: u16, SignatureScheme: u16, ExtensionType: u16, KeyUpdateRequest: u8, NameType: u8,
    CertificateStatusType: u8, CompressionMethod: u8, ClientCertificateType: u8, EcPointFormat: u8,
    PskKeyExchangeMode: u8, CertificateType: u8, CertificateCompressionAlgorithm: u16, MaxFragmentLength: u8
}

/// One row per type: its name, and the decisions that make it, fields in wire order.
macro_rules! make {
    ($( $type:ty, $s:ident => $value:expr; )*) => { $(
        impl<'a> Make<'a> for $type {
            fn make($s: &mut Source<'a>) -> Self {
                $value
            }
        }
    )* };
}
pub(super) use make;

/// An enumeration: one row per variant, of which one is decided for. A variant without a row does not compile.
macro_rules! make_one_of {
    ($name:ident<'a>, $s:ident => $( $variant:ident $( ( $content:expr ) )?, )*) => {
        impl<'a> Make<'a> for $name<'a> {
            fn make(source: &mut Source<'a>) -> Self {
                let _exhaustive = |it: &Self| match it { $( $name::$variant { .. } => (), )* };
                let rows: &[fn(&mut Source<'a>) -> Self] = &[ $( |_s| {
                    let $s = _s;
                    let _ = &$s;
                    $name::$variant $( ($content) )?
                }, )* ];
                rows[source.below(rows.len())](source)
            }
        }
    };
}
pub(super) use make_one_of;

make! {
    Random, s => Random(s.array());
    Alert, s => Alert { level: s.make(), description: s.make() };
    ChangeCipherSpec, _s => ChangeCipherSpec;
    RecordHeader, s => RecordHeader { content_type: s.make(), legacy_record_version: s.make(), length: s.u16() };
    ClientHello<'a>, s => ClientHello {
        legacy_version: s.make(),
        random: s.make(),
        legacy_session_id: s.bytes(0..=32),
        cipher_suites: s.list(1),
        legacy_compression_methods: s.list(1),
        extensions: s.flag().then(|| s.extensions()),
    };
    ServerHello<'a>, s => ServerHello {
        legacy_version: s.make(),
        random: not_a_retry(s.make()),
        legacy_session_id_echo: s.bytes(0..=32),
        cipher_suite: s.make(),
        legacy_compression_method: s.make(),
        extensions: s.flag().then(|| s.extensions()),
    };
    HelloRetryRequest<'a>, s => HelloRetryRequest {
        legacy_version: s.make(),
        legacy_session_id_echo: s.bytes(0..=32),
        cipher_suite: s.make(),
        legacy_compression_method: s.make(),
        extensions: s.extensions(),
    };
    EncryptedExtensions<'a>, s => EncryptedExtensions { extensions: s.extensions() };
    CertificateRequest<'a>, s => CertificateRequest {
        certificate_request_context: s.bytes(0..=255),
        extensions: s.extensions(),
    };
    CertificateRequestTls12<'a>, s => CertificateRequestTls12 {
        certificate_types: s.list(1),
        supported_signature_algorithms: s.list(1),
        certificate_authorities: s.list(0),
    };
    Certificate<'a>, s => Certificate {
        certificate_request_context: s.bytes(0..=255),
        certificate_list: s.list(0),
    };
    CertificateEntry<'a>, s => CertificateEntry { cert_data: s.bytes(1..=4096), extensions: s.extensions() };
    CompressedCertificate<'a>, s => CompressedCertificate {
        algorithm: s.make(),
        uncompressed_length: s.u32() >> 8,
        compressed_certificate_message: s.bytes(1..=4096),
    };
    CertificateTls12<'a>, s => CertificateTls12 { certificate_list: s.list(0) };
    RawPublicKeyTls12<'a>, s => RawPublicKeyTls12 { subject_public_key_info: s.bytes(0..=4096) };
    Asn1Cert<'a>, s => Asn1Cert(s.bytes(1..=4096));
    CertificateVerify<'a>, s => CertificateVerify { algorithm: s.make(), signature: s.bytes(0..=4096) };
    CertificateStatus<'a>, s => match other_than_ocsp(s) {
        None => CertificateStatus::Ocsp(s.bytes(1..=4096)),
        Some(other) => CertificateStatus::Other(other, s.bytes(0..=4096)),
    };
    Finished<'a>, s => Finished { verify_data: s.bytes(0..=64) };
    NewSessionTicket<'a>, s => NewSessionTicket {
        ticket_lifetime: s.u32(),
        ticket_age_add: s.u32(),
        ticket_nonce: s.bytes(0..=255),
        ticket: s.bytes(1..=4096),
        extensions: s.extensions(),
    };
    NewSessionTicketTls12<'a>, s => NewSessionTicketTls12 {
        ticket_lifetime_hint: s.u32(),
        ticket: s.bytes(0..=4096),
    };
    KeyUpdate, s => KeyUpdate { request_update: s.make() };
    EndOfEarlyData, _s => EndOfEarlyData;
    HelloRequest, _s => HelloRequest;
    ServerHelloDone, _s => ServerHelloDone;
    ServerEcdhParams<'a>, s => ServerEcdhParams { named_curve: s.make(), public: s.bytes(1..=255) };
    ServerKeyExchange<'a>, s => ServerKeyExchange {
        params: s.make(),
        algorithm: s.make(),
        signature: s.bytes(0..=4096),
    };
    ClientKeyExchange<'a>, s => ClientKeyExchange { ecdh_yc: s.bytes(1..=255) };
    RawHandshake<'a>, s => RawHandshake { handshake_type: s.make(), body: s.bytes(0..=4096) };
}

make_one_of! {
    Handshake<'a>, s =>
    ClientHello(s.make()),
    HelloRetryRequest(s.make()),
    ServerHello(s.make()),
    EncryptedExtensions(s.make()),
    CertificateRequest(s.make()),
    CertificateRequestTls12(s.make()),
    Certificate(s.make()),
    CompressedCertificate(s.make()),
    RawPublicKeyTls12(raw_public_key(s)),
    CertificateTls12(s.make()),
    CertificateVerify(s.make()),
    Finished(s.make()),
    NewSessionTicket(s.make()),
    NewSessionTicketTls12(s.make()),
    KeyUpdate(s.make()),
    EndOfEarlyData(s.make()),
    HelloRequest(s.make()),
    ServerKeyExchange(s.make()),
    ServerHelloDone(s.make()),
    ClientKeyExchange(s.make()),
    CertificateStatus(s.make()),
    Unknown(unknown_message(s)),
}

/// Returns the version whose reader knows the message as this variant.
pub fn version_of(message: &Handshake<'_>) -> ProtocolVersion {
    match message {
        Handshake::CertificateRequestTls12(_)
        | Handshake::CertificateTls12(_)
        | Handshake::RawPublicKeyTls12(_)
        | Handshake::NewSessionTicketTls12(_) => ProtocolVersion::TLSv1_2,
        _ => ProtocolVersion::TLSv1_3,
    }
}

/// One that looks like a key, without which nothing tells it from a list of certificates.
fn raw_public_key<'a>(s: &mut Source<'a>) -> RawPublicKeyTls12<'a> {
    let made: RawPublicKeyTls12<'_> = s.make();
    let looks_like_one = made.subject_public_key_info.first() == Some(&0x30);
    if looks_like_one { made } else { RawPublicKeyTls12 { subject_public_key_info: &[0x30, 0x00] } }
}

/// A message of a type without a reader: one that has no name, or a name alone.
fn unknown_message<'a>(s: &mut Source<'a>) -> RawHandshake<'a> {
    let raw: RawHandshake<'_> = s.make();
    let is_read =
        HandshakeType::NAMED.contains(&raw.handshake_type) && raw.handshake_type != HandshakeType::message_hash;
    if is_read { RawHandshake { handshake_type: HandshakeType(200), ..raw } } else { raw }
}

/// With the one random that makes it a HelloRetryRequest, a ServerHello is not read back as one.
fn not_a_retry(random: Random) -> Random {
    if random == HELLO_RETRY_REQUEST_RANDOM { Random([0; 32]) } else { random }
}

/// Decides for ocsp, `None`, or for a type whose content is not looked into.
pub(super) fn other_than_ocsp(s: &mut Source<'_>) -> Option<CertificateStatusType> {
    Some(s.make()).filter(|&status_type| status_type != CertificateStatusType::ocsp)
}
