//! The table of programs: which hooks each can have, and what is lost without them.
//!
//! What a kernel offers is found out by trying, never by its version: a probe names its ways in order of preference,
//! and the first that the kernel takes is used.

mod module;
mod network;
mod process;

use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor_common::offsets::Need;

pub use process::{EXECUTIONS, LINEAGE};

/// Something that the sensor wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    pub feed: Feed,
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

/// What is not seen by a way that is in place: by itself, or because this kernel lacks what its program can do without.
pub fn blind(way: &Way, has: impl Fn(Need) -> bool) -> &'static str {
    let half = process::HALF_BLIND.iter();
    let lost = half.filter(|(hook, need, _)| *hook == way.name && !has(*need));
    match lost.map(|(_, _, lost)| *lost).next() {
        Some(lost) if way.blind.is_empty() => lost,
        _ => way.blind,
    }
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
    fn a_hook_in_place_says_what_it_does_not_see_for_want_of_a_field() {
        let way = |name: &str| all().flat_map(|probe| probe.ways).find(|way| way.name == name).unwrap();
        let exec = way("tp_btf/sched_process_exec");
        assert_eq!(blind(exec, |_| true), "");
        assert!(blind(exec, |need| need != Need::OverlayChanges).contains("was changed"));
        let mapping = way("tracepoint/sys_enter_mmap");
        assert_eq!(blind(mapping, |_| false), mapping.blind);
    }

    #[test]
    fn processes_are_followed_by_hooks_of_the_table() {
        for name in LINEAGE {
            let probe = all().find(|probe| probe.name() == name);
            assert!(probe.is_some_and(|probe| probe.feed == Feed::Process), "{name}");
        }
    }

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
