//! An agent that is rolled out, and what is found of it.

use std::time::Duration;

use anchorwatch_crds::v1alpha1::{DriftAlert, Finding, RolloutMatch, RolloutRecord, RolloutVerdict};
use anchorwatch_e2e::agent::{AGENT, Agent, Judgement};
use anchorwatch_e2e::plugin::offered_kubectl;
use anchorwatch_e2e::wait::until;
use anchorwatch_e2e::{AgentImages, Cluster};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// From what an agent does to a finding; the waits for evidence aside.
pub const FOUND: Duration = Duration::from_secs(45);
/// From the first sighting to a verdict that waited for evidence, and the other pods, in vain.
pub const DECIDED: Duration = Duration::from_secs(150);
/// A baseline learns for a few seconds.
pub const LEARNED: Duration = Duration::from_secs(90);
/// And is judged then.
pub const JUDGEMENT: Judgement = Judgement {
    minimum: "8s",
    correlation: "10m",
};
/// What the next image spawns at its start.
pub const NPROC: &str = "/usr/bin/nproc";

/// A namespace with an agent that is judged after a few seconds.
pub struct Agents {
    pub cluster: Cluster,
    pub namespace: String,
    pub images: AgentImages,
    pub agent: Agent,
}

/// A finding, and the alert that has it.
pub struct Found {
    pub alert: DriftAlert,
    pub finding: Finding,
}

impl Agents {
    /// Starts it, under a policy that says this of rollouts, and waits until its everyday work is learned.
    pub async fn new(prefix: &str, image: Option<&str>, replicas: u32, rollout: &Value) -> Self {
        let scene = Self::none(prefix).await;
        let image = image.unwrap_or(&scene.images.first);
        let agent = &scene.agent;
        agent.start_under(image, replicas, JUDGEMENT, rollout).await.unwrap();
        until("the baseline to judge", LEARNED, async || agent.is_judged().await)
            .await
            .unwrap();
        scene
    }

    /// A namespace without anything in it.
    pub async fn none(prefix: &str) -> Self {
        let cluster = Cluster::offered().await.unwrap();
        let namespace = cluster.fresh_namespace(prefix).await.unwrap();
        Self {
            images: AgentImages::offered().unwrap(),
            agent: Agent::new(&cluster, &namespace, AGENT),
            cluster,
            namespace,
        }
    }

    pub fn objects<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned,
    {
        Api::namespaced(self.cluster.client.clone(), &self.namespace)
    }

    /// The record of a revision, once it is there.
    pub async fn recorded(&self, revision: i64) -> RolloutRecord {
        self.recorded_as("deployment", revision).await
    }

    /// The same, of a workload of another kind.
    pub async fn recorded_as(&self, kind: &str, revision: i64) -> RolloutRecord {
        self.recorded_by(&format!("{kind}-{AGENT}-{revision}")).await
    }

    /// The record of a name, once it is there.
    pub async fn recorded_by(&self, name: &str) -> RolloutRecord {
        until(&format!("the record {name}"), FOUND, async || {
            Ok(self.objects::<RolloutRecord>().get(name).await?)
        })
        .await
        .unwrap()
    }

    /// Names of the running pods of an image.
    pub async fn pods_of(&self, image: &str) -> Result<Vec<String>> {
        let of_image = |pod: &Pod| {
            let container = pod.spec.as_ref().and_then(|spec| spec.containers.first());
            container.and_then(|container| container.image.as_deref()) == Some(image)
        };
        let ready = |pod: &Pod| {
            let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
            let mut conditions = conditions.into_iter().flatten();
            conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
        };
        let pods = self.agent.pods().await?.into_iter();
        let wanted = pods.filter(|pod| of_image(pod) && ready(pod));
        Ok(wanted.filter_map(|pod| pod.metadata.name).collect())
    }

    /// So many ready pods of an image.
    pub async fn running(&self, image: &str, number: usize) -> Vec<String> {
        until(&format!("{number} pods of {image}"), FOUND, async || {
            let pods = self.pods_of(image).await?;
            ensure!(pods.len() == number, "there are {pods:?}");
            Ok(pods)
        })
        .await
        .unwrap()
    }

    /// The process finding of an executable, once this holds of it.
    pub async fn finding(&self, executable: &str, ceiling: Duration, holds: impl Fn(&Finding) -> bool) -> Found {
        self.found(executable, ceiling, |finding| {
            finding
                .behavior
                .process
                .as_ref()
                .is_some_and(|process| process.executable == executable)
                && holds(finding)
        })
        .await
    }

    /// The finding of a rule, once there is one.
    pub async fn of_rule(&self, rule: &str) -> Found {
        self.found(rule, FOUND, |finding| finding.rule == rule).await
    }

    async fn found(&self, what: &str, ceiling: Duration, wanted: impl Fn(&Finding) -> bool) -> Found {
        until(&format!("the finding of {what}"), ceiling, async || {
            let alerts = self.objects::<DriftAlert>().list(&ListParams::default()).await?;
            let mut told = Vec::new();
            for alert in alerts {
                let findings = alert.status.as_ref().map(|status| status.findings.clone());
                for finding in findings.unwrap_or_default() {
                    if wanted(&finding) {
                        return Ok(Found { alert, finding });
                    }
                    told.push(format!(
                        "{}: {:?}, {}",
                        finding.summary,
                        finding.state,
                        reason(&finding)
                    ));
                }
            }
            None.with_context(|| format!("there are {told:#?}"))
        })
        .await
        .unwrap()
    }

    /// `kubectl exec` into a pod.
    pub fn exec(&self, pod: &str, argv: &[&str]) -> Result<()> {
        let mut command = offered_kubectl()?;
        command.args(["--namespace", &self.namespace, "exec", pod, "--"]);
        let output = command.args(argv).output().context("kubectl can't be run")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    pub async fn end(&self) {
        self.cluster.delete_namespace(&self.namespace).await.unwrap();
    }
}

/// Its verdict.
pub fn verdict(finding: &Finding) -> Option<RolloutVerdict> {
    finding.rollout.as_ref().map(|rollout| rollout.verdict)
}

/// What the evidence says of it.
pub fn reason(finding: &Finding) -> String {
    finding
        .rollout
        .as_ref()
        .map(|RolloutMatch { reason, .. }| reason.clone())
        .unwrap_or_default()
}

/// Something of the agent's container, as a patch of its Deployment.
pub fn of_container(part: &Value) -> Value {
    let mut container = json!({"name": AGENT});
    container
        .as_object_mut()
        .unwrap()
        .extend(part.as_object().unwrap().clone());
    json!({"spec": {"template": {"spec": {"containers": [container]}}}})
}
