//! How many alerts there are, and for how long.

use super::*;
use crate::{baseline::EntryState, policy::AlertsPolicy, review::review, rules::Rule};

const DAY: i64 = 86_400;
/// Further apart than what would join one alert.
const APART: i64 = 4_000;

/// So long after the baseline began to judge.
fn after(seconds: i64) -> Timestamp {
    at(1_000 + seconds)
}

/// A workload that may have so many undecided alerts, and its namespace.
fn bounded(per_workload: u32, per_namespace: u32) -> Watched {
    let mut watched = Watched::mature();
    watched.world.policy.alerts = AlertsPolicy {
        per_workload,
        per_namespace,
        retention_days: 30,
    };
    watched
}

/// Shows something new, and carries out what is planned then.
fn shows(watched: &mut Watched, behaviour: &Behaviour, second: i64) -> AlertPlan {
    watched.world.shows_at("p1", "h1", '1', behaviour, after(second));
    let plan = watched.plan(after(second));
    watched.carry_out(&plan);
    plan
}

fn names(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|alert| alert.name.as_str()).collect()
}

#[test]
fn what_finds_no_room_has_no_alert_is_counted_and_gets_one_when_there_is_room_again() {
    let mut watched = bounded(2, 500);
    for number in 0..2 {
        let plan = shows(&mut watched, &numbered(number), APART * i64::try_from(number).unwrap());
        assert_eq!((plan.create.len(), plan.left_out), (1, None));
    }
    let third = shows(&mut watched, &numbered(2), APART * 2);
    assert_eq!((third.create.len(), third.delete.len()), (0, 0));
    let left_out = LeftOutAlerts {
        findings: 1,
        first_seen: after(APART * 2),
        last_seen: after(APART * 2),
    };
    assert_eq!(third.left_out, Some(left_out));
    let again = watched.plan(after(APART * 2));
    assert_eq!(
        (again.create.len(), again.update.len(), again.left_out),
        (0, 0, third.left_out)
    );

    let id = watched.alerts[0].findings[0].id;
    watched.alerts[0]
        .dispositions
        .insert(id, disposition(Decision::Dismiss, "alice"));
    let plan = watched.plan(after(APART * 3));
    assert_eq!((plan.create.len(), plan.left_out), (1, None), "a decision makes room");
}

#[test]
fn what_is_graver_takes_the_room_of_what_is_less_grave_and_what_is_high_needs_none() {
    let mut watched = bounded(1, 500);
    watched.world.shows_at("p1", "h1", '1', &numbered(0), after(0));
    let feed = watched.world.baseline.feed_mut(&container(), Feed::Process, after(0));
    let entry = feed.entries.get_mut(&numbered(0).id()).expect("an entry");
    entry.state = EntryState::Quarantined {
        rule: Rule::ReturnedBehaviour,
    };
    let plan = watched.plan(after(0));
    watched.carry_out(&plan);
    let before = watched.alerts[0].clone();
    assert_eq!(before.severity, Severity::Low);
    let plan = shows(&mut watched, &numbered(1), APART);
    assert_eq!(plan.delete, [before.name]);
    assert_eq!(watched.alerts[0].severity, Severity::Medium);
    assert_eq!(plan.left_out.map(|left_out| left_out.findings), Some(1));
    assert_eq!(watched.plan(after(APART)).delete, [""; 0]);

    let grave = shows(&mut watched, &fileless(), APART * 2);
    assert_eq!((grave.create.len(), grave.delete.len()), (1, 0));
    assert_eq!(watched.alerts.len(), 2);
}

