//! Arbitrary bytes, fed as a whole and in pieces: both must lead to the same, and never to a connection.

use std::sync::Arc;

use bulla::config::{ChooseServerConfig, ClientHelloView, Decision};
use bulla::error::Violation;
use bulla::{Error, Event, Peek, ServerConfig, ServerConnection, read_client_hello};

use super::rich::Rich;
use super::rig::{Rig, Role};
use super::script::suite;
use super::source::Source;

pub fn feed_twice(role: Role, is_second: bool, source: &mut Source<'_>) {
    let (suite, client_auth, chunk) = (suite(source), source.flag(), 1 + source.below(40));
    let bytes = source.rest();
    let make = if is_second { Rig::second } else { Rig::new };
    feed_both_ways(&|| make(role, suite, client_auth), bytes, chunk);
}

/// The same to an end that has everything switched on.
pub fn feed_twice_rich(role: Role, source: &mut Source<'_>) {
    let (suite, client_auth, chunk) = (suite(source), source.flag(), 1 + source.below(40));
    let rich = Rich::new(source, suite);
    feed_both_ways(&|| Rig::rich(role, suite, client_auth, rich), source.rest(), chunk);
}

fn feed_both_ways(make: &dyn Fn() -> Rig, bytes: &[u8], chunk: usize) {
    let fed = |chunk| {
        let mut rig = make();
        rig.put_raw(bytes);
        rig.deliver(chunk);
        assert!(!rig.is_established(), "established by bytes that know no key");
        rig
    };
    let (whole, pieces) = (fed(usize::MAX), fed(chunk));
    assert_eq!(whole.error(), pieces.error());
    assert_eq!(whole.state(), pieces.state());
    if matches!(whole.role, Role::Server) {
        peek(bytes);
    }
}

/// Never has a configuration at hand.
#[derive(Debug)]
struct Undecided;

impl ChooseServerConfig for Undecided {
    fn choose(&self, _: &ClientHelloView) -> Decision<Arc<ServerConfig>> {
        Decision::Later
    }
}

/// Who looks at the bytes sees what a server sees that has no configuration yet.
fn peek(bytes: &[u8]) {
    let mut server = ServerConnection::choosing(Arc::new(Undecided)).expect("there is nothing to fail");
    let mut buffer = bytes.to_vec();
    let mut start = 0;
    let of_server = loop {
        let received = server.receive(&mut buffer[start..]);
        start += received.as_ref().map_or(0, |received| received.used);
        match received.map(|received| received.event) {
            Ok(Event::Progress) => {}
            Ok(event) => break Ok(matches!(event, Event::Ask(_))),
            Err(error) => break Err(error),
        }
    };
    match (read_client_hello(bytes), of_server) {
        (Ok(Peek::ClientHello(_)), Ok(true)) | (Ok(Peek::NeedMore { .. }), Ok(false)) => {}
        // A message of another type is refused here by its first byte, there when it is whole.
        (Err(Error::Violation(Violation::UnexpectedMessage(..))), Ok(false) | Err(_)) => {}
        (Err(ours), Err(theirs)) => assert_eq!(ours.alert(), theirs.alert()),
        (ours, theirs) => panic!("{ours:?} and {theirs:?}"),
    }
}
