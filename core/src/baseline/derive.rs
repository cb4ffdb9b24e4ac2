//! What else a report says, beside the key itself. Of a flow: groups of networks that it reached, denied networks, a known
//! name that moved, and a volume that nobody saw before. Of a process: capabilities that it never gained before, and command
//! lines unlike those that were learned. Each is a behaviour of its own, and goes the way of any other.

mod gained;
mod unusual;

use std::{borrow::Cow, collections::BTreeSet, net::IpAddr};

use super::{BehaviourReport, Entry, FeedBaseline, Maturity, Scoring};
use crate::{
    behaviour::{Attributes, Behaviour, Destination, Direction, MAX_ADDRESSES, NetworkBehaviour, NetworkParts, Origin},
    id::{ContainerName, PodUid},
    policy::Policy,
    rules,
    score::Strangeness,
    time::Timestamp,
};

/// Fewest bytes that are an unusual volume: 64 MiB.
const MIN_VOLUME: u64 = 64 << 20;
/// How many times the learned maximum an unusual volume is.
const VOLUME_FACTOR: u64 = 16;

/// A report, and what is derived of it.
pub(crate) struct Split<'a> {
    /// The report, without what must not be learned of it.
    pub base: Cow<'a, BehaviourReport>,
    /// What is derived, each a report of its own.
    pub derived: Vec<Derived>,
    /// Command lines that were not learned, and are not raised: usual as far as can be told.
    pub usual: BTreeSet<String>,
}

/// A derived report.
pub(crate) struct Derived {
    /// The report.
    pub report: BehaviourReport,
    /// Of an unusual command: why.
    pub strangeness: Option<Strangeness>,
}

impl Derived {
    /// Of an unusual command: its line.
    pub(super) fn command(&self) -> Option<&str> {
        match &self.report.behaviour {
            Behaviour::Process(process) => process.command(),
            Behaviour::Network(_) | Behaviour::Module(_) => None,
        }
    }
}

impl From<BehaviourReport> for Derived {
    fn from(report: BehaviourReport) -> Self {
        Self {
            report,
            strangeness: None,
        }
    }
}

/// The container and pod that a report is of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whose<'a> {
    pub container: &'a ContainerName,
    pub pod: &'a PodUid,
    /// When what it tells of began: no later than it is told of, whatever a node says.
    pub at: Timestamp,
}

/// Splits a report; `feed` is what the baseline holds of its container's feed.
///
/// Nothing is derived where the behaviour itself is raised by a rule that needs no baseline. Addresses and volumes of a
/// learned destination, and the capabilities and commands of a learned process, grow only while the baseline learns: else
/// small steps would lead anywhere.
pub(crate) fn split<'a>(
    seen: &'a BehaviourReport,
    whose: Whose<'_>,
    feed: &FeedBaseline,
    policy: &Policy,
    scoring: &mut Scoring,
) -> Split<'a> {
    let mut split = Split {
        base: Cow::Borrowed(seen),
        derived: Vec::new(),
        usual: BTreeSet::new(),
    };
    let held = feed.entries.get(&seen.behaviour.id());
    let learned = held.filter(|entry| !entry.is_quarantined() || entry.is_bounded());
    let judges = match policy.approvals.maturity(feed.maturity) {
        Maturity::Learning => None,
        Maturity::Provisional | Maturity::Enforcing => learned,
    };
    let raises = rules::without_baseline(&seen.behaviour, policy).is_none();
    match (&seen.behaviour, judges) {
        (Behaviour::Process(process), Some(learned)) => {
            gained::split(&mut split, process, seen, learned, raises);
            let unlearned = unusual::split(&mut split, learned);
            if raises {
                let commands = unusual::Judging {
                    whose,
                    feed,
                    policy,
                    scoring,
                };
                let strange = commands.raised(process, seen, unlearned.clone());
                split.usual = unlearned;
                for line in strange.iter().filter_map(Derived::command) {
                    split.usual.remove(line);
                }
                split.derived.extend(strange);
            }
        }
        (Behaviour::Network(network), _) if leads_out(network) => {
            split_flow(&mut split, network, seen, judges, policy, raises);
        }
        (Behaviour::Process(_) | Behaviour::Network(_) | Behaviour::Module(_), _) => {}
    }
    split
}

