//! How sentences name what did something and by whom it was started.

use crate::{
    behaviour::{Behaviour, Direction, ModuleBehaviour, ModuleKind, NetworkBehaviour, Origin, ProcessBehaviour},
    text::shown,
};

/// What a behaviour is, as the subject of a sentence: `/usr/bin/bash started by /usr/bin/python3`, `the connection of
/// /usr/bin/curl to example.org (tcp 443)`, `/usr/lib/x.so mapped by /usr/bin/python3`.
pub fn subject(behaviour: &Behaviour) -> String {
    match behaviour {
        Behaviour::Process(process) => format!("{} {}", program(process), started(process)),
        Behaviour::Network(network) => flow(network),
        Behaviour::Module(module) => loaded(module),
    }
}

/// The program of a behaviour: the script or applet, where there is one, and the executable.
pub(super) fn program(process: &ProcessBehaviour) -> String {
    match (process.script(), process.applet()) {
        (Some(script), _) => format!("{} (run by {})", shown(script), shown(process.executable())),
        (None, Some(applet)) => format!("{} (as {})", shown(process.executable()), shown(applet)),
        (None, None) => shown(process.executable()),
    }
}

/// By whom a program was started.
pub(super) fn started(process: &ProcessBehaviour) -> String {
    if process.parent().is_empty() {
        match process.origin() {
            Origin::Entrypoint => "started as the container's entrypoint".to_owned(),
            Origin::Probe => "started by a probe or hook".to_owned(),
            Origin::Exec => "started from outside the container".to_owned(),
            Origin::Unknown => "started before it was watched".to_owned(),
        }
    } else {
        format!("started by {}", shown(process.parent()))
    }
}

fn flow(network: &NetworkBehaviour) -> String {
    let who = shown(network.executable());
    let port = match (network.protocol().as_str(), network.port()) {
        (protocol, 0) => format!("{protocol}, any port"),
        (protocol, port) => format!("{protocol} {port}"),
    };
    let where_to = || shown(&network.destination().to_string());
    match network.direction() {
        Direction::Connect => format!("the connection of {who} to {} ({port})", where_to()),
        Direction::Send => format!("what {who} sends to {} ({port})", where_to()),
        Direction::Listen => format!("the listener of {who} ({port})"),
    }
}

fn loaded(module: &ModuleBehaviour) -> String {
    let by = if module.executable().is_empty() {
        "the kernel itself".to_owned()
    } else {
        shown(module.executable())
    };
    match module.kind() {
        ModuleKind::Library => format!("{} mapped by {by}", shown(module.path())),
        ModuleKind::KernelModule => format!("the kernel module {} loaded by {by}", shown(module.path())),
    }
}
