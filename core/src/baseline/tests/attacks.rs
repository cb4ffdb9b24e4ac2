//! What somebody would try who can write to a container, own a node, or set a clock.

use super::*;
use crate::{baseline::size, invariants, testkit::World};

/// A burst of so many behaviours that nobody saw before.
fn flood(prefix: &str, many: usize, time: crate::time::Timestamp) -> Vec<BehaviourReport> {
    (0..many)
        .map(|index| seen(&process("/usr/bin/python3", &format!("/{prefix}/{index}")), time))
        .collect()
}

#[test]
fn a_flood_of_novelty_pushes_out_neither_what_was_learned_nor_what_was_raised() {
    let mut world = World::mature();
    world.shows_at("p1", "h1", '1', &shell(), at(100));
    let before: Vec<_> = world.baseline.entries().map(|(_, id, _)| id).collect();
    let burst = batch(1_000, pod("p1", "h1", digest('1')), flood("tmp", 5_000, at(200)));
    let outcome = merge(&mut world.baseline, &burst, &world.policy, at(200));
    assert!(outcome.overflowed > 4_000);
    for id in before {
        assert!(world.baseline.entries().any(|(_, held, _)| held == id));
    }
    invariants::baseline(&world.baseline, &world.policy).expect("the invariants of a baseline");
}

#[test]
fn above_the_caps_who_comes_first_stays_and_in_any_order_nothing_learned_is_touched_and_all_is_counted() {
    let outcome = |order: [&str; 2]| {
        let mut world = World::mature();
        let before = world.baseline.clone();
        let mut overflowed = 0;
        for (seq, prefix) in (1_000..).zip(order) {
            let burst = batch(seq, pod("p1", "h1", digest('1')), flood(prefix, 3_000, at(200)));
            overflowed += merge(&mut world.baseline, &burst, &world.policy, at(200)).overflowed;
        }
        for (_, id, held) in before.entries() {
            assert_eq!(world.baseline.entry(&container(), id), Some(held));
        }
        assert_eq!(world.baseline.all_overflowed(), overflowed);
        invariants::baseline(&world.baseline, &world.policy).expect("the invariants of a baseline");
        let raised = world.baseline.entries().filter(|(_, _, held)| held.is_quarantined());
        let held: BTreeSet<String> = raised
            .map(|(_, _, held)| held.behaviour.executable().to_owned())
            .collect();
        assert!(
            held.iter().all(|held| held.starts_with(&format!("/{}/", order[0]))),
            "{held:?}"
        );
        (held.len(), overflowed)
    };
    let (held, overflowed) = outcome(["tmp", "opt"]);
    assert_eq!(held + usize::try_from(overflowed).expect("few"), 6_000);
    assert_eq!(outcome(["opt", "tmp"]), (held, overflowed));
}

#[test]
fn a_flood_does_not_hide_what_can_never_be_suppressed() {
    let mut world = World::mature();
    let burst = batch(1_000, pod("p1", "h1", digest('1')), flood("tmp", 5_000, at(200)));
    merge(&mut world.baseline, &burst, &world.policy, at(200));
    let fileless = behaviour(ProcessParts {
        source: SourceLayer::Memory,
        ..parts("/usr/bin/python3", "memfd:x")
    });
    let reverse = behaviour(ProcessParts {
        stdin_socket: true,
        ..parts("/usr/bin/python3", "/usr/bin/bash")
    });
    for grave in [fileless, reverse] {
        let outcome = world.shows_at("p1", "h1", '1', &grave, at(201));
        assert_eq!(outcome.new_quarantined.len(), 1);
    }
}

#[test]
fn a_flood_while_learning_leaves_room_for_what_is_raised_later() {
    let mut world = World::mature();
    let burst = batch(1_000, pod("p1", "h1", digest('1')), flood("tmp", 5_000, at(2)));
    merge(&mut world.baseline, &burst, &world.policy, at(2));
    let outcome = world.shows_at("p1", "h1", '1', &shell(), at(100));
    assert_eq!(outcome.new_quarantined.len(), 1);
}

