//! The wider behaviours that may stand for one: a ladder of templates, each of them the key of the rung above with one
//! part left open. It is a function of the behaviour alone.
//!
//! | of | first | second | third |
//! |---|---|---|---|
//! | a network, /24 or /56 | its /16 or /32 | all public (or all private) networks | the same, any port |
//! | a DNS name | all names below the registered one | any name | the same, any port |
//! | a Service, a workload | all of its namespace | all of the cluster | the same, any port |
//! | a listener | any port | | |
//! | a program of the image | any of its folder | | |
//! | a library of the image | any of its folder | | |
//!
//! What is not in the table stands for itself: what is derived (groups, moved names, volumes), scripts, applets, programs
//! attached to sockets or gaining capabilities, files from outside the image, libraries that are approved by their hash,
//! and all that [`super::telling`] names.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::telling;
use crate::{
    behaviour::{
        Behaviour, Destination, Direction, ModuleKind, ModuleParts, NetworkBehaviour, NetworkParts, ProcessBehaviour,
        ProcessParts, SourceLayer,
    },
    id::WorkloadKey,
};

/// Stands for any name of a folder.
const ANY_FILE: &str = "<name>";
/// Stands for any name, namespace or kind.
const ANY: &str = "*";

/// The next wider behaviour; none where nothing wider may stand for it.
pub(super) fn next(behaviour: &Behaviour) -> Option<Behaviour> {
    let wider = match behaviour {
        Behaviour::Process(process) => program(process),
        Behaviour::Network(network) => flow(network),
        Behaviour::Module(module) => {
            let is_of_image = module.kind() == ModuleKind::Library && module.source() == SourceLayer::Image;
            let path = is_of_image.then(|| any_of_folder(module.path())).flatten()?;
            let parts = ModuleParts {
                path,
                sha256: None,
                ..ModuleParts::from(module.clone())
            };
            Some(Behaviour::Module(parts.into()))
        }
    };
    wider.filter(|wider| wider != behaviour)
}

/// The rungs above a behaviour, the nearest first.
pub(super) fn ladder(behaviour: &Behaviour) -> impl Iterator<Item = Behaviour> + use<> {
    std::iter::successors(next(behaviour), next)
}

/// Whether a behaviour reads like a template, which it may be without standing for anything: a listener on port 0, a question
/// for `*.example.org`, a file that is called `<name>`.
pub(super) fn is_rung(behaviour: &Behaviour) -> bool {
    match behaviour {
        Behaviour::Process(process) => is_any_of_folder(process.executable()),
        Behaviour::Module(module) => is_any_of_folder(module.path()),
        Behaviour::Network(network) => {
            network.port() == 0
                || is_everything(network.destination())
                || match network.destination() {
                    Destination::Name(name) => name.starts_with("*."),
                    Destination::Service(service) => service.ends_with("/*"),
                    Destination::Workload(workload) => workload.name == ANY,
                    Destination::Prefix(_)
                    | Destination::Group(_)
                    | Destination::NameIn { .. }
                    | Destination::Volume { .. }
                    | Destination::Many(_)
                    | Destination::Local => false,
                }
        }
    }
}

fn is_any_of_folder(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(_, name)| name == ANY_FILE)
}

/// How wide a template is: 0 for the first rung, 2 for the last.
pub(super) fn height(template: &Behaviour) -> u32 {
    let Behaviour::Network(network) = template else {
        return 0;
    };
    match (network.direction(), network.port(), network.destination()) {
        (Direction::Listen, ..) => 0,
        (Direction::Connect | Direction::Send, 0, _) => 2,
        (Direction::Connect | Direction::Send, _, destination) => u32::from(is_everything(destination)),
    }
}

fn program(process: &ProcessBehaviour) -> Option<Behaviour> {
    let is_plain = process.script().is_none()
        && process.applet().is_none()
        && process.command().is_none()
        && !process.stdin_socket()
        && !process.stdout_socket()
        && process.gained().is_empty();
    if !process.source().is_of_image() || !is_plain || telling::runs_anything(process.executable()) {
        return None;
    }
    let parts = ProcessParts {
        executable: any_of_folder(process.executable())?,
        source: SourceLayer::Image,
        ..ProcessParts::from(process.clone())
    };
    Some(Behaviour::Process(parts.into()))
}

fn any_of_folder(path: &str) -> Option<String> {
    let (folder, _) = path.rsplit_once('/')?;
    Some(format!("{folder}/{ANY_FILE}"))
}

