//! Behaviour as people name it: by what they would write into a pull request, not by every part of its key.
//!
//! What is left out means two things. In a denial it means any. In an approval it means any where that is harmless (the
//! parent, the port), and the usual where it is not: a program of the image that descends from the entrypoint, without
//! script, other name or socket. So whoever approves `/usr/bin/bash` approves no file of that name that somebody dropped
//! into the container, and no `kubectl exec`.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    address::IpPrefix,
    behaviour::{
        Behaviour, CapabilitySet, Destination, Direction, ModuleBehaviour, ModuleKind, NetworkBehaviour, Origin,
        ProcessBehaviour, Protocol, SourceLayer,
    },
    id::WorkloadKey,
};

/// Behaviour as people name it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub enum Pattern {
    /// A program that runs.
    Process(ProcessPattern),
    /// What is talked to.
    Destination(DestinationPattern),
    /// What listens.
    Listener(ListenerPattern),
    /// Code that is loaded.
    Module(ModulePattern),
}

/// A program that runs.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct ProcessPattern {
    /// Path of the executable inside the container.
    pub executable: String,
    /// Path of the parent's executable; any, where there is none.
    pub parent: Option<String>,
    /// Path of the script, for files that start with `#!`.
    pub script: Option<String>,
    /// Name that a multi-call binary is called by.
    pub applet: Option<String>,
    /// What starts its lineage.
    pub origin: Option<Origin>,
    /// Where its file comes from.
    pub source: Option<SourceLayer>,
    /// Whether its standard input or output is a socket of the network.
    pub socket: bool,
    /// Capabilities that its execution may give.
    pub gained: CapabilitySet,
    /// A command line of it, as alerts show them. An approval without one approves no command that was raised as unusual.
    pub command: Option<String>,
}

/// What is talked to.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct DestinationPattern {
    /// The destination.
    pub to: DestinationMatch,
    /// Its port; any, where there is none.
    pub port: Option<u16>,
    /// The transport protocol; either, where there is none.
    pub protocol: Option<Protocol>,
    /// Path of the executable that talks to it; any, where there is none.
    pub executable: Option<String>,
}

/// A destination as people name it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub enum DestinationMatch {
    /// A Service, `namespace/name`.
    Service(String),
    /// A workload.
    Workload(WorkloadKey),
    /// One of these DNS names, which are spellings of one; `*.` before it stands for every name below it.
    Name(BTreeSet<String>),
    /// A name, as far as it leads to a network.
    NameIn {
        /// The name, in each of its spellings.
        name: BTreeSet<String>,
        /// The network.
        network: IpPrefix,
    },
    /// A network, for what is known by no name.
    Network(IpPrefix),
    /// A group of networks that the policy names.
    Group(String),
}

/// What listens.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct ListenerPattern {
    /// The port; 0 for one that the kernel may have chosen.
    pub port: u16,
    /// The transport protocol; either, where there is none.
    pub protocol: Option<Protocol>,
    /// Path of the executable that listens; any, where there is none.
    pub executable: Option<String>,
}

/// Code that is loaded.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct ModulePattern {
    /// What is loaded.
    pub kind: ModuleKind,
    /// Path of the library inside the container, or the kernel module's name; any, where there is none.
    pub path: Option<String>,
    /// SHA-256 of the file. Nothing is approved without it: a path says nothing of what lies there.
    pub sha256: Option<String>,
}

impl Pattern {
    /// Whether it is about a behaviour, where it denies.
    pub fn denies(&self, behaviour: &Behaviour) -> bool {
        match (self, behaviour) {
            (Self::Process(pattern), Behaviour::Process(process)) => pattern.denies(process),
            (Self::Destination(pattern), Behaviour::Network(network)) => pattern.covers(network, true),
            (Self::Listener(pattern), Behaviour::Network(network)) => pattern.covers(network),
            (Self::Module(pattern), Behaviour::Module(module)) => pattern.denies(module),
            (
                Self::Process(_) | Self::Destination(_) | Self::Listener(_) | Self::Module(_),
                Behaviour::Process(_) | Behaviour::Network(_) | Behaviour::Module(_),
            ) => false,
        }
    }

    /// Whether it is about a behaviour, where it approves.
    pub fn approves(&self, behaviour: &Behaviour) -> bool {
        match (self, behaviour) {
            (Self::Process(pattern), Behaviour::Process(process)) => pattern.approves(process),
            (Self::Destination(pattern), Behaviour::Network(network)) => {
                is_usual(network.origin()) && pattern.covers(network, false)
            }
            (Self::Listener(pattern), Behaviour::Network(network)) => {
                is_usual(network.origin()) && pattern.covers(network)
            }
            (Self::Module(pattern), Behaviour::Module(module)) => is_usual(module.origin()) && pattern.approves(module),
            (
                Self::Process(_) | Self::Destination(_) | Self::Listener(_) | Self::Module(_),
                Behaviour::Process(_) | Behaviour::Network(_) | Behaviour::Module(_),
            ) => false,
        }
    }

    /// The network that it names, where it names nothing but that.
    pub(super) fn network(&self) -> Option<&IpPrefix> {
        match self {
            Self::Destination(DestinationPattern {
                to: DestinationMatch::Network(network),
                port: None,
                protocol: None,
                executable: None,
            }) => Some(network),
            Self::Process(_) | Self::Destination(_) | Self::Listener(_) | Self::Module(_) => None,
        }
    }
}

