//! The baseline of one container of a recording, and what merging into it needs.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    baseline::{
        Baseline, Batch, BehaviourReport, ContainerReport, Derived, Entry, FeedBaseline, Maturity, ReportingPod,
        Scoring, Whose, age, judge, merge_scored, split, stand_in,
    },
    behaviour::{Attributes, Behaviour, Origin},
    decide::Verdict,
    id::{BatchId, BehaviourId, NodeName, PodUid},
    normalise,
    observation::{Observation, Observed},
    policy::Policy,
    rules::Rule,
    score::Strangeness,
    severity::Pace,
    text,
    time::{Hour, Timestamp},
};

/// Hours without anything that a recording may hold.
const LONGEST_REST: i64 = 24;

/// The baseline of one container.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub baseline: Baseline,
    pub scoring: Scoring,
    seq: u64,
    /// When time alone changes something next.
    due: Option<Timestamp>,
    pub mature_at: Option<Timestamp>,
    /// When what was measured would have sufficed, whatever the policy goes by.
    pub measured_at: Option<Timestamp>,
    /// How often a behaviour found no room.
    pub overflowed: u64,
}

/// Something that drifts.
#[derive(Debug)]
pub(super) struct Drifted {
    pub behaviour: Behaviour,
    pub rule: Rule,
    pub strangeness: Option<Strangeness>,
}

/// An observation as core takes it.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub observation: &'a Observation,
    pub report: BehaviourReport,
    /// The command line, redacted and templated, where a program was executed.
    pub line: Option<String>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(observation: &'a Observation) -> Self {
        let line = line(observation);
        let lineage = match &observation.what {
            Observed::Process(process) => &process.lineage,
            Observed::Network(network) => &network.lineage,
            Observed::Module(module) => &module.lineage,
        };
        let report = BehaviourReport {
            behaviour: behaviour(observation),
            attributes: Attributes {
                commands: line.iter().cloned().collect(),
                ..Attributes::from(observation)
            },
            lineage: lineage.clone(),
            count: 1,
            first_seen: observation.time,
            last_seen: observation.time,
            snapshot: observation.snapshot,
            // A line does not say when its container started.
            startup: false,
        };
        Self {
            observation,
            report,
            line,
        }
    }
}

impl Held {
    /// Takes all that was learned as seen on the day on which judging begins, and not before: however long the learned
    /// recording is, and however long ago, all of it is known then. From that day on it ages as anything does.
    pub(super) fn begin_to_judge(&mut self, time: Timestamp) {
        let day = time.day().0;
        let containers = self.baseline.containers.values_mut();
        let feeds = containers.flat_map(|container| container.feeds.values_mut());
        for entry in feeds
            .flat_map(|feed| feed.entries.values_mut())
            .filter(|entry| entry.is_learned())
        {
            entry.days.mark(day);
        }
    }

    /// Lets time pass up to an observation, and says how complete the baseline is then.
    pub(super) fn pass_time(&mut self, observation: &Observation, policy: &Policy) -> Maturity {
        let now = observation.time;
        self.baseline.feed_mut(&observation.container, observation.feed(), now);
        if self.due.is_none_or(|due| now >= due) {
            let outcome = age(&mut self.baseline, policy, now);
            self.due = outcome.requeue_after.map(|after| now.plus(after));
        }
        let maturity = self
            .baseline
            .feed_mut(&observation.container, observation.feed(), now)
            .maturity;
        if maturity == Maturity::Enforcing && self.mature_at.is_none() {
            self.mature_at = Some(now);
        }
        maturity
    }

    pub(super) fn verdict(&mut self, seen: &Seen<'_>, policy: &Policy) -> Verdict {
        let observation = seen.observation;
        let feed = self
            .baseline
            .feed_mut(&observation.container, observation.feed(), observation.time);
        let report = stand_in(feed, &observation.container, &seen.report, policy, None);
        let behaviour = &report.behaviour;
        judge(feed, behaviour.id(), policy, behaviour, true, observation.time)
    }

