//! Clocks that jump, and what is no name: each has a stated outcome, and none loses the learned rest. Windows that change are
//! in `narrowing`.

use super::*;

pub(super) const DAY: i64 = 86_400;

pub(super) fn daily() -> Behaviour {
    process("/usr/bin/python3", "/usr/bin/cat")
}

pub(super) fn date() -> Behaviour {
    process("/usr/bin/python3", "/usr/bin/date")
}

/// A mature workload that showed two behaviours on its first day, and one of them for four days more. Nobody saw it start.
pub(super) fn five_days() -> World {
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

/// What is learned, and what else is remembered.
fn known(baseline: &Baseline) -> (BTreeSet<String>, usize) {
    let learned = baseline.entries().filter(|(_, _, entry)| entry.is_learned());
    let names = learned.map(|(_, _, entry)| entry.behaviour.executable().to_owned());
    (names.collect(), baseline.dormant() + baseline.candidates())
}

/// A workload that learns, has shown a behaviour each hour for eight days, one on its first day and one on each later one, and
/// remembers one that is dormant. Nobody saw it start.
fn eight_days() -> World {
    let mut world = World::mature();
    world.policy = policy(1_000_000_000);
    world.baseline = Baseline::default();
    world.shows_at("p1", "h1", '1', &date(), at(1));
    for hour in 0..8 * 24 {
        world.shows_at("p1", "h1", '1', &daily(), at(hour * 3_600));
    }
    for day in 4..8 {
        let of_day = process("/usr/bin/python3", &format!("/app/{day}"));
        world.shows_at("p1", "h1", '1', &of_day, at(day * DAY + 60));
    }
    age(&mut world.baseline, &world.policy, at(8 * DAY - 1));
    let feed = world.baseline.feed_mut(&container(), Feed::Process, at(0));
    let dormant = Dormant {
        first: at(0).hour(),
        last_day: at(-10 * DAY).day(),
        once: true,
    };
    feed.dormant.insert(shell().id(), dormant);
    world
}

#[test]
fn what_is_observed_and_aged_by_a_clock_that_is_ahead_forgets_nothing() {
    for days in [3, 10, 45, 365] {
        let mut world = eight_days();
        let before = known(&world.baseline);
        assert_eq!((before.0.len(), before.1), (6, 1), "{before:?}");
        let ahead = at((8 + days) * DAY);
        world.shows_at("p1", "h1", '1', &daily(), ahead);
        age(&mut world.baseline, &world.policy, ahead);
        assert_eq!(known(&world.baseline), before, "{days} days ahead");
        // Back again, hour by hour for three days.
        for hour in 8 * 24..11 * 24 {
            world.shows_at("p1", "h1", '1', &daily(), at(hour * 3_600));
            age(&mut world.baseline, &world.policy, at(hour * 3_600));
        }
        let (mut left, remembered) = known(&world.baseline);
        // What is older than the window went, and nothing else; where a clock says that all was seen too far ahead to mark
        // it anew, it goes later.
        left.insert(date().executable().to_owned());
        let gone = usize::from(days < 64);
        assert_eq!(
            (left, remembered),
            (before.0, before.1 + gone),
            "{days} days ahead, and back"
        );
    }
}

#[test]
fn what_a_clock_said_that_was_ahead_is_taken_as_of_now_after_a_window_without_that() {
    let mut world = eight_days();
    let ahead = at(365 * DAY);
    let once = process("/usr/bin/python3", "/usr/bin/once");
    world.shows_at("p1", "h1", '1', &once, ahead);
    world.shows_at("p1", "h1", '1', &process("", "/usr/bin/python3"), ahead);
    age(&mut world.baseline, &world.policy, ahead);
    let mut goes_on = |hours: std::ops::Range<i64>| {
        for hour in hours {
            world.shows_at("p1", "h1", '1', &daily(), at(hour * 3_600));
            age(&mut world.baseline, &world.policy, at(hour * 3_600));
        }
        let started = world.baseline.containers[&container()].started;
        let feed = &world.baseline.containers[&container()].feeds[&Feed::Process];
        let held = feed.entries.get(&once.id());
        (held.map(|held| (held.days, held.last_seen)), started)
    };
    let before = goes_on(8 * 24..15 * 24);
    assert_eq!(before.0.map(|held| held.1), Some(ahead));
    let (held, started) = goes_on(15 * 24..15 * 24 + 1);
    let now = at(15 * DAY);
    let today = Marks {
        newest: now.day().0,
        bits: 1,
    };
    assert_eq!((held, started), (Some((today, now)), Some(now)));
    // It is of the start, as it was: known until another one comes without it.
    assert!(goes_on(15 * 24 + 1..24 * 24).0.is_some());
}

#[test]
fn a_day_that_somebody_wrote_into_an_object_and_that_never_was_freezes_nothing() {
    let mut world = eight_days();
    let feed = world.baseline.feed_mut(&container(), Feed::Process, at(0));
    let held = feed.entries.get_mut(&date().id()).expect("learned");
    (held.days.newest, held.days.bits) = (999_999, 1);
    let aged = age(&mut world.baseline, &world.policy, at(8 * DAY - 1));
    assert!(aged.changed);
    assert_eq!(entry(&world.baseline, &date()).days.newest, at(8 * DAY - 1).day().0);
    assert!(!age(&mut world.baseline, &world.policy, at(8 * DAY - 1)).changed);
    for day in 8..17 {
        world.shows_at("p1", "h1", '1', &daily(), at(day * DAY));
        age(&mut world.baseline, &world.policy, at(day * DAY));
    }
    let (left, _) = known(&world.baseline);
    assert_eq!(left, [daily().executable().to_owned()].into());
}

#[test]
fn a_clock_that_is_a_year_behind_for_hours_neither_forgets_nor_moves_anything() {
    let mut world = eight_days();
    let before = world.baseline.clone();
    for hour in 0..20 {
        let behind = at(-365 * DAY + hour * 3_600);
        world.shows_at("p1", "h1", '1', &daily(), behind);
        age(&mut world.baseline, &world.policy, behind);
    }
    assert_eq!(known(&world.baseline), known(&before));
    for hour in 0..48 {
        let now = at(8 * DAY + hour * 3_600);
        world.shows_at("p1", "h1", '1', &daily(), now);
        age(&mut world.baseline, &world.policy, now);
    }
    let (mut left, _) = known(&world.baseline);
    left.insert(date().executable().to_owned());
    assert_eq!(left, known(&before).0);
}

#[test]
fn what_rested_for_weeks_has_a_day_to_show_what_it_still_does() {
    let mut world = eight_days();
    let before = known(&world.baseline).0;
    let again = 30 * 24;
    for hour in again..again + 24 {
        world.shows_at("p1", "h1", '1', &daily(), at(hour * 3_600));
        age(&mut world.baseline, &world.policy, at(hour * 3_600));
        assert_eq!(known(&world.baseline).0, before, "hour {hour}");
    }
    world.shows_at("p1", "h1", '1', &daily(), at((again + 24) * 3_600));
    age(&mut world.baseline, &world.policy, at((again + 24) * 3_600));
    assert_eq!(known(&world.baseline).0, [daily().executable().to_owned()].into());
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
