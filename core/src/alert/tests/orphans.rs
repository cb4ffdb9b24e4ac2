//! The alerts of a workload that is gone, and its baseline with it.

use super::*;
use crate::{
    baseline::{Fate, Keeping, Presence, fate},
    policy::approvals::{Approvals, Statement},
};

const DAY: i64 = 86_400;

/// A workload of which this was raised, and that is gone since.
fn left_behind(behaviours: &[Behaviour]) -> Watched {
    let mut watched = Watched::mature();
    for behaviour in behaviours {
        watched.world.shows_at("p1", "h1", '1', behaviour, at(1_000));
    }
    let plan = watched.plan(at(1_000));
    watched.carry_out(&plan);
    watched
}

impl Watched {
    fn planned_without_baseline(&self, now: Timestamp) -> AlertPlan {
        plan_orphans(&workload(), &self.alerts, &self.world.policy, &self.refused, now)
    }

    /// Plans without a baseline and carries out; what is planned again right after is nothing.
    fn acts_without_baseline(&mut self, now: Timestamp) -> AlertPlan {
        let plan = self.planned_without_baseline(now);
        self.carry_out(&plan);
        let again = self.planned_without_baseline(now);
        assert_eq!((again.create.len(), again.update.len(), again.delete.len()), (0, 0, 0));
        plan
    }

    fn is_decided_by_all(&mut self, decision: Decision) {
        for alert in &mut self.alerts {
            for finding in &alert.findings {
                alert.dispositions.insert(finding.id, disposition(decision, "alice"));
            }
        }
    }
}

#[test]
fn an_open_alert_stays_open_until_nothing_of_it_was_seen_for_as_long_as_a_closed_one_is_kept() {
    let mut watched = left_behind(&[fileless()]);
    let before = watched.alerts.clone();
    assert_eq!(before[0].severity, Severity::High);
    let plan = watched.acts_without_baseline(at(1_000 + 30 * DAY - 60));
    assert_eq!((plan.update.len(), plan.unchanged.len()), (0, 1));
    assert_eq!(plan.requeue_after, Some(Duration::from_mins(1)));
    assert_eq!(watched.alerts, before);
    let plan = watched.acts_without_baseline(at(1_000 + 30 * DAY));
    assert_eq!((plan.delete.len(), plan.unchanged.len()), (1, 0));
    assert!(watched.alerts.is_empty());
}

#[test]
fn who_deletes_a_workload_and_makes_it_again_finds_what_was_raised_still_raised_for_as_long_as_its_alert_lasts() {
    let watched = left_behind(&[fileless(), shell()]);
    let keeping = Keeping::of(&watched.world.policy);
    let gone = at(1_000);
    for day in 1..40 {
        let now = at(1_000 + day * DAY);
        let is_kept = fate(&watched.world.baseline, Some(gone), at(0), Presence::Gone, keeping, now) != Fate::Goes;
        let lasts = watched.planned_without_baseline(now).delete.is_empty();
        assert!(is_kept || !lasts, "day {day}: the baseline goes before its alerts");
    }
}

#[test]
fn what_people_decide_is_carried_out_and_keeps_the_alert_for_as_long_again() {
    for (decision, state) in [
        (Decision::Dismiss, AlertState::Dismissed),
        (Decision::Escalate, AlertState::Escalated),
    ] {
        let mut watched = left_behind(&[shell()]);
        watched.is_decided_by_all(decision);
        watched.acts_without_baseline(at(1_000 + 20 * DAY));
        assert_eq!(watched.state(&shell()), state);
        assert_eq!(watched.planned_without_baseline(at(1_000 + 49 * DAY)).delete.len(), 0);
        assert_eq!(watched.planned_without_baseline(at(1_000 + 50 * DAY)).delete.len(), 1);
    }
}

#[test]
fn a_denial_becomes_an_approval_that_outlives_both() {
    let mut watched = left_behind(&[shell()]);
    watched.is_decided_by_all(Decision::Deny);
    let plan = watched.acts_without_baseline(at(1_000 + DAY));
    assert_eq!(plan.denials.len(), 1);
    assert_ne!(watched.state(&shell()), AlertState::Denied, "it is not made yet");
    watched.world.policy.approvals = Approvals {
        deny: vec![Statement {
            approval: plan.denials[0].name.clone(),
            container: Some(container()),
            pattern: plan.denials[0].pattern.clone(),
        }],
        ..Approvals::default()
    };
    watched.acts_without_baseline(at(1_000 + DAY));
    assert_eq!(watched.state(&shell()), AlertState::Denied);
}

#[test]
fn an_acceptance_is_refused_and_says_what_helps() {
    let mut watched = left_behind(&[shell()]);
    watched.is_decided_by_all(Decision::Accept);
    watched.acts_without_baseline(at(1_000 + DAY));
    let decided = watched.finding(shell().id()).decided.clone().expect("a decision");
    let Outcome::Refused(why) = decided.outcome else {
        panic!("{:?}", decided.outcome)
    };
    assert!(why.contains("BehaviorApproval"), "{why}");
    assert!(!watched.state(&shell()).is_closed());
}

#[test]
fn no_alert_is_without_room_where_no_baseline_would_keep_what_it_tells() {
    let many: Vec<_> = (0..3).map(numbered).collect();
    let mut watched = Watched::mature();
    for (number, behaviour) in many.iter().enumerate() {
        let second = 1_000 + 10_000 * i64::try_from(number).unwrap();
        watched.world.shows_at("p1", "h1", '1', behaviour, at(second));
        let plan = watched.plan(at(second));
        watched.carry_out(&plan);
    }
    assert_eq!(watched.alerts.len(), 3);
    watched.world.policy.alerts.per_workload = 1;
    watched.world.policy.alerts.per_namespace = 1;
    assert_eq!(watched.plan(at(40_000)).delete.len(), 2);
    let plan = watched.planned_without_baseline(at(40_000));
    assert_eq!((plan.delete.len(), plan.left_out, plan.unchanged.len()), (0, None, 3));
}
