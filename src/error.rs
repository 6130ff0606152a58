//! Every way to fail, its alert, whose fault it was, and a number that stays.
//!
//! Who is wrong is the first split. A row cannot be written without its number, its alert and its sentence.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::clock::Time;
use crate::wire::{
    AlertDescription, CertificateCompressionAlgorithm, ContentType, ExtensionType, HandshakeType, Malformed,
    ProtocolVersion, SignatureScheme, TooLong,
};

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The peer broke a rule, was refused, or shares no common ground with us.
    Peer,
    /// The transport ended early or altered bytes.
    Network,
    /// The application or its configuration asked for what cannot be.
    Caller,
}

/// Every way in which a connection can fail.
///
/// After a failure the connection repeats the same error; the alert that belongs to it waits in the output.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The peer's bytes are not the message that they claim to be: decode_error.
    Malformed {
        /// The handshake message, or `None` for an alert, a change_cipher_spec or a record.
        message: Option<HandshakeType>,
        /// What is wrong with the bytes.
        reason: Malformed,
    },
    /// The peer said something that the RFC forbids.
    Violation(Violation),
    /// Nobody is wrong, but there is no common ground.
    Incompatible(Incompatible),
    /// The peer's certificate was refused.
    Certificate(CertificateError),
    /// A record did not authenticate, or is larger than allowed.
    BadRecord(BadRecord),
    /// The peer ended the connection with this alert.
    AlertReceived(AlertDescription),
    /// The transport ended without close_notify: data may be missing. RFC 8446 §6.1.
    Truncated,
    /// The application refused the peer, with an alert of its own choice.
    Refused(AlertDescription),
    /// The caller asked for something that cannot be done; nothing is sent and the connection goes on.
    Misuse(Misuse),
    /// Our own side failed: internal_error.
    Internal(Internal),
}

impl Error {
    /// Returns the alert that tells the peer, or `None` where nothing is sent.
    pub fn alert(&self) -> Option<AlertDescription> {
        match self {
            Self::Malformed { .. } => Some(AlertDescription::decode_error),
            Self::Violation(violation) => Some(violation.alert()),
            Self::Incompatible(incompatible) => Some(incompatible.alert()),
            Self::Certificate(certificate) => Some(certificate.alert()),
            Self::BadRecord(bad_record) => Some(bad_record.alert()),
            Self::Refused(alert) => Some(*alert),
            Self::Internal(_) => Some(AlertDescription::internal_error),
            Self::AlertReceived(_) | Self::Truncated | Self::Misuse(_) => None,
        }
    }

