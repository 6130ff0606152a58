//! Who we are: certificates with their keys, and what is shown beside them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulla::pki_types::pem::PemObject;
use bulla::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use bulla::verify::{PeerCertificate, pem};
use bulla::{ConfigError, Identity};
use zeroize::Zeroizing;

use crate::certificate::RawKey;
use crate::report::Failure;

/// The place of what is not there, in options that stand beside one another.
const NONE: &str = "-";

/// Reads a certificate and its key.
pub(crate) fn read(cert: &Path, key: &Path) -> Result<Identity, Failure> {
    Identity::from_files(cert, key).map_err(|error| Failure::usage("--cert, --key", error))
}

/// What the options say of one's own certificates. What stands in the same place of each belongs together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown<'o> {
    pub(super) certs: &'o [PathBuf],
    pub(super) keys: &'o [PathBuf],
    pub(super) staples: &'o [PathBuf],
    pub(super) scts: &'o [PathBuf],
    pub(super) credentials: &'o [PathBuf],
    pub(super) delegated_keys: &'o [PathBuf],
}

impl Shown<'_> {
    /// Reads all of them.
    pub(super) fn read(&self) -> Result<Vec<Identity>, Failure> {
        if self.certs.len() != self.keys.len() {
            let why = format!("{} --cert and {} --key were given", self.certs.len(), self.keys.len());
            return Err(Failure::usage("--cert", why).hint("each certificate needs its key, in the same order"));
        }
        for (option, files) in [
            ("--staple", self.staples),
            ("--sct", self.scts),
            ("--delegated-credential", self.credentials),
            ("--delegated-key", self.delegated_keys),
        ] {
            if files.len() > self.certs.len() {
                let why = format!("{} were given for {} --cert", files.len(), self.certs.len());
                return Err(Failure::usage(option, why).hint("each stands for the certificate in the same place"));
            }
        }
        self.certs.iter().enumerate().map(|(index, cert)| self.read_one(index, cert)).collect()
    }

    fn read_one(&self, index: usize, cert: &Path) -> Result<Identity, Failure> {
        let delegated = match (at(self.credentials, index), at(self.delegated_keys, index)) {
            (Some(credential), Some(key)) => Some((bytes("--delegated-credential", credential)?, key)),
            (None, None) => None,
            _ => {
                let failure =
                    Failure::usage("--delegated-credential", "it comes with the --delegated-key in its place");
                return Err(failure);
            }
        };
        let mut identity = match (at(self.keys, index), delegated) {
            (Some(key), None) => read(cert, key)?,
            (Some(key), Some((credential, delegated_key))) => {
                let signer = Arc::clone(delegating(cert, credential.clone(), delegated_key)?.signer());
                read(cert, key)?.delegated_credential(credential, signer).map_err(not_delegated)?
            }
            (None, Some((credential, delegated_key))) => delegating(cert, credential, delegated_key)?,
            (None, None) => {
                return Err(Failure::usage("--key", "without a key only a --delegated-credential can stand"));
            }
        };
        if let Some(staple) = at(self.staples, index) {
            identity = identity.ocsp_response(ocsp_response(staple)?);
        }
        if let Some(sct) = at(self.scts, index) {
            let added = identity.signed_certificate_timestamps(bytes("--sct", sct)?);
            identity = added.map_err(|error| Failure::usage("--sct", format!("{}: {error}", sct.display())))?;
        }
        Ok(identity)
    }
}

/// Returns the file that stands in this place of an option, if one does.
fn at(files: &[PathBuf], index: usize) -> Option<&Path> {
    files.get(index).map(PathBuf::as_path).filter(|file| *file != Path::new(NONE))
}

/// Joins a certificate and the key that stands in for its own.
fn delegating(cert: &Path, credential: Vec<u8>, key: &Path) -> Result<Identity, Failure> {
    let unusable = |option: &str, file: &Path, why: &dyn ToString| {
        Failure::usage(option, format!("{}: {}", file.display(), why.to_string()))
    };
    let chain = pem::certificates_from_pem_or_der(&bytes("--cert", cert)?);
    let chain = chain.map_err(|error| unusable("--cert", cert, &error))?;
    let key = private_key("--delegated-key", key)?;
    Identity::delegated(chain, credential, &key).map_err(not_delegated)
}

fn not_delegated(error: ConfigError) -> Failure {
    Failure::usage("--delegated-credential", error)
}

/// Reads keys that are shown without a certificate.
pub(super) fn raw(keys: &[PathBuf]) -> Result<Vec<Identity>, Failure> {
    let one = |file: &PathBuf| {
        let identity = Identity::raw_public_key(&*private_key("--raw-key", file)?);
        identity.map_err(|error| Failure::usage("--raw-key", format!("{}: {error}", file.display())))
    };
    keys.iter().map(one).collect()
}

/// Reads the keys that peers may show without a certificate.
pub(super) fn raw_public_keys(files: &[PathBuf]) -> Result<Vec<SubjectPublicKeyInfoDer<'static>>, Failure> {
    files.iter().map(|file| public_key("--raw-public-key", file).map(SubjectPublicKeyInfoDer::from)).collect()
}

/// Reads a private key that stands alone.
fn private_key(option: &str, file: &Path) -> Result<Zeroizing<PrivateKeyDer<'static>>, Failure> {
    let read = pem::private_key_from_pem_or_der(&Zeroizing::new(bytes(option, file)?));
    read.map_err(|error| Failure::usage(option, format!("{}: {error}", file.display())))
}

/// Reads a public key, or takes it out of a certificate: the DER of its SubjectPublicKeyInfo.
pub(crate) fn public_key(option: &str, file: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = bytes(option, file)?;
    if let Ok(key) = SubjectPublicKeyInfoDer::from_pem_slice(&bytes) {
        return Ok(key.to_vec());
    }
    let leaf = pem::certificates_from_pem_or_der(&bytes).ok().and_then(|chain| chain.into_iter().next());
    if let Some(leaf) = leaf.as_ref().and_then(|leaf| PeerCertificate::read(leaf).ok()) {
        return Ok(leaf.subject_public_key_info().to_vec());
    }
    if RawKey::read(&bytes).is_some() {
        return Ok(bytes);
    }
    let why = format!("{}: this is no public key, PEM or DER", file.display());
    Err(Failure::usage(option, why).hint("`openssl pkey -in KEY -pubout` writes one"))
}

fn bytes(option: &str, file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::usage(option, format!("{}: {error}", file.display())))
}

/// Reads an OCSP response. Its first byte tells it from PEM and from most other mistakes; the client judges the rest.
fn ocsp_response(file: &Path) -> Result<Vec<u8>, Failure> {
    const SEQUENCE: u8 = 0x30;
    let unusable = |why: &dyn ToString| Failure::usage("--staple", format!("{}: {}", file.display(), why.to_string()));
    let response = std::fs::read(file).map_err(|error| unusable(&error))?;
    match response.first() {
        Some(&SEQUENCE) => Ok(response),
        _ => Err(unusable(&"this is no OCSP response in DER").hint("`openssl ocsp -respout FILE` writes one")),
    }
}
