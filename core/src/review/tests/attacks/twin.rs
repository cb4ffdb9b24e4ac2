//! Poisoning a twin of which a workload inherits.

use super::*;
use crate::{
    baseline::{Inheritance, age, inherit},
    behaviour::{ProcessParts, SourceLayer},
    id::WorkloadKey,
    rules::Rule,
    testkit::{behaviour, parts, policy, seen},
};

#[test]
fn a_poisoned_twin_gives_what_it_learned_for_a_window_and_nothing_grave_or_raised() {
    // Somebody works in the twin while it learns.
    let mut twin = World::mature();
    let dropped = behaviour(ProcessParts {
        source: SourceLayer::UpperNew,
        ..parts("/usr/bin/python3", "/tmp/x")
    });
    let visit = behaviour(ProcessParts {
        origin: crate::behaviour::Origin::Exec,
        ..parts("", "/usr/bin/id")
    });
    for poison in [shell(), dropped.clone(), visit.clone()] {
        twin.tells("n1", "p1", seen(&poison, at(2)));
    }
    let late = process("/usr/bin/python3", "/usr/bin/nc");
    twin.tells("n1", "p1", seen(&late, at(100)));

    let mut watched = Watched::new();
    watched.world.policy = policy(60);
    watched
        .world
        .tells("n1", "p1", seen(&process("/usr/bin/python3", "/usr/bin/date"), at(60)));
    let (from, containers) = (WorkloadKey::new("shop", "Deployment", "blue"), [container()].into());
    let inheritance = Inheritance {
        from: &from,
        learned: &twin.baseline,
        containers: &containers,
    };
    assert_eq!(
        inherit(&mut watched.world.baseline, inheritance, &watched.world.policy, at(DAY)),
        1
    );
    // It shows where it came from.
    let held = watched
        .world
        .baseline
        .entry(&container(), shell().id())
        .expect("an entry");
    assert_eq!(held.lesson.past, Past::Inherited);
    assert!(watched.world.baseline.inherited.contains_key("Deployment/blue"));
    // Known is that alone, and for a window.
    for raised in [dropped, visit, late] {
        let outcome = watched.world.tells("n1", "p1", seen(&raised, at(DAY + 60)));
        assert_eq!(outcome.new_quarantined.len(), 1, "{raised:?}");
    }
    for day in 2..=9 {
        let date = process("/usr/bin/python3", "/usr/bin/date");
        watched.world.tells("n1", "p1", seen(&date, at(day * DAY)));
        age(&mut watched.world.baseline, &watched.world.policy, at(day * DAY));
    }
    let outcome = watched.world.tells("n1", "p1", seen(&shell(), at(9 * DAY + 60)));
    assert_eq!(outcome.new_quarantined[0].rule, Rule::ProcessOutsideBaseline);
}
