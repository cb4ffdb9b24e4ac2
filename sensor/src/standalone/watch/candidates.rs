//! Candidates on a host: command lines that were judged usual, until they were seen on enough days.

use anchorwatch_core::baseline::FeedBaseline;
use anchorwatch_core::behaviour::{Behaviour, MAX_COMMAND};
use anchorwatch_core::id::{NodeName, PodUid, WorkloadKey};
use anchorwatch_core::policy::Policy;
use anchorwatch_core::review;
use anchorwatch_core::rollout::{Evidence, Pod};
use anchorwatch_core::text::bounded_line;
use anchorwatch_core::time::Timestamp;

use super::HOST;
use crate::standalone::known::Known;

/// Learns those of a workload that were seen on enough days. A workload of a host is its only pod, which runs for as long as
/// anything is seen of it. Whether anything differs.
pub(super) fn promote(workload: &WorkloadKey, known: &mut Known, policy: &Policy) -> bool {
    let pod = Pod {
        name: workload.name.clone(),
        node: NodeName::new(HOST),
        template_hash: None,
        running: true,
        succeeded: false,
        created: Timestamp::default(),
        digests: [].into(),
        images: [].into(),
    };
    let evidence = Evidence {
        pods: [(PodUid::new(workload.to_string()), pod)].into(),
        ..Evidence::default()
    };
    review::promote(&mut known.baseline, policy, &evidence).changed()
}

/// Whether a command line is a candidate that was not seen on the day of a moment: that day counts.
pub(super) fn is_of_another_day(held: &FeedBaseline, program: &Behaviour, line: &str, at: Timestamp) -> bool {
    if held.candidates.is_empty() {
        return false;
    }
    let lines = held.candidates.get(&program.id());
    let candidate = lines.and_then(|lines| lines.get(&bounded_line(line.to_owned(), MAX_COMMAND)));
    candidate.is_some_and(|candidate| candidate.last_seen.day() < at.day())
}
