//! How much is expected to be new, what counts for it, and what each state makes of it.

use super::*;
use crate::{
    behaviour::Attributes,
    policy::{MaturityMethod, Policy},
    time::{Hour, Timestamp},
};

const HOUR: i64 = 3_600;

fn measured() -> Policy {
    let mut policy = policy(0);
    policy.maturity = Policy::default().maturity;
    policy
}

/// A baseline of processes that was observed in these hours.
fn observed(hours: std::ops::Range<i64>) -> FeedBaseline {
    let mut feed = FeedBaseline::new(at(0));
    for hour in hours {
        feed.hours.observe(at(hour * HOUR).hour());
    }
    feed
}

/// An entry that was seen in these hours, first and last.
fn seen_in(name: &str, first: i64, last: i64) -> Entry {
    let mut world = World::mature();
    world.baseline = Baseline::default();
    world.policy = policy(1_000_000_000);
    world.shows_at("p1", "h1", '1', &process("/usr/bin/python3", name), at(first * HOUR));
    let mut entry = entry(&world.baseline, &process("/usr/bin/python3", name)).clone();
    entry.last_seen = at(last * HOUR);
    entry
}

fn with(feed: &FeedBaseline, entries: &[Entry]) -> FeedBaseline {
    let mut feed = feed.clone();
    for entry in entries {
        feed.insert(entry.clone());
    }
    feed
}

fn per_week(feed: &FeedBaseline) -> f64 {
    feed.novelty(&measured()).expect("observed for long enough").per_week
}

#[test]
fn what_was_seen_in_exactly_one_hour_tells_how_much_is_still_new() {
    let feed = observed(0..338);
    let once = |name, hour| seen_in(name, hour, hour);
    assert!(per_week(&feed).abs() < f64::EPSILON);
    // Two weeks without their first two hours, in which two things were done once, and one twice.
    let known = with(&feed, &[once("/a", 5), once("/b", 200), seen_in("/c", 7, 8)]);
    assert!((per_week(&known) - 1.0).abs() < f64::EPSILON);
    // What starts a container is done in its first hours, and is no sign of what comes.
    let known = with(&feed, &[once("/a", 0), once("/b", 1)]);
    assert!(per_week(&known).abs() < f64::EPSILON);
}

#[test]
fn what_is_new_in_the_last_half_of_a_week_counts_twice_however_often_it_was_seen() {
    let feed = observed(0..338);
    let recent = |first| with(&feed, &[seen_in("/a", first, 337)]);
    assert!((per_week(&recent(254)) - 2.0).abs() < f64::EPSILON);
    assert!(per_week(&recent(253)).abs() < f64::EPSILON);
}

#[test]
fn nothing_is_said_before_a_day_was_observed() {
    assert_eq!(observed(0..25).novelty(&measured()), None);
    assert!(observed(0..26).novelty(&measured()).is_some());
    assert_eq!(FeedBaseline::new(at(0)).novelty(&measured()), None);
}

#[test]
fn what_is_no_sign_of_the_workloads_own_ways_does_not_count() {
    let feed = observed(0..170);
    let once = seen_in("/a", 20, 20);
    let unverified = Entry {
        unverified: true,
        ..once.clone()
    };
    let visitor = Entry {
        behaviour: behaviour(ProcessParts {
            origin: Origin::Exec,
            ..parts("", "/usr/bin/id")
        }),
        ..once.clone()
    };
    let returned = Entry {
        state: EntryState::Quarantined {
            rule: Rule::ReturnedBehaviour,
        },
        ..once.clone()
    };
    let approved = Entry {
        behaviour: library(SourceLayer::Image, Origin::Entrypoint),
        ..once.clone()
    };
    for entry in [unverified, visitor, returned, approved] {
        assert!(
            per_week(&with(&feed, std::slice::from_ref(&entry))).abs() < f64::EPSILON,
            "{entry:?}"
        );
    }
    // What was raised does: a workload is no quieter for having been alerted on.
    let raised = Entry {
        state: EntryState::Quarantined {
            rule: Rule::ProcessOutsideBaseline,
        },
        ..once.clone()
    };
    for entry in [once, raised] {
        assert!((per_week(&with(&feed, &[entry])) - 1.0).abs() < f64::EPSILON);
    }
}

