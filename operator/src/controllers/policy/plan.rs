//! What a policy's status says.

use anchorwatch_core::id::WorkloadKey;
use anchorwatch_crds::v1alpha1::DriftPolicyStatus;
use jiff::Timestamp;

use super::fetch::{Known, PolicyObject};
use crate::{
    conditions::{self, ACCEPTED, OVERRIDDEN, REFERENCES_RESOLVED, Statement},
    policies::Policy,
};

/// The status that a policy is to have, where it has another one.
pub fn plan<K: PolicyObject>(object: &K, known: &Known, now: Timestamp) -> Option<DriftPolicyStatus> {
    let policy = object.policy();
    let generation = object.meta().generation;
    let Reach { holds, overridden } = reach(&policy, known);
    let mut status = object.status().cloned().unwrap_or_default();
    status.observed_generation = generation.unwrap_or_default();
    status.workloads = holds.try_into().unwrap_or(i32::MAX);
    let statements = vec![
        accepted(&policy),
        overridden_by(&policy, overridden.as_slice()),
        resolved(&policy, known),
    ];
    conditions::set(&mut status.conditions, statements, generation, now);
    (Some(&status) != object.status()).then_some(status)
}

/// Whom a policy concerns.
#[derive(Debug, Default, Eq, PartialEq)]
struct Reach<'a> {
    /// Number of workloads for which it holds.
    holds: usize,
    /// Workloads that it selects, but where another holds.
    overridden: Vec<(&'a WorkloadKey, String)>,
}

fn reach<'a>(policy: &Policy, known: &'a Known) -> Reach<'a> {
    let mut reach = Reach::default();
    for (workload, labels) in &known.workloads {
        let mut selecting = known.policies.selecting(&workload.namespace, labels);
        let Some(holding) = selecting.next() else { continue };
        if holding.title() == policy.title() {
            reach.holds += 1;
        } else if selecting.any(|other| other.title() == policy.title()) {
            reach.overridden.push((workload, holding.title()));
        }
    }
    reach
}

fn accepted(policy: &Policy) -> Statement {
    let violations = policy.violations();
    let message = match violations.as_slice() {
        [] => "the specification makes sense and takes part in decisions".to_owned(),
        violations => {
            let each = violations
                .iter()
                .map(|violation| format!("{}: {}", violation.field, violation.expected));
            each.collect::<Vec<_>>().join("; ")
        }
    };
    Statement {
        type_: ACCEPTED,
        holds: violations.is_empty(),
        reason: if violations.is_empty() { "Valid" } else { "Invalid" },
        message,
    }
}

/// Whether all that the policy refers to can be read. What can't be is left out of decisions, and the rest holds.
fn resolved(policy: &Policy, known: &Known) -> Statement {
    let violations = known.unresolved.get(&policy.title());
    let each = violations.iter().flat_map(|violations| violations.iter());
    let each: Vec<_> = each
        .map(|violation| format!("{}: {}", violation.field, violation.expected))
        .collect();
    Statement {
        type_: REFERENCES_RESOLVED,
        holds: each.is_empty(),
        reason: if each.is_empty() { "Resolved" } else { "Unresolved" },
        message: if each.is_empty() {
            "all that it refers to can be read".into()
        } else {
            format!("left out of decisions: {}", each.join("; "))
        },
    }
}

