//! Flows → what a container talks to, and under which name.

use anchorwatch_core::address::AddressClass;
use anchorwatch_core::behaviour::{Direction, Protocol};
use anchorwatch_core::id::WorkloadKey;
use anchorwatch_core::observation::NetworkObservation;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cgroup::ContainerId;
use super::destination::{ClusterChange, Directory, Owner};
use super::pod::Container;
use crate::decode::{Dns, Flow, FlowKind, FlowProtocol};
use crate::dns::{self, MessageError};
use crate::losses::LossReason;
use crate::names::resolvers::Resolvers;
use crate::names::{NameLimits, Names, Taken};
use crate::rooms::Rooms;

/// How long flows wait for the first lists of Services, endpoints and nodes. Afterwards they go without: an API server
/// that refuses them must not silence the feed.
const PATIENCE: Duration = Duration::from_mins(1);

/// Connections whose name is remembered until they are closed, half of them of one container at most; about 250 bytes each.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");

/// What an answer of a resolver was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    Taken(Taken),
    /// No DNS message, or none that answers.
    Malformed(MessageError),
    /// Not to a container.
    Host,
    /// Nobody knows to whom: destinations of its container have no name by it.
    Lost(LossReason),
}

/// Knows destinations by their names, Services and nodes.
#[derive(Debug)]
pub struct Destinations {
    names: Names<ContainerId>,
    resolvers: Resolvers,
    /// `None` where there is no cluster.
    directory: Option<Directory>,
    connections: Rooms<Connection, Option<Arc<str>>>,
    /// When flows no longer wait for the directory.
    patient_until: Instant,
}

/// What is opened and closed under one name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Connection {
    container: ContainerId,
    /// As the kernel knows the name.
    question: Option<u64>,
    /// `None` for the last one of any program's.
    exec_id: Option<u64>,
    protocol: Protocol,
    address: SocketAddr,
}

/// Why a flow has no destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoDestination {
    /// It stays inside the pod.
    Loopback,
    /// A connection was closed whose opening is not known any more, so that its name can't be told.
    Forgotten,
}

/// The opening of a connection is not known any more.
struct Forgotten;

impl Destinations {
    /// In a cluster, whose addresses are told by [`Destinations::change`].
    pub fn in_cluster(resolvers: Resolvers, now: Instant) -> Self {
        Self {
            directory: Some(Directory::default()),
            ..Self::on_host(resolvers, now)
        }
    }

    /// On a host without a cluster.
    pub fn on_host(resolvers: Resolvers, now: Instant) -> Self {
        Self {
            names: Names::new(NameLimits::default()),
            resolvers,
            directory: None,
            connections: Rooms::new(CONNECTIONS),
            patient_until: now + PATIENCE,
        }
    }

