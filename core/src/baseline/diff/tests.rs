//! A release note says what is known, and what is not known yet.

use super::*;
use crate::{
    baseline::{Batch, Entry, MAX_REVISIONS, merge},
    behaviour::{Behaviour, Feed},
    testkit::{at, batch, container, digest, pod, policy, process, seen},
    time::{Hour, Timestamp},
};

/// A workload whose revisions are watched hour by hour.
#[derive(Default)]
struct Watched {
    baseline: Baseline,
    seq: u64,
}

impl Watched {
    /// A pod of a revision does these things within an hour.
    fn does(&mut self, hash: &str, hour: i64, programs: &[&str]) {
        let batch = self.next(hash, hour, programs);
        self.merge(&batch, hour);
    }

    fn next(&mut self, hash: &str, hour: i64, programs: &[&str]) -> Batch {
        self.seq += 1;
        let time = at(hour * 3_600);
        let seen: Vec<_> = programs
            .iter()
            .map(|program| seen(&program_of(program), time))
            .collect();
        let mut batch = batch(self.seq, pod(&format!("{hash}-1"), hash, digest('1')), seen);
        batch.containers[0].hours = [time.hour()].into();
        batch
    }

    fn merge(&mut self, batch: &Batch, hour: i64) {
        merge(&mut self.baseline, batch, &policy(1_000_000_000), at(hour * 3_600));
    }

    /// Names of what is new, gone and awaited, with the hours that are.
    fn told(&self, from: &str, to: &str) -> (Vec<String>, Vec<String>, Vec<(String, u32)>) {
        let difference = difference(&self.baseline, &from.into(), &to.into()).expect("both were watched");
        let feed = &difference.feeds[0];
        let name = |entry: &Entry| entry.behaviour.executable().to_owned();
        (
            feed.newly.iter().map(|newly| name(newly.entry)).collect(),
            feed.gone.iter().map(|entry| name(entry)).collect(),
            feed.awaited
                .iter()
                .map(|awaited| (name(awaited.entry), awaited.hours))
                .collect(),
        )
    }
}

fn program_of(name: &str) -> Behaviour {
    process("/usr/bin/python3", name)
}

fn nothing<T>() -> Vec<T> {
    Vec::new()
}

#[test]
fn a_revision_does_newly_what_its_pods_show_and_those_before_did_not() {
    let mut world = Watched::default();
    world.does("h1", 0, &["/usr/bin/date", "/usr/bin/id"]);
    world.does("h2", 1, &["/usr/bin/date", "/usr/bin/curl"]);
    let (newly, gone, awaited) = world.told("h1", "h2");
    assert_eq!((newly, gone), (vec!["/usr/bin/curl".to_owned()], nothing()));
    // Seen on one day of one hour's watch: a day has to pass.
    assert_eq!(awaited, [("/usr/bin/id".to_owned(), 23)]);
    let difference = difference(&world.baseline, &"h1".into(), &"h2".into()).expect("both were watched");
    assert_eq!(difference.feeds[0].kept, 1);
    assert_eq!((difference.from.hours, difference.to.hours), (1, 1));
}

#[test]
fn what_was_done_daily_is_gone_once_the_new_revision_was_watched_for_a_day() {
    let mut world = Watched::default();
    for hour in 0..72 {
        let daily: &[&str] = if hour % 24 == 5 { &["/usr/bin/backup"] } else { &[] };
        world.does("h1", hour, daily);
    }
    for hour in 72..95 {
        world.does("h2", hour, &[]);
    }
    assert_eq!(world.told("h1", "h2").2, [("/usr/bin/backup".to_owned(), 1)]);
    world.does("h2", 95, &[]);
    assert_eq!(
        world.told("h1", "h2"),
        (nothing(), vec!["/usr/bin/backup".to_owned()], nothing())
    );
    world.does("h2", 96, &["/usr/bin/backup"]);
    assert_eq!(world.told("h1", "h2"), (nothing(), nothing(), nothing()));
}

#[test]
fn what_was_done_every_fifth_day_is_awaited_for_five_days() {
    let mut world = Watched::default();
    for day in 0..11 {
        let seldom: &[&str] = if day % 5 == 0 { &["/usr/bin/rotate"] } else { &[] };
        world.does("h1", day * 24, seldom);
    }
    for hour in 0..100 {
        world.does("h2", 11 * 24 + hour, &[]);
    }
    assert_eq!(world.told("h1", "h2").2, [("/usr/bin/rotate".to_owned(), 20)]);
}

