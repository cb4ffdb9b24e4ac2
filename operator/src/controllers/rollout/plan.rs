//! Which record is made, and which is complete. When a revision is recorded is the core's decision.

use anchorwatch_core::rollout::{RecordPlan, plan_record};
use anchorwatch_crds::v1alpha1::{RolloutRecord, RolloutRecordStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::fetch::Known;
use crate::convert::{from_clock, record_to_crd};

/// What is to be done about a Deployment's records.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// A record to be made.
    pub create: Option<RolloutRecord>,
    /// A record whose rollout is complete, with the resourceVersion that this was decided on.
    pub complete: Option<RolloutRecord>,
}

/// Plans.
pub fn plan(known: &Known, now: Timestamp) -> Plan {
    let create = match plan_record(&known.revision, &known.evidence, from_clock(now)) {
        RecordPlan::Nothing { reason: _ } | RecordPlan::Wait => None,
        RecordPlan::Create(new) => Some(record_to_crd(*new)),
    };
    Plan {
        create,
        complete: completed(known, now),
    }
}

/// The current revision's record, if its rollout is complete and that is not noted yet.
fn completed(known: &Known, now: Timestamp) -> Option<RolloutRecord> {
    let current = known.evidence.current.as_ref().filter(|_| known.complete)?;
    let records = known.objects.iter().filter_map(|guarded| guarded.0.as_ref().ok());
    let mut of_current = records.filter(|record| {
        record.spec.workload_uid == current.workload_uid.as_str()
            && u64::try_from(record.spec.revision) == Ok(current.revision)
    });
    let record = of_current.next()?;
    let status = record.status.clone().unwrap_or_default();
    status.completed_at.is_none().then(|| RolloutRecord {
        status: Some(RolloutRecordStatus {
            completed_at: Some(Time(now)),
            ..status
        }),
        ..record.clone()
    })
}
