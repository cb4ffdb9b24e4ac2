//! Whether a rollout explains a finding.

use serde::{Deserialize, Serialize};

use super::{
    Evidence, Record,
    breadth::breadth,
    evidence::rollout_start,
    fit::{Fit, fits},
};
use crate::{
    baseline::Entry,
    id::{ContainerName, ImageDigest, TemplateHash},
    policy::{Policy, RolloutPolicy},
    seen::Seen,
    text::shown,
    time::{Duration, Timestamp},
};

/// How long after its first sighting a finding waits for digests and records.
pub const EVIDENCE_WAIT: Duration = Duration::from_mins(1);
/// How long after its first sighting a finding waits at most for the other pods of a new revision to come up.
pub const BREADTH_WAIT: Duration = Duration::from_mins(3);
/// How far a node's clock may be behind the API server's: a finding that seems to be so much older than the rollout may
/// still come from it. Whether its pods are of the new revision is asked all the same.
const CLOCK_SKEW: Duration = Duration::from_secs(5);
/// How often to look again while something is awaited: pods and records may come without a finding changing.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Whether a rollout explains a finding.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum RolloutVerdict {
    /// Digests or records are still awaited.
    Pending,
    /// A rollout explains it.
    Matched,
    /// A rollout is near, but does not explain all of it: tagged, and still open.
    Partial,
    /// No rollout explains it.
    Unmatched,
    /// No rollout could: findings of this kind are never suppressed.
    Never,
}

/// What the deployment evidence says of a finding.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RolloutMatch {
    /// Name of the RolloutRecord that it is tagged with.
    pub record: Option<String>,
    /// Whether it explains the finding.
    pub verdict: RolloutVerdict,
    /// Why, in a sentence with the evidence.
    pub reason: String,
}

/// A judgement, and how long it holds.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Judgement {
    /// What the evidence says.
    pub rollout: RolloutMatch,
    /// Where it is Pending: when it is due.
    pub retry_after: Option<Duration>,
}

impl Judgement {
    fn final_verdict(verdict: RolloutVerdict, record: Option<&Record>, reason: String) -> Self {
        Self {
            rollout: RolloutMatch {
                record: record.map(|record| record.name.clone()),
                verdict,
                reason,
            },
            retry_after: None,
        }
    }

    fn never(record: Option<&Record>, reason: String) -> Self {
        Self::final_verdict(RolloutVerdict::Never, record, reason)
    }

    fn unmatched(record: Option<&Record>, reason: String) -> Self {
        Self::final_verdict(RolloutVerdict::Unmatched, record, reason)
    }

    fn pending(record: Option<&Record>, reason: String, due: Duration) -> Self {
        Self {
            // Zero would have the caller spin where a millisecond is missing.
            retry_after: Some(due.clamp(Duration::from_millis(100), LOOK_AGAIN)),
            ..Self::final_verdict(RolloutVerdict::Pending, record, reason)
        }
    }
}

/// Judges whether a rollout explains what `container` showed.
///
/// It does when the newest recorded revision was rolled out within the policy's window before the behaviour was first
/// seen, and brought another digest to that container than the revision before it; when every pod that shows the
/// behaviour is of that revision and runs exactly the recorded digest; and when it shows in all running pods of the
/// revision or, of more than two, in half of them. What lacks only the last is [`RolloutVerdict::Partial`]. Digests and
/// records are awaited for [`EVIDENCE_WAIT`], other pods of the revision that are still young for [`BREADTH_WAIT`].
/// What a rule forbids to suppress, no rollout explains. `names_at_most` is how many pods the baseline has room to name
/// for each entry.
pub fn judge(
    container: &ContainerName,
    entry: &Entry,
    names_at_most: usize,
    evidence: &Evidence,
    policy: &Policy,
    now: Timestamp,
) -> Judgement {
    if let Some(rule) = entry.rule().filter(|rule| rule.never_suppressed()) {
        let reason = format!("no rollout explains a finding of {rule}");
        return Judgement::never(None, reason);
    }
    if entry.unverified {
        let reason = "no pod that shows it is known to the API server".to_owned();
        return Judgement::unmatched(None, reason);
    }
    let records = evidence.records();
    let case = Case {
        container,
        entry,
        names_at_most,
        evidence,
        policy: &policy.rollout,
        now,
    };
    if let Some(mismatch) = case.mismatch(&records) {
        return mismatch;
    }
    if let Some(pending) = case.of_unknown_revision(&records) {
        return pending;
    }
    let recorded = records.last().map_or(0, |newest| newest.revision);
    match (&evidence.current, records.as_slice()) {
        (Some(current), [.., newest]) if current.revision > recorded => {
            case.not_recorded(newest, &current.template_hash)
        }
        (_, []) => Judgement::unmatched(None, "no rollout of the workload is recorded before it".to_owned()),
        (_, [only]) => case.first_record(only).unwrap_or_else(|judgement| judgement),
        (_, [.., previous, newest]) => case.recorded(previous, newest).unwrap_or_else(|judgement| judgement),
    }
}

