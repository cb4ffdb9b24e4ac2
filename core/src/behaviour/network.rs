//! The network feed's behaviour: which program talks to what, or listens where.

use serde::{Deserialize, Serialize};

use super::{Destination, KeyHash, Origin};
use crate::text::{MAX_PATH, bounded};

/// Who begins.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The container connects (TCP, or a UDP socket that is bound to one peer).
    #[default]
    Connect,
    /// The container sends datagrams from an unconnected socket.
    Send,
    /// The container listens.
    Listen,
}

impl Direction {
    /// Its name in objects and recordings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Send => "send",
            Self::Listen => "listen",
        }
    }
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Its name in objects and recordings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// The least port that a kernel chooses by itself, by default (`ip_local_port_range`, `net/ipv4/af_inet.c`).
const FIRST_EPHEMERAL: u16 = 32_768;

/// The parts of a network behaviour, as they come: any text may stand in them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NetworkParts {
    /// What started the lineage of the process.
    #[serde(default)]
    pub origin: Origin,
    /// Path of the executable inside the container.
    pub executable: String,
    /// Who begins.
    pub direction: Direction,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The destination's port or, for a listener, its own.
    pub port: u16,
    /// What is talked to.
    pub destination: Destination,
}

/// A network behaviour, normalised. Made from [`NetworkParts`], and from nothing else: texts are bounded, a listener's
/// destination is local, and a listener's port that the kernel may have chosen is 0.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(from = "NetworkParts", into = "NetworkParts")]
pub struct NetworkBehaviour {
    // The order of the fields decides which of two variants of one key stands for it: the one that says more.
    origin: Origin,
    executable: Box<str>,
    direction: Direction,
    protocol: Protocol,
    port: u16,
    destination: Destination,
}

impl From<NetworkParts> for NetworkBehaviour {
    fn from(parts: NetworkParts) -> Self {
        let listens = match parts.direction {
            Direction::Listen => true,
            Direction::Connect | Direction::Send => false,
        };
        Self {
            origin: parts.origin,
            executable: bounded(parts.executable, MAX_PATH).into(),
            direction: parts.direction,
            protocol: parts.protocol,
            port: if listens && parts.port >= FIRST_EPHEMERAL {
                0
            } else {
                parts.port
            },
            destination: if listens {
                Destination::Local
            } else {
                parts.destination.bounded()
            },
        }
    }
}

impl From<NetworkBehaviour> for NetworkParts {
    fn from(behaviour: NetworkBehaviour) -> Self {
        Self {
            origin: behaviour.origin,
            executable: behaviour.executable.into(),
            direction: behaviour.direction,
            protocol: behaviour.protocol,
            port: behaviour.port,
            destination: behaviour.destination,
        }
    }
}

impl NetworkBehaviour {
    /// What started the lineage of the process.
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Path of the executable inside the container.
    pub fn executable(&self) -> &str {
        &self.executable
    }

    /// Who begins.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// The transport protocol.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The destination's port or, for a listener, its own; 0 for one that the kernel may have chosen.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What is talked to.
    pub const fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Whether another one differs by its destination at most.
    pub fn is_alike(&self, other: &Self) -> bool {
        let same = |one: &Self| (one.origin.in_key(), one.direction, one.protocol, one.port);
        same(self) == same(other) && self.executable == other.executable
    }

    pub(super) fn feed_key(&self, key: &mut KeyHash) {
        key.part(self.origin.in_key().as_bytes());
        key.part(self.executable.as_bytes());
        key.part(self.direction.as_str().as_bytes());
        key.part(self.protocol.as_str().as_bytes());
        key.part(&self.port.to_le_bytes());
        self.destination.feed_key(key);
    }
}
