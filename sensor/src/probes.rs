//! The table of programs: which hooks each can have, and what is lost without them.
//!
//! What a kernel offers is found out by trying, never by its version: a probe names its ways in order of preference,
//! and the first that the kernel takes is used.

mod module;
mod network;
mod process;

use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor_common::offsets::Need;

/// Something that the sensor wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    pub feed: Feed,
    /// Without it the sensor can't work, whatever else there is.
    pub required: bool,
    /// What is not seen without it.
    pub blind: &'static str,
    /// How it can be seen, best first; never empty.
    pub ways: &'static [Way],
}

/// A program of the object and its hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The hook, as in `tp_btf/sched_process_exec`.
    pub name: &'static str,
    /// Name of the program in the object.
    pub program: &'static str,
    pub hook: Hook,
    /// The fields of the kernel without which its program can't work.
    pub needs: Need,
    /// What is not seen this way, although it is in place; empty if nothing is missing.
    pub blind: &'static str,
}

/// Where a program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// A tracepoint whose arguments the kernel's type information describes.
    BtfTracepoint(&'static str),
    /// A tracepoint by its folder in tracefs.
    Tracepoint { category: &'static str, name: &'static str },
    /// The entry of a kernel function; needs trampolines.
    Fentry(&'static str),
    /// A hook for security modules; needs trampolines, and `bpf` among the active modules.
    Lsm(&'static str),
    /// A cgroup's `connect` or `sendmsg`; the object says which.
    CgroupSockAddr,
    /// A cgroup's `post_bind`; the object says which.
    CgroupSock,
    /// Packets that sockets of a cgroup receive.
    CgroupIngress,
    /// Packets that sockets of a cgroup send.
    CgroupEgress,
}

/// The feed that a hook serves, by the hook's name; the process feed's where no probe has such a way.
pub fn feed_of(hook: &str) -> Feed {
    let has = |probe: &&Probe| probe.ways.iter().any(|way| way.name == hook);
    all().find(has).map_or(Feed::Process, |probe| probe.feed)
}

impl Probe {
    /// The name of its best way, by which it is known whatever way it takes.
    pub const fn name(&self) -> &'static str {
        match self.ways.first() {
            Some(way) => way.name,
            None => "",
        }
    }
}

impl Hook {
    /// Whether it belongs to a cgroup, and so needs the right to administer networks.
    pub const fn is_cgroups(self) -> bool {
        match self {
            Self::BtfTracepoint(_) | Self::Tracepoint { .. } | Self::Fentry(_) | Self::Lsm(_) => false,
            Self::CgroupSockAddr | Self::CgroupSock | Self::CgroupIngress | Self::CgroupEgress => true,
        }
    }
}

/// Every probe, in the order in which they are attached: what forgets comes before what remembers.
pub fn all() -> impl Iterator<Item = &'static Probe> {
    process::PROBES.iter().chain(&network::PROBES).chain(&module::PROBES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_probe_has_a_way_a_name_of_its_own_and_says_what_is_lost_without_it() {
        let mut names = HashSet::new();
        for probe in all() {
            assert!(!probe.ways.is_empty() && !probe.blind.is_empty(), "{probe:?}");
            assert!(names.insert(probe.name()), "{probe:?}");
            // The report's schema allows 63 characters.
            assert!(probe.ways.iter().all(|way| way.name.len() <= 63), "{probe:?}");
        }
    }
}
