//! The process feed's behaviour: which program runs, whose child it is, and where its file comes from.

use serde::{Deserialize, Serialize};

use super::{CapabilitySet, KeyHash, MAX_COMMAND};
use crate::text::{MAX_NAME, MAX_PATH, bounded, bounded_line};

/// What started a process's lineage inside the container.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It descends from the container's first process.
    Entrypoint,
    /// The runtime started it with exactly the command of a probe or hook in the pod's specification.
    Probe,
    /// It was started from outside otherwise, as `kubectl exec` does. Never learned.
    Exec,
    /// It ran before the sensor did, and where it came from could not be told. Never learned.
    #[default]
    Unknown,
}

impl Origin {
    /// Its name in objects and recordings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entrypoint => "entrypoint",
            Self::Probe => "probe",
            Self::Exec => "exec",
            Self::Unknown => "unknown",
        }
    }

    /// What stands for it in a key. A lineage that is older than the sensor has the entrypoint's: else each restart of a
    /// sensor (unknown after entrypoint) and of a pod (entrypoint after unknown) would make everything new. The key is
    /// all that they share: an unknown origin teaches nothing ([`crate::decide`]).
    pub(super) const fn in_key(self) -> &'static str {
        match self {
            Self::Entrypoint | Self::Unknown => "entrypoint",
            Self::Probe => "probe",
            Self::Exec => "exec",
        }
    }
}

/// Where an executable's file comes from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SourceLayer {
    /// A layer of the container's image.
    Image,
    /// A file of the image that was copied up into the writable layer, as it was.
    ImageCopiedUp,
    /// A file of the image that was changed in the writable layer: its content's size or time, or its name, is another.
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
    /// The container's file system does not tell.
    #[default]
    Unsupported,
}

impl SourceLayer {
    /// Whether the file is the image's.
    pub const fn is_of_image(self) -> bool {
        match self {
            Self::Image | Self::ImageCopiedUp => true,
            Self::ImageChanged
            | Self::UpperNew
            | Self::UpperUnknown
            | Self::Volume
            | Self::Memory
            | Self::Deleted
            | Self::Unsupported => false,
        }
    }

    /// Its name in objects and recordings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::ImageCopiedUp => "image-copied-up",
            Self::ImageChanged => "image-changed",
            Self::UpperNew => "upper-new",
            Self::UpperUnknown => "upper-unknown",
            Self::Volume => "volume",
            Self::Memory => "memory",
            Self::Deleted => "deleted",
            Self::Unsupported => "unsupported",
        }
    }

    /// What stands for it in a key. A `chmod` or `chown` at start copies a file up without changing it, so that a file
    /// of the image and its copy are one; everything else stays apart, what was changed and what could not be told included.
    pub(super) const fn in_key(self) -> &'static str {
        match self {
            Self::Image | Self::ImageCopiedUp => "image",
            Self::ImageChanged
            | Self::UpperNew
            | Self::UpperUnknown
            | Self::Volume
            | Self::Memory
            | Self::Deleted
            | Self::Unsupported => self.as_str(),
        }
    }
}

/// The parts of a process behaviour, as they come: any text may stand in them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct ProcessParts {
    /// What started its lineage inside the container.
    pub origin: Origin,
    /// Path, inside the container, of the executable that ran before in the same lineage; empty at the container's
    /// boundary.
    pub parent: String,
    /// Path of the executable inside the container.
    pub executable: String,
    /// Where the executable's file comes from.
    pub source: SourceLayer,
    /// Path of the script, for files that start with `#!`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Name that a multi-call binary was called by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applet: Option<String>,
    /// Whether its standard input is a socket of the network.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stdin_socket: bool,
    /// Whether its standard output is one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stdout_socket: bool,
    /// Not empty only for what is derived of a known process: capabilities that its execution gave, and never gave while
    /// it was learned.
    #[serde(skip_serializing_if = "CapabilitySet::is_empty")]
    pub gained: CapabilitySet,
    /// Set only for what is derived of a known process: a command line, redacted and templated, that it was not learned
    /// with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// A process behaviour, normalised: no text is longer than [`MAX_PATH`], the executable is never empty, and an empty
