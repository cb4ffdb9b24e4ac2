//! Merging: exactly once, in any order, and never more than there is room for.

mod attacks;
mod bad_input;
mod bounds;
mod command_lines;
mod flows;
mod gained;
mod inherit;
mod maturity;
mod modules;
mod narrowing;
mod properties;
mod snapshot;
mod start;
mod together;
mod tolerance;
mod unusual;

use super::{sighting::sample, *};
use crate::{
    behaviour::{
        Behaviour, Destination, Direction, ModuleBehaviour, ModuleParts, NetworkBehaviour, NetworkParts, Origin,
        ProcessParts, Protocol, SourceLayer,
    },
    rules::Rule,
    seen::Seen,
    testkit::{World, at, batch, behaviour, container, digest, parts, pod, policy, process, seen, shell},
    time::Duration,
};

fn entry<'a>(baseline: &'a Baseline, behaviour: &crate::behaviour::Behaviour) -> &'a Entry {
    let feed = &baseline.containers[&container()].feeds[&Feed::Process];
    &feed.entries[&behaviour.id()]
}

#[test]
fn what_is_new_is_learned_while_learning_and_quarantined_afterwards() {
    let mut world = World::mature();
    assert_eq!(world.baseline.maturity(), Maturity::Learning);
    let outcome = world.shows_at("p1", "h1", '1', &shell(), at(60));
    assert_eq!(world.baseline.maturity(), Maturity::Enforcing);
    assert_eq!(outcome.new_learned, []);
    assert_eq!(
        outcome.new_quarantined,
        [Quarantine {
            container: container(),
            id: shell().id(),
            rule: Rule::ProcessOutsideBaseline,
        }]
    );
    assert_eq!((world.baseline.learned(), world.baseline.quarantined()), (2, 1));
}

#[test]
fn a_second_sighting_of_a_known_behaviour_is_known() {
    let mut world = World::mature();
    let known = process("/usr/bin/python3", "/usr/bin/date");
    let outcome = world.shows_at("p2", "h1", '1', &known, at(3_600));
    assert!(outcome.changed);
    assert_eq!((outcome.new_learned.len(), outcome.new_quarantined.len()), (0, 0));
    assert_eq!(entry(&world.baseline, &known).count, 2);
    assert_eq!(entry(&world.baseline, &known).rule(), None);
}

#[test]
fn a_quarantined_behaviour_gathers_counts_and_pods_and_stays_quarantined() {
    let mut world = World::mature();
    world.shows_at("p1", "h1", '1', &shell(), at(100));
    let outcome = world.shows_at("p2", "h1", '1', &shell(), at(130));
    assert!(outcome.changed);
    assert_eq!(outcome.new_quarantined, []);
    let held = entry(&world.baseline, &shell());
    assert_eq!((held.count, held.pods, held.shown_by.len()), (2, 2, 2));
    assert_eq!((held.first_seen, held.last_seen), (at(100), at(130)));
    assert_eq!(
        held.state,
        EntryState::Quarantined {
            rule: Rule::ProcessOutsideBaseline
        }
    );
}

#[test]
fn a_batch_that_comes_again_changes_nothing() {
    let mut baseline = Baseline::default();
    let batch = batch(7, pod("p1", "h1", digest('1')), vec![seen(&shell(), at(0))]);
    assert!(merge(&mut baseline, &batch, &policy(60), at(0)).changed);
    let before = baseline.clone();
    let outcome = merge(&mut baseline, &batch, &policy(60), at(900));
    assert!(outcome.already_merged && !outcome.changed);
    assert_eq!(baseline, before);
}

#[test]
fn what_can_come_again_is_remembered_and_nothing_else() {
    let id = |node: &str, epoch: &str, seq| BatchId {
        node: node.into(),
        epoch: epoch.to_owned(),
        seq,
    };
    let outbox = |epoch: &str, done: Option<(&str, u64)>| Outbox::Reported {
        epoch: epoch.to_owned(),
        acknowledged: done.map(|(epoch, seq)| (epoch.to_owned(), seq)),
    };
    let mut baseline = Baseline::default();
    let all = [
        id("acknowledged", "x", 2),
        id("acknowledged", "x", 3),
        id("gone", "x", 1),
        id("new", "x", 1),
        id("not asked for", "x", 1),
        id("renewed", "w", 9),
        id("renewed", "x", 3),
        id("renewed", "y", 1),
        id("renewed and done", "x", 3),
        id("renewed and done", "y", 2),
    ];
    baseline.merged.extend(all);
    let outboxes = BTreeMap::from([
        ("acknowledged".into(), outbox("x", Some(("x", 2)))),
        ("gone".into(), Outbox::Gone),
        ("new".into(), outbox("x", None)),
        ("renewed".into(), outbox("y", Some(("x", 2)))),
        ("renewed and done".into(), outbox("y", Some(("y", 1)))),
    ]);
    assert!(baseline.forget(&outboxes));
    assert!(!baseline.forget(&outboxes));
    let left: Vec<_> = baseline.merged.into_iter().collect();
    assert_eq!(
        left,
        [
            id("acknowledged", "x", 3),
            id("new", "x", 1),
            id("not asked for", "x", 1),
            id("renewed", "x", 3),
            id("renewed", "y", 1),
            id("renewed and done", "y", 2),
        ]
    );
}

