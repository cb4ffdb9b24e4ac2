//! The decision: behaviours into baselines, and alerts out of what is quarantined in them, as the operator does it.

mod candidates;

use anchorwatch_core::alert::{AlertInput, Crowd, plan_alerts};
use anchorwatch_core::baseline::{
    Batch, BehaviourReport, ContainerReport, Entry, FeedBaseline, Maturity, MergeOutcome, ReportingPod, Scoring, age,
    merge_scored,
};
use anchorwatch_core::behaviour::{Behaviour, Feed};
use anchorwatch_core::decide::{Verdict, decide};
use anchorwatch_core::id::{BatchId, ContainerName, NodeName, PodUid, WorkloadKey};
use anchorwatch_core::policy::Policy;
use anchorwatch_core::rollout::Evidence;
use anchorwatch_core::time::{Duration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::alert::Told;
use super::known::Known;
use crate::attribute::Attributed;
use crate::attribute::pod::Container;
use crate::losses::{ByFeed, OwnerLosses, Unreported};

/// Most workloads that are known at a time. One's baseline is bounded by the core.
pub const MAX_WORKLOADS: usize = 4_096;
/// The one node that there is.
const HOST: &str = "host";
/// How often a known behaviour is counted, as in reports to a cluster.
const MARKS: Duration = Duration::from_mins(10);

/// What this host does, learned and judged.
#[derive(Debug)]
pub struct Watch {
    policy: Policy,
    /// Feeds that anything is seen of.
    watched: BTreeSet<Feed>,
    known: BTreeMap<WorkloadKey, Known>,
    /// What commands of each workload are judged by. Made when it is needed.
    scoring: BTreeMap<WorkloadKey, Scoring>,
    /// May have news to tell.
    unplanned: BTreeSet<WorkloadKey>,
    unwritten: Unwritten,
    seq: u64,
    unjudged: u64,
}

/// Workloads that differ from what was written last, or are there no more.
#[derive(Debug, Default)]
struct Unwritten {
    /// By news.
    news: BTreeSet<WorkloadKey>,
    /// By counts and hours alone.
    counts: BTreeSet<WorkloadKey>,
}

/// Whether something found room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    Found,
    /// It was neither learned nor judged.
    None,
}

impl Watch {
    /// Goes on from what was known before.
    pub fn new(policy: Policy, watched: BTreeSet<Feed>, known: BTreeMap<WorkloadKey, Known>) -> Self {
        Self {
            // Each is told once; nobody decides here.
            policy: Policy {
                alerts: policy.alerts.without_bounds(),
                ..policy
            },
            watched,
            // What was not told before the end is told now.
            unplanned: known.keys().cloned().collect(),
            known,
            scoring: BTreeMap::new(),
            unwritten: Unwritten::default(),
            seq: 0,
            unjudged: 0,
        }
    }

    /// Takes in a behaviour that was shown at some time.
    pub fn see(&mut self, seen: &Attributed, at: Timestamp, now: Timestamp) -> Room {
        let workload = &seen.container.workload;
        if !self.has_room(workload, now) {
            self.unjudged += 1;
            return Room::None;
        }
        let container = ContainerName::new(seen.container.name.clone());
        let known = self.known.entry(workload.as_ref().clone()).or_default();
        let scoring = self.scoring.get(workload.as_ref());
        if !is_news(known, scoring, &container, seen, at, &self.policy) || stands_by_address(known, &container, seen) {
            return Room::Found;
        }
        let shown = ContainerReport {
            hours: BTreeSet::from([at.hour()]),
            behaviours: vec![report(seen, at)],
            ..of_container(&seen.container)
        };
        let batch = self.batch(shown, ByFeed::new());
        let overflowed = self.merge(workload, &batch, now).overflowed;
        self.unjudged += overflowed;
        if overflowed > 0 { Room::None } else { Room::Found }
    }

    /// Lets the hour count for those that run, whether or not they do anything, and what was lost for those that lost it:
    /// what may be anybody's, for all that run.
    pub fn observe(&mut self, running: &[Arc<Container>], lost: &Unreported, now: Timestamp) {
        for container in running {
            if !self.has_room(&container.workload, now) {
                self.unjudged += 1;
                continue;
            }
            self.known.entry(container.workload.as_ref().clone()).or_default();
            let hour = ContainerReport {
                hours: BTreeSet::from([now.hour()]),
                ..of_container(container)
            };
            let batch = self.batch(hour, lost.anybodys.clone());
            self.merge(&container.workload, &batch, now);
        }
        for OwnerLosses { owner, losses } in &lost.of_containers {
            // A workload of a host is its own pod.
            let Ok(workload) = owner.pod_uid.parse::<WorkloadKey>() else {
                continue;
            };
            let own = ContainerReport {
                losses: losses.clone(),
                ..of_pod(owner.container.clone(), &owner.pod_uid, &owner.pod)
            };
            let batch = self.batch(own, ByFeed::new());
            self.merge(&workload, &batch, now);
        }
    }

