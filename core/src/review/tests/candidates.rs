//! Command lines that were judged usual: when they become learned, and what they are until then.

use super::*;
use crate::{
    baseline::{Candidate, Maturity, age},
    behaviour::{Attributes, Origin, ProcessParts},
    rules::Rule,
    testkit::{behaviour, parts, seen},
    text::command_line,
};

/// A line like those that [`Watched::with_commands`] learned, and none of them.
pub(super) const USUAL: &str = "find /data/zz -name '*.log' -delete";

pub(super) fn bash() -> Behaviour {
    process("/usr/bin/python3", "/usr/bin/bash")
}

pub(super) fn line(script: &str) -> String {
    command_line(&["bash", "-c", script].map(str::to_owned))
}

impl Watched {
    /// A workload of two pods that learned three dozen everyday commands of a shell, and judges.
    pub(super) fn with_commands() -> Self {
        let mut watched = Self::new();
        for number in 0..18_u8 {
            let word: String = [number / 6, number % 6]
                .map(|digit| char::from(b'a' + digit))
                .iter()
                .collect();
            for script in [
                format!("tar czf /backup/{word}.tar.gz /data/{word} && ls -l"),
                format!("find /data/{word} -name '*.log' -delete"),
            ] {
                watched.runs("n1", "p1", &script, at(2));
                watched.runs("n2", "p2", &script, at(3));
            }
        }
        age(&mut watched.world.baseline, &watched.world.policy, at(100));
        assert_eq!(watched.world.baseline.maturity(), Maturity::Enforcing);
        watched
    }

    /// A pod's shell runs a line; whether that is raised now.
    pub(super) fn runs(&mut self, node: &str, uid: &str, script: &str, time: Timestamp) -> bool {
        let report = crate::baseline::BehaviourReport {
            attributes: Attributes {
                commands: [line(script)].into(),
                ..Attributes::default()
            },
            ..seen(&bash(), time)
        };
        let raised = self.world.tells(node, uid, report).new_quarantined;
        raised.iter().any(|raised| raised.rule == Rule::UnusualCommand)
    }

    pub(super) fn candidate(&self, script: &str) -> Option<&Candidate> {
        let mut feeds = self.world.baseline.feeds();
        feeds.find_map(|(_, _, feed)| feed.candidates.get(&bash().id())?.get(&line(script)))
    }

    pub(super) fn has_learned(&self, script: &str) -> bool {
        let entry = self.world.baseline.entry(&container(), bash().id());
        entry.is_some_and(|entry| entry.attributes.commands.contains(&line(script)))
    }
}

#[test]
fn what_was_judged_usual_is_learned_on_the_third_day_in_half_of_the_pods() {
    let mut watched = Watched::with_commands();
    for day in 1..=2 {
        assert!(!watched.runs("n1", "p1", USUAL, at(day * DAY)));
        assert!(!watched.runs("n2", "p2", USUAL, at(day * DAY + 60)));
        watched.passes(at(day * DAY + 100));
        assert!(!watched.has_learned(USUAL), "day {day}");
    }
    let held = watched.candidate(USUAL).expect("a candidate");
    assert_eq!((held.days.count(), held.pods.len(), held.first_seen), (2, 2, at(DAY)));
    watched.runs("n1", "p1", USUAL, at(3 * DAY));
    watched.passes(at(3 * DAY + 1));
    assert!(watched.has_learned(USUAL) && watched.candidate(USUAL).is_none());
    assert_eq!(watched.world.baseline.candidates(), 0);
    // Asked again, nothing changes.
    let before = watched.world.baseline.clone();
    watched.passes(at(3 * DAY + 2));
    assert_eq!(watched.world.baseline, before);
}

#[test]
fn what_too_few_pods_or_only_one_node_ran_stays_a_candidate() {
    let mut watched = Watched::with_commands();
    for number in 3..=5 {
        watched.world.runs_on("n1", &format!("p{number}"), at(0));
    }
    for day in 1..=6 {
        for uid in ["p1", "p3", "p4"] {
            watched.runs("n1", uid, USUAL, at(day * DAY));
        }
        watched.passes(at(day * DAY + 1));
    }
    assert!(!watched.has_learned(USUAL), "one node of two ran it");
    watched.runs("n2", "p2", USUAL, at(6 * DAY + 10));
    watched.passes(at(6 * DAY + 11));
    assert!(watched.has_learned(USUAL));
}

