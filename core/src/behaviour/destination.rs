//! What a container talks to, by the first name that holds.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::KeyHash;
use crate::{
    id::WorkloadKey,
    normalise::domain_name,
    observation::NetworkObservation,
    text::{MAX_NAME, bounded},
    time::Hour,
};

/// What a container talks to.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Destination {
    /// A Service of the cluster, as `namespace/name`.
    Service(String),
    /// A workload of the cluster, behind the address of a pod.
    Workload(WorkloadKey),
    /// A DNS name that the container looked up.
    Name(String),
    /// A network: /24 of IPv4, /56 of IPv6.
    Prefix(IpNet),
    /// A group of networks that the policy names. Derived: it stands beside what else the destination is.
    Group(String),
    /// A DNS name together with a network (/16 of IPv4, /32 of IPv6) that it led to. Derived: a known name that moves
    /// shows by it.
    NameIn {
        /// The name.
        name: String,
        /// The network.
        network: IpNet,
    },
    /// A destination to which one connection sent very much. Derived: what is sent there otherwise is normal.
    Volume {
        /// The destination.
        to: Box<Self>,
        /// The whole part of the binary logarithm of the bytes that were sent.
        log2: u8,
    },
    /// More destinations than usual within an hour. Derived: each of them is a destination of its own, too.
    Many(Burst),
    /// The container itself, which listens.
    Local,
}

/// More new destinations than usual within an hour. Its hour is what identifies it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Burst {
    /// The hour.
    pub hour: Hour,
    /// How many they are.
    pub count: u32,
    /// How many are usual in an hour, in thousandths.
    pub usual_thousandths: u32,
}

/// Prefix lengths of a destination that has no name, in bits: a provider's smallest announcement, a customer's site.
const PREFIX: (u8, u8) = (24, 56);
/// Prefix lengths by which a name is said to have moved, in bits.
const WIDE: (u8, u8) = (16, 32);

impl Destination {
    /// The network of an address that has no name. An IPv4 address in IPv6 clothes counts as IPv4.
    pub fn prefix(address: IpAddr) -> Self {
        Self::Prefix(network(address, PREFIX))
    }

    /// The wide network that an address lies in: a /16 of IPv4, a /32 of IPv6.
    pub fn wide(address: IpAddr) -> IpNet {
        network(address, WIDE)
    }

    /// The same with every text bounded.
    pub(super) fn bounded(self) -> Self {
        match self {
            Self::Service(service) => Self::Service(bounded(service, 2 * MAX_NAME)),
            Self::Name(name) => Self::Name(bounded(name, MAX_NAME)),
            Self::Group(group) => Self::Group(bounded(group, MAX_NAME)),
            Self::NameIn { name, network } => Self::NameIn {
                name: bounded(name, MAX_NAME),
                network: network.trunc(),
            },
            Self::Prefix(network) => Self::Prefix(network.trunc()),
            Self::Workload(WorkloadKey { namespace, kind, name }) => Self::Workload(WorkloadKey {
                namespace: bounded(namespace, MAX_NAME),
                kind: bounded(kind, MAX_NAME),
                name: bounded(name, MAX_NAME),
            }),
            Self::Volume { to, log2 } => match *to {
                // What is derived of what is derived is no more than that.
                Self::Volume { to, .. } => Self::Volume { to, log2 }.bounded(),
                to => Self::Volume {
                    to: Box::new(to.bounded()),
                    log2,
                },
            },
            Self::Many(burst) => Self::Many(burst),
            Self::Local => Self::Local,
        }
    }

    pub(super) fn feed_key(&self, key: &mut KeyHash) {
        let (class, text) = match self {
            Self::Service(service) => ("service", service.clone()),
            Self::Workload(workload) => ("workload", workload.to_string()),
            Self::Name(name) => ("name", name.clone()),
            Self::Prefix(network) => ("prefix", network.to_string()),
            Self::Group(group) => ("group", group.clone()),
            Self::NameIn { name, network } => ("name in", format!("{name} {network}")),
            Self::Volume { to, log2 } => {
                key.part(b"volume");
                key.part(&[*log2]);
                return to.feed_key(key);
            }
            Self::Many(burst) => ("many", burst.hour.0.to_string()),
            Self::Local => ("local", String::new()),
        };
        key.part(class.as_bytes());
        key.part(text.as_bytes());
    }
}

/// The network of an address, by the prefix lengths of IPv4 and of IPv6.
fn network(address: IpAddr, (v4, v6): (u8, u8)) -> IpNet {
    let network = match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Net::new(address, v4).map(IpNet::V4),
        IpAddr::V6(address) => Ipv6Net::new(address, v6).map(IpNet::V6),
    };
    network.expect("a length within the address").trunc()
}

impl From<&NetworkObservation> for Destination {
    fn from(seen: &NetworkObservation) -> Self {
        use crate::behaviour::Direction;
        let by_address = || seen.address.map_or(Self::Local, Self::prefix);
        match seen.direction {
            Direction::Listen => Self::Local,
            Direction::Connect | Direction::Send => match (&seen.service, &seen.peer, &seen.name) {
                (Some(service), _, _) => Self::Service(service.clone()),
                (None, Some(workload), _) => Self::Workload(workload.clone()),
                // What is no name came from somebody who lies: the address says where it went.
                (None, None, Some(name)) => domain_name(name).map_or_else(|_| by_address(), Self::Name),
                (None, None, None) => by_address(),
            },
        }
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Service(service) => write!(f, "Service {service}"),
            Self::Workload(workload) => write!(f, "{workload}"),
            Self::Name(name) => f.write_str(name),
            Self::Prefix(network) => write!(f, "{network}"),
            Self::Group(group) => write!(f, "the group {group}"),
            Self::NameIn { name, network } => write!(f, "{name} in {network}"),
            Self::Volume { to, log2: _ } => to.fmt(f),
            Self::Many(burst) => write!(f, "{} new destinations", burst.count),
            Self::Local => f.write_str("the container itself"),
        }
    }
}
