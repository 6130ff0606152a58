//! Two of our own ends with everything that can be switched on, drawn at random: they agree on all facts, or both fail and
//! both know why.

#![cfg(all(feature = "ring", feature = "std", feature = "tls12"))]

#[path = "support/offers.rs"]
mod offers;
#[path = "support/pair.rs"]
mod pair;

use std::sync::{Arc, Mutex};

use bulla::connection::danger::DangerousTrafficSecrets;
use bulla::error::Misuse;
use bulla::wire::{CertificateType, ContentType, HandshakeType, ProtocolVersion};
use bulla::{
    ClientConnection, Connection, Content, Direction, Error, HandshakeKind, Observed, Observer, QuestionKind,
    ServerConnection,
};
use offers::{HOUSE, OfClient, OfServer, Shown, of_client, of_server};
use pair::{Seen, data, feed_with, name, output, send};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// How many pairs of configurations are drawn; each connects twice.
const CASES: u32 = 150;

/// The types of the handshake messages that an end has sent.
#[derive(Debug, Default)]
struct Sent(Mutex<Vec<HandshakeType>>);

impl Observer for Sent {
    fn observe(&self, observed: &Observed<'_>) {
        if let (Direction::Sent, Content::Handshake { bytes, .. }) = (observed.direction, &observed.content) {
            self.0.lock().unwrap().push(HandshakeType(bytes[0]));
        }
    }
}

impl Sent {
    fn has(&self, handshake_type: HandshakeType) -> bool {
        self.0.lock().unwrap().contains(&handshake_type)
    }
}

/// One connection: both ends, what their applications saw, and all that went over the wire.
struct Run {
    client: ClientConnection,
    server: ServerConnection,
    seen: [Vec<Seen>; 2],
    /// What waits for the client and for the server.
    unread: [Vec<u8>; 2],
    /// What the client and the server have written.
    written: [Vec<u8>; 2],
    sent: [Arc<Sent>; 2],
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

impl Run {
    fn new(client: &bulla::ClientConfig, server: &bulla::ServerConfig, of_server: &OfServer) -> Self {
        let sent = [(); 2].map(|()| Arc::new(Sent::default()));
        let client = Arc::new(client.clone().observer(sent[CLIENT].clone()));
        let server = Arc::new(server.clone().observer(sent[SERVER].clone()));
        let server = match of_server.chosen_by_hello {
            None => ServerConnection::new(server),
            Some(at_once) => ServerConnection::choosing(Arc::new(offers::Chooser { config: server, at_once })),
        };
        Self {
            client: ClientConnection::new(client, name()).unwrap(),
            server: server.unwrap(),
            seen: Default::default(),
            unread: Default::default(),
            written: Default::default(),
            sent,
        }
    }

    fn end(&mut self, end: usize) -> &mut Connection {
        if end == CLIENT { &mut self.client } else { &mut self.server }
    }

    /// Takes what this end has to say.
    fn take_from(&mut self, end: usize) {
        let bytes = output(self.end(end));
        self.written[end].extend_from_slice(&bytes);
        self.unread[1 - end].extend(bytes);
    }

    fn give_to(&mut self, end: usize, config: &Arc<bulla::ServerConfig>) -> Result<(), Error> {
        let connection: &mut Connection = if end == CLIENT { &mut self.client } else { &mut self.server };
        feed_with(connection, &mut self.unread[end], &mut self.seen[end], &mut |connection, question| {
            let QuestionKind::ChooseServerConfig(_) = question.kind else { panic!("{question:?}") };
            // Where that ends the handshake, the next call says it again.
            let answered = connection.answer(question.id, bulla::Answer::ServerConfig(config.clone()));
            assert!(!matches!(answered, Err(Error::Misuse(_))), "{answered:?}");
        })
    }

