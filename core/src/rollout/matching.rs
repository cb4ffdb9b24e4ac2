//! Whether a rollout explains a finding.

use super::{
    Evidence, Expected, Intent, Pod, Record,
    breadth::breadth,
    evidence::rollout_start,
    fit::{Fit, fits, fits_any},
    heirs::Heirs,
    judgement::{Judgement, RolloutVerdict},
    likeness::{Likeness, likeness},
    plan::is_unrecorded,
    sidecar::Sidecar,
    trust::distrust,
};
use crate::{
    baseline::{Entry, Sighting},
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

/// Judges whether a rollout explains what `container` showed.
///
/// It does when the newest recorded revision was rolled out within the policy's window before the behaviour was first
/// seen, and brought another digest to that container than the revision before it; when every pod that shows the
/// behaviour is of that revision, or of a later one that goes on with it, and runs exactly what is recorded; and when it
/// shows in all running pods of the revision or, of more than two, in half of them. What lacks only the last, or that the
/// policy trusts who rolled out, is [`RolloutVerdict::Partial`]. Digests and records are awaited for [`EVIDENCE_WAIT`],
/// other pods of the revision that are still young for [`BREADTH_WAIT`]. What a rule forbids to suppress, no rollout
/// explains. `names_at_most` is how many pods the baseline has room to name for each entry.
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
    if is_injected(container, &records, evidence) {
        return Sidecar::of(container, evidence).judge(entry, names_at_most, &policy.rollout, now);
    }
    if let Some(mismatch) = case.mismatch(&records) {
        return mismatch;
    }
    if let Some(pending) = case.of_unknown_revision(&records) {
        return pending;
    }
    let recorded = records.last().map_or(0, |newest| newest.revision);
    match (&evidence.current, records.as_slice()) {
        (Some(current), [.., newest]) if current.revision > recorded => {
            case.not_recorded(&records, newest, &current.template_hash)
        }
        (_, []) => Judgement::unmatched(None, "no rollout of the workload is recorded before it".to_owned()),
        (_, [only]) => case.first_record(only).unwrap_or_else(|judgement| judgement),
        (_, [.., _, _]) => case.recorded(&records),
    }
}

/// Whether a container is one that the template of the newest revision lacks, and pods have all the same. While a revision
/// is not recorded, its template may have it.
fn is_injected(container: &ContainerName, records: &[&Record], evidence: &Evidence) -> bool {
    let Some(newest) = records.last() else { return false };
    let mut pods = evidence.pods.values();
    !is_unrecorded(evidence)
        && !newest.containers.contains_key(container)
        && pods.any(|pod| pod.images.contains_key(container))
}

