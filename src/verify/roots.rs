//! The roots that a chain must lead to, from wherever they are kept.

use alloc::vec::Vec;
use core::fmt;

use pki_types::{CertificateDer, TrustAnchor};

use super::pem::{self, PemError};

/// Trusted roots.
#[derive(Clone, Default)]
pub struct Roots {
    anchors: Vec<TrustAnchor<'static>>,
}

/// Why a certificate cannot be a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RootRejected {
    /// The certificate cannot be read.
    BadCertificate,
    /// The bytes are not PEM, or hold no certificate.
    Pem(PemError),
}

impl fmt::Display for RootRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadCertificate => f.write_str("a certificate in it cannot be read as X.509"),
            Self::Pem(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RootRejected {}

impl Roots {
    /// Trusts nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads every certificate of PEM text (or one of DER) as a root; a bad one is refused, and so is none at all.
    pub fn from_pem(text: &[u8]) -> Result<Self, RootRejected> {
        let mut roots = Self::new();
        roots.add_pem(text)?;
        Ok(roots)
    }

    /// Adds every certificate of PEM text (or one of DER): all of them or none.
    pub fn add_pem(&mut self, text: &[u8]) -> Result<(), RootRejected> {
        let certificates = pem::certificates_from_pem_or_der(text).map_err(RootRejected::Pem)?;
        let anchors: Result<Vec<_>, _> = certificates.iter().map(anchor).collect();
        anchors?.into_iter().for_each(|anchor| self.add_anchor(anchor));
        Ok(())
    }

    /// Adds one certificate.
    pub fn add_der(&mut self, certificate: &CertificateDer<'_>) -> Result<(), RootRejected> {
        self.add_anchor(anchor(certificate)?);
        Ok(())
    }

    /// Adds a root given as name, key and constraints. The same one twice is kept once.
    pub fn add_anchor(&mut self, anchor: TrustAnchor<'static>) {
        if !self.anchors.contains(&anchor) {
            self.anchors.push(anchor);
        }
    }

    /// Returns how many roots there are.
    pub fn len(&self) -> usize {
        self.anchors.len()
    }

    /// Says whether there is none, so that no chain can be accepted.
    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    /// Returns the DER of each root's name.
    pub fn subjects(&self) -> Vec<Vec<u8>> {
        // A trust anchor holds the name's content; certificate_authorities wants the whole element.
        self.anchors.iter().map(|anchor| super::names::sequence(anchor.subject.as_ref())).collect()
    }

    /// Returns the names, or none of them if they take more than `len` bytes in a message. They help a peer with several
    /// certificates to choose; a whole trust store of them helps nobody.
    pub(crate) fn subjects_that_fit(&self, len: usize) -> Vec<Vec<u8>> {
        let subjects = self.subjects();
        let needed: usize = subjects.iter().map(|name| name.len() + 2).sum();
        if needed <= len { subjects } else { Vec::new() }
    }

    pub(super) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }
}

fn anchor(certificate: &CertificateDer<'_>) -> Result<TrustAnchor<'static>, RootRejected> {
    let anchor = webpki::anchor_from_trusted_cert(certificate).map_err(|_| RootRejected::BadCertificate)?;
    Ok(anchor.to_owned())
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.anchors.len())
    }
}

#[cfg(feature = "std")]
pub use files::{FileError, RootsError, RootsReport};

#[cfg(feature = "std")]
mod files {
    //! Roots from files, folders, the environment and the operating system.

    use std::fmt;
    use std::io;
    use std::path::{Path, PathBuf};
    use std::string::String;
    use std::vec::Vec;

    use super::{PemError, RootRejected, Roots, pem};

    /// What went wrong with which file.
    #[derive(Debug)]
    pub enum FileError<E> {
        /// The file cannot be read.
        Io(PathBuf, io::Error),
        /// Its content cannot be used.
        Content(PathBuf, E),
    }

    impl<E> FileError<E> {
        pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Self> {
            std::fs::read(path).map_err(|error| Self::Io(path.into(), error))
        }

        pub(crate) fn new(path: &Path, error: E) -> Self {
            Self::Content(path.into(), error)
        }
    }