/// What is judged, and by what.
struct Case<'a> {
    container: &'a ContainerName,
    entry: &'a Entry,
    names_at_most: usize,
    evidence: &'a Evidence,
    policy: &'a RolloutPolicy,
    now: Timestamp,
}

impl Case<'_> {
    /// When digests and records are no longer awaited.
    fn deadline(&self) -> Timestamp {
        self.entry.first_seen.plus(EVIDENCE_WAIT)
    }

    /// How long after the rollout's start the behaviour was first seen, where that is within the window.
    fn in_time(&self, started_at: Timestamp, record: &Record) -> Result<Duration, Judgement> {
        let first_seen = self.entry.first_seen;
        if first_seen.plus(CLOCK_SKEW) < started_at {
            let reason = "it was seen before the latest rollout started".to_owned();
            return Err(Judgement::unmatched(None, reason));
        }
        let after = first_seen.since(started_at);
        if after > self.policy.window {
            let reason = format!(
                "the latest rollout, {}, started {} s before it",
                record.name,
                after.as_secs()
            );
            return Err(Judgement::unmatched(None, reason));
        }
        Ok(after)
    }

    /// Where a pod that shows it is of a recorded revision and runs something else, whenever that was rolled out.
    fn mismatch(&self, records: &[&Record]) -> Option<Judgement> {
        for (uid, sighting) in &self.entry.shown_by {
            let judged = records.iter().rev().map(|record| {
                let fit = fits(record, self.container, uid, sighting, self.evidence);
                (*record, fit)
            });
            // A rollback has two records of one template, and may have brought what the tag names now.
            let judged: Vec<(&Record, Fit)> = judged.filter(|(_, fit)| !matches!(fit, Fit::No(_))).collect();
            if let Some((record, Fit::Mismatch(reason))) = judged.first()
                && judged.iter().all(|(_, fit)| matches!(fit, Fit::Mismatch(_)))
            {
                return Some(Judgement::never(Some(record), reason.clone()));
            }
        }
        None
    }

    /// Where a pod that shows it is of a revision that neither a record nor the workload names, the picture of the
    /// workload is behind: a rollout has just begun, and its revision will be known in a moment.
    fn of_unknown_revision(&self, records: &[&Record]) -> Option<Judgement> {
        if records.is_empty() {
            return None;
        }
        let current = self.evidence.current.as_ref().map(|current| &current.template_hash);
        let known =
            |hash: &TemplateHash| current == Some(hash) || records.iter().any(|record| record.template_hash == *hash);
        let hashes = self
            .entry
            .shown_by
            .values()
            .filter_map(|sighting| sighting.template_hash.one());
        let unknown = hashes.into_iter().find(|hash| !known(hash))?;
        let left = self.deadline().since(self.now);
        let reason = || format!("the revision of template hash {unknown} is not known yet");
        (!left.is_zero()).then(|| Judgement::pending(None, reason(), left))
    }

    /// The newest revision is the first that is recorded.
    fn first_record(&self, only: &Record) -> Result<Judgement, Judgement> {
        self.in_time(only.started_at, only)?;
        let reason = format!("{} is the first record of the workload: it explains nothing", only.name);
        Ok(Judgement::unmatched(Some(only), reason))
    }

    /// A revision is being rolled out that has no record yet.
    fn not_recorded(&self, newest: &Record, template_hash: &TemplateHash) -> Judgement {
        let started_at = rollout_start(self.evidence, Some(newest)).unwrap_or(self.now);
        if let Err(late) = self.in_time(started_at, newest) {
            return late;
        }
        for sighting in self.entry.shown_by.values() {
            let other = match sighting.template_hash.one() {
                Some(hash) => hash != template_hash,
                None => sighting.template_hash == Seen::Several,
            };
            if other {
                let reason = format!("pod {} is not of the revision that is being rolled out", sighting.pod);
                return Judgement::unmatched(None, reason);
            }
        }
        let left = self.deadline().since(self.now);
        if left.is_zero() {
            Judgement::unmatched(
                None,
                "the revision that its pods run was not recorded in time".to_owned(),
            )
        } else {
            Judgement::pending(
                None,
                "the record of the revision that is being rolled out is awaited".to_owned(),
                left,
            )
        }
    }

    /// The newest revision is recorded, and so is one before it.
    fn recorded(&self, previous: &Record, newest: &Record) -> Result<Judgement, Judgement> {
        let after = self.in_time(newest.started_at, newest)?;
        let unmatched = |reason: String| Judgement::unmatched(Some(newest), reason);
        let Some(digest) = newest.containers.get(self.container).map(|recorded| &recorded.digest) else {
            let reason = format!("{} records no container {}", newest.name, self.container);
            return Err(unmatched(reason));
        };
        if previous.containers.get(self.container).map(|recorded| &recorded.digest) == Some(digest) {
            let reason = format!(
                "{} runs the same image as {}, {}",
                newest.name,
                previous.name,
                digest.short()
            );
            return Err(unmatched(reason));
        }
        if self.entry.shown_by.is_empty() {
            return Err(unmatched("which pods show it is not known".to_owned()));
        }
        self.every_pod_fits(newest)?;
        self.is_trusted(newest)?;
        self.shows_widely(newest, digest, after)
    }

    /// Every pod that shows it is of the revision and runs what is recorded of it.
    fn every_pod_fits(&self, newest: &Record) -> Result<(), Judgement> {
        let mut unknown = None;
        for (uid, sighting) in &self.entry.shown_by {
            match fits(newest, self.container, uid, sighting, self.evidence) {
                Fit::Yes => {}
                Fit::Unknown(reason) => unknown = unknown.or(Some(reason)),
                Fit::No(reason) => return Err(Judgement::unmatched(Some(newest), reason)),
                Fit::Mismatch(reason) => return Err(Judgement::never(Some(newest), reason)),
            }
        }
        let left = self.deadline().since(self.now);
        match unknown {
            None => Ok(()),
            Some(reason) if left.is_zero() => Err(Judgement::unmatched(Some(newest), reason)),
            Some(reason) => Err(Judgement::pending(Some(newest), reason, left)),
        }
    }

    /// It was rolled out by a field manager that the policy trusts.
    fn is_trusted(&self, newest: &Record) -> Result<(), Judgement> {
        let trusted = &self.policy.trusted_managers;
        let manager = newest.who.as_ref().map(|who| who.manager.as_str());
        if trusted.is_empty() || manager.is_some_and(|manager| trusted.contains(manager)) {
            return Ok(());
        }
        let reason = format!(
            "{} was rolled out by {}, whom the policy does not trust",
            newest.name,
            manager.map_or_else(|| "nobody knows whom".to_owned(), shown)
        );
        Err(Judgement::final_verdict(RolloutVerdict::Partial, Some(newest), reason))
    }

    /// It shows in enough of the revision's running pods.
    fn shows_widely(&self, newest: &Record, digest: &ImageDigest, after: Duration) -> Result<Judgement, Judgement> {
        let breadth = breadth(self.entry, self.names_at_most, &newest.template_hash, self.evidence);
        let share = format!(
            "{} of {} running pods of the revision show it",
            breadth.showing, breadth.running
        );
        let left = self.deadline().since(self.now);
        if !breadth.is_settled() && !left.is_zero() {
            let reason = format!("the rollout {} goes on: {share} so far", newest.name);
            return Err(Judgement::pending(Some(newest), reason, left));
        }
        let enough = breadth.is_enough();
        if !enough && let Some(youngest) = breadth.youngest_silent {
            let grown = youngest
                .plus(EVIDENCE_WAIT)
                .min(self.entry.first_seen.plus(BREADTH_WAIT));
            let left = grown.since(self.now);
            if !left.is_zero() {
                let reason = format!(
                    "pods of {} that are still young are awaited: {share} so far",
                    newest.name
                );
                return Err(Judgement::pending(Some(newest), reason, left));
            }
        }
        let verdict = if enough {
            RolloutVerdict::Matched
        } else {
            RolloutVerdict::Partial
        };
        let by = newest.who.as_ref().map(|who| {
            let claim = if who.verified { "" } else { " (as it says itself)" };
            format!(" by {}{claim}", shown(&who.manager))
        });
        let reason = format!(
            "every pod that shows it runs {} as {} records; first seen {} s after that rollout started{}; {share}",
            digest.short(),
            newest.name,
            after.as_secs(),
            by.unwrap_or_default()
        );
        Ok(Judgement::final_verdict(verdict, Some(newest), reason))
    }
}
