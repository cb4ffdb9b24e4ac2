//! What was seen, attributed to a container: also one line of a recording and of a back-test (JSON Lines).

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{
    behaviour::{CapabilitySet, Direction, Feed, ModuleKind, Origin, Protocol, SourceLayer},
    id::{ContainerName, WorkloadKey},
    time::Timestamp,
};

/// Something that a container did. As a line:
///
/// ```json
/// {"time":"2026-01-01T00:00:00Z","workload":"shop/Deployment/cart","container":"app","feed":"process",
///  "process":{"executable":"/usr/bin/bash","parent":"/usr/bin/python3","argv":["bash","-c","id"]}}
/// ```
///
/// Fields that a reader does not know are passed over, so that older programs read newer recordings.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Line", into = "Line")]
pub struct Observation {
    /// When it happened.
    pub time: Timestamp,
    /// The workload that the container belongs to.
    pub workload: WorkloadKey,
    /// The container.
    pub container: ContainerName,
    /// Name of the pod, where it is known.
    pub pod: Option<String>,
    /// True where it was found, running, mapped or open, when the sensor started: `time` is when it was found, and nobody
    /// saw it happen.
    pub snapshot: bool,
    /// What happened.
    pub what: Observed,
}

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Observed {
    /// A program was executed.
    Process(ProcessObservation),
    /// Something was talked to, or listened for.
    Network(NetworkObservation),
    /// Code was loaded.
    Module(ModuleObservation),
}

/// An executed program. Everything but the executable may be missing from a line.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of one execution, a field of the line each"
)]
pub struct ProcessObservation {
    /// Path of the executable inside the container.
    pub executable: String,
    /// Path of the executable that ran before in the same lineage; empty at the container's boundary.
    pub parent: String,
    /// The command line: redacted where a sensor wrote the line.
    pub argv: Vec<String>,
    /// Bytes of the whole command line, each argument with its NUL, where `argv` has only its beginning and, behind `…`,
    /// its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argv_cut_from: Option<u32>,
    /// What started its lineage inside the container.
    pub origin: Origin,
    /// Where the executable's file comes from.
    pub source: SourceLayer,
    /// Device of the filesystem that holds the executable's file, as `major:minor`: of an overlay's file the one below, so
    /// that it is the same in each container of a node that shares the image's layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Inode number of the file on that device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
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
    /// Whether it has a controlling terminal.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub terminal: bool,
    /// Executables that led to it, outermost first, its own last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lineage: Vec<String>,
    /// Its real user id, as the host sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Its effective user id, as the host sees it, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_uid: Option<u32>,
    /// Whether a mark of its file (setuid, setgid) gave it another effective user or group.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub setuid: bool,
    /// Capabilities that the execution gave it beyond what any would have given; empty also where that is not known.
    #[serde(skip_serializing_if = "CapabilitySet::is_empty")]
    pub gained: CapabilitySet,
}

/// A flow or a listener. Executable and port have to be there; an address or a name, too, unless it listens.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct NetworkObservation {
    /// Path of the executable inside the container.
    pub executable: String,
    /// What started the lineage of the process.
    pub origin: Origin,
    /// Who begins.
    pub direction: Direction,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The address as the container named it, before Service translation; for a listener the one that it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The destination's port or, for a listener, its own.
    pub port: u16,
    /// Address and port after Service translation, where a hook can see them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<SocketAddr>,
    /// DNS name that the container looked up, and that led to the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Service of the cluster that has the address, as `namespace/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Workload of the pod that has the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<WorkloadKey>,
    /// Bytes that the connection sent, as told at its close.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_sent: Option<u64>,
    /// Executables that led to the process, outermost first, its own last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lineage: Vec<String>,
}

