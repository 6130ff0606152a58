//! How much of `ring`'s bare speed is left: every measurement of `benches/record.rs`, taken in turns with the bare
//! call, so that a machine that slows down slows both. Prints medians per record and bare time over Bulla's time.
//!
//! `cargo bench --bench ratio`

use std::time::Duration;

#[path = "support/records.rs"]
mod records;

use records::{Bare, SIZES, SUITES, Whole};

/// Turns that each of the two takes.
const ROUNDS: usize = 101;

/// Turns when this runs as a test, which only sees whether it still does.
const TEST_ROUNDS: usize = 1;

/// Bytes that one turn moves, at the least one record and at the most a thousand.
const BYTES_PER_TURN: usize = 1 << 20;

fn main() {
    // As criterion's do, a run without `--bench` (`cargo test --benches`) measures nothing.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { TEST_ROUNDS };
    println!("| suite | bytes | call | ring alone, ns | bulla, ns | ratio |");
    println!("|---|--:|---|--:|--:|--:|");
    for &suite in SUITES {
        for size in SIZES {
            let row = |call: &str, bare: Turn<Bare>, whole: Turn<Whole>| {
                let (mut ours, mut theirs) = (Whole::new(suite, size), Bare::new(suite, size));
                let records = u64::try_from((BYTES_PER_TURN / size).clamp(1, 1000)).unwrap();
                let mut times: [Vec<f64>; 2] = Default::default();
                for _ in 0..rounds {
                    times[0].push(per_record(bare(&mut theirs, records), records));
                    times[1].push(per_record(whole(&mut ours, records), records));
                }
                let [bare, whole] = times.map(median);
                println!("| {suite} | {size} | {call} | {bare:.0} | {whole:.0} | {:.3} |", bare / whole);
            };
            row("send_in_place", Bare::seal, Whole::send_in_place);
            row("send", Bare::seal, Whole::send);
            row("receive", Bare::open, Whole::receive);
        }
    }
}

type Turn<T> = fn(&mut T, u64) -> Duration;

fn per_record(took: Duration, records: u64) -> f64 {
    took.as_secs_f64() * 1e9 / records as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
