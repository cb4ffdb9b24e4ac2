//! A flood of command lines of one program: what it can push out, and what not.

use super::*;
use crate::{
    behaviour::{Attributes, MAX_COMMANDS, MAX_RAISED_COMMANDS},
    invariants,
};

fn date() -> Behaviour {
    process("/usr/bin/python3", "/usr/bin/date")
}

fn lines(prefix: &str, many: usize) -> BTreeSet<String> {
    (0..many).map(|number| format!("{prefix} {number}")).collect()
}

fn with(commands: BTreeSet<String>) -> Attributes {
    Attributes {
        commands,
        ..Attributes::default()
    }
}

#[test]
fn whoever_runs_a_thousand_lines_while_a_workload_learns_pushes_out_none_that_was_learned_before() {
    let mut world = World::mature();
    let usual = lines("date --date", 50);
    world.sees(&date(), with(usual.clone()), at(2));
    for burst in 0..20 {
        world.sees(&date(), with(lines(&format!("\u{1}{burst}"), 50)), at(3 + burst));
    }
    let held = &entry(&world.baseline, &date()).attributes.commands;
    assert!(held.is_superset(&usual) && held.len() == MAX_COMMANDS, "{held:?}");
    // It judges now, and a flood teaches nothing.
    let before = held.clone();
    world.sees(&date(), with(lines("\u{1}later", 500)), at(100));
    assert_eq!(entry(&world.baseline, &date()).attributes.commands, before);
    invariants::baseline(&world.baseline, &world.policy).expect("the invariants of a baseline");
}

#[test]
fn lines_of_a_pod_that_nobody_knows_are_not_learned() {
    let mut world = World::mature();
    let unknown = ReportingPod {
        verified: false,
        ..pod("ghost", "h1", digest('1'))
    };
    let report = BehaviourReport {
        attributes: with(lines("\u{1}", 500)),
        ..seen(&date(), at(3))
    };
    merge(
        &mut world.baseline,
        &batch(900, unknown, vec![report]),
        &world.policy,
        at(3),
    );
    assert_eq!(entry(&world.baseline, &date()).attributes.commands, BTreeSet::new());
}

#[test]
fn the_lines_that_a_finding_began_with_stay_in_sight() {
    let mut world = World::mature();
    let first = lines("bash -c intrude", 3);
    world.sees(&shell(), with(first.clone()), at(100));
    world.sees(&shell(), with(lines("\u{1}", 500)), at(101));
    let held = &entry(&world.baseline, &shell()).attributes.commands;
    assert!(
        held.is_superset(&first) && held.len() == MAX_RAISED_COMMANDS,
        "{held:?}"
    );
}
