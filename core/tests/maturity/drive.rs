//! A baseline that is told what a workload does, as sensors tell it.

use std::collections::{BTreeMap, BTreeSet};

use anchorwatch_core::{
    baseline::{Baseline, Batch, BehaviourReport, ContainerReport, FeedBaseline, Quarantine, ReportingPod, age, merge},
    behaviour::{Attributes, Behaviour, Feed, Origin, ProcessParts, SourceLayer},
    id::{BatchId, ContainerName},
    policy::Policy,
    time::{Duration, Hour, Timestamp},
};

use crate::workload::Workload;

/// Pods of one workload that are told apart where nothing else is asked for: what matters is whether more than one shows a
/// thing, and hundreds of workloads are simulated.
const PODS: usize = 3;
/// The hour that simulations begin in: the first of a day of 2026.
const BEGIN: i64 = 490_896;

/// A baseline, and what merging into it needs.
#[derive(Debug, Default)]
pub struct Drive {
    pub baseline: Baseline,
    pub policy: Policy,
    /// The sensor loses something in every so-manieth hour.
    pub loses_every: Option<i64>,
    /// How many pods are told apart at the most, where it is not [`PODS`].
    pub pods: Option<usize>,
    seq: u64,
}

/// An hour of the simulation.
pub fn hour(number: i64) -> Hour {
    Hour(BEGIN + number)
}

/// A point in time so many minutes into an hour of the simulation.
pub fn at(number: i64, minutes: u64) -> Timestamp {
    hour(number).begins().plus(Duration::from_mins(minutes))
}

pub fn container() -> ContainerName {
    ContainerName::new("app")
}

/// The behaviour of a key.
pub fn behaviour(key: &str) -> Behaviour {
    Behaviour::Process(
        ProcessParts {
            origin: Origin::Entrypoint,
            parent: "/app/server".to_owned(),
            executable: format!("/app/{key}"),
            source: SourceLayer::Image,
            ..ProcessParts::default()
        }
        .into(),
    )
}

impl Drive {
    /// Tells what happened from one hour to before another, in batches of so many hours, and lets time pass after each.
    /// Returns what was raised, with the hour at the end of the batch that told of it.
    pub fn run(&mut self, workload: &Workload, hours: std::ops::Range<i64>, step: usize) -> Vec<(i64, Quarantine)> {
        let mut raised = Vec::new();
        let end = hours.end;
        for from in hours.step_by(step) {
            let to = (from + i64::try_from(step).unwrap_or(1)).min(end);
            let now = at(to, 0);
            for batch in self.batches(workload, from, to) {
                let outcome = merge(&mut self.baseline, &batch, &self.policy, now);
                raised.extend(outcome.new_quarantined.into_iter().map(|raised| (to, raised)));
            }
            age(&mut self.baseline, &self.policy, now);
            self.baseline.merged.clear();
        }
        raised
    }

    /// The batches of some hours, one a pod.
    fn batches(&mut self, workload: &Workload, from: i64, to: i64) -> Vec<Batch> {
        let observed = (from..to).filter(|hour| !workload.idle.contains(hour));
        let observed: BTreeSet<Hour> = observed.map(hour).collect();
        if observed.is_empty() {
            return Vec::new();
        }
        let pods = 0..workload.replicas.min(self.pods.unwrap_or(PODS));
        let batches = pods.map(|pod| {
            self.seq += 1;
            let mut seen: BTreeMap<&str, BehaviourReport> = BTreeMap::new();
            for (number, keys) in workload.hours.range(from..to) {
                for (key, _) in keys.iter().filter(|(_, pods)| **pods > pod) {
                    let time = at(*number, 30);
                    let report = seen.entry(key).or_insert_with(|| report(key, time));
                    report.count += 1;
                    report.last_seen = time;
                }
            }
            let mut batch = batch(self.seq, pod, observed.clone(), seen.into_values().collect());
            if self.loses_every.is_some_and(|every| from % every == 0) {
                let lost = BTreeMap::from([("ring_full".to_owned(), 1)]);
                batch.losses = BTreeMap::from([(Feed::Process, lost)]);
            }
            batch
        });
        batches.collect()
    }

    /// What was learned of its processes.
    pub fn feed(&self) -> &FeedBaseline {
        &self.baseline.containers[&container()].feeds[&Feed::Process]
    }
}

pub fn report(key: &str, time: Timestamp) -> BehaviourReport {
    BehaviourReport {
        behaviour: behaviour(key),
        attributes: Attributes::default(),
        lineage: Vec::new(),
        count: 0,
        first_seen: time,
        last_seen: time,
        snapshot: false,
        startup: false,
    }
}

pub fn batch(seq: u64, pod: usize, hours: BTreeSet<Hour>, behaviours: Vec<BehaviourReport>) -> Batch {
    let pod = ReportingPod {
        uid: format!("uid-{pod}").into(),
        name: format!("app-5d-{pod}"),
        digest: None,
        template_hash: None,
        verified: true,
    };
    Batch {
        id: BatchId {
            node: "n1".into(),
            epoch: "e".repeat(32),
            seq,
        },
        watched: BTreeSet::from([Feed::Process]),
        runs_elsewhere: false,
        containers: vec![ContainerReport {
            hours,
            behaviours,
            ..ContainerReport::nothing(container(), pod)
        }],
        losses: BTreeMap::new(),
    }
}
