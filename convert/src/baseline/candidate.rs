//! Command lines that were judged usual and are not learned yet.

use anchorwatch_core::{
    baseline::{Candidate, MAX_CANDIDATE_PODS, Marks},
    id::{BehaviourId, PodUid},
};
use anchorwatch_crds::v1alpha1::CandidateCommand;

use crate::time::{from_time, to_time};

pub(super) fn candidate_from_crd(candidate: CandidateCommand) -> (String, Candidate) {
    let (first_seen, last_seen) = (from_time(&candidate.first_seen), from_time(&candidate.last_seen));
    let held = Candidate {
        first_seen,
        last_seen: last_seen.max(first_seen),
        days: Marks {
            newest: candidate.last_day,
            bits: candidate.days.cast_unsigned(),
        },
        pods: candidate
            .pods
            .into_iter()
            .map(PodUid::from)
            .take(MAX_CANDIDATE_PODS)
            .collect(),
    };
    (candidate.command, held)
}

pub(super) fn candidate_to_crd((program, line, candidate): (BehaviourId, &String, &Candidate)) -> CandidateCommand {
    let Candidate {
        first_seen,
        last_seen,
        days,
        pods,
    } = candidate;
    CandidateCommand {
        program: program.to_string(),
        command: line.clone(),
        first_seen: to_time(*first_seen),
        last_seen: to_time(*last_seen),
        last_day: days.newest,
        days: days.bits.cast_signed(),
        pods: pods.iter().map(ToString::to_string).collect(),
    }
}
