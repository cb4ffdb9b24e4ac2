//! A process behaviour as it travels: the parts of its key, and nothing that could hold a secret.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A feed of kernel events.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedName {
    /// Executed programs and their lineage.
    #[default]
    Process,
    /// Destinations and listeners.
    Network,
    /// Libraries mapped executable, and kernel modules.
    Module,
}

/// What started the process's lineage inside the container.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It descends from the container's first process.
    Entrypoint,
    /// The runtime started it with exactly the command of a probe or hook in the pod's specification.
    Probe,
    /// It was started from outside otherwise, as `kubectl exec` does. Never learned.
    Exec,
    /// It ran before the sensor did, and where it came from could not be told.
    #[default]
    Unknown,
}

/// Where an executable file comes from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceLayer {
    /// A layer of the container's image.
    Image,
    /// A file of the image that was copied up into the writable layer as it was (a `chmod` does that).
    ImageCopiedUp,
    /// A file of the image that was changed in the writable layer: not what the image holds.
    ImageChanged,
    /// New in the writable layer: not part of the image.
    UpperNew,
    /// In the writable layer; whether it was in the image could not be read.
    UpperUnknown,
    /// A volume.
    Volume,
    /// An anonymous file in memory.
    Memory,
    /// A file that was deleted before it was executed.
    Deleted,
    /// The container's file system does not tell (no overlayfs).
    #[default]
    Unsupported,
}

/// One process behaviour: the exact parts of its key.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessBehavior {
    /// What started its lineage inside the container.
    pub origin: Origin,
    /// Path, inside the container, of the executable that ran before in the same lineage; empty at the container's
    /// boundary.
    #[serde(default)]
    pub parent: String,
    /// Path of the executable inside the container.
    #[schemars(length(min = 1))]
    pub executable: String,
    /// Where the executable's file comes from.
    pub source: SourceLayer,
    /// Path of the script, for files that start with `#!`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Name that a multi-call binary (busybox, coreutils) was called by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub applet: Option<String>,
    /// Whether its standard input is a socket of the network; false where it is absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stdin_socket: bool,
    /// Whether its standard output is one; false where it is absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stdout_socket: bool,
    /// Where this is news of a known process: capabilities that its execution gave, and never gave while it was learned
    /// (`NET_RAW`, `SYS_ADMIN`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 42), inner(length(max = 32)))]
    pub gained: Vec<String>,
    /// Where this is news of a known process: a command line, redacted on the node and then templated, that it was not
    /// learned with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub command: Option<String>,
}
