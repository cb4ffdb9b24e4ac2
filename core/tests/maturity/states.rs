//! When simulated workloads are judged, and what is raised then.

use std::collections::{BTreeMap, BTreeSet};

use anchorwatch_core::{baseline::Maturity, rules::Rule, time::Duration};

use crate::{
    drive::{Drive, behaviour},
    workload::{Ways, Workload},
};

const DAY: i64 = 24;
const WEEK: i64 = 7 * DAY;

/// A workload that does so many things every hour.
fn steady(things: i64, hours: i64) -> Workload {
    let mut workload = Workload {
        replicas: 1,
        hours: BTreeMap::new(),
        idle: BTreeSet::new(),
    };
    for hour in 0..hours {
        (0..things).for_each(|key| workload.show(hour, &format!("steady/{key}"), 1));
    }
    workload
}

/// Adds what is done every so many hours.
fn every(workload: &mut Workload, key: &str, first: i64, period: usize, hours: i64) {
    for hour in (first..hours).step_by(period) {
        workload.show(hour, key, 1);
    }
}

#[test]
fn forty_replicas_are_no_more_enforcing_after_an_hour_than_one() {
    let mut workload = steady(0, 1);
    workload.replicas = 40;
    (0..60).for_each(|key| workload.show(0, &format!("start/{key}"), 40));
    let mut drive = Drive::default();
    drive.pods = Some(40);
    drive.run(&workload, 0..1, 1);
    assert_eq!(drive.baseline.maturity(), Maturity::Learning);
    let start = &drive.feed().entries[&behaviour("start/0").id()];
    assert_eq!((start.count, drive.feed().hours.total), (40, 1));
    drive.run(&workload, 1..71, 1);
    assert_eq!(drive.baseline.maturity(), Maturity::Learning);
}

#[test]
fn typical_workloads_are_enforcing_after_seven_to_fourteen_days() {
    let mut days: Vec<i64> = (0..40)
        .map(|seed| {
            let workload = Workload::draw(1_000 + seed, Ways::Stationary, 15 * DAY);
            let mut drive = Drive::default();
            let reached = (1..=15).find(|day| {
                drive.run(&workload, (day - 1) * DAY..day * DAY, 24);
                drive.baseline.maturity() == Maturity::Enforcing
            });
            reached.unwrap_or(i64::MAX)
        })
        .collect();
    days.sort_unstable();
    // The feed begins with its first batch, at the end of a day.
    assert!(
        days[0] >= 7 && days[days.len() / 2] <= 10 && days[days.len() - 1] <= 15,
        "{days:?}"
    );
}

#[test]
fn a_trickle_of_novelty_does_not_keep_a_workload_from_being_judged() {
    let mut workload = steady(3, 20 * DAY);
    for hour in (0..20 * DAY).step_by(6) {
        workload.show(hour, &format!("fresh/{hour}"), 1);
    }
    let mut drive = Drive::default();
    drive.run(&workload, 0..14 * DAY - 1, 6);
    assert_eq!(drive.baseline.maturity(), Maturity::Learning);
    drive.run(&workload, 14 * DAY - 1..20 * DAY, 6);
    assert_eq!(drive.baseline.maturity(), Maturity::Enforcing);
    // And nothing takes that back: there are now twenty-eight new things a week.
    let novelty = drive.feed().novelty(&drive.policy).expect("measured");
    assert!(novelty.is_restless() && novelty.per_week > 20.0, "{novelty:?}");
}

#[test]
fn a_quiet_workload_is_provisional_after_three_days_and_enforcing_after_seven() {
    let workload = steady(3, 8 * DAY);
    let mut drive = Drive::default();
    let mut state_at = |from, to| {
        drive.run(&workload, from..to, 1);
        drive.baseline.maturity()
    };
    assert_eq!(state_at(0, 71), Maturity::Learning);
    assert_eq!(state_at(71, 72), Maturity::Provisional);
    assert_eq!(state_at(72, 167), Maturity::Provisional);
    assert_eq!(state_at(167, 168), Maturity::Enforcing);
    let novelty = drive.feed().novelty(&drive.policy).expect("measured");
    assert_eq!((novelty.per_week, novelty.is_quiet()), (0.0, false));
    drive.run(&workload, 168..8 * DAY, 1);
    assert!(drive.feed().novelty(&drive.policy).expect("measured").is_quiet());
}

