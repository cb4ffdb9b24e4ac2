//! The decision: observations into baselines, and alerts out of what is quarantined anew.

use anchorwatch_core::baseline::{
    Baseline, Batch, BehaviourReport, ContainerReport, Entry, Quarantine, ReportingPod, age, merge,
};
use anchorwatch_core::behaviour::{Attributes, Behaviour};
use anchorwatch_core::decide::{Verdict, decide};
use anchorwatch_core::id::{BatchId, BehaviourId, NodeName, PodUid, WorkloadKey};
use anchorwatch_core::observation::{Observation, Observed};
use anchorwatch_core::policy::Policy;
use anchorwatch_core::severity::{Circumstances, assess};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::{normalise, text};
use std::collections::{BTreeMap, BTreeSet};

use super::alert::Alert;
use crate::attribute::host::unit::CONTAINER;

/// Most workloads that are known at a time. One's baseline is bounded by the core.
pub const MAX_WORKLOADS: usize = 4_096;

/// What this host does, learned and judged.
#[derive(Debug)]
pub struct Watch {
    policy: Policy,
    baselines: BTreeMap<WorkloadKey, Baseline>,
    /// Differ from what was written last, or are there no more.
    changed: BTreeSet<WorkloadKey>,
    seq: u64,
    unjudged: u64,
}

impl Watch {
    /// Goes on from what was learned before.
    pub const fn new(policy: Policy, baselines: BTreeMap<WorkloadKey, Baseline>) -> Self {
        Self {
            policy,
            baselines,
            changed: BTreeSet::new(),
            seq: 0,
            unjudged: 0,
        }
    }

    /// Takes in what was seen, and says what of it deviates for the first time.
    pub fn see(&mut self, observation: &Observation, now: Timestamp) -> Vec<Alert> {
        if !self.baselines.contains_key(&observation.workload) && !self.make_room(now) {
            self.unjudged += 1;
            return Vec::new();
        }
        let behaviour = Behaviour::from(observation);
        let attributes = attributes(observation);
        let baseline = self.baselines.entry(observation.workload.clone()).or_default();
        if !is_news(baseline, observation, &behaviour, &attributes, &self.policy) {
            return Vec::new();
        }
        self.seq += 1;
        let batch = batch(self.seq, observation, behaviour, attributes);
        let outcome = merge(baseline, &batch, &self.policy, now);
        // No batch comes twice: to remember them would take room for ever.
        baseline.merged.clear();
        self.unjudged += outcome.overflowed;
        if outcome.changed {
            self.changed.insert(observation.workload.clone());
        }
        let policy = &self.policy;
        let alerts = outcome.new_quarantined.iter().filter_map(|raised| {
            let entry = entry(baseline, observation, raised.id)?;
            Some(alert(observation, raised, entry, policy))
        });
        alerts.collect()
    }

    /// Lets time pass: baselines mature, and what was not seen for the policy's window is forgotten.
    pub fn pass_time(&mut self, now: Timestamp) {
        for (workload, baseline) in &mut self.baselines {
            if age(baseline, &self.policy, now).changed {
                self.changed.insert(workload.clone());
            }
        }
    }

    /// What differs since this was asked last: a baseline or, where it was given up, none.
    pub fn take_changed(&mut self) -> Vec<(WorkloadKey, Option<&Baseline>)> {
        let changed = std::mem::take(&mut self.changed);
        let with_baseline = |workload: WorkloadKey| {
            let baseline = self.baselines.get(&workload);
            (workload, baseline)
        };
        changed.into_iter().map(with_baseline).collect()
    }

    /// How often something found no room, and was neither learned nor judged.
    pub const fn unjudged(&self) -> u64 {
        self.unjudged
    }

    /// Where there are as many workloads as may be, a container that did nothing for the policy's window gives way: ids of
    /// containers don't come again. Whether there is room then.
    fn make_room(&mut self, now: Timestamp) -> bool {
        if self.baselines.len() < MAX_WORKLOADS {
            return true;
        }
        let day = anchorwatch_core::time::Duration::from_hours(24);
        let since = now.minus(day.saturating_mul(u32::from(self.policy.window_days)));
        let last_seen = |baseline: &Baseline| baseline.entries().map(|(_, _, entry)| entry.last_seen).max();
        let idle = self
            .baselines
            .iter()
            .filter(|(workload, _)| workload.kind == CONTAINER)
            .map(|(workload, baseline)| (last_seen(baseline), workload))
            .min()
            .filter(|(last, _)| last.is_none_or(|last| last < since));
        let Some(workload) = idle.map(|(_, workload)| workload.clone()) else {
            return false;
        };
        self.baselines.remove(&workload);
        self.changed.insert(workload);
        true
    }
}

