//! What starts a container is known as long as it runs, however long that is.

use super::*;

const DAY: i64 = 86_400;

fn entrypoint() -> Behaviour {
    process("", "/usr/bin/python3")
}

fn migrate() -> Behaviour {
    process("/usr/bin/python3", "/usr/bin/migrate")
}

fn daily() -> Behaviour {
    process("/usr/bin/python3", "/usr/bin/date")
}

/// A workload that started, ran a migration, and has done one thing a day for so many days since.
fn running_for(days: i64) -> World {
    let mut world = World::mature();
    world.shows_at("p1", "h1", '1', &migrate(), at(50));
    goes_on(&mut world, 1..days);
    world
}

fn goes_on(world: &mut World, days: std::ops::Range<i64>) {
    for day in days {
        world.shows_at("p1", "h1", '1', &daily(), at(day * DAY));
        age(&mut world.baseline, &world.policy, at(day * DAY));
    }
}

#[test]
fn a_restart_after_months_is_no_news() {
    let mut world = running_for(90);
    for start in [entrypoint(), migrate()] {
        // Whoever lets time pass between the two reports forgets nothing.
        age(&mut world.baseline, &world.policy, at(90 * DAY));
        let outcome = world.shows_at("p2", "h1", '1', &start, at(90 * DAY));
        assert_eq!((outcome.new_quarantined, outcome.new_learned), (vec![], vec![]));
    }
}

#[test]
fn what_a_later_start_did_without_expires_after_the_window() {
    let mut world = running_for(30);
    world.shows_at("p2", "h1", '1', &entrypoint(), at(30 * DAY));
    goes_on(&mut world, 30..32);
    assert!(world.baseline.entries().any(|(_, id, _)| id == entrypoint().id()));
    // It was last seen a month ago, and the start that it might have waited for came without it.
    assert!(!world.baseline.entries().any(|(_, id, _)| id == migrate().id()));
}

#[test]
fn what_is_done_once_in_the_hours_after_a_start_expires_after_the_window() {
    let mut world = World::mature();
    world.policy = policy(1_000_000);
    world.shows_at("p1", "h1", '1', &migrate(), at(3_600));
    goes_on(&mut world, 1..9);
    assert!(!world.baseline.entries().any(|(_, id, _)| id == migrate().id()));
}

#[test]
fn what_a_sensor_finds_again_when_it_restarts_still_is_of_the_start() {
    let mut world = running_for(20);
    let found = BehaviourReport {
        snapshot: true,
        ..seen(&entrypoint(), at(20 * DAY))
    };
    let again = batch(900, pod("p1", "h1", digest('1')), vec![found]);
    merge(&mut world.baseline, &again, &world.policy, at(20 * DAY));
    let held = entry(&world.baseline, &entrypoint());
    assert_eq!((held.last_seen, held.days.newest), (at(0), at(20 * DAY).day().0));
    goes_on(&mut world, 20..60);
    for start in [entrypoint(), migrate()] {
        assert_eq!(
            world.shows_at("p2", "h1", '1', &start, at(60 * DAY)).new_quarantined,
            []
        );
    }
}

#[test]
fn what_was_found_in_a_container_whose_start_nobody_saw_is_known_until_it_starts() {
    let mut world = World::mature();
    world.baseline = Baseline::default();
    world.policy = policy(1_000);
    let found = [entrypoint(), migrate()].map(|standing| BehaviourReport {
        snapshot: true,
        ..seen(&standing, at(0))
    });
    let first = batch(900, pod("p1", "h1", digest('1')), found.to_vec());
    merge(&mut world.baseline, &first, &world.policy, at(0));
    goes_on(&mut world, 0..60);
    assert_eq!(world.baseline.learned(), 3);
    assert_eq!(
        world
            .shows_at("p2", "h1", '1', &entrypoint(), at(60 * DAY))
            .new_quarantined,
        []
    );
    goes_on(&mut world, 60..62);
    assert_eq!(world.baseline.learned(), 2);
}
