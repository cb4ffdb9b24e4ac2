//! What the commands of a workload are judged by: made of what its baseline learned, and kept between merges, since to
//! calibrate takes thousands of times as long as to judge.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use super::FeedBaseline;
use crate::{
    behaviour::Behaviour,
    id::{ContainerName, WorkloadKey},
    policy::Policy,
    score::{Commands, Kin, LearnedCommands, Pool, Pools, Tolerance, least_with},
    time::Timestamp,
};

/// The scorers of a workload's containers. What they are made of can be made again, which costs time. What is lost with it is
/// which new commands the last hour brought that were usual by themselves: what is judged together with them begins anew.
#[derive(Debug, Default)]
pub struct Scoring {
    /// Pools, and whose scores in them are the workload's own.
    kin: Kin,
    repositories: BTreeMap<ContainerName, String>,
    containers: BTreeMap<ContainerName, Held>,
}

#[derive(Debug)]
struct Held {
    /// Of what it was made; `None` where it was given, and stays.
    made_of: Option<u64>,
    commands: Commands,
}

impl Scoring {
    /// With commands that were learned elsewhere, whatever the baseline has room for.
    pub fn given(container: ContainerName, commands: Commands) -> Self {
        let held = Held {
            made_of: None,
            commands,
        };
        Self {
            containers: BTreeMap::from([(container, held)]),
            ..Self::default()
        }
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty()
    }

    /// Judges by these pools from now on; `repositories` are those of the containers' images, as far as they are known.
    pub fn set_kin(
        &mut self,
        pools: &Arc<Pools>,
        workload: &WorkloadKey,
        repositories: BTreeMap<ContainerName, String>,
    ) {
        let same = Arc::ptr_eq(&self.kin.pools, pools) && self.repositories == repositories;
        if same && self.kin.workload.as_ref() == Some(workload) {
            return;
        }
        self.kin = Kin {
            pools: Arc::clone(pools),
            workload: Some(workload.clone()),
            repository: None,
        };
        self.repositories = repositories;
        for (container, held) in &mut self.containers {
            held.commands.set_kin(Kin {
                repository: self.repositories.get(container).cloned(),
                ..self.kin.clone()
            });
        }
    }

    /// The learned commands of a container, whose process feed this is, to judge what was seen at a time.
    pub fn commands(
        &mut self,
        container: &ContainerName,
        feed: &FeedBaseline,
        policy: &Policy,
        at: Timestamp,
    ) -> &mut Commands {
        let kin = || Kin {
            repository: self.repositories.get(container).cloned(),
            ..self.kin.clone()
        };
        let made_of = fingerprint(feed);
        let is_it = |held: &Held| held.made_of.is_none_or(|of| of == made_of);
        if !self.containers.get(container).is_some_and(is_it) {
            let mut commands = learned_commands(feed).calibrate(None, kin());
            if let Some(before) = self.containers.remove(container) {
                commands.remember_company_of(before.commands);
            }
            let held = Held {
                made_of: Some(made_of),
                commands,
            };
            self.containers.insert(container.clone(), held);
        }
        let held = self.containers.get_mut(container).expect("it was there, or was made");
        if held.made_of.is_some() {
            held.commands.set_rate(feed.new_commands_a_week(policy, at));
        }
        &mut held.commands
    }

    /// The same, where it was made before.
    pub fn peek(&self, container: &ContainerName) -> Option<&Commands> {
        self.containers.get(container).map(|held| &held.commands)
    }

    /// The same, to be judged by.
    pub(crate) fn made(&mut self, container: &ContainerName) -> Option<&mut Commands> {
        self.containers.get_mut(container).map(|held| &mut held.commands)
    }
}

/// The learned processes, and the command lines that serve as neighbours.
fn references(feed: &FeedBaseline) -> impl Iterator<Item = (&Behaviour, &String)> {
    let entries = feed.entries.values().filter(|entry| entry.is_reference());
    entries.flat_map(|entry| entry.attributes.commands.iter().map(|line| (&entry.behaviour, line)))
}

/// The commands that a container learned, by its process feed.
pub fn learned_commands(feed: &FeedBaseline) -> LearnedCommands {
    let mut commands = LearnedCommands::default();
    for (behaviour, line) in references(feed) {
        commands.learn(behaviour, line);
    }
    commands
}

/// The same for the same learned commands, within one process.
pub fn fingerprint(feed: &FeedBaseline) -> u64 {
    let mut hash = DefaultHasher::new();
    for reference in references(feed) {
        reference.hash(&mut hash);
    }
    hash.finish()
}

/// How much the learned commands of a container suffice to tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scorability {
    /// Commands that were learned.
    pub learned: usize,
    /// What is at most as probable is raised.
    pub alpha: f64,
    /// The least probability that can be told, with the shipped reference as the pool.
    pub least: f64,
    /// Unusual commands that chance is expected to raise in a week, where that could be measured.
    pub expected_a_week: Option<f64>,
}

impl Scorability {
    /// Of a process feed.
    #[allow(clippy::cast_precision_loss)] // counts
    pub fn of(feed: &FeedBaseline, policy: &Policy) -> Self {
        let learned = references(feed).count();
        let newest = feed.hours.recent.newest();
        let rate = newest.and_then(|newest| feed.new_commands_a_week(policy, newest.begins()));
        let tolerance = Tolerance::of(policy.tolerance, rate);
        Self {
            learned,
            alpha: tolerance.alpha,
            least: least_with(learned, &Pool::reference()),
            expected_a_week: tolerance.expected(),
        }
    }

    /// Whether an unusual command can be told from a usual one as the policy's tolerance asks for.
    pub fn holds(&self) -> bool {
        self.least <= self.alpha
    }
}