    /// Lets time pass: baselines mature, and what was not seen for the policy's window is forgotten.
    pub fn pass_time(&mut self, now: Timestamp) {
        let since = self.since(now);
        for (workload, known) in &mut self.known {
            let aged = age(&mut known.baseline, &self.policy, now);
            if aged.matured > 0 {
                self.unplanned.insert(workload.clone());
            }
            let promoted = candidates::promote(workload, known, &self.policy);
            if aged.changed || promoted || known.forget_alerts(since) {
                self.unwritten.news.insert(workload.clone());
            }
        }
    }

    /// What there is to tell since this was last asked. Each alert's deviations are told once.
    pub fn news(&mut self, now: Timestamp) -> Vec<Told> {
        let mut news = Vec::new();
        for workload in std::mem::take(&mut self.unplanned) {
            let Some(known) = self.known.get_mut(&workload) else {
                continue;
            };
            if known.baseline.quarantined() == 0 && known.alerts.is_empty() {
                continue;
            }
            let plan = plan_alerts(&AlertInput {
                workload: &workload,
                baseline: &known.baseline,
                alerts: &known.alerts,
                policy: &self.policy,
                // Nothing is rolled out to a host that anybody could know of.
                evidence: &Evidence::default(),
                crowd: Crowd::default(),
                refused: &BTreeMap::new(),
                now,
            });
            known.alerts.retain(|alert| !plan.delete.contains(&alert.name));
            for alert in plan.create.into_iter().chain(plan.update) {
                let before = known.alerts.iter().position(|before| before.name == alert.name);
                news.extend(Told::news(&alert, before.map(|at| &known.alerts[at]), now));
                match before {
                    Some(at) => known.alerts[at] = alert,
                    None => known.alerts.push(alert),
                }
                self.unwritten.news.insert(workload.clone());
            }
        }
        news
    }

    /// What differs since this was asked last: what is known or, where it was given up, nothing. `all` of it, or only
    /// what is news.
    pub fn take_changed(&mut self, all: bool) -> Vec<(WorkloadKey, Option<&Known>)> {
        let mut changed = std::mem::take(&mut self.unwritten.news);
        if all {
            changed.append(&mut self.unwritten.counts);
        }
        let with_known = |workload: WorkloadKey| {
            let known = self.known.get(&workload);
            (workload, known)
        };
        changed.into_iter().map(with_known).collect()
    }

    /// How often something found no room, and was neither learned nor judged.
    pub const fn unjudged(&self) -> u64 {
        self.unjudged
    }

    /// How many workloads are known.
    pub fn workloads(&self) -> usize {
        self.known.len()
    }

    /// What a sensor would have reported.
    fn batch(&mut self, report: ContainerReport, losses: ByFeed) -> Batch {
        self.seq += 1;
        Batch {
            id: BatchId {
                node: NodeName::new(HOST),
                epoch: "standalone".to_owned(),
                seq: self.seq,
            },
            watched: self.watched.clone(),
            runs_elsewhere: false,
            containers: vec![report],
            losses,
        }
    }

    fn merge(&mut self, workload: &WorkloadKey, batch: &Batch, now: Timestamp) -> MergeOutcome {
        let Some(known) = self.known.get_mut(workload) else {
            return MergeOutcome::default();
        };
        let scoring = self.scoring.entry(workload.clone()).or_default();
        let outcome = merge_scored(&mut known.baseline, batch, &self.policy, scoring, now);
        // No batch comes twice: to remember them would take room for ever.
        known.baseline.merged.clear();
        if !outcome.new_learned.is_empty() || !outcome.new_quarantined.is_empty() {
            self.unwritten.news.insert(workload.clone());
        } else if outcome.changed {
            self.unwritten.counts.insert(workload.clone());
        }
        if outcome.changed && known.baseline.quarantined() > 0 {
            self.unplanned.insert(workload.clone());
        }
        outcome
    }

    /// Before which nothing counts any more.
    fn since(&self, now: Timestamp) -> Timestamp {
        let day = Duration::from_hours(24);
        now.minus(day.saturating_mul(u32::from(self.policy.window_days)))
    }

    /// Where there are as many workloads as may be, a container that did nothing for the policy's window gives way: ids of
    /// containers don't come again. Whether there is room then.
    fn has_room(&mut self, workload: &WorkloadKey, now: Timestamp) -> bool {
        if self.known.len() < MAX_WORKLOADS || self.known.contains_key(workload) {
            return true;
        }
        let since = self.since(now);
        let idle = self
            .known
            .iter()
            .filter(|(workload, _)| workload.kind == crate::attribute::unit::CONTAINER)
            .map(|(workload, known)| (known.last_seen(), workload))
            .min()
            .filter(|(last, _)| last.is_none_or(|last| last < since));
        let Some(workload) = idle.map(|(_, workload)| workload.clone()) else {
            return false;
        };
        self.known.remove(&workload);
        self.scoring.remove(&workload);
        self.unwritten.news.insert(workload);
        true
    }
}

