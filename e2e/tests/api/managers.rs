//! Names of field managers that are tied to users.

use anchorwatch_e2e::Cluster;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::support::refusal;

/// The name that the tests' installation ties to the user of the same name.
const BOUND: &str = "e2e-pipeline";

struct Scene {
    cluster: Cluster,
    namespace: String,
}

impl Scene {
    async fn new() -> Self {
        let cluster = Cluster::offered().await.unwrap();
        let namespace = cluster.fresh_namespace("managers").await.unwrap();
        Self { cluster, namespace }
    }

    /// Deployments as a user sees them who may do anything.
    fn by(&self, user: &str) -> Api<Deployment> {
        let client: Client = self.cluster.impersonate(user, &["system:masters"]).unwrap();
        Api::namespaced(client, &self.namespace)
    }
}

fn image(image: &str) -> Patch<Value> {
    Patch::Apply(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
        },
    }))
}

fn under(manager: &str) -> PatchParams {
    PatchParams::apply(manager).force()
}

/// The Deployment as it is, whatever its controller writes meanwhile.
async fn latest(deployments: &Api<Deployment>) -> Deployment {
    let mut object = deployments.get("web").await.unwrap();
    object.metadata.resource_version = None;
    object
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn nobody_but_its_users_writes_under_a_bound_name() {
    let scene = Scene::new().await;
    let (pipeline, mallory) = (scene.by(BOUND), scene.by("mallory"));
    let said = refusal(mallory.patch("web", &under(BOUND), &image("web:1")).await);
    assert!(
        said.contains("the field manager e2e-pipeline is not yours to write under, mallory"),
        "{said}"
    );
    pipeline.patch("web", &under(BOUND), &image("web:1")).await.unwrap();
    let said = refusal(mallory.patch("web", &under(BOUND), &image("web:2")).await);
    assert!(said.contains("is not yours to write under"), "{said}");
    // Without a name of its own, a client's is taken from its user agent: here as an option of an update.
    let mut object = latest(&pipeline).await;
    object.spec.as_mut().unwrap().replicas = Some(0);
    object.spec.as_mut().unwrap().min_ready_seconds = Some(1);
    let named = PostParams {
        field_manager: Some(BOUND.into()),
        ..PostParams::default()
    };
    let said = refusal(mallory.replace("web", &named, &object).await);
    assert!(said.contains("is not yours to write under"), "{said}");
    // Under another name anybody may write, and the pipeline after it.
    mallory.patch("web", &under("kubectl"), &image("web:2")).await.unwrap();
    pipeline.patch("web", &under(BOUND), &image("web:3")).await.unwrap();
    scene.cluster.delete_namespace(&scene.namespace).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn nobody_writes_a_bound_name_into_the_managed_fields_nor_takes_a_later_one_away() {
    let scene = Scene::new().await;
    let (pipeline, mallory) = (scene.by(BOUND), scene.by("mallory"));
    pipeline.patch("web", &under(BOUND), &image("web:1")).await.unwrap();
    mallory.patch("web", &under("kubectl"), &image("web:2")).await.unwrap();

    let renamed = {
        let mut object = latest(&mallory).await;
        for entry in object.metadata.managed_fields.as_mut().unwrap() {
            if entry.manager.as_deref() == Some("kubectl") {
                entry.manager = Some(BOUND.into());
                entry.operation = Some("Update".into());
            }
        }
        object
    };
    let said = refusal(mallory.replace("web", &PostParams::default(), &renamed).await);
    assert!(said.contains("is not yours to write under"), "{said}");

    let mut object = latest(&mallory).await;
    let managed = object.metadata.managed_fields.as_mut().unwrap();
    managed.retain(|entry| entry.manager.as_deref() != Some("kubectl"));
    let said = refusal(mallory.replace("web", &PostParams::default(), &object).await);
    assert!(said.contains("must not be taken away by others"), "{said}");

    // What a new object claims, the API server forgets.
    let mut forged = latest(&pipeline).await;
    forged.metadata.name = Some("forged".into());
    forged.metadata.uid = None;
    let made = mallory.create(&PostParams::default(), &forged).await.unwrap();
    let entries = made.metadata.managed_fields.unwrap_or_default();
    assert!(
        entries.iter().all(|entry| entry.manager.as_deref() != Some(BOUND)),
        "{entries:?}"
    );
    scene.cluster.delete_namespace(&scene.namespace).await.unwrap();
}
