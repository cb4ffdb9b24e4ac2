//! Weeks in seconds: what expires when, and how much is kept.

use std::collections::{BTreeMap, BTreeSet};

use anchorwatch_core::baseline::{HISTORY_HOURS, MAX_DORMANT, age};

use crate::{
    drive::{Drive, at, behaviour},
    workload::Workload,
};

const DAY: i64 = 24;

/// A workload that does one thing every hour, and in every other hour one that it never does again.
fn restless(hours: i64) -> Workload {
    let mut workload = Workload {
        replicas: 2,
        hours: BTreeMap::new(),
        idle: BTreeSet::new(),
    };
    for hour in 0..hours {
        workload.show(hour, "steady", 2);
        if hour % 2 == 0 {
            workload.show(hour, &format!("once/{hour}"), 1);
        }
    }
    workload
}

#[test]
fn seven_days_expire_to_the_day() {
    let workload = restless(7 * DAY);
    let mut drive = Drive::default();
    drive.policy.maturity.maximum = std::time::Duration::MAX;
    drive.run(&workload, 0..7 * DAY, 1);
    let known = |drive: &Drive, hour: i64| {
        drive
            .feed()
            .entries
            .contains_key(&behaviour(&format!("once/{hour}")).id())
    };
    assert!((0..7 * DAY).step_by(2).all(|hour| known(&drive, hour)));
    // Nothing but the steady thing from then on: each day, the day that is older than the window expires, and no other.
    for day in 7..16 {
        let mut quiet = restless(0);
        quiet.show(day * DAY, "steady", 1);
        drive.run(&quiet, day * DAY..(day + 1) * DAY, 1);
        let oldest = (day - 7) * DAY;
        for hour in (0..7 * DAY).step_by(2) {
            assert_eq!(known(&drive, hour), hour >= oldest, "hour {hour} on day {day}");
        }
        let last = at((day + 1) * DAY, 0).minus(std::time::Duration::from_secs(1));
        assert!(!age(&mut drive.baseline, &drive.policy, last).changed);
    }
}

#[test]
fn a_workload_that_never_rests_takes_no_more_room_with_the_weeks() {
    let workload = restless(90 * DAY);
    let mut drive = Drive::default();
    drive.policy.maturity.maximum = std::time::Duration::MAX;
    let bytes = |drive: &Drive| serde_json::to_vec(&drive.baseline).expect("JSON").len();
    drive.run(&workload, 0..50 * DAY, 24);
    let after_fifty = bytes(&drive);
    drive.run(&workload, 50 * DAY..90 * DAY, 24);
    let after_ninety = bytes(&drive);
    assert!(after_ninety < after_fifty + 4_096, "{after_fifty} {after_ninety}");
    assert_eq!(drive.feed().dormant.len(), MAX_DORMANT);
    let hours = drive.feed().loss_free_hours();
    assert_eq!(hours, HISTORY_HOURS);
}