#[test]
fn a_weekly_job_raises_nothing_weekly() {
    // It runs a little later each time: within the window of days all the same.
    let mut workload = steady(3, 12 * WEEK);
    for week in 0..12 {
        for program in 0..3 {
            workload.show(week * WEEK + DAY + week / 2, &format!("weekly/{program}"), 1);
        }
    }
    let mut drive = Drive::default();
    let raised = drive.run(&workload, 0..12 * WEEK, 6);
    assert_eq!(drive.baseline.maturity(), Maturity::Enforcing);
    assert_eq!(raised, []);
}

#[test]
fn a_weekly_job_that_began_late_is_raised_once() {
    let mut workload = steady(3, 12 * WEEK);
    every(&mut workload, "weekly", 3 * WEEK, 168, 12 * WEEK);
    let mut drive = Drive::default();
    let raised = drive.run(&workload, 0..12 * WEEK, 6);
    let rules: Vec<Rule> = raised.iter().map(|(_, raised)| raised.rule).collect();
    assert_eq!(rules, [Rule::ProcessOutsideBaseline]);
}

#[test]
fn a_monthly_job_raises_only_that_it_returned() {
    let mut workload = steady(3, 16 * WEEK);
    for program in 0..3 {
        every(
            &mut workload,
            &format!("monthly/{program}"),
            2 * DAY,
            30 * 24,
            16 * WEEK,
        );
    }
    let mut drive = Drive::default();
    let raised = drive.run(&workload, 0..16 * WEEK, 6);
    let returned: BTreeSet<_> = raised.iter().map(|(_, raised)| (raised.rule, raised.id)).collect();
    let expected = (0..3).map(|program| (Rule::ReturnedBehaviour, behaviour(&format!("monthly/{program}")).id()));
    assert_eq!(returned, expected.collect());
    // Once each, in the hours after they returned for the first time; later they are known to have.
    let hours: BTreeSet<i64> = raised.iter().map(|(hour, _)| *hour).collect();
    assert_eq!((raised.len(), hours), (3, BTreeSet::from([32 * DAY + 6])));
    // What returned is no sign of novelty.
    assert!(drive.feed().novelty(&drive.policy).expect("measured").is_quiet());
}

#[test]
fn what_comes_back_after_window_and_dormancy_is_new() {
    let mut workload = steady(3, 7 * WEEK);
    workload.show(1, "rare/43", 1);
    workload.show(1 + 43 * DAY, "rare/43", 1);
    workload.show(1, "rare/42", 1);
    workload.show(1 + 42 * DAY, "rare/42", 1);
    let mut drive = Drive::default();
    let raised = drive.run(&workload, 0..7 * WEEK, 6);
    let rules: Vec<Rule> = raised.iter().map(|(_, raised)| raised.rule).collect();
    assert_eq!(rules, [Rule::ReturnedBehaviour, Rule::ProcessOutsideBaseline]);
}

#[test]
fn losses_delay_judging_and_do_not_prevent_it() {
    let workload = steady(3, 14 * DAY);
    let mut drive = Drive::default();
    drive.loses_every = Some(2);
    drive.run(&workload, 0..10 * DAY, 1);
    assert_eq!(drive.baseline.maturity(), Maturity::Provisional);
    assert_eq!(drive.feed().loss_free_hours(), 120);
    drive.policy.maturity.maximum = Duration::from_hours(11 * 24);
    drive.run(&workload, 10 * DAY..11 * DAY + 1, 1);
    assert_eq!(drive.baseline.maturity(), Maturity::Enforcing);
}