#[test]
fn what_was_observed_without_room_is_ranked_when_the_policy_alerts_and_what_is_left_is_counted() {
    let mut watched = bounded(2, 500);
    watched.world.policy.mode = Mode::Observe;
    for number in 0..6 {
        shows(&mut watched, &numbered(number), APART * i64::try_from(number).unwrap());
    }
    // The oldest of those without room are of no weight.
    let feed = watched.world.baseline.feed_mut(&container(), Feed::Process, after(0));
    for number in [2, 3] {
        let entry = feed.entries.get_mut(&numbered(number).id()).expect("an entry");
        entry.state = EntryState::Quarantined {
            rule: Rule::ReturnedBehaviour,
        };
    }
    let now = after(APART * 7);
    let observed = watched.plan(now);
    assert_eq!(
        (observed.create.len(), observed.left_out.map(|it| it.findings)),
        (0, Some(4))
    );
    let before = watched.alerts.clone();

    watched.world.policy.mode = Mode::Alert;
    let plan = watched.plan(now);
    let opened: Vec<_> = plan.create.iter().map(|alert| (alert.state, alert.severity)).collect();
    assert_eq!(opened, [(AlertState::Open, Severity::Medium); 2], "the graver of them");
    assert_eq!(
        (plan.update.len(), plan.delete.len()),
        (0, 0),
        "what was observed stays so"
    );
    let left_out = LeftOutAlerts {
        findings: 2,
        first_seen: after(APART * 2),
        last_seen: after(APART * 3),
    };
    assert_eq!(plan.left_out, Some(left_out));
    let overflow = plan_namespace("shop", plan.left_out, &[], now).create;
    assert_eq!((overflow[0].severity, overflow[0].count), (Severity::High, 2));

    watched.carry_out(&plan);
    assert_eq!(watched.alerts[..2], before);
    let again = watched.plan(now);
    assert_eq!(
        (
            again.create.len(),
            again.update.len(),
            again.delete.len(),
            again.left_out
        ),
        (0, 0, 0, plan.left_out)
    );
}

#[test]
fn the_alerts_of_other_workloads_take_the_room_of_a_namespace() {
    let mut watched = bounded(50, 2);
    let others: Vec<Place> = (0..2)
        .map(|number| Place {
            name: format!("deployment-other-{number}"),
            severity: Severity::Medium,
            quiet: false,
            exists: true,
            first_seen: after(-100),
        })
        .collect();
    watched.world.shows_at("p1", "h1", '1', &numbered(1), after(0));
    let planned = |others: &[Place]| plan_beside(&watched, others);
    assert_eq!(
        (planned(&others[..1]).create.len(), planned(&others).create.len()),
        (1, 0)
    );
    assert_eq!(planned(&others).left_out.map(|left_out| left_out.findings), Some(1));
}

fn plan_beside(watched: &Watched, others: &[Place]) -> AlertPlan {
    plan_alerts(&AlertInput {
        workload: &workload(),
        baseline: &watched.world.baseline,
        alerts: &watched.alerts,
        policy: &watched.world.policy,
        evidence: &watched.world.evidence,
        crowd: Crowd { others, left_out: None },
        refused: &BTreeMap::new(),
        now: after(0),
    })
}

#[test]
fn a_graver_alert_says_whose_it_takes_the_room_of() {
    let mut watched = bounded(50, 2);
    let others: Vec<Place> = [-100, -50]
        .map(|second| Place {
            name: format!("deployment-other{second}"),
            severity: Severity::Low,
            quiet: false,
            exists: true,
            first_seen: after(second),
        })
        .into();
    assert_eq!(plan_beside(&watched, &others).crowded_out, [""; 0]);
    watched.world.shows_at("p1", "h1", '1', &numbered(1), after(0));
    let plan = plan_beside(&watched, &others);
    assert_eq!((plan.create.len(), plan.left_out), (1, None));
    assert_eq!(plan.crowded_out, ["deployment-other-50"]);
}

