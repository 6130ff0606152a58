//! What changes while connections come and go: a value that is swapped as a whole, and certificates that are checked before
//! they are.
//!
//! A connection keeps what it was given; the next one gets the new value. No lock is held across cryptography.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::sync::{PoisonError, RwLock};

use pki_types::CertificateDer;

use super::{
    CertificateRequestInfo, ChooseClientIdentity, ChooseServerConfig, ChooseServerIdentity, ClientHelloInfo,
    ClientHelloView, Decision, Identity, ServerConfig, SigningRequest, choose_by_request, choose_by_server_name,
};
#[cfg(feature = "ring")]
use crate::clock::SystemClock;
use crate::clock::{Clock, Time};
use crate::crypto::Provider;
use crate::error::{CertificateError, NameList, Which};
#[cfg(feature = "ring")]
use crate::verify::FileError;
use crate::verify::{
    CERTIFICATE_ONLY_SCHEMES, PeerCertificate, PublicKeyInfo, SignatureFailure, distinguished_name_text,
    verify_handshake_signature, verify_handshake_signature_with_key,
};
use crate::wire::{CertificateType, ProtocolVersion};

/// A value that can be swapped while others use it. A `Live<ServerConfig>` chooses what it holds:
/// [`ServerConnection::choosing`](crate::ServerConnection::choosing) takes it.
pub struct Live<T>(RwLock<Arc<T>>);

impl<T> Live<T> {
    /// Starts with this value.
    pub fn new(value: impl Into<Arc<T>>) -> Self {
        Self(RwLock::new(value.into()))
    }

    /// Returns the value that is in use now.
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another one in its place, and returns the old one.
    pub fn replace(&self, value: impl Into<Arc<T>>) -> Arc<T> {
        let value = value.into();
        core::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&self.current()).finish()
    }
}

impl ChooseServerConfig for Live<ServerConfig> {
    fn choose(&self, _: &ClientHelloView) -> Decision<Arc<ServerConfig>> {
        Decision::Now(self.current())
    }
}

/// The certificates of a server, or of a client, which are renewed while it runs. What comes in their place is checked
/// first: the key signs for the leaf, the chain is valid now, and no name is lost. What fails leaves the old ones in use.
///
/// A configuration takes it by `choose_identity`, and chooses among what it holds as among identities of its own. For a client's
/// sessions it is one and the same client, whatever certificate it shows. A raw public key is a name of its own: whoever trusts
/// the old one does not trust another.
#[derive(Debug)]
pub struct LiveIdentities {
    current: Live<Chosen>,
    /// The first leaves, and what types they are of: a client's sessions and offers stand on them.
    shows: Vec<u8>,
    certificate_types: Vec<CertificateType>,
    clock: Arc<dyn Clock>,
    provider: Arc<dyn Provider>,
}

/// Identities, and who chooses among them.
#[derive(Debug)]
struct Chosen {
    identities: Vec<Arc<Identity>>,
    for_clients: Arc<dyn ChooseServerIdentity>,
    for_servers: Arc<dyn ChooseClientIdentity>,
}

impl Chosen {
    fn among(identities: Vec<Arc<Identity>>) -> Arc<Self> {
        let for_clients = choose_by_server_name(identities.clone());
        let for_servers = choose_by_request(identities.clone());
        Arc::new(Self { identities, for_clients, for_servers })
    }
}

impl LiveIdentities {
    /// Starts with these, most wanted first, which are checked like later ones: with `ring`'s cryptography and the system's
    /// clock.
    #[cfg(feature = "ring")]
    pub fn new(identities: Vec<Identity>) -> Result<Self, SwapRefused> {
        Self::with_provider(identities, crate::crypto::ring::provider(), Arc::new(SystemClock))
    }

