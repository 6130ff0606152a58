//! The TLS 1.2 key schedule: PRF, master secret, key block, Finished and exporter. RFC 5246 §5, §6.3, §8.1; RFC 7627 §4.
//!
//! ```text
//!  PRF(pre_master_secret, "extended master secret", session_hash)      = master_secret, 48 bytes
//!  PRF(master_secret, "key expansion", server_random + client_random)  = keys and ivs of both directions
//!  PRF(master_secret, "client finished" | "server finished", Hash(handshake_messages)) = verify_data, 12 bytes
//! ```

use alloc::vec;
use alloc::vec::Vec;

use super::{RawKeys, RecordFormat, TrafficKeys};
use crate::crypto::{AeadAlgorithm, CryptoError, Digest, HashAlgorithm, NONCE_LEN, Provider, Secret, Suite};

/// Length in bytes of the master secret. RFC 5246 §8.1.
const MASTER_SECRET_LEN: usize = 48;

/// Length in bytes of verify_data. RFC 5246 §7.4.9.
const VERIFY_DATA_LEN: usize = 12;

/// The labels that the handshake itself says, which no application may export under. RFC 5705 §4, §6; RFC 7627 §8.
const RESERVED_LABELS: [&[u8]; 5] =
    [b"client finished", b"server finished", b"master secret", b"extended master secret", b"key expansion"];

/// PRF(secret, label, seed) of `len` bytes; `seed` is the concatenation of its parts. RFC 5246 §5.
pub fn prf(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    secret: &Secret,
    label: &[u8],
    seed: &[&[u8]],
    len: usize,
) -> Result<Secret, CryptoError> {
    let seed = [&[label], seed].concat();
    let mut output = Secret::from_vec(vec![0; len]);
    // A(0) = seed, A(i) = HMAC(secret, A(i-1)); the output is HMAC(secret, A(1) + seed), HMAC(secret, A(2) + seed), …
    let mut a = provider.hmac(hash, secret.expose(), &seed)?;
    for chunk in output.expose_mut().chunks_mut(hash.output_len()) {
        let parts: Vec<&[u8]> = [&[a.as_ref()], seed.as_slice()].concat();
        let mut block = provider.hmac(hash, secret.expose(), &parts)?;
        chunk.copy_from_slice(block.as_ref().get(..chunk.len()).ok_or(CryptoError::Failed)?);
        block.wipe();
        let next = provider.hmac(hash, secret.expose(), &[a.as_ref()])?;
        core::mem::replace(&mut a, next).wipe();
    }
    a.wipe();
    Ok(output)
}

/// The randoms of both hellos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Randoms {
    /// ClientHello's.
    pub client: [u8; 32],
    /// ServerHello's.
    pub server: [u8; 32],
}

/// The keys of both directions.
pub struct KeyBlock {
    /// Protects what the client sends.
    pub client: TrafficKeys,
    /// Protects what the server sends.
    pub server: TrafficKeys,
}

/// The master secret, from which everything else of a session comes. RFC 5246 §8.1.
pub struct MasterSecret {
    suite: Suite,
    secret: Secret,
}

impl MasterSecret {
    /// Derives it over session_hash, the transcript up to and with ClientKeyExchange. RFC 7627 §4.
    pub fn extended(
        provider: &dyn Provider,
        suite: Suite,
        pre_master_secret: &Secret,
        session_hash: &Digest,
    ) -> Result<Self, CryptoError> {
        let seed = [session_hash.as_ref()];
        let secret = prf(provider, suite.hash, pre_master_secret, b"extended master secret", &seed, MASTER_SECRET_LEN)?;
        Ok(Self { suite, secret })
    }

    /// Derives it over the randoms alone, which does not bind it to the handshake: for peers without RFC 7627. RFC 5246 §8.1.
    pub fn legacy(
        provider: &dyn Provider,
        suite: Suite,
        pre_master_secret: &Secret,
        randoms: &Randoms,
    ) -> Result<Self, CryptoError> {
        let seed: [&[u8]; 2] = [&randoms.client, &randoms.server];
        let secret = prf(provider, suite.hash, pre_master_secret, b"master secret", &seed, MASTER_SECRET_LEN)?;
        Ok(Self { suite, secret })
    }

    /// Takes the master secret of an earlier connection; `None` if it is none of these. RFC 5246 §7.3, Figure 2.
    pub fn of_session(suite: Suite, secret: &Secret) -> Option<Self> {
        (secret.len() == MASTER_SECRET_LEN).then(|| Self { suite, secret: secret.duplicate() })
    }

