//! What people decide, carried out on both sides: in the alerts by the plan, in the baseline by the review.

mod denials;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    baseline::EntryState,
    policy::approvals::{Approvals, Statement},
    review::{ReviewOutcome, review},
    rules::Rule,
};

impl Watched {
    fn reviews(&mut self, now: Timestamp) -> ReviewOutcome {
        let World {
            baseline,
            policy,
            evidence,
            ..
        } = &mut self.world;
        let outcome = review(baseline, &self.alerts, policy, evidence, now);
        assert_eq!(
            review(baseline, &self.alerts, policy, evidence, now),
            ReviewOutcome::default()
        );
        invariants::baseline(baseline, policy).expect("the invariants of a baseline");
        outcome
    }

    /// Carries everything out that can be, as the operator's controllers do in turn.
    fn carries_out(&mut self, now: Timestamp) {
        for _ in 0..8 {
            let plan = self.act(now);
            let World { policy, .. } = &mut self.world;
            let made = plan.denials.iter().map(|denial| Statement {
                approval: denial.name.clone(),
                container: Some(denial.container.clone()),
                pattern: denial.pattern.clone(),
            });
            let made: Vec<_> = made.filter(|made| !policy.approvals.deny.contains(made)).collect();
            let rests = made.is_empty() && plan.create.is_empty() && plan.update.is_empty();
            policy.approvals.deny.extend(made);
            if !self.reviews(now).changed() && rests {
                return;
            }
        }
        panic!("decisions are never done");
    }

    /// Decides about the latest finding of a behaviour.
    fn decides(&mut self, behaviour: &Behaviour, disposition: Disposition) {
        let id = behaviour.id();
        let about = self.alerts.iter_mut().rev();
        let alert = about
            .into_iter()
            .find(|alert| alert.findings.iter().any(|finding| finding.id == id));
        alert.expect("an alert").dispositions.insert(id, disposition);
    }

    fn takes_back(&mut self, behaviour: &Behaviour) {
        for alert in &mut self.alerts {
            alert.dispositions.remove(&behaviour.id());
        }
    }

    fn entry_state(&self, behaviour: &Behaviour) -> Option<EntryState> {
        let held = self.world.baseline.entry(&container(), behaviour.id());
        held.map(|entry| entry.state)
    }

    /// The states of all findings of a behaviour, by alert as they were made.
    fn states(&self, behaviour: &Behaviour) -> Vec<AlertState> {
        let findings = self.alerts.iter().flat_map(|alert| &alert.findings);
        let about = findings.filter(|finding| finding.id == behaviour.id());
        about.map(|finding| finding.state).collect()
    }

    fn outcome(&self, behaviour: &Behaviour) -> Outcome {
        self.finding(behaviour.id())
            .decided
            .clone()
            .expect("a decision")
            .outcome
    }
}

/// A shell was raised at second 200.
fn raised() -> Watched {
    let mut watched = Watched::mature();
    watched.world.shows_at("p1", "h1", '1', &shell(), at(200));
    watched.act(at(200));
    watched
}

const RULE: Rule = Rule::ProcessOutsideBaseline;

#[test]
fn what_is_accepted_is_known_in_every_pod_from_then_on() {
    let mut watched = raised();
    watched.decides(&shell(), disposition(Decision::Accept, "alice"));
    watched.carries_out(at(300));
    assert_eq!(watched.states(&shell()), [AlertState::Accepted]);
    assert_eq!(watched.entry_state(&shell()), Some(EntryState::Accepted { rule: RULE }));
    for pod in 0..40 {
        let outcome = watched.world.shows_at(&format!("q{pod}"), "h2", '2', &shell(), at(400));
        assert_eq!(outcome.new_quarantined.len(), 0);
    }
    watched.carries_out(at(400));
    assert_eq!(watched.states(&shell()), [AlertState::Accepted]);
    let decided = watched.finding(shell().id()).decided.clone().expect("a decision");
    assert_eq!((decided.by.as_str(), decided.at), ("alice", at(300)));
}

