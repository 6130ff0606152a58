//! The three properties, one generic body each, and the one list of exceptions to the third.

use std::fmt::Debug;

use bulla::wire::{Malformed, TooLong};

/// `read(write(m)) == m`.
pub fn what_is_written_is_read_back<'b, T: PartialEq + Debug>(
    message: &T,
    written: &'b [u8],
    read: impl Fn(&'b [u8]) -> Result<T, Malformed>,
) {
    assert_eq!(read(written).as_ref(), Ok(message), "written as {written:02x?}");
}

/// `write(read(b)) == b` for each accepted `b`. Says whether it was accepted.
pub fn what_is_read_is_written_back<'b, T: Debug>(
    bytes: &'b [u8],
    read: impl Fn(&'b [u8]) -> Result<T, Malformed>,
    write: impl Fn(&T) -> Result<Vec<u8>, TooLong>,
) -> bool {
    let Ok(message) = read(bytes) else { return false };
    assert_eq!(write(&message).as_deref(), Ok(bytes), "read as {message:?}");
    true
}

/// Which proper prefixes of an accepted body are bodies too.
///
/// A whole handshake message, header included, has no exception: its header tells its length. Nor has an extension
/// with its header. Only bodies by themselves, which never travel so, have some:
#[derive(Clone, Copy, Debug)]
pub enum Prefixes {
    /// None.
    Refused,
    /// The one that ends before the extensions: a hello of TLS 1.2 may have none. RFC 5246 §7.4.1.2, §7.4.1.3.
    UpToExtensions,
    /// All: the body is one value without a length of its own. Finished, whose length is the hash's. RFC 8446 §4.4.4.
    All,
    /// All that hold the type, if it is not ocsp: of another status type only its maker knows the form, so what
    /// follows is one value to the end. RFC 6066 §8.
    UnlessOcsp,
}

/// No proper prefix of an accepted `whole` is accepted, but for the exceptions.
pub fn proper_prefixes_are_refused<'b, T: Debug>(
    whole: &'b [u8],
    exceptions: Prefixes,
    read: impl Fn(&'b [u8]) -> Result<T, Malformed>,
) {
    // All prefixes of what is short, some of what is long: reading them all takes quadratic time.
    let step = 1 + whole.len() / 1024;
    let accepted = (0..whole.len()).step_by(step).filter(|&len| read(&whole[..len]).is_ok());
    match exceptions {
        Prefixes::Refused => assert_eq!(accepted.collect::<Vec<_>>(), [], "of {whole:02x?}"),
        Prefixes::UpToExtensions => {
            let accepted: Vec<_> = accepted.collect();
            assert!(accepted.len() <= 1, "{accepted:?} of {whole:02x?}");
            for len in accepted {
                let vector = &whole[len..];
                assert_eq!(
                    vector[..2],
                    u16::try_from(vector.len() - 2).unwrap().to_be_bytes(),
                    "{len} of {whole:02x?}"
                );
            }
        }
        Prefixes::All => assert_eq!(accepted.count(), whole.len().div_ceil(step)),
        Prefixes::UnlessOcsp => {
            let type_only = |len: usize| whole[0] != 1 && len >= 1;
            assert!({ accepted }.all(type_only), "of {whole:02x?}");
        }
    }
}