    /// Lends the secret's bytes.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Derives the keys of both directions. RFC 5246 §6.3; the ivs' lengths by RFC 5288 §3 and RFC 7905 §2.
    pub fn key_block(&self, provider: &dyn Provider, randoms: &Randoms) -> Result<KeyBlock, CryptoError> {
        let (aead, format) = (self.suite.aead, RecordFormat::tls12(self.suite.aead));
        let [client, server] = self.raw_key_block(provider, randoms)?;
        Ok(KeyBlock {
            client: client.install(provider, aead, format)?,
            server: server.install(provider, aead, format)?,
        })
    }

    /// Derives the same as bytes, the client's keys first, for whoever seals or opens records elsewhere. RFC 5246 §6.3.
    pub fn raw_key_block(&self, provider: &dyn Provider, randoms: &Randoms) -> Result<[RawKeys; 2], CryptoError> {
        let (key_len, format) = (self.suite.aead.key_len(), RecordFormat::tls12(self.suite.aead));
        let iv_len = format.fixed_iv_len();
        let seed: [&[u8]; 2] = [&randoms.server, &randoms.client];
        let len = 2 * (key_len + iv_len);
        let block = prf(provider, self.suite.hash, &self.secret, b"key expansion", &seed, len)?;
        let (keys, ivs) = block.expose().split_at_checked(2 * key_len).ok_or(CryptoError::Failed)?;
        let (client_key, server_key) = keys.split_at_checked(key_len).ok_or(CryptoError::Failed)?;
        let (client_iv, server_iv) = ivs.split_at_checked(iv_len).ok_or(CryptoError::Failed)?;
        let raw = |key, iv| RawKeys { key: Secret::copy_from(key), iv: Secret::copy_from(iv) };
        Ok([raw(client_key, client_iv), raw(server_key, server_iv)])
    }

    /// Computes the client's verify_data. RFC 5246 §7.4.9.
    pub fn client_verify_data(&self, provider: &dyn Provider, transcript_hash: &Digest) -> Result<Secret, CryptoError> {
        self.verify_data(provider, b"client finished", transcript_hash)
    }

    /// Computes the server's verify_data. RFC 5246 §7.4.9.
    pub fn server_verify_data(&self, provider: &dyn Provider, transcript_hash: &Digest) -> Result<Secret, CryptoError> {
        self.verify_data(provider, b"server finished", transcript_hash)
    }

    fn verify_data(
        &self,
        provider: &dyn Provider,
        label: &[u8],
        transcript_hash: &Digest,
    ) -> Result<Secret, CryptoError> {
        prf(provider, self.suite.hash, &self.secret, label, &[transcript_hash.as_ref()], VERIFY_DATA_LEN)
    }

    /// Makes keying material for applications. An absent context is not an empty one here. RFC 5705 §4.
    ///
    /// The context is at most 65,535 bytes, and the label is none that the handshake itself uses.
    pub fn export(
        &self,
        provider: &dyn Provider,
        randoms: &Randoms,
        label: &[u8],
        context: Option<&[u8]>,
        len: usize,
    ) -> Result<Secret, CryptoError> {
        if RESERVED_LABELS.contains(&label) {
            return Err(CryptoError::Unsupported);
        }
        let context_len = u16::try_from(context.map_or(0, <[u8]>::len)).map_err(|_| CryptoError::Unsupported)?;
        let context_len = context_len.to_be_bytes();
        let mut seed: Vec<&[u8]> = vec![&randoms.client, &randoms.server];
        if let Some(context) = context {
            seed.extend([&context_len, context]);
        }
        prf(provider, self.suite.hash, &self.secret, label, &seed, len)
    }
}

impl RecordFormat {
    /// Returns how TLS 1.2 lays out the records of an AEAD. RFC 5288 §3, RFC 7905 §2.
    pub(crate) fn tls12(aead: AeadAlgorithm) -> Self {
        match aead {
            AeadAlgorithm::Aes128Gcm | AeadAlgorithm::Aes256Gcm => Self::Tls12ExplicitNonce,
            AeadAlgorithm::ChaCha20Poly1305 => Self::Tls12ImplicitNonce,
        }
    }

    /// Returns how many bytes of the key block are an iv. RFC 5246 §6.3.
    fn fixed_iv_len(self) -> usize {
        match self {
            Self::Tls12ExplicitNonce => 4,
            Self::Tls12ImplicitNonce | Self::Tls13 => NONCE_LEN,
        }
    }
}