    /// Lets both ends talk until they are silent, or until one has failed: which, and why.
    fn talk(&mut self, config: &Arc<bulla::ServerConfig>) -> Result<(), (usize, Error)> {
        loop {
            for end in [CLIENT, SERVER] {
                self.take_from(end);
                self.give_to(1 - end, config).map_err(|error| (1 - end, error))?;
            }
            if !self.client.has_output() && !self.server.has_output() {
                return Ok(());
            }
        }
    }

    /// The other end hears of a failure by the alert that belongs to it.
    fn check_failure(&mut self, config: &Arc<bulla::ServerConfig>, end: usize, error: &Error) {
        assert!(!matches!(error, Error::Misuse(_) | Error::Internal(_) | Error::AlertReceived(_)), "{error}");
        let alert = error.alert().unwrap_or_else(|| panic!("{error} has no alert"));
        self.take_from(end);
        assert_eq!(self.give_to(1 - end, config), Err(Error::AlertReceived(alert)), "{error}");
        assert!(self.client.is_failed() && self.server.is_failed());
        self.take_from(1 - end);
        assert!(self.unread[end].is_empty() || self.give_to(end, config) == Err(error.clone()));
    }

    /// What both ends can tell of the connection is the same.
    fn check_agreement(&self) {
        let (client, server): (&Connection, &Connection) = (&self.client, &self.server);
        assert!(client.is_established() && server.is_established());
        let facts = |end: &Connection| {
            (
                (end.protocol_version(), end.cipher_suite(), end.group(), end.handshake_kind(), end.hello_retried()),
                end.alpn_protocol().map(<[u8]>::to_vec),
                end.server_name().map(str::to_owned),
            )
        };
        assert_eq!(facts(client), facts(server));
        let exported = |end: &Connection, context: Option<&[u8]>| {
            let mut output = [0; 40];
            end.export(b"EXPORTER-model", context, &mut output).unwrap();
            output
        };
        for context in [None, Some(&b""[..]), Some(b"context")] {
            assert_eq!(exported(client, context), exported(server, context));
        }
        assert_eq!(client.tls_exporter_channel_binding(), server.tls_exporter_channel_binding());
        assert_eq!(client.tls_unique(), server.tls_unique());
        assert_eq!(client.tls_unique().is_ok(), client.protocol_version() == Some(ProtocolVersion::TLSv1_2));
        let end_points = [client, server].map(|end: &Connection| end.tls_server_end_point());
        assert_eq!(end_points[0].as_ref().map(AsRef::as_ref), end_points[1].as_ref().map(AsRef::<[u8]>::as_ref));
        let keys = [client, server].map(|end: &Connection| end.danger_traffic_keys().unwrap());
        for (write, read) in [(&keys[0].write, &keys[1].read), (&keys[1].write, &keys[0].read)] {
            assert_eq!((write.key.expose(), write.iv.expose()), (read.key.expose(), read.iv.expose()));
            assert_eq!(write.sequence_number, read.sequence_number);
        }
    }

    /// Each end knows the other by what it was given to show.
    fn check_server_identity(&self, of_client: &OfClient, of_server: &OfServer) {
        let client = &self.client;
        let is_raw = client.peer_certificate_type() == Some(CertificateType::RawPublicKey);
        assert_eq!(client.peer_raw_public_key(), is_raw.then(|| HOUSE.server_raw.public.clone()));
        assert_eq!(client.peer_certificates().first(), Some(HOUSE.server_leaf()).filter(|_| !is_raw));
        assert!(of_server.shown.contains(is_raw) && of_client.judges.contains(is_raw));
        let is_tls13 = client.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        if client.delegated_credential() {
            assert!(of_client.delegated && of_server.delegated && is_tls13 && !is_raw);
        }
        let timestamps = (of_client.timestamps && !is_raw).then_some(offers::TIMESTAMPS);
        assert_eq!(client.peer_signed_certificate_timestamps(), timestamps);
        let staple = (of_client.staple && !is_raw).then_some(offers::STAPLE);
        assert_eq!(client.peer_ocsp_response(), staple);
    }