fn split_flow(
    split: &mut Split<'_>,
    network: &NetworkBehaviour,
    seen: &BehaviourReport,
    judges: Option<&Entry>,
    policy: &Policy,
    raises: bool,
) {
    if let Some(learned) = judges {
        let base = split.base.to_mut();
        base.attributes.addresses = BTreeSet::new();
        base.attributes.bytes_sent = 0;
        if raises {
            let moved = elsewhere(network, seen, learned).chain(volume(network, seen, learned));
            split.derived.extend(moved.map(Derived::from));
        }
    }
    if raises {
        let reached = groups(network, seen, policy).chain(denied(network, seen, policy));
        split.derived.extend(reached.map(Derived::from));
    }
}

/// Whether something can be derived of a flow.
fn leads_out(network: &NetworkBehaviour) -> bool {
    let leads_out = match network.direction() {
        Direction::Connect | Direction::Send => true,
        Direction::Listen => false,
    };
    leads_out && network.origin() != Origin::Exec
}

/// The report of a flow to another destination, by some of the addresses.
fn other(
    network: &NetworkBehaviour,
    seen: &BehaviourReport,
    destination: Destination,
    addresses: BTreeSet<IpAddr>,
) -> BehaviourReport {
    let parts = NetworkParts {
        destination,
        ..NetworkParts::from(network.clone())
    };
    BehaviourReport {
        behaviour: Behaviour::Network(parts.into()),
        attributes: Attributes {
            addresses,
            ..Attributes::default()
        },
        ..seen.clone()
    }
}

/// Addresses that have something in common, by that.
fn by<K: Ord>(addresses: impl Iterator<Item = (K, IpAddr)>) -> std::collections::BTreeMap<K, BTreeSet<IpAddr>> {
    let mut sorted: std::collections::BTreeMap<K, BTreeSet<IpAddr>> = std::collections::BTreeMap::new();
    for (key, address) in addresses {
        sorted.entry(key).or_default().insert(address);
    }
    sorted
}

fn groups<'a>(
    network: &'a NetworkBehaviour,
    seen: &'a BehaviourReport,
    policy: &Policy,
) -> impl Iterator<Item = BehaviourReport> + use<'a> {
    let reached = seen.attributes.addresses.iter().flat_map(|address| {
        let names = policy.network.groups.of(*address);
        names.map(|name| (name.to_owned(), *address))
    });
    by(reached)
        .into_iter()
        .map(move |(name, addresses)| other(network, seen, Destination::Group(name), addresses))
}

fn denied<'a>(
    network: &'a NetworkBehaviour,
    seen: &'a BehaviourReport,
    policy: &Policy,
) -> impl Iterator<Item = BehaviourReport> + use<'a> {
    let reached = seen.attributes.addresses.iter().filter_map(|address| {
        let listed = policy.network.deny_networks.iter();
        let mut networks = listed.chain(policy.approvals.denied_networks());
        let within = networks.find(|denied| denied.contains(*address))?;
        Some((within.net(), *address))
    });
    by(reached)
        .into_iter()
        .map(move |(within, addresses)| other(network, seen, Destination::Prefix(within), addresses))
}

/// A known name that led to a network where it did not lead while it was learned. A name of which as many addresses were
/// learned as are kept leads anywhere.
fn elsewhere<'a>(
    network: &'a NetworkBehaviour,
    seen: &'a BehaviourReport,
    learned: &Entry,
) -> impl Iterator<Item = BehaviourReport> + use<'a> {
    let known = &learned.attributes.addresses;
    let networks: BTreeSet<_> = known.iter().copied().map(Destination::wide).collect();
    let name = match network.destination() {
        Destination::Name(name) if !known.is_empty() && known.len() < MAX_ADDRESSES => Some(name),
        _ => None,
    };
    name.into_iter().flat_map(move |name| {
        let wide = seen.attributes.addresses.iter();
        let wide = wide.map(|address| (Destination::wide(*address), *address));
        let elsewhere = by(wide.filter(|(within, _)| !networks.contains(within)));
        elsewhere.into_iter().map(move |(within, addresses)| {
            let destination = Destination::NameIn {
                name: name.clone(),
                network: within,
            };
            other(network, seen, destination, addresses)
        })
    })
}

fn volume(network: &NetworkBehaviour, seen: &BehaviourReport, learned: &Entry) -> Option<BehaviourReport> {
    let sent = seen.attributes.bytes_sent;
    let log2 = u8::try_from(sent.checked_ilog2()?).ok()?;
    let usual = learned.attributes.bytes_sent;
    if sent < MIN_VOLUME || sent / VOLUME_FACTOR < usual {
        return None;
    }
    let destination = Destination::Volume {
        to: Box::new(network.destination().clone()),
        log2,
    };
    let mut report = other(network, seen, destination, seen.attributes.addresses.clone());
    report.attributes.bytes_sent = sent;
    Some(report)
}
