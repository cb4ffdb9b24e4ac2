//! What a baseline says of itself.

use std::{collections::BTreeMap, time::Duration};

use anchorwatch_core::{
    baseline::{
        Baseline, Batch, BehaviourReport, ContainerReport, Entry, EntryState, Lost, Marks, Maturity, ReportingPod,
        merge,
    },
    behaviour::{
        Attributes, Behaviour, Destination, Direction, Feed, ModuleParts, NetworkParts, Origin, ProcessParts, Protocol,
        SourceLayer,
    },
    id::BatchId,
    policy::{MaturityMethod, Policy},
    rare::Rare,
    time,
};
use anchorwatch_crds::v1alpha1::BehaviorBaselineStatus;
use jiff::Timestamp;

use super::{status::INTENDED_BYTES, *};
use crate::{
    conditions::{LOSS_OBSERVED, READY, TRUNCATED},
    convert::from_clock,
};

fn baseline(change: impl FnOnce(&mut anchorwatch_core::baseline::FeedBaseline)) -> BehaviorBaselineStatus {
    let mut baseline = Baseline::default();
    change(baseline.feed_mut(&"app".into(), Feed::Process, time::Timestamp::from_secs(0)));
    let object = empty(&WorkloadKey::new("shop", "Deployment", "agent"));
    status_of(&object, &baseline, &Policy::default(), at_day(10))
}

fn at_day(day: i64) -> Timestamp {
    Timestamp::from_second(day * 86_400).unwrap()
}

fn lost(reason: &str, day: i64) -> (String, Lost) {
    let last = Some(from_clock(at_day(day)));
    (reason.to_owned(), Lost { count: 1, last })
}

fn condition(status: &BehaviorBaselineStatus, type_: &str) -> String {
    let found = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == type_)
        .unwrap();
    format!("{} {}", found.status, found.reason)
}

/// Something that was learned.
fn learned() -> Entry {
    Entry {
        behaviour: one_of_many(Feed::Process, 1),
        attributes: Rare::default(),
        state: EntryState::Learned,
        lineage: Vec::new(),
        count: 1,
        first_seen: time::Timestamp::from_secs(0),
        last_seen: time::Timestamp::from_secs(0),
        days: Marks { newest: 0, bits: 1 },
        pods: 1,
        shown_by: BTreeMap::new(),
        unverified: false,
        snapshot: false,
        strangeness: None,
        provisional: false,
        lesson: anchorwatch_core::baseline::Lesson::default(),
        generalised: false,
    }
}

#[test]
fn a_young_baseline_is_not_ready_and_lacks_nothing() {
    let status = baseline(|_| {});
    assert_eq!(condition(&status, READY), "False Empty");
    assert_eq!(condition(&status, TRUNCATED), "False Complete");
    assert_eq!(condition(&status, LOSS_OBSERVED), "False NoLoss");
}

#[test]
fn a_tolerance_that_nothing_can_tell_is_said_to_be_out_of_reach() {
    let judged_by = |alerts_per_thousand_weeks| {
        let mut held = Baseline::default();
        let feed = held.feed_mut(&"app".into(), Feed::Process, time::Timestamp::from_secs(0));
        feed.maturity = Maturity::Enforcing;
        feed.insert(learned());
        let mut policy = Policy::default();
        policy.tolerance.alerts_per_thousand_weeks = alerts_per_thousand_weeks;
        let object = empty(&WorkloadKey::new("shop", "Deployment", "agent"));
        status_of(&object, &held, &policy, at_day(10))
    };
    assert_eq!(condition(&judged_by(100), "CommandsScorable"), "True Scorable");
    let status = judged_by(0);
    assert_eq!(condition(&status, "CommandsScorable"), "False TooFewCommands");
    let standing = status.containers[0].feeds[0].commands.clone().unwrap();
    assert!(!standing.scorable && standing.alpha_millionths == 0, "{standing:?}");
}

#[test]
fn a_baseline_says_what_it_lacks() {
    let status = baseline(|feed| {
        feed.maturity = Maturity::Enforcing;
        feed.insert(learned());
        feed.overflowed = 3;
        feed.losses = [lost("container_quota", 9)].into();
    });
    assert_eq!(condition(&status, READY), "True Enforcing");
    assert_eq!(condition(&status, TRUNCATED), "True NoRoom");
    assert_eq!(condition(&status, LOSS_OBSERVED), "True EventsLost");
    let said = status.conditions.iter().find(|said| said.type_ == LOSS_OBSERVED);
    let message = &said.unwrap().message;
    assert!(message.ends_with(": process (container_quota)"), "{message}");
}

