//! The roots that a chain must lead to, from wherever they are kept.

use alloc::vec::Vec;
use core::fmt;

use pki_types::{CertificateDer, TrustAnchor};

use super::PeerCertificate;
use super::pem::{self, PemError};
use crate::crypto::{CryptoError, Provider, sha256_of_parts};

/// Trusted roots: authorities that a chain may lead to, and certificates that are trusted as they stand.
///
/// A certificate is an authority if its basicConstraints say so, if without any its keyUsage has keyCertSign, or if it
/// is so old (version 1) that it cannot say. Any other is trusted as a peer's own certificate and issues nothing.
///
/// An authority may also stand as a peer's own certificate: `openssl req -x509` makes such ones. Its bytes are
/// remembered if it could be meant that way, which is if it has a subjectAltName with a DNS name or an address, or an
/// extendedKeyUsage. The authorities of the public web have neither, so a system's store stays small; a client's
/// self-signed certificate that has neither, and says that it is a CA, is not trusted by itself.
#[derive(Clone, Default)]
pub struct Roots {
    anchors: Vec<TrustAnchor<'static>>,
    /// Trusted as a peer's own, byte for byte.
    certificates: Vec<CertificateDer<'static>>,
    /// The names of those among them that are no authorities.
    not_authorities: Vec<Vec<u8>>,
}

/// Why a certificate cannot be a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RootRejected {
    /// A certificate cannot be read; it says the how manyth.
    BadCertificate(usize),
    /// The bytes are not PEM, or hold no certificate.
    Pem(PemError),
}

impl fmt::Display for RootRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadCertificate(number) => write!(f, "certificate number {number} in it cannot be read as X.509"),
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
        let read = |(index, der)| Root::read(der).ok_or(RootRejected::BadCertificate(index + 1));
        let roots: Vec<Root> = certificates.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        roots.into_iter().for_each(|root| self.add(root));
        Ok(())
    }

    /// Adds one certificate.
    pub fn add_der(&mut self, certificate: &CertificateDer<'_>) -> Result<(), RootRejected> {
        self.add(Root::read(certificate).ok_or(RootRejected::BadCertificate(1))?);
        Ok(())
    }

    fn add(&mut self, root: Root) {
        match (root.anchor, &root.certificate) {
            (Some(anchor), _) => self.add_anchor(anchor),
            (None, Some((certificate, subject))) if !self.contains(certificate) => {
                self.not_authorities.push(subject.clone());
            }
            (None, _) => {}
        }
        if let Some((certificate, _)) = root.certificate.filter(|(certificate, _)| !self.contains(certificate)) {
            self.certificates.push(certificate);
        }
    }

    /// Adds a root given as name, key and constraints. The same one twice is kept once.
    pub fn add_anchor(&mut self, anchor: TrustAnchor<'static>) {
        if !self.anchors.contains(&anchor) {
            self.anchors.push(anchor);
        }
    }

    /// Returns how many roots there are.
    pub fn len(&self) -> usize {
        self.anchors.len() + self.not_authorities.len()
    }

    /// Says whether there is none, so that no chain can be accepted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the DER of each root's name.
    pub fn subjects(&self) -> Vec<Vec<u8>> {
        // A trust anchor holds the name's content; certificate_authorities wants the whole element.
        let of_anchors = self.anchors.iter().map(|anchor| super::names::sequence(anchor.subject.as_ref()));
        of_anchors.chain(self.not_authorities.iter().cloned()).collect()
    }

    /// Says whether a peer's own certificate is trusted as it stands, byte for byte.
    pub(super) fn contains(&self, leaf: &CertificateDer<'_>) -> bool {
        self.certificates.iter().any(|certificate| certificate == leaf)
    }

    /// Returns the names, or none of them if they take more than `len` bytes in a message. They help a peer with several
    /// certificates to choose; a whole trust store of them helps nobody.
    pub(crate) fn subjects_that_fit(&self, len: usize) -> Vec<Vec<u8>> {
        let subjects = self.subjects();
        let needed: usize = subjects.iter().map(|name| name.len() + 2).sum();
        if needed <= len { subjects } else { Vec::new() }
    }

    /// Returns a SHA-256 over all that decides whom these roots trust: each authority's name, key and constraints, and each
    /// certificate that is trusted as it stands. The order in which they were added makes no difference.
    pub fn digest(&self, provider: &dyn Provider) -> Result<[u8; 32], CryptoError> {
        let of_anchor = |anchor: &TrustAnchor<'_>| {
            let constraints = anchor.name_constraints.as_ref().map(AsRef::as_ref);
            let parts = [anchor.subject.as_ref(), anchor.subject_public_key_info.as_ref(), constraints.unwrap_or(&[])];
            // Constraints that are empty are not the same as none.
            sha256_of_parts(provider, &[b"anchor", &[u8::from(constraints.is_some())], parts[0], parts[1], parts[2]])
        };
        let of_certificate = |der: &CertificateDer<'_>| sha256_of_parts(provider, &[b"certificate", der]);
        let of_anchors = self.anchors.iter().map(of_anchor);
        let of_certificates = self.certificates.iter().map(of_certificate);
        let mut digests: Vec<[u8; 32]> = of_anchors.chain(of_certificates).collect::<Result<_, _>>()?;
        digests.sort_unstable();
        sha256_of_parts(provider, &[b"roots", digests.as_flattened()])
    }

    pub(super) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }
}

