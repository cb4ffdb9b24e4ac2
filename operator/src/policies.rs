//! Which policy holds for a workload, and which policies make sense at all.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use anchorwatch_convert::{
    Materials, Violation, inline_violations, policy_from_crd, policy_rank, policy_selects, selector_violations,
};
use anchorwatch_core::{baseline::Keeping, id::WorkloadKey, policy::Policy as Resolved};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, ClusterDriftPolicy, DriftPolicy, DriftPolicySpec};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::Selector;

use crate::{
    approvals::Accepted,
    world::{World, facts::created, readable},
};

/// A policy of either kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its namespace; none for a ClusterDriftPolicy.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// What it asks for.
    pub spec: DriftPolicySpec,
    /// Its selector; none where that can't be read.
    selector: Option<Selector>,
    /// What it refers to, as far as it can be read.
    materials: Arc<Materials>,
}

impl From<&DriftPolicy> for Policy {
    fn from(policy: &DriftPolicy) -> Self {
        Self::new(policy.metadata.namespace.clone(), &policy.metadata, policy.spec.clone())
    }
}

impl From<&ClusterDriftPolicy> for Policy {
    fn from(policy: &ClusterDriftPolicy) -> Self {
        Self::new(None, &policy.metadata, policy.spec.clone().into())
    }
}

impl Policy {
    fn new(namespace: Option<String>, metadata: &ObjectMeta, spec: DriftPolicySpec) -> Self {
        Self {
            materials: Arc::default(),
            namespace,
            name: metadata.name.clone().unwrap_or_default(),
            created: created(metadata),
            selector: Selector::try_from(spec.selector.clone()).ok(),
            spec,
        }
    }

    /// As an alert names it: `<namespace>/<name>`, or the name of a ClusterDriftPolicy.
    pub fn title(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Whether it selects pods with these labels in this namespace. A selector that can't be read selects none.
    pub fn selects(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        policy_selects(self.namespace.as_deref(), self.selector.as_ref(), namespace, labels)
    }

    /// What keeps it from being accepted; nothing for a policy that makes sense.
    pub fn violations(&self) -> Vec<Violation> {
        let mut violations = selector_violations(&self.spec.selector, self.namespace.is_some());
        let maturity = &self.spec.baseline.maturity;
        if maturity.minimum > maturity.maximum {
            violations.push(Violation {
                field: "spec.baseline.maturity.minimum".into(),
                expected: format!(
                    "expected at most spec.baseline.maturity.maximum, {}, but it is {}",
                    maturity.maximum, maturity.minimum
                ),
            });
        }
        let (retention, window) = (self.spec.rollout.retention, self.spec.baseline.window);
        if retention.get() < window.get() {
            violations.push(Violation {
                field: "spec.rollout.retention".into(),
                expected: format!(
                    "expected at least spec.baseline.window, {}, but it is {}: what a baseline remembers must not outlive \
                     the evidence of its rollouts",
                    String::from(window),
                    String::from(retention)
                ),
            });
        }
        for (index, path) in self.spec.feeds.process.deny.iter().enumerate() {
            if !path.starts_with('/') {
                violations.push(Violation {
                    field: format!("spec.feeds.process.deny[{index}]"),
                    expected: format!(
                        "expected an absolute path inside the container, such as /bin/sh, but it is {path:?}"
                    ),
                });
            }
        }
        violations.extend(inline_violations(&self.spec.feeds));
        violations
    }

    /// As decisions need it, every default filled in; without what was approved.
    fn resolved(&self) -> Resolved {
        policy_from_crd(self.title(), &self.spec, &self.materials)
    }

    /// The policy that goes before comes first: by priority, then a namespace's before the cluster's, then the older,
    /// then by name.
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }

    fn rank(&self) -> impl Ord + '_ {
        let own = self.namespace.as_deref();
        policy_rank(self.spec.priority, own, self.created, &self.name)
    }
}

/// Every policy that can be read, whether it makes sense or not.
pub fn every(world: &World) -> impl Iterator<Item = Policy> {
    let namespaced = readable(&world.policies).into_iter();
    let namespaced = namespaced.filter_map(|guarded| guarded.0.as_ref().ok().map(Policy::from));
    let cluster = readable(&world.cluster_policies).into_iter();
    let cluster = cluster.filter_map(|guarded| guarded.0.as_ref().ok().map(Policy::from));
    namespaced.chain(cluster)
}

