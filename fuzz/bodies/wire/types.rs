//! Every type that has a form on the wire, put through the properties.

use bulla::wire::*;

use super::{
    Make, Prefixes, proper_prefixes_are_refused, version_of, what_is_read_is_written_back, what_is_written_is_read_back,
};
use crate::bodies::source::Source;

/// The list: the type, and which of its prefixes are not refused.
macro_rules! with_every_type {
    ($do:ident) => {
        $do! {
            Alert: Refused,
            ChangeCipherSpec: Refused,
            RecordHeader: Refused,
            RawHandshake: Refused,
            ClientHello: UpToExtensions,
            ServerHello: UpToExtensions,
            HelloRetryRequest: Refused,
            EncryptedExtensions: Refused,
            CertificateRequest: Refused,
            CertificateRequestTls12: Refused,
            Certificate: Refused,
            CertificateEntry: Refused,
            CompressedCertificate: Refused,
            CertificateTls12: Refused,
            RawPublicKeyTls12: Refused,
            Asn1Cert: Refused,
            CertificateVerify: Refused,
            CertificateStatus: UnlessOcsp,
            Finished: All,
            NewSessionTicket: Refused,
            NewSessionTicketTls12: Refused,
            KeyUpdate: Refused,
            EndOfEarlyData: Refused,
            HelloRequest: Refused,
            ServerHelloDone: Refused,
            ServerEcdhParams: Refused,
            ServerKeyExchange: Refused,
            ClientKeyExchange: Refused,
            ClientExtension: Refused,
            ServerExtension: Refused,
            RetryExtension: Refused,
            EncryptedExtension: Refused,
            CertificateRequestExtension: Refused,
            CertificateExtension: Refused,
            NewSessionTicketExtension: Refused,
            ServerNameList: Refused,
            ServerNameEntry: Refused,
            CertificateStatusRequest: UnlessOcsp,
            ResponderId: Refused,
            OfferedPsks: Refused,
            PskIdentity: Refused,
            PskBinderEntry: Refused,
            ProtocolNameList: Refused,
            KeyShareEntry: Refused,
            OidFilter: Refused,
            DistinguishedName: Refused,
            Credential: Refused,
            DelegatedCredential: Refused,
            SerializedSct: Refused,
            SignedCertificateTimestampList: Refused,
        }
    };
}

/// Makes one value of every type from `input` and checks the first and the third property.
pub fn check_made(input: &[u8]) {
    macro_rules! check {
        ($( $type:ident: $exceptions:ident, )*) => { $( {
            let message = $type::make(&mut Source::new(input));
            let written = write_all(&message).unwrap_or_else(|_| panic!("too long: {message:?}"));
            what_is_written_is_read_back(&message, &written, read_all::<$type>);
            proper_prefixes_are_refused(&written, Prefixes::$exceptions, read_all::<$type>);
        } )* };
    }
    with_every_type!(check);
}

/// Reads `bytes` as every type and checks the second and the third property for those that accept them. Returns how
/// many did.
pub fn check_accepted(bytes: &[u8]) -> usize {
    let mut accepted = 0;
    macro_rules! check {
        ($( $type:ident: $exceptions:ident, )*) => { $(
            if what_is_read_is_written_back(bytes, read_all::<$type>, write_all) {
                proper_prefixes_are_refused(bytes, Prefixes::$exceptions, read_all::<$type>);
                accepted += 1;
            }
        )* };
    }
    with_every_type!(check);
    accepted
}

/// Writes one value of every type and checks what becomes of it when `mutate` has been at its bytes.
pub fn check_mutated(input: &[u8], mutate: impl Fn(&mut Vec<u8>)) -> usize {
    let mut accepted = 0;
    macro_rules! check {
        ($( $type:ident: $exceptions:ident, )*) => { $( {
            let mut bytes = write_all(&$type::make(&mut Source::new(input))).unwrap_or_default();
            mutate(&mut bytes);
            if what_is_read_is_written_back(&bytes, read_all::<$type>, write_all) {
                proper_prefixes_are_refused(&bytes, Prefixes::$exceptions, read_all::<$type>);
                accepted += 1;
            }
        } )* };
    }
    with_every_type!(check);
    accepted
}

/// Makes a whole handshake message, header included, and checks the first and the third property.
pub fn check_made_message(source: &mut Source<'_>) {
    let message = Handshake::make(source);
    let version = version_of(&message);
    let written = message.to_bytes().unwrap_or_else(|_| panic!("too long: {message:?}"));
    what_is_written_is_read_back(&message, &written, |bytes| Handshake::read(bytes, version));
    proper_prefixes_are_refused(&written, Prefixes::Refused, |bytes| Handshake::read(bytes, version));
}

/// Reads `bytes` as a whole handshake message of both versions; checks the second and the third property if one does
/// accept them.
pub fn check_accepted_message(bytes: &[u8]) -> bool {
    [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3].into_iter().any(|version| {
        let read = |bytes| Handshake::read(bytes, version);
        let accepted = what_is_read_is_written_back(bytes, read, Handshake::to_bytes);
        if accepted {
            proper_prefixes_are_refused(bytes, Prefixes::Refused, |bytes| Handshake::read(bytes, version));
        }
        accepted
    })
}
