//! What follows from a batch: which baselines change, and what the acknowledgement says.

use std::collections::{BTreeMap, BTreeSet};

use anchorwatch_core::{
    baseline::{Batch, Losses, Outbox, merge_scored},
    behaviour::Feed,
    id::{BatchId, ContainerName, NodeName, WorkloadKey},
    policy::Policy,
};
use anchorwatch_crds::v1alpha1::{
    Acknowledgement, BehaviorBaseline, BehaviorBaselineStatus, EntryState, SensorReport, SensorReportStatus,
};
use jiff::Timestamp;
use kube::ResourceExt;

use super::{
    fetch::{Stored, Surroundings},
    node, outboxes,
    sort::Sorted,
};
use crate::{
    baselines, conditions,
    convert::{baseline_from_crd, from_clock, losses_from_crd},
    losses, reports,
    scorings::Scorings,
    test_switch::TestSwitches,
};

/// Why behaviours found no baseline. Labels of a metric.
pub mod dropped {
    /// The pod is unknown, and no workload that is known has such a name.
    pub const POD_UNKNOWN: &str = "pod-unknown";
    /// The pod's controller is gone.
    pub const OWNER_GONE: &str = "owner-gone";
    /// No policy selects the workload.
    pub const NO_POLICY: &str = "no-policy";
    /// The workload's baseline can't be read.
    pub const BASELINE_MALFORMED: &str = "baseline-malformed";
    /// The pod declares no such container.
    pub const CONTAINER_UNKNOWN: &str = "container-unknown";
    /// The policy switched the feed off.
    pub const FEED_DISABLED: &str = "feed-disabled";
    /// It is of no feed that this version knows, or its destination can't be read.
    pub const MALFORMED: &str = "malformed";
    /// A sensor claims it of its node, and it is nothing that is asked of a node itself.
    pub const NOT_A_NODES: &str = "not-a-nodes";
    /// The baseline has no room left.
    pub const NO_ROOM: &str = "no-room";
    /// The API server does not take the baseline as it would be: the schema, a policy, a webhook or a quota refuses it.
    pub const REFUSED: &str = "refused";
    /// The workload's namespace is going.
    pub const NAMESPACE_GONE: &str = "namespace-gone";
}

/// What is to be written, and counted once it is.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Baselines that change.
    pub baselines: Vec<Changed>,
    /// The report with its acknowledgement.
    pub report: SensorReport,
    /// What is counted.
    pub tally: Tally,
    /// What a person would look for in the node's events.
    pub hooks_failed: Option<String>,
}

/// A baseline that changes.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The object. Without resourceVersion it is to be created.
    pub object: BehaviorBaseline,
    /// Behaviours of the batch that it takes: what is lost where it can't be written.
    pub behaviours: usize,
}

/// What is counted once a batch is acknowledged.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// True where every baseline knew the batch already.
    pub repeated: bool,
    /// True where the node's outbox began anew.
    pub renewed: bool,
    /// Behaviours that were merged for the first time, by feed.
    pub merged: BTreeMap<Feed, usize>,
    /// Behaviours that named a pod of another node.
    pub rejected: usize,
    /// Behaviours that found no baseline, by reason.
    pub dropped: BTreeMap<&'static str, usize>,
    /// Behaviours of pods that the API server does not know.
    pub unverified: usize,
    /// Events that the sensor lost, whosever they were, by feed and reason.
    pub losses: Losses,
}

/// Merges a sorted batch into the baselines as they are.
pub fn plan(
    report: SensorReport,
    sorted: Sorted,
    surroundings: Surroundings,
    scorings: &Scorings,
    switches: &TestSwitches,
    now: Timestamp,
) -> Plan {
    let Surroundings {
        baselines: mut stored,
        declared,
        mut repositories,
        run_elsewhere,
        mut outboxes,
    } = surroundings;
    outboxes.insert(report.name_any().into(), outboxes::of(&report));
    let lost = lost(&report, reports::is_renewed(&report));
    let mut tally = Tally::begin(&report, &sorted, &lost);
    let mut baselines = Vec::new();
    for (workload, group) in sorted.groups {
        let watched = Feed::ALL.into_iter().filter(|feed| group.policy.watches(*feed));
        let by_feed: Vec<_> = watched.map(|feed| (feed, group.behaviours(|of| of == feed))).collect();
        let behaviours = by_feed.iter().map(|(_, count)| count).sum();
        tally.drop(
            dropped::FEED_DISABLED,
            group.behaviours(|feed| !group.policy.watches(feed)),
        );
        if by_feed.is_empty() {
            tally.repeated = false;
            continue;
        }
        let object = match stored.remove(&workload) {
            Some(Stored::Found(object)) => *object,
            Some(Stored::Missing) | None => baselines::empty(&workload),
            Some(Stored::Malformed) => {
                tally.drop(dropped::BASELINE_MALFORMED, behaviours);
                continue;
            }
        };
        let batch = Batch {
            id: batch_id(&report),
            watched: node::watched(&report.spec.hooks),
            runs_elsewhere: run_elsewhere.contains(&workload),
            containers: group.containers,
            losses: lost.clone(),
        };
        let merging = Merging {
            workload: &workload,
            repositories: repositories.remove(&workload).unwrap_or_default(),
            scorings,
            batch: &batch,
            policy: &group.policy,
            switches,
            labels: group.labels.as_ref(),
            declared: declared.get(&workload),
            outboxes: &outboxes,
            now,
        };
        let merged = merging.into_object(object);
        tally.repeated &= merged.already;
        for (feed, count) in by_feed.into_iter().filter(|_| !merged.already) {
            *tally.merged.entry(feed).or_default() += count;
        }
        tally.drop(dropped::NO_ROOM, merged.overflowed);
        baselines.extend(merged.changed.map(|object| Changed {
            object,
            behaviours: behaviours.saturating_sub(merged.overflowed),
        }));
    }
    let previous = report.status.clone().unwrap_or_default();
    let status = acknowledge(&report, previous.clone(), &tally, now);
    Plan {
        baselines,
        hooks_failed: node::newly_missing(&previous, &status),
        report: SensorReport {
            status: Some(status),
            ..report
        },
        tally,
    }
}

