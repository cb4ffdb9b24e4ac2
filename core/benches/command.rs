//! What core makes of one execution: its command line redacted, templated and taken apart, and the decision about what is
//! known already.

#![allow(
    missing_docs,
    clippy::disallowed_methods,
    reason = "a bench reads the clock; the library does not"
)]

use std::hint::black_box;

use anchorwatch_core::{
    baseline::{Entry, EntryState, FeedBaseline, Lesson, Marks, Maturity},
    behaviour::{Behaviour, Origin, ProcessParts, SourceLayer},
    decide::decide,
    features::{Command, Features},
    normalise,
    policy::Policy,
    rare::Rare,
    time::Timestamp,
};
use anchorwatch_figures::{Figure, Times};
use criterion::Criterion;

/// Ordinary command lines of three to ten arguments.
fn corpus() -> Vec<Vec<String>> {
    let lines = include_str!("../corpus/execs.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split(" ¦ ").map(str::to_owned).collect())
        .collect()
}

/// What is made of a command line; all of it is kept.
fn features(argv: Vec<String>) -> (Vec<String>, Features) {
    let templates = normalise::command_line(argv);
    let features = Features::of(&Command {
        executable: templates.first().map_or("", String::as_str),
        parent: "/usr/bin/bash",
        argv: &templates,
    });
    (templates, features)
}

fn normalise_and_vectorise(criterion: &mut Criterion) {
    let corpus = corpus();
    // As whoever decoded an event hands it over.
    let line = |index: usize| corpus[index % corpus.len()].clone();
    let mut times = Times::default();
    criterion.bench_function("normalise and vectorise an exec", |bencher| {
        bencher.iter_custom(|count| times.each_given(count, line, features));
    });
    let name = "core: normalise and vectorise an exec";
    Figure::at_most(name, &times.micros(), "µs", 2.0).print();
    criterion.bench_function("redact and template an exec", |bencher| {
        bencher.iter_custom(|count| times.each_given(count, line, normalise::command_line));
    });
    Figure::shown("core: of it redaction and templates", &times.micros(), "µs").print();
}

/// Behaviours that a workload learned, as many as a baseline holds before it joins some.
const LEARNED: usize = 600;

fn parts(number: usize) -> ProcessParts {
    ProcessParts {
        origin: Origin::Entrypoint,
        parent: "/usr/local/bin/python3.11".to_owned(),
        executable: format!("/usr/bin/tool-{number}"),
        source: SourceLayer::Image,
        ..ProcessParts::default()
    }
}

fn learned(number: usize) -> Entry {
    Entry {
        behaviour: Behaviour::Process(parts(number).into()),
        attributes: Rare::default(),
        state: EntryState::Learned,
        lineage: Vec::new(),
        count: 1,
        first_seen: Timestamp::from_secs(0),
        last_seen: Timestamp::from_secs(0),
        days: Marks::NONE,
        pods: 1,
        shown_by: std::collections::BTreeMap::new(),
        unverified: false,
        snapshot: false,
        provisional: false,
        lesson: Lesson::default(),
        strangeness: None,
        generalised: false,
    }
}

/// A behaviour as it comes from an execution, looked up among all that were learned, and whether it is drift.
fn known(criterion: &mut Criterion) {
    let mut feed = FeedBaseline::new(Timestamp::from_secs(0));
    (0..LEARNED).for_each(|number| feed.insert(learned(number)));
    let seen: Vec<ProcessParts> = (0..LEARNED).map(parts).collect();
    let policy = Policy::default();
    let mut times = Times::default();
    criterion.bench_function("a known behaviour", |bencher| {
        bencher.iter_custom(|count| {
            times.each(count, |number| {
                // From one to another that lies elsewhere.
                let parts = &seen[number * 251 % LEARNED];
                let behaviour = Behaviour::Process(black_box(parts).clone().into());
                let entry = feed.entries.get(&behaviour.id());
                decide(entry, Maturity::Enforcing, &policy, &behaviour, true)
            })
        });
    });
    let times = times.micros();
    Figure::at_most("core: a known behaviour, p50", &times, "µs", 0.3).print();
    Figure::percentile_at_most("core: a known behaviour, p99", &times, 99, "µs", 1.0).print();
}

/// Pieces that make a search look at the same bytes again and again, if it can be made to.
const TEDIOUS: [&str; 9] = [
    "a/",
    "token=",
    "://",
    "echo x|",
    "TOKEN=<sh{",
    "2026-01-01-",
    "password:\"",
    "%41",
    "token=[",
];

/// Sixteen times the length takes sixteen times the time if that grows with the length, 256 times if with its square.
fn growth(criterion: &mut Criterion) {
    let mut ratios = Vec::new();
    for piece in TEDIOUS {
        let mut medians = Vec::new();
        for length in [8 << 10, 128 << 10] {
            let argv = vec!["tool".to_owned(), piece.repeat(length / piece.len())];
            let mut times = Times::default();
            let name = format!("{} KiB of {piece:?}", length >> 10);
            criterion.bench_function(&name, |bencher| {
                bencher.iter_custom(|count| times.each_given(count, |_| argv.clone(), normalise::command_line));
            });
            medians.push(anchorwatch_figures::percentile(&times.micros(), 50));
        }
        ratios.push(medians[1] / medians[0]);
    }
    let name = "core: 16 times the length takes, at most, times";
    Figure::percentile_at_most(name, &ratios, 100, "", 40.0).print();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(30);
    normalise_and_vectorise(&mut criterion);
    known(&mut criterion);
    growth(&mut criterion);
    criterion.final_summary();
}
