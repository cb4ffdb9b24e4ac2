//! Linux capabilities, by the names that people give them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A set of capabilities, a bit each (capabilities(7); numbers from include/uapi/linux/capability.h of Linux 6.18, which
/// never change). As text each has its name without `CAP_`, as a pod's `securityContext` has it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct CapabilitySet(u64);

/// Names by their numbers.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Stands for whatever newer kernels have beside [`NAMES`].
const OTHER: &str = "OTHER";
/// Its bit.
const OTHER_BIT: u64 = 1 << 63;

impl CapabilitySet {
    /// No capability.
    pub const NONE: Self = Self(0);

    /// Most bytes of a set as a list of texts in JSON.
    pub(crate) const MAX_JSON: usize = {
        let (mut bytes, mut at) = (OTHER.len() + 3, 0);
        while at < NAMES.len() {
            bytes += NAMES[at].len() + 3;
            at += 1;
        }
        bytes
    };

    /// A set by the kernel's bits.
    pub const fn from_bits(bits: u64) -> Self {
        let known = (1 << NAMES.len()) - 1;
        Self(bits & known | if bits & !known == 0 { 0 } else { OTHER_BIT })
    }

    /// Whether it holds nothing.
    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// What either holds.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What it holds and the other does not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The names of its capabilities, in the order of their numbers.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let named = NAMES.into_iter().enumerate();
        let named = named.filter(move |(number, _)| self.0 & 1 << number != 0);
        let other = (self.0 & OTHER_BIT != 0).then_some(OTHER);
        named.map(|(_, name)| name).chain(other)
    }

    /// Its bits, for a key.
    pub(super) const fn bits(self) -> u64 {
        self.0
    }
}

/// A name of nobody counts as one that is not known yet: what was gained must not vanish.
impl<T: AsRef<str>> FromIterator<T> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let bit = |name: T| {
            let number = NAMES.iter().position(|known| *known == name.as_ref());
            number.map_or(OTHER_BIT, |number| 1 << number)
        };
        Self(names.into_iter().map(bit).fold(0, |bits, bit| bits | bit))
    }
}

impl From<Vec<String>> for CapabilitySet {
    fn from(names: Vec<String>) -> Self {
        names.into_iter().collect()
    }
}

impl From<CapabilitySet> for Vec<String> {
    fn from(set: CapabilitySet) -> Self {
        set.names().map(str::to_owned).collect()
    }
}

/// Names with commas between.
impl fmt::Display for CapabilitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn capabilities_have_the_names_that_people_write() {
        let set = CapabilitySet::from_bits(1 << 13 | 1 << 21 | 1 << 40);
        assert_eq!(set.to_string(), "NET_RAW, SYS_ADMIN, CHECKPOINT_RESTORE");
        assert_eq!(
            set,
            ["CHECKPOINT_RESTORE", "SYS_ADMIN", "NET_RAW"].into_iter().collect()
        );
    }

    #[test]
    fn what_has_no_name_yet_is_not_lost() {
        let newer = CapabilitySet::from_bits(1 << 41);
        assert_eq!(newer.to_string(), "OTHER");
        assert_eq!(["CAP_OF_TOMORROW"].into_iter().collect::<CapabilitySet>(), newer);
        assert!(CapabilitySet::from_bits(u64::MAX).without(newer).names().eq(NAMES));
    }

    proptest! {
        #[test]
        fn a_set_reads_back_as_it_was_written_within_its_bound(bits: u64) {
            let set = CapabilitySet::from_bits(bits);
            let written = serde_json::to_string(&set).expect("JSON");
            prop_assert!(written.len() <= CapabilitySet::MAX_JSON + 2);
            prop_assert_eq!(serde_json::from_str::<CapabilitySet>(&written).expect("a set"), set);
        }
    }
}