    /// Returns whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Malformed { .. }
            | Self::Violation(_)
            | Self::Incompatible(_)
            | Self::Certificate(_)
            | Self::AlertReceived(_)
            | Self::Refused(_) => Fault::Peer,
            Self::BadRecord(_) | Self::Truncated => Fault::Network,
            Self::Misuse(_) | Self::Internal(_) => Fault::Caller,
        }
    }

    /// Returns a number that stays the same from release to release, for logs and bindings.
    pub fn number(&self) -> u16 {
        match self {
            Self::Malformed { .. } => 100,
            Self::Violation(violation) => violation.number(),
            Self::Incompatible(incompatible) => incompatible.number(),
            Self::Certificate(certificate) => certificate.number(),
            Self::BadRecord(bad_record) => bad_record.number(),
            Self::AlertReceived(alert) => 600 + u16::from(alert.0),
            Self::Truncated => 900,
            Self::Refused(_) => 901,
            Self::Misuse(misuse) => misuse.number(),
            Self::Internal(internal) => internal.number(),
        }
    }

    /// Returns the variant's name, for logs and for conformance tests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed { reason, .. } => match reason {
                Malformed::Truncated => "MalformedTruncated",
                Malformed::TrailingBytes => "MalformedTrailingBytes",
                Malformed::LengthOutOfBounds => "MalformedLengthOutOfBounds",
                Malformed::IllegalValue => "MalformedIllegalValue",
                Malformed::DuplicateExtension => "MalformedDuplicateExtension",
                Malformed::TooManyExtensions => "MalformedTooManyExtensions",
            },
            Self::Violation(violation) => violation.name(),
            Self::Incompatible(incompatible) => incompatible.name(),
            Self::Certificate(certificate) => certificate.name(),
            Self::BadRecord(bad_record) => bad_record.name(),
            Self::AlertReceived(_) => "AlertReceived",
            Self::Truncated => "Truncated",
            Self::Refused(_) => "Refused",
            Self::Misuse(misuse) => misuse.name(),
            Self::Internal(internal) => internal.name(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { message: Some(message), reason } => {
                write!(f, "the peer's {message} is malformed: {reason}")
            }
            Self::Malformed { message: None, reason } => write!(f, "the peer's message is malformed: {reason}"),
            Self::Violation(violation) => violation.fmt(f),
            Self::Incompatible(incompatible) => incompatible.fmt(f),
            Self::Certificate(certificate) => certificate.fmt(f),
            Self::BadRecord(bad_record) => bad_record.fmt(f),
            Self::AlertReceived(alert) => write!(f, "the peer ended the connection with the alert {alert}"),
            Self::Truncated => f.write_str("the transport ended without close_notify: data may be missing"),
            Self::Refused(alert) => write!(f, "the application refused the peer ({alert})"),
            Self::Misuse(misuse) => misuse.fmt(f),
            Self::Internal(internal) => internal.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

/// Defines a family of failures: number, variant, data, alert and sentence on one row. `{0}` in a sentence is its data.
macro_rules! failures {
    (
        $(#[$meta:meta])*
        $name:ident in $wrapper:ident { $( $(#[$row_meta:meta])* $number:literal $variant:ident $( ( $($data:ident : $data_type:ty),* ) )? => $alert:ident, $sentence:literal; )* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$row_meta])* $variant $( ( $($data_type),* ) )?, )*
        }

        impl $name {
            /// Returns the alert that tells the peer.
            pub fn alert(&self) -> AlertDescription {
                match self { $( failures!(@ignore $variant $($($data)*)?) => AlertDescription::$alert, )* }
            }

            /// Returns the number that stays the same from release to release.
            pub fn number(&self) -> u16 {
                match self { $( failures!(@ignore $variant $($($data)*)?) => $number, )* }
            }

            /// Returns the variant's name.
            pub fn name(&self) -> &'static str {
                match self { $( failures!(@ignore $variant $($($data)*)?) => stringify!($variant), )* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $( Self::$variant $( ( $($data),* ) )? => write!(f, $sentence), )* }
            }
        }

        impl core::error::Error for $name {}

        impl From<$name> for Error {
            fn from(failure: $name) -> Self {
                Self::$wrapper(failure)
            }
        }
    };
    (@ignore $variant:ident) => { Self::$variant };
    (@ignore $variant:ident $($data:ident)+) => { Self::$variant(..) };
}

failures! {
    /// What the peer said against the RFC.
    Violation in Violation {
        /// A handshake message that the state does not allow. RFC 8446 §4.
        200 UnexpectedMessage(got: HandshakeType, state: &'static str) => unexpected_message, "the peer sent {got} while we were in the state {state}";
        /// A record type that may not come now, or an unknown one. RFC 8446 §5.
        201 UnexpectedRecord(got: ContentType) => unexpected_message, "the peer sent a record of the type {got} where none may come";
        /// A handshake message is larger than we accept of its kind.
        202 MessageTooLarge(got: HandshakeType) => illegal_parameter, "the peer's {got} is larger than the limit";
        /// A handshake message is not finished when the keys change. RFC 8446 §5.1.
        203 MessageAcrossKeyChange => unexpected_message, "the peer's handshake message spans a change of keys";
        /// Records of another type stand between the fragments of a handshake message. RFC 8446 §5.1.
        204 InterleavedHandshake => unexpected_message, "the peer interleaved a handshake message with another record";
        /// A record of a type that may not be empty is empty. RFC 8446 §5.1.
        205 EmptyFragment => unexpected_message, "the peer sent an empty fragment of a message";
        /// Too many empty application data records in a row.
        206 TooManyEmptyRecords => unexpected_message, "the peer sent too many empty records in a row";
        /// Too many change_cipher_spec records during one handshake. RFC 8446 §D.4.
        207 TooManyChangeCipherSpecs => unexpected_message, "the peer sent too many change_cipher_spec records";
        /// A change_cipher_spec that is not the single byte 1. RFC 8446 §5.
        208 BadChangeCipherSpec => unexpected_message, "the peer sent a change_cipher_spec with another content than 1";
        /// Too many warning alerts in a row.
        209 TooManyWarnings => unexpected_message, "the peer sent too many warning alerts in a row";
        /// Too many KeyUpdates without any data between them.
        210 TooManyKeyUpdates => unexpected_message, "the peer sent too many KeyUpdates without data between them";
        /// A protected record whose plaintext is padding only. RFC 8446 §5.4.
        211 NoContentType => unexpected_message, "the peer sent a protected record without a content type";
        /// An extension that is not allowed in this message. RFC 8446 §4.2.
        212 ExtensionNotAllowed(extension: ExtensionType, message: HandshakeType) => illegal_parameter, "the peer put the extension {extension} into {message}, where it may not stand";
        /// An extension in an answer that we did not ask for. RFC 8446 §4.2.
        213 ExtensionNotOffered(extension: ExtensionType, message: HandshakeType) => unsupported_extension, "the peer answered the extension {extension} in {message}, which we did not offer";
        /// An extension that must be there is missing. RFC 8446 §9.2.
        214 ExtensionMissing(extension: ExtensionType, message: HandshakeType) => missing_extension, "the peer's {message} lacks the extension {extension}";
        /// The hello offers no null compression, or with TLS 1.3 more than that. RFC 8446 §4.1.2.
        215 BadCompressionMethods => illegal_parameter, "the peer's hello does not have exactly the null compression method";
        /// ServerHello names another compression method than null. RFC 8446 §4.1.3.
        216 CompressionSelected => illegal_parameter, "the server chose a compression method";
        /// The server chose a cipher suite that we did not offer. RFC 8446 §4.1.3.
        217 CipherSuiteNotOffered => illegal_parameter, "the server chose a cipher suite that we did not offer";
        /// The server chose another cipher suite after its HelloRetryRequest. RFC 8446 §4.1.4.
        218 CipherSuiteChangedAfterRetry => illegal_parameter, "the server chose another cipher suite than in its HelloRetryRequest";
        /// The server chose a version that we did not offer. RFC 8446 §4.2.1.
        219 VersionNotOffered(version: ProtocolVersion) => illegal_parameter, "the server chose {version}, which we did not offer";
        /// ServerHello's legacy_version is not TLS 1.2 where supported_versions says TLS 1.3. RFC 8446 §4.1.3, RFC 9846 §4.2.3.
        220 BadLegacyVersion => protocol_version, "the server's legacy_version is not TLS 1.2 beside supported_versions";
        /// supported_versions of a ServerHello names TLS 1.2 or older. RFC 8446 §4.2.1.
        221 OldVersionInSupportedVersions => illegal_parameter, "the server put a version before TLS 1.3 into supported_versions";
        /// legacy_session_id_echo differs from what we sent. RFC 8446 §4.1.3.
        222 SessionIdNotEchoed => illegal_parameter, "the server did not echo legacy_session_id";
        /// The server's random says that it could do better: somebody altered the hello. RFC 8446 §4.1.3.
        223 DowngradeDetected => illegal_parameter, "the server's random shows that an attacker removed TLS 1.3 from our hello";
        /// A second HelloRetryRequest. RFC 8446 §4.1.4.
        224 SecondHelloRetryRequest => unexpected_message, "the server sent a second HelloRetryRequest";
        /// A HelloRetryRequest that asks for nothing new. RFC 8446 §4.1.4.
        225 HelloRetryRequestWithoutChange => illegal_parameter, "the server's HelloRetryRequest would change nothing in our hello";
        /// A HelloRetryRequest for a group that we did not offer, or already sent a share for. RFC 8446 §4.2.8.
        226 RetryGroupNotOffered => illegal_parameter, "the server's HelloRetryRequest asks for a group that we do not offer or have already sent";
        /// The server's share is of a group for which we sent none. RFC 8446 §4.2.8.
        227 KeyShareGroupNotOffered => illegal_parameter, "the server's key share is of a group for which we sent none";
        /// A key share that is malformed, off the curve, or leads to zeros. RFC 8446 §4.2.8.2.
        228 InvalidKeyShare => illegal_parameter, "the peer's key share is not valid";
        /// The second ClientHello differs where it may not. RFC 8446 §4.1.2.
        229 ClientHelloChangedAfterRetry => illegal_parameter, "the client changed its hello after the HelloRetryRequest where it may not";
        /// The second ClientHello does not have exactly the one share that was asked for. RFC 8446 §4.2.8.
        230 RetriedKeyShareWrong => illegal_parameter, "the client did not answer the HelloRetryRequest with exactly the share that was asked for";
        /// Two shares of one group, or a share of a group that is not listed. RFC 8446 §4.2.8.
        231 BadKeyShareList => illegal_parameter, "the client's key shares do not match its supported groups";
        /// A Finished that does not verify. RFC 8446 §4.4.4.
        232 FinishedWrong => decrypt_error, "the peer's Finished does not match the handshake";
        /// A handshake signature that does not verify. RFC 8446 §4.4.3.
        233 SignatureWrong => decrypt_error, "the peer's handshake signature does not verify";
        /// A signature with a scheme that we did not offer, or that does not fit the key. RFC 8446 §4.4.3.
        234 SignatureSchemeNotOffered => illegal_parameter, "the peer signed with a scheme that we did not offer or that does not fit its key";
        /// The server's certificate list is empty. RFC 8446 §4.4.2.4.
        235 NoServerCertificate => decode_error, "the server sent an empty certificate list";
        /// The certificate chain is longer than the limit.
        236 ChainTooLong => bad_certificate, "the peer's certificate chain is longer than the limit";
        /// certificate_request_context is not what it must be. RFC 8446 §4.4.2.
        237 BadCertificateRequestContext => illegal_parameter, "the peer's certificate_request_context is not the one that belongs here";
        /// The server chose an application protocol that we did not offer. RFC 7301 §3.2.
        238 ApplicationProtocolNotOffered => illegal_parameter, "the server chose an application protocol that we did not offer";
        /// The server answered with more or less than one application protocol. RFC 7301 §3.1.
        239 NotOneApplicationProtocol => decode_error, "the server did not answer with exactly one application protocol";
        /// A KeyUpdate with an unknown request_update. RFC 8446 §4.6.3.
        240 BadKeyUpdate => illegal_parameter, "the peer's KeyUpdate has an unknown request_update";
        /// server_name holds two host names, or one that is no DNS name. RFC 6066 §3.
        242 BadServerName => illegal_parameter, "the client's server_name is not one DNS name";
        /// pre_shared_key is not the last extension. RFC 8446 §4.2.11.
        243 PreSharedKeyNotLast => illegal_parameter, "the client's pre_shared_key is not its last extension";
        /// An alert of a level that there is not. RFC 8446 §6.
        244 UnknownAlertLevel => illegal_parameter, "the peer sent an alert of an unknown level";
        /// An alert is not two bytes, or two alerts stand in one record. RFC 8446 §5.1.
        245 FragmentedAlert => decode_error, "the peer split or joined alerts";
        /// Too many NewSessionTickets without any data between them.
        246 TooManyTickets => unexpected_message, "the server sent too many tickets without data between them";
        /// A ClientHello with more key shares than the limit.
        247 TooManyKeyShares => illegal_parameter, "the client sent more key shares than the limit";
        /// pre_shared_key without psk_key_exchange_modes. RFC 8446 §4.2.9.
        248 PskWithoutModes => missing_extension, "the client offers a pre-shared key without psk_key_exchange_modes";
        /// The server claims to resume a session that we did not offer. RFC 5246 §7.4.1.3, RFC 8446 §D.4.
        249 SessionNotOffered => illegal_parameter, "the server resumes a session that we did not offer";
        /// renegotiation_info of a first handshake is not empty. RFC 5746 §3.4, §3.6.
        250 RenegotiationInfoNotEmpty => handshake_failure, "the peer's renegotiation_info is not empty in a first handshake";
        /// ec_point_formats lacks the uncompressed one, which everybody must take. RFC 8422 §5.1.2.
        251 NoUncompressedPoints => illegal_parameter, "the peer's ec_point_formats lacks uncompressed points";
        /// ServerKeyExchange names a group that we did not offer, or that TLS 1.2 has not. RFC 8422 §5.4.
        252 GroupNotOffered => illegal_parameter, "the server chose a key exchange group that we did not offer";
        /// The certificate's key is not of the kind that the cipher suite names. RFC 5246 §7.4.2.
        253 KeyDoesNotFitSuite => illegal_parameter, "the server's key is not of the kind that its cipher suite names";
        /// A handshake message after the handshake where renegotiation would start. RFC 9325 §3.5.
        254 Renegotiation => no_renegotiation, "the client wants to renegotiate, which is never done";
        /// Too many HelloRequests without any data between them.
        255 TooManyHelloRequests => unexpected_message, "the server sent too many HelloRequests without data between them";
        /// Bytes stand behind a message that ends the peer's flight. RFC 8446 §5.1 in spirit.
        256 MessageBehindFlight(last: HandshakeType) => unexpected_message, "the peer sent more behind {last}, which ends its flight";
        /// CertificateStatus of another kind than was asked for. RFC 6066 §8.
        257 BadCertificateStatus => bad_certificate_status_response, "the server's CertificateStatus is not the OCSP response that was asked for";
        /// The server chose a PSK that we did not offer. RFC 8446 §4.2.11.
        258 SelectedPskNotOffered => illegal_parameter, "the server chose a PSK that we did not offer";
        /// The PSK that the server chose goes with another hash than its cipher suite. RFC 8446 §4.2.11.
        259 PskHashDiffers => illegal_parameter, "the server chose a cipher suite whose hash is not that of the PSK it chose";
        /// A PSK binder that does not verify. RFC 8446 §4.2.11.
        260 PskBinderWrong => decrypt_error, "the client's PSK binder does not match its hello";
        /// As many binders as identities must be there. RFC 8446 §4.2.11.
        261 PskBinderCount => illegal_parameter, "the client's PSK identities and binders differ in number";
        /// The server accepted early data under other terms than it was sent. RFC 8446 §4.2.10.
        262 EarlyDataTermsChanged => illegal_parameter, "the server accepted early data and changed the PSK, the cipher suite or the application protocol";
        /// The server answered a hello that offers early data with an older version. RFC 8446 §D.3.
        263 EarlyDataWithOldVersion => protocol_version, "the server answered early data with a version before TLS 1.3";
        /// More early data than the ticket allows. RFC 8446 §4.2.10.
        264 TooMuchEarlyData => unexpected_message, "the client sent more early data than the ticket allows";
        /// The client sent early data behind a HelloRetryRequest. RFC 8446 §4.2.10.
        265 EarlyDataAfterRetry => illegal_parameter, "the client offered early data again after the HelloRetryRequest";
        /// A cookie of a HelloRetryRequest that is not ours, or too old. RFC 8446 §4.2.2.
        266 BadCookie => illegal_parameter, "the client's cookie is not ours or is too old";
        /// The resumed session was made with extended master secret and this hello is without it, or the other way round. RFC 7627 §5.3.
        267 ExtendedMasterSecretChanged => handshake_failure, "the peer resumes a session and changes extended master secret";
        /// The server resumed a session under another cipher suite or version. RFC 5246 §7.4.1.3.
        268 ResumedSessionChanged => illegal_parameter, "the server resumed a session and changed its cipher suite";
        /// The server chose a PSK and sent no key share beside it, which every mode of ours has. RFC 8446 §4.2.11.
        269 PskWithoutKeyShare => illegal_parameter, "the server chose a PSK without the key share that our modes demand";
        /// CompressedCertificate names an algorithm that we did not offer. RFC 8879 §4.
        285 CompressionNotOffered(algorithm: CertificateCompressionAlgorithm) => illegal_parameter, "the peer compressed its certificate by {algorithm}, which we did not offer";
        /// CompressedCertificate declares a Certificate larger than we accept one that is not compressed. RFC 8879 §5.
        286 UncompressedCertificateTooLarge(len: u32) => bad_certificate, "the peer's compressed certificate would have {len} bytes, which is larger than the limit";
        /// CompressedCertificate cannot be decompressed, or not to the length that it declares. RFC 8879 §4.
        287 CertificateNotDecompressed => bad_certificate, "the peer's compressed certificate cannot be decompressed to the length that it declares";
        /// A delegated credential that we did not ask for. RFC 9345 §4.1.1, §4.1.2.
        288 DelegatedCredentialNotOffered => unexpected_message, "the peer sent a delegated credential, which we did not offer to take";
        /// A delegated credential that does not delegate. RFC 9345 §4.1.3.
        289 DelegatedCredentialInvalid(reason: DelegationRefused) => illegal_parameter, "the server's delegated credential is not valid: {reason}";
        /// record_size_limit is below 64 bytes. RFC 8449 §4.
        280 RecordSizeLimitTooSmall(bytes: u16) => illegal_parameter, "the peer's record size limit is {bytes} bytes, and the least is 64";
        /// The server answered record_size_limit and max_fragment_length. RFC 8449 §5.
        281 BothRecordSizes => illegal_parameter, "the server answered both record_size_limit and max_fragment_length";
        /// max_fragment_length is none of the four lengths. RFC 6066 §4.
        282 MaxFragmentLengthUnknown => illegal_parameter, "the client's max_fragment_length is none that there is";
        /// The server answered with another max_fragment_length than ours. RFC 6066 §4.
        283 MaxFragmentLengthChanged => illegal_parameter, "the server changed our max_fragment_length";
        /// More requests for a certificate than the limit, unanswered or over the whole connection. RFC 8446 §4.6.2.
        270 TooManyCertificateRequests => unexpected_message, "the server asked too often for a certificate";
        /// Something stands between the messages of an answer to a CertificateRequest, which must be consecutive. RFC 8446 §4.6.2.
        271 InterleavedAuthentication => unexpected_message, "the client put other data between the messages that authenticate it";
        /// The client lists no certificate type, or X.509 alone, which must not be listed. RFC 7250 §3, §4.1.
        275 BadCertificateTypeList(extension: ExtensionType) => illegal_parameter, "the client's {extension} lists no certificate type, or nothing but X.509";
        /// The server chose a certificate type that we did not offer. RFC 7250 §4.2.
        276 CertificateTypeNotOffered(extension: ExtensionType) => illegal_parameter, "the server's {extension} names a certificate type that we did not offer";
        /// More than one entry where a raw public key stands alone. RFC 8446 §4.4.2.
        277 MoreThanOneRawPublicKey => illegal_parameter, "the peer sent more than one entry where one raw public key must stand";
        /// A raw public key stands where a certificate was agreed on. RFC 7250 §4.3.
        278 RawPublicKeyNotAgreedOn => decode_error, "the peer sent a raw public key where a certificate was agreed on";
    }
}

failures! {
    /// Why two honest ends cannot talk to one another.
    Incompatible in Incompatible {
        /// There is no protocol version in common. RFC 8446 §4.2.1.
        300 NoCommonVersion => protocol_version, "there is no protocol version in common: the peer offers none that this configuration allows";
        /// There is no cipher suite in common. RFC 8446 §4.1.1.
        301 NoCommonCipherSuite => handshake_failure, "there is no cipher suite in common";
        /// There is no key exchange group in common. RFC 8446 §4.1.1.
        302 NoCommonGroup => handshake_failure, "there is no key exchange group in common";
        /// No certificate fits what the client can verify. RFC 8446 §4.4.2.2.
        303 NoCommonSignatureScheme => handshake_failure, "none of our keys can sign with a scheme that the peer accepts";
        /// There is no application protocol in common. RFC 7301 §3.2.
        304 NoCommonApplicationProtocol => no_application_protocol, "there is no application protocol in common";
        /// The server has no certificate for the name that the client asked for.
        305 UnrecognizedName => unrecognized_name, "there is no certificate for the server name that the client asked for";
        /// The client must show a certificate and showed none. RFC 8446 §4.4.2.4.
        306 ClientCertificateRequired => certificate_required, "the client showed no certificate, which this server requires";
        /// The peer has no extended master secret, without which TLS 1.2 is not safe. RFC 7627 §5.2, §5.3.
        307 NoExtendedMasterSecret => handshake_failure, "the peer has no extended master secret, which TLS 1.2 needs to be safe";
        /// The same as ClientCertificateRequired, for which TLS 1.2 has no alert of its own. RFC 5246 §7.4.6.
        309 ClientCertificateRequiredTls12 => handshake_failure, "the client showed no certificate, which this server requires";
        /// The client has come down to a lower version than it and we could speak. RFC 7507 §3.
        308 InappropriateFallback => inappropriate_fallback, "the client fell back to a lower version than both ends speak: an earlier attempt was disturbed";
        /// No external PSK in common, and nothing else to authenticate with. RFC 8446 §4.2.11.
        310 NoCommonPsk => decrypt_error, "there is no external PSK in common, and no certificate beside it";
        /// The client offers no PSK, and there is no certificate to show it.
        312 NoPskOffered => handshake_failure, "the client offers no PSK with a key exchange, and there is no certificate beside it";
        /// This client takes external PSKs alone, and the server chose none. RFC 8446 §4.2.11.
        311 PskNotChosen => handshake_failure, "the server did not choose one of the external PSKs, and certificates are not taken";
        /// There is no certificate type in common. RFC 7250 §4.2.
        313 NoCommonCertificateType => unsupported_certificate, "there is no certificate type in common (X.509 or raw public key)";
    }
}

failures! {
    /// Why a record was refused. Failed openings are not told apart.
    BadRecord in BadRecord {
        /// A protected record did not authenticate. RFC 8446 §5.2.
        400 DoesNotOpen => bad_record_mac, "a protected record did not authenticate";
        /// A record or its plaintext is larger than allowed. RFC 8446 §5.1, §5.2.
        401 TooLarge => record_overflow, "a record is larger than allowed";
        /// The first bytes are not a TLS record.
        402 NotTls => protocol_version, "the peer does not speak TLS (the first bytes are not a TLS record)";
    }
}

failures! {
    /// What the caller asked for and cannot have. Nothing is sent; the connection goes on as before.
    Misuse in Misuse {
        /// The output buffer cannot hold a record.
        700 OutputTooSmall(needed: usize) => internal_error, "the output buffer is too small: at least {needed} bytes are needed";
        /// Application data before the handshake is finished.
        701 HandshakeNotFinished => internal_error, "application data cannot be sent before the handshake is finished";
        /// Data after our own close_notify.
        702 SendAfterClose => internal_error, "nothing can be sent after close";
        /// An answer to a question that is not open.
        703 NoSuchQuestion => internal_error, "there is no open question with this id";
        /// An answer of another kind than the question, or a verdict over another chain than the one that was asked about.
        704 WrongAnswer => internal_error, "the answer is of another kind than the question, or about another chain";
        /// An exporter label or length that the key schedule cannot serve. RFC 8446 §7.5.
        705 BadExporterRequest => internal_error, "an exporter's label is at most 249 bytes, its output at most 255 times the hash's length";
        /// The in-place buffer lacks head or tail room, or holds more than one record's plaintext.
        706 InPlaceRoom(head: usize, tail: usize) => internal_error, "sending in place needs {head} bytes before and {tail} bytes behind at most 16384 bytes of plaintext";
        /// Pending output must be taken before a record can be sealed in place, or the secrets shown.
        707 OutputPending => internal_error, "pending output must be taken before this";
        /// TLS 1.2 cannot change its keys. RFC 8446 §4.6.3.
        708 NoKeyUpdate => internal_error, "a TLS 1.2 connection cannot change its keys";
        /// Without extended master secret there is nothing that an exporter could bind to. RFC 7627 §5.4.
        709 ExporterUnavailable => internal_error, "exporters need extended master secret in TLS 1.2";
        /// TLS 1.2 has no traffic secrets, only keys.
        710 NoTrafficSecrets => internal_error, "a TLS 1.2 connection has no traffic secrets";
        /// A handshake message has come in part, or an event waits to be taken.
        711 InputPending => internal_error, "a handshake message has come in part; receive the rest before this";
        /// There is no early data to send: none was offered, it has been refused, or its time is over. RFC 8446 §4.2.10.
        712 NoEarlyData => internal_error, "early data cannot be sent now: none was offered, it was refused, or the server's Finished has come";
        /// There is no early exporter: no early data was offered, or it was not accepted. RFC 8446 §7.5.
        720 NoEarlyExporter => internal_error, "there is no early exporter: early data was not offered, or not accepted";
        /// tls-unique is of TLS 1.2 alone, and without extended master secret it binds to nothing. RFC 5929 §3, RFC 9266 §3.
        721 NoTlsUnique => internal_error, "tls-unique needs TLS 1.2 with extended master secret; TLS 1.3 has tls-exporter";
        /// The handshake showed no certificate of the server whose signature names one hash that there is. RFC 5929 §4.1.
        722 NoEndPointBinding => internal_error, "tls-server-end-point is not defined here: there is no certificate of the server, or its signature algorithm names no hash that we have";
        /// Only a server of TLS 1.3 whose configuration says so can ask after the handshake, and only a client that offers it can be asked. RFC 8446 §4.6.2.
        713 NoPostHandshakeAuth => internal_error, "this client cannot be asked for a certificate after the handshake: it did not offer that, or the configuration does not want it";
        /// So many requests for a certificate are unanswered, or have been made, that there must not be another one.
        714 CertificateRequestLimit => internal_error, "too many requests for a client's certificate are unanswered, or have been made";
    }
}

failures! {
    /// What failed on our own side.
    Internal in Internal {
        /// The random source gave nothing.
        800 NoRandomness => internal_error, "the random source gave no bytes";
        /// A primitive failed.
        801 CryptographyFailed => internal_error, "the cryptography provider failed";
        /// A message of ours does not fit its fields.
        802 MessageTooLong => internal_error, "a message of ours does not fit the lengths that its fields allow";
        /// The key's record limit is reached and no new key can be made. RFC 8446 §5.5.
        803 KeyExhausted => internal_error, "the keys of this connection are used up";
        /// The signer that the configuration names failed.
        804 SigningFailed => internal_error, "the private key did not sign";
        /// The connection had failed inside an earlier call.
        805 Poisoned => internal_error, "the connection failed in an earlier call";
        /// The verifier that the configuration names answered at once, about another chain than it was asked about.
        806 VerdictAboutAnotherChain => internal_error, "the verifier accepted another chain than the one that it was asked about";
    }
}

failures! {
    /// Why the peer's certificate was refused.
    CertificateError in Certificate {
        /// The certificate is not valid DER or X.509.
        500 BadEncoding => bad_certificate, "the certificate cannot be parsed";
        /// A certificate has expired: which, the time, and the last moment of its validity.
        501 Expired(which: Which, now: Time, not_after: Time) => certificate_expired, "{which} expired: it was valid until {not_after}, and the time is {now}";
        /// A certificate is not valid yet: which, the time, and the first moment of its validity.
        502 NotYetValid(which: Which, now: Time, not_before: Time) => certificate_expired, "{which} is not yet valid: it will be from {not_before}, and the time is {now} (is the clock right?)";
        /// No path leads to a trusted root; it names where the search ended: an issuer that is not there, or not trusted.
        503 UnknownIssuer(issuer: String) => unknown_ca, "the certificate's issuer is unknown: no path leads to a trusted root, and {issuer} is none (is an intermediate missing, or the CA not among the roots?)";
        /// The leaf is its own issuer and not trusted.
        504 SelfSigned => unknown_ca, "the certificate is self-signed and not among the trusted roots";
        /// The names in the certificate do not include the expected one.
        505 NameMismatch(expected: String, presented: NameList) => bad_certificate, "the certificate is not valid for the name {expected}; it is valid for {presented}";
        /// A certificate may not be used for this purpose (extendedKeyUsage). RFC 5280 §4.2.1.12.
        506 WrongExtendedKeyUsage(which: Which) => unsupported_certificate, "the extended key usage of {which} does not allow this purpose";
        /// keyUsage lacks digitalSignature on a leaf. RFC 8446 §4.4.2.2.
        507 WrongKeyUsage => unsupported_certificate, "the certificate's key usage does not allow digital signatures";
        /// keyUsage lacks keyCertSign on an issuer. RFC 5280 §4.2.1.3.
        508 IssuerMayNotSign(which: Which) => unknown_ca, "the key usage of {which} does not allow signing certificates";
        /// A certificate's signature does not verify.
        509 BadSignature(which: Which) => bad_certificate, "the signature of {which} does not verify with its issuer's key (was it altered, or is there another CA of the same name?)";
        /// A signature algorithm or key that this configuration does not accept.
        510 UnsupportedAlgorithm(which: Which) => bad_certificate, "{which} is signed with an algorithm, or has a key, that is not accepted";
        /// A name lies outside an issuer's name constraints. RFC 5280 §4.2.1.10.
        511 NameConstraintViolation => bad_certificate, "a name in the certificate violates its issuer's name constraints";
        /// A certificate that is not a CA issued another one, or a CA stands as the leaf.
        512 CaUsedAsEndEntity => bad_certificate, "a CA certificate stands where the peer's own certificate must stand";
        /// An end-entity certificate stands as issuer.
        513 EndEntityUsedAsCa(which: Which) => unknown_ca, "{which} is not a CA, yet it issued another certificate";
        /// The path is longer than an issuer or the limit allows.
        514 PathTooLong => unknown_ca, "the certificate path is longer than its issuers or the limit allow";
        /// Building the path took more work than the budget.
        515 TooMuchWork => bad_certificate, "the certificates offer too many paths: the work budget is used up";
        /// An unknown critical extension.
        516 UnknownCriticalExtension(which: Which) => bad_certificate, "{which} has a critical extension that is not understood";
        /// The clock has no time, so validity cannot be judged.
        517 NoTime => internal_error, "the clock has no time, so the certificate's validity cannot be judged";
        /// The certificate is revoked.
        518 Revoked => certificate_revoked, "the certificate is revoked";
        /// The verifier of the application refused the chain.
        519 ApplicationRefused => certificate_unknown, "the application refused the certificate";
        /// Another rule of path validation, which the path builder does not name further.
        520 OtherPathError(name: String) => certificate_unknown, "the certificate path is not valid: {name}";
        /// A key too weak to be trusted: which certificate's, and its size in bits.
        521 WeakKey(which: Which, bits: usize) => bad_certificate, "{which} has an RSA key of {bits} bits, and at least 2048 are required";
        /// A certificate that the peer sent beside its own is not valid DER or X.509.
        522 IssuerUnreadable(which: Which) => bad_certificate, "{which} cannot be parsed";
        /// The bytes are no SubjectPublicKeyInfo. RFC 7250 §3.
        523 BadRawPublicKey => decode_error, "the raw public key cannot be parsed";
        /// The raw public key is not one of the trusted ones.
        524 UntrustedRawPublicKey => unknown_ca, "the raw public key is not among the trusted ones";
    }
}

/// Why a delegated credential does not delegate. RFC 9345 §4.1.3, §4.2.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DelegationRefused {
    /// The bytes are not a DelegatedCredential, or its key is not a SubjectPublicKeyInfo.
    Unreadable,
    /// The delegated key would sign with a scheme that delegated keys may not have, or that was not offered.
    Scheme(SignatureScheme),
    /// The certificate's key signed the credential with a scheme that was not offered, or that does not fit the key.
    SignatureScheme(SignatureScheme),
    /// Its time is over: the last moment of its validity.
    Expired(Time),
    /// It would be valid for more than seven days from now on: until then.
    LivesTooLong(Time),
    /// The certificate lacks the extension DelegationUsage.
    NoDelegationUsage,
    /// The certificate's keyUsage does not name digitalSignature.
    NoDigitalSignature,
    /// The certificate's key did not sign it, or signed it for another certificate or role.
    SignatureWrong,
    /// The handshake is signed with another scheme than the credential names.
    OtherScheme(SignatureScheme),
    /// The private key does not belong to it.
    KeyDoesNotMatch,
    /// The certificate's signer did not sign it, or would only later.
    NotSigned,
    /// It would outlive the certificate.
    OutlivesCertificate,
}

impl fmt::Display for DelegationRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("it cannot be parsed"),
            Self::Scheme(scheme) => write!(f, "its key may not sign with {scheme}"),
            Self::SignatureScheme(scheme) => write!(f, "the certificate's key may not sign it with {scheme}"),
            Self::Expired(end) => write!(f, "it was valid until {end}"),
            Self::LivesTooLong(end) => write!(f, "it is valid until {end}, more than seven days from now"),
            Self::NoDelegationUsage => f.write_str("the certificate does not allow delegation (DelegationUsage)"),
            Self::NoDigitalSignature => f.write_str("the certificate's key usage does not name digital signatures"),
            Self::SignatureWrong => f.write_str("the certificate's key did not sign it for this certificate and role"),
            Self::OtherScheme(scheme) => write!(f, "the handshake is signed with {scheme}, which is not its scheme"),
            Self::KeyDoesNotMatch => f.write_str("the private key does not belong to it"),
            Self::NotSigned => f.write_str("the certificate's signer did not sign it at once"),
            Self::OutlivesCertificate => f.write_str("it would be valid for longer than the certificate"),
        }
    }
}

