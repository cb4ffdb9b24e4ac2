//! What a recording holds of a unit is what a back-test judges.

use crate::fixture::CEILING;
use crate::unit::{Unit, unit};
use anchorwatch_core::backtest::{Learning, Ruling};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_core::observation::{Observation, Observed};
use anchorwatch_core::policy::{MaturityMethod, Policy};
use anchorwatch_sensor::loader::filter::FilterOptions;
use anchorwatch_sensor::record::{Limits, Recorder, record};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const LIMITS: Limits = Limits {
    bytes: 64 << 20,
    files: 4,
};

/// Waits until the recording in a folder holds a text.
async fn until_recorded(folder: &Path, text: &str) {
    let start = Instant::now();
    loop {
        let files = fs::read_dir(folder).unwrap().flatten();
        let mut held = files.map(|file| fs::read_to_string(file.path()).unwrap_or_default());
        if held.any(|held| held.contains(text)) {
            return;
        }
        assert!(start.elapsed() < CEILING, "{text} is recorded within the ceiling");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the recording holds of the unit.
fn read(folder: &Path, unit: &Unit) -> Vec<Observation> {
    let mut observations = Vec::new();
    for file in fs::read_dir(folder).unwrap().flatten() {
        let text = fs::read_to_string(file.path()).unwrap();
        assert!(!text.contains("hunter2"), "a secret is in the recording");
        let lines = text.lines();
        observations.extend(lines.map(|line| serde_json::from_str::<Observation>(line).unwrap()));
    }
    observations.retain(|seen| seen.workload.to_string() == unit.workload);
    observations
}

fn is_payload(seen: &Observation, argument: &str) -> bool {
    match &seen.what {
        Observed::Process(process) => process.argv.last().is_some_and(|last| last == argument),
        Observed::Network(_) | Observed::Module(_) => false,
    }
}

#[test]
fn what_is_recorded_of_each_feed_is_judged_by_a_back_test() {
    let name = "what_is_recorded_of_each_feed_is_judged_by_a_back_test";
    // A recording holds each event, not only what is new.
    let each = FilterOptions {
        refresh: Duration::ZERO,
        ..FilterOptions::default()
    };
    let Some((unit, sources)) = unit(name, each) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::open(Some(folder.path()), LIMITS).unwrap();
    let (own, other) = (unit.library("own.so"), unit.library("other.so"));
    let usual = "203.0.113.9:443".parse().unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let feeds = Feed::ALL.into();
    let recording = record(sources, &feeds, recorder, async {
        ended.await.unwrap();
    });
    let scenes = async {
        unit.connects(usual);
        unit.maps(&own);
        unit.runs_payload("usual");
        until_recorded(folder.path(), "own.so").await;
        unit.runs_payload("learned");
        until_recorded(folder.path(), "\"learned\"").await;
        unit.connects(usual);
        unit.connects("198.51.100.7:443".parse().unwrap());
        unit.maps(&other);
        unit.runs(unit.scene.shell(": --token=hunter2"));
        until_recorded(folder.path(), "other.so").await;
        end.send(()).unwrap();
    };
    let (summary, ()) = unit.runtime.block_on(async { tokio::join!(recording, scenes) });
    assert!(summary.unwrap().written > 0);

    let lines = read(folder.path(), &unit);
    let border = lines.iter().position(|seen| is_payload(seen, "learned")).unwrap();
    let mut learning = Learning::default();
    for seen in &lines[..=border] {
        learning.learn(seen);
    }
    let mut policy = Policy::default();
    policy.maturity.method = MaturityMethod::Elapsed;
    policy.maturity.minimum = Duration::ZERO;
    let mut backtest = learning.finish(policy);
    let mut rules = Vec::new();
    let mut known = 0;
    for seen in &lines[border + 1..] {
        let judged = backtest.judge(seen);
        match judged.verdict {
            Ruling::Known | Ruling::Learned => known += 1,
            Ruling::Drift => rules.extend(judged.rules),
            Ruling::Unplaced | Ruling::Unjudged => {}
        }
    }
    assert!(known > 0, "the usual destination is known");
    for rule in ["process-outside-baseline", "new-destination", "unapproved-module"] {
        assert!(rules.contains(&rule), "{rule} is missing: {rules:?}");
    }
}
