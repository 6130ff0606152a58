//! Arbitrary bytes, fed as a whole and in pieces: both must lead to the same, and never to a connection.

use super::rig::{Rig, Role};
use super::script::suite;
use super::source::Source;

pub fn feed_twice(role: Role, is_second: bool, source: &mut Source<'_>) {
    let (suite, client_auth, chunk) = (suite(source), source.flag(), 1 + source.below(40));
    let bytes = source.rest();
    let fed = |chunk| {
        let make = if is_second { Rig::second } else { Rig::new };
        let mut rig = make(role, suite, client_auth);
        rig.put_raw(bytes);
        rig.deliver(chunk);
        assert!(!rig.is_established(), "established by bytes that know no key");
        rig
    };
    let (whole, pieces) = (fed(usize::MAX), fed(chunk));
    assert_eq!(whole.error(), pieces.error());
    assert_eq!(whole.state(), pieces.state());
}
