//! Authorities, leaves and keys of every kind, made by the `openssl` command in a folder that goes away again.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::peer::run;

/// The name that leaf certificates are for.
pub const NAME: &str = "server.test";

/// The kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    EcdsaP256,
    EcdsaP384,
    Ed25519,
    Rsa,
    RsaPss,
}

pub const KINDS: [Kind; 5] = [Kind::EcdsaP256, Kind::EcdsaP384, Kind::Ed25519, Kind::Rsa, Kind::RsaPss];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "p256",
            Self::EcdsaP384 => "p384",
            Self::Ed25519 => "ed25519",
            Self::Rsa => "rsa",
            Self::RsaPss => "rsapss",
        }
    }

    /// What `openssl genpkey` must be told.
    fn key_options(self) -> &'static [&'static str] {
        match self {
            Self::EcdsaP256 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Self::EcdsaP384 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
            Self::Ed25519 => &["-algorithm", "ED25519"],
            Self::Rsa => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            Self::RsaPss => &["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
        }
    }
}

/// A folder that is removed when it is dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = format!("peer-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    pub fn text(&self, file: &str) -> String {
        self.path(file).to_str().unwrap().to_string()
    }

    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(file), content).unwrap();
        self.text(file)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a certificate is to say.
pub struct Wanted<'a> {
    /// The file's name, without `.pem` and `.key`, and the subject's common name.
    pub name: &'a str,
    pub kind: Kind,
    /// Who signs: a name of an earlier one; `None` signs itself.
    pub issuer: Option<&'a str>,
    /// The extensions, one `name = value` each, as `openssl.cnf` writes them.
    pub extensions: &'a [&'a str],
}

pub const CA_EXTENSIONS: &[&str] =
    &["basicConstraints = critical, CA:true", "keyUsage = critical, keyCertSign, cRLSign"];
pub const LEAF_EXTENSIONS: &[&str] = &[
    "basicConstraints = CA:false",
    "subjectAltName = DNS:server.test, IP:127.0.0.1",
    "keyUsage = critical, digitalSignature",
    "extendedKeyUsage = serverAuth, clientAuth",
];

/// Makes a key and a certificate: `name.key` and `name.pem` in the folder.
pub fn issue(folder: &Folder, wanted: &Wanted<'_>) {
    issue_with_key(folder, wanted, wanted.kind.key_options());
}

/// Makes a leaf whose RSASSA-PSS key is bound to one hash, with a salt as long.
pub fn issue_bound_rsa_pss(folder: &Folder, name: &str, hash: &str) {
    let bound = [("rsa_keygen_bits", "2048"), ("rsa_pss_keygen_md", hash), ("rsa_pss_keygen_mgf1_md", hash)];
    let salt_len = match hash {
        "sha256" => "32",
        "sha384" => "48",
        "sha512" => "64",
        other => panic!("{other}"),
    };
    let bound = bound.into_iter().chain([("rsa_pss_keygen_saltlen", salt_len)]);
    let options: Vec<String> =
        bound.flat_map(|(option, value)| ["-pkeyopt".to_string(), format!("{option}:{value}")]).collect();
    let key_options = ["-algorithm", "RSA-PSS"].into_iter().chain(options.iter().map(String::as_str));
    let wanted = Wanted { name, kind: Kind::RsaPss, issuer: Some("ca-p256"), extensions: LEAF_EXTENSIONS };
    issue_with_key(folder, &wanted, &key_options.collect::<Vec<_>>());
}

/// Makes an authority and a leaf with RSA keys of 4,096 bits: `ca-rsa4096`, `rsa4096` and `rsa4096-chain.pem`, with both.
pub fn issue_rsa_4096(folder: &Folder) {
    let key_options = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"];
    let (name, kind) = ("ca-rsa4096", Kind::Rsa);
    issue_with_key(folder, &Wanted { name, kind, issuer: None, extensions: CA_EXTENSIONS }, &key_options);
    let wanted = Wanted { name: "rsa4096", kind, issuer: Some("ca-rsa4096"), extensions: LEAF_EXTENSIONS };
    issue_with_key(folder, &wanted, &key_options);
    let chain = ["rsa4096.pem", "ca-rsa4096.pem"].map(|file| std::fs::read(folder.path(file)).unwrap()).concat();
    folder.write("rsa4096-chain.pem", chain);
}

