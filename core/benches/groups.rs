//! How fast the groups of an address are found, beside looking at all ranges, which is what it must not be.

#![allow(
    missing_docs,
    clippy::disallowed_methods,
    reason = "a bench reads the clock; the library does not"
)]

use std::net::{IpAddr, Ipv4Addr};

use anchorwatch_core::{address::IpPrefix, policy::groups::Groups};
use anchorwatch_figures::{Figure, Times};
use criterion::Criterion;

/// How often all ranges are looked at, which takes long.
const SCANS: u64 = 10;

/// The golden ratio scatters numbers over all addresses.
fn scattered(number: u32) -> IpAddr {
    IpAddr::from(Ipv4Addr::from(number.wrapping_mul(0x9e37_79b9)))
}

/// Addresses by the thousand, so that a clock's own time is none of it.
fn groups(criterion: &mut Criterion, size: u32) {
    // Clouds publish ranges of these lengths.
    let ranges: Vec<IpPrefix> = (0..size)
        .map(|number| IpPrefix::new(scattered(number), u8::try_from(12 + number % 17).unwrap_or(24)))
        .collect();
    let groups = Groups::new([("clouds".to_owned(), ranges.clone())]).expect("few enough ranges for a group");
    let addresses: Vec<IpAddr> = (0..1_000).map(|number| scattered(0x5bd1_e995 ^ number)).collect();
    let found = || {
        let in_groups = |address: &&IpAddr| groups.of(**address).next().is_some();
        addresses.iter().filter(in_groups).count()
    };
    let scanned = || {
        let within = |address: &&IpAddr| ranges.iter().any(|range| range.contains(**address));
        addresses.iter().filter(within).count()
    };
    assert_eq!(found(), scanned(), "an index finds what looking at all finds");
    let mut times = Times::default();
    let name = format!("groups of 1,000 addresses, {size} ranges");
    criterion.bench_function(&name, |bencher| {
        bencher.iter_custom(|count| times.each(count, |_| found()));
    });
    Figure::shown(&format!("core: {name}"), &times.micros(), "µs").print();
    times.each(SCANS, |_| scanned());
    Figure::shown(&format!("core: by looking at all {size}"), &times.micros(), "µs").print();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    for size in [200, 2_000, 20_000] {
        groups(&mut criterion, size);
    }
    criterion.final_summary();
}
