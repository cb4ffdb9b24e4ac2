//! Loads the programs into the kernel and keeps them attached.

use anchorwatch_sensor_common::loss::{LossPlace, LossReason};

/// What to load, and how large.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Bytes of the ring buffer, a power of two and a multiple of the page size.
    pub ring_bytes: u32,
    /// How many processes are followed.
    pub max_processes: u32,
    /// How many containers' first processes and how many ignored cgroups are remembered.
    pub max_cgroups: u32,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            ring_bytes: 4 << 20,
            max_processes: 65_536,
            max_cgroups: 16_384,
        }
    }
}

/// Whether a hook is in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookStatus {
    Attached,
    /// This kernel does not have it, or does not allow it.
    Unsupported(String),
    Failed(String),
}

/// One program and its hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookState {
    /// As in `tp_btf/sched_process_exec`.
    pub name: &'static str,
    pub status: HookStatus,
    /// How many instructions the verifier walked.
    pub verified_instructions: Option<u32>,
}

/// How often something was lost at one place for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    pub place: LossPlace,
    pub reason: LossReason,
    pub count: u64,
}

/// What the kernel lost since the programs were loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    /// Every place and reason, zero included.
    pub counts: Vec<Loss>,
    /// Per hook: how often the program was skipped, because it was already running on that CPU.
    pub recursion_misses: Vec<(&'static str, u64)>,
}
