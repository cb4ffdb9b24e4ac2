//! A node's outbox: what its sensor saw for the first time.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Behavior, BehaviorAttributes, FeedName,
    name::{DNS_LABEL, DNS_SUBDOMAIN, UID},
};

/// The newest batch of a node's sensor, named after the node. The sensor replaces it once the operator has acknowledged
/// it, so that each batch is merged exactly once.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[kube(
    group = "anchorwatch.dev",
    version = "v1alpha1",
    kind = "SensorReport",
    plural = "sensorreports",
    status = "SensorReportStatus",
    derive = "PartialEq",
    shortname = "srep",
    category = "drift",
    validation = Rule::new("self.spec.epoch != oldSelf.spec.epoch || self.spec.seq != oldSelf.spec.seq || self.spec == oldSelf.spec").message("a batch can't be amended: send it unchanged until it is acknowledged"),
    validation = Rule::new("self.spec.epoch != oldSelf.spec.epoch || self.spec.seq == oldSelf.spec.seq || self.spec.seq == oldSelf.spec.seq + 1").message("spec.seq must follow the last batch's number without a gap"),
    validation = Rule::new("self.spec.epoch != oldSelf.spec.epoch || self.spec.seq == oldSelf.spec.seq || (has(oldSelf.status) && has(oldSelf.status.acknowledged) && oldSelf.status.acknowledged.epoch == oldSelf.spec.epoch && oldSelf.status.acknowledged.seq == oldSelf.spec.seq)").message("the last batch is not acknowledged yet: it can't be replaced"),
    validation = Rule::new("self.spec.epoch == oldSelf.spec.epoch || self.spec.seq == 1").message("a new epoch starts with spec.seq 1"),
    printcolumn(name = "Epoch", type_ = "string", json_path = ".spec.epoch", priority = 1),
    printcolumn(name = "Seq", type_ = "integer", json_path = ".spec.seq"),
    printcolumn(name = "Acknowledged", type_ = "integer", json_path = ".status.acknowledged.seq"),
    printcolumn(name = "Sent", type_ = "date", json_path = ".spec.sentAt"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct SensorReportSpec {
    /// UID of the Node object.
    #[schemars(length(min = 1, max = 36), regex(pattern = UID))]
    pub node_uid: String,
    /// Random identity of the node's outbox, 32 hexadecimal digits: a new one means that the node's disk was lost.
    #[schemars(length(min = 32, max = 32))]
    pub epoch: String,
    /// Number of the batch, from 1 without gaps.
    #[schemars(range(min = 1))]
    pub seq: i64,
    /// When the batch was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Time>,
    /// What was seen, container by container.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub containers: Vec<ReportedContainer>,
    /// What the node itself did, outside of every pod's containers: kernel modules that were loaded there. Its baseline
    /// and alerts are in the operator's namespace, of the workload `Node/<name>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub node_behaviors: Vec<ReportedBehavior>,
    /// What was lost since the last batch and may be anybody's on the node.
    #[serde(default)]
    #[schemars(length(max = 128))]
    pub losses: Vec<Loss>,
    /// What was lost since the last batch and is known to be one container's: the others lack nothing by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub container_losses: Vec<ContainerLosses>,
    /// What the sensor could attach.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub hooks: Vec<HookReport>,
}

/// A container and what it did.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedContainer {
    /// Its pod.
    pub pod: PodReference,
    /// Name of the container in the pod's specification.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub container: String,
    /// Runtime and id of the container, as the pod's status has it: `containerd://…`.
    #[schemars(length(max = 128))]
    pub container_id: String,
    /// Wall-clock hours in which the container was observed, in hours since 1970-01-01T00:00Z.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub hours: Vec<i64>,
    /// What it did: for the first time, or again since it was last reported.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub behaviors: Vec<ReportedBehavior>,
}

/// A pod as the sensor knows it. The operator believes only what the API server confirms.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodReference {
    /// Namespace of the pod.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub namespace: String,
    /// Name of the pod.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_SUBDOMAIN))]
    pub name: String,
    /// UID of the pod.
    #[schemars(length(min = 1, max = 36), regex(pattern = UID))]
    pub uid: String,
}

/// A behaviour, and how often it was seen since it was last reported.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedBehavior {
    /// The behaviour, under the name of its feed.
    #[serde(flatten)]
    pub behavior: Behavior,
    /// What else was seen of it. A command line is told when it is new, and once more on each later day on which it is
    /// seen; where there are more than one report holds, the behaviour is reported several times.
    #[serde(default, skip_serializing_if = "BehaviorAttributes::is_empty")]
    pub attributes: BehaviorAttributes,
    /// Executables that led to it, outermost first, its own last.
    #[serde(default)]
    #[schemars(length(max = 8))]
    pub lineage: Vec<String>,
    /// How often it was seen since it was last reported.
    #[schemars(range(min = 1))]
    pub count: i64,
    /// When it was first seen in this batch.
    pub first_seen: MicroTime,
    /// When it was last seen in this batch.
    pub last_seen: MicroTime,
    /// True where it was only found (running, mapped or open) when the sensor started: nobody saw it happen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub snapshot: bool,
    /// True where this pod was only ever seen to do it in the first minute of the container.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub startup: bool,
}

/// Events that a sensor could not deliver.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// The feed that lacks them.
    pub feed: FeedName,
    /// Where they were lost.
    #[schemars(length(min = 1, max = 63))]
    pub reason: String,
    /// How many.
    #[schemars(range(min = 0))]
    pub count: i64,
}

/// Events of one container that a sensor could not deliver.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerLosses {
    /// Its pod.
    pub pod: PodReference,
    /// Name of the container in the pod's specification; empty where it was one of the pod's, and which is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63))]
    pub container: String,
    /// What it lost.
    #[schemars(length(max = 64))]
    pub losses: Vec<Loss>,
}

/// A hook in the kernel, and whether the sensor could attach to it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HookReport {
    /// Name of the hook.
    #[schemars(length(max = 63))]
    pub name: String,
    /// The feed that it serves.
    pub feed: FeedName,
    /// `attached`; `fallback`, if another way than the best is in place; `unsupported`, if the kernel lacks it; or
    /// `failed`.
    #[schemars(length(max = 16))]
    pub state: String,
    /// Why the best way is not in place, and what is not seen as it is now.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 512))]
    pub reason: String,
}

/// What the operator did with the report.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SensorReportStatus {
    /// The last batch that was merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
    /// Number of behaviours, since the report was made, that named a pod of another node and were rejected.
    #[serde(default)]
    pub rejected: i64,
    /// Number of times that the node's outbox began anew.
    #[serde(default)]
    pub epochs: i64,
    /// Conditions of the node's feeds.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// A batch that was merged.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledgement {
    /// The epoch of the outbox.
    #[schemars(length(max = 32))]
    pub epoch: String,
    /// The number of the batch.
    pub seq: i64,
}
