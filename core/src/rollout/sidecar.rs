//! Containers that the template lacks, because something puts them into pods: each image of one is a revision of its own.
//!
//! Nobody signs for what is injected: whoever may make pods that a workload adopts can put anything beside its containers.
//! So a new image explains what such a container newly does only where it takes the place of an older one of the same
//! repository, and at least half of *all* running pods of the workload (of two, both) show it: an injector that was upgraded
//! reaches every pod, somebody's own pod does not.

use super::{
    Evidence, Judgement, Pod, Record, RecordedContainer, RolloutVerdict, StillExplained,
    breadth::breadth,
    images::repository,
    likeness::{Likeness, likeness},
    matching::{BREADTH_WAIT, EVIDENCE_WAIT, LOOK_AGAIN, in_time},
};
use crate::{
    baseline::{Entry, Sighting},
    id::{ContainerName, ImageDigest, PodUid},
    policy::RolloutPolicy,
    seen::Seen,
    text::shown,
    time::{Duration, Timestamp},
};

/// The images of a container that is injected, oldest first, each with the record that told of it first.
#[derive(Debug)]
pub(super) struct Sidecar<'a> {
    container: &'a ContainerName,
    evidence: &'a Evidence,
    images: Vec<(&'a Record, &'a RecordedContainer)>,
}

/// What a pod runs in an injected container.
enum Runs {
    /// The image with this number.
    Image(usize),
    /// It is not known yet, or not recorded.
    Unknown(String),
    /// More than one digest: somebody changed the pod.
    Several(String),
}

impl<'a> Sidecar<'a> {
    /// Those of a container of the workload that exists now, in the order in which the pods were made that showed them.
    pub(super) fn of(container: &'a ContainerName, evidence: &'a Evidence) -> Self {
        let uid = evidence.newest().map(|newest| &newest.workload_uid);
        let sealed = evidence.records.iter().filter(|record| record.sealed);
        let own = sealed.filter(|record| Some(&record.workload_uid) == uid);
        let held = own.filter_map(|record| {
            let held = record.containers.get(container).filter(|held| held.injected)?;
            Some((record, held))
        });
        let mut all: Vec<_> = held.collect();
        all.sort_by_key(|(record, _)| (record.started_at, &record.name));
        let mut images: Vec<(&Record, &RecordedContainer)> = Vec::new();
        for (record, held) in all {
            let is_known = |(_, older): &(&Record, &RecordedContainer)| likeness(older, held) == Likeness::Same;
            if !images.iter().any(is_known) {
                images.push((record, held));
            }
        }
        Self {
            container,
            evidence,
            images,
        }
    }

    /// Judges what the container showed.
    pub(super) fn judge(
        &self,
        entry: &Entry,
        names_at_most: usize,
        policy: &RolloutPolicy,
        now: Timestamp,
    ) -> Judgement {
        let brought = match self.brought(entry) {
            Ok(brought) => brought,
            Err(Runs::Unknown(reason)) => {
                let left = entry.first_seen.plus(EVIDENCE_WAIT).since(now);
                return if left.is_zero() {
                    Judgement::unmatched(None, reason)
                } else {
                    Judgement::pending(None, reason, left)
                };
            }
            Err(Runs::Several(reason)) => return Judgement::never(None, reason),
            Err(Runs::Image(_)) => return Judgement::unmatched(None, "which pods show it is not known".to_owned()),
        };
        self.by_image(brought, entry, names_at_most, policy, now)
            .unwrap_or_else(|judgement| judgement)
    }

    /// The oldest image that a pod runs which shows it.
    fn brought(&self, entry: &Entry) -> Result<usize, Runs> {
        let mut oldest = None;
        for (uid, sighting) in &entry.shown_by {
            match self.runs(uid, sighting) {
                Runs::Image(number) => oldest = Some(oldest.map_or(number, |oldest: usize| oldest.min(number))),
                other @ (Runs::Unknown(_) | Runs::Several(_)) => return Err(other),
            }
        }
        oldest.ok_or(Runs::Image(0))
    }

    fn runs(&self, uid: &PodUid, sighting: &Sighting) -> Runs {
        let pod = shown(&sighting.pod);
        let live = self.evidence.pods.get(uid);
        let digest = live.and_then(|pod| pod.digests.get(self.container).cloned());
        match sighting.digest.clone().join(digest.into()) {
            Seen::Unknown => Runs::Unknown(format!("the digest that pod {pod} runs is not known")),
            Seen::Several => Runs::Several(format!(
                "digest mismatch: pod {pod} shows it and has run more than one digest"
            )),
            Seen::One(digest) => self.number_of(&digest).map_or_else(
                || Runs::Unknown(format!("what pod {pod} runs, {}, is not recorded", digest.short())),
                Runs::Image,
            ),
        }
    }

