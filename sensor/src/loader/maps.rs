//! The programs' maps, typed.

use super::{LoadError, Loss};
use crate::decode::network::kernel_address;
use anchorwatch_sensor_common::lineage::{FOLLOWED_ROOM, FOLLOWED_TOLD, Process};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason, loss_index};
use anchorwatch_sensor_common::network::Resolver;
use aya::maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray};
use aya::{Ebpf, Pod};
use std::io;
use std::net::SocketAddr;

/// `BPF_NOEXIST` (include/uapi/linux/bpf.h).
const NOEXIST: u64 = 1;

/// The programs' maps.
pub(crate) struct Maps {
    processes: HashMap<MapData, u32, ProcessValue>,
    followed: Array<MapData, u64>,
    /// Processes that were added here and not taken back; the programs count those of them that end.
    told: u64,
    /// How many processes the programs follow; none where they do not keep up with what is added.
    follows: Option<u32>,
    roots: HashMap<MapData, u64, u64>,
    ignored: HashMap<MapData, u64, u8>,
    resolvers: HashMap<MapData, ResolverKey, u8>,
    losses: PerCpuArray<MapData, u64>,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    New,
    Known,
    NoRoom,
}

/// A wrapper, since both the type and aya's trait are another crate's.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
struct ProcessValue(Process);

// SAFETY: `Process` is made of integers without implicit padding (asserted beside it), and Copy.
unsafe impl Pod for ProcessValue {}

/// The same for addresses of resolvers.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
struct ResolverKey(Resolver);

// SAFETY: `Resolver` is made of integers without implicit padding (asserted beside it), and Copy.
unsafe impl Pod for ResolverKey {}

impl Maps {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, LoadError> {
        Ok(Self {
            processes: HashMap::try_from(map(ebpf, "PROCESSES")?)?,
            followed: Array::try_from(map(ebpf, "FOLLOWED")?)?,
            told: 0,
            follows: None,
            roots: HashMap::try_from(map(ebpf, "ROOTS")?)?,
            ignored: HashMap::try_from(map(ebpf, "IGNORED")?)?,
            resolvers: HashMap::try_from(map(ebpf, "RESOLVERS")?)?,
            losses: PerCpuArray::try_from(map(ebpf, "LOSSES")?)?,
        })
    }

    /// Sums every counter over the CPUs.
    pub fn losses(&self) -> Result<Vec<Loss>, MapError> {
        let mut losses = Vec::new();
        for place in LossPlace::ALL {
            for reason in LossReason::ALL {
                let count = self.losses.get(&loss_index(place, reason), 0)?.iter().sum();
                losses.push(Loss { place, reason, count });
            }
        }
        Ok(losses)
    }

    pub fn ignore(&mut self, cgroup: u64) {
        if let Err(error) = self.ignored.insert(cgroup, 1, 0) {
            tracing::debug!(cgroup, %error, "cgroup not ignored");
        }
    }

    pub fn heed(&mut self, cgroup: u64) {
        if let Err(error) = gone(self.ignored.remove(&cgroup)) {
            tracing::warn!(cgroup, %error, "cgroup still ignored");
        }
    }

    pub fn add_resolver(&mut self, resolver: SocketAddr) -> Result<Added, MapError> {
        added(self.resolvers.insert(ResolverKey::from(resolver), 1, NOEXIST))
    }

    pub fn remove_resolver(&mut self, resolver: SocketAddr) -> Result<(), MapError> {
        gone(self.resolvers.remove(&ResolverKey::from(resolver))).map(drop)
    }

    /// Has the programs follow processes from now on, as many as the map was made for.
    pub fn follow(&mut self, room: u32) -> Result<(), MapError> {
        self.followed.set(FOLLOWED_ROOM, u64::from(room), 0)?;
        self.follows = Some(room);
        Ok(())
    }

    /// How many processes may be added. Without a bound where the programs follow none.
    pub fn room_for_processes(&self) -> u64 {
        self.follows.map_or(u64::MAX, u64::from)
    }

    /// Adds what a process carries, unless the programs know better. Where they do not follow processes, what is known
    /// here would be wrong after its next execution: it is taken for told.
    pub fn add_process(&mut self, pid: u32, process: &Process) -> Result<Added, MapError> {
        if self.follows.is_none() {
            return Ok(Added::New);
        }
        let added = added(self.processes.insert(pid, ProcessValue(*process), NOEXIST))?;
        self.told += u64::from(added == Added::New);
        Ok(added)
    }

    /// Takes one back, unless the programs did.
    pub fn remove_process(&mut self, pid: u32) -> Result<(), MapError> {
        let was_there = gone(self.processes.remove(&pid))?;
        self.told -= u64::from(was_there);
        Ok(())
    }

    /// Tells the programs how many were added.
    pub fn count_told(&mut self) -> Result<(), MapError> {
        self.followed.set(FOLLOWED_TOLD, self.told, 0)
    }

    /// Notes that a container had its first process, unless the programs know better.
    pub fn add_root(&mut self, cgroup: u64, exec_id: u64) -> Result<Added, MapError> {
        added(self.roots.insert(cgroup, exec_id, NOEXIST))
    }
}

pub(super) fn map(ebpf: &mut Ebpf, name: &'static str) -> Result<Map, LoadError> {
    ebpf.take_map(name).ok_or(LoadError::Missing(name))
}

impl From<SocketAddr> for ResolverKey {
    fn from(resolver: SocketAddr) -> Self {
        Self(Resolver {
            address: kernel_address(resolver.ip()),
            port: resolver.port(),
            reserved: 0,
        })
    }
}

/// Whether it was there; absent is what was wanted.
fn gone(result: Result<(), MapError>) -> Result<bool, MapError> {
    match result {
        Err(MapError::SyscallError(error)) if error.io_error.kind() == io::ErrorKind::NotFound => Ok(false),
        other => other.map(|()| true),
    }
}

fn added(result: Result<(), MapError>) -> Result<Added, MapError> {
    let code = |error: &io::Error| error.raw_os_error();
    match result {
        Ok(()) => Ok(Added::New),
        Err(MapError::SyscallError(error)) if code(&error.io_error) == Some(libc::EEXIST) => Ok(Added::Known),
        Err(MapError::SyscallError(error)) if code(&error.io_error) == Some(libc::E2BIG) => Ok(Added::NoRoom),
        Err(error) => Err(error),
    }
}
