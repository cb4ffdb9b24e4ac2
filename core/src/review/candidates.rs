//! Command lines that were judged usual become learned once they were seen on enough days in enough of the running pods.

use super::width::{Width, shows_widely};
use crate::{
    baseline::{Baseline, MAX_CANDIDATE_PODS},
    policy::Policy,
    rollout::Evidence,
};

/// On how many different days a candidate has to be seen.
const DAYS: u32 = 3;
/// In how many of a hundred running pods.
const PERCENT: u8 = 50;

/// What became of candidates.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Promotion {
    /// Lines that are learned now.
    pub learned: usize,
    /// Whether pods that are gone were forgotten.
    pub forgot: bool,
}

impl Promotion {
    /// Whether anything differs: the baseline has to be written.
    pub const fn changed(self) -> bool {
        self.learned > 0 || self.forgot
    }
}

/// Learns the candidates that were seen on enough days in enough of the running pods. A function of the baseline and of the
/// pods that there are: asked again, it changes nothing. Part of [`super::review`], and all of it where nothing is decided.
pub fn promote(baseline: &mut Baseline, policy: &Policy, evidence: &Evidence) -> Promotion {
    if policy.approvals.frozen.is_some() || baseline.candidates() == 0 {
        return Promotion::default();
    }
    let width = Width {
        percent: PERCENT,
        names_at_most: MAX_CANDIDATE_PODS,
    };
    let learned = baseline.learn_candidates(|candidate| {
        candidate.days.count() >= DAYS && shows_widely(evidence, width, |pod| candidate.pods.contains(pod))
    });
    let forgot = baseline.forget_candidates_pods(|pod| evidence.pods.contains_key(pod));
    Promotion { learned, forgot }
}
