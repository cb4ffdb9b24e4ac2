//! One container of a recording: first learned, then watched.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    hours,
    judgement::{Judgement, Near, Ruling, UNUSUAL_COMMAND},
    summary::ContainerState,
    tolerance::{MAX_ALPHA, Tolerance},
};
use crate::{
    baseline::{
        Baseline, Batch, BehaviourReport, ContainerReport, FeedBaseline, Maturity, ReportingPod, age, derived, judge,
        merge,
    },
    behaviour::{Attributes, Behaviour, Origin},
    decide::Verdict,
    features::{Command, Features},
    id::{BatchId, BehaviourId, ContainerName, NodeName, PodUid, WorkloadKey},
    normalise,
    observation::{Observation, Observed},
    policy::{MaturityMethod, Policy},
    rules::Rule,
    score::{Index, Scorer, Scratch, explain, least_p, reference},
    severity::{Circumstances, assess},
    text::{bounded, shown},
    time::{Duration, Hour, Timestamp},
};

/// Judgements that are kept, so that what repeats is scored once.
const MAX_KEPT: usize = 16_384;
/// Hours without anything that a recording may hold.
const LONGEST_REST: i64 = 24;
/// Longest template that identifies a command, in bytes.
const MAX_TEMPLATE: usize = 4_096;

/// What became of an observation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Taken {
    Known,
    New,
    NoRoom,
}

/// A container that is being learned.
#[derive(Debug, Default)]
pub(super) struct Learner {
    held: Held,
    index: Index,
    /// Each command's template, the number that it has in the index, and the hour it was seen in; `None` once it was seen
    /// in several.
    commands: BTreeMap<String, (u32, Option<Hour>)>,
    hours: BTreeSet<Hour>,
}

/// A container that is watched.
#[derive(Debug)]
pub(super) struct Watch {
    held: Held,
    scorer: Scorer,
    scratch: Scratch,
    commands: Vec<String>,
    known: BTreeSet<String>,
    tolerance: Tolerance,
    kept: BTreeMap<String, Scored>,
}

/// The baseline, and what merging into it needs.
#[derive(Debug, Default)]
struct Held {
    baseline: Baseline,
    seq: u64,
    /// When time alone changes something next.
    due: Option<Timestamp>,
    mature_at: Option<Timestamp>,
    /// When what was measured would have sufficed, whatever the policy goes by.
    measured_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
struct Scored {
    p: Option<f64>,
    novelty: f64,
    nearest: Vec<Near>,
    strange: Vec<String>,
    capabilities: Vec<String>,
}

/// A judgement, and what identifies it among the alerts.
#[derive(Debug)]
pub(super) struct Judged {
    pub judgement: Judgement,
    pub identity: (BehaviourId, String),
}

impl Learner {
    pub(super) fn learn(&mut self, observation: &Observation, room: bool) -> Taken {
        let mut policy = Policy::default();
        policy.maturity.method = MaturityMethod::Elapsed;
        policy.maturity.minimum = Duration::MAX;
        let behaviour = behaviour(observation);
        self.held.see(observation, &behaviour, &policy, &Policy::default());
        let hour = observation.time.hour();
        self.hours.insert(hour);
        let Some(argv) = argv(observation) else {
            return Taken::Known; // only commands are scored
        };
        let template = template(&behaviour, &argv);
        if let Some((_, seen)) = self.commands.get_mut(&template) {
            *seen = seen.filter(|seen| *seen == hour);
            return Taken::Known;
        }
        if !room {
            return Taken::NoRoom;
        }
        // What no baseline is needed for to be raised teaches nothing.
        if self.held.is_quarantined(observation, behaviour.id()) {
            return Taken::Known;
        }
        let number = self.index.insert(&features(&behaviour, &argv));
        self.commands.insert(template, (number, Some(hour)));
        Taken::New
    }

