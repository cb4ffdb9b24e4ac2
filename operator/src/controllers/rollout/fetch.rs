//! What a workload's records follow from, as the caches tell it.

use std::sync::Arc;

use anchorwatch_core::{alert::Alert, id::WorkloadKey, policy::Policy, rollout::Evidence};
use anchorwatch_crds::v1alpha1::{RolloutIntent, RolloutProgress, RolloutRecord};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;

use crate::{
    controllers::alert::{alerts_of, readable_of},
    policies::Policies,
    world::{Guarded, World, facts::PodFacts, resolve::Workload},
};

/// All that a workload's records follow from.
#[derive(Clone, Debug)]
pub struct Known {
    /// The workload, and its object.
    pub workload: Workload,
    /// The policy that holds for it.
    pub policy: Policy,
    /// Its rollouts and pods.
    pub evidence: Evidence,
    /// How far the current rollout is.
    pub progress: RolloutProgress,
    /// Since when a pod of the current revision is ready.
    pub first_ready: Option<Timestamp>,
    /// The intents' objects.
    pub intents: Vec<Arc<Guarded<RolloutIntent>>>,
    /// The alerts of a workload of which something was announced.
    pub alerts: Vec<Alert>,
    /// The records' objects.
    pub objects: Vec<Arc<Guarded<RolloutRecord>>>,
}

/// Gathers it; none where the workload has no pods, or no policy selects them.
pub fn fetch(world: &World, workload: &WorkloadKey) -> Option<Known> {
    let (youngest, located) = world.youngest_pod_of(workload)?;
    let policies = Policies::of(world);
    let policy = policies.resolved(workload, &youngest.labels)?;
    let evidence = world.evidence(workload);
    let pods = world.pods_of(workload);
    let of_current = |pod: &Arc<PodFacts>| {
        let current = evidence.current.as_ref().map(|current| &current.template_hash);
        let known = evidence.pods.get(&pod.uid.as_str().into());
        current.is_some() && known.and_then(|known| known.template_hash.as_ref()) == current
    };
    let progress = match world.deployment(workload) {
        Some(deployment) => progress_of(&deployment),
        None => progress_by_pods(&pods, &of_current),
    };
    let intents = world.intents_of(workload, &youngest.labels);
    let alerts = if intents.is_empty() {
        Vec::new()
    } else {
        readable_of(&alerts_of(world, workload))
    };
    Some(Known {
        intents,
        alerts,
        progress,
        first_ready: pods
            .iter()
            .filter(|pod| of_current(pod))
            .filter_map(|pod| pod.ready)
            .min(),
        objects: world.records_of(workload),
        workload: located,
        policy,
        evidence,
    })
}

/// Complete where every wanted pod is of the current revision and available, and no other is left.
fn progress_of(deployment: &Deployment) -> RolloutProgress {
    let spec = deployment.spec.as_ref();
    let status = deployment.status.clone().unwrap_or_default();
    let wanted = spec.and_then(|spec| spec.replicas).unwrap_or(1);
    let complete = deployment.status.is_some()
        && status.observed_generation.unwrap_or(0) >= deployment.metadata.generation.unwrap_or(0)
        && status.updated_replicas.unwrap_or(0) == wanted
        && status.replicas.unwrap_or(0) == wanted
        && status.available_replicas.unwrap_or(0) == wanted;
    if complete {
        RolloutProgress::Complete
    } else if spec.and_then(|spec| spec.paused).unwrap_or(false) {
        RolloutProgress::Paused
    } else {
        RolloutProgress::Progressing
    }
}

/// How many pods a workload of another kind wants is not asked: complete where all that it has are of the current revision,
/// and ready or done.
fn progress_by_pods(pods: &[Arc<PodFacts>], of_current: &impl Fn(&Arc<PodFacts>) -> bool) -> RolloutProgress {
    let done = |pod: &Arc<PodFacts>| pod.succeeded || (pod.running && pod.ready.is_some() && of_current(pod));
    if pods.iter().any(of_current) && pods.iter().all(done) {
        RolloutProgress::Complete
    } else {
        RolloutProgress::Progressing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::agent_pod;
    use serde_json::json;

    fn deployment(paused: bool, status: &serde_json::Value) -> Deployment {
        serde_json::from_value(json!({
            "metadata": {"name": "agent", "namespace": "shop", "generation": 4},
            "spec": {"replicas": 2, "selector": {}, "template": {}, "paused": paused},
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn a_rollout_is_complete_once_every_pod_is_new_and_available() {
        let done = json!({"observedGeneration": 4, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        assert_eq!(progress_of(&deployment(false, &done)), RolloutProgress::Complete);
        for (field, value) in [
            ("observedGeneration", 3),
            ("replicas", 3),
            ("updatedReplicas", 1),
            ("availableReplicas", 1),
        ] {
            let mut not_yet = done.clone();
            not_yet[field] = json!(value);
            assert_eq!(
                progress_of(&deployment(false, &not_yet)),
                RolloutProgress::Progressing,
                "{field}"
            );
            assert_eq!(
                progress_of(&deployment(true, &not_yet)),
                RolloutProgress::Paused,
                "{field}"
            );
        }
    }

    #[test]
    fn other_workloads_are_complete_once_every_pod_is_new_and_ready_or_done() {
        let pod = |name: &str, ready: bool, succeeded: bool| {
            Arc::new(PodFacts {
                ready: Some(Timestamp::UNIX_EPOCH).filter(|_| ready),
                running: !succeeded,
                succeeded,
                ..agent_pod(name)
            })
        };
        let is_new = |pod: &Arc<PodFacts>| pod.name.starts_with("new");
        let progress = |pods: &[Arc<PodFacts>]| progress_by_pods(pods, &is_new);
        assert_eq!(progress(&[]), RolloutProgress::Progressing);
        assert_eq!(progress(&[pod("new", true, false)]), RolloutProgress::Complete);
        assert_eq!(
            progress(&[pod("new", true, false), pod("new2", false, false)]),
            RolloutProgress::Progressing
        );
        assert_eq!(
            progress(&[pod("new", true, false), pod("old", true, false)]),
            RolloutProgress::Progressing
        );
        assert_eq!(
            progress(&[pod("new", false, true), pod("old", false, true)]),
            RolloutProgress::Complete
        );
    }
}