/// Loaded code. The path has to be there.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ModuleObservation {
    /// What is loaded.
    pub kind: ModuleKind,
    /// Path of the library inside the container, or the kernel module's name.
    pub path: String,
    /// SHA-256 of the file in 64 lower-case hexadecimal digits; none where it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// GNU build id of the file in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// Where the file comes from.
    pub source: SourceLayer,
    /// Path of the executable that loads it.
    pub executable: String,
    /// What started the lineage of the process.
    pub origin: Origin,
    /// Executables that led to the process, outermost first, its own last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lineage: Vec<String>,
}

impl Observation {
    /// The feed that saw it.
    pub const fn feed(&self) -> Feed {
        match self.what {
            Observed::Process(_) => Feed::Process,
            Observed::Network(_) => Feed::Network,
            Observed::Module(_) => Feed::Module,
        }
    }
}

/// Why a line is no observation.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ObservationError {
    /// The line's feed has no part of its name.
    #[error("feed is {feed:?}, but the field {feed:?} is missing")]
    Missing {
        /// The feed.
        feed: &'static str,
    },
    /// A field that has to be there.
    #[error("{field} is missing or empty")]
    Empty {
        /// Its path in the line.
        field: &'static str,
    },
    /// A flow to nowhere.
    #[error("network.address or network.name has to be there, unless network.direction is listen")]
    NoDestination,
}

/// An observation as it is written.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Line {
    /// When it happened, or was found (RFC 3339).
    time: Timestamp,
    /// `namespace/Kind/name`; what a host without Kubernetes runs is `host/Unit/NAME` or `host/Container/ID`.
    workload: WorkloadKey,
    /// The container in it.
    container: ContainerName,
    /// Name of the pod, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pod: Option<String>,
    /// Whether it was found when the sensor started: nobody saw it happen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    snapshot: bool,
    /// Which of the following is there.
    feed: Feed,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    process: Option<ProcessObservation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<NetworkObservation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    module: Option<ModuleObservation>,
}

impl TryFrom<Line> for Observation {
    type Error = ObservationError;

    fn try_from(line: Line) -> Result<Self, Self::Error> {
        let missing = ObservationError::Missing {
            feed: line.feed.as_str(),
        };
        let what = match line.feed {
            Feed::Process => Observed::Process(line.process.ok_or(missing)?),
            Feed::Network => Observed::Network(line.network.ok_or(missing)?),
            Feed::Module => Observed::Module(line.module.ok_or(missing)?),
        };
        what.check()?;
        Ok(Self {
            time: line.time,
            workload: line.workload,
            container: line.container,
            pod: line.pod,
            snapshot: line.snapshot,
            what,
        })
    }
}

impl Observed {
    /// Whether what it is about is there.
    fn check(&self) -> Result<(), ObservationError> {
        let present = |text: &str, field| {
            if text.is_empty() {
                Err(ObservationError::Empty { field })
            } else {
                Ok(())
            }
        };
        match self {
            Self::Process(process) => present(&process.executable, "process.executable"),
            Self::Network(network) => {
                let listens = network.direction == Direction::Listen;
                let named = [&network.name, &network.service].into_iter().any(Option::is_some);
                if !listens && !named && network.address.is_none() && network.peer.is_none() {
                    return Err(ObservationError::NoDestination);
                }
                present(&network.executable, "network.executable")
            }
            Self::Module(module) => present(&module.path, "module.path"),
        }
    }
}

impl From<Observation> for Line {
    fn from(observation: Observation) -> Self {
        let feed = observation.feed();
        let mut line = Self {
            time: observation.time,
            workload: observation.workload,
            container: observation.container,
            pod: observation.pod,
            snapshot: observation.snapshot,
            feed,
            process: None,
            network: None,
            module: None,
        };
        match observation.what {
            Observed::Process(process) => line.process = Some(process),
            Observed::Network(network) => line.network = Some(network),
            Observed::Module(module) => line.module = Some(module),
        }
        line
    }
}

#[cfg(feature = "schema")]
pub mod schema;
#[cfg(test)]
mod tests;
