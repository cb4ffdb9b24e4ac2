//! Crashing the container, so that whatever is done is done in its start.

use super::*;
use crate::{baseline::BehaviourReport, rules::Rule, testkit::seen};

fn in_the_start(behaviour: &Behaviour, time: Timestamp) -> BehaviourReport {
    BehaviourReport {
        startup: true,
        ..seen(behaviour, time)
    }
}

#[test]
fn living_in_startup_by_crashing_the_container_is_raised_as_anything_new_is() {
    let mut watched = Watched::new();
    watched.world.policy.absorb = crate::policy::AbsorbPolicy::default();
    // A crash a minute, for a day.
    for crash in 0..1_440 {
        let time = at(DAY + crash * 60);
        watched
            .world
            .tells("n1", "p1", in_the_start(&process("", "/usr/bin/python3"), time));
        watched.world.tells("n1", "p1", in_the_start(&shell(), time));
    }
    watched.passes(at(2 * DAY));
    assert!(matches!(watched.state(&shell()), Some(EntryState::Quarantined { .. })));
    assert_eq!(watched.alerts[0].state, AlertState::Open);
    assert_eq!(watched.alerts[0].findings[0].rule, Rule::ProcessOutsideBaseline);
}

#[test]
fn what_the_start_alone_does_is_raised_once_it_is_done_later_and_restarts_change_nothing_in_that() {
    let mut watched = Watched::new();
    let install = process("/usr/bin/python3", "/usr/bin/apt-get");
    for (node, uid) in [("n1", "p1"), ("n2", "p2")] {
        watched.world.tells(node, uid, in_the_start(&install, at(5)));
    }
    for start in 1..=30 {
        watched
            .world
            .tells("n1", "p1", in_the_start(&install, at(DAY + start * 60)));
    }
    watched.passes(at(DAY + 3_600));
    assert!(watched.alerts.is_empty(), "{:?}", watched.alerts);
    watched.world.tells("n1", "p1", seen(&install, at(DAY + 7_200)));
    watched.passes(at(DAY + 7_201));
    let finding = &watched.alerts[0].findings[0];
    assert_eq!((finding.rule, finding.severity), (Rule::StartupInSteady, Severity::Low));
    assert_eq!(finding.first_seen, at(DAY + 7_200), "not when it was learned");
    // Dismissed, it is what it was before: known in the start, and raised later.
    let dismissed = Disposition {
        decision: Decision::Dismiss,
        reason: String::new(),
        by: "alice".to_owned(),
        evidence: None,
    };
    watched.alerts[0].dispositions.insert(install.id(), dismissed);
    watched.passes(at(DAY + 7_300));
    assert_eq!(watched.state(&install), Some(EntryState::Learned));
    watched.world.tells("n1", "p1", in_the_start(&install, at(DAY + 8_000)));
    watched.passes(at(DAY + 8_001));
    assert_eq!(watched.alerts.len(), 1);
    watched.world.tells("n1", "p1", seen(&install, at(DAY + 9_000)));
    watched.passes(at(DAY + 9_001));
    assert_eq!(watched.alerts.len(), 2);
}

#[test]
fn accepting_what_was_done_later_makes_it_known_at_any_time() {
    let mut watched = Watched::new();
    let install = process("/usr/bin/python3", "/usr/bin/apt-get");
    watched.world.tells("n1", "p1", in_the_start(&install, at(5)));
    watched.world.tells("n1", "p1", seen(&install, at(DAY)));
    watched.passes(at(DAY + 1));
    let accepted = Disposition {
        decision: Decision::Accept,
        reason: String::new(),
        by: "alice".to_owned(),
        evidence: None,
    };
    watched.alerts[0].dispositions.insert(install.id(), accepted);
    watched.passes(at(DAY + 2));
    assert_eq!(watched.alerts[0].findings[0].state, AlertState::Accepted);
    watched.world.tells("n1", "p1", seen(&install, at(DAY + 100)));
    watched.passes(at(DAY + 101));
    assert_eq!(watched.alerts.len(), 1);
    assert!(matches!(watched.state(&install), Some(EntryState::Accepted { .. })));
}