/// Which certificate a failure is about. Subjects are made printable before they come here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first of the chain: the peer's own.
    Leaf,
    /// Another one that the peer sent: its place in the chain, where the leaf's is 1, and its subject.
    Issuer(usize, String),
    /// A trusted root, by its subject.
    Root(String),
    /// One of them; the path builder does not say which.
    Unknown,
    /// No certificate, but the raw public key that stands in its place.
    RawPublicKey,
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf => f.write_str("the certificate"),
            Self::Issuer(place, subject) => {
                write!(f, "the issuing certificate {subject} (number {place} of the chain)")
            }
            Self::Root(subject) => write!(f, "the trusted root {subject}"),
            Self::Unknown => f.write_str("a certificate of the chain"),
            Self::RawPublicKey => f.write_str("the raw public key"),
        }
    }
}

/// The names that a certificate is valid for, as a list that reads well in an error.
///
/// The peer wrote them: only the first few are shown, and what cannot be printed is shown as an escape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameList(pub Vec<String>);

/// How many names an error shows; certificates with a hundred are in use.
const MAX_NAMES_SHOWN: usize = 8;

impl fmt::Display for NameList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no DNS name or address at all (it has no such subjectAltName)");
        }
        for (index, name) in self.0.iter().take(MAX_NAMES_SHOWN).enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { ", " }, name.escape_debug())?;
        }
        match self.0.len().saturating_sub(MAX_NAMES_SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl From<TooLong> for Error {
    fn from(_: TooLong) -> Self {
        Self::Internal(Internal::MessageTooLong)
    }
}
