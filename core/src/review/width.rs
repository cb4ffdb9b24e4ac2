//! How many of the running pods something has to show in before it may become known without a person.

use std::collections::BTreeSet;

use crate::{
    id::{NodeName, PodUid},
    rollout::Evidence,
};

/// Fewest pods that stand for a larger workload's: as for rollouts.
const MIN_WITNESSES: usize = 8;

/// How widely something has to show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Width {
    /// In how many of a hundred running pods.
    pub(super) percent: u8,
    /// How many pods can be named: of a larger workload no more are asked for.
    pub(super) names_at_most: usize,
}

/// Whether enough of the running pods show something, on more nodes than one where they run on more than one.
pub(super) fn shows_widely(evidence: &Evidence, width: Width, shows: impl Fn(&PodUid) -> bool) -> bool {
    let running: Vec<_> = evidence.pods.iter().filter(|(_, pod)| pod.running).collect();
    let showing: Vec<_> = running.iter().filter(|(uid, _)| shows(uid)).collect();
    let share = (running.len() * usize::from(width.percent)).div_ceil(100);
    let needed = if running.len() <= 2 { running.len() } else { share };
    let nodes: BTreeSet<&NodeName> = running.iter().map(|(_, pod)| &pod.node).collect();
    let shown_on: BTreeSet<&NodeName> = showing.iter().map(|(_, pod)| &pod.node).collect();
    !running.is_empty()
        && showing.len() >= needed.min(width.names_at_most.max(MIN_WITNESSES)).max(1)
        && shown_on.len() >= nodes.len().min(2)
}