/// Bytes of a baseline as an object: core's own form says the same in about as many.
fn bytes(world: &World) -> usize {
    serde_json::to_string(&world.baseline).expect("JSON").len()
}

#[test]
fn the_longest_names_fit_into_one_object() {
    let mut world = World::mature();
    let long = |index: usize| {
        let path = format!("/{index}{}", "\u{1}".repeat(1_100));
        BehaviourReport {
            lineage: vec![path.clone(); 9],
            ..seen(&process(&path, &path), at(3))
        }
    };
    for (seq, time) in [(500, at(3)), (600, at(100))] {
        for pod_number in 0..33 {
            let uid = format!("p{pod_number}");
            let reports = (0..30)
                .map(|index| long(index + usize::from(seq == 600) * 100))
                .collect();
            let burst = batch(seq + pod_number, pod(&uid, "h1", digest('1')), reports);
            merge(&mut world.baseline, &burst, &world.policy, time);
        }
    }
    let room: usize = world
        .baseline
        .entries()
        .map(|(_, _, entry)| size::of(entry) + size::beside(&entry.attributes))
        .sum();
    assert!((70 * 1_024..180 * 1_024).contains(&room), "{room} bytes");
    assert!(bytes(&world) < 512 * 1_024, "{} bytes", bytes(&world));
}

#[test]
fn the_most_behaviours_of_the_most_pods_fit_into_one_object() {
    let mut world = World::mature();
    for pod_number in 0..40 {
        let uid = format!("00000000-0000-0000-0000-0000000000{pod_number:02}");
        let reporting = pod(&uid, "5c6d7f8b9d", digest('1'));
        let burst = batch(500 + pod_number, reporting, flood("usr/local/bin", 500, at(100)));
        merge(&mut world.baseline, &burst, &world.policy, at(100));
    }
    assert!(world.baseline.quarantined() > 60);
    assert!(bytes(&world) < 512 * 1_024, "{} bytes", bytes(&world));
}

#[test]
fn a_node_that_makes_up_containers_and_losses_does_not_grow_an_object_beyond_its_schema() {
    let mut world = World::mature();
    let mut made_up = batch(500, pod("p1", "h1", digest('1')), vec![]);
    let reasons = (0..100).map(|number| (format!("made-up-{number}"), 1));
    made_up.losses = BTreeMap::from([(Feed::Process, reasons.collect())]);
    made_up.containers = (0..100)
        .map(|number| ContainerReport {
            container: ContainerName::new(format!("made-up-{number}")),
            behaviours: vec![seen(&shell(), at(100))],
            ..made_up.containers[0].clone()
        })
        .collect();
    let outcome = merge(&mut world.baseline, &made_up, &world.policy, at(100));
    assert_eq!((world.baseline.containers.len(), outcome.overflowed), (64, 37));
    assert_eq!((world.baseline.overflowed, world.baseline.all_overflowed()), (37, 37));
    invariants::baseline(&world.baseline, &world.policy).expect("the invariants of a baseline");
    let lost: Vec<u64> = world
        .baseline
        .feeds()
        .map(|(_, _, feed)| feed.losses.values().map(|lost| lost.count).sum())
        .collect();
    assert!(lost.iter().all(|sum| *sum == 0 || *sum == 100), "{lost:?}");
}

fn ghost() -> ReportingPod {
    ReportingPod {
        verified: false,
        digest: None,
        template_hash: None,
        ..pod("ghost", "h1", digest('1'))
    }
}

#[test]
fn pods_that_somebody_makes_up_do_not_blind_a_workload() {
    let mut world = World::mature();
    let fileless = |index: usize| {
        behaviour(ProcessParts {
            source: SourceLayer::Memory,
            ..parts("/usr/bin/python3", &format!("memfd:{index}"))
        })
    };
    let mut made_up = flood("tmp", 5_000, at(100));
    made_up.extend((0..5_000).map(|index| seen(&fileless(index), at(100))));
    let outcome = merge(
        &mut world.baseline,
        &batch(500, ghost(), made_up),
        &world.policy,
        at(100),
    );
    assert!(outcome.overflowed > 9_000);
    let room: usize = world
        .baseline
        .entries()
        .map(|(_, _, entry)| size::of(entry) + size::beside(&entry.attributes))
        .sum();
    assert!(room < 10 * 1_024, "{room} bytes");
    // Rooms that are as large as without them.
    let novel = batch(501, pod("p1", "h1", digest('1')), flood("opt", 40, at(101)));
    assert_eq!(merge(&mut world.baseline, &novel, &world.policy, at(101)).overflowed, 0);
    for index in 10_000..10_020 {
        let outcome = world.shows_at("p1", "h1", '1', &fileless(index), at(102));
        assert_eq!(outcome.new_quarantined.len(), 1);
    }
    invariants::baseline(&world.baseline, &world.policy).expect("the invariants of a baseline");
}