/// What a certificate is good for as a root.
struct Root {
    /// Its name, key and constraints, if it may issue certificates.
    anchor: Option<TrustAnchor<'static>>,
    /// Its bytes and its name, if it may stand as a peer's own.
    certificate: Option<(CertificateDer<'static>, Vec<u8>)>,
}

impl Root {
    fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let anchor = webpki::anchor_from_trusted_cert(der).ok()?.to_owned();
        // What only the path builder can read is of version 1.
        let Ok(read) = PeerCertificate::read(der) else {
            return Some(Self { anchor: Some(anchor), certificate: None });
        };
        let signs_certificates = || Some(read.key_usage().ok()??.key_cert_sign());
        let issues = match read.basic_constraints_ca().ok()? {
            Some(is_ca) => is_ca,
            None => signs_certificates() == Some(true),
        };
        let is_a_peers = !issues || !read.names().ok()?.is_empty() || read.extended_key_usage().ok()?.is_some();
        let certificate = is_a_peers.then(|| (der.clone().into_owned(), read.subject().to_vec()));
        Some(Self { anchor: issues.then_some(anchor), certificate })
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.len())
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

    use super::{Root, RootRejected, Roots, pem};

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
                    f.write_str(" (install the system's CA certificates, or name a file or folder in SSL_CERT_FILE or SSL_CERT_DIR)")
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
    #[derive(Debug, Default)]
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

        /// Reads every file of a folder that holds certificates, as OpenSSL's hashed folders do, PEM or DER; files
        /// that hold something else are passed over. A certificate that cannot be read is left out and reported, and
        /// so is a file. Folders within the folder are not entered.
        pub fn from_folder(path: impl AsRef<Path>) -> Result<RootsReport, RootsError> {
            let mut report = RootsReport::default();
            report.add_folder(path.as_ref())?;
            Ok(report)
        }