/// What the batch says is lost, whosever it was.
fn all_lost(report: &SensorReport, anybodys: &Losses) -> Losses {
    let mut all = anybodys.clone();
    for container in &report.spec.container_losses {
        for (feed, reasons) in losses_from_crd(&container.losses, losses::bounded) {
            for (reason, count) in reasons {
                let sum = all.entry(feed).or_default().entry(reason).or_default();
                *sum = sum.saturating_add(count);
            }
        }
    }
    all
}

/// What the batch says is lost and may be anybody's, by feed and reason.
fn lost(report: &SensorReport, renewed: bool) -> Losses {
    let mut lost = losses_from_crd(&report.spec.losses, losses::bounded);
    if renewed {
        for feed in Feed::ALL {
            let reasons = lost.entry(feed).or_default();
            reasons.insert(losses::OUTBOX_RENEWED.to_owned(), 1);
        }
    }
    lost
}

impl Tally {
    /// What is counted of a sorted batch whatever becomes of its behaviours.
    fn begin(report: &SensorReport, sorted: &Sorted, lost: &Losses) -> Self {
        Self {
            repeated: !sorted.groups.is_empty(),
            renewed: reports::is_renewed(report),
            merged: BTreeMap::new(),
            rejected: sorted.rejected,
            dropped: sorted.dropped.clone(),
            unverified: sorted.unverified,
            losses: all_lost(report, lost),
        }
    }

    /// Counts behaviours that are dropped.
    pub fn drop(&mut self, reason: &'static str, behaviours: usize) {
        if behaviours > 0 {
            *self.dropped.entry(reason).or_default() += behaviours;
        }
    }
}

struct Merged {
    already: bool,
    overflowed: usize,
    changed: Option<BehaviorBaseline>,
}

/// What an object is merged with.
struct Merging<'a> {
    workload: &'a WorkloadKey,
    repositories: BTreeMap<ContainerName, String>,
    scorings: &'a Scorings,
    batch: &'a Batch,
    policy: &'a Policy,
    switches: &'a TestSwitches,
    labels: Option<&'a BTreeMap<String, String>>,
    declared: Option<&'a BTreeSet<ContainerName>>,
    outboxes: &'a BTreeMap<NodeName, Outbox>,
    now: Timestamp,
}

impl Merging<'_> {
    fn into_object(self, object: BehaviorBaseline) -> Merged {
        let mut baseline = baseline_from_crd(object.status.clone().unwrap_or_default());
        // Not while no pod is there: a workload that rests keeps how long it has learned.
        if let Some(declared) = self.declared.filter(|declared| !declared.is_empty()) {
            baseline.prune_containers(declared);
        }
        let outcome = self.scorings.with(self.workload, self.repositories, |scoring| {
            merge_scored(&mut baseline, self.batch, self.policy, scoring, from_clock(self.now))
        });
        let overflowed = usize::try_from(outcome.overflowed).unwrap_or(usize::MAX);
        if !outcome.changed {
            return Merged {
                already: outcome.already_merged,
                overflowed,
                changed: None,
            };
        }
        baseline.forget(self.outboxes);
        let mut status = baselines::status_of(&object, &baseline, self.policy, self.now);
        if self.switches.no_drift_decision {
            learn_everything(&mut status);
        }
        if let Some(labels) = self.labels {
            status.pod_labels = baselines::remembered(labels);
        }
        Merged {
            already: false,
            overflowed,
            changed: Some(BehaviorBaseline {
                status: Some(status),
                ..object
            }),
        }
    }
}

/// What a test makes of the decision: nothing is drift, however mature the baseline is.
fn learn_everything(status: &mut BehaviorBaselineStatus) {
    let feeds = status.containers.iter_mut().flat_map(|container| &mut container.feeds);
    for entry in feeds.flat_map(|feed| &mut feed.entries) {
        entry.state = EntryState::Learned;
        entry.rule = None;
    }
    status.learned += std::mem::take(&mut status.quarantined);
}

fn batch_id(report: &SensorReport) -> BatchId {
    BatchId {
        node: report.name_any().into(),
        epoch: report.spec.epoch.clone(),
        seq: u64::try_from(report.spec.seq).unwrap_or(0),
    }
}

fn acknowledge(
    report: &SensorReport,
    previous: SensorReportStatus,
    tally: &Tally,
    now: Timestamp,
) -> SensorReportStatus {
    let rejected = i64::try_from(tally.rejected).unwrap_or(i64::MAX);
    let mut status = SensorReportStatus {
        acknowledged: Some(Acknowledgement {
            epoch: report.spec.epoch.clone(),
            seq: report.spec.seq,
        }),
        rejected: previous.rejected.saturating_add(rejected),
        epochs: previous.epochs.saturating_add(tally.renewed.into()),
        conditions: previous.conditions,
    };
    let statements = node::statements(&report.spec.hooks, tally);
    conditions::set(&mut status.conditions, statements, report.metadata.generation, now);
    status
}
