//! A namespace with an agent, its alerts, and people.

use std::time::Duration;

use anchorwatch_crds::v1alpha1::{AlertState, BaselineEntry, BehaviorBaseline, DriftAlert, EntryState, Finding};
use anchorwatch_e2e::agent::{AGENT, Agent, Judgement};
use anchorwatch_e2e::wait::until;
use anchorwatch_e2e::{AgentImages, Cluster};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// From what somebody does to what follows from it, images and probes aside.
pub const SOON: Duration = Duration::from_secs(45);

/// A baseline that judges soon, and one that learns for longer than any test takes.
pub const JUDGES: Judgement = Judgement {
    minimum: "10s",
    correlation: "10m",
};
pub const LEARNS: Judgement = Judgement {
    minimum: "6h",
    correlation: "10m",
};

/// A namespace of its own.
pub struct Scene {
    pub cluster: Cluster,
    pub namespace: String,
    pub agent: Agent,
}

impl Scene {
    pub async fn new(prefix: &str) -> Self {
        let cluster = Cluster::offered().await.unwrap();
        let namespace = cluster.fresh_namespace(prefix).await.unwrap();
        Self {
            agent: Agent::new(&cluster, &namespace, AGENT),
            cluster,
            namespace,
        }
    }

    /// Starts the agent.
    pub async fn starts(&self, replicas: u32, judgement: Judgement) {
        let images = AgentImages::offered().unwrap();
        self.agent.start(&images.first, replicas, judgement).await.unwrap();
    }

    /// Objects of the namespace, as an admin.
    pub fn all<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned,
    {
        Api::namespaced(self.cluster.client.clone(), &self.namespace)
    }

