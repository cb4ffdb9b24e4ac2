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

/// What becomes of candidates: how many are learned, and whether anything else differs. A function of the baseline and of the
/// pods that there are: asked again, it changes nothing.
pub(super) fn promote(baseline: &mut Baseline, policy: &Policy, evidence: &Evidence) -> (usize, bool) {
    if policy.approvals.frozen.is_some() {
        return (0, false);
    }
    let width = Width {
        percent: PERCENT,
        names_at_most: MAX_CANDIDATE_PODS,
    };
    let learned = baseline.learn_candidates(|candidate| {
        candidate.days.count() >= DAYS && shows_widely(evidence, width, |pod| candidate.pods.contains(pod))
    });
    let forgot = baseline.forget_candidates_pods(|pod| evidence.pods.contains_key(pod));
    (learned, forgot)
}