/// How long after a rollout's start a behaviour was first seen, where that is within the window.
pub(super) fn in_time(
    entry: &Entry,
    policy: &RolloutPolicy,
    started_at: Timestamp,
    record: &Record,
) -> Result<Duration, Judgement> {
    let first_seen = entry.first_seen;
    if first_seen.plus(CLOCK_SKEW) < started_at {
        let reason = "it was seen before the latest rollout started".to_owned();
        return Err(Judgement::unmatched(None, reason));
    }
    let after = first_seen.since(started_at);
    if after > policy.window {
        let reason = format!(
            "the latest rollout, {}, started {} s before it",
            record.name,
            after.as_secs()
        );
        return Err(Judgement::unmatched(None, reason));
    }
    Ok(after)
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

    /// See [`in_time`].
    fn in_time(&self, started_at: Timestamp, record: &Record) -> Result<Duration, Judgement> {
        in_time(self.entry, self.policy, started_at, record)
    }

    /// Where a pod that shows it is of a recorded revision and runs something else, whenever that was rolled out. What a pod
    /// runs is awaited: its status may come after what it does, and no other verdict may come before this one.
    fn mismatch(&self, records: &[&Record]) -> Option<Judgement> {
        let mut awaited = None;
        for (uid, sighting) in &self.entry.shown_by {
            let judged = records.iter().rev().map(|record| {
                let fit = fits(record, self.container, uid, sighting, self.evidence);
                (*record, fit)
            });
            // A rollback has two records of one template, and may have brought what the tag names now.
            let judged: Vec<(&Record, Fit)> = judged.filter(|(_, fit)| !matches!(fit, Fit::No(_))).collect();
            if judged.iter().any(|(_, fit)| *fit == Fit::Yes) {
                continue;
            }
            match judged.first() {
                Some((record, Fit::Mismatch(reason))) => return Some(Judgement::never(Some(record), reason.clone())),
                Some((record, Fit::Unsettled(reason))) => return Some(self.unsettled(record, reason.clone())),
                Some((_, Fit::Unknown(reason))) => awaited = awaited.or_else(|| Some(reason.clone())),
                Some((_, Fit::Yes | Fit::No(_))) | None => {}
            }
        }
        let left = self.deadline().since(self.now);
        awaited
            .filter(|_| !left.is_zero())
            .map(|reason| Judgement::pending(None, reason, left))
    }

    /// A pod runs another digest, of which nothing is recorded yet.
    fn unsettled(&self, record: &Record, reason: String) -> Judgement {
        let left = self.deadline().since(self.now);
        if left.is_zero() {
            Judgement::never(Some(record), reason)
        } else {
            Judgement::pending(Some(record), reason, left)
        }
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
    fn not_recorded(&self, records: &[&Record], newest: &Record, template_hash: &TemplateHash) -> Judgement {
        let started_at = rollout_start(self.evidence, Some(newest)).unwrap_or(self.now);
        let of_other = |sighting: &&Sighting| match sighting.template_hash.one() {
            Some(hash) => hash != template_hash,
            None => sighting.template_hash == Seen::Several,
        };
        let others: Vec<&Sighting> = self.entry.shown_by.values().filter(of_other).collect();
        // What the rollouts before it brought waits for no further one, which may never come up.
        if others.len() == self.entry.shown_by.len() && !others.is_empty() && records.len() > 1 {
            let judgement = self.recorded(records);
            if judgement.is_of_rollout() {
                return judgement;
            }
        }
        if others.is_empty() || !self.goes_on(records, &others) {
            if let Err(late) = self.in_time(started_at, newest) {
                return late;
            }
            if let Some(sighting) = others.first() {
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

    /// Whether pods are of rollouts within the window that the one which is not recorded yet may go on with.
    fn goes_on(&self, records: &[&Record], others: &[&Sighting]) -> bool {
        (1..records.len()).any(|brought| {
            let heirs = Heirs::of(self.container, records, brought, self.policy);
            let is_of = |sighting: &&Sighting| sighting.template_hash.one().is_some_and(|hash| heirs.have(hash));
            self.in_time(records[brought].started_at, records[brought]).is_ok() && others.iter().all(is_of)
        })
    }

    /// By the newest rollout or, where that does not explain it, by an earlier one within the window with which later ones
    /// go on: a restart, or the next release, takes nothing away from what a rollout brought.
    fn recorded(&self, records: &[&Record]) -> Judgement {
        let by = |brought: usize| self.brought_by(records, brought).unwrap_or_else(|judgement| judgement);
        let newest = by(records.len().saturating_sub(1));
        if newest.rollout.verdict != RolloutVerdict::Unmatched {
            return newest;
        }
        let earlier = (1..records.len().saturating_sub(1)).rev().map(by);
        let explained = earlier.into_iter().find(Judgement::is_of_rollout);
        explained.unwrap_or(newest)
    }

    /// The rollout of `records[brought]`, which is not the first.
    fn brought_by(&self, records: &[&Record], brought: usize) -> Result<Judgement, Judgement> {
        let [.., previous, record] = records[..=brought] else {
            return Err(Judgement::unmatched(
                None,
                "no rollout is recorded before it".to_owned(),
            ));
        };
        let after = self.in_time(record.started_at, record)?;
        let unmatched = |reason: String| Judgement::unmatched(Some(record), reason);
        let Some(recorded) = record.containers.get(self.container) else {
            let reason = format!("{} records no container {}", record.name, self.container);
            return Err(unmatched(reason));
        };
        let digest = &recorded.digest;
        match previous
            .containers
            .get(self.container)
            .map(|before| likeness(before, recorded))
        {
            Some(Likeness::Same) => {
                let (record, previous) = (&record.name, &previous.name);
                let reason = format!("{record} runs the same image as {previous}, {}", digest.short());
                return Err(unmatched(reason));
            }
            Some(Likeness::Unknown) => {
                let (record, previous) = (&record.name, &previous.name);
                let reason = format!(
                    "{record} was seen on another platform than {previous}: whether it runs another image, nobody tells"
                );
                return Err(unmatched(reason));
            }
            Some(Likeness::Other) | None => {}
        }
        if self.entry.shown_by.is_empty() {
            return Err(unmatched("which pods show it is not known".to_owned()));
        }
        let heirs = Heirs::of(self.container, records, brought, self.policy);
        self.every_pod_fits(record, &heirs)?;
        if let Some(reason) = distrust(record, self.container, self.policy) {
            return Err(Judgement::final_verdict(RolloutVerdict::Partial, Some(record), reason));
        }
        self.is_expected(record)?;
        self.shows_widely(record, &heirs, digest, after)
    }

    /// Every pod that shows it is of the revision, or of one that goes on with it, and runs what is recorded.
    fn every_pod_fits(&self, record: &Record, heirs: &Heirs<'_>) -> Result<(), Judgement> {
        let mut unknown = None;
        for (uid, sighting) in &self.entry.shown_by {
            match fits_any(heirs, self.container, uid, sighting, self.evidence) {
                Fit::Yes => {}
                Fit::Unknown(reason) => unknown = unknown.or(Some(reason)),
                Fit::No(reason) => return Err(Judgement::unmatched(Some(record), reason)),
                Fit::Unsettled(reason) => return Err(self.unsettled(record, reason)),
                Fit::Mismatch(reason) => return Err(Judgement::never(Some(record), reason)),
            }
        }
        let left = self.deadline().since(self.now);
        match unknown {
            None => Ok(()),
            Some(reason) if left.is_zero() => Err(Judgement::unmatched(Some(record), reason)),
            Some(reason) => Err(Judgement::pending(Some(record), reason, left)),
        }
    }

    /// The intent that announced a rollout, where it is still there and lists what it expects.
    fn intent(&self, record: &Record) -> Option<&Intent> {
        let announced = record.announced.as_ref()?;
        let mut intents = self.evidence.intents.iter();
        intents.find(|intent| intent.uid == announced.uid && !intent.expects.is_empty())
    }

    /// Whether the intent that announced a rollout expects it; none where nothing is said of that.
    fn expected(&self, record: &Record) -> Option<bool> {
        let intent = self.intent(record)?;
        let covers = |expected: &Expected| expected.covers(self.container, &self.entry.behaviour);
        Some(intent.expects.iter().any(covers))
    }

    /// Where the policy asks for announcements, what one that lists its expectations did not expect is not explained.
    fn is_expected(&self, record: &Record) -> Result<(), Judgement> {
        if self.policy.require_intent_from.is_empty() || self.expected(record) != Some(false) {
            return Ok(());
        }
        let reason = format!("{} was{}", record.name, self.announcement(record).unwrap_or_default());
        Err(Judgement::final_verdict(RolloutVerdict::Partial, Some(record), reason))
    }

    /// Who announced a rollout, and whether this was expected, as the end of a sentence.
    fn announcement(&self, record: &Record) -> Option<String> {
        let announced = record.announced.as_ref()?;
        let expected = match self.expected(record) {
            Some(true) => ", which expected it",
            Some(false) => ", which did not expect it",
            None => "",
        };
        Some(format!(
            " announced by {} in the RolloutIntent {}{expected}",
            shown(&announced.by),
            announced.intent
        ))
    }

    /// It shows in enough of the running pods of the revision, and of those that go on with it.
    fn shows_widely(
        &self,
        record: &Record,
        heirs: &Heirs<'_>,
        digest: &ImageDigest,
        after: Duration,
    ) -> Result<Judgement, Judgement> {
        let of_revision = |pod: &Pod| pod.template_hash.as_ref().is_some_and(|hash| heirs.have(hash));
        let breadth = breadth(self.entry, self.names_at_most, of_revision, self.evidence);
        let share = format!(
            "{} of {} running pods of the revision show it",
            breadth.showing, breadth.running
        );
        let left = self.deadline().since(self.now);
        if !breadth.is_settled() && !left.is_zero() {
            let reason = format!("the rollout {} goes on: {share} so far", record.name);
            return Err(Judgement::pending(Some(record), reason, left));
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
                    record.name
                );
                return Err(Judgement::pending(Some(record), reason, left));
            }
        }
        let verdict = if enough {
            RolloutVerdict::Matched
        } else {
            RolloutVerdict::Partial
        };
        let reason = self.sentence(record, heirs, digest, after) + "; " + &share;
        Ok(Judgement::final_verdict(verdict, Some(record), reason))
    }

    /// The evidence, but for how widely it shows.
    fn sentence(&self, record: &Record, heirs: &Heirs<'_>, digest: &ImageDigest, after: Duration) -> String {
        let by = record.who.as_ref().map(|who| {
            let claim = if who.verified { "" } else { " (as it says itself)" };
            format!(" by {}{claim}", shown(&who.manager))
        });
        let or_later = if heirs.newest_first().nth(1).is_some() {
            " or a rollout after it"
        } else {
            ""
        };
        let announced = self.announcement(record).map(|how| format!(",{how}"));
        format!(
            "every pod that shows it runs {} as {} records{or_later}; first seen {} s after that rollout started{}{}",
            digest.short(),
            record.name,
            after.as_secs(),
            by.unwrap_or_default(),
            announced.unwrap_or_default()
        )
    }
}
