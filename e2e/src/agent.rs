//! The python agent: its objects, and how it is asked to do something.

use std::time::Duration;

use anchorwatch_crds::v1alpha1::{BehaviorBaseline, DriftPolicy, EntryState};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::wait::until;
use crate::{Cluster, judged};

/// Name of the agent's container, and of its Deployment, Service and policy where a test wants only one.
pub const AGENT: &str = "agent";
/// Who rolls it out, as the records of its rollouts have it.
const MANAGER: &str = "pipeline";
/// Where it listens.
const PORT: u16 = 8080;
/// An image is pulled and python starts meanwhile.
const READY_CEILING: Duration = Duration::from_secs(90);

/// A Deployment of the agent behind a Service.
#[derive(Clone, Debug)]
pub struct Agent {
    cluster: Cluster,
    namespace: String,
    name: String,
}

/// What it answered.
#[derive(Clone, Debug, Deserialize)]
pub struct Answer {
    /// Name of the pod that answered.
    pub pod: String,
    /// What the program printed.
    pub output: String,
}

/// How a policy judges the agent.
#[derive(Clone, Copy, Debug)]
pub struct Judgement {
    /// `baseline.maturity.minimum`, with method `Elapsed`.
    pub minimum: &'static str,
    /// `correlation.window`.
    pub correlation: &'static str,
}

impl Judgement {
    /// `minimum` as a length of time.
    pub fn minimum(&self) -> Result<Duration> {
        Ok(self.minimum.parse::<anchorwatch_crds::v1alpha1::Duration>()?.get())
    }
}

