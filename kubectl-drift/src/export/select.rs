//! Which of what was learned is exported, and what is left out and why.

use std::collections::BTreeMap;

use anchorwatch_convert::{from_clock, named_from_pattern};
use anchorwatch_core::{
    baseline::{Baseline, Entry, EntryState},
    behaviour::{Behaviour, Destination, ModuleKind, SourceLayer},
    id::{ContainerName, TemplateHash},
    policy::{Policy, approvals::Pattern},
    rules::denied_by,
    time::Timestamp as CoreTime,
};
use anchorwatch_crds::v1alpha1::NamedBehaviors;
use jiff::Timestamp;

use super::nameable::is_nameable;

/// What is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Only {
    /// All of it.
    Everything,
    /// What was first seen since then.
    Since(Timestamp),
    /// What a revision newly did.
    Revision {
        /// Its number.
        number: i64,
        /// Hash of its template.
        hash: TemplateHash,
    },
}

impl Only {
    fn wants(&self, entry: &Entry) -> bool {
        match self {
            Self::Everything => true,
            Self::Since(since) => entry.first_seen >= from_clock(*since),
            Self::Revision { hash, .. } => entry.lesson.revisions.iter().eq([hash]),
        }
    }
}

/// One behaviour as an approval names it.
#[derive(Clone, Debug)]
pub(super) struct Approved {
    /// It, and nothing else.
    pub named: NamedBehaviors,
    /// When it was first seen.
    pub since: CoreTime,
    /// True where a person accepted it in an alert.
    pub accepted: bool,
}

/// What is exported.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// It, in an order that follows from the behaviours alone.
    pub approved: Vec<Approved>,
    /// How much is left out, by the reason.
    pub left_out: BTreeMap<&'static str, usize>,
}

impl Selection {
    pub fn of(learned: &Baseline, policy: &Policy, only: &Only, image_libraries: bool) -> Self {
        let mut selection = Self::default();
        let mut entries: Vec<_> = learned.entries().map(|(name, _, entry)| (name, entry)).collect();
        entries.sort_by(|(a, x), (b, y)| (a, &x.behaviour).cmp(&(b, &y.behaviour)));
        for (container, entry) in entries.into_iter().filter(|(_, entry)| only.wants(entry)) {
            match approved(container, entry, policy, image_libraries) {
                Ok(approved) => selection.approved.push(approved),
                Err(reason) => *selection.left_out.entry(reason).or_default() += 1,
            }
        }
        selection
    }

    pub fn is_empty(&self) -> bool {
        self.approved.is_empty()
    }
}

const RAISED: &str = "raised and not decided to be normal";
const DENIED: &str = "denied by an approval or a policy";
const UNVERIFIED: &str = "shown by pods that nobody knows";
const OF_IMAGE: &str = "libraries of the image, which are approved by being part of it (--image-libraries)";
const WIDE: &str = "joined with others because room ran short: an approval of it would cover too much";
const UNNAMED: &str = "of a kind that no approval can name";

/// As an approval names it, or why it does not.
fn approved(
    container: &ContainerName,
    entry: &Entry,
    policy: &Policy,
    image_libraries: bool,
) -> Result<Approved, &'static str> {
    let accepted = match entry.state {
        EntryState::Learned => false,
        EntryState::Accepted { .. } => true,
        EntryState::Quarantined { .. } => return Err(RAISED),
    };
    let behaviour = &entry.behaviour;
    if denied_by(policy, container, behaviour).is_some() {
        return Err(DENIED);
    }
    if entry.unverified {
        return Err(UNVERIFIED);
    }
    if !image_libraries && is_of_image(behaviour) {
        return Err(OF_IMAGE);
    }
    if entry.generalised && is_wide(behaviour) {
        return Err(WIDE);
    }
    let named = Pattern::approving(behaviour).map(|pattern| named_from_pattern(&pattern, Some(container)));
    Ok(Approved {
        named: named.filter(is_nameable).ok_or(UNNAMED)?,
        since: entry.first_seen,
        accepted,
    })
}

fn is_of_image(behaviour: &Behaviour) -> bool {
    match behaviour {
        Behaviour::Module(module) => module.kind() == ModuleKind::Library && module.source() == SourceLayer::Image,
        Behaviour::Process(_) | Behaviour::Network(_) => false,
    }
}

/// Whether a template covers more than names below one, or a network of a single owner: the programs of a folder, any port,
/// any name.
fn is_wide(template: &Behaviour) -> bool {
    let Behaviour::Network(network) = template else {
        return true;
    };
    let is_wide = match network.destination() {
        Destination::Name(name) => !name.starts_with("*."),
        Destination::Prefix(network) => match network {
            ipnet::IpNet::V4(network) => network.prefix_len() < 16,
            ipnet::IpNet::V6(network) => network.prefix_len() < 32,
        },
        Destination::Service(_)
        | Destination::Workload(_)
        | Destination::Group(_)
        | Destination::NameIn { .. }
        | Destination::Volume { .. }
        | Destination::Many(_)
        | Destination::Local => true,
    };
    is_wide || network.port() == 0
}
