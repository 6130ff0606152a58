//! What both ends have: versions, suites, groups, protocols, the key log.

use std::sync::Arc;

use bulla::config::PadToMultipleOf;
use bulla::wire::ProtocolVersion;
use bulla::{ClientConfig, ConfigError, KeyLogFile, ServerConfig};

use crate::choices;
use crate::options::{Certificates, Protocol, Records};
use crate::report::Failure;

/// What both configurations have, which are two types with the same methods.
pub(super) trait Decisions: Sized {
    fn with_versions(self, versions: Vec<ProtocolVersion>) -> Result<Self, ConfigError>;
    fn with_options(self, options: &Protocol) -> Result<Self, ConfigError>;
    fn with_certificates(self, options: &Certificates) -> Result<Self, ConfigError>;
    fn with_records(self, options: &Records) -> Result<Self, ConfigError>;
    fn with_key_log(self, file: KeyLogFile) -> Self;
}

macro_rules! decisions {
    ($config:ty) => {
        impl Decisions for $config {
            fn with_versions(self, versions: Vec<ProtocolVersion>) -> Result<Self, ConfigError> {
                self.versions(versions)
            }

            fn with_options(self, options: &Protocol) -> Result<Self, ConfigError> {
                let mut config = self;
                if let Some(policy) = options.policy {
                    config = config.policy(policy)?;
                }
                if !options.suites.is_empty() {
                    config = config.cipher_suites(options.suites.iter().copied())?;
                }
                if !options.groups.is_empty() {
                    config = config.groups(options.groups.iter().copied())?;
                }
                if !options.signatures.is_empty() {
                    config = config.signature_schemes(options.signatures.iter().copied())?;
                }
                if !options.alpn.is_empty() {
                    config = config.alpn(&options.alpn)?;
                }
                Ok(config)
            }

            fn with_certificates(self, options: &Certificates) -> Result<Self, ConfigError> {
                let mut config = self;
                if !options.certificate_signatures.is_empty() {
                    config = config.certificate_signature_schemes(options.certificate_signatures.iter().copied())?;
                }
                if !options.compress_certificate.is_empty() {
                    let algorithms = options.compress_certificate.iter();
                    config = config.certificate_compression(algorithms.filter_map(|it| choices::compressor(*it)))?;
                }
                Ok(config)
            }

            fn with_records(self, options: &Records) -> Result<Self, ConfigError> {
                let mut config = self;
                if let Some(limit) = options.record_size_limit {
                    config = config.record_size_limit(limit)?;
                }
                if let Some(multiple) = options.record_padding {
                    config = config.record_padding(Arc::new(PadToMultipleOf::new(multiple)));
                }
                Ok(config)
            }

            fn with_key_log(self, file: KeyLogFile) -> Self {
                self.key_log(Arc::new(file))
            }
        }
    };
}
decisions!(ClientConfig);
decisions!(ServerConfig);

pub(super) fn protocol<C: Decisions>(config: C, options: &Protocol) -> Result<C, Failure> {
    let mut config = config
        .with_options(options)
        .map_err(|error| Failure::usage("--policy, --suites, --groups, --signatures, --alpn", error))?;
    if options.min_version.is_some() || options.max_version.is_some() {
        let versions = versions_between(options.min_version, options.max_version)?;
        config =
            config.with_versions(versions).map_err(|error| Failure::usage("--min-version, --max-version", error))?;
    }
    if let Some(path) = &options.keylog {
        let opened = KeyLogFile::open(path);
        let file = opened.map_err(|error| Failure::usage("--keylog", format!("{}: {error}", path.display())))?;
        config = config.with_key_log(file);
    }
    Ok(config)
}

/// Decides how certificates may be signed and compressed.
pub(super) fn certificates<C: Decisions>(config: C, options: &Certificates) -> Result<C, Failure> {
    let decided = config.with_certificates(options);
    decided.map_err(|error| Failure::usage("--compress-certificate, --certificate-signatures", error))
}

/// Decides how large records are.
pub(super) fn records<C: Decisions>(config: C, options: &Records) -> Result<C, Failure> {
    config.with_records(options).map_err(|error| Failure::usage("--record-size-limit", error))
}

/// Like [`protocol`], where pre-shared keys are all there is: only TLS 1.3 has them.
pub(super) fn psk_protocol<C: Decisions>(config: C, option: &str, options: &Protocol) -> Result<C, Failure> {
    if options.max_version.is_some_and(|max| max < ProtocolVersion::TLSv1_3) {
        return Err(Failure::usage(option, "only TLS 1.3 has pre-shared keys, and --max-version is older"));
    }
    let config = protocol(config, options)?;
    config.with_versions(vec![ProtocolVersion::TLSv1_3]).map_err(|error| Failure::usage(option, error))
}

/// The versions from `min` to `max` that this build speaks, newest first.
fn versions_between(
    min: Option<ProtocolVersion>,
    max: Option<ProtocolVersion>,
) -> Result<Vec<ProtocolVersion>, Failure> {
    let mut versions = choices::available_versions();
    versions.retain(|version| min.is_none_or(|min| *version >= min) && max.is_none_or(|max| *version <= max));
    versions.reverse();
    if versions.is_empty() {
        return Err(Failure::usage("--min-version", "is newer than --max-version"));
    }
    Ok(versions)
}