    /// Like [`new`](Self::new), with the cryptography of `provider` and the time of `clock`.
    pub fn with_provider(
        identities: Vec<Identity>,
        provider: Arc<dyn Provider>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SwapRefused> {
        let identities = checked(identities, &*provider, clock.now())?;
        let chosen = Chosen::among(identities);
        let shows = chosen.for_servers.shows().to_vec();
        let certificate_types = chosen.for_servers.certificate_types().to_vec();
        Ok(Self { current: Live::new(chosen), shows, certificate_types, clock, provider })
    }

    /// Returns the identities that are in use now.
    pub fn current(&self) -> Vec<Arc<Identity>> {
        self.current.current().identities.clone()
    }

    /// Puts these in the place of those in use, if they are good and have every name that those have.
    pub fn swap(&self, identities: Vec<Identity>) -> Result<(), SwapRefused> {
        let identities = checked(identities, &*self.provider, self.clock.now())?;
        let lost = lost_names(&self.current.current().identities, &identities);
        if !lost.is_empty() {
            return Err(SwapRefused::NamesLost(NameList(lost)));
        }
        self.current.replace(Chosen::among(identities));
        Ok(())
    }

    /// Like [`swap`](Self::swap), and names may go.
    pub fn swap_and_drop_names(&self, identities: Vec<Identity>) -> Result<(), SwapRefused> {
        let identities = checked(identities, &*self.provider, self.clock.now())?;
        self.current.replace(Chosen::among(identities));
        Ok(())
    }

    /// Like [`swap`](Self::swap), with one identity that is read from files, PEM or DER, as after a renewal.
    #[cfg(feature = "ring")]
    pub fn swap_from_files(
        &self,
        chain: impl AsRef<std::path::Path>,
        key: impl AsRef<std::path::Path>,
    ) -> Result<(), SwapRefused> {
        self.swap(alloc::vec![Identity::from_files(chain, key).map_err(SwapRefused::File)?])
    }
}

impl ChooseServerIdentity for LiveIdentities {
    fn choose(&self, hello: &ClientHelloInfo) -> Decision<Option<Arc<Identity>>> {
        self.current.current().for_clients.choose(hello)
    }
}

impl ChooseClientIdentity for LiveIdentities {
    fn choose(&self, request: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
        self.current.current().for_servers.choose(request)
    }

    fn shows(&self) -> &[u8] {
        &self.shows
    }

    fn certificate_types(&self) -> &[CertificateType] {
        &self.certificate_types
    }
}

/// Why certificates were not put in the place of others, which are still in use. Numbers count from 1.
#[derive(Debug)]
#[non_exhaustive]
pub enum SwapRefused {
    /// There are none.
    Empty,
    /// The files cannot be read, or do not belong together.
    #[cfg(feature = "ring")]
    File(FileError<super::ConfigError>),
    /// A certificate of this identity is not valid now, or cannot be read.
    Certificate(usize, CertificateError),
    /// The signer of this identity gave no signature.
    SigningFailed(usize),
    /// What the signer of this identity signed does not verify with the leaf's key.
    KeyDoesNotMatch(usize),
    /// The delegated credential of this identity is over: the last moment of its validity.
    DelegationExpired(usize, Time),
    /// Names that the certificates in use are valid for, and the new ones are not.
    NamesLost(NameList),
}

impl fmt::Display for SwapRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the old certificates stay in use: ")?;
        match self {
            Self::Empty => f.write_str("there are no new ones"),
            #[cfg(feature = "ring")]
            Self::File(error) => error.fmt(f),
            Self::Certificate(number, error) => write!(f, "of the new number {number}, {error}"),
            Self::SigningFailed(number) => write!(f, "the key of the new number {number} does not sign"),
            Self::KeyDoesNotMatch(number) => {
                write!(f, "the key of the new number {number} does not belong to its certificate")
            }
            Self::DelegationExpired(number, end) => {
                write!(f, "the delegated credential of the new number {number} was valid until {end}")
            }
            Self::NamesLost(names) => write!(f, "the new ones are not valid for {names}; if that is meant, say so"),
        }
    }
}

impl core::error::Error for SwapRefused {}

fn checked(
    identities: Vec<Identity>,
    provider: &dyn Provider,
    now: Option<Time>,
) -> Result<Vec<Arc<Identity>>, SwapRefused> {
    if identities.is_empty() {
        return Err(SwapRefused::Empty);
    }
    let identities: Vec<_> = identities.into_iter().map(Arc::new).collect();
    for (number, identity) in (1..).zip(&identities) {
        check_validity(identity, now).map_err(|error| SwapRefused::Certificate(number, error))?;
        for signing in [Some(identity), identity.with_delegated_key()].into_iter().flatten() {
            check_key(signing, provider, now, number)?;
        }
    }
    Ok(identities)
}

/// The whole chain must be valid now: a renewal that brings an old intermediate along fails with every client.
fn check_validity(identity: &Identity, now: Option<Time>) -> Result<(), CertificateError> {
    if is_raw(identity) {
        return Ok(());
    }
    let now = now.ok_or(CertificateError::NoTime)?;
    for (place, der) in (1..).zip(identity.chain()) {
        let read = match PeerCertificate::read(der) {
            Ok(read) => read,
            Err(error) if place == 1 => return Err(error),
            // Too old to be read here; who builds a path with it judges it.
            Err(_) => continue,
        };
        let which = || match place {
            1 => Which::Leaf,
            _ => Which::Issuer(place, distinguished_name_text(read.subject())),
        };
        let (not_before, not_after) = read.validity();
        if now > not_after {
            return Err(CertificateError::Expired(which(), now, not_after));
        }
        if now < not_before {
            return Err(CertificateError::NotYetValid(which(), now, not_before));
        }
    }
    Ok(())
}

