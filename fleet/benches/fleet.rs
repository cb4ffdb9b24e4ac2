//! How fast and how completely the fleet is searched: the graph of `hnsw_rs`, beside comparing exactly, on the same data.
//!
//! `fleet [SIZE]...`: how many command lines; without any, 1,000 to a million.

#![allow(
    missing_docs,
    clippy::disallowed_methods,
    reason = "a bench reads the clock; the library does not"
)]

use std::time::Instant;

use anchorwatch_core::{
    features::{Command, Features},
    normalise,
    score::{Index, Scratch},
};
use anchorwatch_figures::{Figure, Times};
use anchorwatch_fleet::graph::Graph;

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Commands that are searched for: new ones, and as many that are known.
const QUERIES: usize = 500;
const WANTED: usize = 3;
/// Of them so many are compared with all that is known.
const COMPARED: usize = 100;

/// Commands of the project's own corpus, with a word of their own each: as the bench of the exact search has them.
struct Lines(Vec<&'static str>);

impl Lines {
    fn new() -> Self {
        let lines = include_str!("../../core/corpus/benign.txt").lines().map(str::trim);
        Self(lines.filter(|line| !line.is_empty()).collect())
    }

    fn features(&self, number: usize) -> Features {
        let line = self.0[number % self.0.len()];
        let text = format!("{line} {}", word(number / self.0.len()));
        let argv = normalise::command_line(vec!["bash".to_owned(), "-c".to_owned(), text]);
        Features::of(&Command {
            executable: "/usr/bin/bash",
            parent: "/usr/bin/python3",
            argv: &argv,
        })
    }
}

/// Letters that differ from number to number.
fn word(mut number: usize) -> String {
    let mut word = String::new();
    while number > 0 {
        word.push(char::from(b'a' + u8::try_from(number % 26).unwrap_or(0)));
        number /= 26;
    }
    word
}

fn measure(size: usize) {
    let lines = Lines::new();
    let known: Vec<Features> = (0..size).map(|number| lines.features(number)).collect();
    let begun = Instant::now();
    let graph = Graph::of(known.iter());
    let built = begun.elapsed().as_secs_f64();
    Figure::shown(&format!("fleet: graph of {size} made in"), &[built], "s").print();
    let mut index = Index::default();
    for features in &known {
        index.insert(features);
    }
    index.settle();
    let new = (0..QUERIES).map(|number| lines.features(10_000_000 + number * 7));
    let held = (0..QUERIES).map(|number| known[number * (size / QUERIES).max(1) % size].clone());
    for (what, queries) in [("new", new.collect::<Vec<_>>()), ("known", held.collect())] {
        let (mut times, mut exact_times, mut scratch) = (Times::default(), Times::default(), Scratch::default());
        times.each(QUERIES as u64, |number| graph.nearest(&queries[number], WANTED));
        exact_times.each(QUERIES as u64, |number| {
            index.nearest(&queries[number], WANTED, None, &mut scratch)
        });
        let compared = queries.iter().take(COMPARED);
        let found = compared.filter(|query| {
            let best = graph.nearest(query, WANTED).first().map_or(0.0, |found| found.1);
            best + 1e-9 >= graph.nearest_by_comparing(query)
        });
        #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
        let recall = found.count() as f64 / COMPARED as f64;
        let name = format!("fleet: three nearest of {size}, {what}");
        let [graph_times, exact_times] = [times.micros(), exact_times.micros()];
        Figure::shown(&format!("{name}: hnsw_rs, p50"), &graph_times, "µs").print();
        Figure::percentile_at_most(&format!("{name}: hnsw_rs, p99"), &graph_times, 99, "µs", f64::INFINITY).print();
        Figure::percentile_at_most(&format!("{name}: exact, p99"), &exact_times, 99, "µs", f64::INFINITY).print();
        Figure::shown(&format!("{name}: hnsw_rs, the nearest found"), &[recall], "").print();
    }
}

fn main() {
    let asked: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    for size in if asked.is_empty() { SIZES.to_vec() } else { asked } {
        measure(size);
    }
}