#[test]
fn times_that_a_sensor_claims_take_no_room_from_an_alert_that_is_there() {
    let mut watched = bounded(2, 500);
    shows(&mut watched, &numbered(0), APART);
    shows(&mut watched, &numbered(1), APART * 2);
    let before = watched.alerts.clone();
    for number in 2..60 {
        let claimed = after(i64::try_from(number).unwrap());
        watched.world.shows_at("p1", "h1", '1', &numbered(number), claimed);
    }
    let plan = watched.plan(after(APART * 3));
    assert_eq!((plan.create.len(), plan.delete), (0, vec![]));
    assert_eq!(plan.left_out.map(|left_out| left_out.findings), Some(58));
    assert_eq!(names(&watched.alerts), names(&before));
}

#[test]
fn what_carries_a_mistyped_decision_is_not_let_go_for_want_of_room() {
    let mut watched = bounded(1, 500);
    shows(&mut watched, &numbered(0), 0);
    watched.world.policy.alerts.per_workload = 0;
    assert_eq!(watched.plan(after(1)).delete.len(), 1);
    watched.alerts[0].mistyped = true;
    assert_eq!(watched.plan(after(1)).delete, [""; 0]);
}

#[test]
fn what_a_newer_version_wrote_and_this_one_can_not_read_is_left_as_it_is() {
    for closed in [false, true] {
        let mut watched = bounded(50, 500);
        shows(&mut watched, &numbered(0), 0);
        if closed {
            watched.alerts[0].state = AlertState::Resolved;
            watched.alerts[0].findings.clear();
        }
        watched.alerts[0].partial = true;
        watched.world.policy.alerts.per_workload = 0;
        watched.world.shows_at("p2", "h1", '1', &numbered(0), after(10));
        let plan = watched.plan(after(400 * DAY));
        assert_eq!((plan.update.len(), plan.delete, plan.unchanged.len()), (0, vec![], 1));
        let left_out = plan.left_out.map_or(0, |left_out| left_out.findings);
        assert_eq!(left_out, u64::from(closed), "one home a finding");
    }
}

#[test]
fn an_open_alert_without_findings_is_kept() {
    let mut watched = bounded(50, 500);
    shows(&mut watched, &numbered(0), 0);
    watched.world.baseline.containers.clear();
    watched.alerts[0].findings.clear();
    assert_eq!(watched.plan(after(400 * DAY)).delete, [""; 0]);
}

#[test]
fn a_namespace_has_one_high_alert_for_as_long_as_anything_has_no_room() {
    let left_out = |findings, second| LeftOutAlerts {
        findings,
        first_seen: at(10),
        last_seen: at(second),
    };
    let made = plan_namespace("shop", Some(left_out(990, 20)), &[], at(30)).create;
    assert_eq!(made.len(), 1);
    let alert = &made[0];
    assert_eq!(
        (
            alert.workload.to_string().as_str(),
            alert.severity,
            alert.state,
            alert.count
        ),
        ("shop/Namespace/shop", Severity::High, AlertState::Escalated, 990)
    );
    assert_eq!(alert.findings[0].rule, Rule::AlertOverflow);
    assert!(
        alert.summary.starts_with("more is undecided below High"),
        "{}",
        alert.summary
    );

    let same = plan_namespace("shop", Some(left_out(990, 20)), &made, at(40));
    assert_eq!((same.create.len(), same.update.len(), same.unchanged.len()), (0, 0, 1));
    let more = plan_namespace("shop", Some(left_out(991, 50)), &made, at(60)).update;
    assert_eq!((more[0].count, more[0].name == alert.name), (991, true));
    let none = plan_namespace("shop", None, &made, at(60));
    assert_eq!(
        (none.delete, none.update.len(), none.unchanged.len()),
        (vec![alert.name.clone()], 0, 0)
    );

    let mut dismissed = made.clone();
    let id = alert.findings[0].id;
    dismissed[0]
        .dispositions
        .insert(id, disposition(Decision::Dismiss, "alice"));
    let dismissed = plan_namespace("shop", Some(left_out(990, 20)), &dismissed, at(60)).update;
    assert_eq!(dismissed[0].state, AlertState::Dismissed);
    let again = plan_namespace("shop", Some(left_out(1_000, 70)), &dismissed, at(80)).create;
    assert_eq!(again[0].findings[0].recurs.as_ref(), Some(&alert.name));
    let kept = plan_namespace("shop", None, &dismissed, at(90));
    assert_eq!(
        kept.delete, [""; 0],
        "what people decided about is kept for as long as any closed alert"
    );
}

