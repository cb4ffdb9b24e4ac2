//! One behaviour of a baseline.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_zero;
use crate::v1alpha1::{Behavior, BehaviorAttributes, CommandScore};

/// What an entry is good for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub enum EntryState {
    /// Normal.
    #[default]
    Learned,
    /// Normal because somebody said so in an alert: exactly this, and nothing near it.
    Accepted,
    /// Raised; normal only after somebody, or a matched rollout, says so.
    Quarantined,
}

/// What became of an entry on the way.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub enum EntryPast {
    /// It was learned before a denial raised it: it is learned again once nothing denies it.
    Denied,
    /// It was raised, and learned because it repeated harmlessly or a rollout brought it.
    Absorbed,
    /// It is learned within bounds, `startup` or one `node`, and raised beyond them; within them it stays known.
    Bounded,
    /// It was taken over from a workload named under `inherited`, and was not seen in this one yet: it lapses after the
    /// window unless it is.
    Inherited,
}

impl EntryState {
    /// Whether it is what is not written.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
    const fn is_learned(&self) -> bool {
        match self {
            Self::Learned => true,
            Self::Accepted | Self::Quarantined => false,
        }
    }
}

/// One behaviour that was seen.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct BaselineEntry {
    /// Where it is quarantined: identity of the behaviour, 32 hexadecimal digits, and the id of its finding.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32))]
    pub id: String,
    /// The behaviour, under the name of its feed.
    #[serde(flatten)]
    pub behavior: Behavior,
    /// What else was seen of it.
    #[serde(default, skip_serializing_if = "BehaviorAttributes::is_empty")]
    pub attributes: BehaviorAttributes,
    /// What the entry is good for: Learned where it is absent.
    #[serde(default, skip_serializing_if = "EntryState::is_learned")]
    pub state: EntryState,
    /// Rule that raised it, where it is quarantined, or had raised it, where it is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub rule: Option<String>,
    /// Executables that led to it, outermost first, its own last. Absent where they are the parent, where the behaviour
    /// names one, and the executable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub lineage: Option<Vec<String>>,
    /// How often it was seen.
    pub count: i64,
    /// When it was first seen.
    pub first_seen: Time,
    /// When it was last seen.
    pub last_seen: Time,
    /// The day of the newest bit in `days`, in days since 1970-01-01.
    pub last_day: i64,
    /// One bit a day on which it was seen: bit 0 is `lastDay`, bit 1 the day before, and so on.
    pub days: i64,
    /// Number of different pods that showed it (a lower bound once `shownBy` is full).
    pub pods: i32,
    /// Pods that showed it, where it is quarantined; at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub shown_by: Vec<PodSighting>,
    /// True where the API server knew none of the pods, or no room was left beside what it did know: never learned, and
    /// never explained by a rollout.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unverified: bool,
    /// True while it was only found (running, mapped or open) when a sensor started, and never seen to happen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub snapshot: bool,
    /// True where it was raised while the baseline was provisional.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provisional: bool,
    /// The node that reported it, while only one did although pods of the workload ran on others as well: it is known
    /// there alone. `*` where several did, or no other could have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub node: Option<String>,
    /// The revisions whose pods showed it, one bit each: bit 0 is the first of the baseline's `revisions`, bit 1 the second,
    /// and so on.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0, max = 255))]
    pub revisions: i32,
    /// True while it was only seen in the first minute of a container.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub startup: bool,
    /// What became of it on the way, where there is something to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past: Option<EntryPast>,
    /// Of an unusual command: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<CommandScore>,
    /// True where it stands for many behaviours of one kind, because room ran short: `<name>` for the files of a folder,
    /// `*.` for names below another one, a wide network for many, port 0 for any.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub generalised: bool,
}

/// A pod that showed a behaviour.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSighting {
    /// Name of the pod.
    #[schemars(length(max = 253))]
    pub pod: String,
    /// UID of the pod.
    #[schemars(length(max = 36))]
    pub uid: String,
    /// Node that reported it.
    #[schemars(length(max = 253))]
    pub node: String,
    /// Digest that the container runs, from the pod's status; absent until the status tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub digest: Option<String>,
    /// Template hash of the pod's revision, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub template_hash: Option<String>,
    /// When the pod first showed it.
    pub first_seen: Time,
}
