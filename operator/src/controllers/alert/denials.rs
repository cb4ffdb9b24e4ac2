//! A denial in an alert becomes a BehaviorApproval, so that it outlives the alert, the baseline and the workload.

use std::collections::BTreeMap;

use anchorwatch_convert::named_from_pattern;
use anchorwatch_core::{alert::Denial, id::WorkloadKey};
use anchorwatch_crds::v1alpha1::{BehaviorApproval, BehaviorApprovalSpec, WorkloadReference};

/// Who decided.
const DECIDED_BY: &str = "anchorwatch.dev/decided-by";
/// Why.
const REASON: &str = "anchorwatch.dev/reason";
/// The alert and the finding that were decided about.
const FINDING: &str = "anchorwatch.dev/finding";

/// The object of a denial. People own it from then on: nothing of ours changes or deletes it.
pub fn object(workload: &WorkloadKey, denial: &Denial) -> BehaviorApproval {
    let spec = BehaviorApprovalSpec {
        workload: Some(WorkloadReference {
            kind: workload.kind.clone(),
            name: workload.name.clone(),
        }),
        deny: Some(named_from_pattern(&denial.pattern, Some(&denial.container))),
        ..BehaviorApprovalSpec::default()
    };
    let mut object = BehaviorApproval::new(&denial.name, spec);
    object.metadata.namespace = Some(workload.namespace.clone());
    let notes = [
        (DECIDED_BY, denial.by.clone()),
        (REASON, denial.reason.clone()),
        (FINDING, format!("{}/{}", denial.alert, denial.finding)),
    ];
    let notes = notes.into_iter().filter(|(_, note)| !note.is_empty());
    let notes: BTreeMap<String, String> = notes.map(|(name, note)| (name.to_owned(), note)).collect();
    object.metadata.annotations = Some(notes);
    object
}