fn overridden_by(policy: &Policy, overridden: &[(&WorkloadKey, String)]) -> Statement {
    match overridden {
        [] if !policy.violations().is_empty() => Statement {
            type_: OVERRIDDEN,
            holds: false,
            reason: "NotAccepted",
            message: "it takes no part in decisions".into(),
        },
        [] => Statement {
            type_: OVERRIDDEN,
            holds: false,
            reason: "Foremost",
            message: "no other policy goes before it for a workload that it selects".into(),
        },
        [(workload, policy), rest @ ..] => Statement {
            type_: OVERRIDDEN,
            holds: true,
            reason: "OtherPolicyHolds",
            message: match rest.len() {
                0 => format!("the policy {policy} goes before it for {workload}"),
                more => format!(
                    "the policy {policy} goes before it for {workload}, and others do for {more} more workloads"
                ),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::Policies;
    use anchorwatch_crds::v1alpha1::{ClusterDriftPolicy, DriftPolicy};
    use serde_json::json;

    fn namespaced(name: &str, spec: &serde_json::Value) -> DriftPolicy {
        serde_json::from_value(json!({
            "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftPolicy",
            "metadata": {"namespace": "shop", "name": name, "generation": 2},
            "spec": spec,
        }))
        .unwrap()
    }

    fn known(policies: Vec<Policy>) -> Known {
        let labels = |app: &str| [("app".to_owned(), app.to_owned())].into();
        Known {
            unresolved: std::collections::BTreeMap::new(),
            policies: Policies::new(policies),
            workloads: [
                (WorkloadKey::new("shop", "Deployment", "agent"), labels("agent")),
                (WorkloadKey::new("shop", "Deployment", "web"), labels("web")),
                (WorkloadKey::new("other", "Deployment", "agent"), labels("agent")),
            ]
            .into(),
        }
    }

    fn condition<'a>(status: &'a DriftPolicyStatus, type_: &str) -> (&'a str, &'a str, &'a str) {
        let found = status
            .conditions
            .iter()
            .find(|condition| condition.type_ == type_)
            .unwrap();
        (&found.status, &found.reason, &found.message)
    }

    #[test]
    fn a_policy_is_told_for_how_many_workloads_it_holds() {
        let near = namespaced("near", &json!({"selector": {"matchLabels": {"app": "agent"}}}));
        let far: ClusterDriftPolicy = serde_json::from_value(json!({
            "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "ClusterDriftPolicy",
            "metadata": {"name": "far"}, "spec": {"selector": {}},
        }))
        .unwrap();
        let known = known(vec![near.policy(), far.policy()]);
        let near_status = plan(&near, &known, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((near_status.workloads, near_status.observed_generation), (1, 2));
        assert_eq!(condition(&near_status, OVERRIDDEN).0, "False");
        let far_status = plan(&far, &known, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(far_status.workloads, 2);
        assert_eq!(
            condition(&far_status, OVERRIDDEN),
            (
                "True",
                "OtherPolicyHolds",
                "the policy shop/near goes before it for shop/Deployment/agent"
            )
        );
    }

    #[test]
    fn a_policy_that_others_go_before_says_which_and_for_how_many_workloads() {
        let strong = json!({"selector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}, "priority": 7});
        let strong = namespaced("strong", &strong);
        let weak = namespaced(
            "weak",
            &json!({"selector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}),
        );
        let status = plan(
            &weak,
            &known(vec![weak.policy(), strong.policy()]),
            Timestamp::UNIX_EPOCH,
        )
        .unwrap();
        assert_eq!(status.workloads, 0);
        assert_eq!(
            condition(&status, OVERRIDDEN),
            (
                "True",
                "OtherPolicyHolds",
                "the policy shop/strong goes before it for shop/Deployment/agent, and others do for 1 more workloads"
            )
        );
        // Once it is gone, the other one holds again.
        let weak = weak.with_status(status);
        let status = plan(&weak, &known(vec![weak.policy()]), Timestamp::from_second(9).unwrap()).unwrap();
        assert_eq!((status.workloads, condition(&status, OVERRIDDEN).0), (2, "False"));
    }

    #[test]
    fn a_policy_that_makes_no_sense_goes_before_none_and_says_that_it_takes_no_part() {
        let spec = json!({
            "selector": {"matchLabels": {"app": "agent"}}, "priority": 9,
            "baseline": {"maturity": {"minimum": "2h", "maximum": "1h"}},
        });
        let (bad, good) = (
            namespaced("bad", &spec),
            namespaced("good", &json!({"selector": {"matchLabels": {"app": "agent"}}})),
        );
        let known = known(vec![bad.policy(), good.policy()]);
        let status = plan(&bad, &known, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(condition(&status, OVERRIDDEN).1, "NotAccepted");
        let status = plan(&good, &known, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((status.workloads, condition(&status, OVERRIDDEN).0), (1, "False"));
    }

    #[test]
    fn a_policy_that_makes_no_sense_is_told_which_field_and_what_was_expected() {
        let bad = namespaced(
            "bad",
            &json!({
                "selector": {"matchLabels": {"app": "agent"}},
                "baseline": {"maturity": {"minimum": "2h", "maximum": "1h"}},
            }),
        );
        let status = plan(&bad, &known(vec![bad.policy()]), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(status.workloads, 0);
        assert_eq!(
            condition(&status, ACCEPTED),
            (
                "False",
                "Invalid",
                "spec.baseline.maturity.minimum: expected at most spec.baseline.maturity.maximum, 1h, but it is 2h"
            )
        );
    }

    #[test]
    fn a_policy_that_refers_to_what_is_not_there_is_told_which_field_and_holds_all_the_same() {
        let policy = namespaced("near", &json!({"selector": {"matchLabels": {"app": "agent"}}}));
        let violation = anchorwatch_convert::Violation {
            field: "spec.feeds.module.approvedHashes.configMap".into(),
            expected: "expected a ConfigMap".into(),
        };
        let mut known = known(vec![policy.policy()]);
        known.unresolved = [("shop/near".to_owned(), std::sync::Arc::new(vec![violation]))].into();
        let status = plan(&policy, &known, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(status.workloads, 1);
        assert_eq!(
            condition(&status, REFERENCES_RESOLVED),
            (
                "False",
                "Unresolved",
                "left out of decisions: spec.feeds.module.approvedHashes.configMap: expected a ConfigMap"
            )
        );
    }

    #[test]
    fn a_status_that_is_right_is_not_written_again() {
        let policy = namespaced("near", &json!({"selector": {"matchLabels": {"app": "agent"}}}));
        let known = known(vec![policy.policy()]);
        let status = plan(&policy, &known, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(
            plan(&policy.with_status(status), &known, Timestamp::from_second(99).unwrap()),
            None
        );
    }
}
