//! Whether a pod that shows a finding is of a recorded revision.

use super::{
    Evidence, Pod, Record, RecordedContainer,
    heirs::Heirs,
    likeness::{Likeness, likeness},
};
use crate::{
    baseline::Sighting,
    id::{ContainerName, ImageDigest, PodUid},
    seen::Seen,
    text::shown,
};

/// Whether a pod is of a recorded revision and runs the digest recorded for a container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fit {
    /// It is and does.
    Yes,
    /// Not all of it is known yet.
    Unknown(String),
    /// It is of the revision, and runs something else than is recorded; whether that is another image is told in a moment.
    Unsettled(String),
    /// It is not of the revision.
    No(String),
    /// It is of the revision, and runs, or has run, something else than what is recorded of it: a tag was pushed again, or
    /// the pod was changed.
    Mismatch(String),
}

/// Whether a pod is of the revision that a rollout brought, or of one that goes on with it. What it is of the newest of
/// them that it may be of holds; that it is of none is said of the oldest.
pub(super) fn fits_any(
    heirs: &Heirs<'_>,
    container: &ContainerName,
    uid: &PodUid,
    sighting: &Sighting,
    evidence: &Evidence,
) -> Fit {
    let mut worst = Fit::No(String::new());
    for record in heirs.newest_first() {
        match (fits(record, container, uid, sighting, evidence), &worst) {
            (Fit::Yes, _) => return Fit::Yes,
            (fit @ (Fit::Unknown(_) | Fit::Unsettled(_) | Fit::Mismatch(_) | Fit::No(_)), Fit::No(_)) => worst = fit,
            (Fit::Unknown(_) | Fit::Unsettled(_) | Fit::Mismatch(_) | Fit::No(_), _) => {}
        }
    }
    worst
}

/// Joins what was known when the pod showed the behaviour with what the API server says now, so that neither patching a
/// pod before it is looked at nor patching it back afterwards makes it fit.
pub(super) fn fits(
    record: &Record,
    container: &ContainerName,
    uid: &PodUid,
    sighting: &Sighting,
    evidence: &Evidence,
) -> Fit {
    let live = evidence.pods.get(uid);
    let pod = shown(&sighting.pod);
    let hash = live.and_then(|pod| pod.template_hash.clone());
    match sighting.template_hash.clone().join(hash.into()) {
        Seen::One(hash) if hash == record.template_hash => {}
        Seen::Unknown => return Fit::Unknown(format!("the revision of pod {pod} is not known")),
        Seen::One(_) | Seen::Several => {
            return Fit::No(format!(
                "pod {pod} shows it and is not of the revision of {}",
                record.name
            ));
        }
    }
    let digest = live.and_then(|pod| pod.digests.get(container).cloned());
    match sighting.digest.clone().join(digest.into()) {
        Seen::One(digest) => runs(record, container, &digest, (live, &sighting.pod), evidence),
        Seen::Unknown => Fit::Unknown(format!("the digest that pod {pod} runs is not known")),
        Seen::Several => Fit::Mismatch(format!(
            "digest mismatch: pod {pod} shows it and has run more than one digest"
        )),
    }
}

/// Whether what a pod of a revision runs is what is recorded of it: the same image, whatever digest of it is told.
fn runs(
    record: &Record,
    container: &ContainerName,
    digest: &ImageDigest,
    (live, pod): (Option<&Pod>, &str),
    evidence: &Evidence,
) -> Fit {
    let pod = shown(pod);
    let Some(recorded) = record.containers.get(container) else {
        return Fit::No(format!(
            "pod {pod} shows it and runs {}, which {} does not record",
            digest.short(),
            record.name
        ));
    };
    if recorded.digest == *digest {
        return Fit::Yes;
    }
    let runs = evidence.further(record, container, digest);
    match runs.map(|runs| likeness(recorded, runs)) {
        Some(Likeness::Same) => Fit::Yes,
        Some(Likeness::Unknown) => Fit::No(format!(
            "pod {pod} shows it and runs {}, but {} records {} of another platform: whether they are one image, nobody tells",
            digest.short(),
            record.name,
            recorded.digest.short()
        )),
        // It is about to be recorded, with what its node knows of it.
        None if live.is_some_and(|live| live.running && live.digests.get(container) == Some(digest)) => {
            Fit::Unsettled(mismatch(record, recorded, digest, &pod))
        }
        Some(Likeness::Other) | None => Fit::Mismatch(mismatch(record, recorded, digest, &pod)),
    }
}

fn mismatch(record: &Record, recorded: &RecordedContainer, digest: &ImageDigest, pod: &str) -> String {
    format!(
        "digest mismatch: pod {pod} shows it and runs {}, but {} records {}: the image's tag was pushed again, or the pod was \
         changed",
        digest.short(),
        record.name,
        recorded.digest.short()
    )
}