    /// What else an observation says beside its key, where it drifts.
    pub(super) fn derived(&mut self, seen: &Seen<'_>, policy: &Policy) -> Vec<Drifted> {
        let Seen {
            observation, report, ..
        } = seen;
        let containers = &self.baseline.containers;
        let feeds = containers.get(&observation.container).map(|held| &held.feeds);
        let Some(feed) = feeds.and_then(|feeds| feeds.get(&observation.feed())) else {
            return Vec::new();
        };
        let pod = pod(observation);
        let whose = Whose {
            container: &observation.container,
            pod: &pod,
            at: observation.time,
        };
        let report = stand_in(feed, &observation.container, report, policy, None);
        let split = split(&report, whose, feed, policy, &mut self.scoring);
        let raised = split.derived.into_iter().filter_map(|derived| {
            let Derived { report, strangeness } = derived;
            let id = report.behaviour.id();
            let held = feed.entries.get(&id);
            match judge(feed, id, policy, &report.behaviour, true, observation.time) {
                Verdict::Drift { rule } => Some(Drifted {
                    strangeness: strangeness.or_else(|| held.and_then(|entry| entry.strangeness.as_deref().cloned())),
                    behaviour: report.behaviour,
                    rule,
                }),
                Verdict::Known | Verdict::Learned | Verdict::Unplaced => None,
            }
        });
        raised.collect()
    }

    pub(super) fn entry(&self, observation: &Observation, id: BehaviourId) -> Option<&Entry> {
        self.feed(observation)?.entries.get(&id)
    }

    fn feed(&self, observation: &Observation) -> Option<&FeedBaseline> {
        self.baseline
            .containers
            .get(&observation.container)?
            .feeds
            .get(&observation.feed())
    }

    /// How much is new in the feed of something that drifts, as it was weighed when it was raised first.
    pub(super) fn pace(&self, observation: &Observation, id: BehaviourId, policy: &Policy) -> Pace {
        let raised = self
            .entry(observation, id)
            .map_or(observation.time, Entry::raised_since);
        Pace::of(
            self.feed(observation)
                .and_then(|feed| feed.novelty_before(policy, raised)),
        )
    }

    /// New behaviours that are expected in a week, over all feeds of which that could be measured.
    pub(super) fn new_a_week(&self, policy: &Policy) -> Option<f64> {
        let feeds = self.baseline.feeds();
        let rates = feeds.filter_map(|(_, _, feed)| Some(feed.novelty(policy)?.per_week));
        rates.reduce(|sum, one| sum + one)
    }

    pub(super) fn is_quarantined(&self, observation: &Observation, id: BehaviourId) -> bool {
        self.entry(observation, id).is_some_and(Entry::is_quarantined)
    }

    /// Merges an observation where it says anything new: a new behaviour, of a known one a new day, a second hour or more than
    /// is known, or an hour that was not counted. How mature it is by what was measured is told by `measured_by`.
    pub(super) fn see(&mut self, seen: &Seen<'_>, drifted: &[Drifted], policy: &Policy, measured_by: &Policy) {
        let time = seen.observation.time;
        let is_old = |id| {
            let entry = self.entry(seen.observation, id);
            entry.is_some_and(|entry| entry.last_seen.day() >= time.day())
        };
        let last = self.feed(seen.observation).and_then(|feed| feed.hours.recent.newest());
        let is_news = !self.says_nothing_new(seen, policy) || !drifted.iter().all(|drift| is_old(drift.behaviour.id()));
        if !is_news && last == Some(time.hour()) {
            return;
        }
        self.seq += 1;
        let mut batch = batch(self.seq, seen);
        batch.watched.extend(self.baseline.feeds().map(|(_, feed, _)| feed));
        batch.containers[0].hours.extend(idle_until(last, time.hour()));
        let merged = merge_scored(&mut self.baseline, &batch, policy, &mut self.scoring, time);
        self.overflowed = self.overflowed.saturating_add(merged.overflowed);
        // No batch comes twice: to remember them would take room for ever.
        self.baseline.merged.clear();
        let measured = |feed: &FeedBaseline| feed.measured_maturity(measured_by) == Maturity::Enforcing;
        if self.measured_at.is_none() && self.baseline.feeds().all(|(_, _, feed)| measured(feed)) {
            self.measured_at = Some(time);
        }
    }

