//! How fast a command is normalised, vectorised and scored, against learned sets of several sizes, and how fast the groups
//! of an address are found.
//!
//! `speed [--benign FILE]`: the file holds one command a line and is repeated with changes until it suffices; the
//! project's own corpus serves where none is named; `--preparation` leaves the search out. Beside the exact search stands comparing with every command.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a program, not the pure library"
)]

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};

use anchorwatch_core::{
    address::IpPrefix,
    features::{Command, Feature, Features},
    normalise,
    policy::groups::Groups,
    score::{Index, Scratch},
};

const QUERIES: usize = 1_000;

fn main() {
    let path = std::env::args().skip_while(|argument| argument != "--benign").nth(1);
    let text = path.map_or_else(
        || include_str!("../corpus/benign.txt").to_owned(),
        |path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned(),
    );
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let exec = ["/usr/bin/curl", "-fsS", "http://localhost:8080/healthz"].map(str::to_owned);
    preparation("normalise and vectorise a probe", |_| exec.to_vec());
    preparation("normalise and vectorise a script", |round| {
        argv(lines[round % lines.len()], round)
    });
    growth();
    if std::env::args().any(|argument| argument == "--preparation") {
        return;
    }
    for size in [200, 2_000, 20_000] {
        groups(size);
    }
    for size in [1_000, 10_000, 100_000] {
        search(&lines, size);
    }
}

fn argv(line: &str, variant: usize) -> Vec<String> {
    ["bash".to_owned(), "-c".to_owned(), format!("{line} {}", word(variant))].to_vec()
}

/// Letters that differ from variant to variant.
fn word(mut variant: usize) -> String {
    let mut word = String::new();
    while variant > 0 {
        word.push(char::from(b'a' + u8::try_from(variant % 26).unwrap_or(0)));
        variant /= 26;
    }
    word
}

fn features(argv: &[String]) -> Features {
    let argv = normalise::command_line(argv);
    Features::of(&Command {
        executable: "/usr/bin/bash",
        parent: "/usr/bin/python3",
        argv: &argv,
    })
}

fn preparation(name: &str, make: impl Fn(usize) -> Vec<String>) {
    let commands: Vec<Vec<String>> = (0..10_000).map(make).collect();
    let times = commands.iter().map(|argv| timed(|| features(argv))).collect();
    report(name, times);
}

/// What makes a search look at the same bytes again, at 8 and at 128 KiB: sixteen times the time, if it grows with the
/// length, 256 times if with its square.
fn growth() {
    for piece in [
        "a/",
        "token=",
        "://",
        "echo x|",
        "TOKEN=<sh{",
        "2026-01-01-",
        "password:\"",
        "%41",
        "token=[",
    ] {
        let time = |length: usize| {
            let argv = ["tool".to_owned(), piece.repeat(length / piece.len())];
            timed(|| normalise::command_line(&argv))
        };
        let (short, long) = (time(8 << 10).min(time(8 << 10)), time(128 << 10));
        println!(
            "{:<36} {:>9.0} µs, {:.0} times that of 8 KiB",
            format!("128 KiB of {piece:?}"),
            long,
            long / short
        );
    }
}

/// Addresses by the thousand, so that a clock's own time is none of it.
fn groups(size: u32) {
    // The golden ratio scatters them over all addresses; clouds publish ranges of these lengths.
    let scattered = |number: u32| IpAddr::from(Ipv4Addr::from(number.wrapping_mul(0x9e37_79b9)));
    let ranges: Vec<IpPrefix> = (0..size)
        .map(|number| IpPrefix::new(scattered(number), u8::try_from(12 + number % 17).unwrap_or(24)))
        .collect();
    let Ok(groups) = Groups::new([("clouds".to_owned(), ranges.clone())]) else {
        return println!("{size} ranges are no group");
    };
    let addresses: Vec<IpAddr> = (0..1_000).map(|number| scattered(0x5bd1_e995 ^ number)).collect();
    let found = || {
        addresses
            .iter()
            .filter(|address| groups.of(**address).next().is_some())
            .count()
    };
    let scanned = || {
        let within = |address: &IpAddr| ranges.iter().any(|range| range.contains(*address));
        addresses.iter().filter(|address| within(address)).count()
    };
    assert_eq!(found(), scanned(), "an index finds what looking at all finds");
    report(
        &format!("groups of 1,000 addresses, {size} ranges"),
        (0..100).map(|_| timed(found)).collect(),
    );
    report(
        &format!("  by looking at all {size}"),
        (0..10).map(|_| timed(scanned)).collect(),
    );
}

fn search(lines: &[&str], size: usize) {
    let mut index = Index::default();
    let mut inserts = Vec::new();
    for entry in 0..size {
        let features = features(&argv(lines[entry % lines.len()], entry / lines.len()));
        inserts.push(timed(|| index.insert(&features)));
    }
    report(&format!("insert, {size} entries"), inserts);
    let queries: Vec<Features> = (0..QUERIES)
        .map(|query| features(&argv(lines[(query * 7) % lines.len()], 1_000_000 + query)))
        .collect();
    let mut scratch = Scratch::default();
    let times = queries
        .iter()
        .map(|query| timed(|| index.nearest(query, 3, None, &mut scratch)))
        .collect();
    report(&format!("three nearest of {size}"), times);
    let all: Vec<Features> = (0..size)
        .map(|entry| features(&argv(lines[entry % lines.len()], entry / lines.len())))
        .collect();
    let brute = |query: &Features| {
        all.iter()
            .map(|entry| jaccard(query.compared(), entry.compared()))
            .fold(0.0, f64::max)
    };
    report(
        &format!("all {size} compared"),
        queries.iter().take(20).map(|query| timed(|| brute(query))).collect(),
    );
    let exact = queries.iter().take(20).filter(|query| {
        let found = index.nearest(query, 1, None, &mut scratch);
        found
            .first()
            .is_some_and(|nearest| (nearest.similarity() - brute(query)).abs() < 1e-12)
    });
    println!("{:<36} {} of 20", "  found what comparing all finds", exact.count());
}

fn jaccard(one: &[Feature], other: &[Feature]) -> f64 {
    let (mut at, mut common) = (0, 0);
    for feature in one {
        while other.get(at).is_some_and(|held| held < feature) {
            at += 1;
        }
        common += usize::from(other.get(at) == Some(feature));
    }
    common as f64 / (one.len() + other.len() - common) as f64
}

fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed().as_secs_f64() * 1e6
}

fn report(name: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let quantile = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    println!("{name:<36} p50 {:>9.2} µs   p99 {:>9.2} µs", quantile(50), quantile(99));
}