    /// The client is known if it was asked, and had what the server judges.
    fn check_client_identity(&self, of_client: &OfClient, of_server: &OfServer) {
        let (shown, server) = (&of_client.shown, &self.server);
        let raw = server.peer_raw_public_key();
        if let Some(raw) = &raw {
            assert_eq!((raw, server.peer_certificates().len()), (&HOUSE.client_raw.public, 0));
            assert!(shown.contains(true) && of_server.judges.contains(true));
        } else if let [leaf, ..] = server.peer_certificates() {
            assert_eq!(leaf, HOUSE.client_leaf());
            assert!(shown.contains(false) && of_server.judges.contains(false));
        } else {
            assert!(!of_server.demands, "nobody was let in");
        }
        if !of_server.asks && !of_server.asks_later {
            assert!(raw.is_none() && server.peer_certificates().is_empty(), "a certificate that nobody asked for");
        }
    }

    /// Certificates are compressed only where both ends know one way. Says whether the server's was.
    fn check_compression(&self, of_client: &OfClient, of_server: &OfServer) -> bool {
        let is_tls13 = self.client.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let may = is_tls13 && of_client.compression.iter().any(|one| of_server.compression.contains(one));
        let full = self.client.handshake_kind() == Some(HandshakeKind::Full);
        // What does not get smaller is sent as it is.
        let compressed = [CLIENT, SERVER].map(|end| self.sent[end].has(HandshakeType::compressed_certificate));
        assert!((may && full) || compressed == [false; 2]);
        compressed[SERVER]
    }

    /// No record under keys is larger than its reader wanted it, if the two have spoken about that.
    fn check_limits(&self, of_client: &OfClient, of_server: &OfServer) {
        let is_tls13 = self.client.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let fragment = of_client.max_fragment.filter(|_| of_client.record_limit.is_none()).map(|(_, len)| len);
        let agreed = of_client.record_limit.is_some();
        let limits =
            [of_server.record_limit.filter(|_| agreed), of_client.record_limit].map(|limit| limit.map(usize::from));
        for (end, limit) in limits.into_iter().enumerate() {
            // Content type and padding count in TLS 1.3, but not for the older extension.
            let most = limit.or(fragment.map(|len| len + usize::from(is_tls13)));
            for sealed in self.sealed_lens(end, is_tls13) {
                assert!(most.is_none_or(|most| sealed <= most), "{sealed} bytes where {most:?} were wanted");
            }
        }
    }

    /// How much is sealed in each record of this end, with content type and padding.
    fn sealed_lens(&self, end: usize, is_tls13: bool) -> Vec<usize> {
        let (mut bytes, mut lens, mut under_keys) = (&self.written[end][..], Vec::new(), false);
        while let [content_type, _, _, high, low, rest @ ..] = bytes {
            let len = usize::from(u16::from_be_bytes([*high, *low]));
            let content_type = ContentType(*content_type);
            match is_tls13 {
                true if content_type == ContentType::application_data => lens.push(len - 16),
                false if under_keys => lens.push(len - self.expansion_tls12()),
                _ => under_keys = content_type == ContentType::change_cipher_spec,
            }
            bytes = &rest[len..];
        }
        lens
    }

    fn expansion_tls12(&self) -> usize {
        let implicit = self.client.cipher_suite().is_some_and(|suite| format!("{suite:?}").contains("CHACHA20"));
        if implicit { 16 } else { 24 }
    }

    /// Data goes both ways, more than one record of it.
    fn exchange_data(&mut self, config: &Arc<bulla::ServerConfig>) {
        let text: Vec<u8> = (0..3000_u32).map(|index| index as u8).collect();
        for end in [CLIENT, SERVER] {
            let bytes = send(self.end(end), &text);
            self.written[end].extend_from_slice(&bytes);
            self.unread[1 - end].extend(bytes);
            self.give_to(1 - end, config).unwrap();
            assert!(data(&self.seen[1 - end]).ends_with(&text));
        }
    }