    fn says_nothing_new(&self, seen: &Seen<'_>, policy: &Policy) -> bool {
        let feed = self.feed(seen.observation);
        let known = feed.and_then(|feed| feed.known(&seen.observation.container, &seen.report.behaviour, policy));
        let Some(entry) = known else {
            return false;
        };
        let learns = match self.feed(seen.observation).map(|feed| feed.maturity) {
            Some(Maturity::Learning) | None => true,
            Some(Maturity::Provisional | Maturity::Enforcing) => entry.snapshot,
        };
        let attributes = &seen.report.attributes;
        let grows = if learns {
            entry.attributes.grows_by(attributes)
        } else {
            entry.attributes.grows_by(&Attributes {
                commands: BTreeSet::new(),
                ..attributes.clone()
            })
        };
        let time = seen.observation.time;
        let happens = entry.snapshot && !seen.report.snapshot;
        let again = entry.is_of_one_hour() && entry.last_seen.hour() != time.hour();
        entry.last_seen.day() >= time.day() && !again && !grows && !happens
    }
}

/// Hours in which a recording holds nothing, after the last one that holds something: it ran, and nothing happened. After
/// more than a day it did not run.
fn idle_until(last: Option<Hour>, hour: Hour) -> impl Iterator<Item = Hour> {
    let last = last.filter(|last| hour.0.saturating_sub(last.0) <= LONGEST_REST);
    let idle = last.map_or(hour.0, |last| last.0.saturating_add(1))..hour.0;
    idle.map(Hour)
}

fn pod(observation: &Observation) -> PodUid {
    PodUid::new(observation.pod.clone().unwrap_or_else(|| "recorded".to_owned()))
}

/// An observation as a sensor would have reported it.
fn batch(seq: u64, seen: &Seen<'_>) -> Batch {
    let observation = seen.observation;
    let pod = pod(observation);
    Batch {
        id: BatchId {
            node: NodeName::new("recording"),
            epoch: "recording".to_owned(),
            seq,
        },
        watched: BTreeSet::from([observation.feed()]),
        runs_elsewhere: false,
        containers: vec![ContainerReport {
            container: observation.container.clone(),
            pod: ReportingPod {
                name: pod.as_str().to_owned(),
                uid: pod,
                digest: None,
                template_hash: None,
                verified: true,
            },
            hours: BTreeSet::from([observation.time.hour()]),
            behaviours: vec![seen.report.clone()],
            losses: BTreeMap::new(),
        }],
        losses: BTreeMap::new(),
    }
}

/// A line that says nothing of its origin is the entrypoint's: a person who records or writes lines means the workload's
/// own work, and what is of unknown origin teaches nothing.
fn behaviour(observation: &Observation) -> Behaviour {
    let mut placed = observation.clone();
    let origin = match &mut placed.what {
        Observed::Process(process) => &mut process.origin,
        Observed::Network(network) => &mut network.origin,
        Observed::Module(module) => &mut module.origin,
    };
    if *origin == Origin::Unknown {
        *origin = Origin::Entrypoint;
    }
    Behaviour::from(&placed)
}

fn line(observation: &Observation) -> Option<String> {
    match &observation.what {
        Observed::Process(process) if process.argv.is_empty() => None,
        Observed::Process(process) => Some(text::command_line(&normalise::command_line(process.argv.clone()))),
        Observed::Network(_) | Observed::Module(_) => None,
    }
}