/// What a key is made to sign here can be taken for no handshake: it begins as RFC 8446 §4.4.3 wants, in a context of its own.
const KEY_CHECK: &[u8] = b"Bulla, does this key belong to its certificate?\0";

/// Lets the signer sign, with the key of the leaf, or with the delegated one while that holds. One that answers later is not asked:
/// what it says, the first handshake shows.
fn check_key(
    identity: &Arc<Identity>,
    provider: &dyn Provider,
    now: Option<Time>,
    number: usize,
) -> Result<(), SwapRefused> {
    let message = [&[b' '; 64], KEY_CHECK].concat();
    let leaf = identity.chain().first().ok_or(SwapRefused::Empty)?;
    let delegation = identity.delegation();
    if let Some((.., end)) = delegation
        && now.is_some_and(|now| now.as_secs() > end.as_secs())
    {
        return Err(SwapRefused::DelegationExpired(number, end));
    }
    let schemes = match &delegation {
        Some((scheme, ..)) => core::slice::from_ref(scheme),
        None => identity.signer().schemes(),
    };
    for &scheme in schemes {
        let request = SigningRequest { scheme, message: message.clone(), identity: Arc::clone(identity) };
        let signature = match identity.signer().sign(&request) {
            Decision::Now(Ok(signature)) => signature,
            Decision::Now(Err(_)) | Decision::Refuse(_) => return Err(SwapRefused::SigningFailed(number)),
            Decision::Later => return Ok(()),
        };
        let of_tls12 = CERTIFICATE_ONLY_SCHEMES.contains(&scheme);
        let version = if of_tls12 { ProtocolVersion::TLSv1_2 } else { ProtocolVersion::TLSv1_3 };
        let itself = || PublicKeyInfo::read(leaf).ok().filter(|_| is_raw(identity));
        let verified = match delegation.map(|(_, key, _)| key).or_else(itself) {
            Some(key) => verify_handshake_signature_with_key(provider, key, version, scheme, &message, &signature),
            None => verify_handshake_signature(provider, leaf, version, scheme, &message, &signature),
        };
        match verified {
            Ok(()) => return Ok(()),
            Err(SignatureFailure::SchemeDoesNotFitKey) => {}
            Err(_) => break,
        }
    }
    Err(SwapRefused::KeyDoesNotMatch(number))
}

fn is_raw(identity: &Identity) -> bool {
    identity.certificate_type() == CertificateType::RawPublicKey
}

/// The names of the old ones that none of the new ones has. A certificate without names goes by its subject, a raw key by
/// itself.
fn lost_names(old: &[Arc<Identity>], new: &[Arc<Identity>]) -> Vec<String> {
    let leaves = |identities: &[Arc<Identity>]| -> Vec<_> {
        identities.iter().filter_map(|identity| identity.chain().first().cloned()).collect()
    };
    let (old_leaves, new_leaves) = (leaves(old), leaves(new));
    let new_read: Vec<_> = new_leaves.iter().filter_map(|leaf| PeerCertificate::read(leaf).ok()).collect();
    let new_names: Vec<String> = new_read.iter().filter_map(|read| read.names().ok()).flatten().collect();
    let is_kept = |key: &CertificateDer<'_>| new_leaves.iter().any(|leaf| leaf == key);
    let raw_keys = old.iter().filter(|identity| is_raw(identity)).filter_map(|identity| identity.chain().first());
    let mut lost: Vec<String> =
        raw_keys.filter(|key| !is_kept(key)).map(|_| String::from("a raw public key")).collect();
    for read in old_leaves.iter().filter_map(|leaf| PeerCertificate::read(leaf).ok()) {
        let names = read.names().unwrap_or_default();
        if names.is_empty() && !new_read.iter().any(|new| new.subject() == read.subject()) {
            lost.push(distinguished_name_text(read.subject()));
        }
        for name in names {
            let listed = new_names.iter().any(|new| new.eq_ignore_ascii_case(&name));
            if !listed
                && !lost.contains(&name)
                && !new.iter().any(|identity| !is_raw(identity) && identity.is_valid_for(&name))
            {
                lost.push(name);
            }
        }
    }
    lost
}
