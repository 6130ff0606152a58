//! Judges chains: by `verify_chain`, and in whole handshakes in memory.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::Arc;

use bulla::crypto::ring::provider;
use bulla::error::CertificateError;
use bulla::pki_types::{CertificateDer, ServerName};
use bulla::verify::{Purpose, verify_chain};
use bulla::wire::AlertDescription;
use bulla::{
    ClientConfig, ClientConnection, Connection, Error, Event, Identity, MAX_RECORD_LEN, Roots, ServerConfig,
    ServerConnection,
};

use crate::certificates::{Draft, NAME, NOW, Party};

pub fn roots(parties: &[&Party]) -> Roots {
    let mut roots = Roots::new();
    parties.iter().for_each(|party| roots.add_der(&party.certificate).unwrap());
    roots
}

pub fn judge_for(
    roots: &Roots,
    chain: &[CertificateDer<'static>],
    purpose: Purpose,
    name: Option<&str>,
) -> Result<(), CertificateError> {
    let name = name.map(|name| ServerName::try_from(name).unwrap());
    verify_chain(&*provider(), roots, purpose, name.as_ref(), chain, Some(NOW))
}

pub fn judge(root: &Party, chain: &[&Party]) -> Result<(), CertificateError> {
    let chain: Vec<_> = chain.iter().map(|party| party.certificate.clone()).collect();
    judge_for(&roots(&[root]), &chain, Purpose::Server, Some(NAME))
}

/// Refused in `verify_chain` and in a whole handshake alike, with this alert on the wire.
#[track_caller]
pub fn assert_refused(root: &Party, chain: &[&Party], expected: &CertificateError, alert: AlertDescription) {
    assert_eq!(judge(root, chain).unwrap_err(), *expected);
    let certificates: Vec<_> = chain.iter().map(|party| party.certificate.clone()).collect();
    assert_refused_in_handshake(roots(&[root]), certificates, chain[0], expected, alert);
}

#[track_caller]
pub fn assert_refused_in_handshake(
    roots: Roots,
    chain: Vec<CertificateDer<'static>>,
    holder: &Party,
    expected: &CertificateError,
    alert: AlertDescription,
) {
    let (client, server) = handshake(roots, Presented::of(chain, holder));
    assert_eq!(client.unwrap_err(), Error::Certificate(expected.clone()));
    assert_eq!(expected.alert(), alert);
    assert_eq!(server.unwrap_err(), Error::AlertReceived(alert));
    let text = expected.to_string();
    assert!(!text.contains('\n') && !text.contains("  ") && text.len() < 260, "{text}");
}

/// What a server shows: any chain, whatever our own configuration would refuse of it.
pub struct Presented(pub Identity);

impl Presented {
    pub fn of(chain: Vec<CertificateDer<'static>>, holder: &Party) -> Self {
        let key = provider().signing_key(&holder.private_key()).unwrap();
        let signer = bulla::config::LocalSigner::new(key, provider());
        // A signer of its own is not compared with the certificate.
        Self(Identity::with_signer(chain, Arc::new(signer)).unwrap())
    }
}

pub type Outcome = Result<(), Error>;

/// A whole handshake in memory: what the client and the server make of it.
pub fn handshake(roots: Roots, presented: Presented) -> (Outcome, Outcome) {
    let client = ClientConfig::new(roots).clock(Arc::new(NOW));
    let server = ServerConfig::new(presented.0).clock(Arc::new(NOW));
    run(client, server)
}

pub fn run(client: ClientConfig, server: ServerConfig) -> (Outcome, Outcome) {
    let name = ServerName::try_from(NAME).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let (mut of_client, mut of_server) = (Ok(()), Ok(()));
    loop {
        let to_server = output(&mut client);
        let to_client = output(&mut server);
        if to_server.is_empty() && to_client.is_empty() {
            return (of_client, of_server);
        }
        of_server = of_server.and_then(|()| feed(&mut server, to_server));
        of_client = of_client.and_then(|()| feed(&mut client, to_client));
    }
}

pub fn output(connection: &mut Connection) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; MAX_RECORD_LEN]);
    loop {
        match connection.take_output(&mut buffer).unwrap() {
            [] => return all,
            written => all.extend_from_slice(written),
        }
    }
}

pub fn feed(connection: &mut Connection, mut bytes: Vec<u8>) -> Result<(), Error> {
    loop {
        let received = connection.receive(&mut bytes)?;
        let (used, wants) = (received.used, matches!(received.event, Event::NeedMore { .. } | Event::Closed));
        bytes.drain(..used);
        if wants {
            return Ok(());
        }
    }
}

pub fn root() -> Party {
    Draft::authority("Root").self_signed()
}

/// A root, an intermediate and a leaf with nothing wrong.
pub fn good_chain() -> (Party, Party, Party) {
    let root = root();
    let intermediate = Draft::authority("Intermediate").issued_by(&root);
    let leaf = Draft::leaf(&[NAME]).issued_by(&intermediate);
    (root, intermediate, leaf)
}
