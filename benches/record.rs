//! Sealing and opening records per suite and size, each beside the same call of `ring` with no protocol.

use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};

#[path = "support/records.rs"]
mod records;

use records::{Bare, SIZES, SUITES, Whole};

fn record(criterion: &mut Criterion) {
    for &suite in SUITES {
        for size in SIZES {
            let mut group = criterion.benchmark_group(format!("{suite}/{size}"));
            group.throughput(Throughput::Bytes(size.try_into().unwrap()));
            row(&mut group, "seal/ring", || Bare::new(suite, size), Bare::seal);
            row(&mut group, "seal/send_in_place", || Whole::new(suite, size), Whole::send_in_place);
            row(&mut group, "seal/send", || Whole::new(suite, size), Whole::send);
            row(&mut group, "open/ring", || Bare::new(suite, size), Bare::open);
            row(&mut group, "open/receive", || Whole::new(suite, size), Whole::receive);
            group.finish();
        }
    }
}

/// One row: a subject of its own for each sample, so that no key comes near its limit.
fn row<T>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    subject: impl Fn() -> T,
    run: impl Fn(&mut T, u64) -> Duration,
) {
    group.bench_function(name, |bencher| bencher.iter_custom(|records| run(&mut subject(), records)));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2)).without_plots();
    targets = record
}
criterion_main!(benches);