impl Agent {
    /// An agent of this name, which may not run yet.
    pub fn new(cluster: &Cluster, namespace: &str, name: &str) -> Self {
        Self {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes its policy, its Service and its Deployment, and waits until all replicas answer.
    pub async fn start(&self, image: &str, replicas: u32, judgement: Judgement) -> Result<()> {
        self.start_under(image, replicas, judgement, &Value::Null).await
    }

    /// The same, under a policy that says this of rollouts.
    pub async fn start_under(&self, image: &str, replicas: u32, judgement: Judgement, rollout: &Value) -> Result<()> {
        let address = self.is_watched_under(judgement, rollout).await?;
        self.create::<Deployment>(self.deployment(image, replicas, &address))
            .await?;
        self.ready().await
    }

    /// Makes its policy and its Service alone, whose address it returns: for workloads of another kind.
    pub async fn is_watched_under(&self, judgement: Judgement, rollout: &Value) -> Result<String> {
        let mut policy = self.policy(judgement);
        if !rollout.is_null() {
            policy["spec"]["rollout"] = rollout.clone();
        }
        self.create::<DriftPolicy>(policy).await?;
        let service = self.create::<Service>(self.service()).await?;
        service
            .spec
            .and_then(|spec| spec.cluster_ip)
            .context("the Service has no address")
    }

    /// Rolls out another image and waits until nothing else runs.
    pub async fn roll_out(&self, image: &str) -> Result<()> {
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": AGENT, "image": image}]}}}});
        self.change(&patch).await?;
        self.ready().await
    }

    /// Merges something into its Deployment, and waits for nothing.
    pub async fn change(&self, patch: &Value) -> Result<()> {
        let parameters = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        self.deployments()
            .patch(&self.name, &parameters, &Patch::Strategic(patch))
            .await?;
        Ok(())
    }

    /// Its running pods.
    pub async fn pods(&self) -> Result<Vec<Pod>> {
        let pods: Api<Pod> = Api::namespaced(self.cluster.client.clone(), &self.namespace);
        let found = pods
            .list(&ListParams::default().labels(&format!("app={}", self.name)))
            .await?;
        Ok(found
            .items
            .into_iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .collect())
    }

    /// Asks whichever replica the Service picks to run a program.
    pub async fn ask(&self, argv: &[&str]) -> Result<Answer> {
        self.post(&format!("services/{}:http", self.name), argv).await
    }

    /// Asks this replica to run a program.
    pub async fn ask_pod(&self, pod: &str, argv: &[&str]) -> Result<Answer> {
        self.post(&format!("pods/{pod}:{PORT}"), argv).await
    }

    /// The same, with a socket of the network as the program's standard input.
    pub async fn ask_pod_with_socket(&self, pod: &str, argv: &[&str]) -> Result<Answer> {
        let asked = json!({"argv": argv, "socket": true});
        self.send(&format!("pods/{pod}:{PORT}"), &asked).await
    }

    /// Whether its baseline knows its helper and judges.
    pub async fn is_judged(&self) -> Result<BehaviorBaseline> {
        self.is_judged_as("deployment").await
    }

    /// The same, where it is a workload of another kind.
    pub async fn is_judged_as(&self, kind: &str) -> Result<BehaviorBaseline> {
        let name = format!("{kind}-{}", self.name);
        let (baseline, feed) = judged::processes(&self.cluster, &self.namespace, &name, AGENT).await?;
        let helper = feed.entries.iter().find(|entry| {
            let process = entry.behavior.process.as_ref();
            process.is_some_and(|process| is_python(&process.parent) && process.executable.ends_with("/date"))
        });
        let helper = helper.context("the helper is not in it yet")?;
        ensure!(helper.state == EntryState::Learned, "the helper is {:?}", helper.state);
        Ok(baseline)
    }

    async fn post(&self, target: &str, argv: &[&str]) -> Result<Answer> {
        self.send(target, &json!({ "argv": argv })).await
    }

    async fn send(&self, target: &str, asked: &Value) -> Result<Answer> {
        let path = format!("/api/v1/namespaces/{}/{target}/proxy/run", self.namespace);
        let body = serde_json::to_vec(asked)?;
        let request = http::Request::post(path)
            .header("Content-Type", "application/json")
            .body(body)?;
        let answer = self
            .cluster
            .client
            .request_text(request)
            .await
            .with_context(|| format!("asking {target} for {asked}"))?;
        serde_json::from_str(&answer).with_context(|| format!("{target} answered {answer}"))
    }

    /// Waits until all replicas are of what was asked for last.
    pub async fn ready(&self) -> Result<()> {
        until(&format!("the deployment {}", self.name), READY_CEILING, async || {
            let deployment = self.deployments().get(&self.name).await?;
            let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
            let status = deployment.status.unwrap_or_default();
            ensure!(
                status.observed_generation >= deployment.metadata.generation,
                "the change is not seen yet"
            );
            ensure!(
                status.updated_replicas == wanted && status.ready_replicas == wanted && status.replicas == wanted,
                "{} of {} replicas are ready, {} updated",
                status.ready_replicas.unwrap_or_default(),
                status.replicas.unwrap_or_default(),
                status.updated_replicas.unwrap_or_default()
            );
            Ok(())
        })
        .await
    }

    async fn create<K>(&self, object: Value) -> Result<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + serde::Serialize
            + DeserializeOwned,
    {
        let api: Api<K> = Api::namespaced(self.cluster.client.clone(), &self.namespace);
        let parameters = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        Ok(api.create(&parameters, &serde_json::from_value(object)?).await?)
    }

    fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.cluster.client.clone(), &self.namespace)
    }

    fn policy(&self, judgement: Judgement) -> Value {
        json!({
            "apiVersion": "anchorwatch.dev/v1alpha1",
            "kind": "DriftPolicy",
            "metadata": {"name": self.name},
            "spec": {
                "selector": {"matchLabels": {"app": self.name}},
                "mode": "Alert",
                "baseline": {
                    "window": "7d",
                    "maturity": {"method": "Elapsed", "minimum": judgement.minimum}
                },
                "correlation": {"window": judgement.correlation}
            }
        })
    }

    fn service(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": self.name},
            "spec": {
                "selector": {"app": self.name},
                "ports": [{"name": "http", "port": 80, "targetPort": PORT}]
            }
        })
    }

    /// Its Deployment.
    pub fn deployment(&self, image: &str, replicas: u32, address: &str) -> Value {
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": self.name}},
                "template": {
                    "metadata": {"labels": {"app": self.name}},
                    "spec": {
                        "terminationGracePeriodSeconds": 2,
                        "enableServiceLinks": false,
                        "automountServiceAccountToken": false,
                        "containers": [{
                            "name": AGENT,
                            "image": image,
                            "env": [{"name": "SERVICE_URL", "value": format!("http://{address}")}],
                            "ports": [{"containerPort": PORT}],
                            "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
                            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}}
                        }]
                    }
                }
            }
        })
    }
}

/// Whether a path is python's: distributions call the file behind `python3` by its full version.
pub fn is_python(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("python3"))
}
