//! What was learned of a workload. The operator's alone.

mod candidate;
mod entry;
mod inherited;
mod window;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    FeedName, WorkloadReference, lenient,
    name::{DNS_LABEL, DNS_SUBDOMAIN},
};

pub use candidate::CandidateCommand;
pub use entry::{BaselineEntry, EntryPast, EntryState, PodSighting};
pub use inherited::InheritedFrom;
pub use window::LearningWindow;

/// What Anchorwatch learned of a workload, container by container and feed by feed. Written by the operator alone;
/// what people decide goes into a BehaviorApproval.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[kube(
    group = "anchorwatch.dev",
    version = "v1alpha1",
    kind = "BehaviorBaseline",
    plural = "behaviorbaselines",
    namespaced,
    status = "BehaviorBaselineStatus",
    derive = "PartialEq",
    shortname = "bb",
    category = "drift",
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.workload.kind"),
    printcolumn(name = "Workload", type_ = "string", json_path = ".spec.workload.name"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "New/Week", type_ = "number", json_path = ".status.expectedNewPerWeek"),
    printcolumn(name = "Learned", type_ = "integer", json_path = ".status.learned"),
    printcolumn(name = "Quarantined", type_ = "integer", json_path = ".status.quarantined"),
    printcolumn(name = "Hours", type_ = "integer", json_path = ".status.hoursObserved"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        priority = 1
    ),
    printcolumn(name = "Dormant", type_ = "integer", json_path = ".status.dormant", priority = 1),
    printcolumn(
        name = "Candidates",
        type_ = "integer",
        json_path = ".status.candidates",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct BehaviorBaselineSpec {
    /// The workload, in the baseline's namespace.
    pub workload: WorkloadReference,
}

/// What was learned, and how complete it is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BehaviorBaselineStatus {
    /// The least mature state of its containers and feeds.
    #[serde(default, deserialize_with = "lenient::state")]
    pub state: BaselineState,
    /// New behaviours that are expected in a week, over all containers and feeds; absent while that can't be told of one
    /// that observes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_new_per_week: Option<f64>,
    /// Number of learned entries.
    #[serde(default)]
    pub learned: i32,
    /// Number of entries that people accepted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub accepted: i32,
    /// Number of quarantined entries: raised, and not learned.
    #[serde(default)]
    pub quarantined: i32,
    /// Number of behaviours that were known and fell out of the window.
    #[serde(default)]
    pub dormant: i32,
    /// Number of command lines that were judged usual and are not learned yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub candidates: i32,
    /// Wall-clock hours in which at least one pod was observed.
    #[serde(default)]
    pub hours_observed: i64,
    /// What was learned, container by container.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub containers: Vec<ContainerBaseline>,
    /// Number of behaviours of containers that no longer found room.
    #[serde(default)]
    pub overflowed: i64,
    /// Revisions whose pods were observed, at most the last eight: entries say which of them showed what, and
    /// `kubectl drift diff` what one changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub revisions: Vec<ObservedRevision>,
    /// Workloads whose learned behaviour was taken over, once each, as a BehaviorApproval's `inheritFrom` asked. What of it
    /// was not seen here yet says `past: Inherited`.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub inherited: Vec<InheritedFrom>,
    /// The window that it ages by: the policy's, or the longer one before it for a day after that was made shorter.
    #[serde(
        default,
        deserialize_with = "lenient::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub window: Option<LearningWindow>,
    /// Labels of the youngest pod when this was last written, at most 64: they tell which policy holds for the workload
    /// when no pod of it is there any more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub pod_labels: BTreeMap<String, String>,
    /// API version of the workload's object, as its pods name it, such as `apps/v1`: by it the operator asks whether the
    /// workload is still there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 317))]
    pub api_version: String,
    /// Since when the workload is gone, as far as the operator looked. After the policy's window, or after its
    /// `alerts.retention` where something is quarantined and that is longer, the baseline is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_since: Option<Time>,
    /// Batches merged into this object and not yet seen acknowledged in their SensorReport: merging one of them again
    /// changes nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16384))]
    pub merged_batches: Vec<MergedBatch>,
    /// `Ready`: every feed judges. `Generalised`: room ran short, and entries stand for many. `Truncated`: even so
    /// something found no room. `LossObserved`: a sensor lost events, or was not
    /// running, within the policy's window.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// How complete a baseline is, the least complete first.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub enum BaselineState {
    /// Raises only what needs no baseline.
    #[default]
    Learning,
    /// Raises novelty one severity lower, into the queue.
    Provisional,
    /// Raises all.
    Enforcing,
}

/// A container of the workload.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerBaseline {
    /// Name of the container in the pod's specification.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub name: String,
    /// When its first process was last seen to start, in any pod. What was last seen then is remembered as long as the
    /// container runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Time>,
    /// What was learned, feed by feed.
    #[serde(deserialize_with = "lenient::list")]
    #[schemars(length(max = 3))]
    pub feeds: Vec<FeedBaseline>,
}

