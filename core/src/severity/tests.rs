//! What holds of every severity, over all circumstances there are.

use super::*;
use crate::{
    behaviour::{ModuleParts, NetworkParts, ProcessParts, SourceLayer},
    testkit::{behaviour, flow_to, library, parts},
};

const FEEDS: [Option<Feed>; 4] = [None, Some(Feed::Process), Some(Feed::Network), Some(Feed::Module)];
const BOTH: [bool; 2] = [false, true];

fn everything() -> impl Iterator<Item = (Rule, Behaviour, Circumstances)> {
    let of = |origin| {
        let Behaviour::Network(flow) = flow_to("example.org") else {
            unreachable!("a flow");
        };
        let Behaviour::Module(module) = library("/usr/lib/x.so", 'a', SourceLayer::Volume) else {
            unreachable!("a module");
        };
        [
            behaviour(ProcessParts {
                origin,
                ..parts("/a", "/b")
            }),
            Behaviour::Network(NetworkParts { origin, ..flow.into() }.into()),
            Behaviour::Module(
                ModuleParts {
                    origin,
                    ..module.into()
                }
                .into(),
            ),
        ]
    };
    let behaviours = [Origin::Entrypoint, Origin::Probe, Origin::Exec, Origin::Unknown].map(of);
    let behaviours: Vec<_> = behaviours.into_iter().flatten().collect();
    Rule::ALL.into_iter().flat_map(move |rule| {
        let behaviours = behaviours.clone();
        behaviours.into_iter().flat_map(move |behaviour| {
            circumstances().map(move |circumstances| (rule, behaviour.clone(), circumstances))
        })
    })
}

fn circumstances() -> impl Iterator<Item = Circumstances> {
    FEEDS.into_iter().flat_map(|second_feed| {
        Pace::ALL.into_iter().flat_map(move |pace| {
            let each = BOTH
                .into_iter()
                .flat_map(|a| BOTH.into_iter().flat_map(move |b| BOTH.map(move |c| (a, b, c))));
            each.map(move |(provisional, matched, mismatch)| Circumstances {
                second_feed,
                pace,
                provisional,
                matched,
                mismatch,
                unscorable: false,
            })
        })
    })
}

fn severity(rule: Rule, behaviour: &Behaviour, circumstances: Circumstances) -> Severity {
    assess(rule, behaviour, circumstances).severity
}

#[test]
fn the_terms_of_every_severity_add_up_to_it() {
    for (rule, behaviour, circumstances) in everything() {
        let Assessment { severity, terms, .. } = assess(rule, &behaviour, circumstances);
        let steps: i8 = terms
            .iter()
            .map(|term| match term.as_bytes() {
                [b'+', ..] => 1,
                [b'-', ..] => -1,
                _ => 0,
            })
            .sum();
        let raised = terms.iter().any(|term| term.starts_with("at least High,"));
        let sum = rule.base_severity().step(steps);
        assert!(
            severity == sum || (raised && severity > sum),
            "{rule} {circumstances:?}: {terms:?} = {severity:?}"
        );
        assert_eq!(terms[0], format!("base {}", rule.base_severity().as_str()));
    }
}

#[test]
fn what_is_never_suppressed_stays_at_least_high_until_a_rollout_and_is_never_excused_by_one() {
    for (rule, behaviour, circumstances) in everything().filter(|(rule, ..)| rule.never_suppressed()) {
        assert!(
            assess(rule, &behaviour, circumstances).unexplained >= Severity::High,
            "{rule} {circumstances:?}"
        );
        // A rollout never matches what is never suppressed.
        if !circumstances.matched {
            assert!(
                severity(rule, &behaviour, circumstances) >= Severity::High,
                "{rule} {circumstances:?}"
            );
        }
    }
}

#[test]
fn nothing_falls_below_low_or_rises_by_rarity_or_company_above_high() {
    for (rule, behaviour, circumstances) in everything() {
        let found = severity(rule, &behaviour, circumstances);
        assert!(
            found >= rule.base_severity().min(Severity::Low),
            "{rule} {circumstances:?}"
        );
        if behaviour.origin() != Origin::Exec {
            assert!(
                found <= rule.base_severity().max(Severity::High),
                "{rule} {circumstances:?}"
            );
        }
    }
}

#[test]
fn each_circumstance_moves_the_severity_in_its_own_direction_only() {
    for (rule, behaviour, held) in everything() {
        let found = severity(rule, &behaviour, held);
        let with = |other: Circumstances| severity(rule, &behaviour, other);
        assert!(
            with(Circumstances {
                second_feed: None,
                ..held
            }) <= found,
            "{rule} {held:?}: a second feed"
        );
        assert!(
            with(Circumstances { matched: true, ..held }) <= found,
            "{rule} {held:?}: a match"
        );
        assert!(
            with(Circumstances {
                provisional: true,
                ..held
            }) <= found,
            "{rule} {held:?}: provisional"
        );
        assert!(
            with(Circumstances {
                pace: Pace::Restless,
                ..held
            }) <= found,
            "{rule} {held:?}: frequent"
        );
        assert!(
            with(Circumstances {
                pace: Pace::Quiet,
                ..held
            }) >= found,
            "{rule} {held:?}: rare"
        );
        assert!(
            with(Circumstances { mismatch: true, ..held }) >= found,
            "{rule} {held:?}: a mismatch"
        );
        if !rule.needs_baseline() {
            assert_eq!(
                with(Circumstances {
                    provisional: true,
                    ..held
                }),
                found,
                "{rule} needs no baseline"
            );
        }
    }
}

#[test]
fn a_visit_from_outside_is_at_least_as_grave_as_the_same_by_the_workload() {
    let by = |origin| {
        behaviour(ProcessParts {
            origin,
            ..parts("/a", "/b")
        })
    };
    for rule in Rule::ALL {
        for held in circumstances() {
            assert!(
                severity(rule, &by(Origin::Exec), held) >= severity(rule, &by(Origin::Entrypoint), held),
                "{rule} {held:?}"
            );
        }
    }
}

#[test]
fn how_much_is_new_counts_below_one_and_above_seven_a_week() {
    let of = |per_week, hours| {
        Pace::of(Some(Novelty {
            per_week,
            at_most: 0,
            hours,
        }))
    };
    assert_eq!(Pace::of(None), Pace::Usual);
    for (per_week, pace) in [
        (0.0, Pace::Quiet),
        (0.999, Pace::Quiet),
        (1.0, Pace::Usual),
        (7.0, Pace::Usual),
        (7.001, Pace::Restless),
        (f64::NAN, Pace::Usual),
    ] {
        assert_eq!(of(per_week, 500), pace, "{per_week}");
    }
    assert_eq!(of(0.0, 24), Pace::Usual, "a day is too little to call a workload quiet");
}

#[test]
fn a_command_of_which_nothing_can_be_told_is_info_and_what_is_never_suppressed_is_not() {
    for (rule, behaviour, held) in everything() {
        let found = severity(
            rule,
            &behaviour,
            Circumstances {
                unscorable: true,
                ..held
            },
        );
        assert_eq!(found == Severity::Info, !rule.never_suppressed(), "{rule} {held:?}");
    }
}

#[test]
fn what_a_finding_was_weighed_by_is_read_back_from_its_terms() {
    for (rule, behaviour, held) in everything().filter(|(.., held)| !held.matched) {
        let before = assess(rule, &behaviour, held);
        let later = Circumstances {
            pace: Pace::Usual,
            ..held
        };
        let again = assess(rule, &behaviour, later.as_weighed_before(&before.terms));
        assert_eq!(again, before, "{rule} {held:?}");
    }
}