    /// The server asks for the client's certificate where both ends know that, and nowhere else.
    fn ask_later(
        &mut self,
        config: &Arc<bulla::ServerConfig>,
        of_client: &OfClient,
        of_server: &OfServer,
    ) -> Result<(), (usize, Error)> {
        let is_tls13 = self.client.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let asked = self.server.request_client_certificate();
        if !(is_tls13 && of_client.asked_later && of_server.asks_later) {
            assert_eq!(asked, Err(Misuse::NoPostHandshakeAuth.into()));
            return Ok(());
        }
        asked.unwrap();
        self.talk(config)?;
        assert_eq!(self.server.open_certificate_requests(), 0);
        let answered = self.seen[SERVER].last().cloned();
        assert!(matches!(answered, Some(Seen::PeerAuthenticated | Seen::CertificateDeclined)), "{answered:?}");
        if answered == Some(Seen::PeerAuthenticated) {
            let is_known = self.server.peer_raw_public_key().is_some() || !self.server.peer_certificates().is_empty();
            assert!(is_known && of_client.shown != Shown::Nothing);
        }
        Ok(())
    }
}

/// How often what came out.
#[derive(Debug, Default)]
struct Counts {
    refused_configurations: usize,
    full: usize,
    resumed: usize,
    failed: usize,
    retried: usize,
    asked_later: usize,
    compressed: usize,
    delegated: usize,
    raw: usize,
}

fn connect(of_client: &OfClient, of_server: &OfServer, counts: &mut Counts) {
    let (Ok(client), Ok(server)) = (offers::client(of_client), offers::server(of_server)) else {
        eprintln!("REFUSED {:?} {:?}", offers::client(of_client).err(), offers::server(of_server).err());
        counts.refused_configurations += 1;
        return;
    };
    let shared = Arc::new(server.clone());
    for _ in 0..2 {
        let mut run = Run::new(&client, &server, of_server);
        if let Err((end, error)) = run.talk(&shared) {
            counts.failed += 1;
            return run.check_failure(&shared, end, &error);
        }
        run.check_agreement();
        run.check_server_identity(of_client, of_server);
        run.check_client_identity(of_client, of_server);
        counts.compressed += usize::from(run.check_compression(of_client, of_server));
        run.exchange_data(&shared);
        run.check_limits(of_client, of_server);
        match run.client.handshake_kind() {
            Some(HandshakeKind::Resumed) => counts.resumed += 1,
            _ => counts.full += 1,
        }
        counts.delegated += usize::from(run.client.delegated_credential());
        counts.raw += usize::from(run.client.peer_raw_public_key().is_some());
        counts.retried += usize::from(run.client.hello_retried());
        match run.ask_later(&shared, of_client, of_server) {
            Ok(()) => counts.asked_later += usize::from(run.seen[SERVER].contains(&Seen::PeerAuthenticated)),
            Err((end, error)) => {
                counts.failed += 1;
                return run.check_failure(&shared, end, &error);
            }
        }
        run.exchange_data(&shared);
        run.check_agreement();
        run.check_limits(of_client, of_server);
    }
}

#[test]
fn two_ends_with_any_offers_agree_on_everything_or_both_fail_by_the_same_alert() {
    // The same draw each time; another one, and as long as one likes, with PROPTEST_CASES.
    let config = Config { failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    let mut runner = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => TestRunner::new(config),
        None => {
            let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
            TestRunner::new_with_rng(Config { cases: CASES, ..config }, rng)
        }
    };
    let counts = Mutex::new(Counts::default());
    let tried = runner.run(&(of_client(), of_server()), |(of_client, of_server)| {
        connect(&of_client, &of_server, &mut counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        Ok(())
    });
    let counts = counts.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    assert!(tried.is_ok(), "{}", tried.unwrap_err());
    println!("{counts:?}");
    // The draw reaches what it is made for.
    let special = [counts.asked_later, counts.compressed, counts.delegated, counts.raw];
    let all = [[counts.full, counts.resumed, counts.failed, counts.retried], special].concat();
    assert!(all.iter().all(|count| *count >= 5), "{counts:?}");
}