#[test]
fn a_loss_is_told_of_for_the_window() {
    for (reason, day, told) in [
        ("kernel_ring_full", 4, "True EventsLost"),
        ("kernel_ring_full", 3, "False NoLoss"),
        ("sensor_restarted", 4, "True SensorRestarted"),
        ("sensor_restarted", 3, "False NoLoss"),
    ] {
        let status = baseline(|feed| feed.losses = [lost(reason, day)].into());
        assert_eq!(condition(&status, LOSS_OBSERVED), told, "{reason} on day {day}");
    }
    let status = baseline(|feed| feed.losses = [lost("sensor_restarted", 9), lost("outbox_full", 1)].into());
    assert_eq!(condition(&status, LOSS_OBSERVED), "True SensorRestarted");
}

#[test]
fn the_name_says_kind_and_name() {
    assert_eq!(
        name_of(&WorkloadKey::new("shop", "Deployment", "agent")),
        "deployment-agent"
    );
}

/// A behaviour of the feed, one of many.
fn one_of_many(feed: Feed, number: u32) -> Behaviour {
    let path = format!("/usr/lib/x86_64-linux-gnu/some/where/{number}");
    match feed {
        Feed::Process => Behaviour::Process(
            ProcessParts {
                origin: Origin::Entrypoint,
                parent: "/usr/bin/python3".into(),
                executable: path,
                ..ProcessParts::default()
            }
            .into(),
        ),
        Feed::Network => Behaviour::Network(
            NetworkParts {
                origin: Origin::Entrypoint,
                executable: "/usr/bin/python3".into(),
                direction: Direction::Connect,
                protocol: Protocol::Tcp,
                port: 443,
                // Nothing stands for the cluster's own Services.
                destination: Destination::Service(format!("kube-system/service-{number}-of-the-cluster")),
            }
            .into(),
        ),
        Feed::Module => Behaviour::Module(
            ModuleParts {
                origin: Origin::Entrypoint,
                path,
                sha256: Some(format!("{number:064x}")),
                source: SourceLayer::Volume,
                executable: "/usr/bin/python3".into(),
                ..ModuleParts::default()
            }
            .into(),
        ),
    }
}

#[test]
fn the_most_of_every_feed_fits_into_one_object() {
    let mut held = Baseline::default();
    let mut policy = Policy::default();
    policy.maturity.method = MaturityMethod::Elapsed;
    policy.maturity.minimum = Duration::from_mins(1);
    for (seq, second) in [(1, 0), (2, 1), (3, 100), (4, 101)] {
        let report = |feed, number| BehaviourReport {
            behaviour: one_of_many(feed, number + u32::from(second >= 100) * 10_000),
            attributes: Attributes {
                addresses: (0..16)
                    .map(|last| std::net::Ipv4Addr::new(192, 0, 2, last).into())
                    .collect(),
                bytes_sent: 1 << 40,
                ..Attributes::default()
            },
            lineage: vec!["/usr/bin/python3".into(); 3],
            count: 1_000,
            first_seen: time::Timestamp::from_secs(second),
            last_seen: time::Timestamp::from_secs(second),
            snapshot: false,
            startup: false,
        };
        let batch = Batch {
            id: BatchId {
                node: "node1".into(),
                epoch: "e".repeat(32),
                seq,
            },
            watched: Feed::ALL.into(),
            runs_elsewhere: false,
            containers: vec![ContainerReport {
                container: "app".into(),
                pod: ReportingPod {
                    uid: "uid".into(),
                    name: "agent-5d-x".into(),
                    digest: None,
                    template_hash: None,
                    verified: true,
                },
                hours: [].into(),
                behaviours: Feed::ALL
                    .into_iter()
                    .flat_map(|feed| (0..500).map(move |number| report(feed, number)))
                    .collect(),
                losses: BTreeMap::new(),
            }],
            losses: BTreeMap::new(),
        };
        merge(&mut held, &batch, &policy, time::Timestamp::from_secs(second));
    }
    assert!(
        held.learned() > 350 && held.quarantined() > 30,
        "{} {}",
        held.learned(),
        held.quarantined()
    );
    for (_, feed, feed_held) in held.feeds() {
        assert!(
            feed_held.entries.len() > 15,
            "{feed:?} holds {}",
            feed_held.entries.len()
        );
    }
    let object = empty(&WorkloadKey::new("shop", "Deployment", "agent"));
    let status = status_of(&object, &held, &policy, at_day(1));
    let bytes = serde_json::to_vec(&status).unwrap().len();
    assert!(bytes < INTENDED_BYTES, "{bytes} bytes");
}
