//! The workload of a pod, as the pod alone tells it: a sensor may read neither ReplicaSets nor Jobs. Recordings are named by
//! it; the operator, which may read them, decides by them.

use anchorwatch_core::id::WorkloadKey;
use k8s_openapi::api::core::v1::Pod;

use super::PodIdentity;

/// A ReplicaSet is named after its Deployment or Argo Rollout and this label of its pods (`getReplicaSetName` and
/// `NewReplicaSet`, `pkg/controller/deployment`; `utils/replicaset` in Argo Rollouts).
const OWNERS_BY_LABEL: [(&str, &str); 2] = [
    ("pod-template-hash", "Deployment"),
    ("rollouts-pod-template-hash", "Rollout"),
];

/// Seconds in a minute, in which a Job's name counts.
const MINUTE: i64 = 60;
/// How long after its schedule a CronJob may still make pods for a Job: beyond it, digits in a Job's name are no time.
const LATE: i64 = 7 * 24 * 60 * MINUTE;

/// Kinds that are no workload, whoever says that they control a pod: a static pod's mirror belongs to its Node.
const NO_WORKLOADS: [&str; 2] = ["Node", "Namespace"];

/// The controller at the top, else the pod itself.
pub(super) fn workload_of(identity: &PodIdentity, pod: &Pod) -> WorkloadKey {
    let owners = pod.metadata.owner_references.iter().flatten();
    let controller = owners
        .filter(|owner| owner.controller == Some(true) && !NO_WORKLOADS.contains(&owner.kind.as_str()))
        .map(|owner| (owner.kind.as_str(), owner.name.as_str()))
        .next();
    let (kind, name) = match controller {
        None => ("Pod", identity.name.as_str()),
        Some(("ReplicaSet", name)) => deployment(pod, name).unwrap_or(("ReplicaSet", name)),
        Some(("Job", name)) => cron_job(pod, name).map_or(("Job", name), |cron_job| ("CronJob", cron_job)),
        Some(top) => top,
    };
    WorkloadKey::new(&identity.namespace, kind, name)
}

fn deployment<'a>(pod: &Pod, replica_set: &'a str) -> Option<(&'static str, &'a str)> {
    let labels = pod.metadata.labels.as_ref()?;
    OWNERS_BY_LABEL.iter().find_map(|(label, kind)| {
        let name = replica_set.strip_suffix(labels.get(*label)?)?.strip_suffix('-')?;
        (!name.is_empty()).then_some((*kind, name))
    })
}

/// A CronJob's Jobs are named after it and the minute that they are due in (`getJobName`,
/// `pkg/controller/cronjob/cronjob_controllerv2.go`). Whoever else ends a Job's name in digits does not mean the time at
/// which the pod was made.
fn cron_job<'a>(pod: &Pod, job: &'a str) -> Option<&'a str> {
    let (name, minutes) = job.rsplit_once('-')?;
    let due = minutes.parse::<i64>().ok()?.checked_mul(MINUTE)?;
    let made = pod.metadata.creation_timestamp.as_ref()?.0.as_second();
    (!name.is_empty() && (due - MINUTE..=due.saturating_add(LATE)).contains(&made)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Made a minute and a half after the minute 29402405.
    fn workload(owner: &Value, labels: &Value) -> String {
        let pod = json!({"metadata": {
            "name": "x", "namespace": "shop", "labels": labels, "creationTimestamp": "2025-11-26T08:06:30Z",
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Team", "name": "red", "uid": "t"},
                owner,
            ],
        }});
        let identity = PodIdentity {
            namespace: "shop".into(),
            name: "x".into(),
            uid: "1".into(),
        };
        workload_of(&identity, &serde_json::from_value(pod).unwrap()).to_string()
    }

    fn controller(kind: &str, name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "name": name, "uid": "u", "controller": true})
    }

    #[test]
    fn a_pod_tells_the_workload_that_it_belongs_to() {
        let hash = json!({"pod-template-hash": "5d8c"});
        let rollout = json!({"rollouts-pod-template-hash": "5d8c"});
        let none = json!({});
        for (owner, labels, expected) in [
            (
                controller("ReplicaSet", "cart-web-5d8c"),
                &hash,
                "shop/Deployment/cart-web",
            ),
            (controller("ReplicaSet", "cart-5d8c"), &rollout, "shop/Rollout/cart"),
            (
                controller("ReplicaSet", "cart-5d8c"),
                &none,
                "shop/ReplicaSet/cart-5d8c",
            ),
            (controller("ReplicaSet", "-5d8c"), &hash, "shop/ReplicaSet/-5d8c"),
            (controller("StatefulSet", "db"), &none, "shop/StatefulSet/db"),
            (controller("Job", "report-29402405"), &none, "shop/CronJob/report"),
            (
                controller("Job", "migrate-20251126"),
                &none,
                "shop/Job/migrate-20251126",
            ),
            (controller("Job", "migrate"), &none, "shop/Job/migrate"),
            (
                controller("Job", "x-9223372036854775807"),
                &none,
                "shop/Job/x-9223372036854775807",
            ),
            (controller("Node", "n1"), &none, "shop/Pod/x"),
            (controller("Namespace", "shop"), &none, "shop/Pod/x"),
        ] {
            assert_eq!(workload(&owner, labels), expected, "{owner}");
        }
    }

    #[test]
    fn who_does_not_control_a_pod_is_not_its_workload() {
        let owner = json!({"apiVersion": "v1", "kind": "Job", "name": "x", "uid": "u"});
        assert_eq!(workload(&owner, &json!({})), "shop/Pod/x");
    }
}