        /// Reads what SSL_CERT_FILE and SSL_CERT_DIR (folders, separated by colons, on Windows by semicolons) name;
        /// `None` if neither is set. A folder that is not there is reported, a file that is not there is an error.
        pub fn from_environment() -> Result<Option<RootsReport>, RootsError> {
            let is_named = |value: &std::ffi::OsString| !value.is_empty();
            let file = std::env::var_os("SSL_CERT_FILE").filter(is_named);
            let folders = std::env::var_os("SSL_CERT_DIR").filter(is_named);
            if file.is_none() && folders.is_none() {
                return Ok(None);
            }
            let mut report = RootsReport::default();
            let mut places = Vec::new();
            if let Some(file) = file {
                report.add_bundle(Path::new(&file))?;
                places.push(PathBuf::from(file));
            }
            for folder in std::env::split_paths(&folders.unwrap_or_default()).filter(|it| !it.as_os_str().is_empty()) {
                match report.add_folder(&folder) {
                    Err(FileError::Io(path, error)) => report.rejected.push((path, std::format!("{error}"))),
                    other => other?,
                }
                places.push(folder);
            }
            report.or_nothing_found(places).map(Some)
        }

        /// Reads the operating system's roots, or those that the environment names instead.
        ///
        /// These are files and folders where Linux, Android and the BSDs keep them, and macOS a copy (`/etc/ssl/cert.pem`,
        /// without what a user has added or distrusted in the keychain). Windows keeps its roots in no file:
        /// there SSL_CERT_FILE must name one, or the result is [`RootsError::NothingFound`].
        pub fn system() -> Result<RootsReport, RootsError> {
            if let Some(report) = Self::from_environment()? {
                return Ok(report);
            }
            let files = SYSTEM_FILES.iter().map(Path::new);
            let folders = SYSTEM_FOLDERS.iter().map(Path::new);
            let mut report = RootsReport::default();
            if let Some(file) = files.clone().find(|path| path.is_file()) {
                report.add_bundle(file)?;
            }
            for folder in folders.clone().filter(|path| path.is_dir()) {
                if report.roots.is_empty() {
                    report.add_folder(folder)?;
                }
            }
            report.or_nothing_found(files.chain(folders).map(PathBuf::from).collect())
        }
    }

    impl RootsReport {
        fn or_nothing_found(self, places: Vec<PathBuf>) -> Result<Self, RootsError> {
            if self.roots.is_empty() { Err(RootsError::NothingFound(places)) } else { Ok(self) }
        }

        fn add_bundle(&mut self, path: &Path) -> Result<(), FileError<RootRejected>> {
            let bytes = FileError::read(path)?;
            self.add_content(path, &bytes);
            Ok(())
        }

        fn add_folder(&mut self, folder: &Path) -> Result<(), FileError<RootRejected>> {
            let entries = std::fs::read_dir(folder).map_err(|error| FileError::Io(folder.into(), error))?;
            let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            paths.sort();
            for path in paths {
                // A link that leads nowhere is worth a word; a folder, or a pipe that would block, is passed over.
                let content = match std::fs::metadata(&path) {
                    Ok(metadata) if !metadata.is_file() => continue,
                    Ok(_) => std::fs::read(&path),
                    Err(error) => Err(error),
                };
                match content {
                    Ok(bytes) => self.add_content(&path, &bytes),
                    Err(error) => self.rejected.push((path, std::format!("{error}"))),
                }
            }
            Ok(())
        }

        /// Adds each certificate on its own, so that one that cannot be read does not cost the others. Keys, lists of
        /// revoked certificates and notes lie in such places too: nothing to report.
        fn add_content(&mut self, path: &Path, bytes: &[u8]) {
            let (certificates, broken) = match pem::certificates_from_pem_or_der(bytes) {
                Ok(certificates) => (certificates, Vec::new()),
                Err(_) => pem::all_certificates_from_pem(bytes),
            };
            self.rejected.extend(broken.iter().map(|error| (path.into(), std::format!("{error}"))));
            for (index, certificate) in certificates.iter().enumerate() {
                match Root::read(certificate) {
                    Some(root) => self.roots.add(root),
                    None => {
                        let error = RootRejected::BadCertificate(index + 1);
                        self.rejected.push((path.into(), std::format!("{error}")));
                    }
                }
            }
        }
    }
}
