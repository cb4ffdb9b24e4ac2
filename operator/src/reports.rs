//! Where a sensor's report stands.

use anchorwatch_crds::v1alpha1::{Acknowledgement, SensorReport};

/// True where the report's batch was merged and acknowledged before.
pub fn is_acknowledged(report: &SensorReport) -> bool {
    last(report).is_some_and(|done| done.epoch == report.spec.epoch && done.seq == report.spec.seq)
}

/// True where the node's outbox began anew since the last acknowledgement.
pub fn is_renewed(report: &SensorReport) -> bool {
    last(report).is_some_and(|done| done.epoch != report.spec.epoch)
}

/// The last batch that was acknowledged.
pub fn last(report: &SensorReport) -> Option<&Acknowledgement> {
    report.status.as_ref()?.acknowledged.as_ref()
}
