//! Compressed certificates and delegated credentials that are refused: a case per row of `src/error.rs`.

use std::sync::Arc;

use bulla::config::compression::CompressCertificates;
use bulla::crypto::Provider;
use bulla::wire::{
    CertificateCompressionAlgorithm, CertificateExtension, CompressedCertificate, Credential, DelegatedCredential,
    SignatureScheme, write_message,
};

use super::scene::{Scene, Stage};
use super::script::Say;

/// The error's name, and how a peer causes it.
type Case = (&'static str, fn(&Stage) -> Scene);

/// Leaves everything as it is.
#[derive(Debug)]
struct Unchanged;

impl CompressCertificates for Unchanged {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm(0xff01)
    }

    fn compress(&self, _: &dyn Provider, message: &[u8]) -> Option<Vec<u8>> {
        Some(message.to_vec())
    }

    fn decompress(&self, compressed: &[u8], _: usize) -> Option<Vec<u8>> {
        Some(compressed.to_vec())
    }
}

/// A server's compressed certificate, in this algorithm and with this length.
fn compressed(stage: &Stage, algorithm: u16, uncompressed_length: u32) -> Scene {
    let list: [Arc<dyn CompressCertificates>; 1] = [Arc::new(Unchanged)];
    let client = stage.client.clone().certificate_compression(list).unwrap();
    let scene = stage.client_with(client).say(&[Say::ServerHello, Say::EncryptedExtensions]);
    scene.say_message(|peer| {
        let certificate = peer.compose(Say::Certificate);
        let compressed = CompressedCertificate {
            algorithm: CertificateCompressionAlgorithm(algorithm),
            uncompressed_length,
            compressed_certificate_message: &certificate[4..],
        };
        write_message(&compressed).unwrap()
    })
}

/// A server's certificate with a credential that nobody has signed.
fn with_credential(scene: Scene) -> Scene {
    let scene = scene.say(&[Say::ServerHello, Say::EncryptedExtensions]);
    scene.say_message(|peer| {
        let scheme = SignatureScheme::ecdsa_secp256r1_sha256;
        let credential = Credential { valid_time: 0, dc_cert_verify_algorithm: scheme, subject_public_key_info: b"x" };
        let credential = DelegatedCredential { credential, algorithm: scheme, signature: b"x" };
        let extension = CertificateExtension::DelegatedCredential(credential);
        peer.certificate_with(|it| it.certificate_list[0].extensions.push(extension))
    })
}

pub(crate) const CASES: &[Case] = &[
    ("CompressionNotOffered", |stage| compressed(stage, 1, 100)),
    ("UncompressedCertificateTooLarge", |stage| compressed(stage, 0xff01, 1 << 20)),
    ("CertificateNotDecompressed", |stage| compressed(stage, 0xff01, 100)),
    ("DelegatedCredentialNotOffered", |stage| with_credential(stage.client())),
    ("DelegatedCredentialInvalid", |stage| {
        with_credential(stage.client_with(stage.client.clone().accept_delegated_credentials(true)))
    }),
];
