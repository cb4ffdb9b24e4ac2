//! What the commands of a workload are judged by: made of what its baseline learned, and kept between merges, since to
//! calibrate takes thousands of times as long as to judge.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use super::{Entry, FeedBaseline};
use crate::{
    behaviour::Behaviour,
    id::{ContainerName, WorkloadKey},
    score::{Commands, Kin, LearnedCommands, Pools, Tolerance},
};

/// The scorers of a workload's containers. Losing it costs time, and changes no decision.
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

    /// The learned commands of a container, whose process feed this is.
    pub fn commands(&mut self, container: &ContainerName, feed: &FeedBaseline) -> &mut Commands {
        let kin = || Kin {
            repository: self.repositories.get(container).cloned(),
            ..self.kin.clone()
        };
        let made_of = fingerprint(feed);
        let is_it = |held: &Held| held.made_of.is_none_or(|of| of == made_of);
        if !self.containers.get(container).is_some_and(is_it) {
            let held = Held {
                made_of: Some(made_of),
                commands: learned_commands(feed).calibrate(new_a_week(feed), kin()),
            };
            self.containers.insert(container.clone(), held);
        }
        let held = self.containers.get_mut(container);
        &mut held.expect("it was there, or was made").commands
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

/// The same for the same learned commands and the same rate, within one process.
pub fn fingerprint(feed: &FeedBaseline) -> u64 {
    let mut hash = DefaultHasher::new();
    for reference in references(feed) {
        reference.hash(&mut hash);
    }
    new_a_week(feed).map(f64::to_bits).hash(&mut hash);
    hash.finish()
}

/// How many new commands a week a container shows, by those that came up since it judges: each has an entry of its own.
fn new_a_week(feed: &FeedBaseline) -> Option<f64> {
    let is_command = |entry: &&Entry| match &entry.behaviour {
        Behaviour::Process(process) => process.command().is_some(),
        Behaviour::Network(_) | Behaviour::Module(_) => false,
    };
    let commands = feed.entries.values().filter(is_command).count();
    (commands > 0)
        .then(|| Tolerance::rate(commands, feed.hours.total))
        .flatten()
}