#[test]
fn containers_that_hold_nothing_and_that_no_pod_declares_are_dropped() {
    let mut world = World::mature();
    world.baseline.feed_mut(&"declared".into(), Feed::Process, at(2));
    world.baseline.feed_mut(&"made-up".into(), Feed::Process, at(2));
    assert_eq!(world.baseline.prune_containers(&["declared".into()].into()), 1);
    let left: Vec<_> = world.baseline.containers.keys().cloned().collect();
    assert_eq!(left, [container(), "declared".into()]);
}

#[test]
fn rules_that_need_no_baseline_fire_while_learning_and_teach_nothing() {
    let policy = policy(3_600);
    for (origin, source, rule) in [
        (Origin::Exec, SourceLayer::Image, Rule::ExecFromOutside),
        (Origin::Entrypoint, SourceLayer::UpperNew, Rule::ExecutableNotFromImage),
        (
            Origin::Entrypoint,
            SourceLayer::ImageChanged,
            Rule::ExecutableNotFromImage,
        ),
        (Origin::Entrypoint, SourceLayer::Memory, Rule::FilelessExecution),
        (Origin::Entrypoint, SourceLayer::Deleted, Rule::FilelessExecution),
    ] {
        let mut baseline = Baseline::default();
        let strange = behaviour(ProcessParts {
            origin,
            source,
            ..parts("/a", "/b")
        });
        let batch = batch(1, pod("p1", "h1", digest('1')), vec![seen(&strange, at(0))]);
        let outcome = merge(&mut baseline, &batch, &policy, at(0));
        assert_eq!(outcome.new_quarantined.len(), 1, "{rule}");
        assert_eq!(entry(&baseline, &strange).rule(), Some(rule));
    }
}

#[test]
fn a_behaviour_that_is_denied_later_is_quarantined_although_it_was_learned() {
    let mut world = World::mature();
    world.policy.process.deny.insert("/usr/bin/date".to_owned());
    let date = process("/usr/bin/python3", "/usr/bin/date");
    let outcome = world.shows_at("p1", "h1", '1', &date, at(70));
    assert_eq!(outcome.new_quarantined.len(), 1);
    assert_eq!(entry(&world.baseline, &date).rule(), Some(Rule::DeniedBehaviour));
    // And stays so where the denial is taken back: only a person may say that it is normal.
    world.policy.process.deny.clear();
    world.shows_at("p1", "h1", '1', &date, at(80));
    assert_eq!(entry(&world.baseline, &date).rule(), Some(Rule::DeniedBehaviour));
}

#[test]
fn a_feed_that_is_switched_off_learns_and_judges_nothing() {
    let mut world = World::mature();
    let before = world.baseline.clone();
    world.policy.process.enabled = false;
    let outcome = world.shows_at("p1", "h1", '1', &shell(), at(100));
    assert_eq!((outcome, world.baseline), (MergeOutcome::default(), before));
}

#[test]
fn measured_maturity_waits_for_the_maximum() {
    let mut world = World::mature();
    world.policy.maturity.method = crate::policy::MaturityMethod::Measured;
    world.policy.maturity.maximum = Duration::from_secs(500);
    assert_eq!(
        age(&mut world.baseline, &world.policy, at(499)),
        AgeOutcome {
            requeue_after: Some(Duration::from_secs(1)),
            ..AgeOutcome::default()
        }
    );
    let outcome = age(&mut world.baseline, &world.policy, at(500));
    assert_eq!((outcome.changed, outcome.matured), (true, 1));
    assert!(!age(&mut world.baseline, &world.policy, at(500)).changed);
}

#[test]
fn maturity_never_falls_back() {
    let mut world = World::mature();
    age(&mut world.baseline, &world.policy, at(60));
    world.policy.maturity.minimum = Duration::from_hours(72);
    age(&mut world.baseline, &world.policy, at(-1_000));
    assert_eq!(world.baseline.maturity(), Maturity::Enforcing);
}

