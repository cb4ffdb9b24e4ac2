//! One container of a recording: first learned, then watched.

use std::collections::BTreeSet;

use super::{
    held::{Drifted, Held, Seen},
    hours,
    judgement::{Judgement, Near, Ruling},
    summary::ContainerState,
};
use crate::{
    baseline::{CommandSample, Entry, Maturity, Scoring},
    decide::Verdict,
    id::{BehaviourId, ContainerName, WorkloadKey},
    observation::Observation,
    policy::{MaturityMethod, Policy},
    rules::Rule,
    score::{Commands, Judged as JudgedCommand, Kin, LearnedCommands, MAX_ALPHA, Tolerance},
    severity::{Circumstances, Severity, assess},
    time::{Day, Duration, Timestamp},
};

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
    commands: LearnedCommands,
    /// How often command lines are new, from the first day on which one was seen to the last.
    sampled: CommandSample,
    days: Option<(Day, Day)>,
}

/// A container that is watched.
#[derive(Debug)]
pub(super) struct Watch {
    held: Held,
    container: ContainerName,
    learned: usize,
    unusual: BTreeSet<BehaviourId>,
    /// Different deviations so far.
    alerts: BTreeSet<BehaviourId>,
    expected: Option<Expected>,
    /// Whether anything was judged.
    began: bool,
}

/// What a baseline expected of the time to come, when it began to judge.
#[derive(Clone, Copy, Debug)]
struct Expected {
    /// Deviations in a week: new behaviours, and unusual commands that chance raises.
    per_week: Option<f64>,
}

/// A judgement, and what identifies it among the alerts.
#[derive(Debug)]
pub(super) struct Judged {
    pub judgement: Judgement,
    pub identity: BehaviourId,
}

impl Learner {
    pub(super) fn learn(&mut self, observation: &Observation, room: bool) -> Taken {
        let mut policy = Policy::default();
        policy.maturity.method = MaturityMethod::Elapsed;
        policy.maturity.minimum = Duration::MAX;
        let seen = Seen::new(observation);
        self.held.see(&seen, &[], &policy, &Policy::default());
        let Some(line) = &seen.line else {
            return Taken::Known; // only commands are scored
        };
        let behaviour = &seen.report.behaviour;
        if !self.commands.knows(behaviour, line) {
            if !room {
                return Taken::NoRoom;
            }
            // What no baseline is needed for to be raised teaches nothing.
            if self.held.is_quarantined(observation, behaviour.id()) {
                return Taken::Known;
            }
        }
        let day = observation.time.day();
        let (first, last) = self.days.unwrap_or((day, day));
        self.days = Some((first.min(day), last.max(day)));
        self.sampled.see(behaviour.id(), line, day);
        if self.commands.learn(behaviour, line) {
            Taken::New
        } else {
            Taken::Known
        }
    }

    pub(super) fn finish(self, container: ContainerName) -> Watch {
        // The first day is left out, as it is of what a cluster observes.
        let days = self.days.map(|(first, last)| (Day(first.0.saturating_add(1)), last));
        let new_a_week = days.and_then(|(from, to)| self.sampled.new_a_week(from, to));
        let commands = self.commands.calibrate(new_a_week, Kin::default());
        let learned = commands.len();
        let mut held = self.held;
        held.scoring = Scoring::given(container.clone(), commands);
        Watch {
            learned,
            held,
            container,
            unusual: BTreeSet::new(),
            alerts: BTreeSet::new(),
            expected: None,
            began: false,
        }
    }
}

impl Watch {
    /// The learned commands.
    pub(super) fn commands(&mut self) -> Option<&mut Commands> {
        self.held.scoring.made(&self.container)
    }

    /// How often a behaviour found no room in the baseline.
    pub(super) const fn overflowed(&self) -> u64 {
        self.held.overflowed
    }

    /// How many judgements are kept.
    pub(super) fn kept(&self) -> usize {
        self.held.scoring.peek(&self.container).map_or(0, Commands::kept)
    }

    /// Forgets the judgements that are kept: they are made again when they are asked for.
    pub(super) fn forget_judgements(&mut self) {
        if let Some(commands) = self.commands() {
            commands.forget_judgements();
        }
    }

    /// Judges an observation. `room`: how many more deviations are told apart, over all containers.
    pub(super) fn judge(&mut self, observation: &Observation, policy: &Policy, room: &mut usize) -> Judged {
        if !std::mem::replace(&mut self.began, true) {
            self.held.begin_to_judge(observation.time);
        }
        let seen = Seen::new(observation);
        let id = seen.report.behaviour.id();
        let maturity = self.held.pass_time(observation, policy);
        if maturity != Maturity::Learning {
            self.expect(policy);
        }
        let verdict = self.held.verdict(&seen, policy);
        let derived = self.held.derived(&seen, policy);
        self.held.see(&seen, &derived, policy, policy);
        let mut drifted = Vec::new();
        if let Verdict::Drift { rule } = verdict {
            // A merge looks at more than the behaviour itself.
            let held = self.held.entry(observation, id).and_then(Entry::rule);
            drifted.push(Drifted {
                behaviour: seen.report.behaviour.clone(),
                rule: held.unwrap_or(rule),
                strangeness: None,
            });
        }
        drifted.extend(derived);
        self.tell_apart(&drifted, room);
        let severity = self.severity(observation, &drifted, policy, maturity);
        let scored = seen
            .line
            .as_ref()
            .and_then(|line| Some(self.commands()?.judge(&seen.report.behaviour, line)));
        Judged {
            identity: drifted.first().map_or(id, |drift| drift.behaviour.id()),
            judgement: judgement(verdict, severity, &drifted, scored),
        }
    }