    impl<E: fmt::Display> fmt::Display for FileError<E> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
                Self::Content(path, error) => write!(f, "{}: {error}", path.display()),
            }
        }
    }

    impl<E: fmt::Debug + fmt::Display> std::error::Error for FileError<E> {}

    /// Why no roots could be had from where they were looked for.
    #[derive(Debug)]
    pub enum RootsError {
        /// One file or folder.
        File(FileError<RootRejected>),
        /// None of these places holds a root.
        NothingFound(Vec<PathBuf>),
    }

    impl fmt::Display for RootsError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::File(error) => error.fmt(f),
                Self::NothingFound(places) => {
                    f.write_str("no trusted roots were found; looked at")?;
                    for place in places {
                        write!(f, " {}", place.display())?;
                    }
                    f.write_str(" (install the system's CA certificates, or name a file with --ca or SSL_CERT_FILE)")
                }
            }
        }
    }

    impl std::error::Error for RootsError {}

    impl From<FileError<RootRejected>> for RootsError {
        fn from(error: FileError<RootRejected>) -> Self {
            Self::File(error)
        }
    }

    /// Roots from a place where a bad entry among good ones is left out and reported.
    #[derive(Debug)]
    pub struct RootsReport {
        /// What could be used.
        pub roots: Roots,
        /// What was left out: a file's name, and why.
        pub rejected: Vec<(PathBuf, String)>,
    }

    /// Where systems keep their roots in one file.
    const SYSTEM_FILES: &[&str] = &[
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/pki/tls/cacert.pem",
        "/etc/ssl/cert.pem",
        "/usr/local/share/certs/ca-root-nss.crt",
        "/usr/local/etc/ssl/cert.pem",
        "/etc/openssl/certs/ca-certificates.crt",
        "/opt/etc/ssl/certs/ca-certificates.crt",
        "/data/data/com.termux/files/usr/etc/tls/cert.pem",
    ];

    /// Where systems keep their roots in a folder.
    const SYSTEM_FOLDERS: &[&str] =
        &["/etc/ssl/certs", "/etc/pki/tls/certs", "/system/etc/security/cacerts", "/etc/openssl/certs"];

    impl Roots {
        /// Reads a file of PEM or DER; a bad certificate in it is refused.
        pub fn from_file(path: impl AsRef<Path>) -> Result<Self, RootsError> {
            let mut roots = Self::new();
            roots.add_file(path)?;
            Ok(roots)
        }

        /// Adds a file of PEM or DER: all of it or nothing.
        pub fn add_file(&mut self, path: impl AsRef<Path>) -> Result<(), RootsError> {
            let path = path.as_ref();
            let bytes = FileError::read(path)?;
            self.add_pem(&bytes).map_err(|error| FileError::new(path, error))?;
            Ok(())
        }

        /// Reads every file of a folder that holds certificates, as OpenSSL's hashed folders do. Files that hold
        /// something else are left out and reported.
        pub fn from_folder(path: impl AsRef<Path>) -> Result<RootsReport, RootsError> {
            let mut report = RootsReport { roots: Self::new(), rejected: Vec::new() };
            report.add_folder(path.as_ref())?;
            Ok(report)
        }

        /// Reads what SSL_CERT_FILE and SSL_CERT_DIR (folders, separated by colons) name; `None` if neither is set.
        pub fn from_environment() -> Result<Option<RootsReport>, RootsError> {
            let (file, folders) = (std::env::var_os("SSL_CERT_FILE"), std::env::var_os("SSL_CERT_DIR"));
            if file.is_none() && folders.is_none() {
                return Ok(None);
            }
            let mut report = RootsReport { roots: Self::new(), rejected: Vec::new() };
            let mut places = Vec::new();
            if let Some(file) = file.filter(|file| !file.is_empty()) {
                report.add_bundle(Path::new(&file))?;
                places.push(PathBuf::from(file));
            }
            for folder in std::env::split_paths(&folders.unwrap_or_default()) {
                if folder.as_os_str().is_empty() {
                    continue;
                }
                report.add_folder(&folder)?;
                places.push(folder);
            }
            report.or_nothing_found(places).map(Some)
        }

        /// Reads the operating system's roots, or those that the environment names instead.
        pub fn system() -> Result<RootsReport, RootsError> {
            if let Some(report) = Self::from_environment()? {
                return Ok(report);
            }
            let mut report = RootsReport { roots: Self::new(), rejected: Vec::new() };
            let files = SYSTEM_FILES.iter().map(Path::new);
            if let Some(file) = files.clone().find(|path| path.is_file()) {
                report.add_bundle(file)?;
            }
            let folders = SYSTEM_FOLDERS.iter().map(Path::new);
            for folder in folders.clone().filter(|path| report.roots.is_empty() && path.is_dir()) {
                let mut of_folder = RootsReport { roots: Self::new(), rejected: Vec::new() };
                of_folder.add_folder(folder)?;
                if !of_folder.roots.is_empty() {
                    return Ok(of_folder);
                }
            }
            report.or_nothing_found(files.chain(folders).map(PathBuf::from).collect())
        }
    }

    impl RootsReport {
        fn or_nothing_found(self, places: Vec<PathBuf>) -> Result<Self, RootsError> {
            if self.roots.is_empty() { Err(RootsError::NothingFound(places)) } else { Ok(self) }
        }

        /// Adds each certificate of a file on its own, so that one that cannot be read does not cost the others.
        fn add_bundle(&mut self, path: &Path) -> Result<(), RootsError> {
            let bytes = FileError::read(path)?;
            let certificates = pem::certificates_from_pem_or_der(&bytes);
            let certificates = certificates.map_err(|error| FileError::new(path, RootRejected::Pem(error)))?;
            for certificate in certificates {
                if let Err(error) = self.roots.add_der(&certificate) {
                    self.rejected.push((path.into(), std::format!("{error}")));
                }
            }
            Ok(())
        }

        fn add_folder(&mut self, folder: &Path) -> Result<(), RootsError> {
            let entries = std::fs::read_dir(folder).map_err(|error| FileError::Io(folder.into(), error))?;
            let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            paths.sort();
            for path in paths.into_iter().filter(|path| path.is_file()) {
                match std::fs::read(&path) {
                    Ok(bytes) => self.add_content(path, &bytes),
                    Err(error) => self.rejected.push((path, std::format!("{error}"))),
                }
            }
            Ok(())
        }

        fn add_content(&mut self, path: PathBuf, bytes: &[u8]) {
            let looks_like_der = bytes.first() == Some(&0x30) && pem::is_one_der_element(bytes);
            let added = match pem::certificates_from_pem(bytes) {
                Err(PemError::NoCertificate) if looks_like_der => self.roots.add_pem(bytes),
                // Keys, lists of revoked certificates and notes lie in such folders too: nothing to report.
                Err(PemError::NoCertificate) => return,
                _ => self.roots.add_pem(bytes),
            };
            if let Err(error) = added {
                self.rejected.push((path, std::format!("{error}")));
            }
        }
    }
}