#[test]
fn what_is_not_seen_for_the_window_is_no_longer_known() {
    const DAY: i64 = 86_400;
    let mut world = World::mature();
    let (once, date) = (
        process("/usr/bin/python3", "/usr/bin/gzip"),
        process("/usr/bin/python3", "/usr/bin/date"),
    );
    world.shows_at("p1", "h1", '1', &once, at(59));
    world
        .baseline
        .containers
        .get_mut(&container())
        .expect("learned")
        .started = None;
    for day in 6..8 {
        world.shows_at("p1", "h1", '1', &date, at(day * DAY));
        assert_eq!(age(&mut world.baseline, &world.policy, at(day * DAY)).expired, 0);
    }
    world.shows_at("p1", "h1", '1', &date, at(8 * DAY));
    let outcome = age(&mut world.baseline, &world.policy, at(8 * DAY));
    assert_eq!((outcome.changed, outcome.expired), (true, 2));
    assert_eq!((world.baseline.entries().count(), world.baseline.dormant()), (1, 2));
    let outcome = world.shows_at("p1", "h1", '1', &once, at(8 * DAY));
    let rules: Vec<Rule> = outcome.new_quarantined.iter().map(|raised| raised.rule).collect();
    assert_eq!(rules, [Rule::ReturnedBehaviour]);
    assert_eq!(world.baseline.dormant(), 1);
}

#[test]
fn a_workload_that_rests_forgets_nothing() {
    let mut world = World::mature();
    let before = world.baseline.clone();
    world.policy.window_days = 1;
    assert!(!window::expire(&mut world.baseline, &world.policy, at(90 * 86_400)).changed());
    assert_eq!(world.baseline, before);
}

#[test]
fn hours_are_counted_once_whichever_replica_was_observed() {
    let mut world = World::mature();
    let date = process("/usr/bin/python3", "/usr/bin/date");
    for (pod, hour) in [("p1", 1), ("p2", 1), ("p1", 3), ("p2", 2), ("p2", 3)] {
        world.shows_at(pod, "h1", '1', &date, at(hour * 3_600));
    }
    assert_eq!(world.baseline.hours_observed(), 4);
}

#[test]
fn a_clock_that_is_set_an_hour_forward_and_back_counts_each_hour_once_and_loses_nothing() {
    let mut world = World::mature();
    let date = process("/usr/bin/python3", "/usr/bin/date");
    let observed = world.baseline.hours_observed();
    for (hour, total) in [(10, 1), (11, 2), (10, 2), (11, 2), (12, 3)] {
        world.shows_at("p1", "h1", '1', &date, at(hour * 3_600));
        assert_eq!(world.baseline.hours_observed() - observed, total, "at {hour}");
    }
    let held = entry(&world.baseline, &date);
    assert_eq!((held.count, held.last_seen), (6, at(12 * 3_600)));
}

#[test]
fn losses_are_added_to_the_containers_of_the_batch() {
    let mut baseline = Baseline::default();
    let mut lossy = batch(1, pod("p1", "h1", digest('1')), vec![]);
    lossy.losses = BTreeMap::from([(Feed::Process, BTreeMap::from([("ring full".to_owned(), 3)]))]);
    merge(&mut baseline, &lossy, &policy(60), at(0));
    lossy.id.seq = 2;
    merge(&mut baseline, &lossy, &policy(60), at(40));
    let feed = &baseline.containers[&container()].feeds[&Feed::Process];
    let lost = Lost {
        count: 6,
        last: Some(at(40)),
    };
    assert_eq!(feed.losses, BTreeMap::from([("ring full".to_owned(), lost)]));
}

#[test]
fn what_one_container_lost_is_added_to_that_one_alone() {
    let lost = |count| BTreeMap::from([(Feed::Process, BTreeMap::from([("quota".to_owned(), count)]))]);
    let mut flooded = batch(1, pod("p1", "h1", digest('1')), vec![]);
    let sidecar = ContainerReport {
        container: ContainerName::new("sidecar"),
        ..flooded.containers[0].clone()
    };
    flooded.containers.push(sidecar);
    flooded.containers[1].losses = lost(3);
    flooded.containers.push(flooded.containers[1].clone()); // of another pod of the workload
    let mut baseline = Baseline::default();
    assert!(merge(&mut baseline, &flooded, &policy(60), at(0)).changed);
    assert!(merge(&mut baseline, &flooded, &policy(60), at(1)).already_merged);
    let held = |container: &ContainerName| baseline.containers[container].feeds[&Feed::Process].losses.clone();
    let expected = Lost {
        count: 6,
        last: Some(at(0)),
    };
    assert_eq!(
        held(&ContainerName::new("sidecar")),
        BTreeMap::from([("quota".to_owned(), expected)])
    );
    assert_eq!(held(&container()), BTreeMap::new());
}

