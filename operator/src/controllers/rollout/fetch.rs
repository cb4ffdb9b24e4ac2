//! What a record is made from.

use std::sync::Arc;

use anchorwatch_core::{
    id::{ContainerName, WorkloadKey},
    rollout::{Evidence, RevisionFacts, TemplateContainer},
};
use anchorwatch_crds::v1alpha1::RolloutRecord;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::PodSpec};
use kube::ResourceExt;

use crate::{
    policies::Policies,
    world::{Guarded, World, evidence::DEPLOYMENT, readable},
};

/// Annotation in which people say why they changed something.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// All that a Deployment's records follow from.
#[derive(Clone, Debug)]
pub struct Known {
    /// The revision that it is at.
    pub revision: RevisionFacts,
    /// Its rollouts and pods.
    pub evidence: Evidence,
    /// Whether the current rollout is complete.
    pub complete: bool,
    /// The records' objects.
    pub objects: Vec<Arc<Guarded<RolloutRecord>>>,
}

/// Gathers it; none where no policy selects the Deployment's pods.
pub fn fetch(world: &World, deployment: &Deployment) -> Option<Known> {
    let namespace = deployment.namespace()?;
    let template = &deployment.spec.as_ref()?.template;
    let labels = template
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.labels.clone())
        .unwrap_or_default();
    Policies::of(world).holding(&namespace, &labels)?;
    let workload = WorkloadKey::new(namespace, DEPLOYMENT, deployment.name_any());
    let mut objects = readable(&world.records);
    objects.retain(|guarded| guarded.0.as_ref().is_ok_and(|record| is_of(record, &workload)));
    Some(Known {
        evidence: world.evidence(&workload),
        revision: RevisionFacts {
            workload,
            containers: template.spec.as_ref().map(containers).unwrap_or_default(),
            change_cause: deployment.annotations().get(CHANGE_CAUSE).cloned(),
        },
        complete: is_complete(deployment),
        objects,
    })
}

fn is_of(record: &RolloutRecord, workload: &WorkloadKey) -> bool {
    let about = &record.spec.workload;
    record.metadata.namespace.as_deref() == Some(workload.namespace.as_str())
        && about.kind == workload.kind
        && about.name == workload.name
}

fn containers(template: &PodSpec) -> std::collections::BTreeMap<ContainerName, TemplateContainer> {
    let init = template
        .init_containers
        .iter()
        .flatten()
        .map(|container| (container, true));
    let main = template.containers.iter().map(|container| (container, false));
    init.chain(main)
        .map(|(container, init)| {
            let image = container.image.clone().unwrap_or_default();
            (ContainerName::new(&container.name), TemplateContainer { init, image })
        })
        .collect()
}

/// Whether every wanted pod is of the current revision and available, and no other is left.
fn is_complete(deployment: &Deployment) -> bool {
    let Some(status) = &deployment.status else { return false };
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    status.observed_generation.unwrap_or(0) >= deployment.metadata.generation.unwrap_or(0)
        && status.updated_replicas.unwrap_or(0) == wanted
        && status.replicas.unwrap_or(0) == wanted
        && status.available_replicas.unwrap_or(0) == wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(status: serde_json::Value) -> Deployment {
        let mut object = json!({
            "metadata": {"name": "agent", "namespace": "shop", "generation": 4},
            "spec": {"replicas": 2, "selector": {}, "template": {}},
        });
        object["status"] = status;
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_rollout_is_complete_once_every_pod_is_new_and_available() {
        let done = json!({"observedGeneration": 4, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        assert!(is_complete(&deployment(done.clone())));
        for (field, value) in [
            ("observedGeneration", 3),
            ("replicas", 3),
            ("updatedReplicas", 1),
            ("availableReplicas", 1),
        ] {
            let mut not_yet = done.clone();
            not_yet[field] = json!(value);
            assert!(!is_complete(&deployment(not_yet)), "{field}");
        }
    }

    #[test]
    fn init_containers_of_a_template_are_recorded_as_such() {
        let template: PodSpec = serde_json::from_value(json!({
            "initContainers": [{"name": "setup", "image": "s:1"}],
            "containers": [{"name": "app", "image": "a:1"}],
        }))
        .unwrap();
        let containers = containers(&template);
        assert_eq!(
            containers[&ContainerName::new("setup")],
            TemplateContainer {
                init: true,
                image: "s:1".into()
            }
        );
        assert_eq!(
            containers[&ContainerName::new("app")],
            TemplateContainer {
                init: false,
                image: "a:1".into()
            }
        );
    }
}
