//! What the scripted peer says of certificates after the handshake: it asks as a server, and answers as a client. RFC 8446 §4.6.2.

use bulla::keys::Transcript;
use bulla::wire::{
    Certificate, CertificateVerify, ClientExtension, Finished, HandshakeType, SignatureScheme, read_all, write_message,
};

use super::{Heard, Peer, certificate_request_with};

/// A CertificateRequest with this context.
pub fn request(context: &[u8]) -> Vec<u8> {
    certificate_request_with(|request| request.certificate_request_context = context)
}

/// The context of a request or of an answer's Certificate, which stands first in both.
pub fn context(message: &[u8]) -> Vec<u8> {
    message[5..5 + usize::from(message[4])].to_vec()
}

/// The three messages of an answer, of which an empty one has two.
pub struct Answer {
    pub certificate: Vec<u8>,
    pub certificate_verify: Vec<u8>,
    pub finished: Vec<u8>,
}

impl Answer {
    pub fn messages(&self) -> Vec<&[u8]> {
        let all = [&self.certificate[..], &self.certificate_verify, &self.finished];
        all.into_iter().filter(|message| !message.is_empty()).collect()
    }
}

impl Peer {
    /// A ClientHello that offers to be asked.
    pub fn hello_to_be_asked(&mut self) -> Vec<u8> {
        self.client_hello_with(|hello| hello.extensions.as_mut().unwrap().push(ClientExtension::PostHandshakeAuth))
    }

    /// ClientHello…client Finished, and this request. RFC 8446 §4.4.
    fn transcript_of(&self, request: &[u8]) -> Transcript {
        let mut transcript = self.established.as_ref().unwrap().fork();
        transcript.add(request);
        transcript
    }

    /// The true answer to a request, or the true one without a certificate.
    pub fn answer_to(&mut self, request: &[u8], shows: bool) -> Answer {
        let context = context(request);
        let certificate = self.certificate_with(|certificate| {
            certificate.certificate_request_context = &context;
            if !shows {
                certificate.certificate_list.clear();
            }
        });
        self.answer_with(request, certificate)
    }

    /// An answer that is true but for its Certificate.
    pub fn answer_with(&mut self, request: &[u8], certificate: Vec<u8>) -> Answer {
        let shows = !read_all::<Certificate<'_>>(&certificate[4..]).unwrap().certificate_list.is_empty();
        let mut transcript = self.transcript_of(request);
        transcript.add(&certificate);
        let mut certificate_verify = Vec::new();
        if shows {
            let hash = transcript.current();
            let message = [&[0x20; 64], &b"TLS 1.3, client CertificateVerify"[..], &[0], hash.as_ref()];
            let algorithm = SignatureScheme::ecdsa_secp256r1_sha256;
            let signature = self.key.sign(&*self.provider, algorithm, &message.concat()).unwrap();
            certificate_verify = write_message(&CertificateVerify { algorithm, signature: &signature }).unwrap();
            transcript.add(&certificate_verify);
        }
        let secret = &self.write.as_ref().unwrap().secret;
        let verify_data = secret.verify_data(&*self.provider, &transcript.current()).unwrap();
        let finished = write_message(&Finished { verify_data: verify_data.as_ref() }).unwrap();
        Answer { certificate, certificate_verify, finished }
    }

    /// The requests heard, in order.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.messages_of(HandshakeType::certificate_request)
    }

    /// The messages of this type that were heard, in order.
    pub fn messages_of(&self, handshake_type: HandshakeType) -> Vec<Vec<u8>> {
        let of_type = |heard: &Heard| match heard {
            Heard::Message(message) if message[0] == handshake_type.0 => Some(message.clone()),
            _ => None,
        };
        self.heard.iter().filter_map(of_type).collect()
    }

    /// Checks that the last messages heard answer this request: one after the other, the last one a true Finished under the
    /// client's secret as it is now. Returns how many certificates were shown.
    pub fn check_answer(&self, request: &[u8], heard: &[Heard]) -> usize {
        let messages: Vec<_> = heard
            .iter()
            .map(|heard| match heard {
                Heard::Message(message) => message.clone(),
                other => panic!("{other:?} stands in an answer"),
            })
            .collect();
        let (finished, before) = messages.split_last().unwrap();
        let certificate: Certificate<'_> = read_all(&before[0][4..]).unwrap();
        assert_eq!(certificate.certificate_request_context, context(request));
        let shown = certificate.certificate_list.len();
        assert_eq!(before.len(), if shown == 0 { 1 } else { 2 });
        let mut transcript = self.transcript_of(request);
        before.iter().for_each(|message| transcript.add(message));
        let secret = &self.read.as_ref().unwrap().secret;
        let verify_data = secret.verify_data(&*self.provider, &transcript.current()).unwrap();
        assert_eq!(finished[4..], *verify_data.as_ref());
        shown
    }
}
