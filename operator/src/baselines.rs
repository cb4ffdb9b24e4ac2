//! A baseline's object: its name, and its status with what people are told about it.

mod commands;
mod expectation;

use std::{collections::BTreeMap, time::Duration};

use anchorwatch_core::{
    baseline::{Baseline, Maturity},
    behaviour::Feed,
    id::{WorkloadKey, object_name},
    policy::Policy,
    rules::subject,
};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, BehaviorBaselineSpec, BehaviorBaselineStatus, WorkloadReference};
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;

use crate::{
    conditions::{self, GENERALISED, LOSS_OBSERVED, READY, Statement, TRUNCATED},
    convert::{baseline_to_crd, from_clock},
    losses,
    world::{Guarded, World},
};

/// Largest object that is meant to be, in bytes of JSON.
const INTENDED_BYTES: usize = 512 * 1_024;
/// Most labels that a baseline remembers: the schema's.
const MAX_LABELS: usize = 64;
/// Most bytes of names and values of labels that a baseline remembers. Labels are whoever makes a pod's to choose.
const LABEL_BYTES: usize = 6 * 1_024;

/// The workload that a baseline is about.
pub fn workload_of(baseline: &BehaviorBaseline) -> WorkloadKey {
    let workload = &baseline.spec.workload;
    WorkloadKey::new(
        baseline.metadata.namespace.clone().unwrap_or_default(),
        &workload.kind,
        &workload.name,
    )
}

/// Name of a workload's baseline.
pub fn name_of(workload: &WorkloadKey) -> String {
    object_name(&workload.kind, &workload.name, None)
}

/// A workload's baseline, as caches and queues name it.
pub fn reference(workload: &WorkloadKey) -> ObjectRef<Guarded<BehaviorBaseline>> {
    ObjectRef::new(&name_of(workload)).within(&workload.namespace)
}

/// Every baseline, or every one of a namespace.
pub fn all(world: &World, namespace: Option<&str>) -> Vec<ObjectRef<Guarded<BehaviorBaseline>>> {
    let held = world.baselines.state();
    let references = held.iter().map(|baseline| ObjectRef::from_obj(baseline.as_ref()));
    let within = |reference: &ObjectRef<_>| namespace.is_none_or(|name| reference.namespace.as_deref() == Some(name));
    references.filter(within).collect()
}

/// A workload's new baseline, without anything learned.
pub fn empty(workload: &WorkloadKey) -> BehaviorBaseline {
    let spec = BehaviorBaselineSpec {
        workload: WorkloadReference {
            kind: workload.kind.clone(),
            name: workload.name.clone(),
        },
    };
    let mut baseline = BehaviorBaseline::new(&name_of(workload), spec);
    baseline.metadata.namespace = Some(workload.namespace.clone());
    baseline
}