/// Lets the authority of a shared leaf say by OCSP that the leaf is good; returns the response's file, DER.
pub fn ocsp_response(certificates: &Certificates, kind: Kind) -> String {
    let folder = &certificates.folder;
    let (leaf, authority) = (certificates.certificate_file(kind), format!("ca-{}", kind.name()));
    let (issuer, key) = (folder.text(&format!("{authority}.pem")), folder.text(&format!("{authority}.key")));
    let serial = run("openssl", ["x509", "-in", &leaf, "-noout", "-serial"]).text();
    let serial = serial.trim().trim_start_matches("serial=");
    let index = folder.write("ocsp-index.txt", format!("V\t491231235959Z\t\t{serial}\tunknown\t/CN=leaf\n"));
    let response = folder.text(&format!("{}.ocsp", kind.name()));
    let about = ["ocsp", "-issuer", &issuer, "-cert", &leaf, "-index", &index, "-CA", &issuer];
    let by = ["-rsigner", &issuer, "-rkey", &key, "-no_nonce", "-ndays", "2", "-respout", &response];
    run("openssl", [&about[..], &by].concat());
    response
}

/// Writes a configuration for the `openssl` command (OPENSSL_CONF) that switches extended master secret off.
pub fn config_without_extended_master_secret(folder: &Folder) -> String {
    let sections = "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = system\n";
    folder.write("no-ems.cnf", format!("{sections}[system]\nOptions = -ExtendedMasterSecret\n"))
}

fn issue_with_key(folder: &Folder, wanted: &Wanted<'_>, key_options: &[&str]) {
    let Wanted { name, kind, issuer, extensions } = wanted;
    let (key, certificate) = (folder.text(&format!("{name}.key")), folder.text(&format!("{name}.pem")));
    run("openssl", [&["genpkey"], key_options, &["-out", &key]].concat());
    let mut config = String::from("[req]\ndistinguished_name = dn\n[dn]\n[extensions]\n");
    for extension in extensions.iter().chain(&["subjectKeyIdentifier = hash", "authorityKeyIdentifier = keyid"]) {
        writeln!(config, "{extension}").unwrap();
    }
    let config = folder.write(&format!("{name}.cnf"), config);
    let subject = format!("/CN={name}");
    let mut arguments = vec!["req", "-x509", "-new", "-config", &config, "-extensions", "extensions"];
    arguments.extend(["-subj", &subject, "-key", &key, "-out", &certificate]);
    // The salt as long as the hash is the only one that TLS knows; the command's own choice is the longest possible.
    let signs_with_pss = issuer.is_none_or(|issuer| issuer == "ca-rsapss") && *kind == Kind::RsaPss;
    if signs_with_pss {
        arguments.extend(["-sigopt", "rsa_pss_saltlen:digest"]);
    }
    let issuer = issuer.map(|issuer| (folder.text(&format!("{issuer}.pem")), folder.text(&format!("{issuer}.key"))));
    if let Some((certificate, key)) = &issuer {
        arguments.extend(["-CA", certificate, "-CAkey", key]);
    }
    arguments.extend(["-days", "7"]);
    run("openssl", arguments);
}

/// An authority and a leaf of each kind, each leaf signed by the authority of its own kind, and one leaf below an
/// intermediate. `roots.pem` holds all the authorities.
pub struct Certificates {
    pub folder: Folder,
}

impl Certificates {
    /// Returns the ones that tests of this program share; the last one to finish removes them.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Certificates>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let made = Arc::new(Self::make());
            *shared = Arc::downgrade(&made);
            made
        })
    }

    fn make() -> Self {
        let folder = Folder::new();
        let mut roots = Vec::new();
        for kind in KINDS {
            let ca = format!("ca-{}", kind.name());
            issue(&folder, &Wanted { name: &ca, kind, issuer: None, extensions: CA_EXTENSIONS });
            let leaf = Wanted { name: kind.name(), kind, issuer: Some(&ca), extensions: LEAF_EXTENSIONS };
            issue(&folder, &leaf);
            roots.extend(std::fs::read(folder.path(&format!("{ca}.pem"))).unwrap());
        }
        folder.write("roots.pem", roots);
        let (kind, extensions) = (Kind::EcdsaP384, CA_EXTENSIONS);
        issue(&folder, &Wanted { name: "intermediate", kind, issuer: Some("ca-rsa"), extensions });
        let (kind, extensions) = (Kind::EcdsaP256, LEAF_EXTENSIONS);
        issue(&folder, &Wanted { name: "deep", kind, issuer: Some("intermediate"), extensions });
        let chain = ["deep.pem", "intermediate.pem"].map(|file| std::fs::read(folder.path(file)).unwrap()).concat();
        folder.write("chain.pem", chain);
        Self { folder }
    }

    pub fn roots_file(&self) -> String {
        self.folder.text("roots.pem")
    }

    pub fn certificate_file(&self, kind: Kind) -> String {
        self.folder.text(&format!("{}.pem", kind.name()))
    }

    pub fn key_file(&self, kind: Kind) -> String {
        self.folder.text(&format!("{}.key", kind.name()))
    }

    pub fn roots(&self) -> bulla::Roots {
        bulla::Roots::from_file(self.roots_file()).unwrap()
    }

    pub fn identity(&self, kind: Kind) -> bulla::Identity {
        bulla::Identity::from_files(self.certificate_file(kind), self.key_file(kind)).unwrap()
    }
}
