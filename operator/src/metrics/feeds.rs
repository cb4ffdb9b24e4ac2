//! What is told of each feed.

use prometheus::{IntCounterVec, IntGaugeVec, Registry};

use super::{counters, gauges};
/// What is told of each feed.
#[derive(Clone, Debug)]
pub struct FeedMetrics {
    /// Behaviours that were merged, by feed.
    pub merged_behaviors: IntCounterVec,
    /// Nodes on which a feed is not watched, by feed.
    pub unwatched_nodes: IntGaugeVec,
    /// Findings by feed and state.
    pub findings: IntGaugeVec,
}

impl FeedMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            merged_behaviors: counters(
                r,
                "behaviors_merged_total",
                "Reported behaviours that were merged into baselines, by feed",
                &["feed"],
            )?,
            unwatched_nodes: gauges(
                r,
                "unwatched_nodes",
                "Nodes whose sensor sees nothing of a feed, by feed",
                &["feed"],
            )?,
            findings: gauges(r, "findings", "Findings by feed and state", &["feed", "state"])?,
        })
    }
}