/// Labels as a baseline remembers them: the first of them, by name, where there are many. Whose labels take more room
/// than that gets them cut short, and may lose a policy for the time after its last pod.
pub fn remembered(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut room = LABEL_BYTES;
    let fits = |(name, value): &(&String, &String)| {
        let bytes = name.len() + value.len();
        let fits = bytes <= room;
        room = room.saturating_sub(bytes);
        fits
    };
    let kept = labels.iter().take(MAX_LABELS).take_while(fits);
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The status that an object is to have for what was learned, under a policy.
pub fn status_of(
    object: &BehaviorBaseline,
    baseline: &Baseline,
    policy: &Policy,
    now: Timestamp,
) -> BehaviorBaselineStatus {
    let mut status = baseline_to_crd(baseline);
    expectation::set(&mut status, baseline, policy);
    commands::set(&mut status, baseline, policy);
    if let Some(before) = &object.status {
        status.conditions.clone_from(&before.conditions);
        status.pod_labels.clone_from(&before.pod_labels);
    }
    let bytes = serde_json::to_vec(&status).map_or(usize::MAX, |json| json.len());
    let statements = vec![
        ready(baseline, policy),
        commands::scorable(baseline, policy),
        generalised(baseline),
        truncated(baseline, bytes),
        loss_observed(baseline, policy.window_days, now),
    ];
    conditions::set(&mut status.conditions, statements, object.metadata.generation, now);
    status
}

fn ready(baseline: &Baseline, policy: &Policy) -> Statement {
    let (holds, reason, message) = match baseline.maturity() {
        _ if baseline.learned() + baseline.quarantined() == 0 => (false, "Empty", "nothing was observed yet"),
        Maturity::Learning => (
            false,
            "Learning",
            "it still learns: only what needs no baseline is raised",
        ),
        Maturity::Provisional => (
            false,
            "Provisional",
            "novelty is raised one severity lower, and waits for review",
        ),
        Maturity::Enforcing => (true, "Enforcing", "every container's deviations are raised"),
    };
    Statement {
        type_: READY,
        holds,
        reason,
        message: format!("{message}; {}", expectation::sentence(baseline, policy)),
    }
}

/// Entries that a condition names.
const NAMED: usize = 3;

fn generalised(baseline: &Baseline) -> Statement {
    let stand_for_others = baseline
        .entries()
        .filter(|(_, _, entry)| entry.generalised && !entry.is_quarantined());
    let mut named =
        stand_for_others.map(|(container, _, entry)| format!("{} (container {container})", subject(&entry.behaviour)));
    let first: Vec<_> = named.by_ref().take(NAMED).collect();
    let more = named.count();
    let (reason, message) = match (first.as_slice(), more) {
        ([], _) => ("AllToldApart", "every behaviour has an entry of its own".to_owned()),
        (first, 0) => (
            "RoomShort",
            format!("each of these stands for many: {}", first.join("; ")),
        ),
        (first, more) => (
            "RoomShort",
            format!("each of these and of {more} more stands for many: {}", first.join("; ")),
        ),
    };
    Statement {
        type_: GENERALISED,
        holds: !first.is_empty(),
        reason,
        message,
    }
}

fn truncated(baseline: &Baseline, bytes: usize) -> Statement {
    let overflowed = baseline.all_overflowed();
    let (holds, reason, message) = if overflowed > 0 {
        let message = format!("no room was left for what was reported {overflowed} times");
        (true, "NoRoom", message)
    } else if bytes > INTENDED_BYTES {
        let message = format!("it takes more than the {INTENDED_BYTES} bytes that a baseline is meant to take");
        (true, "TooLarge", message)
    } else {
        (false, "Complete", "everything that was reported found room".to_owned())
    };
    Statement {
        type_: TRUNCATED,
        holds,
        reason,
        message,
    }
}

/// How long a loss is told of: for as long as what is learned is kept.
fn window(days: u8) -> Duration {
    Duration::from_hours(24).saturating_mul(days.into())
}

/// Losses by feed and reason, and for how much longer each is told of.
fn recent_losses(baseline: &Baseline, window_days: u8, now: Timestamp) -> BTreeMap<Feed, BTreeMap<&str, Duration>> {
    let mut recent: BTreeMap<Feed, BTreeMap<&str, Duration>> = BTreeMap::new();
    for (_, feed, held) in baseline.feeds() {
        for (reason, lost) in &held.losses {
            let ends = lost.last.map(|last| last.plus(window(window_days)));
            let left = ends.map_or(Duration::ZERO, |ends| ends.since(from_clock(now)));
            if !left.is_zero() {
                let longest = recent.entry(feed).or_default().entry(reason).or_default();
                *longest = left.max(*longest);
            }
        }
    }
    recent
}

/// When the next of a baseline's losses is no longer told of.
pub fn next_loss_ends(baseline: &Baseline, window_days: u8, now: Timestamp) -> Option<Duration> {
    let recent = recent_losses(baseline, window_days, now);
    recent.into_values().flat_map(BTreeMap::into_values).min()
}

fn loss_observed(baseline: &Baseline, window_days: u8, now: Timestamp) -> Statement {
    let recent = recent_losses(baseline, window_days, now);
    let mut reasons = recent.values().flat_map(BTreeMap::keys);
    let (reason, message) = if recent.is_empty() {
        let message = format!("no sensor reported a loss of its containers' events in the last {window_days} days");
        ("NoLoss", message)
    } else if reasons.any(|reason| losses::is_of_events(reason)) {
        let reasons = losses::told(recent.iter().map(|(feed, reasons)| (*feed, reasons.keys().copied())));
        let message = format!(
            "a sensor on a node of its pods lost events in the last {window_days} days, what it learned may lack \
             something: {reasons}"
        );
        ("EventsLost", message)
    } else {
        let message = format!(
            "a sensor on a node of its pods was not running for a while in the last {window_days} days: what happened \
             then is not known"
        );
        ("SensorRestarted", message)
    };
    Statement {
        type_: LOSS_OBSERVED,
        holds: !recent.is_empty(),
        reason,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::{
        baseline::{Batch, BehaviourReport, ContainerReport, Entry, EntryState, Lost, Marks, ReportingPod, merge},
        behaviour::{
            Attributes, Behaviour, Destination, Direction, ModuleParts, NetworkParts, Origin, ProcessParts, Protocol,
            SourceLayer,
        },
        id::BatchId,
        policy::MaturityMethod,
        time,
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
            attributes: Attributes::default(),
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
    fn labels_that_would_fill_an_object_are_cut_short() {
        let few = BTreeMap::from([("app".to_owned(), "agent".to_owned())]);
        assert_eq!(remembered(&few), few);
        let many = |value: &str| {
            (0..200)
                .map(|number| (format!("l{number:03}"), value.to_owned()))
                .collect()
        };
        assert_eq!(remembered(&many("")).len(), 64);
        assert_eq!(remembered(&many(&"x".repeat(300))).len(), 20);
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
}