#[test]
fn hours_in_which_something_was_lost_prove_no_absence() {
    let mut world = Watched::default();
    world.does("h1", 0, &["/usr/bin/id"]);
    for hour in 1..31 {
        let mut batch = world.next("h2", hour, &[]);
        let lost = [(Feed::Process, [("ring_full".to_owned(), 1)].into())];
        if hour < 11 {
            batch.losses = lost.into();
        }
        world.merge(&batch, hour);
    }
    let difference = difference(&world.baseline, &"h1".into(), &"h2".into()).expect("both were watched");
    let feed = &difference.feeds[0];
    assert_eq!((difference.to.hours, feed.lossy_from, feed.lossy_to), (30, 0, 10));
    assert_eq!(feed.awaited[0].hours, 4);
}

#[test]
fn what_an_older_revision_did_is_told_apart_from_what_nobody_ever_did() {
    let mut world = Watched::default();
    world.does("h1", 0, &["/usr/bin/curl"]);
    world.does("h2", 1, &[]);
    world.does("h3", 2, &["/usr/bin/curl", "/usr/bin/wget"]);
    let difference = difference(&world.baseline, &"h2".into(), &"h3".into()).expect("both were watched");
    let newly: Vec<_> = difference.feeds[0]
        .newly
        .iter()
        .map(|newly| (newly.entry.behaviour.executable(), newly.before))
        .collect();
    assert_eq!(newly, [("/usr/bin/curl", true), ("/usr/bin/wget", false)]);
}

#[test]
fn what_was_there_before_revisions_were_told_apart_is_not_called_new() {
    let mut world = Watched::default();
    world.does("h1", 0, &["/usr/bin/date"]);
    // As a version left it that kept no revisions.
    world.baseline.revisions.clear();
    for feed in world
        .baseline
        .containers
        .values_mut()
        .flat_map(|held| held.feeds.values_mut())
    {
        feed.entries
            .values_mut()
            .for_each(|entry| entry.lesson.revisions.clear());
    }
    world.does("h2", 5, &["/usr/bin/date"]);
    world.does("h1", 6, &["/usr/bin/id"]);
    let difference = difference(&world.baseline, &"h1".into(), &"h2".into()).expect("both were watched");
    assert!(difference.feeds[0].newly[0].before);
}

#[test]
fn two_revisions_of_one_template_and_one_that_nobody_watched_are_refused() {
    let mut world = Watched::default();
    world.does("h1", 0, &["/usr/bin/date"]);
    let refused = |from: &str, to: &str| difference(&world.baseline, &from.into(), &to.into()).err();
    assert_eq!(refused("h1", "h1"), Some(Refusal::SameTemplate("h1".into())));
    assert_eq!(refused("h1", "h2"), Some(Refusal::Unwatched("h2".into())));
    assert_eq!(refused("h0", "h1"), Some(Refusal::Unwatched("h0".into())));
}

#[test]
fn a_pod_that_nobody_knows_shows_nothing_of_its_revision() {
    let mut world = Watched::default();
    let mut batch = world.next("h1", 0, &["/usr/bin/date"]);
    batch.containers[0].pod.verified = false;
    world.merge(&batch, 0);
    assert!(world.baseline.revisions.is_empty());
}

#[test]
fn of_too_many_revisions_the_last_watched_are_kept_and_nothing_speaks_of_the_others() {
    let mut world = Watched::default();
    for revision in 0..12 {
        world.does(&format!("h{revision}"), revision, &["/usr/bin/date"]);
    }
    assert_eq!(world.baseline.revisions.len(), MAX_REVISIONS);
    let (.., entry) = world.baseline.entries().next().expect("it was learned");
    let kept: Vec<_> = entry.lesson.revisions.iter().collect();
    assert_eq!(kept, world.baseline.revisions.keys().collect::<Vec<_>>());
    assert!(!world.baseline.revisions.contains_key(&"h3".into()));
}

#[test]
fn a_clock_that_was_ahead_ends_no_revision() {
    let mut world = Watched::default();
    world.does("h1", 0, &["/usr/bin/date"]);
    let mut batch = world.next("h1", 1, &[]);
    batch.containers[0].hours = [Timestamp::from_secs(i64::MAX).hour(), Hour(i64::MAX)].into();
    world.merge(&batch, 1);
    let hours = world.baseline.revisions[&"h1".into()];
    assert_eq!(hours.newest(), Some(at(3_600).hour()));
    assert_eq!(world.baseline.containers[&container()].feeds.len(), 1);
}
