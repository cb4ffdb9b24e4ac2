//! What an observation amounts to: a behaviour with an exact key.

mod attributes;
mod capability_set;
mod command_lines;
mod destination;
mod module;
mod network;
mod process;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    id::BehaviourId,
    observation::{Observation, Observed},
};

pub use attributes::{
    Attributes, MAX_ADDRESSES, MAX_BUILD_ID, MAX_COMMAND, MAX_COMMAND_BYTES, MAX_COMMANDS, MAX_RAISED_COMMAND_BYTES,
    MAX_RAISED_COMMANDS, MAX_UIDS, commands_that_fit,
};
pub use capability_set::CapabilitySet;
pub use destination::{Burst, Destination};
pub use module::{ModuleBehaviour, ModuleKind, ModuleParts};
pub use network::{Direction, NetworkBehaviour, NetworkParts, Protocol};
pub use process::{Origin, ProcessBehaviour, ProcessParts, SourceLayer};

/// A feed of kernel events.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Feed {
    /// Executed programs and their lineage.
    Process,
    /// Destinations and listeners.
    Network,
    /// Libraries mapped executable, and kernel modules.
    Module,
}

impl Feed {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Process, Self::Network, Self::Module];

    /// Its name in objects, recordings and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Network => "network",
            Self::Module => "module",
        }
    }
}

/// One thing that a container does, normalised.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Behaviour {
    /// It runs a program.
    Process(ProcessBehaviour),
    /// It talks to something, or listens.
    Network(NetworkBehaviour),
    /// It loads code.
    Module(ModuleBehaviour),
}

impl Behaviour {
    /// The feed that sees it.
    pub const fn feed(&self) -> Feed {
        match self {
            Self::Process(_) => Feed::Process,
            Self::Network(_) => Feed::Network,
            Self::Module(_) => Feed::Module,
        }
    }

    /// What started the lineage of the process that shows it.
    pub const fn origin(&self) -> Origin {
        match self {
            Self::Process(process) => process.origin(),
            Self::Network(network) => network.origin(),
            Self::Module(module) => module.origin(),
        }
    }

    /// Path of the executable that shows it; empty where no process does, as for a module that the kernel loads by
    /// itself.
    pub fn executable(&self) -> &str {
        match self {
            Self::Process(process) => process.executable(),
            Self::Network(network) => network.executable(),
            Self::Module(module) => module.executable(),
        }
    }

    /// Its identity: the first 128 bits of a SHA-256 over the parts of its key, each with its length before it, behind
    /// a tag with version and feed. It is a cryptographic hash because the parts are chosen by whoever runs in the
    /// container: a behaviour made to collide with a learned one would be known.
    pub fn id(&self) -> BehaviourId {
        let mut key = KeyHash::new(self.feed());
        match self {
            Self::Process(process) => process.feed_key(&mut key),
            Self::Network(network) => network.feed_key(&mut key),
            Self::Module(module) => module.feed_key(&mut key),
        }
        key.finish()
    }
}

impl From<&Observation> for Behaviour {
    fn from(observation: &Observation) -> Self {
        match &observation.what {
            Observed::Process(seen) => Self::Process(ProcessBehaviour::from(ProcessParts {
                origin: seen.origin,
                parent: seen.parent.clone(),
                executable: seen.executable.clone(),
                source: seen.source,
                script: seen.script.clone(),
                applet: seen.applet.clone(),
                stdin_socket: seen.stdin_socket,
                stdout_socket: seen.stdout_socket,
                gained: CapabilitySet::NONE,
                command: None,
            })),
            Observed::Network(seen) => Self::Network(NetworkBehaviour::from(NetworkParts {
                origin: seen.origin,
                executable: seen.executable.clone(),
                direction: seen.direction,
                protocol: seen.protocol,
                port: seen.port,
                destination: Destination::from(seen),
            })),
            Observed::Module(seen) => Self::Module(ModuleBehaviour::from(ModuleParts {
                origin: seen.origin,
                kind: seen.kind,
                path: seen.path.clone(),
                sha256: seen.sha256.clone(),
                source: seen.source,
                executable: seen.executable.clone(),
            })),
        }
    }
}

/// Hash over the parts of a key.
struct KeyHash(Sha256);

impl KeyHash {
    /// Raised whenever the meaning of a key changes: ids of different versions never meet.
    const VERSION: u8 = 1;

    fn new(feed: Feed) -> Self {
        let mut hash = Self(Sha256::new());
        hash.part(b"anchorwatch behaviour");
        hash.part(&[Self::VERSION]);
        hash.part(feed.as_str().as_bytes());
        hash
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn optional(&mut self, text: Option<&str>) {
        match text {
            None => self.part(&[0]),
            Some(text) => {
                self.part(&[1]);
                self.part(text.as_bytes());
            }
        }
    }

    fn finish(self) -> BehaviourId {
        let mut id = [0; 16];
        id.copy_from_slice(&self.0.finalize()[..16]);
        BehaviourId::from_bytes(id)
    }
}
