//! A policy's window that is made shorter, and longer again: within a day nothing is lost, and later as much as is stated.

use super::{
    bad_input::{DAY, date, five_days},
    *,
};
use crate::{behaviour::Attributes, policy::Policy};

/// Asks for a window of one day, for a day.
fn narrow(world: &mut World) -> AgeOutcome {
    world.policy.window_days = 1;
    let asked = age(&mut world.baseline, &world.policy, at(4 * DAY));
    assert_eq!((asked.changed, asked.expired), (true, 0));
    assert_eq!(asked.requeue_after, Some(Duration::from_hours(24)));
    age(&mut world.baseline, &world.policy, at(5 * DAY))
}

/// Programs, and libraries beside them: about as many as find room.
const PROGRAMS: usize = 530;
const MANY: usize = PROGRAMS + 70;

/// A program or library that is in a folder with no other, so that nothing is joined.
fn thing(number: usize) -> Behaviour {
    if number < PROGRAMS {
        process("/s", &format!("/t{number}/b"))
    } else {
        volumes(&format!("/l{number}/l.so"))
    }
}

fn volumes(path: &str) -> Behaviour {
    crate::testkit::library(path, 'a', SourceLayer::Volume)
}

fn tell(world: &mut World, all: Vec<BehaviourReport>, time: crate::time::Timestamp) {
    let number = u64::try_from(time.as_secs()).expect("after the epoch");
    let mut all = batch(number, pod("p1", "h1", digest('1')), all);
    all.watched.insert(Feed::Module);
    merge(&mut world.baseline, &all, &world.policy, time);
}

/// What the workload does and maps daily.
fn goes_on(world: &mut World, time: crate::time::Timestamp) {
    tell(
        world,
        vec![seen(&date(), time), seen(&volumes("/daily.so"), time)],
        time,
    );
}

/// A mature workload that ran many programs on its first day, each with a command line, and mapped libraries, and does two
/// things daily.
fn many() -> World {
    let mut world = World::mature();
    world.policy = policy(3_600);
    world.baseline = Baseline::default();
    let commands = |number: usize| {
        if number < PROGRAMS {
            Some(format!("b {number}"))
        } else {
            None
        }
    };
    let all = (0..MANY).map(|number| BehaviourReport {
        attributes: Attributes {
            commands: commands(number).into_iter().collect(),
            ..Attributes::default()
        },
        ..seen(&thing(number), at(0))
    });
    tell(&mut world, all.collect(), at(0));
    for day in 1..=4 {
        goes_on(&mut world, at(day * DAY));
        age(&mut world.baseline, &world.policy, at(day * DAY));
    }
    let held = (
        world.baseline.all_overflowed(),
        world.baseline.quarantined(),
        world.baseline.learned(),
    );
    assert_eq!(held, (0, 2, MANY), "the daily ones are new after an hour");
    world
}

#[test]
fn a_window_that_is_shorter_for_less_than_a_day_loses_nothing_of_a_full_baseline() {
    let mut world = many();
    let before = world.baseline.clone();
    let wide = world.policy.window_days;
    world.policy.window_days = 1;
    for hour in 0..24 {
        let now = at(4 * DAY + hour * 3_600);
        let aged = age(&mut world.baseline, &world.policy, now);
        assert_eq!(aged.expired, 0, "after {hour} h");
        goes_on(&mut world, now);
    }
    world.policy.window_days = wide;
    assert!(age(&mut world.baseline, &world.policy, at(5 * DAY - 1)).changed);
    assert_eq!(world.baseline.window, before.window);
    for number in 0..MANY {
        let id = thing(number).id();
        assert_eq!(world.baseline.entry(&container(), id), before.entry(&container(), id));
    }
}

