//! The pattern that names one behaviour.

use std::collections::BTreeSet;

use super::{
    DestinationMatch, DestinationPattern, ListenerPattern, ModulePattern, Pattern, ProcessPattern, pattern::is_ordinary,
};
use crate::{
    address::IpPrefix,
    behaviour::{Behaviour, Destination, Direction, ModuleBehaviour, NetworkBehaviour, Origin, ProcessBehaviour},
};

impl Pattern {
    /// The pattern that denies a behaviour and what differs from it by its file's origin alone: a denial must not be
    /// evaded by copying the file. None where no pattern can name it: a burst, or a volume, is denied by denying where it
    /// went.
    pub fn of(behaviour: &Behaviour) -> Option<Self> {
        match behaviour {
            Behaviour::Process(process) => Some(Self::Process(of_process(process))),
            Behaviour::Network(network) => of_network(network),
            Behaviour::Module(module) => Some(Self::Module(of_module(module))),
        }
    }
}

impl Pattern {
    /// The pattern that approves a behaviour and as little else as can be said: no other parent, port or program. None where
    /// none approves it: a burst and a volume are none that anybody names, and code is approved by its hash alone.
    pub fn approving(behaviour: &Behaviour) -> Option<Self> {
        let pattern = match behaviour {
            Behaviour::Process(process) => Self::Process(ProcessPattern {
                source: Some(process.source()).filter(|source| !is_ordinary(*source)),
                ..of_process(process)
            }),
            Behaviour::Network(_) | Behaviour::Module(_) => Self::of(behaviour)?,
        };
        pattern.approves(behaviour).then_some(pattern)
    }
}

fn of_process(process: &ProcessBehaviour) -> ProcessPattern {
    let from_outside = match process.origin() {
        Origin::Exec => Some(Origin::Exec),
        Origin::Entrypoint | Origin::Probe | Origin::Unknown => None,
    };
    ProcessPattern {
        executable: process.executable().to_owned(),
        parent: Some(process.parent().to_owned()),
        script: process.script().map(str::to_owned),
        applet: process.applet().map(str::to_owned),
        origin: from_outside,
        source: None,
        socket: process.stdin_socket() || process.stdout_socket(),
        gained: process.gained(),
        command: process.command().map(str::to_owned),
    }
}

fn of_network(network: &NetworkBehaviour) -> Option<Pattern> {
    let executable = Some(network.executable().to_owned()).filter(|executable| !executable.is_empty());
    let protocol = Some(network.protocol());
    let to = match (network.direction(), network.destination()) {
        (Direction::Listen, _) => {
            return Some(Pattern::Listener(ListenerPattern {
                port: network.port(),
                protocol,
                executable,
            }));
        }
        (Direction::Connect | Direction::Send, destination) => to(destination)?,
    };
    Some(Pattern::Destination(DestinationPattern {
        to,
        port: Some(network.port()),
        protocol,
        executable,
    }))
}

fn to(destination: &Destination) -> Option<DestinationMatch> {
    let names = |name: &String| BTreeSet::from([name.clone()]);
    let prefix = |network: &ipnet::IpNet| IpPrefix::new(network.addr(), network.prefix_len());
    match destination {
        Destination::Service(service) => Some(DestinationMatch::Service(service.clone())),
        Destination::Workload(workload) => Some(DestinationMatch::Workload(workload.clone())),
        Destination::Name(name) => Some(DestinationMatch::Name(names(name))),
        Destination::Prefix(network) => Some(DestinationMatch::Network(prefix(network))),
        Destination::Group(group) => Some(DestinationMatch::Group(group.clone())),
        Destination::NameIn { name, network } => Some(DestinationMatch::NameIn {
            name: names(name),
            network: prefix(network),
        }),
        Destination::Volume { .. } | Destination::Many(_) | Destination::Local => None,
    }
}

fn of_module(module: &ModuleBehaviour) -> ModulePattern {
    ModulePattern {
        kind: module.kind(),
        path: Some(module.path().to_owned()),
        sha256: module.sha256().map(str::to_owned),
    }
}