/// For how long anybody wants what is known of a workload kept that is gone, where it is not known any more which policy held
/// for it; as long as a policy keeps it by default, at least.
pub fn longest_keeping(world: &World) -> Keeping {
    let wanted = every(world).map(|policy| Keeping {
        learned_days: policy.spec.baseline.window.get(),
        raised_days: policy.spec.alerts.retention.get(),
    });
    wanted.fold(Keeping::of(&Resolved::default()), Keeping::or)
}

/// The accepted policies, the one that goes before first, and the accepted approvals.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    policies: Vec<Policy>,
    approvals: Accepted,
}

impl Policies {
    /// Those of `policies` that make sense, in order.
    pub fn new(policies: impl IntoIterator<Item = Policy>) -> Self {
        let mut accepted: Vec<_> = policies
            .into_iter()
            .filter(|policy| policy.violations().is_empty())
            .collect();
        accepted.sort_by(Policy::precedence);
        Self {
            policies: accepted,
            approvals: Accepted::default(),
        }
    }

    /// Those of the world.
    pub fn of(world: &World) -> Self {
        let referring = |policy: Policy| {
            let found = world.referred(policy.namespace.as_deref(), &policy.title(), &policy.spec.feeds);
            Policy {
                materials: found.materials,
                ..policy
            }
        };
        Self {
            approvals: Accepted::of(world),
            ..Self::new(every(world).map(referring))
        }
    }

    /// Every policy that selects pods with these labels, the one that holds first.
    pub fn selecting(&self, namespace: &str, labels: &BTreeMap<String, String>) -> impl Iterator<Item = &Policy> {
        self.policies
            .iter()
            .filter(move |policy| policy.selects(namespace, labels))
    }

    /// What holds for a workload: for its youngest pod or, where none of its pods is known any more, for the labels that
    /// its baseline remembers.
    pub fn holding_for(&self, world: &World, workload: &WorkloadKey, baseline: &BehaviorBaseline) -> Option<Resolved> {
        if let Some((pod, _)) = world.youngest_pod_of(workload) {
            return self.resolved(workload, &pod.labels);
        }
        let labels = &baseline.status.as_ref()?.pod_labels;
        self.resolved(workload, labels)
    }

    /// What holds for a workload whose pods have these labels, every default filled in: a policy, and what was approved
    /// and denied.
    pub fn resolved(&self, workload: &WorkloadKey, labels: &BTreeMap<String, String>) -> Option<Resolved> {
        let policy = self.holding(&workload.namespace, labels)?;
        Some(Resolved {
            approvals: self.approvals.resolved(workload, labels),
            ..policy.resolved()
        })
    }

    /// The policy that holds for pods with these labels.
    pub fn holding(&self, namespace: &str, labels: &BTreeMap<String, String>) -> Option<&Policy> {
        self.selecting(namespace, labels).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_crds::v1alpha1::Duration;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use proptest::prelude::*;
    use serde_json::json;

    fn policy(namespace: Option<&str>, name: &str, priority: i32, created: i64) -> Policy {
        let mut spec = DriftPolicySpec {
            priority,
            ..DriftPolicySpec::default()
        };
        spec.selector = serde_json::from_value(json!({"matchLabels": {"app": "agent"}})).unwrap();
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            creation_timestamp: Some(Time(Timestamp::from_second(created).unwrap())),
            ..ObjectMeta::default()
        };
        Policy::new(namespace.map(str::to_owned), &metadata, spec)
    }

    fn labels() -> BTreeMap<String, String> {
        [("app".to_owned(), "agent".to_owned())].into()
    }

    fn holding(policies: &[Policy]) -> Option<String> {
        let policies = Policies::new(policies.iter().cloned());
        policies.holding("shop", &labels()).map(Policy::title)
    }

    #[test]
    fn the_policy_with_the_highest_priority_holds_even_over_one_of_the_namespace() {
        let near = policy(Some("shop"), "near", 0, 1);
        let strong = policy(None, "strong", 5, 9);
        assert_eq!(holding(&[near, strong]).as_deref(), Some("strong"));
    }

    #[test]
    fn among_equals_the_namespace_goes_first_then_the_older_then_the_name() {
        let cluster = policy(None, "a", 0, 0);
        let young = policy(Some("shop"), "a", 0, 2);
        let old = policy(Some("shop"), "c", 0, 1);
        let twin = policy(Some("shop"), "b", 0, 1);
        assert_eq!(holding(&[cluster, young, old, twin]).as_deref(), Some("shop/b"));
    }

