//! The same decisions over recorded observations: one recording is learned, another one is judged, line by line.
//!
//! Everything that is kept is bounded: what is beyond the bounds is counted, and shown in the summary.

mod held;
mod judgement;
mod summary;
#[cfg(test)]
mod tests;
mod watch;

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    id::{ContainerName, WorkloadKey},
    observation::Observation,
    policy::Policy,
    score::{Kin, Pools},
    time::Timestamp,
};

pub use judgement::{Judgement, Near, Ruling};
pub use summary::{ContainerState, Summary};
use watch::{Learner, Watch};

/// Most containers of a recording.
const MAX_CONTAINERS: usize = 10_000;
/// Most different commands that are learned, over all containers.
const MAX_COMMANDS: usize = 100_000;
/// Most judgements of commands that are kept at once, over all containers: one takes about a kilobyte.
const MAX_KEPT: usize = 32_768;
/// Most deviations that are told apart, over all containers.
const MAX_TOLD: usize = 200_000;

/// Takes recorded observations in.
#[derive(Debug, Default)]
pub struct Learning {
    containers: BTreeMap<(WorkloadKey, ContainerName), Learner>,
    commands: usize,
    overflowed: u64,
}

/// Judges recorded observations.
#[derive(Debug)]
pub struct Backtest {
    policy: Policy,
    containers: BTreeMap<(WorkloadKey, ContainerName), Watch>,
    summary: summary::Tally,
    /// Judgements of commands that all containers keep.
    kept: usize,
    /// How many more deviations are told apart.
    room: usize,
}

impl Learning {
    /// Takes an observation in as normal. What needs no baseline to be raised is not learned from a recording either.
    pub fn learn(&mut self, observation: &Observation) {
        let key = (observation.workload.clone(), observation.container.clone());
        if !self.containers.contains_key(&key) && self.containers.len() >= MAX_CONTAINERS {
            self.overflowed += 1;
            return;
        }
        let container = self.containers.entry(key).or_default();
        let room = self.commands < MAX_COMMANDS;
        match container.learn(observation, room) {
            watch::Taken::Known => {}
            watch::Taken::New => self.commands += 1,
            watch::Taken::NoRoom => self.overflowed += 1,
        }
    }

    /// Ends learning and calibrates each container on its own commands, and where these are few on the other containers'.
    pub fn finish(self, policy: Policy) -> Backtest {
        let finished = self.containers.into_iter().map(|(key, learner)| {
            let watch = learner.finish(key.1.clone());
            (key, watch)
        });
        let mut containers: BTreeMap<_, Watch> = finished.collect();
        let mut pools = Pools::default();
        for ((workload, _), watch) in &mut containers {
            let scores = watch.commands().map(|commands| commands.scores());
            pools.add(workload, None, &scores.unwrap_or_default());
        }
        let pools = Arc::new(pools);
        for ((workload, _), watch) in &mut containers {
            if let Some(commands) = watch.commands() {
                commands.set_kin(Kin {
                    pools: Arc::clone(&pools),
                    workload: Some(workload.clone()),
                    repository: None,
                });
            }
        }
        Backtest {
            containers,
            summary: summary::Tally::new(self.overflowed),
            policy,
            kept: 0,
            room: MAX_TOLD,
        }
    }
}

impl Backtest {
    /// Judges an observation. What all of the learned recording taught counts as seen on the day of its container's first
    /// judged observation, and ages from there.
    pub fn judge(&mut self, observation: &Observation) -> Judgement {
        let key = (observation.workload.clone(), observation.container.clone());
        if !self.containers.contains_key(&key) && self.containers.len() >= MAX_CONTAINERS {
            self.summary.pass_over(observation.time);
            return Judgement::passed_over();
        }
        let watch = self
            .containers
            .entry(key)
            .or_insert_with(|| Learner::default().finish(observation.container.clone()));
        self.kept -= watch.kept();
        let judged = watch.judge(observation, &self.policy, &mut self.room);
        self.kept += watch.kept();
        if self.kept > MAX_KEPT {
            self.containers.values_mut().for_each(Watch::forget_judgements);
            self.kept = 0;
        }
        self.summary.count(observation.time, &judged);
        judged.judgement
    }

    /// What all judgements together amount to.
    pub fn summary(&self) -> Summary {
        let days = self.summary.days();
        let containers = self.containers.iter();
        let states = containers.map(|((workload, _), watch)| watch.state(workload, &self.policy, days));
        let overflowed = self.containers.values().map(Watch::overflowed);
        self.summary.finish(states.collect(), overflowed.sum())
    }
}

/// Whole hours from one time to another.
fn hours(from: Timestamp, to: Timestamp) -> u64 {
    to.since(from).as_secs() / 3_600
}