    /// Counts deviations that were not there before, as far as there is room.
    fn tell_apart(&mut self, drifted: &[Drifted], room: &mut usize) {
        for drift in drifted {
            let id = drift.behaviour.id();
            let unusual = (drift.rule == Rule::UnusualCommand).then_some(&mut self.unusual);
            for told in std::iter::once(&mut self.alerts).chain(unusual) {
                if told.contains(&id) {
                    continue;
                }
                if *room == 0 {
                    self.held.overflowed = self.held.overflowed.saturating_add(1);
                    continue;
                }
                *room -= 1;
                told.insert(id);
            }
        }
    }

    /// Keeps what is expected, the first time that the baseline judges.
    fn expect(&mut self, policy: &Policy) {
        if self.expected.is_some() {
            return;
        }
        let by_chance = self.tolerance(policy).expected();
        let new = self.held.new_a_week(policy);
        let per_week = new.map(|new| new + by_chance.unwrap_or(0.0));
        self.expected = Some(Expected { per_week });
    }

    fn tolerance(&self, policy: &Policy) -> Tolerance {
        let commands = self.held.scoring.peek(&self.container);
        commands.map_or(Tolerance::of(policy.tolerance, None), |commands| {
            commands.tolerance(policy.tolerance)
        })
    }

    /// How grave the gravest of what drifts is.
    fn severity(
        &self,
        observation: &Observation,
        drifted: &[Drifted],
        policy: &Policy,
        maturity: Maturity,
    ) -> Option<Severity> {
        let severities = drifted.iter().map(|drift| {
            let circumstances = Circumstances {
                pace: self.held.pace(observation, drift.behaviour.id(), policy),
                provisional: maturity == Maturity::Provisional,
                unscorable: drift.strangeness.as_ref().is_some_and(|why| !why.scorable),
                ..Circumstances::default()
            };
            assess(drift.rule, &drift.behaviour, circumstances).severity
        });
        severities.max()
    }

    /// What the baseline says of itself. `days`: how many the replayed lines span.
    pub(super) fn state(&self, workload: &WorkloadKey, policy: &Policy, days: f64) -> ContainerState {
        let started = self.held.baseline.feeds().next().map(|(_, _, feed)| feed.started_at);
        let since = |time: Option<Timestamp>| started.zip(time).map(|(from, to)| hours(from, to));
        let commands = self.held.scoring.peek(&self.container);
        let tolerance = self.tolerance(policy);
        #[allow(clippy::cast_precision_loss)] // a count
        let per_week = |count: usize| count as f64 / days * 7.0;
        ContainerState {
            workload: workload.to_string(),
            container: self.container.to_string(),
            hours_to_maturity: since(self.held.mature_at),
            hours_to_measured_maturity: since(self.held.measured_at),
            commands: self.learned,
            alpha: tolerance.alpha,
            scorable: commands.is_some_and(|commands| commands.is_scorable(policy.tolerance)),
            expected_unusual_per_week: tolerance.expected(),
            unusual_per_week: per_week(self.unusual.len()),
            expected_alerts_per_week: self.expected.and_then(|expected| expected.per_week),
            alerts_per_week: per_week(self.alerts.len()),
        }
    }
}

fn judgement(
    verdict: Verdict,
    severity: Option<Severity>,
    drifted: &[Drifted],
    scored: Option<&JudgedCommand>,
) -> Judgement {
    let is_drift = !drifted.is_empty();
    let near = |near: &crate::score::NearCommand| Near {
        command: near.command.clone(),
        similarity: near.similarity,
    };
    let explanation = scored.filter(|_| is_drift).map(|scored| scored.explanation.clone());
    let explanation = explanation.unwrap_or_default();
    Judgement {
        verdict: if is_drift { Ruling::Drift } else { verdict.into() },
        rules: drifted.iter().map(|drift| drift.rule.id()).collect(),
        severity,
        p: scored
            .filter(|scored| scored.least_p <= MAX_ALPHA)
            .map(|scored| scored.p),
        novelty: scored.map_or(0.0, |scored| scored.novelty),
        nearest: scored.map_or_else(Vec::new, |scored| scored.nearest.iter().map(near).collect()),
        strange: explanation.strange,
        capabilities: explanation.capabilities,
    }
}
