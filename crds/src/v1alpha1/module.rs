//! A module behaviour as it travels: the parts of its key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Origin, SourceLayer};

/// What a SHA-256 looks like in an object.
const SHA256: &str = "^[0-9a-f]{64}$";

/// What is loaded.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleKind {
    /// A file that is mapped executable.
    #[default]
    Library,
    /// A module of the kernel.
    KernelModule,
}

/// One module behaviour: the exact parts of its key, and an executable that loads it.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleBehavior {
    /// What started the lineage of the process that loads it.
    pub origin: Origin,
    /// What is loaded.
    pub kind: ModuleKind,
    /// Path of the library inside the container, or the kernel module's name.
    #[serde(default)]
    pub path: String,
    /// SHA-256 of the file; absent where it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = SHA256), length(max = 64))]
    pub sha256: Option<String>,
    /// Where the file comes from.
    pub source: SourceLayer,
    /// Path of an executable that loads it; empty where the kernel does by itself. No part of the key.
    #[serde(default)]
    pub executable: String,
}