/// Whether a behaviour says anything that the baseline lacks: that it is there, a day on which it was seen, more of what is
/// known beside it, that it happens where it was only found before, or that the policy now denies it; and every now and then, that it is still done.
fn is_news(
    known: &Known,
    scoring: Option<&Scoring>,
    container: &ContainerName,
    seen: &Attributed,
    at: Timestamp,
    policy: &Policy,
) -> bool {
    let feed = seen.behaviour.feed();
    let Some(entry) = known.entry(container, &seen.behaviour, policy) else {
        return true;
    };
    let happens =
        !seen.standing && (entry.snapshot || (entry.is_of_start() && !entry.is_quarantined() && !seen.startup));
    // Another day, not a later one: the clock may have been ahead when it was last seen.
    let held = &known.baseline.containers[container].feeds[&feed];
    if happens || entry.last_seen.day() != at.day() || says_more(held, entry, scoring, container, seen, at) {
        return true;
    }
    if seen.standing {
        // It was seen to happen, or found before.
        return false;
    }
    let raised = match decide(Some(entry), held.maturity, policy, &seen.behaviour, true) {
        Verdict::Drift { rule } => entry.rule() != Some(rule),
        Verdict::Known | Verdict::Learned | Verdict::Unplaced => false,
    };
    raised || entry.last_seen.distance(at) >= MARKS
}

/// Whether more is known beside the key. A command line that was judged before, and not raised, is none of it, but for the
/// days on which a candidate is seen.
fn says_more(
    held: &FeedBaseline,
    entry: &Entry,
    scoring: Option<&Scoring>,
    container: &ContainerName,
    seen: &Attributed,
    at: Timestamp,
) -> bool {
    let learns = match held.maturity {
        Maturity::Learning => true,
        Maturity::Provisional | Maturity::Enforcing => entry.snapshot || entry.is_quarantined(),
    };
    let command = seen.command.as_ref().map(|command| &*command.line);
    let is_new = command.is_some_and(|line| !entry.attributes.commands.contains(line));
    if learns && is_new {
        return entry.attributes.grows_by(&seen.all_attributes());
    }
    let commands = scoring.and_then(|scoring| scoring.peek(container));
    let is_judged = |line| commands.is_some_and(|commands| commands.is_judged(&seen.behaviour, line));
    let is_told = |line| is_judged(line) && !candidates::is_of_another_day(held, &seen.behaviour, line, at);
    (is_new && !command.is_some_and(is_told)) || entry.attributes.grows_by(&seen.attributes)
}

/// Whether it was found standing and is known to be done with these addresses under another name: one that was looked up
/// before the sensor started again is not known any more.
fn stands_by_address(known: &Known, container: &ContainerName, seen: &Attributed) -> bool {
    let (Behaviour::Network(flow), true) = (&seen.behaviour, seen.standing) else {
        return false;
    };
    let addresses = &seen.attributes.addresses;
    let is_it = |entry: &Entry| {
        let same = matches!(&entry.behaviour, Behaviour::Network(held) if held.is_alike(flow));
        same && !addresses.is_empty() && entry.attributes.addresses.is_superset(addresses)
    };
    let held = known.baseline.containers.get(container);
    let feed = held.and_then(|held| held.feeds.get(&Feed::Network));
    feed.is_some_and(|feed| feed.entries.values().any(is_it))
}

fn report(seen: &Attributed, at: Timestamp) -> BehaviourReport {
    BehaviourReport {
        behaviour: seen.behaviour.clone(),
        attributes: seen.all_attributes().bounded(),
        lineage: seen.lineage.iter().map(|path| path.as_ref().to_owned()).collect(),
        count: seen.repeats.saturating_add(1),
        first_seen: at,
        last_seen: at,
        snapshot: seen.standing,
        startup: seen.startup,
    }
}

fn of_container(container: &Container) -> ContainerReport {
    of_pod(container.name.clone(), &container.pod.uid, &container.pod.name)
}

/// Nothing yet of a container: a workload of a host is its only pod, of which there is no doubt.
fn of_pod(container: String, uid: &str, name: &str) -> ContainerReport {
    let pod = ReportingPod {
        uid: PodUid::new(uid),
        name: name.to_owned(),
        digest: None,
        template_hash: None,
        verified: true,
    };
    ContainerReport::nothing(ContainerName::new(container), pod)
}

#[cfg(test)]
pub(super) mod tests;
