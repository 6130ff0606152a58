//! Who we are: certificates with their keys, and what is shown beside them.

use std::path::{Path, PathBuf};

use bulla::Identity;

use crate::report::Failure;

/// The place of what is not there, in options that stand beside one another.
const NONE: &str = "-";

/// Reads a certificate and its key.
pub(super) fn read(cert: &Path, key: &Path) -> Result<Identity, Failure> {
    Identity::from_files(cert, key).map_err(|error| Failure::usage("--cert, --key", error))
}

/// Reads certificates with their keys and staples, which stand in the same places.
pub(super) fn read_all(certs: &[PathBuf], keys: &[PathBuf], staples: &[PathBuf]) -> Result<Vec<Identity>, Failure> {
    if certs.len() != keys.len() {
        let why = format!("{} --cert and {} --key were given", certs.len(), keys.len());
        return Err(Failure::usage("--cert", why).hint("each certificate needs its key, in the same order"));
    }
    let mut identities = Vec::new();
    for (index, (cert, key)) in certs.iter().zip(keys).enumerate() {
        let mut identity = read(cert, key)?;
        if let Some(staple) = beside("--staple", staples, certs, index)? {
            identity = identity.ocsp_response(ocsp_response(staple)?);
        }
        identities.push(identity);
    }
    Ok(identities)
}

/// Returns the file that stands in this place of an option.
fn beside<'f>(
    option: &str,
    files: &'f [PathBuf],
    certs: &[PathBuf],
    index: usize,
) -> Result<Option<&'f Path>, Failure> {
    if files.len() > certs.len() {
        let why = format!("{} were given for {} --cert", files.len(), certs.len());
        return Err(Failure::usage(option, why).hint("each stands for the certificate in the same place"));
    }
    Ok(files.get(index).map(PathBuf::as_path).filter(|file| *file != Path::new(NONE)))
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
