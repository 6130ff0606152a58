//! The shim's certificates: their keys sign at once or, under `-async`, when they are asked a second time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use bulla::config::{Decision, LocalSigner, Signer, SigningFailed, SigningRequest};
use bulla::crypto::KeyRejected;
use bulla::crypto::ring::provider;
use bulla::pki_types::SubjectPublicKeyInfoDer;
use bulla::verify::pem::{certificates_from_pem_or_der, private_key_from_pem_or_der};
use bulla::wire::SignatureScheme;
use bulla::{ConfigError, Identity};

use crate::answers::{Late, Seen};
use crate::options::{CredentialOptions, Options};
use crate::unsupported::{self, Unsupported};

/// What the runner calls the credential that no `-new-x509-credential` precedes.
pub(crate) const DEFAULT_CREDENTIAL: i32 = -1;

/// Reads all certificates and keys that the arguments name, in the order in which they are to be tried.
pub(crate) fn read_all(options: &Options, seen: &Arc<Seen>) -> Result<Vec<Arc<Identity>>, Unsupported> {
    let mut credentials = Vec::new();
    for (index, credential) in (0..).zip(&options.credentials) {
        credentials.extend(read(options, credential, index, seen)?);
    }
    credentials.extend(read(options, &options.default_credential, DEFAULT_CREDENTIAL, seen)?);
    Ok(credentials)
}

/// Reads one; `None` if the arguments do not name it.
fn read(
    options: &Options,
    credential: &CredentialOptions,
    index: i32,
    seen: &Arc<Seen>,
) -> Result<Option<Arc<Identity>>, Unsupported> {
    let Some(key_file) = &credential.key_file else { return Ok(None) };
    let unusable = |path: &str| unsupported::file(false, "a certificate or key that bulla cannot read", path);
    let bytes = |path: &str| std::fs::read(path).map_err(|_| unusable(path));
    let key_der = private_key_from_pem_or_der(&bytes(key_file)?).map_err(|_| unusable(key_file))?;
    let key = provider().signing_key(&key_der).map_err(|rejected| key_reason(rejected, key_file))?;
    let local = LocalSigner::new(key, provider());
    let mut schemes = local.schemes().to_vec();
    if !credential.signing_preferences.is_empty() {
        let of_key = |scheme: &&SignatureScheme| local.schemes().contains(scheme);
        schemes = credential.signing_preferences.iter().filter(of_key).copied().collect();
    }
    let (late, seen) = (Late::new(options.asynchronous), Arc::clone(seen));
    let signer = Arc::new(ShimSigner { local, schemes, index, late, seen });
    let identity = match &credential.certificate_file {
        Some(path) => {
            let chain = certificates_from_pem_or_der(&bytes(path)?).map_err(|_| unusable(path))?;
            match credential.delegated_credential.clone() {
                none if none.is_empty() => Identity::with_signer(chain, signer).map_err(|_| unusable(path))?,
                delegated => Identity::delegated_with_signer(chain, delegated, signer).map_err(no_delegation)?,
            }
        }
        None if credential.is_raw => {
            let public = Identity::raw_public_key(&key_der).map_err(|_| unusable(key_file))?;
            let public = SubjectPublicKeyInfoDer::from(public.subject_public_key_info().to_vec());
            Identity::with_raw_signer(public, signer).map_err(|_| unusable(key_file))?
        }
        None => return Ok(None),
    };
    let response = if options.decline_ocsp { Vec::new() } else { credential.ocsp_response.clone() };
    let mut identity = identity.ocsp_response(response).only_for_named_authorities(credential.must_match_issuer);
    if !credential.timestamps.is_empty() {
        identity = identity.signed_certificate_timestamps(credential.timestamps.clone()).map_err(refused)?;
    }
    Ok(Some(Arc::new(identity)))
}

fn no_delegation(error: ConfigError) -> Unsupported {
    unsupported::file(true, "a delegated credential that no client may take: RFC 9345 §4.1.3, §4.2", &error.to_string())
}

fn refused(error: ConfigError) -> Unsupported {
    unsupported::configuration(error.to_string())
}

fn key_reason(rejected: KeyRejected, path: &str) -> Unsupported {
    match rejected {
        KeyRejected::UnsupportedAlgorithm => {
            unsupported::file(false, "a private key of a kind that the provider does not have", path)
        }
        _ => unsupported::file(true, "a private key that is too weak, or malformed", path),
    }
}

/// A key, the schemes that the runner lets it use, and a note of whose turn it was.
#[derive(Debug)]
struct ShimSigner {
    local: LocalSigner,
    schemes: Vec<SignatureScheme>,
    index: i32,
    late: Late,
    seen: Arc<Seen>,
}

impl Signer for ShimSigner {
    fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }

    fn sign(&self, request: &SigningRequest) -> Decision<Result<Vec<u8>, SigningFailed>> {
        if self.late.postpones() {
            return Decision::Later;
        }
        self.seen.selected_credential.store(self.index, Ordering::Relaxed);
        self.local.sign(request)
    }
}

/// A credential that has not signed.
pub(crate) fn none_selected() -> AtomicI32 {
    AtomicI32::new(DEFAULT_CREDENTIAL)
}
