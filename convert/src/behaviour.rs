//! Behaviours of every feed, and what is known beside their keys.

pub(crate) mod module;
pub(crate) mod network;
mod process;
mod score;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use anchorwatch_core::behaviour::{Attributes, Behaviour, Feed, Origin, SourceLayer};
use anchorwatch_crds::v1alpha1::{self as crd, Behavior, BehaviorAttributes, FeedName};

use super::number::{to_i64, unsigned};

pub use score::{strangeness_from_crd, strangeness_to_crd};

/// From an object's behaviour. Any text may come: the core bounds it. None where the object names no feed, or says of a
/// destination what is none.
pub fn behaviour_from_crd(behavior: Behavior) -> Option<Behaviour> {
    let Behavior {
        process,
        network,
        module,
    } = behavior;
    let process = process.map(|process| Behaviour::Process(process::from_crd(process)));
    let module = || module.map(|module| Behaviour::Module(module::from_crd(module)));
    let network = || network.and_then(network::from_crd).map(Behaviour::Network);
    process.or_else(module).or_else(network)
}

/// To an object's behaviour.
pub fn behaviour_to_crd(behaviour: &Behaviour) -> Behavior {
    match behaviour {
        Behaviour::Process(process) => process::to_crd(process).into(),
        Behaviour::Network(network) => network::to_crd(network).into(),
        Behaviour::Module(module) => module::to_crd(module).into(),
    }
}

/// From an object's attributes, within the core's bounds. What is no address is left out.
pub fn attributes_from_crd(attributes: BehaviorAttributes) -> Attributes {
    let BehaviorAttributes {
        addresses,
        bytes_sent,
        commands,
        build_id,
        uids,
        effective_uids,
        setuid,
        gained,
        terminal,
    } = attributes;
    let ids = |uids: Vec<i64>| uids.into_iter().filter_map(|uid| u32::try_from(uid).ok()).collect();
    Attributes {
        addresses: addresses.iter().filter_map(|address| address.parse().ok()).collect(),
        bytes_sent: unsigned(bytes_sent),
        commands: commands.into_iter().collect(),
        build_id,
        uids: ids(uids),
        effective_uids: ids(effective_uids),
        setuid,
        gained: gained.into(),
        terminal,
    }
    .bounded()
}

/// To an object's attributes.
pub fn attributes_to_crd(attributes: &Attributes) -> BehaviorAttributes {
    let Attributes {
        addresses,
        bytes_sent,
        commands,
        build_id,
        uids,
        effective_uids,
        setuid,
        gained,
        terminal,
    } = attributes;
    let ids = |uids: &BTreeSet<u32>| uids.iter().copied().map(i64::from).collect();
    BehaviorAttributes {
        addresses: addresses.iter().map(ToString::to_string).collect(),
        bytes_sent: to_i64(*bytes_sent),
        commands: commands.iter().cloned().collect(),
        build_id: build_id.clone(),
        uids: ids(uids),
        effective_uids: ids(effective_uids),
        setuid: *setuid,
        gained: (*gained).into(),
        terminal: *terminal,
    }
}

/// Both directions between two enumerations with the same variants; the compiler checks that none is missing.
macro_rules! same_variants {
    ($vis:vis $from:ident, $to:ident, $core:ty, $crd:ty, [$($variant:ident),+ $(,)?]) => {
        /// From an object's.
        $vis const fn $from(value: $crd) -> $core {
            match value {
                $(<$crd>::$variant => <$core>::$variant,)+
            }
        }

        /// To an object's.
        $vis const fn $to(value: $core) -> $crd {
            match value {
                $(<$core>::$variant => <$crd>::$variant,)+
            }
        }
    };
}
use same_variants;

same_variants!(pub feed_from_crd, feed_to_crd, Feed, FeedName, [Process, Network, Module]);
same_variants!(
    pub(crate) origin_from_crd,
    origin_to_crd,
    Origin,
    crd::Origin,
    [Entrypoint, Probe, Exec, Unknown]
);
same_variants!(
    pub(crate) source_from_crd,
    source_to_crd,
    SourceLayer,
    crd::SourceLayer,
    [
        Image,
        ImageCopiedUp,
        ImageChanged,
        UpperNew,
        UpperUnknown,
        Volume,
        Memory,
        Deleted,
        Unsupported,
    ]
);
