//! What a copy of a workload takes over, and what not.

use super::*;
use crate::{
    baseline::{Inheritance, inherit},
    behaviour::Attributes,
    id::WorkloadKey,
    invariants,
};

const DAY: i64 = 86_400;

fn blue() -> WorkloadKey {
    WorkloadKey::new("shop", "Deployment", "blue")
}

fn weekly() -> Behaviour {
    process("/usr/bin/python3", "/usr/bin/report")
}

/// A workload that learned everyday work, and something weekly.
fn source() -> World {
    let mut world = World::mature();
    world.shows_at("p1", "h1", '1', &weekly(), at(2));
    world
}

/// The copy, which learned everyday work alone and judges.
fn copy() -> World {
    let mut world = World::mature();
    world.shows_at("g1", "h1", '1', &process("/usr/bin/python3", "/usr/bin/date"), at(60));
    world
}

fn takes_over(world: &mut World, learned: &Baseline, now: crate::time::Timestamp) -> usize {
    let (from, containers) = (blue(), [container()].into());
    let inheritance = Inheritance {
        from: &from,
        learned,
        containers: &containers,
    };
    inherit(&mut world.baseline, inheritance, &world.policy, now)
}

#[test]
fn what_the_other_learned_is_known_here_and_counts_for_no_maturity() {
    let mut world = copy();
    let before = world
        .baseline
        .feeds()
        .map(|(_, _, feed)| (feed.maturity, feed.hours, feed.novelty(&world.policy)));
    let before: Vec<_> = before.collect();
    assert_eq!(takes_over(&mut world, &source().baseline, at(DAY)), 1);
    let after = world
        .baseline
        .feeds()
        .map(|(_, _, feed)| (feed.maturity, feed.hours, feed.novelty(&world.policy)));
    assert_eq!(after.collect::<Vec<_>>(), before);
    let held = entry(&world.baseline, &weekly());
    assert_eq!(
        (held.lesson.past, held.count, held.is_reference()),
        (Past::Inherited, 0, true)
    );
    assert!(world.baseline.has_inherited(&blue()));
    assert_eq!(
        world.shows_at("g1", "h1", '1', &weekly(), at(2 * DAY)).new_quarantined,
        []
    );
    // From then on it is its own.
    let held = entry(&world.baseline, &weekly());
    assert_eq!(
        (held.lesson.past, held.count, held.first_seen),
        (Past::Plain, 1, at(2 * DAY))
    );
    invariants::baseline(&world.baseline, &world.policy).expect("the invariants of a baseline");
}

#[test]
fn what_is_not_seen_here_lapses_after_the_window_and_does_not_come_back() {
    let mut world = copy();
    takes_over(&mut world, &source().baseline, at(DAY));
    for day in 2..=9 {
        let date = process("/usr/bin/python3", "/usr/bin/date");
        world.shows_at("g1", "h1", '1', &date, at(day * DAY));
        age(&mut world.baseline, &world.policy, at(day * DAY));
        let is_held = world.baseline.entries().any(|(_, id, _)| id == weekly().id());
        assert_eq!(is_held, day <= 8, "day {day}");
    }
    assert_eq!(world.baseline.dormant(), 0, "nobody saw it here: it can't return");
    assert_eq!(takes_over(&mut world, &source().baseline, at(9 * DAY)), 0);
    let raised = world.shows_at("g1", "h1", '1', &weekly(), at(9 * DAY)).new_quarantined;
    assert_eq!(raised[0].rule, Rule::ProcessOutsideBaseline);
}

#[test]
fn an_unknown_pod_makes_nothing_of_it_its_own() {
    let mut world = copy();
    takes_over(&mut world, &source().baseline, at(DAY));
    let ghost = ReportingPod {
        verified: false,
        ..pod("ghost", "h1", digest('1'))
    };
    world.reports(ghost, &weekly(), at(DAY + 60));
    assert_eq!(entry(&world.baseline, &weekly()).lesson.past, Past::Inherited);
}

#[test]
fn what_was_raised_accepted_denied_here_or_learned_of_one_node_is_not_given() {
    let mut other = source();
    other.runs_on("n1", "p1", at(0));
    other.runs_on("n2", "p2", at(0));
    let of_one_node = process("/usr/bin/python3", "/usr/bin/leads");
    other.tells("n1", "p1", seen(&of_one_node, at(3)));
    let denied = process("/usr/bin/python3", "/usr/bin/nc");
    other.shows_at("p1", "h1", '1', &denied, at(4));
    other.shows_at("p1", "h1", '1', &shell(), at(100));
    let accepted = process("/usr/bin/python3", "/usr/bin/accepted");
    other.shows_at("p1", "h1", '1', &accepted, at(101));
    let held = entry(&other.baseline, &accepted).clone();
    assert!(
        other
            .baseline
            .accept(&container(), held, Rule::ProcessOutsideBaseline, at(102))
    );
    let mut world = copy();
    world.policy.process.deny.insert("/usr/bin/nc".to_owned());
    assert_eq!(takes_over(&mut world, &other.baseline, at(DAY)), 1);
    for refused in [of_one_node, denied, shell(), accepted] {
        assert!(
            !world.baseline.entries().any(|(_, id, _)| id == refused.id()),
            "{refused:?}"
        );
    }
}

#[test]
fn nothing_is_taken_of_a_container_that_runs_another_image_nor_where_nothing_may_be_learned() {
    let mut world = copy();
    let (from, none) = (blue(), [].into());
    let learned = source().baseline;
    let inheritance = Inheritance {
        from: &from,
        learned: &learned,
        containers: &none,
    };
    assert_eq!(inherit(&mut world.baseline, inheritance, &world.policy, at(DAY)), 0);
    let mut frozen = copy();
    frozen.policy.approvals.frozen = Some("freeze".to_owned());
    assert_eq!(takes_over(&mut frozen, &learned, at(DAY)), 0);
    assert!(
        !frozen.baseline.has_inherited(&blue()),
        "it is asked again once it may learn"
    );
}

#[test]
fn what_was_taken_over_is_not_handed_on() {
    let mut world = copy();
    takes_over(&mut world, &source().baseline, at(DAY));
    let mut third = copy();
    assert_eq!(takes_over(&mut third, &world.baseline, at(DAY)), 0);
}

#[test]
fn commands_come_with_their_program() {
    let mut other = source();
    let commands = Attributes {
        commands: ["report --weekly".to_owned()].into(),
        ..Attributes::default()
    };
    other.sees(&weekly(), commands.clone(), at(3));
    let mut world = copy();
    takes_over(&mut world, &other.baseline, at(DAY));
    assert_eq!(world.sees(&weekly(), commands, at(DAY + 60)).new_quarantined, []);
}