fn flow(network: &NetworkBehaviour) -> Option<Behaviour> {
    if telling::talks_to_anybody(network.executable()) {
        return None;
    }
    let same = || NetworkParts::from(network.clone());
    let parts = match network.direction() {
        Direction::Listen => NetworkParts { port: 0, ..same() },
        Direction::Connect | Direction::Send => match destination(network.destination())? {
            Wider::To(destination) if network.port() != 0 => NetworkParts { destination, ..same() },
            Wider::Nowhere if network.port() != 0 => NetworkParts { port: 0, ..same() },
            Wider::To(_) | Wider::Nowhere => return None,
        },
    };
    Some(Behaviour::Network(parts.into()))
}

/// What a destination widens to.
enum Wider {
    /// Another one.
    To(Destination),
    /// It is as wide as can be.
    Nowhere,
}

/// None where nothing wider may stand for it.
fn destination(destination: &Destination) -> Option<Wider> {
    if is_everything(destination) {
        return Some(Wider::Nowhere);
    }
    let wider = match destination {
        Destination::Prefix(network) => {
            let everything = everything_around(network)?;
            let wide = Destination::wide(network.addr());
            Destination::Prefix(if network.prefix_len() > wide.prefix_len() {
                wide
            } else {
                everything
            })
        }
        Destination::Name(name) if name.starts_with("*.") => Destination::Name(ANY.to_owned()),
        Destination::Name(name) => Destination::Name(format!("*.{}", psl::domain_str(name)?)),
        Destination::Service(service) => {
            let (namespace, name) = service.split_once('/')?;
            if telling::is_of_the_cluster(namespace, name) {
                return None;
            }
            let namespace = if name == ANY { ANY } else { namespace };
            Destination::Service(format!("{namespace}/{ANY}"))
        }
        Destination::Workload(workload) => {
            if telling::is_of_the_cluster(&workload.namespace, &workload.name) {
                return None;
            }
            let namespace = if workload.name == ANY { ANY } else { &workload.namespace };
            Destination::Workload(WorkloadKey::new(namespace, ANY, ANY))
        }
        Destination::Group(_)
        | Destination::NameIn { .. }
        | Destination::Volume { .. }
        | Destination::Many(_)
        | Destination::Local => return None,
    };
    Some(Wider::To(wider))
}

/// Whether a destination stands for all of its kind.
fn is_everything(destination: &Destination) -> bool {
    match destination {
        Destination::Prefix(network) => {
            everything_around(network).is_some_and(|all| all.prefix_len() >= network.prefix_len())
        }
        Destination::Name(name) => name == ANY,
        Destination::Service(service) => service == "*/*",
        Destination::Workload(workload) => workload.namespace == ANY,
        Destination::Group(_)
        | Destination::NameIn { .. }
        | Destination::Volume { .. }
        | Destination::Many(_)
        | Destination::Local => false,
    }
}

/// Private networks (RFC 1918, RFC 6598, RFC 4193).
const PRIVATE_V4: [Ipv4Net; 4] = [
    v4([10, 0, 0, 0], 8),
    v4([172, 16, 0, 0], 12),
    v4([192, 168, 0, 0], 16),
    v4([100, 64, 0, 0], 10),
];
const PRIVATE_V6: Ipv6Net = v6([0xfc00, 0], 7);

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b]: [u16; 2], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(std::net::Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// Networks that mean something by themselves: nothing wider stands for them. "This" network, the link's (a cloud's
/// metadata service is there), multicast, and the metadata services that lie elsewhere: Alibaba's, Oracle's, Azure's, and
/// that of AWS over IPv6.
const PARTICULAR_V4: [Ipv4Net; 7] = [
    v4([0, 0, 0, 0], 8),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([224, 0, 0, 0], 3),
    v4([100, 100, 100, 0], 24),
    v4([192, 0, 0, 0], 24),
    v4([168, 63, 129, 0], 24),
];
const PARTICULAR_V6: [Ipv6Net; 4] = [
    v6([0, 0], 32),
    v6([0xfe80, 0], 10),
    v6([0xff00, 0], 8),
    v6([0xfd00, 0xec2], 32),
];

/// All networks of a network's class, public or private; none for a particular one.
fn everything_around(network: &IpNet) -> Option<IpNet> {
    let is_all = network.prefix_len() == 0;
    match network.addr() {
        IpAddr::V4(address) => {
            let particular = PARTICULAR_V4.iter().any(|held| held.contains(&address));
            let private = PRIVATE_V4.iter().find(|held| held.contains(&address));
            (is_all || !particular).then(|| private.map_or(v4([0; 4], 0), |private| *private).into())
        }
        IpAddr::V6(address) => {
            let particular = PARTICULAR_V6.iter().any(|held| held.contains(&address));
            let private = PRIVATE_V6.contains(&address);
            (is_all || !particular).then(|| if private { PRIVATE_V6 } else { v6([0, 0], 0) }.into())
        }
    }
}