    fn number_of(&self, digest: &ImageDigest) -> Option<usize> {
        let is_it = |(_, held): &(&Record, &RecordedContainer)| held.digest == *digest || held.also.contains(digest);
        self.images.iter().position(is_it)
    }

    fn by_image(
        &self,
        brought: usize,
        entry: &Entry,
        names_at_most: usize,
        policy: &RolloutPolicy,
        now: Timestamp,
    ) -> Result<Judgement, Judgement> {
        let (record, held) = self.images[brought];
        let container = self.container;
        let unmatched = |reason: String| Judgement::unmatched(Some(record), reason);
        let Some((_, before)) = brought.checked_sub(1).map(|before| self.images[before]) else {
            return Err(unmatched(format!(
                "{} records the first image of {container}, which the template lacks: it explains nothing",
                record.name
            )));
        };
        let after = in_time(entry, policy, record.started_at, record)?;
        if repository(&held.image) != repository(&before.image) || repository(&held.image).is_empty() {
            return Err(unmatched(format!(
                "the template lacks {container}, and what {} records of it is of another repository than what ran before",
                record.name
            )));
        }
        if !policy.trusted_managers.is_empty() || policy.require_verified || !policy.require_intent_from.is_empty() {
            let reason = format!(
                "nobody knows who put the image that {} records into pods, and the policy asks whom to trust",
                record.name
            );
            return Err(Judgement::final_verdict(RolloutVerdict::Partial, Some(record), reason));
        }
        let breadth = breadth(entry, names_at_most, |_| true, self.evidence);
        let share = format!(
            "{} of {} running pods of the workload show it",
            breadth.showing, breadth.running
        );
        let enough = breadth.is_enough();
        let left = entry.first_seen.plus(BREADTH_WAIT).since(now);
        if !enough && !left.is_zero() {
            let reason = format!("other pods are awaited: {share} so far");
            return Err(Judgement::pending(Some(record), reason, left));
        }
        let reason = format!(
            "every pod that shows it runs {} in {container}, as {} records, which the template lacks: an image of the same \
             repository as before; first seen {} s after a pod had it first; {share}",
            held.digest.short(),
            record.name,
            after.as_secs()
        );
        let verdict = if enough {
            RolloutVerdict::Matched
        } else {
            RolloutVerdict::Partial
        };
        Ok(Judgement::final_verdict(verdict, Some(record), reason))
    }

    /// Whether what the image of a record explained is still shown by pods alone that run it, or one that came after it.
    pub(super) fn still_explains(&self, record: &Record, entry: &Entry, now: Timestamp) -> StillExplained {
        let brought = self.images.iter().position(|(held, _)| held.name == record.name);
        let mut wait: Option<Duration> = None;
        for (uid, sighting) in &entry.shown_by {
            let reason = match self.runs(uid, sighting) {
                Runs::Image(number) if brought.is_some_and(|brought| number >= brought) => continue,
                Runs::Image(_) => {
                    let pod = shown(&sighting.pod);
                    let reason = format!("pod {pod} shows it and runs an older image in {}", self.container);
                    return StillExplained::No { reason };
                }
                Runs::Several(reason) => return StillExplained::No { reason },
                Runs::Unknown(reason) => reason,
            };
            let left = sighting.first_seen.plus(EVIDENCE_WAIT).since(now);
            if left.is_zero() {
                return StillExplained::No { reason };
            }
            wait = Some(wait.map_or(left, |least| least.min(left)));
        }
        wait.map_or(StillExplained::Yes, |left| StillExplained::SoFar(left.min(LOOK_AGAIN)))
    }

    /// Whether every running pod that has the container runs the image of a record or one that came after it, and enough of
    /// all pods show it.
    pub(super) fn is_complete_and_broad(&self, record: &Record, entry: &Entry, names_at_most: usize) -> bool {
        let Some(brought) = self.images.iter().position(|(held, _)| held.name == record.name) else {
            return false;
        };
        let runs_it = |pod: &Pod| {
            let digest = pod.digests.get(self.container);
            digest.is_none_or(|digest| self.number_of(digest).is_some_and(|number| number >= brought))
        };
        let mut running = self.evidence.pods.values().filter(|pod| pod.running);
        running.all(runs_it) && breadth(entry, names_at_most, |_| true, self.evidence).is_enough()
    }
}
