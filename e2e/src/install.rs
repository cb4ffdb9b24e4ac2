//! Anchorwatch as it is installed: its operator and its sensors, and switching a test switch of theirs.

use std::env;
use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::Cluster;
use crate::wait::until;

/// Namespace of the release, where it is not the usual one.
const NAMESPACE: &str = "ANCHORWATCH_E2E_NAMESPACE";
/// An old pod ends and a new one becomes ready meanwhile; a lease may have to run out.
const RESTART_CEILING: Duration = Duration::from_mins(1);

/// A part of Anchorwatch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Component {
    /// The Deployment.
    Operator,
    /// The DaemonSet.
    Sensor,
}

impl Component {
    /// Its name, which is also its container's.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Sensor => "sensor",
        }
    }
}

/// What is waited for after a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Goal {
    /// Every pod is new and says that it is ready.
    Ready,
    /// Every pod is new and runs: what lacks a part may never be ready.
    Running,
}

/// The release.
#[derive(Clone, Debug)]
pub struct Install {
    cluster: Cluster,
    /// Where it lives.
    pub namespace: String,
}

impl Install {
    /// The release in a cluster.
    pub fn of(cluster: &Cluster) -> Self {
        let namespace = env::var(NAMESPACE).unwrap_or_else(|_| "anchorwatch-system".into());
        Self {
            cluster: cluster.clone(),
            namespace,
        }
    }

    /// User name of a component's service account.
    pub fn user(&self, component: Component) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.object(component))
    }

    /// Name of a component's service account and of its Deployment or DaemonSet.
    pub fn object(&self, component: Component) -> String {
        format!("anchorwatch-{}", component.name())
    }

    /// Pods of a component that are not about to end.
    pub async fn pods(&self, component: Component) -> Result<Vec<Pod>> {
        let pods: Api<Pod> = Api::namespaced(self.cluster.client.clone(), &self.namespace);
        let label = format!(
            "app.kubernetes.io/name=anchorwatch,app.kubernetes.io/component={}",
            component.name()
        );
        let found = pods.list(&ListParams::default().labels(&label)).await?;
        Ok(found
            .items
            .into_iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .collect())
    }

    /// What the operator's `/metrics` says.
    pub async fn metrics(&self) -> Result<String> {
        let pods = self.pods(Component::Operator).await?;
        let name = pods
            .first()
            .and_then(|pod| pod.metadata.name.clone())
            .unwrap_or_default();
        let path = format!("/api/v1/namespaces/{}/pods/{name}:8080/proxy/metrics", self.namespace);
        let request = http::Request::get(path).body(Vec::new())?;
        Ok(self.cluster.client.request_text(request).await?)
    }

    /// How often the containers of a component's pods were started again.
    pub async fn restarts(&self, component: Component) -> Result<i32> {
        let pods = self.pods(component).await?;
        let statuses = pods
            .iter()
            .filter_map(|pod| pod.status.as_ref()?.container_statuses.as_ref())
            .flatten();
        Ok(statuses.map(|status| status.restart_count).sum())
    }

    /// Gives a component environment variables, on top of its chart's, and waits until it runs with them. A file that
    /// one of them names may lie in the folder `/scratch`, which outlives a container.
    pub async fn set(&self, component: Component, variables: &[(&str, &str)], goal: Goal) -> Result<()> {
        let environment: Vec<Value> = variables
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        self.patch(component, &patch(component, &environment, true), goal).await
    }

    /// Takes environment variables away again, and waits until the component runs without.
    pub async fn unset(&self, component: Component, variables: &[&str]) -> Result<()> {
        let removal: Vec<Value> = variables
            .iter()
            .map(|name| json!({"name": name, "$patch": "delete"}))
            .collect();
        self.patch(component, &patch(component, &removal, false), Goal::Ready)
            .await
    }

    /// Waits until a component runs as its specification says.
    pub async fn reached(&self, component: Component, goal: Goal) -> Result<()> {
        until(&format!("the {}", component.name()), RESTART_CEILING, async || {
            let (updated, ready, wanted) = self.counts(component).await?;
            let pods = self.pods(component).await?;
            let running = pods.iter().filter(|pod| is_running(pod)).count();
            ensure!(updated == wanted, "{updated} of {wanted} pods are updated");
            ensure!(i32::try_from(pods.len())? == wanted, "old pods did not end yet");
            match goal {
                Goal::Ready => ensure!(ready == wanted, "{ready} of {wanted} pods are ready"),
                Goal::Running => ensure!(running == pods.len(), "{running} of {wanted} pods run"),
            }
            Ok(())
        })
        .await
    }

    async fn patch(&self, component: Component, patch: &Value, goal: Goal) -> Result<()> {
        let name = self.object(component);
        let (parameters, patch) = (PatchParams::default(), Patch::Strategic(patch));
        match component {
            Component::Operator => drop(self.operator().patch(&name, &parameters, &patch).await?),
            Component::Sensor => drop(self.sensor().patch(&name, &parameters, &patch).await?),
        }
        self.reached(component, goal).await
    }

    /// How many pods are updated, how many ready, how many wanted.
    async fn counts(&self, component: Component) -> Result<(i32, i32, i32)> {
        let name = self.object(component);
        let (counts, observed, generation) = match component {
            Component::Operator => {
                let object = self.operator().get(&name).await?;
                let status = object.status.unwrap_or_default();
                let wanted = object.spec.and_then(|spec| spec.replicas).unwrap_or(1);
                let (updated, ready) = (status.updated_replicas, status.ready_replicas);
                (
                    (updated, ready, wanted),
                    status.observed_generation,
                    object.metadata.generation,
                )
            }
            Component::Sensor => {
                let object = self.sensor().get(&name).await?;
                let status = object.status.unwrap_or_default();
                let (updated, ready) = (status.updated_number_scheduled, Some(status.number_ready));
                let counts = (updated, ready, status.desired_number_scheduled);
                (counts, status.observed_generation, object.metadata.generation)
            }
        };
        ensure!(observed >= generation, "the change is not seen yet");
        let (updated, ready, wanted) = counts;
        ensure!(wanted > 0, "no pod is wanted");
        Ok((updated.unwrap_or_default(), ready.unwrap_or_default(), wanted))
    }

    fn operator(&self) -> Api<Deployment> {
        Api::namespaced(self.cluster.client.clone(), &self.namespace)
    }

    fn sensor(&self) -> Api<DaemonSet> {
        Api::namespaced(self.cluster.client.clone(), &self.namespace)
    }
}

fn is_running(pod: &Pod) -> bool {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref());
    statuses.is_some_and(|all| !all.is_empty() && all.iter().all(|status| status.started == Some(true)))
}

/// Adds the variables and what they need to a component's pods, or takes both away.
fn patch(component: Component, environment: &[Value], switched: bool) -> Value {
    let (volume, mount) = if switched {
        (
            json!({"name": "scratch", "emptyDir": {}}),
            json!({"name": "scratch", "mountPath": "/scratch"}),
        )
    } else {
        (
            json!({"name": "scratch", "$patch": "delete"}),
            json!({"mountPath": "/scratch", "$patch": "delete"}),
        )
    };
    let container = json!({"name": component.name(), "env": environment, "volumeMounts": [mount]});
    let mut pod = json!({"volumes": [volume], "containers": [container]});
    if component == Component::Operator {
        // The first process of a namespace can't kill itself. The sensor sees the node's processes, and is not first.
        pod["shareProcessNamespace"] = if switched { json!(true) } else { Value::Null };
    }
    json!({"spec": {"template": {"spec": pod}}})
}
