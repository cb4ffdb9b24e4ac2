//! What pipelines announced of a workload.

use std::{collections::BTreeMap, sync::Arc};

use anchorwatch_core::id::WorkloadKey;
use anchorwatch_crds::v1alpha1::RolloutIntent;
use kube::core::{Selector, SelectorExt};

use super::{Guarded, World, readable};

impl World {
    /// The readable RolloutIntents that name a workload whose pods have these labels.
    pub fn intents_of(
        &self,
        workload: &WorkloadKey,
        labels: &BTreeMap<String, String>,
    ) -> Vec<Arc<Guarded<RolloutIntent>>> {
        let mut intents = readable(&self.intents);
        intents.retain(|guarded| guarded.0.as_ref().is_ok_and(|intent| names(intent, workload, labels)));
        intents
    }

    /// Whether anything is announced in a namespace.
    pub fn has_intents(&self, namespace: &str) -> bool {
        let intents = readable(&self.intents);
        let mut intents = intents.iter().filter_map(|guarded| guarded.0.as_ref().ok());
        intents.any(|intent| intent.metadata.namespace.as_deref() == Some(namespace))
    }
}

/// Whether an intent is about a workload whose pods have these labels.
pub fn names(intent: &RolloutIntent, workload: &WorkloadKey, labels: &BTreeMap<String, String>) -> bool {
    if intent.metadata.namespace.as_deref() != Some(workload.namespace.as_str()) {
        return false;
    }
    match (
        &intent.spec.workload,
        intent.spec.selector.clone().map(Selector::try_from),
    ) {
        (Some(named), _) => named.kind == workload.kind && named.name == workload.name,
        (None, Some(Ok(selector))) => !selector.selects_all() && selector.matches(labels),
        (None, Some(Err(_)) | None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn intent(about: &Value) -> RolloutIntent {
        let mut spec = json!({
            "by": "ci", "containers": [{"name": "agent", "digest": format!("sha256:{}", "0".repeat(64))}],
        });
        spec.as_object_mut().unwrap().extend(about.as_object().unwrap().clone());
        serde_json::from_value(json!({
            "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "RolloutIntent",
            "metadata": {"namespace": "shop", "name": "deploy-42"}, "spec": spec,
        }))
        .unwrap()
    }

    #[test]
    fn an_intent_names_one_workload_or_those_with_its_labels_in_its_namespace_alone() {
        let labels: BTreeMap<String, String> = [("app".to_owned(), "agent".to_owned())].into();
        let agent = WorkloadKey::new("shop", "Deployment", "agent");
        let named = intent(&json!({"workload": {"kind": "Deployment", "name": "agent"}}));
        let selecting = intent(&json!({"selector": {"matchLabels": {"app": "agent"}}}));
        for intent in [&named, &selecting] {
            assert!(names(intent, &agent, &labels));
            assert!(!names(
                intent,
                &WorkloadKey::new("other", "Deployment", "agent"),
                &labels
            ));
        }
        assert!(!names(&named, &WorkloadKey::new("shop", "Deployment", "web"), &labels));
        assert!(!names(&selecting, &agent, &BTreeMap::new()));
        assert!(!names(&intent(&json!({"selector": {}})), &agent, &labels));
    }
}
