//! How widely a finding shows among the pods of a revision.

use super::{Evidence, Pod, Record, sidecar::Sidecar};
use crate::{baseline::Entry, id::ContainerName, policy::RolloutPolicy, time::Timestamp};

/// Fewest pods that can stand for a larger workload's: whoever floods a baseline, so that its entries name fewer, must
/// not have two pods speak for a hundred.
const MIN_WITNESSES: usize = 8;

/// How widely a finding shows among the running pods of a revision, and of those that go on with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Breadth {
    /// Running pods of the revision.
    pub(super) running: usize,
    /// Those of them that show it, as far as the entry names them.
    pub(super) showing: usize,
    /// How many of them have to.
    needed: usize,
    /// Whether pods of another revision run beside them.
    others_run: bool,
    /// When the youngest running pod of the revision that does not show it was made.
    pub(super) youngest_silent: Option<Timestamp>,
}

impl Breadth {
    /// Whether nothing more can come: the rollout is complete and every pod shows it.
    pub(super) const fn is_settled(&self) -> bool {
        self.running > 0 && self.showing == self.running && !self.others_run
    }

    /// Whether it shows widely enough.
    pub(super) const fn is_enough(&self) -> bool {
        self.running > 0 && self.showing >= self.needed
    }
}

/// Counts. Pods that ended well count as running ones do: those of a Job are looked at when they are done. All of up to
/// two pods have to show a finding, half of more. An entry names `names_at_most` pods, and may not be able to name half of
/// a large workload's: then all that it may name have to be running pods of the revision, if they are [`MIN_WITNESSES`] at
/// least. If they are fewer, nothing is said of such a workload.
pub(super) fn breadth(
    entry: &Entry,
    names_at_most: usize,
    is_of_revision: impl Fn(&Pod) -> bool,
    evidence: &Evidence,
) -> Breadth {
    let running = || evidence.pods.iter().filter(|(_, pod)| pod.running || pod.succeeded);
    let of_revision = || running().filter(|(_, pod)| is_of_revision(pod));
    let total = of_revision().count();
    let showing = of_revision()
        .filter(|(uid, _)| entry.shown_by.contains_key(uid))
        .count();
    let half = if total <= 2 { total } else { total.div_ceil(2) };
    Breadth {
        running: total,
        showing,
        needed: half.min(names_at_most.max(MIN_WITNESSES)),
        others_run: running().count() > total,
        youngest_silent: of_revision()
            .filter(|(uid, _)| !entry.shown_by.contains_key(uid))
            .map(|(_, pod)| pod.created)
            .max(),
    }
}

/// Whether the rollout of a record is complete, and what it brought shows as widely as a match asks for, in its pods and
/// in those of the rollouts after it that go on with it.
pub(crate) fn is_complete_and_broad(
    record: &Record,
    container: &ContainerName,
    entry: &Entry,
    names_at_most: usize,
    evidence: &Evidence,
    policy: &RolloutPolicy,
) -> bool {
    if record.containers.get(container).is_some_and(|held| held.injected) {
        return Sidecar::of(container, evidence).is_complete_and_broad(record, entry, names_at_most);
    }
    let heirs = evidence.heirs(record, container, policy);
    let of_revision = |pod: &Pod| pod.template_hash.as_ref().is_some_and(|hash| heirs.have(hash));
    let breadth = breadth(entry, names_at_most, of_revision, evidence);
    !breadth.others_run && breadth.is_enough()
}
