//! Record framing: records of any kind and in any pieces, at either end, before there are keys and behind a finished
//! handshake.

use bulla::wire::ContentType;

use super::honest::{handshake, message};
use super::raw::feed_twice;
use super::rig::{Keys, Rig, Role};
use super::script::suite;
use super::source::Source;

pub fn run(input: &[u8]) {
    let mut source = Source::new(input);
    let role = if source.flag() { Role::Client } else { Role::Server };
    if source.flag() {
        return feed_twice(role, false, &mut source);
    }
    let suite = suite(&mut source);
    let mut rig = established(role, suite);
    let mut may_arrive = true;
    while !source.is_empty() && !rig.has_failed() {
        let (kind, padding) = (source.below(8), source.below(256));
        let content = source.bytes(0..=3000);
        match kind {
            0 => rig.put_raw(content),
            1 => rig.put_damaged_record(ContentType::application_data, content, padding * 3),
            2 => rig.put_record(ContentType(source.u8()), content, padding),
            // The longest records that may come, and such as are a little longer.
            3 => {
                rig.put_record(ContentType::application_data, &[content, &[7; 16_600]].concat()[..16_300 + padding], 0)
            }
            4 => rig.put_record(ContentType::application_data, content, 64 * padding),
            _ => rig.put_record(ContentType::application_data, content, padding),
        }
        may_arrive &= kind >= 4;
        rig.deliver(1 + source.below(64) * 40);
    }
    // Good records, whatever their padding and however cut, arrive whole; too many empty ones in a row are refused.
    if may_arrive && !rig.has_failed() {
        assert!(rig.has_all_data(), "data is missing");
    }
}

fn established(role: Role, suite: bulla::wire::CipherSuite) -> Rig {
    let mut rig = Rig::new(role, suite, false);
    for (keys, honest) in handshake(&rig, false, false) {
        rig.use_keys(keys);
        let bytes = message(&rig, honest).expect("an honest handshake goes on");
        rig.finished_said = true;
        rig.put_record(honest.content_type(), &bytes, 0);
        rig.deliver(usize::MAX);
    }
    assert!(rig.is_established(), "{:?}", rig.error());
    rig.use_keys(Keys::Application);
    rig
}