#[test]
fn what_is_dormant_counts_as_it_did_before() {
    let mut feed = observed(0..338);
    let dormant = Dormant {
        first: at(20 * HOUR).hour(),
        last_day: at(0).day(),
        once: true,
    };
    feed.dormant.insert(shell().id(), dormant);
    assert!((per_week(&feed) - 0.5).abs() < f64::EPSILON);
    feed.dormant.insert(shell().id(), Dormant { once: false, ..dormant });
    assert!(per_week(&feed).abs() < f64::EPSILON);
}

#[test]
fn hours_that_somebody_wrote_at_the_end_of_time_are_no_measure_and_do_no_harm() {
    for newest in [i64::MAX, i64::MIN] {
        let mut feed = observed(0..338);
        feed.hours.recent = HourSet::from_hex(newest, &"f".repeat(100));
        let novelty = feed.novelty(&measured());
        assert!(
            novelty.is_none_or(|novelty| novelty.hours <= HISTORY_HOURS),
            "{novelty:?}"
        );
        let single = HourSet::from_hex(newest, "1");
        feed.hours.recent = single;
        assert_eq!(feed.novelty(&measured()), None);
        let mut world = World::mature();
        world.baseline.feed_mut(&container(), Feed::Process, at(0)).hours.recent = single;
        assert_eq!(age(&mut world.baseline, &world.policy, at(9 * 86_400)).expired, 0);
        world.shows_at("p1", "h1", '1', &shell(), at(9 * 86_400));
        assert_eq!(world.baseline.learned(), 2);
    }
}

#[test]
fn a_burst_of_novelty_does_not_excuse_itself() {
    let feed = observed(0..400);
    let burst: Vec<Entry> = (0..40).map(|number| seen_in(&format!("/{number}"), 399, 399)).collect();
    let feed = with(&feed, &burst);
    assert!(feed.novelty(&measured()).is_some_and(|novelty| novelty.is_restless()));
    let before = feed.novelty_before(&measured(), at(399 * HOUR)).expect("observed");
    assert!(before.is_quiet() && !before.is_restless(), "{before:?}");
    // Nor does what it began with in the hours before.
    assert_eq!(
        feed.novelty_before(&measured(), at(399 * HOUR + 20 * HOUR)),
        Some(before).map(|mut novelty| {
            novelty.hours += 20;
            novelty.at_most = feed
                .novelty_before(&measured(), at(419 * HOUR))
                .expect("observed")
                .at_most;
            novelty
        })
    );
}

/// A workload that was observed for so many hours and does the same in each, with the default policy.
fn routine(hours: i64) -> World {
    let mut world = World::mature();
    world.baseline = Baseline::default();
    world.policy = measured();
    for hour in 0..hours {
        let date = process("/usr/bin/python3", "/usr/bin/date");
        world.shows_at("p1", "h1", '1', &date, at(hour * HOUR));
    }
    world
}

#[test]
fn what_a_provisional_baseline_raises_is_marked_and_stays_so() {
    let mut world = routine(100);
    assert_eq!(world.baseline.maturity(), Maturity::Provisional);
    let raised = world.shows_at("p1", "h1", '1', &shell(), at(100 * HOUR));
    assert_eq!(raised.new_quarantined.len(), 1);
    assert!(entry(&world.baseline, &shell()).provisional);
    world.policy.maturity.maximum = Duration::from_hours(101);
    world.shows_at("p1", "h1", '1', &shell(), at(102 * HOUR));
    assert_eq!(world.baseline.maturity(), Maturity::Enforcing);
    assert!(entry(&world.baseline, &shell()).provisional);
    let other = process("/usr/bin/python3", "/usr/bin/id");
    world.shows_at("p1", "h1", '1', &other, at(102 * HOUR));
    assert!(!entry(&world.baseline, &other).provisional);
}

