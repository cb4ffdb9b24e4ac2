//! A behaviour of any feed as it travels, and what is known of it beside its key: one shape for reports, baselines and
//! alerts.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ModuleBehavior, NetworkBehavior, ProcessBehavior};

/// One behaviour: of its three fields exactly one is set, and its name is the feed's.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(has(self.process) ? 1 : 0) + (has(self.network) ? 1 : 0) + (has(self.module) ? 1 : 0) == 1").message("exactly one of process, network and module must be set: a behaviour is of one feed"))]
pub struct Behavior {
    /// An executed program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessBehavior>,
    /// A destination or a listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkBehavior>,
    /// A library mapped executable, or a kernel module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<ModuleBehavior>,
}

impl Behavior {
    /// Path, inside the container, of the executable that shows it; empty where no process does.
    pub fn executable(&self) -> &str {
        let process = self.process.as_ref().map(|process| process.executable.as_str());
        let network = || self.network.as_ref().map(|network| network.executable.as_str());
        let module = || self.module.as_ref().map(|module| module.executable.as_str());
        process.or_else(network).or_else(module).unwrap_or_default()
    }
}

impl From<ProcessBehavior> for Behavior {
    fn from(process: ProcessBehavior) -> Self {
        Self {
            process: Some(process),
            ..Self::default()
        }
    }
}

impl From<NetworkBehavior> for Behavior {
    fn from(network: NetworkBehavior) -> Self {
        Self {
            network: Some(network),
            ..Self::default()
        }
    }
}

impl From<ModuleBehavior> for Behavior {
    fn from(module: ModuleBehavior) -> Self {
        Self {
            module: Some(module),
            ..Self::default()
        }
    }
}

/// What is known of a behaviour beside its key. Each only grows as reports are joined.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BehaviorAttributes {
    /// Addresses that were reached; the least 16 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 45)))]
    pub addresses: Vec<String>,
    /// The most bytes that one connection sent, as told at its close; 0 where none was closed.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0))]
    pub bytes_sent: i64,
    /// Command lines, redacted on the node and then templated; the least 64 of what is learned, 8 of what is raised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 1024)))]
    pub commands: Vec<String>,
    /// Build id of a library, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub build_id: Option<String>,
    /// User ids in the host's user namespace; the least 8 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub uids: Vec<i64>,
    /// Effective user ids in the host's user namespace where they are not the real ones; the least 8 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub effective_uids: Vec<i64>,
    /// True where a mark of the executed file (setuid, setgid) gave another effective user or group.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub setuid: bool,
    /// Capabilities that executions gave beyond what any would have given (`NET_RAW`, `SYS_ADMIN`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 42), inner(length(max = 32)))]
    pub gained: Vec<String>,
    /// True where it ran with a controlling terminal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub terminal: bool,
}

impl BehaviorAttributes {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Why a command is unusual, as it was when it was raised.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandScore {
    /// How often a normal command is as strange, in millionths: 1000 is one in a thousand.
    #[schemars(range(min = 0))]
    pub p_millionths: i64,
    /// How strange it is, in thousandths: 0 or more.
    #[schemars(range(min = 0))]
    pub novelty_thousandths: i64,
    /// False where too little was learned to tell anything as improbable as the policy's tolerance asks for: the finding
    /// is Info then.
    pub scorable: bool,
    /// The nearest learned commands, the nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    pub nearest: Vec<NearCommand>,
    /// Words that no learned command has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6), inner(length(max = 48)))]
    pub strange: Vec<String>,
    /// What it could do that learned commands could seldom or never.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6), inner(length(max = 48)))]
    pub capabilities: Vec<String>,
    /// How many new commands of its lineage within an hour were looked at together; absent where it is unusual by itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0))]
    pub together: i64,
}

/// A learned command that is near.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NearCommand {
    /// Its template, shortened.
    #[schemars(length(max = 96))]
    pub command: String,
    /// How much both have in common, in hundredths of what either has.
    #[schemars(range(min = 0, max = 100))]
    pub similarity_hundredths: i64,
}
