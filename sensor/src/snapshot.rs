//! What ran before the sensor: read from `/proc` and the cgroup tree, turned into entries for the kernel's maps.

use crate::decode::OriginMark;

/// What was found at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Every cgroup of the unified hierarchy that existed, parents before children.
    pub cgroups: Vec<KnownCgroup>,
    /// Every process that the kernel's map took from us; those started meanwhile come as events.
    pub processes: Vec<SeededProcess>,
}

/// A cgroup that existed before the sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCgroup {
    pub id: u64,
    /// As in [`crate::decode::RawEvent::CgroupCreated`].
    pub path: Vec<u8>,
}

/// A process that ran before the sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededProcess {
    pub pid: u32,
    pub uid: u32,
    pub cgroup_id: u64,
    /// Made by us; events name it as an ancestor.
    pub exec_id: u64,
    /// Exec ids, nearest first; empty at the container's boundary.
    pub ancestors: Vec<u64>,
    pub origin: OriginMark,
    /// Path in the process's mount namespace; empty for kernel threads.
    pub executable: Vec<u8>,
    pub argv: Vec<Vec<u8>>,
}
