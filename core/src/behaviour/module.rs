//! The module feed's behaviour: which code is loaded, beside the executables themselves.

use serde::{Deserialize, Serialize};

use super::{KeyHash, Origin, SourceLayer};
use crate::text::{MAX_PATH, bounded};

/// What is loaded.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ModuleKind {
    /// A file that is mapped executable.
    #[default]
    Library,
    /// A module of the kernel.
    KernelModule,
}

impl ModuleKind {
    /// Its name in objects and recordings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Library => "library",
            Self::KernelModule => "kernel-module",
        }
    }
}

/// The parts of a module behaviour, as they come: any text may stand in them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct ModuleParts {
    /// What started the lineage of the process that loads it.
    pub origin: Origin,
    /// What is loaded.
    pub kind: ModuleKind,
    /// Path of the library inside the container, or the kernel module's name.
    pub path: String,
    /// SHA-256 of the file in 64 lower-case hexadecimal digits; none where it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where the file comes from.
    pub source: SourceLayer,
    /// Path of the executable that loads it.
    pub executable: String,
}

/// A module behaviour, normalised. Made from [`ModuleParts`], and from nothing else: texts are bounded, and a hash is
/// 64 lower-case hexadecimal digits or none. The executable is no part of the key: of several, one stands for all.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(from = "ModuleParts", into = "ModuleParts")]
pub struct ModuleBehaviour {
    // The order of the fields decides which of two variants of one key stands for it: the one that says more.
    origin: Origin,
    source: SourceLayer,
    kind: ModuleKind,
    path: Box<str>,
    sha256: Option<Box<str>>,
    executable: Box<str>,
}

impl From<ModuleParts> for ModuleBehaviour {
    fn from(parts: ModuleParts) -> Self {
        Self {
            origin: parts.origin,
            source: parts.source,
            kind: parts.kind,
            path: bounded(parts.path, MAX_PATH).into(),
            sha256: parts.sha256.as_deref().and_then(hash),
            executable: bounded(parts.executable, MAX_PATH).into(),
        }
    }
}

/// A SHA-256 as it is written, or none where the text is no such hash.
fn hash(text: &str) -> Option<Box<str>> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase().into())
}

impl From<ModuleBehaviour> for ModuleParts {
    fn from(behaviour: ModuleBehaviour) -> Self {
        Self {
            origin: behaviour.origin,
            kind: behaviour.kind,
            path: behaviour.path.into(),
            sha256: behaviour.sha256.map(String::from),
            source: behaviour.source,
            executable: behaviour.executable.into(),
        }
    }
}

impl ModuleBehaviour {
    /// What started the lineage of the process that loads it.
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// What is loaded.
    pub const fn kind(&self) -> ModuleKind {
        self.kind
    }

    /// Path of the library inside the container, or the kernel module's name.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// SHA-256 of the file, in lower-case hexadecimal digits.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// Where the file comes from.
    pub const fn source(&self) -> SourceLayer {
        self.source
    }

    /// Path of the executable that loads it: of one of them, where there are several.
    pub fn executable(&self) -> &str {
        &self.executable
    }

    pub(super) fn feed_key(&self, key: &mut KeyHash) {
        key.part(self.origin.in_key().as_bytes());
        key.part(self.kind.as_str().as_bytes());
        key.part(self.path.as_bytes());
        key.optional(self.sha256());
        // What was copied up may have been changed on the way, and is approved by nothing: it is not the image's file.
        key.part(self.source.as_str().as_bytes());
    }
}