    /// Takes over what became of an object of the cluster; whether the cluster's DNS changed by that.
    pub fn change(&mut self, change: ClusterChange) -> bool {
        let Some(directory) = &mut self.directory else {
            return false;
        };
        directory.change(change);
        match directory.changed_dns() {
            Some(cluster) if cluster != self.resolvers.cluster => {
                self.resolvers.cluster = cluster;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Whose answers count.
    pub const fn resolvers(&mut self) -> &mut Resolvers {
        &mut self.resolvers
    }

    /// Addresses of the cluster.
    pub const fn directory(&self) -> Option<&Directory> {
        self.directory.as_ref()
    }

    /// Whether flows have to wait before their destinations can be told.
    pub fn is_ready(&self, now: Instant) -> bool {
        now >= self.patient_until || self.directory.as_ref().is_none_or(Directory::is_complete)
    }

    /// Takes over what a container was answered, which may not be known yet beside its id. To the kernel's filter a flow
    /// under another name is another flow, so that it shows by itself.
    pub fn dns(&mut self, id: &ContainerId, record: &Dns) -> Answered {
        let read = if record.truncated { dns::beginning } else { dns::answer };
        match read(&record.message) {
            Ok(answer) => Answered::Taken(self.names.answer(id, record.resolver, record.time_ns, &answer)),
            Err(error) => Answered::Malformed(error),
        }
    }

    /// Forgets what is no longer good at a time of `CLOCK_BOOTTIME`, in nanoseconds.
    pub fn expire(&mut self, now_ns: u64) {
        let waited = u64::try_from(PATIENCE.as_nanos()).unwrap_or(u64::MAX);
        self.names.expire(now_ns.saturating_sub(2 * waited));
    }

    /// Forgets the connections of a container that is gone, by its cgroup.
    pub fn forget(&mut self, cgroup: u64) {
        self.connections.forget(cgroup);
    }

    /// Addresses that have names.
    pub const fn named(&self) -> usize {
        self.names.len()
    }

    /// What a container talks to. Executable, origin and lineage are the caller's.
    pub fn observe(
        &mut self,
        id: &ContainerId,
        container: &Container,
        flow: &Flow,
    ) -> Result<NetworkObservation, NoDestination> {
        let (direction, bytes_sent) = match flow.kind {
            FlowKind::Connect => (Direction::Connect, None),
            FlowKind::Send => (Direction::Send, None),
            FlowKind::Listen { .. } => (Direction::Listen, None),
            FlowKind::Close { bytes_sent } => (Direction::Connect, Some(bytes_sent)),
        };
        if stays_inside(flow, direction) {
            return Err(NoDestination::Loopback);
        }
        let protocol = match flow.protocol {
            FlowProtocol::Tcp => Protocol::Tcp,
            FlowProtocol::Udp => Protocol::Udp,
        };
        let mut observation = NetworkObservation {
            direction,
            protocol,
            address: Some(flow.address.ip()),
            port: match flow.kind {
                FlowKind::Listen { port_chosen: true } => 0,
                _ => flow.address.port(),
            },
            backend: flow.backend,
            bytes_sent,
            ..NetworkObservation::default()
        };
        match direction {
            Direction::Listen => return Ok(observation),
            Direction::Connect | Direction::Send => {}
        }
        match self.owner(flow, protocol) {
            Some(Owner::Service(service)) => observation.service = Some(service.as_ref().to_owned()),
            Some(Owner::Node) => observation.peer = Some(some_node()),
            None => {}
        }
        let owned = observation.service.is_some() || observation.peer.is_some();
        let name = match self.name(id, container, flow, protocol) {
            Err(Forgotten) if owned => None,
            Err(Forgotten) => return Err(NoDestination::Forgotten),
            Ok(name) => name,
        };
        observation.name = name.as_deref().map(str::to_owned);
        Ok(observation)
    }

    fn owner(&self, flow: &Flow, protocol: Protocol) -> Option<Owner> {
        let directory = self.directory.as_ref()?;
        directory.owner(flow.address.ip(), protocol, flow.address.port())
    }

    /// The name that was looked up before the flow; for the end of a connection, the one that it was opened under, since
    /// it may last longer than any answer is good. Where the kernel's filter swallowed the opening, because it knew it of
    /// another execution, that one's.
    fn name(
        &mut self,
        id: &ContainerId,
        container: &Container,
        flow: &Flow,
        protocol: Protocol,
    ) -> Result<Option<Arc<str>>, Forgotten> {
        let connection = Connection {
            container: id.clone(),
            question: flow.question,
            exec_id: flow.exec_id,
            protocol,
            address: flow.address,
        };
        let anybodys = Connection {
            exec_id: None,
            ..connection.clone()
        };
        match flow.kind {
            FlowKind::Close { .. } => {
                if let Some(name) = self.connections.get(&connection) {
                    return Ok(name.clone());
                }
                self.connections.get(&anybodys).cloned().ok_or(Forgotten)
            }
            FlowKind::Connect | FlowKind::Send | FlowKind::Listen { .. } => {
                let counts = |resolver| self.resolvers.count(&container.dns, resolver);
                let name = self.names.name(id, flow.address.ip(), flow.time_ns, counts);
                self.connections.insert(flow.container, connection, name.clone());
                self.connections.insert(flow.container, anybodys, name.clone());
                Ok(name)
            }
        }
    }
}

/// Whether a flow never leaves the pod. A listener on the unspecified address listens everywhere.
fn stays_inside(flow: &Flow, direction: Direction) -> bool {
    let address = flow.address.ip();
    match direction {
        Direction::Listen => address.is_loopback(),
        Direction::Connect | Direction::Send => AddressClass::of(address) == AddressClass::Loopback,
    }
}

/// Stands for all nodes of the cluster: they come and go, and each would be news.
fn some_node() -> WorkloadKey {
    WorkloadKey::new("", "Node", "*")
}