    /// The alerts as somebody sees them who has this role here.
    pub async fn alerts_of(&self, person: &str, role: &str) -> Api<DriftAlert> {
        let binding: RoleBinding = serde_json::from_value(json!({
            "metadata": {"name": format!("{person}-{role}")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": person}]
        }))
        .unwrap();
        self.all().create(&PostParams::default(), &binding).await.unwrap();
        let client = self.cluster.impersonate(person, &["system:authenticated"]).unwrap();
        let alerts: Api<DriftAlert> = Api::namespaced(client, &self.namespace);
        // The API server learns of a binding a moment after it was made.
        until("the role to be in force", SOON, async || {
            alerts.list(&ListParams::default().limit(1)).await?;
            Ok(())
        })
        .await
        .unwrap();
        alerts
    }

    /// Applies an approval of the agent as Git would: server-side, again and again.
    pub async fn applies(&self, name: &str, spec: &Value) -> Result<String> {
        let mut spec = spec.clone();
        spec["workload"] = json!({"kind": "Deployment", "name": AGENT});
        let object = json!({
            "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "BehaviorApproval", "metadata": {"name": name}, "spec": spec
        });
        let api: Api<anchorwatch_crds::v1alpha1::BehaviorApproval> = self.all();
        let applied = api
            .patch(name, &PatchParams::apply("git").force(), &Patch::Apply(&object))
            .await?;
        applied.metadata.resource_version.context("it has no version")
    }

    /// Waits until something holds of the findings about an executable.
    pub async fn finding(&self, executable: &str, holds: impl Fn(&Finding) -> bool) -> (String, Finding) {
        let what = format!("a finding about {executable}");
        until(&what, SOON, async || {
            let found = self.findings(executable).await?;
            let told: Vec<_> = found
                .iter()
                .map(|(_, finding)| (&finding.rule, finding.state))
                .collect();
            let fits = found.iter().find(|(_, finding)| holds(finding));
            fits.cloned().with_context(|| format!("there are {told:?}"))
        })
        .await
        .unwrap()
    }

    /// The findings of processes of an executable, with the names of their alerts.
    pub async fn findings(&self, executable: &str) -> Result<Vec<(String, Finding)>> {
        let alerts: Api<DriftAlert> = self.all();
        let alerts = alerts.list(&ListParams::default()).await?;
        let findings = alerts.items.into_iter().flat_map(|alert| {
            let name = alert.metadata.name.unwrap_or_default();
            let findings = alert.status.map(|status| status.findings).unwrap_or_default();
            findings.into_iter().map(move |finding| (name.clone(), finding))
        });
        let is_about = |finding: &Finding| {
            let process = finding.behavior.process.as_ref();
            process.is_some_and(|process| process.executable.ends_with(executable))
        };
        Ok(findings.filter(|(_, finding)| is_about(finding)).collect())
    }

    /// The states of these findings.
    pub async fn states(&self, executable: &str) -> Vec<AlertState> {
        let found = self.findings(executable).await.unwrap();
        found.into_iter().map(|(_, finding)| finding.state).collect()
    }

    /// Names of the agent's pods.
    pub async fn pod_names(&self) -> Vec<String> {
        let pods = self.agent.pods().await.unwrap();
        pods.into_iter().filter_map(|pod| pod.metadata.name).collect()
    }

    /// A person who reviews decides about a finding.
    pub async fn decides(&self, person: &str, what: &str, alert: &str, finding: &Finding) {
        let alerts = self.alerts_of(person, "anchorwatch-review").await;
        let decision = decision(&finding.id, what, person, None);
        alerts.patch(alert, &PatchParams::default(), &decision).await.unwrap();
    }

    /// Another pod of the agent than this one runs a command.
    pub async fn another_runs(&self, pod: &str, command: &[&str]) {
        let names = self.pod_names().await;
        let other = names.into_iter().find(|name| name != pod).unwrap();
        self.agent.ask_pod(&other, command).await.unwrap();
    }

    /// Waits until the baseline holds an entry of an executable of which something is true.
    pub async fn entry(&self, executable: &str, holds: impl Fn(&BaselineEntry) -> bool) -> BaselineEntry {
        until(&format!("an entry of {executable}"), SOON, async || {
            let entries = self.entries(executable).await?;
            let told: Vec<_> = entries.iter().map(|entry| (entry.state, entry.count)).collect();
            let fits = entries.iter().find(|entry| holds(entry));
            fits.cloned().with_context(|| format!("there are {told:?}"))
        })
        .await
        .unwrap()
    }

    /// What the baseline holds of an executable.
    pub async fn entries(&self, executable: &str) -> Result<Vec<BaselineEntry>> {
        let baselines: Api<BehaviorBaseline> = self.all();
        let baseline = baselines.get(&format!("deployment-{AGENT}")).await?;
        let status = baseline.status.context("it has no status")?;
        let feeds = status.containers.into_iter().flat_map(|container| container.feeds);
        let entries = feeds.flat_map(|feed| feed.entries).filter(|entry| {
            let process = entry.behavior.process.as_ref();
            process.is_some_and(|process| process.executable.ends_with(executable))
        });
        Ok(entries.collect())
    }

    /// Waits until the agent's everyday helper is learned.
    pub async fn learned(&self) {
        self.entry("/date", |entry| entry.state == EntryState::Learned).await;
    }

    /// Waits until the baseline judges.
    pub async fn judged(&self) {
        until("the baseline to judge", SOON, async || self.agent.is_judged().await)
            .await
            .unwrap();
    }

    /// The condition `Accepted` of an approval.
    pub async fn accepted(&self, name: &str, expected: (&str, &str)) {
        self.condition(name, "Accepted", expected).await;
    }

    /// A condition of an approval: its status and reason.
    pub async fn condition(&self, name: &str, type_: &str, expected: (&str, &str)) {
        until(
            &format!("{type_} of the approval {name} to be {expected:?}"),
            SOON,
            async || {
                let api: Api<anchorwatch_crds::v1alpha1::BehaviorApproval> = self.all();
                let status = api.get(name).await?.status.context("it has no status")?;
                let mut conditions = status.conditions.iter();
                let condition = conditions
                    .find(|condition| condition.type_ == type_)
                    .context("it has no such condition")?;
                let said = (condition.status.as_str(), condition.reason.as_str());
                ensure!(said == expected, "it is {said:?}: {}", condition.message);
                Ok(())
            },
        )
        .await
        .unwrap();
    }

    pub async fn ends(self) {
        self.cluster.delete_namespace(&self.namespace).await.unwrap();
    }
}

/// A patch by which somebody decides about a finding, on a version of the alert or whatever it is.
pub fn decision(finding: &str, decision: &str, by: &str, version: Option<&str>) -> Patch<Value> {
    let disposition = json!({"decision": decision, "reason": "tried by a test", "decidedBy": by});
    let mut patch = json!({"spec": {"dispositions": {finding: disposition}}});
    if let Some(version) = version {
        patch["metadata"] = json!({"resourceVersion": version});
    }
    Patch::Merge(patch)
}
