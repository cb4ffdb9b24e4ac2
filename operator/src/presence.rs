//! Whether a workload is still there: its pods say so, else the API server is asked for its object.

use anchorwatch_core::{
    baseline::Presence,
    id::{WorkloadKey, is_object_name},
};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind},
};
use tracing::debug;

use crate::context::Context;

/// What is asked for: API version and kind of what the operator may read, and whether it is in a namespace.
const ASKED: [(&str, &str, bool); 9] = [
    ("v1", "Node", false),
    ("v1", "Pod", true),
    ("apps/v1", "Deployment", true),
    ("apps/v1", "ReplicaSet", true),
    ("apps/v1", "StatefulSet", true),
    ("apps/v1", "DaemonSet", true),
    ("batch/v1", "Job", true),
    ("batch/v1", "CronJob", true),
    ("argoproj.io/v1alpha1", "Rollout", true),
];

/// Whether a workload is there. `api_version` is its object's, as its pods named it, or empty where none did: what has the
/// name of one kind may be of another group, and only what is asked for can be missing.
pub async fn of(context: &Context, workload: &WorkloadKey, api_version: &str) -> Presence {
    if context.world.has_pods(workload) {
        return Presence::There;
    }
    // No pod names a node.
    let is_asked = |(version, kind, namespaced): &&(&str, &str, bool)| {
        *kind == workload.kind && (*version == api_version || (!namespaced && api_version.is_empty()))
    };
    let Some((version, kind, namespaced)) = ASKED.iter().find(is_asked) else {
        return Presence::Unknown;
    };
    // It goes into a URL as it is, and whoever makes a pod says what owns it.
    if !is_object_name(&workload.name) {
        return Presence::Unknown;
    }
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let client = context.client.clone();
    let api: Api<DynamicObject> = if *namespaced {
        Api::namespaced_with(client, &workload.namespace, &resource)
    } else {
        Api::all_with(client, &resource)
    };
    match api.get_metadata(&workload.name).await {
        Ok(_) => Presence::There,
        Err(error) if says_that_it_is_gone(&error, &workload.name) => Presence::Gone,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            debug!(%workload, error, "whether a workload is there can't be told now");
            Presence::Unknown
        }
    }
}

/// Whether the answer is about the object: where the kind itself is not served, nothing is found either.
fn says_that_it_is_gone(error: &kube::Error, name: &str) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let about = status.details.as_ref().map(|details| details.name.as_str());
    status.is_not_found() && about == Some(name)
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;
    use serde_json::{Value, json};

    use super::*;
    use crate::testkit::{Calls, HandMade, agent_pod, agent_replica_set, api_server, gone, refusal};

    async fn asked(made: &HandMade, answer: (u16, Value), kind: &str, api_version: &str) -> (Presence, Calls) {
        let (client, calls) = api_server(move |_| answer.clone());
        let workload = WorkloadKey::new("shop", kind, "agent");
        (of(&made.context(client), &workload, api_version).await, calls)
    }

    #[tokio::test]
    async fn every_kind_is_asked_for_under_its_own_path() {
        for (api_version, kind, path) in [
            ("", "Node", "/api/v1/nodes/agent"),
            ("v1", "Pod", "/api/v1/namespaces/shop/pods/agent"),
            (
                "apps/v1",
                "Deployment",
                "/apis/apps/v1/namespaces/shop/deployments/agent",
            ),
            (
                "apps/v1",
                "ReplicaSet",
                "/apis/apps/v1/namespaces/shop/replicasets/agent",
            ),
            (
                "apps/v1",
                "StatefulSet",
                "/apis/apps/v1/namespaces/shop/statefulsets/agent",
            ),
            ("apps/v1", "DaemonSet", "/apis/apps/v1/namespaces/shop/daemonsets/agent"),
            ("batch/v1", "Job", "/apis/batch/v1/namespaces/shop/jobs/agent"),
            ("batch/v1", "CronJob", "/apis/batch/v1/namespaces/shop/cronjobs/agent"),
            (
                "argoproj.io/v1alpha1",
                "Rollout",
                "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/agent",
            ),
        ] {
            let (presence, calls) = asked(&HandMade::new(), gone("agent"), kind, api_version).await;
            assert_eq!((presence, calls.lines()), (Presence::Gone, vec![format!("GET {path}")]));
            let there = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "agent"}});
            let (presence, _) = asked(&HandMade::new(), (200, there), kind, api_version).await;
            assert_eq!(presence, Presence::There, "{kind}");
        }
    }

    #[tokio::test]
    async fn what_has_the_name_of_a_kind_and_is_of_another_group_is_not_asked_for() {
        for (api_version, kind) in [
            ("apps.kruise.io/v1beta1", "StatefulSet"),
            ("batch.volcano.sh/v1alpha1", "Job"),
            ("sparkoperator.k8s.io/v1beta2", "SparkApplication"),
            ("", "Deployment"),
        ] {
            let (presence, calls) = asked(&HandMade::new(), gone("agent"), kind, api_version).await;
            assert_eq!((presence, calls.lines().len()), (Presence::Unknown, 0), "{kind}");
        }
    }

    #[tokio::test]
    async fn a_refusal_a_failure_and_a_kind_that_is_not_served_say_nothing() {
        let not_served = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 404, "reason": "NotFound",
            "message": "the server could not find the requested resource", "details": {},
        });
        for answer in [
            refusal(403, "Forbidden"),
            refusal(500, "InternalError"),
            refusal(503, "ServiceUnavailable"),
            refusal(404, "NotFound"),
            (404, not_served),
            (404, json!("404 page not found\n")),
            gone("another"),
        ] {
            let told = answer.clone();
            let (presence, _) = asked(&HandMade::new(), answer, "Rollout", "argoproj.io/v1alpha1").await;
            assert_eq!(presence, Presence::Unknown, "{told:?}");
        }
    }

    #[tokio::test]
    async fn a_name_that_no_object_has_is_not_asked_for() {
        let (client, calls) = api_server(|_| gone("../../secrets/key"));
        let workload = WorkloadKey::new("shop", "Job", "../../secrets/key");
        let presence = of(&HandMade::new().context(client), &workload, "batch/v1").await;
        assert_eq!((presence, calls.lines().len()), (Presence::Unknown, 0));
    }

    #[tokio::test]
    async fn a_pod_that_runs_is_enough() {
        let made = HandMade::new();
        made.world.tell_of_replica_set(Event::Apply(agent_replica_set()));
        made.world.tell_of_pod(Event::Apply(agent_pod("agent-5d-x")));
        let (presence, calls) = asked(&made, gone("agent"), "Deployment", "apps/v1").await;
        assert_eq!((presence, calls.lines().len()), (Presence::There, 0));
        made.world.tell_of_pod(Event::Delete(agent_pod("agent-5d-x")));
        let (presence, _) = asked(&made, gone("agent"), "Deployment", "apps/v1").await;
        assert_eq!(presence, Presence::Gone, "one that ended within the hour is not");
    }
}
