//! What was new and found no room among what is raised: it has no entry, and must not go unsaid.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FeedBaseline, Sighting, sample};
use crate::{id::PodUid, time::Timestamp};

/// Most pods that are kept of what was left out.
const MAX_PODS: usize = 4;

/// What found no room on one day: the last one on which anything did not.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LeftOut {
    /// How often something was reported that found no room.
    pub count: u64,
    /// When the first of it was seen.
    pub first_seen: Timestamp,
    /// When the last of it was seen.
    pub last_seen: Timestamp,
    /// Pods that showed it; a few of them.
    pub shown_by: BTreeMap<PodUid, Sighting>,
}

impl FeedBaseline {
    /// Counts something new that was seen at a time and found no room. A later day begins anew; what comes late, of an
    /// earlier day, is counted with the last one.
    pub(super) fn leave_out(&mut self, count: u64, seen: Timestamp, pod: PodUid, sighting: Sighting) {
        let held = self.left_out.take().filter(|held| held.first_seen.day() >= seen.day());
        let mut left_out = held.unwrap_or_else(|| LeftOut {
            count: 0,
            first_seen: seen,
            last_seen: seen,
            shown_by: BTreeMap::new(),
        });
        left_out.count = left_out.count.saturating_add(count.max(1));
        if seen.day() == left_out.first_seen.day() {
            left_out.first_seen = left_out.first_seen.min(seen);
            left_out.last_seen = left_out.last_seen.max(seen);
        }
        if let Some(known) = left_out.shown_by.get_mut(&pod) {
            known.join(sighting);
        } else {
            left_out.shown_by.insert(pod, sighting);
            left_out.shown_by = sample(&left_out.shown_by, MAX_PODS);
        }
        self.left_out = Some(left_out);
    }
}
