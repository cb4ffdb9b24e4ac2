//! Which approvals hold for a workload, and which make sense at all.

use std::{collections::BTreeMap, sync::Arc};

use anchorwatch_convert::{approval_holds_for as holds_for, approval_violations, approvals_of};
use anchorwatch_core::{id::WorkloadKey, policy::approvals::Approvals};
use anchorwatch_crds::v1alpha1::BehaviorApproval;
use kube::ResourceExt;

use crate::world::{Guarded, World, readable};

/// The approvals that make sense, by name within their namespaces.
#[derive(Clone, Debug, Default)]
pub struct Accepted(Vec<Arc<Guarded<BehaviorApproval>>>);

impl Accepted {
    /// Those of the world.
    pub fn of(world: &World) -> Self {
        let mut accepted = readable(&world.approvals);
        let makes_sense = |approval: &BehaviorApproval| approval_violations(&approval.spec).is_empty();
        accepted.retain(|guarded| guarded.0.as_ref().is_ok_and(makes_sense));
        // What several say must not depend on the order in which a watch told of them.
        accepted.sort_by_cached_key(|guarded| guarded.0.as_ref().map(ResourceExt::name_any).unwrap_or_default());
        Self(accepted)
    }

    /// Those that hold for a workload whose pods have these labels.
    pub fn holding<'a>(
        &'a self,
        workload: &'a WorkloadKey,
        labels: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a BehaviorApproval> {
        self.all().filter(|approval| holds_for(approval, workload, labels))
    }

    /// What they say of a workload together. A workload that inherits from another is denied what is denied to that one.
    pub fn resolved(&self, workload: &WorkloadKey, labels: &BTreeMap<String, String>) -> Approvals {
        approvals_of(&self.all(), workload, labels)
    }

    fn all(&self) -> impl Iterator<Item = &BehaviorApproval> + Clone {
        self.0.iter().filter_map(|guarded| guarded.0.as_ref().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::{
        behaviour::{Behaviour, Origin, ProcessBehaviour, ProcessParts, SourceLayer},
        policy::approvals::Standing,
    };
    use serde_json::{Value, json};

    fn approval(name: &str, spec: &Value) -> Arc<Guarded<BehaviorApproval>> {
        let object = json!({
            "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "BehaviorApproval",
            "metadata": {"namespace": "shop", "name": name}, "spec": spec,
        });
        Arc::new(serde_json::from_value(object).unwrap())
    }

    fn workload(name: &str) -> WorkloadKey {
        WorkloadKey::new("shop", "Deployment", name)
    }

    fn shell() -> Behaviour {
        Behaviour::Process(ProcessBehaviour::from(ProcessParts {
            origin: Origin::Entrypoint,
            parent: "/usr/bin/python3".into(),
            executable: "/usr/bin/bash".into(),
            source: SourceLayer::Image,
            ..ProcessParts::default()
        }))
    }

    #[test]
    fn an_approval_holds_for_the_workload_that_it_names_or_for_those_that_it_selects() {
        let named = approval(
            "a",
            &json!({"workload": {"kind": "Deployment", "name": "agent"}, "freeze": true}),
        );
        let selecting = approval(
            "b",
            &json!({"selector": {"matchLabels": {"app": "agent"}}, "freeze": true}),
        );
        let accepted = Accepted(vec![named, selecting]);
        let labels = BTreeMap::from([("app".to_owned(), "agent".to_owned())]);
        let holding = |name: &str, labels: &BTreeMap<String, String>| {
            let workload = workload(name);
            accepted.holding(&workload, labels).count()
        };
        assert_eq!(holding("agent", &labels), 2);
        assert_eq!(holding("other", &labels), 1);
        assert_eq!(holding("other", &BTreeMap::new()), 0);
        let elsewhere = WorkloadKey::new("other", "Deployment", "agent");
        assert_eq!(accepted.holding(&elsewhere, &labels).count(), 0);
    }

    #[test]
    fn denials_are_inherited_and_approvals_and_freezing_are_not() {
        let bash = json!({"processes": [{"executable": "/usr/bin/bash"}]});
        let date = json!({"processes": [{"executable": "/usr/bin/date"}]});
        let of_blue =
            json!({"workload": {"kind": "Deployment", "name": "blue"}, "deny": bash, "approve": date, "freeze": true});
        let of_green = json!({
            "workload": {"kind": "Deployment", "name": "green"}, "inheritFrom": {"kind": "Deployment", "name": "blue"}
        });
        let accepted = Accepted(vec![approval("blue", &of_blue), approval("green", &of_green)]);
        let green = accepted.resolved(&workload("green"), &BTreeMap::new());
        assert_eq!(green.standing(&"app".into(), &shell()), Standing::Denied("blue"));
        assert_eq!((green.approve.len(), green.frozen), (0, None));
        let blue = accepted.resolved(&workload("blue"), &BTreeMap::new());
        assert_eq!((blue.approve.len(), blue.frozen.as_deref()), (1, Some("blue")));
    }
}
