//! Named groups of address ranges that a policy lists, and which of them an address lies in.

mod published;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;
use serde::Serialize;

use crate::{
    address::{IpPrefix, IpPrefixError, folded},
    text::shown,
};

pub use published::parse;

/// Longest text of one group that is read, in bytes. The longest list that a cloud publishes has about five million; a
/// ConfigMap holds one million.
pub const MAX_TEXT: usize = 16 << 20;
/// Most ranges of all groups of a policy together. The largest cloud publishes about fifteen thousand.
pub const MAX_PREFIXES: usize = 100_000;
/// Most groups of a policy.
pub const MAX_GROUPS: usize = 64;
/// Longest name of a group, in bytes.
pub const MAX_GROUP_NAME: usize = 63;

/// Why a list of ranges, or a set of groups, is not taken. Nothing of it is: half a list would make what it lacks news.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum GroupError {
    /// More text than is read.
    #[error("{bytes} bytes are too long: expected at most {MAX_TEXT}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// More ranges than are kept.
    #[error("{count} ranges of addresses are too many: expected at most {MAX_PREFIXES} in all groups of a policy")]
    TooManyPrefixes {
        /// How many.
        count: usize,
    },
    /// More groups than are kept.
    #[error("{count} groups are too many: expected at most {MAX_GROUPS}")]
    TooManyGroups {
        /// How many.
        count: usize,
    },
    /// A name that is empty, too long, or would not stand in a sentence as it is.
    #[error("{name:?} is no name for a group: expected 1 to {MAX_GROUP_NAME} letters, digits, '-', '_' or '.'")]
    Name {
        /// The name, shortened.
        name: String,
    },
    /// A JSON text that is none, or has another type somewhere.
    #[error("not read as JSON: {reason}")]
    Json {
        /// What is wrong, with line and column.
        reason: String,
    },
    /// A JSON text of no shape that is known.
    #[error(
        "no list of ranges: expected \"prefixes\" or \"ipv6_prefixes\" (as AWS and Google publish them), \"values\" \
         (as Azure does), or a list of texts"
    )]
    Shape,
    /// Nothing in it.
    #[error("no range of addresses in it")]
    Empty,
    /// A range that is none.
    #[error("{field}: {source}")]
    Prefix {
        /// Where it stands: `prefixes[3].ip_prefix`, or `line 7`.
        field: String,
        /// What is wrong with it.
        source: IpPrefixError,
    },
    /// An entry without a range.
    #[error("{field}: no range of addresses, expected {expected}")]
    Missing {
        /// Where it stands.
        field: String,
        /// The fields that hold one.
        expected: &'static str,
    },
}

/// The groups of a policy. Equal groups are written alike, whatever order they were listed in.
#[derive(Clone, Default)]
pub struct Groups(Arc<Index>);

#[derive(Default)]
struct Index {
    prefixes: BTreeMap<String, BTreeSet<IpPrefix>>,
    v4: PrefixMap<Ipv4Net, Vec<u8>>,
    v6: PrefixMap<Ipv6Net, Vec<u8>>,
}

impl Groups {
    /// Makes groups of their names and ranges; groups of the same name are joined.
    pub fn new(groups: impl IntoIterator<Item = (String, Vec<IpPrefix>)>) -> Result<Self, GroupError> {
        let mut prefixes: BTreeMap<String, BTreeSet<IpPrefix>> = BTreeMap::new();
        for (name, listed) in groups {
            if !is_name(&name) {
                return Err(GroupError::Name { name: shown(&name) });
            }
            prefixes.entry(name).or_default().extend(listed);
        }
        if prefixes.len() > MAX_GROUPS {
            return Err(GroupError::TooManyGroups { count: prefixes.len() });
        }
        let count = prefixes.values().map(BTreeSet::len).sum();
        if count > MAX_PREFIXES {
            return Err(GroupError::TooManyPrefixes { count });
        }
        let mut index = Index {
            prefixes,
            ..Index::default()
        };
        for (group, listed) in (0..).zip(index.prefixes.values()) {
            for prefix in listed {
                match prefix.net() {
                    IpNet::V4(net) => index.v4.entry(net).or_default().push(group),
                    IpNet::V6(net) => index.v6.entry(net).or_default().push(group),
                }
            }
        }
        Ok(Self(Arc::new(index)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.prefixes.is_empty()
    }

    /// How many ranges they have together.
    pub fn prefixes(&self) -> usize {
        self.0.prefixes.values().map(BTreeSet::len).sum()
    }

    /// The names of the groups, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.prefixes.keys().map(String::as_str)
    }

    /// The groups that an address, folded, lies in: each once, in the order of their names.
    pub fn of(&self, address: IpAddr) -> impl Iterator<Item = &str> {
        // A bit for each group: `MAX_GROUPS` is 64.
        let within = match folded(address) {
            IpAddr::V4(v4) => bits(self.0.v4.cover_values(&Ipv4Net::from(v4))),
            IpAddr::V6(v6) => bits(self.0.v6.cover_values(&Ipv6Net::from(v6))),
        };
        (0..)
            .zip(self.0.prefixes.keys())
            .filter(move |(group, _)| within >> group & 1 == 1)
            .map(|(_, name)| name.as_str())
    }
}

fn bits<'a>(covers: impl Iterator<Item = &'a Vec<u8>>) -> u64 {
    covers.flatten().fold(0, |bits, group| bits | 1 << group)
}

fn is_name(name: &str) -> bool {
    (1..=MAX_GROUP_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = self.0.prefixes.iter().map(|(name, listed)| (name, listed.len()));
        formatter.debug_map().entries(counts).finish()
    }
}

impl PartialEq for Groups {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.prefixes == other.0.prefixes
    }
}

impl Eq for Groups {}

impl Serialize for Groups {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.prefixes.serialize(serializer)
    }
}