#[test]
fn a_candidate_that_is_seen_no_more_is_forgotten_after_the_window() {
    let mut watched = Watched::with_commands();
    watched.runs("n1", "p1", USUAL, at(DAY));
    for day in 2..=9 {
        watched.runs("n1", "p1", "find /data/aa -name '*.log' -delete", at(day * DAY));
        age(&mut watched.world.baseline, &watched.world.policy, at(day * DAY));
        assert_eq!(watched.candidate(USUAL).is_some(), day <= 8, "day {day}");
    }
}

#[test]
fn what_a_visitor_a_found_process_or_an_unknown_pod_ran_is_no_candidate() {
    let mut watched = Watched::with_commands();
    let report = |change: fn(&mut crate::baseline::BehaviourReport)| {
        let mut report = crate::baseline::BehaviourReport {
            attributes: Attributes {
                commands: [line(USUAL)].into(),
                ..Attributes::default()
            },
            ..seen(&bash(), at(DAY))
        };
        change(&mut report);
        report
    };
    let unplaced = |report: &mut crate::baseline::BehaviourReport| {
        report.behaviour = behaviour(ProcessParts {
            origin: Origin::Unknown,
            ..parts("/usr/bin/python3", "/usr/bin/bash")
        });
    };
    watched.world.tells("n1", "p1", report(unplaced));
    watched.world.tells("n1", "p1", report(|report| report.snapshot = true));
    assert_eq!(watched.world.baseline.candidates(), 0);
    watched.world.policy.approvals.frozen = Some("freeze".to_owned());
    watched.world.tells("n1", "p1", report(|_| {}));
    assert_eq!(
        watched.world.baseline.candidates(),
        0,
        "a frozen baseline learns nothing"
    );
    watched.world.policy.approvals.frozen = None;
    watched.world.tells("n1", "p1", report(|_| {}));
    assert_eq!(watched.world.baseline.candidates(), 1);
}

#[test]
fn a_flood_of_usual_lines_pushes_out_no_candidate_that_comes_back() {
    let mut watched = Watched::with_commands();
    for day in 1..=2 {
        watched.runs("n1", "p1", USUAL, at(day * DAY));
    }
    let flood: std::collections::BTreeSet<String> = (0..400)
        .map(|number| {
            line(&format!(
                "find /data/{} -name '*.log' -delete",
                "z".repeat(number % 97 + 3)
            ))
        })
        .collect();
    let report = crate::baseline::BehaviourReport {
        attributes: Attributes {
            commands: flood,
            ..Attributes::default()
        },
        ..seen(&bash(), at(2 * DAY + 60))
    };
    watched.world.tells("n1", "p1", report);
    let bytes = serde_json::to_string(&watched.world.baseline).expect("JSON").len();
    assert!(bytes < 48 * 1_024, "{bytes} bytes");
    assert!(watched.candidate(USUAL).is_some());
    watched.runs("n2", "p2", USUAL, at(3 * DAY));
    watched.passes(at(3 * DAY + 1));
    assert!(watched.has_learned(USUAL));
}

#[test]
fn candidates_are_the_same_in_any_order_and_however_often_they_are_told() {
    let sightings = [
        ("n1", "p1", 1),
        ("n2", "p2", 1),
        ("n1", "p1", 2),
        ("n2", "p2", 3),
        ("n1", "p1", 1),
    ];
    let told = |order: &[usize]| {
        let mut watched = Watched::with_commands();
        for index in order {
            let (node, uid, day) = sightings[*index];
            watched.runs(node, uid, USUAL, at(day * DAY));
        }
        watched.candidate(USUAL).cloned()
    };
    let one = told(&[0, 1, 2, 3, 4]);
    assert!(one.is_some());
    for order in [&[4, 3, 2, 1, 0][..], &[3, 0, 2, 1], &[1, 1, 3, 2, 0, 0]] {
        assert_eq!(told(order), one, "{order:?}");
    }
}
