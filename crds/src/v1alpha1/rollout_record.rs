//! Deployment evidence: what was rolled out, when, and which digests really run.
//!
//! No field of a specification has a default in the schema: the API server would fill it in, and the record would no longer
//! be what was sealed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::WorkloadReference;

/// Evidence of one revision of a workload, written once all template containers of a first pod report their digests.
/// It can't be changed, and it is a link of a chain: its hash covers the record before it, and is signed by the operator.
/// `kubectl drift verify` checks that.
#[derive(CustomResource, KubeSchema, Clone, Debug, Deserialize, PartialEq, Serialize)]
#[kube(
    group = "anchorwatch.dev",
    version = "v1alpha1",
    kind = "RolloutRecord",
    plural = "rolloutrecords",
    namespaced,
    status = "RolloutRecordStatus",
    derive = "PartialEq",
    shortname = "rr",
    category = "drift",
    validation = Rule::new("self.spec == oldSelf.spec").message("a RolloutRecord is evidence: its spec can't be changed"),
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.workload.kind"),
    printcolumn(name = "Workload", type_ = "string", json_path = ".spec.workload.name"),
    printcolumn(name = "Revision", type_ = "integer", json_path = ".spec.revision"),
    printcolumn(name = "What", type_ = "string", json_path = ".spec.action"),
    printcolumn(name = "Digest", type_ = "string", json_path = ".spec.containers[0].digest"),
    printcolumn(name = "Announced by", type_ = "string", json_path = ".spec.announced.by", priority = 1),
    printcolumn(name = "Started", type_ = "date", json_path = ".spec.startedAt"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct RolloutRecordSpec {
    /// What the record is evidence of: `Revision` where it is absent.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub record_type: Option<RecordType>,
    /// The workload, in the record's namespace.
    pub workload: WorkloadReference,
    /// UID of the workload.
    #[schemars(length(min = 1, max = 36))]
    pub workload_uid: String,
    /// Revision number: it rises with each rollout, rollbacks included. Of a CronJob or Job, the generation of its object.
    #[schemars(range(min = 1))]
    pub revision: i64,
    /// Hash of the pod template, or the name of the object that holds the revision.
    #[schemars(length(min = 1, max = 253))]
    pub template_hash: String,
    /// What the containers run: those of the template or, of a `Digest`, those that it adds. Of a `Checkpoint`, none.
    #[schemars(length(max = 64))]
    pub containers: Vec<RecordedContainer>,
    /// The pod whose status the digests were read from.
    #[schemars(length(max = 253))]
    pub witness: String,
    /// When the rollout started: when the revision's ReplicaSet or ControllerRevision was made or, for a rollback to an
    /// older one, when its first pod was made. Of a `Digest`, when the pod that told of it was made.
    pub started_at: Time,
    /// When the record was written, by the operator's clock.
    pub recorded_at: Time,
    /// What the annotation `kubernetes.io/change-cause` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub change_cause: Option<String>,
    /// What the revision is, compared with the one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<RolloutAction>,
    /// What the template changed against the revision before it, by names, never by values. Absent where that one's
    /// template is not known any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub changes: Option<Vec<TemplateChange>>,
    /// Who changed the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<RolloutActor>,
    /// The revision of the sources, where an annotation of the workload tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_revision: Option<GitRevision>,
    /// The RolloutIntent that announced the rollout before it started, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<Announcement>,
    /// Of a `Digest`: the record of the revision that it adds to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub of_record: Option<String>,
    /// Of a `Checkpoint`: which records were pruned after their retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<PrunedRecords>,
    /// The record's place in the workload's chain of records, its hash and its signature. Records that lack it were
    /// written by a version that did not sign, and explain nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<ChainLink>,
}

/// What a record is evidence of.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum RecordType {
    /// A revision that was rolled out.
    Revision,
    /// Further digests that pods of a revision run: of a tag that was pushed again, of another platform, or of a container
    /// that the template lacks.
    Digest,
    /// Older records were pruned after their retention.
    Checkpoint,
}

/// What a revision is, compared with the one before it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum RolloutAction {
    /// The first revision that is recorded of the workload.
    First,
    /// Another image runs.
    Update,
    /// The same images, differently configured.
    Reconfigure,
    /// The same images, and nothing of the template changed that a container sees: `kubectl rollout restart`.
    Restart,
    /// An older template, again.
    Rollback,
}

/// One thing that a template changed.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateChange {
    /// The container; absent where it is of the pod as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub container: Option<String>,
    /// What changed.
    pub field: TemplateField,
    /// Names of what changed, where it has names: of environment variables, of volumes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub names: Vec<String>,
}

