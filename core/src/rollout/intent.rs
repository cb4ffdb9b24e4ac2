//! What somebody said before a rollout that it would be.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Evidence, GitRevision, Record, RecordedContainer};
use crate::{
    behaviour::Behaviour,
    id::{ContainerName, ImageDigest},
    policy::approvals::Pattern,
    text::shown,
    time::Timestamp,
};

/// A RolloutIntent that names a workload. Admission holds `by` equal to who wrote it, and nobody can change it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Intent {
    /// Name of the object.
    pub name: String,
    /// UID of the object.
    pub uid: String,
    /// Who wrote it.
    pub by: String,
    /// When, by the API server's clock, in whole seconds.
    pub created: Timestamp,
    /// Until when a rollout has to start.
    pub expires: Timestamp,
    /// What will run, by container: the digest that runs, or that of an index which the template names.
    pub digests: BTreeMap<ContainerName, ImageDigest>,
    /// The revision of the sources.
    pub git_revision: Option<String>,
    /// What will be new. Empty where nothing is said of it.
    pub expects: Vec<Expected>,
}

/// Something new that an intent expects.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Expected {
    /// The container; any, where there is none.
    pub container: Option<ContainerName>,
    /// The behaviour.
    pub pattern: Pattern,
    /// It in words, for people.
    pub what: String,
}

/// Which intent announced a rollout, as its record keeps it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Announcement {
    /// Name of the RolloutIntent.
    pub intent: String,
    /// UID of the RolloutIntent.
    pub uid: String,
    /// Who wrote it.
    pub by: String,
    /// The containers whose digests it named.
    pub containers: BTreeSet<ContainerName>,
}

impl Expected {
    /// Whether it is about a behaviour of a container.
    pub fn covers(&self, container: &ContainerName, behaviour: &Behaviour) -> bool {
        self.container.as_ref().is_none_or(|own| own == container) && self.pattern.approves(behaviour)
    }
}

impl Intent {
    /// Why it did not announce a rollout that started then, runs this and comes of these sources; an intent of the same
    /// second counts as before it.
    pub fn unfit(
        &self,
        started_at: Timestamp,
        containers: &BTreeMap<ContainerName, RecordedContainer>,
        git: Option<&GitRevision>,
    ) -> Option<String> {
        if self.created > started_at {
            return Some("it was written after the rollout started".to_owned());
        }
        if started_at > self.expires {
            return Some("it had expired when the rollout started".to_owned());
        }
        if self.digests.is_empty() {
            return Some("it names no digest".to_owned());
        }
        for (container, digest) in &self.digests {
            let Some(recorded) = containers.get(container) else {
                return Some(format!("the revision has no container {container}"));
            };
            if recorded.digest != *digest && recorded.pinned.as_ref() != Some(digest) {
                return Some(format!(
                    "it announced {} for the container {container}, which runs {}",
                    digest.short(),
                    recorded.digest.short()
                ));
            }
        }
        match (&self.git_revision, git) {
            (Some(announced), Some(told)) if *announced != told.revision => Some(format!(
                "it announced the sources {}, and {} says {}",
                shown(announced),
                told.annotation,
                shown(&told.revision)
            )),
            (Some(_) | None, _) => None,
        }
    }

    /// As a record keeps it.
    fn announcement(&self) -> Announcement {
        Announcement {
            intent: self.name.clone(),
            uid: self.uid.clone(),
            by: self.by.clone(),
            containers: self.digests.keys().cloned().collect(),
        }
    }
}

/// Which of the intents announced a rollout: the one written last of those that fit.
pub(super) fn announced(
    intents: &[Intent],
    started_at: Timestamp,
    containers: &BTreeMap<ContainerName, RecordedContainer>,
    git: Option<&GitRevision>,
) -> Option<Announcement> {
    let fitting = intents
        .iter()
        .filter(|intent| intent.unfit(started_at, containers, git).is_none());
    let last = fitting.max_by_key(|intent| (intent.created, &intent.name))?;
    Some(last.announcement())
}

/// What became of an intent.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub enum IntentState {
    /// No rollout started yet that it may announce.
    Waiting,
    /// It announced the rollout of this record.
    Announced(String),
    /// No rollout that it announced started in time; why, where one was near.
    Missed(Option<String>),
}

/// Tells what became of an intent. Times are those of resources; `now` is only asked whether it has expired.
pub fn intent_state(
    intent: &Intent,
    evidence: &Evidence,
    git: &BTreeMap<String, GitRevision>,
    now: Timestamp,
) -> IntentState {
    let records = evidence.records();
    let is_of = |record: &&&Record| record.announced.as_ref().is_some_and(|by| by.uid == intent.uid);
    if let Some(record) = records.iter().find(is_of) {
        return IntentState::Announced(record.name.clone());
    }
    // A rollout that is not recorded yet may still be the one.
    if now <= intent.expires || super::is_unrecorded(evidence) {
        return IntentState::Waiting;
    }
    let near = records
        .iter()
        .find(|record| record.started_at >= intent.created && record.started_at <= intent.expires);
    let why = near.and_then(|record| {
        let why = intent.unfit(record.started_at, &record.containers, git.get(&record.name))?;
        Some(format!("{}: {why}", record.name))
    });
    IntentState::Missed(why)
}

/// What an intent expected, and what then happened.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Comparison {
    /// What was expected and is seen, in words.
    pub seen: BTreeSet<String>,
    /// What was expected and is not seen.
    pub not_seen: BTreeSet<String>,
    /// What nobody expected.
    pub unexpected: BTreeSet<String>,
}

/// Compares what an intent expects with what was found newly since: of each the container, the behaviour and its sentence.
/// None where it expects nothing in particular.
pub fn compare<'a>(
    intent: &Intent,
    found: impl Iterator<Item = (&'a ContainerName, &'a Behaviour, &'a str)>,
) -> Option<Comparison> {
    if intent.expects.is_empty() {
        return None;
    }
    let mut comparison = Comparison::default();
    for (container, behaviour, sentence) in found {
        let covering: Vec<&Expected> = intent
            .expects
            .iter()
            .filter(|expected| expected.covers(container, behaviour))
            .collect();
        if covering.is_empty() {
            comparison.unexpected.insert(sentence.to_owned());
        }
        comparison
            .seen
            .extend(covering.into_iter().map(|expected| expected.what.clone()));
    }
    let all = intent.expects.iter().map(|expected| expected.what.clone());
    comparison.not_seen = all.filter(|what| !comparison.seen.contains(what)).collect();
    Some(comparison)
}