    pub(super) fn finish(self) -> Watch {
        let mut commands = vec![String::new(); self.commands.len()];
        let once = self.commands.values().filter(|(_, seen)| seen.is_some()).count();
        for (template, (number, _)) in &self.commands {
            if let Some(place) = commands.get_mut(*number as usize) {
                *place = shown(template.rsplit('\u{1e}').next().unwrap_or(template));
            }
        }
        Watch {
            held: self.held,
            scorer: Scorer::calibrate(self.index),
            scratch: Scratch::default(),
            commands,
            tolerance: Tolerance::of(once, self.hours.len()),
            known: self.commands.into_keys().collect(),
            kept: BTreeMap::new(),
        }
    }
}

impl Watch {
    pub(super) fn judge(&mut self, observation: &Observation, policy: &Policy) -> Judged {
        let behaviour = behaviour(observation);
        let id = behaviour.id();
        let maturity = self.held.pass_time(observation, policy);
        let verdict = self.held.judge(observation, &behaviour, policy);
        let derived = self.held.derived(observation, &behaviour, maturity, policy);
        self.held.see(observation, &behaviour, policy, policy);
        let (template, scored) = match argv(observation) {
            Some(argv) => {
                let template = template(&behaviour, &argv);
                let scored = self.scored(&behaviour, &argv, &template);
                (template, scored)
            }
            None => (String::new(), Scored::default()),
        };
        let judges = match maturity {
            Maturity::Learning => false,
            Maturity::Provisional | Maturity::Enforcing => true,
        };
        let p = scored.p.filter(|_| judges && !self.known.contains(&template));
        let unusual = p.and_then(|p| self.tolerance.raised(p, self.is_scorable()));
        let mut drifted = Vec::new();
        if let Verdict::Drift { rule } = verdict {
            // A merge looks at more than the behaviour itself.
            let held = self.held.entry(observation, id).and_then(crate::baseline::Entry::rule);
            drifted.push((behaviour.clone(), held.unwrap_or(rule)));
        }
        drifted.extend(derived);
        let mut rules: Vec<_> = drifted.iter().map(|(_, rule)| rule.id()).collect();
        let circumstances = Circumstances {
            provisional: maturity == Maturity::Provisional,
            ..Circumstances::default()
        };
        let grave = |(behaviour, rule): &(Behaviour, Rule)| assess(*rule, behaviour, circumstances).severity;
        let mut severity = drifted.iter().map(grave).max();
        let id = drifted.first().map_or(id, |(behaviour, _)| behaviour.id());
        if unusual.is_some() {
            rules.push(UNUSUAL_COMMAND);
            severity = severity.max(unusual);
        }
        let is_drift = !rules.is_empty();
        let (strange, capabilities) = if is_drift {
            (scored.strange, scored.capabilities)
        } else {
            (Vec::new(), Vec::new())
        };
        Judged {
            judgement: Judgement {
                verdict: if is_drift { Ruling::Drift } else { verdict.into() },
                rules,
                severity,
                p: scored.p,
                novelty: scored.novelty,
                nearest: scored.nearest,
                strange,
                capabilities,
            },
            identity: (id, if unusual.is_some() { template } else { String::new() }),
        }
    }

    /// Whether the least probable command would be improbable enough to be drifted.
    fn is_scorable(&self) -> bool {
        least_p(self.scorer.calibration(), reference().calibration()) <= self.tolerance.alpha
    }

    /// What the baseline says of itself.
    pub(super) fn state(&self, workload: &WorkloadKey, container: &ContainerName) -> ContainerState {
        let started = self.held.baseline.feeds().next().map(|(_, _, feed)| feed.started_at);
        let since = |time: Option<Timestamp>| started.zip(time).map(|(from, to)| hours(from, to));
        ContainerState {
            workload: workload.to_string(),
            container: container.to_string(),
            hours_to_maturity: since(self.held.mature_at),
            hours_to_measured_maturity: since(self.held.measured_at),
            commands: self.commands.len(),
            alpha: self.tolerance.alpha,
            scorable: self.is_scorable(),
            expected_unusual_per_week: self.tolerance.expected(),
        }
    }