/// A feed of a container.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedBaseline {
    /// The feed.
    pub feed: FeedName,
    /// How complete it is.
    #[serde(deserialize_with = "lenient::state")]
    pub state: BaselineState,
    /// When the first observation was merged.
    pub started_at: Time,
    /// Wall-clock hours in which at least one pod was observed.
    #[serde(default)]
    pub hours_observed: i64,
    /// The newest of the hours that were counted, at most 42 days of them: an hour that two nodes report is counted once.
    #[serde(default, skip_serializing_if = "HourMarks::is_empty")]
    pub observed: HourMarks,
    /// Hours of the last 42 days in which sensors lost something of it.
    #[serde(default, skip_serializing_if = "HourMarks::is_empty")]
    pub lossy: HourMarks,
    /// New behaviours that are expected in a week: after what was seen in exactly one hour, or what was new in the last half
    /// of a week, whichever is more. Absent while too little was observed to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_new_per_week: Option<f64>,
    /// In nine weeks of ten no more than this many are new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most_new_per_week: Option<i64>,
    /// Of the process feed: what its learned commands suffice to tell of new ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<CommandStanding>,
    /// What was lost, since the baseline began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub losses: Vec<BaselineLoss>,
    /// Number of behaviours that no longer found room.
    #[serde(default)]
    pub overflowed: i64,
    /// What was new on the last day on which not all of that found room: no entry tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
    /// Where room ran short: how many siblings are told apart. More of a kind than that are one entry, which says
    /// `generalised`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 255))]
    pub apart: Option<i32>,
    /// What was seen.
    #[serde(default, deserialize_with = "lenient::list")]
    #[schemars(length(max = 2048))]
    pub entries: Vec<BaselineEntry>,
    /// What was known until it fell out of the window, and is remembered for 35 days more, returned or not: its return is
    /// told of as that.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 192))]
    pub dormant: Vec<DormantBehavior>,
    /// Command lines of known programs that were judged usual, and are learned once they were seen on three days in half of
    /// the running pods. Until then they are no measure of others.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub candidates: Vec<CandidateCommand>,
    /// Of the process feed: a sample of the command lines that ran, by which is told how often they are new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled_commands: Option<SampledCommands>,
}

/// When the command lines of a sample were first and last run.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SampledCommands {
    /// Lines whose hashes are above this are not sampled.
    #[serde(default)]
    #[schemars(range(min = 0, max = 4_294_967_295_i64))]
    pub bound: i64,
    /// Of each line its hash, the first and the last day since 1970-01-01, in 8, 5 and 5 hexadecimal digits.
    #[serde(default)]
    #[schemars(length(max = 1152))]
    pub lines: String,
}

/// What the learned commands of a container suffice to tell of new ones.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandStanding {
    /// Number of learned commands.
    #[serde(default)]
    pub learned: i64,
    /// False where they are too few to tell a command as improbable as the policy's tolerance asks for: unusual commands
    /// are raised at Info only.
    #[serde(default)]
    pub scorable: bool,
    /// What is at most as probable is raised, in millionths.
    #[serde(default)]
    pub alpha_millionths: i64,
    /// Unusual commands that chance is expected to raise in a hundred weeks; absent while too little was observed to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_in_hundred_weeks: Option<i64>,
    /// Number of unusual commands that are quarantined.
    #[serde(default)]
    pub raised: i64,
}

/// A revision whose pods were observed.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedRevision {
    /// Hash of the revision's template, as its RolloutRecords have it.
    #[schemars(length(min = 1, max = 63))]
    pub template_hash: String,
    /// Hours in which a pod of it was observed, at most 42 days of them.
    #[serde(default, skip_serializing_if = "HourMarks::is_empty")]
    pub observed: HourMarks,
}

/// Hours, one bit each.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HourMarks {
    /// The newest, in hours since 1970-01-01T00:00Z.
    #[serde(default)]
    pub last: i64,
    /// A hexadecimal number, one bit an hour: bit 0 is `last`, bit 1 the hour before, and so on.
    #[serde(default)]
    #[schemars(length(max = 252))]
    pub bits: String,
}

impl HourMarks {
    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.bits.is_empty()
    }
}

/// A behaviour that was known and fell out of the window.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DormantBehavior {
    /// Identity of the behaviour, 32 hexadecimal digits.
    #[schemars(length(max = 32))]
    pub id: String,
    /// The hour in which it was first seen, in hours since 1970-01-01T00:00Z.
    #[serde(default)]
    pub first_hour: i64,
    /// The last day on which it was seen, in days since 1970-01-01.
    pub last_day: i64,
    /// Whether it was seen in exactly one hour.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
}

/// Events that sensors could not deliver.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BaselineLoss {
    /// Where they were lost.
    #[schemars(length(min = 1, max = 63))]
    pub reason: String,
    /// How many, or how often.
    pub count: i64,
    /// When the last of them was reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
}

/// What was new and found no room.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// How often something was reported that found no room.
    pub count: i64,
    /// When the first of it was seen.
    pub first_seen: Time,
    /// When the last of it was seen.
    pub last_seen: Time,
    /// A few of the pods that showed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub shown_by: Vec<PodSighting>,
}

/// A batch of a sensor that was merged.
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MergedBatch {
    /// The sensor's node.
    #[schemars(length(max = 253), regex(pattern = DNS_SUBDOMAIN))]
    pub node: String,
    /// The epoch of its outbox.
    #[schemars(length(max = 32))]
    pub epoch: String,
    /// The number of the batch.
    pub seq: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_zero(number: &i32) -> bool {
    *number == 0
}