#[test]
fn what_is_accepted_is_neither_learned_nor_a_measure_of_what_is() {
    let mut watched = raised();
    let learned = watched.world.baseline.learned();
    watched.decides(&shell(), disposition(Decision::Accept, "alice"));
    watched.carries_out(at(300));
    let baseline = &watched.world.baseline;
    assert_eq!(
        (baseline.learned(), baseline.accepted(), baseline.quarantined()),
        (learned, 1, 0)
    );
}

#[test]
fn what_is_accepted_stays_for_a_window_after_the_decision_however_old_the_alert_is() {
    let mut watched = raised();
    let days = |days: i64| at(days * 86_400);
    watched.decides(&shell(), disposition(Decision::Accept, "alice"));
    watched.carries_out(days(30));
    crate::baseline::age(&mut watched.world.baseline, &watched.world.policy, days(37));
    assert!(watched.entry_state(&shell()).is_some());
    // What was accepted and is not seen for a window is forgotten as what was learned is, and the old decision does not
    // bring it back.
    watched.world.shows_at("p1", "h1", '1', &numbered(1), days(37));
    watched.world.shows_at("p1", "h1", '1', &numbered(1), days(38));
    crate::baseline::age(&mut watched.world.baseline, &watched.world.policy, days(38));
    watched.carries_out(days(38));
    assert_eq!(watched.entry_state(&shell()), None);
    watched.world.shows_at("p1", "h1", '1', &shell(), days(39));
    watched.carries_out(days(39));
    assert_eq!(watched.states(&shell()), [AlertState::Accepted, AlertState::Open]);
}

#[test]
fn a_graver_rule_raises_again_what_was_accepted() {
    let mut watched = raised();
    watched.decides(&shell(), disposition(Decision::Accept, "alice"));
    watched.carries_out(at(300));
    watched.world.policy.process.deny.insert("/usr/bin/bash".to_owned());
    watched.world.shows_at("p1", "h1", '1', &shell(), at(400));
    watched.carries_out(at(400));
    assert_eq!(watched.states(&shell()), [AlertState::Accepted, AlertState::Escalated]);
    assert_eq!(
        watched.alerts[1].findings[0].recurs,
        Some(watched.alerts[0].name.clone())
    );
}

#[test]
fn an_acceptance_that_had_seen_less_is_refused_and_says_what_to_do() {
    let mut watched = raised();
    watched.world.policy.process.deny.insert("/usr/bin/bash".to_owned());
    watched.world.shows_at("p1", "h1", '1', &shell(), at(250));
    watched.act(at(250));
    watched.world.policy.process.deny.clear();
    let seen = DecidedOn {
        rule: RULE,
        count: 1,
        last_seen: at(200),
    };
    let accept = Disposition {
        evidence: Some(seen),
        ..disposition(Decision::Accept, "alice")
    };
    watched.decides(&shell(), accept);
    watched.carries_out(at(300));
    assert_eq!(watched.states(&shell()), [AlertState::Escalated]);
    let Outcome::Refused(why) = watched.outcome(&shell()) else {
        panic!("{:?}", watched.outcome(&shell()));
    };
    assert!(
        why.contains("denied-behaviour") && why.contains("decide again"),
        "{why}"
    );
    // Who looks again can accept it, since nothing denies it any more, and a later denial raises it again.
    watched.decides(&shell(), disposition(Decision::Accept, "bob"));
    watched.carries_out(at(301));
    assert_eq!(watched.entry_state(&shell()), Some(EntryState::Accepted { rule: RULE }));
}

#[test]
fn what_is_dismissed_is_let_go_and_raises_again_in_an_alert_that_names_the_old_one() {
    let mut watched = raised();
    watched.decides(&shell(), disposition(Decision::Dismiss, "alice"));
    watched.carries_out(at(300));
    assert_eq!(watched.states(&shell()), [AlertState::Dismissed]);
    assert_eq!(watched.entry_state(&shell()), None);
    watched.world.shows_at("p2", "h1", '1', &shell(), at(400));
    watched.carries_out(at(400));
    assert_eq!(watched.states(&shell()), [AlertState::Dismissed, AlertState::Open]);
    let again = &watched.alerts[1].findings[0];
    assert_eq!((again.recurs.as_ref(), again.count), (Some(&watched.alerts[0].name), 1));
}

