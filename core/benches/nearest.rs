//! How fast a new command is scored against learned ones, and that nothing nearer is missed.

#![allow(
    missing_docs,
    clippy::disallowed_methods,
    reason = "a bench reads the clock; the library does not"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use anchorwatch_core::{
    behaviour::{Behaviour, Origin, ProcessParts, SourceLayer},
    features::{Command, Feature, Features},
    normalise,
    score::{Index, Kin, LearnedCommands, Scratch},
    text,
};
use anchorwatch_figures::{Figure, Times};
use criterion::Criterion;

/// The system's allocator, which counts what is held.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes on to the system's allocator as it came.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that a learned command may take beside four for each of its features.
const BYTES: f64 = 256.0;

/// Learned commands, and how long a search among them may take at p99, in microseconds.
const SIZES: [(usize, f64); 3] = [(1_000, 50.0), (10_000, 300.0), (100_000, 1_000.0)];
/// Queries whose answer is compared with that of comparing all: of as many commands as a workload has, every one.
const fn compared(size: usize) -> usize {
    if size <= 10_000 { 1_000 } else { 20 }
}
/// How many indices are made to see what an insertion takes.
const INDICES: usize = 9;
/// How many nearest ones are asked for.
const WANTED: usize = 3;
/// Most commands of which it is measured what else is kept of them: a container learns no more.
const KEPT: usize = 10_000;

/// Learned commands, and new ones: the project's own benign corpus, with a word that differs behind each.
struct Commands(Vec<&'static str>);

impl Commands {
    fn new() -> Self {
        let lines = include_str!("../corpus/benign.txt").lines().map(str::trim);
        Self(lines.filter(|line| !line.is_empty()).collect())
    }

    fn argv(&self, number: usize) -> Vec<String> {
        let line = self.0[number % self.0.len()];
        let argv = vec![
            "bash".to_owned(),
            "-c".to_owned(),
            format!("{line} {}", word(number / self.0.len())),
        ];
        normalise::command_line(argv)
    }

    fn features(&self, number: usize) -> Features {
        let argv = self.argv(number);
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

fn nearest(criterion: &mut Criterion, (size, budget): (usize, f64)) {
    let commands = Commands::new();
    let learned: Vec<Features> = (0..size).map(|number| commands.features(number)).collect();
    let before = HELD.load(Ordering::Relaxed);
    let mut index = Index::default();
    let mut inserts = Times::default();
    inserts.each(size as u64, |number| index.insert(&learned[number]));
    let inserts = inserts.micros();
    Figure::at_most(&format!("core: insert into {size} commands, p50"), &inserts, "µs", 1.0).print();
    index.settle();
    drop(inserts);
    averages(&learned);
    let held = count(HELD.load(Ordering::Relaxed) - before) / count(size);
    let features = count(learned.iter().map(|features| features.all().len()).sum()) / count(size);
    Figure::shown(&format!("core: features of a command, of {size}"), &[features], "").print();
    let name = format!("core: memory of a command beside 4 B a feature, of {size}");
    Figure::at_most(&name, &[held - 4.0 * features], "B", BYTES).print();
    let queries: Vec<Features> = (0..1_000)
        .map(|number| commands.features(10_000_000 + number * 7))
        .collect();
    let (mut times, mut scratch) = (Times::default(), Scratch::default());
    let name = format!("three nearest of {size}");
    criterion.bench_function(&name, |bencher| {
        bencher.iter_custom(|count| {
            times.each(count, |number| {
                index.nearest(&queries[number % queries.len()], WANTED, None, &mut scratch)
            })
        });
    });
    Figure::percentile_at_most(&format!("core: {name}, p99"), &times.micros(), 99, "µs", budget).print();
    let compared = compared(size);
    let exact = queries.iter().take(compared).filter(|query| {
        let found = index.nearest(query, WANTED, None, &mut scratch);
        let found: Vec<(u32, u32)> = found.iter().map(|near| (near.common, near.union)).collect();
        found == nearest_of_all(query, &learned)
    });
    let share = count(exact.count()) / count(compared);
    Figure::at_least(&format!("core: {name}, recall"), &[share], "", 1.0).print();
}

/// What an insertion takes on average, with what each 32nd does for all.
fn averages(learned: &[Features]) {
    let average = |_| {
        let mut index = Index::default();
        let start = Instant::now();
        for features in learned {
            black_box(index.insert(features));
        }
        start.elapsed().as_secs_f64() * 1e6 / count(learned.len())
    };
    let averages: Vec<f64> = (0..INDICES).map(average).collect();
    let name = format!("core: insert into {} commands, on average", learned.len());
    Figure::at_most(&name, &averages, "µs", 1.0).print();
}

/// The three nearest by comparing with every command: how many features are common, and of how many.
fn nearest_of_all(query: &Features, learned: &[Features]) -> Vec<(u32, u32)> {
    let all = learned.iter().map(|entry| jaccard(query.compared(), entry.compared()));
    let mut best: Vec<(u32, u32)> = Vec::new();
    for own in all.filter(|(common, _)| *common > 0) {
        // The first of those that are as near comes first.
        let is_nearer =
            |held: &(u32, u32)| u64::from(held.0) * u64::from(own.1) >= u64::from(own.0) * u64::from(held.1);
        let at = best.partition_point(is_nearer);
        best.insert(at, own);
        best.truncate(WANTED);
    }
    best
}

/// What a container keeps of each learned command, beside the index: its line, as it is and as it is shown, and its scores.
fn kept(size: usize) {
    let commands = Commands::new();
    let behaviour = Behaviour::Process(
        ProcessParts {
            origin: Origin::Entrypoint,
            parent: "/usr/bin/python3".to_owned(),
            executable: "/usr/bin/bash".to_owned(),
            source: SourceLayer::Image,
            ..ProcessParts::default()
        }
        .into(),
    );
    let mut index = Index::default();
    let before = HELD.load(Ordering::Relaxed);
    (0..size).for_each(|number| {
        index.insert(&commands.features(number));
    });
    index.settle();
    let of_index = HELD.load(Ordering::Relaxed) - before;
    drop(index);
    let before = HELD.load(Ordering::Relaxed);
    let mut learned = LearnedCommands::default();
    let mut bytes = 0;
    for number in 0..size {
        let line = text::command_line(&commands.argv(number));
        bytes += line.len();
        learned.learn(&behaviour, &line);
    }
    let ready = learned.calibrate(None, Kin::default());
    let held = HELD.load(Ordering::Relaxed) - before;
    drop(ready);
    let beside = count(held.saturating_sub(of_index)) / count(size);
    let name = format!(
        "core: a command beside its features and its line of {} B, of {size}",
        bytes / size
    );
    Figure::shown(&name, &[beside - count(bytes) / count(size)], "B").print();
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
const fn count(number: usize) -> f64 {
    number as f64
}

fn jaccard(one: &[Feature], other: &[Feature]) -> (u32, u32) {
    let (mut at, mut common) = (0, 0);
    for feature in one {
        while other.get(at).is_some_and(|held| held < feature) {
            at += 1;
        }
        common += u32::from(other.get(at) == Some(feature));
    }
    let both = u32::try_from(one.len() + other.len()).unwrap_or(u32::MAX);
    (common, both - common)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    for size in SIZES {
        nearest(&mut criterion, size);
    }
    kept(KEPT);
    criterion.final_summary();
}