#[test]
fn what_a_known_pod_shows_too_makes_room_among_the_unverified() {
    let mut world = World::mature();
    let burst = |seq, many| batch(seq, ghost(), flood("tmp", many, at(100)));
    let outcome = merge(&mut world.baseline, &burst(500, 5_000), &world.policy, at(100));
    let held = 5_000 - outcome.overflowed;
    let shown = batch(501, pod("p1", "h1", digest('1')), flood("tmp", 3, at(101)));
    merge(&mut world.baseline, &shown, &world.policy, at(101));
    let first = process("/usr/bin/python3", "/tmp/0");
    assert!(!entry(&world.baseline, &first).unverified);
    let outcome = merge(&mut world.baseline, &burst(502, 5_000), &world.policy, at(102));
    assert_eq!(5_000 - outcome.overflowed, held + 3);
}

#[test]
fn what_is_unverified_stays_so_where_the_other_rooms_are_full() {
    let mut world = World::mature();
    world.reports(ghost(), &shell(), at(100));
    let burst = batch(1_000, pod("p1", "h1", digest('1')), flood("tmp", 5_000, at(200)));
    merge(&mut world.baseline, &burst, &world.policy, at(200));
    let before = world.baseline.all_overflowed();
    world.shows_at("p1", "h1", '1', &shell(), at(201));
    let held = entry(&world.baseline, &shell());
    assert_eq!((held.unverified, held.count, held.shown_by.len()), (true, 2, 2));
    assert_eq!(world.baseline.all_overflowed(), before + 1);
}

#[test]
fn a_pod_that_the_api_server_does_not_know_never_teaches() {
    let mut world = World::mature();
    let ghost = || ReportingPod {
        verified: false,
        ..pod("ghost", "h1", digest('1'))
    };
    let new = process("/usr/bin/python3", "/usr/bin/env");
    let outcome = world.reports(ghost(), &new, at(2));
    assert_eq!(outcome.new_quarantined.len(), 1);
    assert!(entry(&world.baseline, &new).unverified);
    // Nor does it keep alive what others taught.
    let date = process("/usr/bin/python3", "/usr/bin/date");
    let days = entry(&world.baseline, &date).days;
    world.reports(ghost(), &date, at(86_400));
    assert_eq!(entry(&world.baseline, &date).days, days);
    assert_eq!(entry(&world.baseline, &date).rule(), None);
}

#[test]
fn a_pod_that_is_known_teaches_while_learning_what_a_ghost_showed_before() {
    let mut world = World::mature();
    let ghost = ReportingPod {
        verified: false,
        ..pod("ghost", "h1", digest('1'))
    };
    let new = process("/usr/bin/python3", "/usr/bin/env");
    world.reports(ghost.clone(), &new, at(2));
    let outcome = world.shows_at("p1", "h1", '1', &new, at(3));
    assert_eq!(outcome.new_learned.len(), 1);
    // Not once learning is over.
    world.reports(ghost, &shell(), at(100));
    world.shows_at("p1", "h1", '1', &shell(), at(101));
    assert_eq!(
        entry(&world.baseline, &shell()).rule(),
        Some(Rule::ProcessOutsideBaseline)
    );
    assert!(!entry(&world.baseline, &shell()).unverified);
}