#[test]
fn what_was_seen_after_whoever_dismissed_it_looked_is_not_dismissed() {
    let mut watched = raised();
    let seen = DecidedOn {
        rule: RULE,
        count: 1,
        last_seen: at(200),
    };
    watched.world.shows_at("p2", "h1", '1', &shell(), at(250));
    watched.act(at(250));
    let dismiss = Disposition {
        evidence: Some(seen),
        ..disposition(Decision::Dismiss, "alice")
    };
    watched.decides(&shell(), dismiss);
    watched.carries_out(at(300));
    assert_eq!(watched.states(&shell()), [AlertState::Dismissed, AlertState::Open]);
    assert_eq!(watched.alerts[0].count, 1);
}

#[test]
fn what_is_escalated_stays_so_until_somebody_decides_otherwise() {
    let mut watched = raised();
    watched.decides(&shell(), disposition(Decision::Escalate, "alice"));
    watched.carries_out(at(300));
    watched.world.shows_at("p2", "h1", '1', &shell(), at(400));
    watched.carries_out(at(400));
    assert_eq!(watched.states(&shell()), [AlertState::Escalated]);
    watched.decides(&shell(), disposition(Decision::Dismiss, "bob"));
    watched.carries_out(at(500));
    assert_eq!(watched.states(&shell()), [AlertState::Dismissed]);
}

#[test]
fn an_acceptance_that_is_taken_back_raises_the_behaviour_again() {
    let mut watched = raised();
    watched.decides(&shell(), disposition(Decision::Accept, "alice"));
    watched.carries_out(at(300));
    watched.takes_back(&shell());
    watched.carries_out(at(400));
    assert_eq!(watched.states(&shell()), [AlertState::Open]);
    assert_eq!(
        watched.entry_state(&shell()),
        Some(EntryState::Quarantined { rule: RULE })
    );
    assert_eq!(watched.finding(shell().id()).decided, None);
}

#[test]
fn what_was_let_go_does_not_come_back_by_taking_the_decision_back() {
    for decision in [Decision::Dismiss, Decision::Deny] {
        let mut watched = raised();
        watched.decides(&shell(), disposition(decision, "alice"));
        watched.carries_out(at(300));
        watched.takes_back(&shell());
        watched.carries_out(at(400));
        assert_eq!(watched.states(&shell()), [decision.state()]);
    }
}

#[test]
fn what_was_dismissed_can_be_accepted_later() {
    let mut watched = raised();
    watched.decides(&shell(), disposition(Decision::Dismiss, "alice"));
    watched.carries_out(at(300));
    watched.decides(&shell(), disposition(Decision::Accept, "bob"));
    watched.carries_out(at(400));
    assert_eq!(watched.states(&shell()), [AlertState::Accepted]);
    assert_eq!(watched.entry_state(&shell()), Some(EntryState::Accepted { rule: RULE }));
}

#[test]
fn what_an_approval_covers_is_resolved_and_raised_again_without_it() {
    let mut watched = raised();
    let pattern = crate::policy::approvals::Pattern::of(&shell()).expect("a pattern");
    watched.world.policy.approvals.approve.push(Statement {
        approval: "by-git".to_owned(),
        container: None,
        pattern,
    });
    watched.carries_out(at(300));
    assert_eq!(watched.states(&shell()), [AlertState::Resolved]);
    let why = watched.finding(shell().id()).resolution.clone();
    assert_eq!(why.as_deref(), Some("the BehaviorApproval by-git approves it"));
    watched.world.shows_at("p1", "h1", '1', &shell(), at(400));
    watched.carries_out(at(400));
    assert_eq!(watched.states(&shell()), [AlertState::Resolved]);
    watched.world.policy.approvals = Approvals::default();
    watched.world.shows_at("p1", "h1", '1', &shell(), at(500));
    watched.carries_out(at(500));
    assert_eq!(watched.states(&shell()), [AlertState::Resolved, AlertState::Open]);
}

