//! Whom policies and approvals are about, and which policy goes before which: the operator decides by it, and the plugin
//! tells what the operator does.

use std::{cmp::Reverse, collections::BTreeMap};

use anchorwatch_core::id::WorkloadKey;
use anchorwatch_crds::v1alpha1::BehaviorApproval;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};

use crate::policy::Violation;

/// The namespace that an empty selector of a ClusterDriftPolicy leaves out.
const SYSTEM_NAMESPACE: &str = "kube-system";

/// Whether a policy of this namespace, or of none, selects pods with these labels in a namespace. A selector that can't be
/// read, `None`, selects none.
pub fn policy_selects(
    own: Option<&str>,
    selector: Option<&Selector>,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> bool {
    if own.is_some_and(|own| own != namespace) {
        return false;
    }
    match selector {
        Some(selector) if selector.selects_all() => own.is_none() && namespace != SYSTEM_NAMESPACE,
        Some(selector) => selector.matches(labels),
        None => false,
    }
}

/// What of a selector can't be taken as it is, although the schema takes it. One of a namespace must not be empty.
pub fn selector_violations(selector: &LabelSelector, namespaced: bool) -> Vec<Violation> {
    let labels = selector.match_labels.as_ref().map_or(0, BTreeMap::len);
    let requirements = selector.match_expressions.as_deref().unwrap_or_default();
    let mut violations = Vec::new();
    if namespaced && labels + requirements.len() == 0 {
        violations.push(Violation {
            field: "spec.selector".into(),
            expected: "expected at least one label under matchLabels or one expression under matchExpressions".into(),
        });
    }
    for (index, requirement) in requirements.iter().enumerate() {
        let values = requirement.values.as_ref().map_or(0, Vec::len);
        let expected = match (requirement.operator.as_str(), values) {
            ("In" | "NotIn", 0) => "expected at least one value for the operators In and NotIn".to_owned(),
            ("Exists" | "DoesNotExist", 1..) => {
                "expected no value for the operators Exists and DoesNotExist".to_owned()
            }
            ("In" | "NotIn" | "Exists" | "DoesNotExist", _) => continue,
            (other, _) => format!("expected the operator In, NotIn, Exists or DoesNotExist, but it is {other:?}"),
        };
        violations.push(Violation {
            field: format!("spec.selector.matchExpressions[{index}]"),
            expected,
        });
    }
    violations
}

/// The place of a policy among those that select a workload: the least holds. By priority, then a namespace's before the
/// cluster's, then the older, then by name.
pub fn policy_rank<'a>(
    priority: i32,
    own: Option<&str>,
    created: Timestamp,
    name: &'a str,
) -> (Reverse<i32>, bool, Timestamp, &'a str) {
    (Reverse(priority), own.is_none(), created, name)
}

/// Whether an approval is about a workload whose pods have these labels.
pub fn approval_holds_for(
    approval: &BehaviorApproval,
    workload: &WorkloadKey,
    labels: &BTreeMap<String, String>,
) -> bool {
    if approval.metadata.namespace.as_deref() != Some(workload.namespace.as_str()) {
        return false;
    }
    let named = approval.spec.workload.as_ref();
    let selector = approval.spec.selector.clone();
    match (named, selector.map(Selector::try_from)) {
        (Some(named), _) => named.kind == workload.kind && named.name == workload.name,
        // What selects everything is not accepted, and holds for nothing.
        (None, Some(Ok(selector))) => !selector.selects_all() && selector.matches(labels),
        (None, Some(Err(_)) | None) => false,
    }
}
