//! How much was raised of a workload, beside how much was expected to be.

use anchorwatch_crds::v1alpha1::BehaviorBaselineStatus;
use jiff::Timestamp;
use serde::Serialize;

use super::{coverage::Coverage, findings::FindingLine};

/// Fewest hours that a rate by the week is told from.
const LEAST_HOURS: u32 = 24;
const HOURS_OF_A_WEEK: f64 = 168.0;

/// Findings by the week.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rate {
    /// How many are expected: new behaviours, and unusual commands that chance raises. Absent while the baseline can't tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_per_week: Option<f64>,
    /// How many were raised for the first time within the period, by the hours of it since the baseline began. Absent for
    /// less than a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raised_per_week: Option<f64>,
}

impl Rate {
    #[allow(clippy::cast_precision_loss)] // counts
    pub fn of(
        status: &BehaviorBaselineStatus,
        coverage: &[Coverage],
        findings: &[FindingLine],
        since: Timestamp,
    ) -> Self {
        let feeds = status.containers.iter().flat_map(|container| &container.feeds);
        let by_chance = feeds.filter_map(|feed| feed.commands.as_ref()?.expected_in_hundred_weeks);
        let by_chance = by_chance.sum::<i64>() as f64 / 100.0;
        let hours = coverage.iter().map(|feed| feed.hours).max();
        let hours = hours.filter(|hours| *hours >= LEAST_HOURS);
        let raised = findings.iter().filter(|finding| finding.first_seen >= since).count();
        Self {
            expected_per_week: status.expected_new_per_week.map(|new| new + by_chance),
            raised_per_week: hours.map(|hours| raised as f64 / f64::from(hours) * HOURS_OF_A_WEEK),
        }
    }
}