/// A part of a pod template that a container sees.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub enum TemplateField {
    /// The container is new.
    Added,
    /// The container is gone.
    Removed,
    /// The image.
    Image,
    /// The command.
    Command,
    /// The arguments.
    Args,
    /// Environment variables.
    Environment,
    /// Volumes, or where they are mounted.
    Volumes,
    /// The security context.
    SecurityContext,
    /// The ServiceAccount.
    ServiceAccount,
    /// Namespaces that are shared with the node: its network, its processes.
    HostNamespaces,
}

/// Who changed a template.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutActor {
    /// The field manager that the API server noted: the name that the client claims.
    #[schemars(length(max = 128))]
    pub manager: String,
    /// True where an admission policy of ours ties that name to who may use it.
    pub verified: bool,
}

/// Who announced a rollout before it started.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// Name of the RolloutIntent.
    #[schemars(length(max = 253))]
    pub intent: String,
    /// UID of the RolloutIntent.
    #[schemars(length(max = 36))]
    pub uid: String,
    /// Who wrote it, as admission holds it to the requester.
    #[schemars(length(max = 253))]
    pub by: String,
    /// The containers whose digests it named.
    #[schemars(length(max = 64))]
    pub containers: Vec<String>,
}

/// The revision of the sources.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GitRevision {
    /// What the annotation or label says.
    #[schemars(length(max = 256))]
    pub revision: String,
    /// Its name.
    #[schemars(length(max = 317))]
    pub annotation: String,
}

/// Which records were pruned.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrunedRecords {
    /// Every record up to this number of the chain.
    #[schemars(range(min = 1))]
    pub through: i64,
    /// Hash of the last of them.
    #[schemars(length(min = 64, max = 64))]
    pub hash: String,
}

/// A record's place in its chain.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainLink {
    /// The canonical form that the hash is of: 1.
    #[schemars(range(min = 1))]
    pub form: i32,
    /// Number in the workload's chain, from 1 on without a gap.
    #[schemars(range(min = 1))]
    pub sequence: i64,
    /// Hash of the record before it; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 64, max = 64))]
    pub previous: Option<String>,
    /// Id of the key that signed it.
    #[schemars(length(min = 32, max = 32))]
    pub key: String,
    /// SHA-256 of the record in its canonical form.
    #[schemars(length(min = 64, max = 64))]
    pub hash: String,
    /// Ed25519 signature over the hash.
    #[schemars(length(min = 128, max = 128))]
    pub signature: String,
}

/// What a container of a revision runs.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedContainer {
    /// Name of the container.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// True for an init container.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub init: bool,
    /// The image that the template names.
    pub image: String,
    /// The digest that runs, `sha256:…`, from the pod's status.
    #[schemars(length(min = 1, max = 128))]
    pub digest: String,
    /// The digest that the template's image names, where it names one: often that of an index of several platforms, of
    /// which `digest` is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub pinned: Option<String>,
    /// True for a container that the template lacks: something put it into the pod.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub injected: bool,
    /// Other digests of the same image, as the witness's node told when this was recorded: that of an index of several
    /// platforms, or of one platform's part. By them pods on different platforms are known to run one image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 128)))]
    pub also: Vec<String>,
    /// The platform of the witness's node, where its runtime may tell the digest of a platform's part of an image. Absent
    /// where it always tells the digest of what the reference named, as containerd does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub platform: Option<String>,
}

/// What the operator says of a record.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutRecordStatus {
    /// How far the rollout is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<RolloutProgress>,
    /// When the first pod of the revision was ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ready_at: Option<Time>,
    /// When it was rolled back: when an older template was rolled out again, or an Argo Rollout was aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back_at: Option<Time>,
    /// When the rollout was complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// What the intent that announced the rollout expected, and what was seen of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announcement: Option<AnnouncementOutcome>,
    /// Conditions of the record.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// What was announced, and what then happened.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnnouncementOutcome {
    /// What was expected and is seen, at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub seen: Vec<String>,
    /// What was expected and is not seen so far, at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub not_seen: Vec<String>,
    /// What the rollout brought, or may have brought, and nobody expected, at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub unexpected: Vec<String>,
}

/// How far a rollout is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum RolloutProgress {
    /// Pods of it come, or those of another revision go.
    Progressing,
    /// Somebody paused it.
    Paused,
    /// Every wanted pod is of it and available.
    Complete,
    /// Another revision took its place.
    Superseded,
    /// An older template was rolled out again, or it was an Argo Rollout and aborted: pods of the revision before run.
    RolledBack,
}