/// script or applet is none. Made from [`ProcessParts`], and from nothing else.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(from = "ProcessParts", into = "ProcessParts")]
pub struct ProcessBehaviour {
    // The order of the fields decides which of two variants of one key stands for it: the one that says more.
    origin: Origin,
    source: SourceLayer,
    parent: Box<str>,
    executable: Box<str>,
    script: Option<Box<str>>,
    applet: Option<Box<str>>,
    stdin_socket: bool,
    stdout_socket: bool,
    gained: CapabilitySet,
    command: Option<Box<str>>,
}

/// Stands for an executable whose path could not be read.
const UNNAMED: &str = "(unnamed)";

impl From<ProcessParts> for ProcessBehaviour {
    fn from(parts: ProcessParts) -> Self {
        let optional = |text: Option<String>, limit| {
            text.filter(|text| !text.is_empty())
                .map(|text| bounded(text, limit).into())
        };
        Self {
            origin: parts.origin,
            source: parts.source,
            parent: bounded(parts.parent, MAX_PATH).into(),
            executable: if parts.executable.is_empty() {
                UNNAMED.into()
            } else {
                bounded(parts.executable, MAX_PATH).into()
            },
            script: optional(parts.script, MAX_PATH),
            applet: optional(parts.applet, MAX_NAME),
            stdin_socket: parts.stdin_socket,
            stdout_socket: parts.stdout_socket,
            gained: parts.gained,
            command: parts
                .command
                .filter(|line| !line.is_empty())
                .map(|line| bounded_line(line, MAX_COMMAND).into()),
        }
    }
}

impl From<ProcessBehaviour> for ProcessParts {
    fn from(behaviour: ProcessBehaviour) -> Self {
        Self {
            origin: behaviour.origin,
            parent: behaviour.parent.into(),
            executable: behaviour.executable.into(),
            source: behaviour.source,
            script: behaviour.script.map(String::from),
            applet: behaviour.applet.map(String::from),
            stdin_socket: behaviour.stdin_socket,
            stdout_socket: behaviour.stdout_socket,
            gained: behaviour.gained,
            command: behaviour.command.map(String::from),
        }
    }
}

impl ProcessBehaviour {
    /// What started its lineage inside the container.
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Where the executable's file comes from.
    pub const fn source(&self) -> SourceLayer {
        self.source
    }

    /// Path of the parent's executable; empty at the container's boundary.
    pub fn parent(&self) -> &str {
        &self.parent
    }

    /// Path of the executable.
    pub fn executable(&self) -> &str {
        &self.executable
    }

    /// Path of the script, for files that start with `#!`.
    pub fn script(&self) -> Option<&str> {
        self.script.as_deref()
    }

    /// Name that a multi-call binary was called by.
    pub fn applet(&self) -> Option<&str> {
        self.applet.as_deref()
    }

    /// Whether its standard input is a socket of the network, as a shell's is that somebody holds the other end of.
    pub const fn stdin_socket(&self) -> bool {
        self.stdin_socket
    }

    /// Whether its standard output is one: what it tells goes to whoever holds the other end.
    pub const fn stdout_socket(&self) -> bool {
        self.stdout_socket
    }

    /// Capabilities that make it news of a known process; see [`ProcessParts::gained`].
    pub const fn gained(&self) -> CapabilitySet {
        self.gained
    }

    /// The command line that makes it news of a known process; see [`ProcessParts::command`].
    pub const fn command(&self) -> Option<&str> {
        match &self.command {
            Some(line) => Some(line),
            None => None,
        }
    }

    pub(super) fn feed_key(&self, key: &mut KeyHash) {
        key.part(self.origin.in_key().as_bytes());
        key.part(self.parent.as_bytes());
        key.part(self.executable.as_bytes());
        key.part(self.source.in_key().as_bytes());
        key.optional(self.script());
        key.optional(self.applet());
        if self.stdin_socket {
            key.part(b"socket as stdin");
        }
        if self.stdout_socket {
            key.part(b"socket as stdout");
        }
        if !self.gained.is_empty() {
            key.part(b"gained");
            key.part(&self.gained.bits().to_le_bytes());
        }
        if let Some(command) = self.command() {
            key.part(b"command");
            key.part(command.as_bytes());
        }
    }
}