#[test]
fn a_namespaces_plan_touches_no_alert_of_another_rule() {
    let mut watched = Watched::mature();
    watched.world.shows_at("p1", "h1", '1', &fileless(), after(0));
    let plan = watched.plan(after(0));
    watched.carry_out(&plan);
    let mut foreign = watched.alerts;
    foreign[0].workload = namespace_workload("shop");
    let mut unread = foreign[0].clone();
    unread.findings.clear();
    foreign.push(unread);
    let left_out = LeftOutAlerts {
        findings: 3,
        first_seen: at(10),
        last_seen: at(20),
    };
    assert_eq!(plan_namespace("shop", None, &foreign, at(60)), AlertPlan::default());
    let plan = plan_namespace("shop", Some(left_out), &foreign, at(60));
    assert_eq!(
        (plan.create.len(), plan.update.len(), plan.delete.len()),
        (1, 0, 0),
        "it joins none of another rule"
    );
}

#[test]
fn a_closed_alert_is_kept_for_its_retention_and_an_open_one_for_ever() {
    let mut watched = bounded(50, 500);
    shows(&mut watched, &numbered(1), 0);
    shows(&mut watched, &numbered(2), APART);
    let open = watched.alerts[1].name.clone();
    let id = watched.alerts[0].findings[0].id;
    watched.alerts[0]
        .dispositions
        .insert(id, disposition(Decision::Accept, "alice"));
    let pass = |watched: &mut Watched, now: Timestamp| {
        let plan = watched.plan(now);
        watched.carry_out(&plan);
        let World {
            baseline,
            policy,
            evidence,
            ..
        } = &mut watched.world;
        review(baseline, &watched.alerts, policy, evidence, now);
        plan
    };
    pass(&mut watched, after(DAY));
    let accepted = pass(&mut watched, after(DAY));
    assert_eq!(watched.state(&numbered(1)), AlertState::Accepted);
    assert_eq!(accepted.requeue_after, Some(Duration::from_hours(30 * 24)));
    assert_eq!(pass(&mut watched, after(31 * DAY - 1)).delete, [""; 0]);
    assert_eq!(pass(&mut watched, after(31 * DAY)).delete.len(), 1);
    assert_eq!(names(&watched.alerts), [open.as_str()]);

    // It is known for as long as it is seen, with or without its alert.
    let entry = watched.world.baseline.entry(&container(), id).unwrap();
    assert!(entry.is_accepted());
    assert_eq!(pass(&mut watched, after(400 * DAY)).create.len(), 0);
    assert_eq!(names(&watched.alerts), [open.as_str()]);
}

#[test]
fn what_was_dismissed_is_not_raised_anew_when_its_alert_goes() {
    let mut watched = bounded(50, 500);
    shows(&mut watched, &numbered(1), 0);
    let id = watched.alerts[0].findings[0].id;
    watched.alerts[0]
        .dispositions
        .insert(id, disposition(Decision::Dismiss, "alice"));
    let plan = watched.plan(after(10));
    watched.carry_out(&plan);
    // The baseline did not let go of it yet: the alert stays, however old it is.
    let late = watched.plan(after(90 * DAY));
    assert_eq!((late.delete.len(), late.create.len()), (0, 0));
    let World {
        baseline,
        policy,
        evidence,
        ..
    } = &mut watched.world;
    assert_eq!(
        review(baseline, &watched.alerts, policy, evidence, after(20)).released,
        1
    );
    let over = watched.plan(after(90 * DAY));
    assert_eq!((over.delete.len(), over.create.len()), (1, 0));
}
