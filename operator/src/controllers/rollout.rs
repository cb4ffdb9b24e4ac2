//! Rollouts: the evidence of each revision of a Deployment, written once and never changed.

mod apply;
mod fetch;
mod plan;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use kube::runtime::{controller::Action, reflector::ObjectRef};

use super::driver::{Driver, queue};
use crate::{
    context::Context,
    world::{World, changes::Change, evidence::DEPLOYMENT},
};

const NAME: &str = "rollout";

/// Runs the controller.
pub async fn run(context: &Context) {
    let world = Arc::clone(&context.world);
    let queue = queue(context.world.subscribe(), move |change| concerned(&world, change));
    Driver::new(context, NAME, 4)
        .run(context.world.deployments.clone(), queue, |deployment| {
            reconcile(context, deployment)
        })
        .await;
}

async fn reconcile(context: &Context, deployment: Arc<Deployment>) -> Result<Action, kube::Error> {
    if let Some(known) = fetch::fetch(&context.world, &deployment) {
        let plan = plan::plan(&known, Timestamp::now());
        apply::apply(context, plan).await?;
    }
    Ok(Action::await_change())
}

/// The Deployments whose revision may have to be recorded.
fn concerned(world: &World, change: Change) -> Vec<ObjectRef<Deployment>> {
    let named = |namespace: &str, name: &str| vec![ObjectRef::new(name).within(namespace)];
    match change {
        Change::Deployment(deployment) => vec![deployment],
        Change::ReplicaSet(set) => match &set.controller {
            Some(controller) if controller.kind == DEPLOYMENT => named(&set.namespace, &controller.name),
            Some(_) | None => Vec::new(),
        },
        Change::Pod(pod) => match world.workload(&pod) {
            Some(workload) if workload.kind == DEPLOYMENT => named(&workload.namespace, &workload.name),
            Some(_) | None => Vec::new(),
        },
        Change::Policy | Change::ClusterPolicy => {
            let all = world.deployments.state();
            all.iter()
                .map(|deployment| ObjectRef::from_obj(deployment.as_ref()))
                .collect()
        }
        Change::Report(_) | Change::Baseline(_) | Change::Alert(_) | Change::Record(_) | Change::Approval(_) => {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;
    use crate::{
        testkit::{HandMade, agent_pod, agent_policy, agent_replica_set, api_server, put, refusal, versioned},
        world::facts::{ContainerFacts, PodFacts},
    };

    const POST: &str = "POST /apis/anchorwatch.dev/v1alpha1/namespaces/shop/rolloutrecords";

    fn deployment() -> Deployment {
        serde_json::from_value(json!({
            "metadata": {
                "namespace": "shop", "name": "agent", "uid": "d1",
                "annotations": {"deployment.kubernetes.io/revision": "1"},
            },
            "spec": {"selector": {}, "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {"containers": [{"name": "main", "image": "agent:1"}]},
            }},
        }))
        .unwrap()
    }

    fn world(digest: Option<&str>) -> HandMade {
        let mut made = HandMade::new();
        put(&mut made.feeds.policies, agent_policy());
        made.feeds.deployments.apply_watcher_event(&Event::Apply(deployment()));
        made.world.tell_of_replica_set(Event::Apply(agent_replica_set()));
        made.world.tell_of_pod(Event::Apply(PodFacts {
            containers: vec![ContainerFacts {
                name: "main".into(),
                init: false,
                digest: digest.map(|digest| digest.parse().unwrap()),
            }],
            ..agent_pod("agent-5d-x")
        }));
        made
    }

    #[tokio::test]
    async fn a_revision_is_recorded_once_a_pod_tells_its_digests() {
        let (client, calls) = api_server(|call| (201, versioned(call.body.clone(), "1")));
        reconcile(&world(None).context(client.clone()), Arc::new(deployment()))
            .await
            .unwrap();
        assert!(calls.lines().is_empty());
        let digest = format!("sha256:{}", "ab".repeat(32));
        let made = world(Some(&digest));
        reconcile(&made.context(client), Arc::new(deployment())).await.unwrap();
        assert_eq!(calls.lines(), [POST]);
        let record = calls.last(POST);
        assert_eq!(record["metadata"]["name"], "deployment-agent-1");
        assert_eq!(record["spec"]["containers"][0]["digest"], digest);
        assert_eq!(record["spec"]["witness"], "agent-5d-x");
        assert_eq!(made.metrics.records_created.get(), 1);
    }

    #[tokio::test]
    async fn a_record_that_is_there_already_is_no_failure() {
        let (client, _) = api_server(|_| refusal(409, "AlreadyExists"));
        let made = world(Some(&format!("sha256:{}", "ab".repeat(32))));
        reconcile(&made.context(client), Arc::new(deployment())).await.unwrap();
        assert_eq!(made.metrics.records_created.get(), 0);
    }
}