/// Whether a lineage is the workload's own.
const fn is_usual(origin: Origin) -> bool {
    match origin {
        Origin::Entrypoint | Origin::Probe | Origin::Unknown => true,
        Origin::Exec => false,
    }
}

/// Whether a file is none that somebody brought in or changed: what else it is must be named.
pub(super) const fn is_ordinary(source: SourceLayer) -> bool {
    match source {
        SourceLayer::Image
        | SourceLayer::ImageCopiedUp
        | SourceLayer::UpperUnknown
        | SourceLayer::Volume
        | SourceLayer::Unsupported => true,
        SourceLayer::ImageChanged | SourceLayer::UpperNew | SourceLayer::Memory | SourceLayer::Deleted => false,
    }
}

/// Whether a text is what was asked for; any is, where nothing was.
fn is_asked(wanted: Option<&String>, text: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == text)
}

impl ProcessPattern {
    fn denies(&self, process: &ProcessBehaviour) -> bool {
        let asked =
            |wanted: Option<&String>, held: Option<&str>| wanted.is_none() || wanted.map(String::as_str) == held;
        // As under a policy's `deny`: a script is denied by its path, too.
        (self.executable == process.executable() || process.script() == Some(&self.executable))
            && is_asked(self.parent.as_ref(), process.parent())
            && asked(self.script.as_ref(), process.script())
            && asked(self.applet.as_ref(), process.applet())
            && self.origin.is_none_or(|origin| origin == process.origin())
            && self.source.is_none_or(|source| source == process.source())
            && (!self.socket || process.stdin_socket() || process.stdout_socket())
            && self.gained.without(process.gained()).is_empty()
            && asked(self.command.as_ref(), process.command())
    }

    fn approves(&self, process: &ProcessBehaviour) -> bool {
        self.executable == process.executable()
            && is_asked(self.parent.as_ref(), process.parent())
            && self.script.as_deref() == process.script()
            && self.applet.as_deref() == process.applet()
            && self
                .origin
                .map_or_else(|| is_usual(process.origin()), |origin| origin == process.origin())
            && self
                .source
                .map_or_else(|| is_ordinary(process.source()), |source| source == process.source())
            && (self.socket || !(process.stdin_socket() || process.stdout_socket()))
            && process.gained().without(self.gained).is_empty()
            && self.command.as_deref() == process.command()
    }
}

impl DestinationPattern {
    fn covers(&self, network: &NetworkBehaviour, denies: bool) -> bool {
        let leads_out = match network.direction() {
            Direction::Connect | Direction::Send => true,
            Direction::Listen => false,
        };
        leads_out
            && self.port.is_none_or(|port| port == network.port())
            && self.protocol.is_none_or(|protocol| protocol == network.protocol())
            && is_asked(self.executable.as_ref(), network.executable())
            && self.to.is(network.destination(), denies)
    }
}

impl DestinationMatch {
    /// What is derived of a destination, a volume or a burst, is denied with it, but not approved.
    fn is(&self, destination: &Destination, denies: bool) -> bool {
        match (self, destination) {
            (_, Destination::Volume { to, .. }) => denies && self.is(to, denies),
            (Self::Service(wanted), Destination::Service(service)) => wanted == service,
            (Self::Workload(wanted), Destination::Workload(workload)) => wanted == workload,
            (Self::Name(wanted), Destination::Name(name)) => is_named(wanted, name),
            (Self::Name(wanted), Destination::NameIn { name, .. }) => denies && is_named(wanted, name),
            (
                Self::NameIn {
                    name: wanted,
                    network: within,
                },
                Destination::NameIn { name, network },
            ) => is_named(wanted, name) && within.net().contains(network),
            (Self::Network(within), Destination::Prefix(network)) => within.net().contains(network),
            (Self::Group(wanted), Destination::Group(group)) => wanted == group,
            (
                Self::Service(_)
                | Self::Workload(_)
                | Self::Name(_)
                | Self::NameIn { .. }
                | Self::Network(_)
                | Self::Group(_),
                Destination::Service(_)
                | Destination::Workload(_)
                | Destination::Name(_)
                | Destination::NameIn { .. }
                | Destination::Prefix(_)
                | Destination::Group(_)
                | Destination::Many(_)
                | Destination::Local,
            ) => false,
        }
    }
}

/// Whether a name is one of these, or lies below one that has `*.` before it.
fn is_named(wanted: &BTreeSet<String>, name: &str) -> bool {
    let below = name
        .match_indices('.')
        .any(|(dot, _)| wanted.contains(&format!("*{}", &name[dot..])));
    below || wanted.contains(name)
}

impl ListenerPattern {
    fn covers(&self, network: &NetworkBehaviour) -> bool {
        let listens = match network.direction() {
            Direction::Listen => true,
            Direction::Connect | Direction::Send => false,
        };
        listens
            && self.port == network.port()
            && self.protocol.is_none_or(|protocol| protocol == network.protocol())
            && is_asked(self.executable.as_ref(), network.executable())
    }
}

impl ModulePattern {
    fn denies(&self, module: &ModuleBehaviour) -> bool {
        self.kind == module.kind()
            && (self.path.is_some() || self.sha256.is_some())
            && is_asked(self.path.as_ref(), module.path())
            && (self.sha256.is_none() || self.sha256.as_deref() == module.sha256())
    }

    fn approves(&self, module: &ModuleBehaviour) -> bool {
        self.sha256.is_some() && self.denies(module)
    }
}
