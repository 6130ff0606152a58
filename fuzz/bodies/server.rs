//! A whole server: arbitrary bytes before there are keys, and a scripted peer that gets behind them.

use super::raw::{feed_twice, feed_twice_rich};
use super::rig::Role;
use super::script::{play, play_rich, play_second};
use super::source::Source;

pub fn run(input: &[u8]) {
    let mut source = Source::new(input);
    match source.below(6) {
        0 => feed_twice(Role::Server, false, &mut source),
        1 => drop(play(Role::Server, &mut source)),
        2 => drop(play_second(Role::Server, &mut source)),
        3 => feed_twice(Role::Server, true, &mut source),
        4 => feed_twice_rich(Role::Server, &mut source),
        _ => drop(play_rich(Role::Server, &mut source)),
    }
}