#[test]
fn a_window_that_is_shorter_for_a_day_makes_dormant_as_many_as_may_be_and_forgets_the_rest_and_all_command_lines() {
    let mut world = many();
    let wide = world.policy.window_days;
    assert_eq!(narrow(&mut world).expired, MANY);
    assert_eq!((world.baseline.learned(), world.baseline.dormant()), (0, MAX_DORMANT));
    world.policy.window_days = wide;
    age(&mut world.baseline, &world.policy, at(5 * DAY));
    let (mut known, mut new) = (0, 0);
    for number in 0..MANY {
        let outcome = world.shows_at("p1", "h1", '1', &thing(number), at(5 * DAY + 60));
        known += outcome.new_learned.len();
        new += outcome.new_quarantined.len() + usize::try_from(outcome.overflowed).expect("few");
        let mut rules = outcome.new_quarantined.iter().map(|raised| raised.rule);
        assert!(rules.all(|rule| rule != Rule::ReturnedBehaviour));
    }
    assert_eq!((known, new), (MAX_DORMANT, MANY - MAX_DORMANT));
    let mut lines = world.baseline.entries().map(|(_, _, held)| &held.attributes.commands);
    assert!(lines.all(BTreeSet::is_empty));
}

#[test]
fn a_longer_window_holds_at_once_and_a_clock_that_was_ahead_does_not_bring_a_shorter_one() {
    let mut world = five_days();
    let policy_of = |days| Policy {
        window_days: days,
        ..policy(60)
    };
    age(&mut world.baseline, &policy_of(30), at(4 * DAY));
    assert_eq!(world.baseline.window_days(&policy_of(1)), 30);
    // Asked for first by a clock that is a year ahead.
    age(&mut world.baseline, &policy_of(1), at(365 * DAY));
    age(&mut world.baseline, &policy_of(1), at(4 * DAY + 60));
    assert_eq!(
        world.baseline.window,
        Some(Window {
            days: 30,
            shorter_since: Some(at(4 * DAY + 60))
        })
    );
    age(&mut world.baseline, &policy_of(1), at(5 * DAY + 60));
    assert_eq!(world.baseline.window_days(&policy_of(1)), 1);
}

#[test]
fn what_a_shorter_window_made_dormant_is_known_again_under_the_longer_one() {
    let mut world = five_days();
    assert_eq!(narrow(&mut world).expired, 1);
    assert_eq!((world.baseline.learned(), world.baseline.dormant()), (1, 1));
    // Under the shorter window its return would be told of; under the longer one it never went.
    let mut short = five_days();
    narrow(&mut short);
    let raised = short
        .shows_at("p1", "h1", '1', &date(), at(5 * DAY + 60))
        .new_quarantined;
    assert_eq!(
        raised.iter().map(|raised| raised.rule).collect::<Vec<_>>(),
        [Rule::ReturnedBehaviour]
    );

    world.policy.window_days = 7;
    age(&mut world.baseline, &world.policy, at(5 * DAY));
    let outcome = world.shows_at("p1", "h1", '1', &date(), at(5 * DAY + 60));
    assert_eq!((outcome.new_quarantined, outcome.new_learned.len()), (vec![], 1));
    assert_eq!(entry(&world.baseline, &date()).rule(), None);
    assert_eq!((world.baseline.learned(), world.baseline.dormant()), (2, 0));
}

#[test]
fn what_the_longer_window_holds_and_nobody_vouches_for_neither_alarms_nor_counts() {
    let mut world = five_days();
    narrow(&mut world);
    world.policy.window_days = 7;
    let unknown = ReportingPod {
        verified: false,
        ..pod("p9", "h1", digest('1'))
    };
    let outcome = world.reports(unknown, &date(), at(5 * DAY + 60));
    assert_eq!((outcome.new_quarantined, outcome.new_learned), (vec![], vec![]));
    assert_eq!((world.baseline.learned(), world.baseline.dormant()), (1, 1));
}

#[test]
fn what_a_policy_denies_is_denied_however_it_returns() {
    let mut world = five_days();
    narrow(&mut world);
    world.policy.process.deny.insert("/usr/bin/date".to_owned());
    let raised = world
        .shows_at("p1", "h1", '1', &date(), at(5 * DAY + 60))
        .new_quarantined;
    assert_eq!(
        raised.iter().map(|raised| raised.rule).collect::<Vec<_>>(),
        [Rule::DeniedBehaviour]
    );
}