/// Whether an observation says anything that the baseline lacks: a behaviour, a day on which it was seen, more of what is
/// known beside it, that it happens where it was only found before, or that the policy now denies it.
fn is_news(
    baseline: &Baseline,
    observation: &Observation,
    behaviour: &Behaviour,
    attributes: &Attributes,
    policy: &Policy,
) -> bool {
    let feed = baseline
        .containers
        .get(&observation.container)
        .and_then(|container| container.feeds.get(&observation.feed()));
    let Some((feed, entry)) = feed.and_then(|feed| Some((feed, feed.entries.get(&behaviour.id())?))) else {
        return true;
    };
    let raised = match decide(Some(entry), feed.maturity, policy, behaviour, true) {
        Verdict::Drift { rule } => entry.rule() != Some(rule),
        Verdict::Known | Verdict::Learned | Verdict::Unplaced => false,
    };
    raised
        || entry.last_seen.day() < observation.time.day()
        || entry.attributes.grows_by(attributes)
        || (entry.snapshot && !observation.snapshot)
}

fn entry<'a>(baseline: &'a Baseline, observation: &Observation, id: BehaviourId) -> Option<&'a Entry> {
    let container = baseline.containers.get(&observation.container)?;
    container.feeds.get(&observation.feed())?.entries.get(&id)
}

fn alert(observation: &Observation, raised: &Quarantine, entry: &Entry, policy: &Policy) -> Alert {
    let assessment = assess(raised.rule, &entry.behaviour, Circumstances::default());
    Alert {
        time: observation.time,
        workload: observation.workload.clone(),
        state: policy.mode.into(),
        severity: assessment.severity,
        terms: assessment.terms,
        rule: raised.rule.id(),
        sentence: raised.rule.sentence(&entry.behaviour),
        command: text::command_line(argv(observation)),
        lineage: entry.lineage.clone(),
        snapshot: entry.snapshot,
    }
}

/// The command line as it was attributed: without secrets.
fn argv(observation: &Observation) -> &[String] {
    match &observation.what {
        Observed::Process(process) => &process.argv,
        Observed::Network(_) | Observed::Module(_) => &[],
    }
}

/// What is known beside the key, the template of the command line among it.
fn attributes(observation: &Observation) -> Attributes {
    let mut attributes = Attributes::from(observation);
    let argv = argv(observation);
    if !argv.is_empty() {
        let template = text::command_line(&normalise::command_line(argv));
        attributes.commands.insert(template);
    }
    attributes.bounded()
}

/// An observation as a sensor would have reported it. A workload of a host is its only pod.
fn batch(seq: u64, observation: &Observation, behaviour: Behaviour, attributes: Attributes) -> Batch {
    let name = observation.workload.to_string();
    let lineage = match &observation.what {
        Observed::Process(process) => &process.lineage,
        Observed::Network(network) => &network.lineage,
        Observed::Module(module) => &module.lineage,
    };
    let report = BehaviourReport {
        behaviour,
        attributes,
        lineage: lineage.clone(),
        count: 1,
        first_seen: observation.time,
        last_seen: observation.time,
        snapshot: observation.snapshot,
    };
    Batch {
        id: BatchId {
            node: NodeName::new("host"),
            epoch: "standalone".to_owned(),
            seq,
        },
        watched: BTreeSet::from([observation.feed()]),
        containers: vec![ContainerReport {
            container: observation.container.clone(),
            pod: ReportingPod {
                uid: PodUid::new(name.clone()),
                name,
                digest: None,
                template_hash: None,
                verified: true,
            },
            hours: BTreeSet::from([observation.time.hour()]),
            behaviours: vec![report],
            losses: BTreeMap::new(),
        }],
        losses: BTreeMap::new(),
    }
}

#[cfg(test)]
pub(super) mod tests;