    fn scored(&mut self, behaviour: &Behaviour, argv: &[String], template: &str) -> Scored {
        if let Some(kept) = self.kept.get(template) {
            return kept.clone();
        }
        let pool = reference().calibration();
        let score = self.scorer.score(&features(behaviour, argv), pool, &mut self.scratch);
        let explanation = explain(self.scorer.index(), &command(behaviour, argv));
        let near = |neighbour: &crate::score::Neighbour| Near {
            command: self.commands.get(neighbour.entry as usize).cloned().unwrap_or_default(),
            similarity: neighbour.similarity(),
        };
        let scored = Scored {
            p: (least_p(self.scorer.calibration(), pool) <= MAX_ALPHA).then_some(score.p),
            novelty: score.novelty,
            nearest: score.nearest.iter().map(near).collect(),
            strange: explanation.strange,
            capabilities: explanation.capabilities,
        };
        if self.kept.len() >= MAX_KEPT {
            self.kept.clear();
        }
        self.kept.insert(template.to_owned(), scored.clone());
        scored
    }
}

impl Held {
    /// Lets time pass up to an observation, and says how complete the baseline is then.
    fn pass_time(&mut self, observation: &Observation, policy: &Policy) -> Maturity {
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

    fn judge(&mut self, observation: &Observation, behaviour: &Behaviour, policy: &Policy) -> Verdict {
        let time = observation.time;
        let feed = self.baseline.feed_mut(&observation.container, observation.feed(), time);
        judge(feed, behaviour.id(), policy, behaviour, true, time)
    }

    /// What else an observation says beside its key, and which rule raises it.
    fn derived(
        &mut self,
        observation: &Observation,
        behaviour: &Behaviour,
        maturity: Maturity,
        policy: &Policy,
    ) -> Vec<(Behaviour, Rule)> {
        let held = self.entry(observation, behaviour.id());
        let derived = derived(&report(observation, behaviour), held, maturity, policy);
        let raised = derived
            .into_iter()
            .filter_map(|behaviour| match self.judge(observation, &behaviour, policy) {
                Verdict::Drift { rule } => Some((behaviour, rule)),
                Verdict::Known | Verdict::Learned | Verdict::Unplaced => None,
            });
        raised.collect()
    }

    fn entry(&self, observation: &Observation, id: BehaviourId) -> Option<&crate::baseline::Entry> {
        let container = self.baseline.containers.get(&observation.container)?;
        container.feeds.get(&observation.feed())?.entries.get(&id)
    }

    fn is_quarantined(&self, observation: &Observation, id: BehaviourId) -> bool {
        self.entry(observation, id)
            .is_some_and(crate::baseline::Entry::is_quarantined)
    }

    /// Merges an observation where it says anything new: a new behaviour, of a known one a new day, a second hour or more than
    /// is known, or an hour that was not counted. How mature it is by what was measured is told by `measured_by`.
    fn see(&mut self, observation: &Observation, behaviour: &Behaviour, policy: &Policy, measured_by: &Policy) {
        let time = observation.time;
        let is_news = self.entry(observation, behaviour.id()).is_none_or(|entry| {
            entry.last_seen.day() < time.day()
                || (entry.is_of_one_hour() && entry.last_seen.hour() != time.hour())
                || entry.attributes.grows_by(&Attributes::from(observation))
                || (entry.snapshot && !observation.snapshot)
        });
        let last = self.last_hour(observation);
        if !is_news && last == Some(time.hour()) {
            return;
        }
        self.seq += 1;
        let mut batch = batch(self.seq, observation, behaviour);
        batch.watched.extend(self.baseline.feeds().map(|(_, feed, _)| feed));
        let hours = idle_until(last, time.hour());
        batch.containers[0].hours.extend(hours);
        merge(&mut self.baseline, &batch, policy, time);
        // No batch comes twice: to remember them would take room for ever.
        self.baseline.merged.clear();
        let measured = |feed: &FeedBaseline| feed.measured_maturity(measured_by) == Maturity::Enforcing;
        if self.measured_at.is_none() && self.baseline.feeds().all(|(_, _, feed)| measured(feed)) {
            self.measured_at = Some(time);
        }
    }

    /// The last hour that was counted of the feed.
    fn last_hour(&self, observation: &Observation) -> Option<Hour> {
        let container = self.baseline.containers.get(&observation.container)?;
        container.feeds.get(&observation.feed())?.hours.recent.newest()
    }
}

/// Hours in which a recording holds nothing, after the last one that holds something: it ran, and nothing happened. After
/// more than a day it did not run.
fn idle_until(last: Option<Hour>, hour: Hour) -> impl Iterator<Item = Hour> {
    let last = last.filter(|last| hour.0.saturating_sub(last.0) <= LONGEST_REST);
    let idle = last.map_or(hour.0, |last| last.0.saturating_add(1))..hour.0;
    idle.map(Hour)
}

/// A behaviour as a sensor would have reported it.
fn report(observation: &Observation, behaviour: &Behaviour) -> BehaviourReport {
    let lineage = match &observation.what {
        Observed::Process(process) => &process.lineage,
        Observed::Network(network) => &network.lineage,
        Observed::Module(module) => &module.lineage,
    };
    BehaviourReport {
        behaviour: behaviour.clone(),
        attributes: Attributes::from(observation),
        lineage: lineage.clone(),
        count: 1,
        first_seen: observation.time,
        last_seen: observation.time,
        snapshot: observation.snapshot,
    }
}

/// An observation as a sensor would have reported it.
fn batch(seq: u64, observation: &Observation, behaviour: &Behaviour) -> Batch {
    let pod = observation.pod.clone().unwrap_or_else(|| "recorded".to_owned());
    Batch {
        id: BatchId {
            node: NodeName::new("recording"),
            epoch: "recording".to_owned(),
            seq,
        },
        watched: BTreeSet::from([observation.feed()]),
        containers: vec![ContainerReport {
            container: observation.container.clone(),
            pod: ReportingPod {
                uid: PodUid::new(pod.clone()),
                name: pod,
                digest: None,
                template_hash: None,
                verified: true,
            },
            hours: BTreeSet::from([observation.time.hour()]),
            behaviours: vec![report(observation, behaviour)],
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

/// The command line, redacted and templated, where a program was executed.
fn argv(observation: &Observation) -> Option<Vec<String>> {
    match &observation.what {
        Observed::Process(process) => Some(normalise::command_line(&process.argv)),
        Observed::Network(_) | Observed::Module(_) => None,
    }
}

fn features(behaviour: &Behaviour, argv: &[String]) -> Features {
    Features::of(&command(behaviour, argv))
}

fn command<'a>(behaviour: &'a Behaviour, argv: &'a [String]) -> Command<'a> {
    let parent = match behaviour {
        Behaviour::Process(process) => process.parent(),
        Behaviour::Network(_) | Behaviour::Module(_) => "",
    };
    Command {
        executable: behaviour.executable(),
        parent,
        argv,
    }
}

/// What identifies a command of a behaviour: its command line stands behind the last separator.
fn template(behaviour: &Behaviour, argv: &[String]) -> String {
    let line = argv.join(" ").replace('\u{1e}', " ");
    bounded(format!("{}\u{1e}{line}", behaviour.id()), MAX_TEMPLATE)
}