    #[test]
    fn each_step_of_the_precedence_decides_where_those_before_it_are_equal() {
        let (near, far) = (Some("shop"), None);
        for (why, first, second) in [
            ("priority", policy(far, "z", 1, 9), policy(near, "a", 0, 1)),
            ("a negative priority", policy(far, "z", 0, 9), policy(near, "a", -1, 1)),
            ("the namespace", policy(near, "z", 0, 9), policy(far, "a", 0, 1)),
            ("age, in a namespace", policy(near, "z", 0, 1), policy(near, "a", 0, 2)),
            ("age, in the cluster", policy(far, "z", 0, 1), policy(far, "a", 0, 2)),
            ("the name", policy(near, "a", 0, 1), policy(near, "b", 0, 1)),
        ] {
            assert_eq!(first.precedence(&second), Ordering::Less, "{why}");
            assert_eq!(second.precedence(&first), Ordering::Greater, "{why}");
            let title = first.title();
            assert_eq!(holding(&[second, first]), Some(title), "{why}");
        }
    }

    #[test]
    fn a_policy_of_another_namespace_does_not_hold() {
        assert_eq!(holding(&[policy(Some("other"), "a", 9, 0)]), None);
    }

    #[test]
    fn an_empty_selector_of_the_cluster_leaves_out_the_system() {
        let all = Policy::new(None, &ObjectMeta::default(), DriftPolicySpec::default());
        assert!(all.violations().is_empty());
        assert!(all.selects("shop", &labels()));
        assert!(!all.selects("kube-system", &labels()));
        // Pods without labels, and the operator's own namespace, in which nodes are workloads, are among them.
        assert!(all.selects("shop", &BTreeMap::new()));
        assert!(all.selects("anchorwatch-system", &labels()));
    }

    #[test]
    fn a_selector_of_the_cluster_that_names_labels_reaches_into_the_system_and_an_empty_one_of_a_namespace_nowhere() {
        assert!(policy(None, "named", 0, 0).selects("kube-system", &labels()));
        let metadata = ObjectMeta::default();
        let empty = Policy::new(Some("shop".to_owned()), &metadata, DriftPolicySpec::default());
        assert!(!empty.selects("shop", &labels()));
        assert_eq!(empty.violations()[0].field, "spec.selector");
    }

    #[test]
    fn a_policy_that_makes_no_sense_never_holds() {
        let mut hasty = policy(Some("shop"), "hasty", 9, 0);
        hasty.spec.baseline.maturity.minimum = Duration::from_secs(120);
        hasty.spec.baseline.maturity.maximum = Duration::from_secs(60);
        let sound = policy(Some("shop"), "sound", 0, 1);
        assert_eq!(holding(&[hasty, sound]).as_deref(), Some("shop/sound"));
    }

    #[test]
    fn each_violation_names_its_field_and_what_was_expected() {
        let mut bad = policy(Some("shop"), "bad", 0, 0);
        bad.spec.baseline.maturity.minimum = Duration::from_secs(120);
        bad.spec.baseline.maturity.maximum = Duration::from_secs(60);
        bad.spec.feeds.process.deny = vec!["/bin/sh".into(), "bash".into()];
        bad.spec.selector = serde_json::from_value(json!({"matchExpressions": [
            {"key": "app", "operator": "Exists"},
            {"key": "app", "operator": "In", "values": []},
            {"key": "app", "operator": "Like", "values": ["a"]},
        ]}))
        .unwrap();
        let violations = bad.violations();
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "spec.selector.matchExpressions[1]",
                "spec.selector.matchExpressions[2]",
                "spec.baseline.maturity.minimum",
                "spec.feeds.process.deny[1]",
            ]
        );
        assert!(
            violations
                .iter()
                .all(|violation| violation.expected.starts_with("expected "))
        );
    }

    proptest! {
        #[test]
        fn which_policy_holds_does_not_depend_on_the_order_they_are_listed_in(
            seeds in proptest::collection::vec((0_u8..3, 0_i32..3, 0_i64..3), 1..8),
            rotation in 0_usize..8,
        ) {
            let mut policies: Vec<_> = seeds
                .iter()
                .enumerate()
                .map(|(index, (scope, priority, created))| {
                    let namespace = ["shop", "other"].get(usize::from(*scope)).copied();
                    policy(namespace, &format!("p{index}"), *priority, *created)
                })
                .collect();
            let expected = holding(&policies);
            let length = policies.len();
            policies.rotate_left(rotation % length);
            prop_assert_eq!(holding(&policies), expected.clone());
            policies.reverse();
            prop_assert_eq!(holding(&policies), expected);
        }
    }
}
