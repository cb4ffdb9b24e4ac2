//! Sensors' tokens of two nodes: the real one's, and of a node that exists in the API alone.

use anyhow::{Context, Result};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Node, Pod, ServiceAccount};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use kube::{Client, Error};
use serde_json::{Value, json};

use crate::Cluster;
use crate::install::{Component, Install};

/// A node and a token that is bound to a pod on it.
#[expect(missing_debug_implementations, reason = "it holds a token")]
pub struct Sensor {
    /// Name of the node.
    pub node: String,
    /// UID of the node.
    pub node_uid: String,
    /// Shows the token and nothing else.
    pub client: Client,
}

impl Sensor {
    /// Of the node that a pod of the sensor's runs on.
    pub async fn of_pod(cluster: &Cluster, pod: &Pod) -> Result<Self> {
        let node = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.node_name.clone())
            .context("the pod is on no node")?;
        let nodes: Api<Node> = Api::all(cluster.client.clone());
        let node_uid = nodes.get(&node).await?.metadata.uid.context("the node has no UID")?;
        let binding = json!({"apiVersion": "v1", "kind": "Pod", "name": pod.metadata.name, "uid": pod.metadata.uid});
        Ok(Self {
            node,
            node_uid,
            client: token(cluster, Some(binding)).await?,
        })
    }

    /// Whether this token may write that node's report. Nothing is kept: a real sensor may live on the node.
    pub async fn would_write(&self, node: &str, node_uid: &str) -> Result<DynamicObject, Error> {
        apply(
            &self.client,
            node,
            json!({"nodeUid": node_uid, "epoch": EPOCH, "seq": 1}),
            true,
        )
        .await
    }

    /// Sends the own node's first batch.
    pub async fn write(&self, containers: Value) -> Result<DynamicObject, Error> {
        let spec = json!({"nodeUid": self.node_uid, "epoch": EPOCH, "seq": 1, "containers": containers});
        apply(&self.client, &self.node, spec, false).await
    }
}

/// Epoch of what these tests write.
pub const EPOCH: &str = "e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0";

/// Writes a report as a sensor does.
pub async fn apply(client: &Client, node: &str, spec: Value, dry_run: bool) -> Result<DynamicObject, Error> {
    let object = json!({
        "apiVersion": "anchorwatch.dev/v1alpha1",
        "kind": "SensorReport",
        "metadata": {"name": node},
        "spec": spec
    });
    let parameters = PatchParams {
        dry_run,
        ..PatchParams::apply("anchorwatch-sensor").force()
    };
    reports(client).patch(node, &parameters, &Patch::Apply(object)).await
}

/// All reports.
pub fn reports(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk(anchorwatch_crds::GROUP, "v1alpha1", "SensorReport");
    Api::all_with(client.clone(), &ApiResource::from_gvk(&kind))
}

/// A token of the sensor's service account, bound to an object or to none.
pub async fn token(cluster: &Cluster, binding: Option<Value>) -> Result<Client> {
    let install = Install::of(cluster);
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), &install.namespace);
    let request: TokenRequest = serde_json::from_value(json!({
        "metadata": {},
        "spec": {"audiences": [], "expirationSeconds": 600, "boundObjectRef": binding}
    }))?;
    let name = install.object(Component::Sensor);
    let answer = accounts
        .create_token_request(&name, &PostParams::default(), &request)
        .await?;
    cluster.with_token(&answer.status.context("no token was given")?.token)
}

/// A node that exists in the API alone, and a pod of the sensor's that is bound to it.
#[derive(Debug)]
pub struct SecondNode {
    cluster: Cluster,
    name: String,
}

impl SecondNode {
    /// Makes it, after removing what a run that was cut short left behind.
    pub async fn make(cluster: &Cluster, name: &str) -> Result<Self> {
        let second = Self {
            cluster: cluster.clone(),
            name: name.to_owned(),
        };
        second.remove().await?;
        let node: Node = serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {"taints": [{"key": "e2e.anchorwatch.dev/no-kubelet", "effect": "NoSchedule"}]}
        }))?;
        Api::all(cluster.client.clone())
            .create(&PostParams::default(), &node)
            .await?;
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {
                "nodeName": name,
                "serviceAccountName": Install::of(cluster).object(Component::Sensor),
                "tolerations": [{"operator": "Exists"}],
                "containers": [{"name": "never-starts", "image": "none.invalid/none:0"}]
            }
        }))?;
        second.pods().create(&PostParams::default(), &pod).await?;
        Ok(second)
    }

    /// The sensor that would live there.
    pub async fn sensor(&self) -> Result<Sensor> {
        Sensor::of_pod(&self.cluster, &self.pods().get(&self.name).await?).await
    }

    /// Removes node, pod and report.
    pub async fn remove(&self) -> Result<()> {
        let at_once = DeleteParams::default().grace_period(0);
        absent_is_fine(self.pods().delete(&self.name, &at_once).await)?;
        let nodes: Api<Node> = Api::all(self.cluster.client.clone());
        absent_is_fine(nodes.delete(&self.name, &DeleteParams::default()).await)?;
        absent_is_fine(
            reports(&self.cluster.client)
                .delete(&self.name, &DeleteParams::default())
                .await,
        )
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.cluster.client.clone(), &Install::of(&self.cluster).namespace)
    }
}

/// What was to be deleted may be gone.
pub fn absent_is_fine<T>(result: Result<T, Error>) -> Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error.into()),
    }
}