#[test]
fn an_entry_edited_by_hand_is_filed_under_the_id_that_it_really_has() {
    let mut world = World::mature();
    world.shows_at("p1", "h1", '1', &shell(), at(100));
    let quarantined = entry(&world.baseline, &shell()).clone();
    let learned = Entry {
        state: EntryState::Learned,
        count: 1_000,
        ..quarantined.clone()
    };
    for order in [[&learned, &quarantined], [&quarantined, &learned]] {
        let mut feed = FeedBaseline::new(at(0));
        for entry in order {
            feed.insert(entry.clone());
        }
        assert_eq!(feed.entries, BTreeMap::from([(shell().id(), quarantined.clone())]));
    }
}

#[test]
fn a_pod_that_ran_two_digests_is_remembered_to_have() {
    let mut world = World::mature();
    world.shows_at("p1", "h1", '1', &shell(), at(100));
    world.shows_at("p1", "h1", '2', &shell(), at(110));
    world.shows_at("p1", "h1", '1', &shell(), at(120));
    let held = entry(&world.baseline, &shell());
    assert_eq!(held.shown_by[&"p1".into()].digest, Seen::Several);
    assert_eq!(held.pods, 1);
}

/// A library of the image, or of a volume.
fn library(source: SourceLayer, origin: Origin) -> Behaviour {
    Behaviour::Module(ModuleBehaviour::from(ModuleParts {
        origin,
        path: "/usr/lib/x.so".to_owned(),
        sha256: Some("a".repeat(64)),
        source,
        executable: "/usr/bin/python3".to_owned(),
        ..ModuleParts::default()
    }))
}

#[test]
fn a_library_of_the_image_is_normal_at_any_time_and_another_is_not() {
    let mut world = World::mature();
    // The first report of a feed begins its learning.
    world.shows_at("p1", "h1", '1', &library(SourceLayer::Image, Origin::Exec), at(0));
    let of_image = library(SourceLayer::Image, Origin::Entrypoint);
    let of_volume = library(SourceLayer::Volume, Origin::Entrypoint);
    assert_eq!(world.shows_at("p1", "h1", '1', &of_image, at(100)).new_learned.len(), 1);
    let raised = world.shows_at("p1", "h1", '1', &of_volume, at(101)).new_quarantined;
    assert_eq!(
        raised.iter().map(|raised| raised.rule).collect::<Vec<_>>(),
        [Rule::UnapprovedModule]
    );
}

#[test]
fn a_feed_that_no_sensor_could_watch_does_not_mature() {
    let mut world = World::mature();
    let flow = Behaviour::Network(NetworkBehaviour::from(NetworkParts {
        origin: Origin::Entrypoint,
        executable: "/usr/bin/python3".to_owned(),
        direction: Direction::Connect,
        protocol: Protocol::Tcp,
        port: 443,
        destination: Destination::Name("example.org".to_owned()),
    }));
    world.policy.maturity = crate::policy::Policy::default().maturity;
    world.shows_at("p1", "h1", '1', &flow, at(0));
    // Long after both would have to judge by the time that went by.
    let late = at(30 * 86_400);
    let aged = age(&mut world.baseline, &world.policy, late);
    assert_eq!(aged.matured, 1);
    let feeds = &world.baseline.containers[&container()].feeds;
    let of = |feed| {
        (
            feeds[&feed].hours.total,
            feeds[&feed].entries.len(),
            feeds[&feed].maturity,
        )
    };
    assert_eq!(of(Feed::Process), (1, 2, Maturity::Enforcing));
    assert_eq!(of(Feed::Network), (0, 1, Maturity::Learning));
    assert!(!feeds.contains_key(&Feed::Module));
    // Nor is it asked again and again when it will.
    assert_eq!(aged.requeue_after, Some(Duration::from_hours(24)));
    // Whoever asks for a plain time gets that.
    world.policy.maturity = policy(60).maturity;
    age(&mut world.baseline, &world.policy, late);
    assert_eq!(world.baseline.maturity(), Maturity::Enforcing);
}

#[test]
fn a_pod_that_somebody_makes_up_does_not_begin_the_time_that_a_workload_learns_for() {
    let mut world = World::mature();
    world.baseline = Baseline::default();
    let ghost = ReportingPod {
        verified: false,
        ..pod("ghost", "h1", digest('1'))
    };
    world.reports(ghost, &shell(), at(0));
    age(&mut world.baseline, &world.policy, at(1_000));
    let first = process("", "/usr/bin/python3");
    let outcome = world.shows_at("p1", "h1", '1', &first, at(1_000));
    assert_eq!((outcome.new_learned.len(), outcome.new_quarantined), (1, vec![]));
    let feed = &world.baseline.containers[&container()].feeds[&Feed::Process];
    assert_eq!((feed.started_at, feed.maturity), (at(1_000), Maturity::Learning));
    // What was made up is still raised, and nothing else began anew.
    assert!(entry(&world.baseline, &shell()).is_quarantined());
    world.shows_at("p1", "h1", '1', &first, at(1_060));
    assert_eq!(world.baseline.maturity(), Maturity::Enforcing);
}
