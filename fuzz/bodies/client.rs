//! A whole client: arbitrary bytes before there are keys, and a scripted peer that gets behind them.

use super::raw::feed_twice;
use super::rig::Role;
use super::script::play;
use super::source::Source;

pub fn run(input: &[u8]) {
    let mut source = Source::new(input);
    if source.flag() {
        play(Role::Client, &mut source);
    } else {
        feed_twice(Role::Client, &mut source);
    }
}
