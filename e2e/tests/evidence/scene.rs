//! A namespace with a policy, workloads of the agent's image, and the records that come of them.

use std::process::Output;
use std::time::Duration;

use anchorwatch_crds::v1alpha1::{DriftPolicy, RecordType, RolloutRecord};
use anchorwatch_e2e::install::Install;
use anchorwatch_e2e::plugin::drift;
use anchorwatch_e2e::wait::until;
use anchorwatch_e2e::{AgentImages, Cluster};
use anyhow::{Context, Result};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

/// A pod is scheduled, its image pulled and started, and its digests told meanwhile.
pub const RECORDED: Duration = Duration::from_secs(90);

/// A namespace of a test's own.
pub struct Scene {
    pub cluster: Cluster,
    pub namespace: String,
    pub images: AgentImages,
}

impl Scene {
    /// A namespace in which every pod labelled `app: evidence` is watched.
    pub async fn new(prefix: &str) -> Result<Self> {
        let cluster = Cluster::offered().await?;
        let namespace = cluster.fresh_namespace(prefix).await?;
        let scene = Self {
            cluster,
            namespace,
            images: AgentImages::offered()?,
        };
        let policy = json!({
            "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftPolicy", "metadata": {"name": "evidence"},
            "spec": {"selector": {"matchLabels": {"app": "evidence"}}},
        });
        let api: Api<DriftPolicy> = Api::namespaced(scene.cluster.client.clone(), &scene.namespace);
        api.create(&PostParams::default(), &serde_json::from_value(policy)?)
            .await?;
        Ok(scene)
    }

    /// Objects of a kind in the namespace.
    pub fn objects(&self, group: &str, kind: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        Api::namespaced_with(self.cluster.client.clone(), &self.namespace, &resource)
    }

    /// Makes a workload.
    pub async fn make(&self, group: &str, kind: &str, name: &str, spec: Value) -> Result<DynamicObject> {
        let object =
            json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": name}, "spec": spec});
        let api = self.objects(group, kind);
        Ok(api
            .create(&PostParams::default(), &serde_json::from_value(object)?)
            .await?)
    }

    /// Merges something into a Deployment.
    pub async fn change_deployment(&self, name: &str, patch: &Value) -> Result<()> {
        let api = self.objects("apps", "Deployment");
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// The records of the namespace.
    pub fn records(&self) -> Api<RolloutRecord> {
        Api::namespaced(self.cluster.client.clone(), &self.namespace)
    }

    /// The records of revisions of a workload, oldest first.
    pub async fn revisions(&self, kind: &str, name: &str) -> Result<Vec<RolloutRecord>> {
        let mut records = self.records().list(&ListParams::default()).await?.items;
        records.retain(|record| {
            let spec = &record.spec;
            spec.workload.kind == kind
                && spec.workload.name == name
                && spec.record_type.unwrap_or(RecordType::Revision) == RecordType::Revision
        });
        records.sort_by_key(|record| record.spec.chain.as_ref().map(|chain| chain.sequence));
        Ok(records)
    }

    /// The newest of so many records of a workload, once there are so many.
    pub async fn recorded(&self, kind: &str, name: &str, number: usize) -> Result<RolloutRecord> {
        until(&format!("record {number} of {kind}/{name}"), RECORDED, async || {
            let records = self.revisions(kind, name).await?;
            anyhow::ensure!(records.len() >= number, "there are {}", records.len());
            records.get(number - 1).cloned().context("it is there")
        })
        .await
    }

    /// Runs `kubectl drift verify` in the namespace.
    pub fn verify(&self, arguments: &[&str]) -> Result<Output> {
        let keys = format!("{}/anchorwatch-public-keys", Install::of(&self.cluster).namespace);
        let asked = ["verify", "--namespace", &self.namespace, "--keys-from", &keys];
        drift(&[&asked, arguments].concat())
    }
}

/// A pod template of the agent's image: its container sleeps for a moment.
pub fn template(image: &str, restart: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "evidence"}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "restartPolicy": restart,
            "enableServiceLinks": false,
            "automountServiceAccountToken": false,
            "containers": [{
                "name": "main", "image": image, "command": ["sleep", "3"],
                "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}},
            }],
        },
    })
}

/// As [`template`], of a pod that goes on.
pub fn lasting(image: &str) -> Value {
    let mut template = template(image, "Always");
    template["spec"]["containers"][0]["command"] = json!(["sleep", "100000"]);
    template
}

/// What a program printed.
pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}
