//! What repeats harmlessly, or what a rollout brought, becomes known without a person.
//!
//! Nobody may make a habit of what is grave: never absorbed is what can never be suppressed, what is no part of the image,
//! destination groups and libraries, what visitors do, what nobody vouches for, and what anybody decided about. What only
//! one node tells of, where the workload runs on several, is not absorbed either: one node can tell anything of its pods.

use super::width::{Width, shows_widely};
use crate::{
    alert::{AlertState, Finding},
    baseline::{Baseline, Entry, limit},
    behaviour::{Behaviour, Feed, Origin},
    id::ContainerName,
    policy::Policy,
    rollout::{Evidence, RolloutVerdict, is_complete_and_broad},
    rules::Rule,
    time::{Duration, Timestamp},
};

/// How long after its record what a rollout brought is absorbed.
const AFTER_ROLLOUT: Duration = Duration::from_hours(3 * 24);

/// What absorbing is decided with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habit<'a> {
    pub(super) container: &'a ContainerName,
    pub(super) finding: &'a Finding,
    pub(super) policy: &'a Policy,
    pub(super) evidence: &'a Evidence,
    pub(super) now: Timestamp,
}

impl Habit<'_> {
    /// Whether a finding that nobody decided about is absorbed.
    pub(super) fn is_harmless(&self, baseline: &Baseline) -> bool {
        let Some(entry) = baseline.entry(self.container, self.finding.id) else {
            return false;
        };
        let same_rule = entry.rule() == Some(self.finding.rule);
        if self.policy.approvals.frozen.is_some() || !same_rule || entry.unverified || !may_ever_be(entry) {
            return false;
        }
        let names_at_most = limit(baseline.quarantined());
        match self.finding.state {
            AlertState::Suppressed => {
                self.was_rolled_out(entry, names_at_most) || self.repeats(entry, baseline, names_at_most)
            }
            AlertState::Observed | AlertState::Open | AlertState::PendingReview => {
                self.repeats(entry, baseline, names_at_most)
            }
            AlertState::Correlating
            | AlertState::Escalated
            | AlertState::Accepted
            | AlertState::Dismissed
            | AlertState::Denied
            | AlertState::Resolved => false,
        }
    }

    /// Whether it repeats: on enough days, in enough pods, and is nothing that must not become a habit.
    fn repeats(&self, entry: &Entry, baseline: &Baseline, names_at_most: usize) -> bool {
        let policy = self.policy.absorb;
        policy.enabled
            && self.finding.severity <= policy.severity
            && entry.days.count() >= policy.days
            && may_repeat(entry)
            && !self.is_of_a_raised_program(entry, baseline)
            && shows_widely(
                self.evidence,
                Width {
                    percent: policy.pods_percent,
                    names_at_most,
                },
                |pod| entry.shown_by.contains_key(pod),
            )
    }

    /// Whether the program that talks or listens was itself raised: what it does is no habit of the workload's.
    fn is_of_a_raised_program(&self, entry: &Entry, baseline: &Baseline) -> bool {
        let feeds = baseline
            .containers
            .get(self.container)
            .map(|container| &container.feeds);
        let processes = feeds.and_then(|feeds| feeds.get(&Feed::Process));
        let mut raised = processes
            .into_iter()
            .flat_map(|held| held.entries.values())
            .filter(|other| other.is_quarantined());
        entry.behaviour.feed() != Feed::Process
            && raised.any(|other| other.behaviour.executable() == entry.behaviour.executable())
    }

    /// Whether the rollout that explains it is complete and recorded for long enough, and its pods still show it.
    fn was_rolled_out(&self, entry: &Entry, names_at_most: usize) -> bool {
        let Some(rollout) = &self.finding.rollout else {
            return false;
        };
        let mut records = self.evidence.records.iter();
        let record = records.find(|record| Some(&record.name) == rollout.record.as_ref());
        rollout.verdict == RolloutVerdict::Matched
            && record.is_some_and(|record| {
                record.recorded_at.plus(AFTER_ROLLOUT) <= self.now
                    && is_complete_and_broad(
                        record,
                        self.container,
                        entry,
                        names_at_most,
                        self.evidence,
                        &self.policy.rollout,
                    )
            })
    }
}

/// Whether anything but a person could ever make it known.
fn may_ever_be(entry: &Entry) -> bool {
    let own = match entry.behaviour.origin() {
        Origin::Entrypoint | Origin::Probe => true,
        Origin::Exec | Origin::Unknown => false,
    };
    own && entry
        .rule()
        .is_some_and(|rule| !rule.never_suppressed() && !rule.is_of_several())
}

/// Whether it may become known by repeating alone.
fn may_repeat(entry: &Entry) -> bool {
    let of_group = entry.rule() == Some(Rule::NewDestinationGroup);
    !of_group
        && match &entry.behaviour {
            Behaviour::Process(process) => process.source().is_of_image(),
            Behaviour::Network(_) => true,
            Behaviour::Module(_) => false,
        }
}
