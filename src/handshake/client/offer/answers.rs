//! Holds the server's answers against what was offered. RFC 8446 §4.1.3, §4.2.

use alloc::vec::Vec;

use super::Offer;
use crate::crypto::Suite;
use crate::error::{BadRecord, Error, Incompatible, Violation};
use crate::handshake::client::psk::PskKey;
use crate::handshake::record_sizes::RecordSizes;
use crate::wire::{
    CertificateType, CipherSuite, CompressionMethod, ExtensionContext, ExtensionType, HandshakeType, MaxFragmentLength,
    ProtocolNameList, ProtocolVersion, Random, UnknownExtension, allowed_in,
};

impl Offer {
    /// Exactly one of the protocols that we offered. RFC 7301 §3.1, §3.2.
    pub(in crate::handshake::client) fn chosen_protocol(&self, list: &ProtocolNameList<'_>) -> Result<Vec<u8>, Error> {
        let [chosen] = list.protocol_name_list.as_slice() else {
            return Err(Violation::NotOneApplicationProtocol.into());
        };
        match self.config.preferences.application_protocols.iter().find(|name| name.as_slice() == *chosen) {
            Some(name) => Ok(name.clone()),
            None => Err(Violation::ApplicationProtocolNotOffered.into()),
        }
    }

    /// A certificate type that we offered in this extension. RFC 7250 §4.2.
    pub(in crate::handshake::client) fn chosen_certificate_type(
        &self,
        extension: ExtensionType,
        chosen: CertificateType,
    ) -> Result<CertificateType, Error> {
        let offered = match extension {
            ExtensionType::client_certificate_type => self.config.shown_certificate_types(),
            _ => self.config.accepted_certificate_types(),
        };
        if offered.contains(&chosen) { Ok(chosen) } else { Err(Violation::CertificateTypeNotOffered(extension).into()) }
    }

    /// Before the server shows itself: by something that we take, also where it has not said by what. RFC 7250 §4.2.
    pub(in crate::handshake::client) fn check_server_certificate_type(
        &self,
        agreed: CertificateType,
    ) -> Result<(), Error> {
        let is_accepted = self.config.accepted_certificate_types().contains(&agreed);
        if is_accepted { Ok(()) } else { Err(Incompatible::NoCommonCertificateType.into()) }
    }

    /// What the server answers about the size of records, of which it was checked that we offered it. RFC 8449 §4, §5.
    pub(in crate::handshake::client) fn record_sizes(
        &self,
        version: ProtocolVersion,
        record_size_limit: Option<u16>,
        max_fragment_length: Option<MaxFragmentLength>,
    ) -> Result<RecordSizes, Error> {
        let offered = self.config.max_fragment_length;
        RecordSizes::answered(&self.config.preferences, version, offered, record_size_limit, max_fragment_length)
    }

    /// An extension that we recognise must stand where it may; any other must have been asked for. RFC 8446 §4.2.
    pub(in crate::handshake::client) fn check_answer(
        &self,
        extension: ExtensionType,
        context: ExtensionContext,
        message: HandshakeType,
    ) -> Result<(), Error> {
        if !self.offered(extension) {
            return Err(Violation::ExtensionNotOffered(extension, message).into());
        }
        if allowed_in(extension, context) == Some(false) {
            return Err(Violation::ExtensionNotAllowed(extension, message).into());
        }
        Ok(())
    }

    /// Keeps what the server answered to an extension of the application's own.
    pub(in crate::handshake::client) fn keep_answer(&mut self, answer: &UnknownExtension<'_>) {
        self.answers.push((answer.extension_type, answer.extension_data.into()));
    }

    /// Takes out the PSK that the server chose: one that we offered, whose hash is that of the suite. RFC 8446 §4.2.11.
    pub(in crate::handshake::client) fn take_psk(
        &mut self,
        selected_identity: u16,
        suite: Suite,
    ) -> Result<PskKey, Error> {
        let mut psks = core::mem::take(&mut self.psks);
        let index = usize::from(selected_identity);
        if index >= psks.len() {
            return Err(Violation::SelectedPskNotOffered.into());
        }
        let psk = psks.swap_remove(index);
        if psk.suite.hash != suite.hash {
            return Err(Violation::PskHashDiffers.into());
        }
        Ok(psk.key)
    }

    /// What both ServerHello and HelloRetryRequest must get right. RFC 8446 §4.1.3.
    pub(in crate::handshake::client) fn check_hello(
        &self,
        legacy_version: ProtocolVersion,
        legacy_session_id_echo: &[u8],
        compression: CompressionMethod,
        cipher_suite: CipherSuite,
    ) -> Result<Suite, Error> {
        if legacy_version != ProtocolVersion::TLSv1_2 {
            return Err(Violation::BadLegacyVersion.into());
        }
        if legacy_session_id_echo != self.legacy_session_id {
            return Err(Violation::SessionIdNotEchoed.into());
        }
        if compression != CompressionMethod::null {
            return Err(Violation::CompressionSelected.into());
        }
        if !self.config.preferences.cipher_suites.contains(&cipher_suite) {
            return Err(Violation::CipherSuiteNotOffered.into());
        }
        Ok(Suite::tls13(cipher_suite).ok_or(Violation::CipherSuiteNotOffered)?)
    }

    /// Settles the version from supported_versions, or from legacy_version where it is absent. RFC 8446 §4.1.3, §4.2.1.
    pub(in crate::handshake::client) fn settle_version(
        &self,
        selected: Option<ProtocolVersion>,
        legacy_version: ProtocolVersion,
        random: Option<&Random>,
    ) -> Result<ProtocolVersion, Error> {
        let offers_tls13 = self.offers(ProtocolVersion::TLSv1_3);
        match selected {
            // An answer to an extension that a hello without TLS 1.3 does not have.
            Some(_) if !offers_tls13 => {
                let (extension, message) = (ExtensionType::supported_versions, HandshakeType::server_hello);
                Err(Violation::ExtensionNotOffered(extension, message).into())
            }
            Some(ProtocolVersion::TLSv1_3) => Ok(ProtocolVersion::TLSv1_3),
            Some(version) if version < ProtocolVersion::TLSv1_3 => Err(Violation::OldVersionInSupportedVersions.into()),
            Some(version) => Err(Violation::VersionNotOffered(version).into()),
            // The server speaks TLS 1.2 or older. If its random says that it could do better, somebody between us
            // made it believe that we cannot.
            None if offers_tls13 && random.is_some_and(|random| random.downgrade_sentinel().is_some()) => {
                Err(Violation::DowngradeDetected.into())
            }
            None if random.and_then(Random::downgrade_sentinel) == Some(ProtocolVersion::TLSv1_1) => {
                Err(Violation::DowngradeDetected.into())
            }
            None if legacy_version.0 >> 8 == 3 && self.early_data => Err(Violation::EarlyDataWithOldVersion.into()),
            None if legacy_version == ProtocolVersion::TLSv1_2 && self.offers(ProtocolVersion::TLSv1_2) => {
                Ok(ProtocolVersion::TLSv1_2)
            }
            None if legacy_version.0 >> 8 != 3 => Err(BadRecord::NotTls.into()),
            None => Err(Incompatible::NoCommonVersion.into()),
        }
    }
}
