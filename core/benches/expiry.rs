//! How long it takes to forget what fell out of the window.

#![allow(
    missing_docs,
    clippy::disallowed_methods,
    reason = "a bench reads the clock; the library does not"
)]

use std::{collections::BTreeMap, time::Instant};

use anchorwatch_core::{
    baseline::{Baseline, ContainerBaseline, Entry, EntryState, FeedBaseline, Lesson, Marks, Maturity, age},
    behaviour::{Behaviour, Feed, Origin, ProcessParts, SourceLayer},
    id::ContainerName,
    policy::Policy,
    rare::Rare,
    time::Timestamp,
};
use anchorwatch_figures::Figure;

const ENTRIES: i64 = 100_000;
const ROUNDS: usize = 20;
const DAY: i64 = 86_400;
const TODAY: i64 = 20_000;

/// The day that an entry was seen on: a seventh of them on the day before the window, the rest on one of its days each,
/// today among them.
const fn usual(number: i64) -> i64 {
    if number % 7 == 0 { TODAY - 8 } else { TODAY - number % 8 }
}

/// The same, with hardly any of today: a feed ages only while it is observed, and to see that it is takes a search then.
const fn quiet(number: i64) -> i64 {
    match usual(number) {
        TODAY if number != 8 => TODAY - 1,
        day => day,
    }
}

fn entry(number: i64, day: i64) -> Entry {
    let parts = ProcessParts {
        origin: Origin::Entrypoint,
        parent: "/usr/bin/bash".to_owned(),
        executable: format!("/usr/bin/tool-{number}"),
        source: SourceLayer::Image,
        ..ProcessParts::default()
    };
    let at = Timestamp::from_secs(day * DAY);
    Entry {
        behaviour: Behaviour::Process(parts.into()),
        attributes: Rare::default(),
        state: EntryState::Learned,
        lineage: Vec::new(),
        count: 1,
        first_seen: at,
        last_seen: at,
        days: Marks { newest: day, bits: 1 },
        pods: 1,
        shown_by: BTreeMap::new(),
        unverified: false,
        snapshot: false,
        provisional: false,
        lesson: Lesson::default(),
        strangeness: None,
        generalised: false,
    }
}

/// How long each ageing of such a baseline took, in milliseconds.
fn ageing(day: impl Fn(i64) -> i64) -> Vec<f64> {
    let policy = Policy::default();
    let now = Timestamp::from_secs(TODAY * DAY);
    let mut feed = FeedBaseline::new(Timestamp::from_secs((TODAY - 8) * DAY));
    feed.maturity = Maturity::Enforcing;
    for number in 0..ENTRIES {
        let entry = entry(number, day(number));
        feed.entries.insert(entry.behaviour.id(), entry);
    }
    let mut container = ContainerBaseline::default();
    container.feeds.insert(Feed::Process, feed);
    let mut baseline = Baseline::default();
    let name = ContainerName::new("app");
    baseline.containers.insert(name, container);
    let (mut took, mut expired) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let mut aged = baseline.clone();
        let begun = Instant::now();
        expired = age(&mut aged, &policy, now).expired;
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let seventh = usize::try_from(ENTRIES / 7).unwrap_or_default();
    assert!(expired.abs_diff(seventh) <= 1, "{expired} expired");
    took
}

fn main() {
    let name = "core: expiry of a seventh of 100,000 entries";
    Figure::at_most(name, &ageing(usual), "ms", 10.0).print();
    Figure::shown(&format!("{name}, one of all seen today"), &ageing(quiet), "ms").print();
}