#[test]
fn a_full_baseline_refuses_to_accept_and_says_what_helps() {
    let mut watched = Watched::mature();
    // Scripts are told apart however many they are.
    let script = |number| ProcessParts {
        script: Some(format!("/app/jobs/{number}.sh")),
        ..parts("/usr/bin/python3", "/usr/bin/bash")
    };
    for number in 0..2_000 {
        watched
            .world
            .shows_at("p1", "h1", '1', &behaviour(script(number)), at(2));
    }
    watched.world.shows_at("p1", "h1", '1', &shell(), at(200));
    watched.act(at(200));
    watched.decides(&shell(), disposition(Decision::Accept, "alice"));
    watched.carries_out(at(300));
    assert_eq!(watched.states(&shell()), [AlertState::Open]);
    let outcome = watched.outcome(&shell());
    assert!(
        matches!(&outcome, Outcome::Refused(why) if why.contains("BehaviorApproval instead")),
        "{outcome:?}"
    );
}

/// Something that happens while people decide, and an operator that dies between any two writes.
#[derive(Clone, Debug)]
enum Step {
    Show(usize),
    Decide(usize, usize, bool),
    TakeBack(usize),
    Plan,
    Review,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize).prop_map(Step::Show),
        4 => (0..3_usize, 0..4_usize, any::<bool>()).prop_map(|(what, how, saw)| Step::Decide(what, how, saw)),
        1 => (0..3_usize).prop_map(Step::TakeBack),
        3 => Just(Step::Plan),
        3 => Just(Step::Review),
    ]
}

impl Watched {
    fn happens(&mut self, step: &Step, now: Timestamp) {
        match step {
            Step::Show(what) => drop(self.world.shows_at("p1", "h1", '1', &numbered(*what), now)),
            Step::Decide(what, how, saw) => {
                let id = numbered(*what).id();
                let alert = self.alerts.iter_mut().rev();
                let mut alert = alert.filter(|alert| alert.findings.iter().any(|finding| finding.id == id));
                let Some(alert) = alert.next() else { return };
                let finding = alert.findings.iter().find(|finding| finding.id == id);
                let evidence = finding.filter(|_| *saw).map(|finding| DecidedOn {
                    rule: finding.rule,
                    count: finding.count,
                    last_seen: finding.last_seen,
                });
                let decided = Disposition {
                    evidence,
                    ..disposition(Decision::ALL[*how], "alice")
                };
                alert.dispositions.insert(id, decided);
            }
            Step::TakeBack(what) => self.takes_back(&numbered(*what)),
            Step::Plan => drop(self.act(now)),
            Step::Review => drop(self.reviews(now)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_dies_between_two_writes_every_decision_is_carried_out_once(steps in vec((step(), 1_i64..90), 1..40)) {
        let mut watched = Watched::mature();
        let mut now = 1_000;
        for (step, pause) in &steps {
            now += pause;
            watched.happens(step, at(now));
        }
        watched.carries_out(at(now + 1_000));
        for alert in &watched.alerts {
            for finding in &alert.findings {
                let Some(disposition) = alert.dispositions.get(&finding.id) else { continue };
                let decided = finding.decided.clone().expect("a decision is taken note of");
                prop_assert_eq!(decided.decision, disposition.decision);
                match decided.outcome {
                    Outcome::Done => prop_assert_eq!(finding.state, disposition.decision.state()),
                    // What was denied before is refused to be accepted, for as long as it is denied.
                    Outcome::Refused(why) => prop_assert!(
                        why.contains("denies it") || why.contains("escalate it there"), "{}", why
                    ),
                    Outcome::Awaits(what) => prop_assert!(false, "still awaits {}", what),
                }
            }
        }
    }
}
