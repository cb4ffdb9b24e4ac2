//! One thing that deviated.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AlertState, Decided};
use crate::{
    baseline::{Entry, EntryState, Lesson, MAX_SIGHTINGS, Marks, Sighting},
    behaviour::{Attributes, Behaviour},
    id::{FindingId, PodUid},
    rollout::RolloutMatch,
    rules::Rule,
    score::Strangeness,
    severity::Severity,
    time::Timestamp,
};

/// Most pods that a finding names: as many as the entry of the baseline does.
pub const MAX_SHOWN_BY: usize = MAX_SIGHTINGS;

/// One thing that deviated: a quarantined entry of the baseline, its severity, and where it stands.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// Its identity: that of the behaviour.
    pub id: FindingId,
    /// The rule that raised it.
    pub rule: Rule,
    /// The behaviour.
    pub behaviour: Behaviour,
    /// What else was seen of it.
    pub attributes: Attributes,
    /// It in words.
    pub summary: String,
    /// How grave it is.
    pub severity: Severity,
    /// The terms that its severity adds up from.
    pub severity_terms: Vec<String>,
    /// Where it stands.
    pub state: AlertState,
    /// Executables that led to it, outermost first, its own last.
    pub lineage: Vec<String>,
    /// How often it was seen.
    pub count: u64,
    /// Number of different pods that showed it, at least.
    pub pods: u32,
    /// Pods that showed it, at most [`MAX_SHOWN_BY`]. What their status told after the entry was written is remembered
    /// here: a pod may be gone when it is asked for again.
    pub shown_by: BTreeMap<PodUid, Sighting>,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// What the deployment evidence says of it.
    pub rollout: Option<RolloutMatch>,
    /// True while the API server knew none of the pods that showed it.
    pub unverified: bool,
    /// True while it was only found when a sensor started, and never seen to happen.
    pub snapshot: bool,
    /// Of an unusual command: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strangeness: Option<Strangeness>,
    /// What somebody decided about it, and what came of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// Name of the alert in which the same finding was closed before, where it came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurs: Option<String>,
    /// Why it is resolved, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
}

impl Finding {
    /// An entry of what it tells, where the baseline no longer holds any.
    pub(crate) fn entry(&self) -> Entry {
        let mut days = Marks::NONE;
        days.mark(self.last_seen.day().0);
        Entry {
            behaviour: self.behaviour.clone(),
            attributes: self.attributes.clone().into(),
            state: EntryState::Quarantined { rule: self.rule },
            lineage: self.lineage.clone(),
            count: self.count,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            days,
            pods: self.pods,
            shown_by: self.shown_by.clone(),
            unverified: self.unverified,
            snapshot: self.snapshot,
            provisional: false,
            strangeness: self.strangeness.clone().map(Box::new),
            generalised: false,
            lesson: Lesson::default(),
        }
    }

    /// Whether a closed finding accounts for an entry: all that was seen of it was seen before it was closed, and nothing
    /// graver raised it since. A burst is of one hour: once it is closed, it is closed.
    pub(crate) fn accounts_for(&self, entry: &Entry) -> bool {
        let graver = entry.rule().is_some_and(|rule| rule > self.rule);
        !graver && (entry.last_seen <= self.last_seen || self.rule == Rule::DestinationSpike)
    }
}
