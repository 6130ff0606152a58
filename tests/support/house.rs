//! A certificate that may be delegated, and a key that it is delegated to. RFC 9345.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::Arc;

use bulla::clock::Time;
use bulla::config::LocalSigner;
use bulla::crypto::ring::provider;
use bulla::pki_types::{CertificateDer, PrivateKeyDer};
use bulla::wire::{DelegatedCredential, SignatureScheme as Scheme, read_all, write_all};
use bulla::{ClientConfig, ConfigError, Identity, ServerConfig};
use rcgen::PublicKeyData;

use super::pair::{Authority, KeyKind, NAME, NOW};

pub const DAY: u32 = 86_400;
pub const WEEK: u32 = 7 * DAY;

/// id-pe-delegationUsage, NULL.
pub fn allow_delegation(params: &mut rcgen::CertificateParams) {
    let usage = rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 44363, 44], vec![5, 0]);
    params.custom_extensions.push(usage);
    // Valid since a day: credentials count from there on.
    params.not_before = rcgen::date_time_ymd(2025, 12, 31);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
}

/// A certificate that may be delegated, its identity, and a key to delegate to.
pub struct House {
    pub authority: Authority,
    pub leaf: CertificateDer<'static>,
    pub identity: Arc<Identity>,
    pub delegated: rcgen::KeyPair,
}

impl House {
    pub fn new() -> Self {
        Self::of(KeyKind::EcdsaP384, allow_delegation)
    }

    pub fn of(kind: KeyKind, edit: impl FnOnce(&mut rcgen::CertificateParams)) -> Self {
        let authority = Authority::new();
        let (leaf, key) = authority.issue_with(&[NAME], kind, edit);
        let identity = Arc::new(Identity::new(vec![leaf.clone()], &key).unwrap());
        let delegated = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        Self { authority, leaf, identity, delegated }
    }

    pub fn client(&self) -> ClientConfig {
        ClientConfig::new(self.authority.roots()).clock(Arc::new(NOW)).accept_delegated_credentials(true)
    }

    pub fn credential(&self) -> Vec<u8> {
        self.issue(NOW, DAY).unwrap()
    }

    pub fn issue(&self, now: Time, lifetime: u32) -> Result<Vec<u8>, ConfigError> {
        let key = self.delegated.subject_public_key_info();
        self.identity.issue_delegated_credential(&key, Scheme::ecdsa_secp256r1_sha256, now, lifetime)
    }

    pub fn delegated_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.delegated.serialize_der()).unwrap()
    }

    /// A server's identity that has the delegated key and not the certificate's.
    pub fn delegated_identity(&self, credential: Vec<u8>) -> Result<Identity, ConfigError> {
        Identity::delegated(vec![self.leaf.clone()], credential, &self.delegated_key())
    }

    pub fn server(&self) -> ServerConfig {
        ServerConfig::new(self.delegated_identity(self.credential()).unwrap()).clock(Arc::new(NOW))
    }

    /// A server's identity that has both keys.
    pub fn server_with_both(&self, credential: Vec<u8>) -> ServerConfig {
        let (leaf, key) = self.authority.issue_with(&[NAME], KeyKind::EcdsaP384, allow_delegation);
        let identity = Arc::new(Identity::new(vec![leaf.clone()], &key).unwrap());
        let both = House { authority: Authority::new(), leaf, identity, delegated: self.copy_of_key() };
        let credential = if credential.is_empty() { both.credential() } else { credential };
        let identity = Identity::new(vec![both.leaf.clone()], &key).unwrap();
        let signer = LocalSigner::new(
            bulla::crypto::Provider::signing_key(&*provider(), &self.delegated_key()).unwrap(),
            provider(),
        );
        ServerConfig::new(identity.delegated_credential(credential, Arc::new(signer)).unwrap()).clock(Arc::new(NOW))
    }

    pub fn copy_of_key(&self) -> rcgen::KeyPair {
        rcgen::KeyPair::try_from(self.delegated.serialize_der()).unwrap()
    }
}

/// The credential with a field edited, and not signed anew.
pub fn edited(credential: &[u8], edit: impl FnOnce(&mut DelegatedCredential<'_>)) -> Vec<u8> {
    let mut read: DelegatedCredential<'_> = read_all(credential).unwrap();
    edit(&mut read);
    write_all(&read).unwrap()
}

pub fn house_credential_for_another_key(house: &House) -> Vec<u8> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().subject_public_key_info();
    let scheme = Scheme::ecdsa_secp256r1_sha256;
    house.identity.issue_delegated_credential(&key, scheme, NOW, DAY).unwrap()
}