#[test]
fn the_fixed_time_of_elapsed_asks_for_no_hours_and_no_quiet() {
    let mut world = routine(1);
    world.policy.maturity.method = MaturityMethod::Elapsed;
    world.policy.maturity.minimum = Duration::from_mins(1);
    age(&mut world.baseline, &world.policy, at(59));
    assert_eq!(world.baseline.maturity(), Maturity::Learning);
    age(&mut world.baseline, &world.policy, at(60));
    assert_eq!(world.baseline.maturity(), Maturity::Enforcing);
}

#[test]
fn an_hour_in_which_something_was_lost_is_no_loss_free_one() {
    let mut world = routine(10);
    let mut lossy = batch(900, pod("p1", "h1", digest('1')), vec![]);
    lossy.containers[0].hours = [at(3 * HOUR).hour(), at(4 * HOUR).hour()].into();
    lossy.losses = BTreeMap::from([(Feed::Process, BTreeMap::from([("ring_full".to_owned(), 1)]))]);
    merge(&mut world.baseline, &lossy, &world.policy, at(10 * HOUR));
    // Where no hour is told, it was the present one.
    lossy.id.seq = 901;
    lossy.containers[0].hours.clear();
    merge(&mut world.baseline, &lossy, &world.policy, at(9 * HOUR));
    let feed = &world.baseline.containers[&container()].feeds[&Feed::Process];
    assert_eq!((feed.hours.total, feed.loss_free_hours()), (10, 7));
}

#[test]
fn hours_of_a_pod_that_nobody_knows_prove_nothing() {
    let mut world = routine(10);
    let unknown = ReportingPod {
        verified: false,
        ..pod("p9", "h1", digest('1'))
    };
    let date = process("/usr/bin/python3", "/usr/bin/date");
    world.reports(unknown, &date, at(-40 * HOUR));
    let feed = &world.baseline.containers[&container()].feeds[&Feed::Process];
    assert_eq!((feed.hours.total, feed.hours.recent.oldest()), (10, Some(at(0).hour())));
}

#[test]
fn more_is_forgotten_of_what_is_dormant_than_there_is_room_for_the_oldest_first() {
    let mut world = World::mature();
    let feed = world.baseline.feed_mut(&container(), Feed::Process, at(0));
    for number in 0..300_i64 {
        let id = process("/usr/bin/python3", &format!("/{number}")).id();
        let dormant = Dormant {
            first: Hour(0),
            last_day: crate::time::Day(at(0).day().0 - number % 30),
            once: true,
        };
        feed.dormant.insert(id, dormant);
    }
    let aged = age(&mut world.baseline, &world.policy, at(10));
    assert!(aged.changed);
    assert_eq!(world.baseline.dormant(), MAX_DORMANT);
    let oldest = world
        .baseline
        .feeds()
        .flat_map(|(_, _, feed)| feed.dormant.values())
        .map(|dormant| dormant.last_day);
    assert_eq!(oldest.min(), Some(crate::time::Day(at(0).day().0 - 19)));
    assert!(!age(&mut world.baseline, &world.policy, at(10)).changed);
}

#[test]
fn what_is_known_beside_a_key_is_learned_anew_where_it_returns() {
    let mut world = World::mature();
    let date = process("/usr/bin/python3", "/usr/bin/date");
    let commands = Attributes {
        commands: ["date -u".to_owned()].into(),
        ..Attributes::default()
    };
    world.baseline = Baseline::default();
    world.sees(&date, commands.clone(), at(2));
    let day = |day: i64| at(day * 86_400);
    world.shows_at("p1", "h1", '1', &process("/usr/bin/python3", "/usr/bin/cat"), at(3));
    for number in [8, 9] {
        world.shows_at(
            "p1",
            "h1",
            '1',
            &process("/usr/bin/python3", "/usr/bin/cat"),
            day(number),
        );
        age(&mut world.baseline, &world.policy, day(number));
    }
    assert_eq!(world.baseline.dormant(), 1);
    world.sees(&date, commands.clone(), day(30));
    let held = entry(&world.baseline, &date);
    assert_eq!(
        (held.rule(), &*held.attributes),
        (Some(Rule::ReturnedBehaviour), &commands)
    );
    assert_eq!(held.first_seen, Timestamp::from_secs(day(30).as_secs()));
}
