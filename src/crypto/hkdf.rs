//! HKDF (RFC 5869) over the provider's HMAC, so that every provider's HKDF is the same one.

use alloc::vec;

use super::{CryptoError, HashAlgorithm, Provider, Secret};

/// HKDF-Extract. RFC 5869 §2.2. An empty salt means `Hash.length` zero bytes, which HMAC's own padding gives.
pub fn hkdf_extract(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    salt: &[u8],
    input_keying_material: &[u8],
) -> Result<Secret, CryptoError> {
    let mut pseudorandom_key = provider.hmac(hash, salt, &[input_keying_material])?;
    let secret = Secret::copy_from(pseudorandom_key.as_ref());
    pseudorandom_key.wipe();
    Ok(secret)
}

/// HKDF-Expand to `len` bytes, at most 255 times the hash's length. RFC 5869 §2.3.
pub fn hkdf_expand(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    pseudorandom_key: &[u8],
    info: &[u8],
    len: usize,
) -> Result<Secret, CryptoError> {
    if len > 255 * hash.output_len() {
        return Err(CryptoError::Unsupported);
    }
    let mut output = Secret::from_vec(vec![0; len]);
    let mut counter = 0u8;
    let mut previous: Option<super::Digest> = None;
    for chunk in output.expose_mut().chunks_mut(hash.output_len()) {
        counter += 1;
        let before: &[u8] = previous.as_ref().map_or(&[], AsRef::as_ref);
        let block = provider.hmac(hash, pseudorandom_key, &[before, info, &[counter]])?;
        chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
        if let Some(mut old) = previous.replace(block) {
            old.wipe();
        }
    }
    if let Some(mut last) = previous {
        last.wipe();
    }
    Ok(output)
}
