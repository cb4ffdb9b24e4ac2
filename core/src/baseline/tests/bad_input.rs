//! Windows that change, clocks that jump: each has a stated outcome, and none loses the learned rest.

use super::*;

const DAY: i64 = 86_400;

fn daily() -> Behaviour {
    process("/usr/bin/python3", "/usr/bin/cat")
}

fn date() -> Behaviour {
    process("/usr/bin/python3", "/usr/bin/date")
}

/// A mature workload that showed two behaviours on its first day, and one of them for four days more. Nobody saw it start.
fn five_days() -> World {
    let mut world = World::mature();
    world.baseline = Baseline::default();
    world.shows_at("p1", "h1", '1', &daily(), at(0));
    world.shows_at("p1", "h1", '1', &date(), at(1));
    for day in 1..=4 {
        world.shows_at("p1", "h1", '1', &daily(), at(day * DAY));
    }
    age(&mut world.baseline, &world.policy, at(4 * DAY));
    world
}

#[test]
fn what_a_shorter_window_made_dormant_is_known_again_under_the_longer_one() {
    let mut world = five_days();
    world.policy.window_days = 1;
    assert_eq!(age(&mut world.baseline, &world.policy, at(4 * DAY)).expired, 1);
    assert_eq!((world.baseline.learned(), world.baseline.dormant()), (1, 1));
    // Under the shorter window its return would be told of; under the longer one it never went.
    let mut short = five_days();
    short.policy.window_days = 1;
    age(&mut short.baseline, &short.policy, at(4 * DAY));
    let raised = short
        .shows_at("p1", "h1", '1', &date(), at(4 * DAY + 60))
        .new_quarantined;
    assert_eq!(
        raised.iter().map(|raised| raised.rule).collect::<Vec<_>>(),
        [Rule::ReturnedBehaviour]
    );

    world.policy.window_days = 7;
    age(&mut world.baseline, &world.policy, at(4 * DAY));
    let outcome = world.shows_at("p1", "h1", '1', &date(), at(4 * DAY + 60));
    assert_eq!((outcome.new_quarantined, outcome.new_learned.len()), (vec![], 1));
    assert_eq!(entry(&world.baseline, &date()).rule(), None);
    assert_eq!((world.baseline.learned(), world.baseline.dormant()), (2, 0));
}

#[test]
fn what_the_longer_window_holds_and_nobody_vouches_for_neither_alarms_nor_counts() {
    let mut world = five_days();
    world.policy.window_days = 1;
    age(&mut world.baseline, &world.policy, at(4 * DAY));
    world.policy.window_days = 7;
    let unknown = ReportingPod {
        verified: false,
        ..pod("p9", "h1", digest('1'))
    };
    let outcome = world.reports(unknown, &date(), at(4 * DAY + 60));
    assert_eq!((outcome.new_quarantined, outcome.new_learned), (vec![], vec![]));
    assert_eq!((world.baseline.learned(), world.baseline.dormant()), (1, 1));
}

#[test]
fn what_a_policy_denies_is_denied_however_it_returns() {
    let mut world = five_days();
    world.policy.window_days = 1;
    age(&mut world.baseline, &world.policy, at(4 * DAY));
    world.policy.process.deny.insert("/usr/bin/date".to_owned());
    let raised = world
        .shows_at("p1", "h1", '1', &date(), at(4 * DAY + 60))
        .new_quarantined;
    assert_eq!(
        raised.iter().map(|raised| raised.rule).collect::<Vec<_>>(),
        [Rule::DeniedBehaviour]
    );
}

#[test]
fn an_operators_clock_that_jumps_forth_and_back_loses_nothing() {
    let mut world = five_days();
    let before = world.baseline.clone();
    for days in [400, 4, -400, 4] {
        age(&mut world.baseline, &world.policy, at(days * DAY));
        assert_eq!(world.baseline.learned(), before.learned(), "on day {days}");
    }
    let outcome = world.shows_at("p1", "h1", '1', &date(), at(5 * DAY));
    assert_eq!(outcome.new_quarantined, []);
}

#[test]
fn hours_that_a_clock_counted_a_year_ahead_do_not_stop_those_that_come() {
    let mut world = five_days();
    let ahead = at(365 * DAY);
    world.shows_at("p1", "h1", '1', &date(), ahead);
    let counted = world.baseline.hours_observed();
    world.shows_at("p1", "h1", '1', &date(), at(5 * DAY));
    world.shows_at("p1", "h1", '1', &date(), at(5 * DAY + 3_600));
    assert_eq!(world.baseline.hours_observed(), counted + 2);
    // A day ahead is no reason to begin again.
    let mut world = five_days();
    world.shows_at("p1", "h1", '1', &date(), at(6 * DAY));
    world.shows_at("p1", "h1", '1', &date(), at(5 * DAY));
    let feed = &world.baseline.containers[&container()].feeds[&Feed::Process];
    assert_eq!(feed.loss_free_hours(), 7);
}

#[test]
fn a_program_without_a_name_is_one_like_any_other_and_loses_nothing() {
    let mut world = five_days();
    let before = world.baseline.clone();
    let nameless = process("", "");
    let outcome = world.shows_at("p1", "h1", '1', &nameless, at(4 * DAY + 60));
    let raised: Vec<_> = outcome.new_quarantined.iter().map(|raised| raised.rule).collect();
    assert_eq!(raised, [Rule::ProcessOutsideBaseline]);
    let outcome = world.shows_at("p1", "h1", '1', &nameless, at(4 * DAY + 61));
    assert_eq!(outcome.new_quarantined, []);
    // It is none of those that have a name, and they are what they were.
    for known in [daily(), date()] {
        assert_ne!(known.id(), nameless.id());
        assert_eq!(entry(&world.baseline, &known), entry(&before, &known));
    }
    let sentence = Rule::ProcessOutsideBaseline.sentence(&nameless);
    assert!(sentence.starts_with("(unnamed) "), "{sentence}");
    crate::invariants::baseline(&world.baseline, &world.policy).expect("the invariants of a baseline");
}