#[test]
fn what_a_visitor_does_whom_nobody_saw_come_in_is_not_learned() {
    let mut world = World::mature();
    let unplaced = behaviour(ProcessParts {
        origin: Origin::Unknown,
        ..parts("/usr/bin/bash", "/usr/bin/curl")
    });
    let outcome = world.shows_at("p1", "h1", '1', &unplaced, at(2));
    assert_eq!((outcome.new_learned.len(), outcome.new_quarantined.len()), (0, 0));
    assert!(!world.baseline.entries().any(|(_, id, _)| id == unplaced.id()));
    // Once the baseline judges, it is judged.
    let outcome = world.shows_at("p1", "h1", '1', &unplaced, at(100));
    assert_eq!(outcome.new_quarantined.len(), 1);
    assert_eq!(
        entry(&world.baseline, &unplaced).rule(),
        Some(Rule::ProcessOutsideBaseline)
    );
}

#[test]
fn what_the_entrypoint_taught_is_known_whoever_does_it_and_learned_also_after_it_could_not_be_placed() {
    let mut world = World::mature();
    let parts = parts("/usr/bin/python3", "/usr/bin/env");
    let unplaced = behaviour(ProcessParts {
        origin: Origin::Unknown,
        ..parts.clone()
    });
    world.shows_at("p1", "h1", '1', &unplaced, at(2));
    let outcome = world.shows_at("p1", "h1", '1', &behaviour(parts), at(3));
    assert_eq!(outcome.new_learned.len(), 1);
    let outcome = world.shows_at("p1", "h1", '1', &unplaced, at(100));
    assert_eq!(outcome.new_quarantined.len(), 0);
    assert_eq!(entry(&world.baseline, &unplaced).count, 2);
}

#[test]
fn a_known_shell_is_another_one_where_its_standard_input_is_a_socket() {
    let mut world = World::mature();
    world.shows_at("p1", "h1", '1', &shell(), at(2));
    let reverse = behaviour(ProcessParts {
        stdin_socket: true,
        ..parts("/usr/bin/python3", "/usr/bin/bash")
    });
    let outcome = world.shows_at("p1", "h1", '1', &reverse, at(100));
    let raised: Vec<_> = outcome.new_quarantined.iter().map(|held| held.rule).collect();
    assert_eq!(raised, [Rule::SocketAsStdin]);
}

#[test]
fn repeating_an_action_for_weeks_does_not_make_it_normal() {
    let mut world = World::mature();
    for day in 1..40 {
        world.shows_at("p1", "h1", '1', &shell(), at(day * 86_400));
        age(&mut world.baseline, &world.policy, at(day * 86_400));
    }
    assert_eq!(
        entry(&world.baseline, &shell()).rule(),
        Some(Rule::ProcessOutsideBaseline)
    );
    assert_eq!(entry(&world.baseline, &shell()).count, 39);
}

#[test]
fn a_node_whose_clock_is_ahead_makes_nothing_last() {
    let mut world = World::mature();
    let date = process("/usr/bin/python3", "/usr/bin/date");
    let far = batch(50, pod("p1", "h1", digest('1')), vec![seen(&date, at(4_000 * 86_400))]);
    merge(&mut world.baseline, &far, &world.policy, at(70));
    let held = entry(&world.baseline, &date);
    assert_eq!((held.last_seen, held.days.newest), (at(70), at(70).day().0));
    assert_eq!(world.baseline.hours_observed(), 1);
}

#[test]
fn a_node_whose_clock_is_behind_is_not_taken_to_have_learned_in_time() {
    let mut world = World::mature();
    let old = batch(50, pod("p1", "h1", digest('1')), vec![seen(&shell(), at(5))]);
    let outcome = merge(&mut world.baseline, &old, &world.policy, at(100));
    assert_eq!(outcome.new_quarantined.len(), 1);
}

#[test]
fn a_crowd_of_pods_of_one_revision_does_not_hide_the_pod_of_another() {
    let mut world = World::mature();
    for number in 0..100 {
        world.shows_at(&format!("new-{number:03}"), "h2", '2', &shell(), at(100 + number));
    }
    world.shows_at("old", "h1", '1', &shell(), at(900));
    let held = entry(&world.baseline, &shell());
    assert_eq!(held.shown_by.len(), MAX_SIGHTINGS);
    assert!(held.shown_by.contains_key(&"old".into()));
}
