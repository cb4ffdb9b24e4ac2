//! A container of a pod, or what stands for one on a host.

use anchorwatch_core::id::WorkloadKey;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::attribute::probe::Command;
use crate::names::resolvers::PodDns;

/// A pod, as much of it as a report names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PodIdentity {
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

/// A container of a pod over its restarts: `<pod uid>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerKey(Arc<str>);

impl ContainerKey {
    pub fn new(pod_uid: &str, container: &str) -> Self {
        Self(format!("{pod_uid}/{container}").into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A container of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub key: ContainerKey,
    pub pod: Arc<PodIdentity>,
    /// In the pod's specification.
    pub name: String,
    /// With the runtime's name, as in the pod's status: `containerd://…`.
    pub id: String,
    /// Commands of its probes and hooks.
    pub commands: Vec<Command>,
    /// Whose answers name its destinations.
    pub dns: Arc<PodDns>,
    /// As recordings and a host's alerts name it.
    pub workload: Arc<WorkloadKey>,
    /// Of its pod: what policies select by.
    pub labels: Arc<BTreeMap<String, String>>,
    pub setting: Setting,
}

/// What a container is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Pod,
    /// A pod that was running when somebody put it there (an ephemeral container, as of `kubectl debug`): a visit, whatever
    /// it does.
    Visit,
    /// Nothing: it is a host's, and its runtime's id is all that is known of it.
    Alone,
    /// A unit of a host's systemd, which shares the host's mounts: no container at all.
    Unit,
}

impl Container {
    /// A container of a pod of its own.
    pub fn new(pod: Arc<PodIdentity>, name: String, id: String, commands: Vec<Command>) -> Self {
        Self {
            key: ContainerKey::new(&pod.uid, &name),
            workload: Arc::new(WorkloadKey::new(&pod.namespace, "Pod", &pod.name)),
            pod,
            name,
            id,
            commands,
            dns: Arc::default(),
            labels: Arc::default(),
            setting: Setting::Pod,
        }
    }

    /// The node itself, outside of every container: a pod without a name.
    pub fn of_node() -> Self {
        let nobody = PodIdentity {
            namespace: String::new(),
            name: String::new(),
            uid: String::new(),
        };
        Self {
            workload: Arc::new(WorkloadKey::new("host", "Node", "node")),
            setting: Setting::Unit,
            ..Self::new(Arc::new(nobody), "node".to_owned(), String::new(), Vec::new())
        }
    }

    /// The same, of a pod that asks these resolvers.
    #[must_use]
    pub fn asking(mut self, dns: Arc<PodDns>) -> Self {
        self.dns = dns;
        self
    }

    /// The same, as part of this.
    #[must_use]
    pub fn within(mut self, setting: Setting) -> Self {
        self.setting = setting;
        self
    }

    /// The same, of a pod with these labels.
    #[must_use]
    pub fn labelled(mut self, labels: Arc<BTreeMap<String, String>>) -> Self {
        self.labels = labels;
        self
    }

    /// The same, of a pod that belongs to this workload.
    #[must_use]
    pub fn of(mut self, workload: Arc<WorkloadKey>) -> Self {
        self.workload = workload;
        self
    }
}
