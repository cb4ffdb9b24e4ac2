//! Loads the programs into the kernel and keeps them attached.

pub(crate) mod maps;
mod program_info;
mod rights;

use crate::capability::{self, Capabilities, OffsetError};
use crate::probes::{PROBES, Probe};
use crate::ring::RingReader;
use crate::snapshot::{self, SeedError, SeedOptions, Snapshot};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use aya::maps::{MapData, MapError, RingBuf};
use aya::programs::{BtfTracePoint, ProgramError};
use aya::{Ebpf, EbpfError, EbpfLoader};
use maps::Maps;
pub use rights::Refusal;
use std::fmt;
use std::os::fd::AsFd;
use std::path::PathBuf;

/// Built by `cargo xtask bpf` from `sensor-ebpf`.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/bpf/anchorwatch.bpf.o"));

/// What to load, and how large.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Bytes of the ring buffer, rounded up to a power of two of whole pages.
    pub ring_bytes: u32,
    /// How many processes are followed.
    pub max_processes: u32,
    /// How many containers' first processes and how many ignored cgroups are remembered.
    pub max_cgroups: u32,
    /// Where the host's processes are seen.
    pub proc: PathBuf,
    /// Directory of the kernel's type information.
    pub btf: PathBuf,
    /// Whether to attach what was loaded; off for tests that need to see what its absence does.
    pub attach: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            ring_bytes: 4 << 20,
            max_processes: 65_536,
            max_cgroups: 16_384,
            proc: PathBuf::from("/proc"),
            btf: PathBuf::from("/sys/kernel/btf"),
            attach: true,
        }
    }
}

/// Why the programs are not in place.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Offsets(#[from] OffsetError),
    #[error("the kernel refuses eBPF programs: {refusal}")]
    Refused {
        refusal: Refusal,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the kernel's type information cannot be used")]
    Btf(#[from] aya::BtfError),
    #[error("the programs cannot be loaded")]
    Object(#[source] Box<EbpfError>),
    #[error("the object has no {0}: it was built from other sources")]
    Missing(&'static str),
    #[error("{hook} cannot be attached, and without it the sensor is blind for {blind}")]
    Hook {
        hook: &'static str,
        blind: &'static str,
        source: Box<ProgramError>,
    },
    #[error("a map of the programs cannot be used")]
    Map(#[from] MapError),
}

/// Whether a hook is in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookStatus {
    Attached,
    /// Loaded and not attached, as the options asked.
    Loaded,
    /// This kernel does not have it.
    Unsupported(String),
    Failed(String),
}

/// One program and its hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookState {
    /// As in `tp_btf/sched_process_exec`.
    pub name: &'static str,
    pub status: HookStatus,
    /// What is not seen without it.
    pub blind: &'static str,
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

impl Losses {
    /// One of the counters.
    pub fn count(&self, place: LossPlace, reason: LossReason) -> u64 {
        self.counts
            .iter()
            .filter(|loss| loss.place == place && loss.reason == reason)
            .map(|loss| loss.count)
            .sum()
    }

    /// All of them, recursion misses included.
    pub fn total(&self) -> u64 {
        let misses: u64 = self.recursion_misses.iter().map(|(_, misses)| misses).sum();
        misses + self.counts.iter().map(|loss| loss.count).sum::<u64>()
    }
}

/// Programs in the kernel; they are detached when this is dropped.
pub struct Loaded {
    ebpf: Ebpf,
    maps: Maps,
    ring: Option<RingBuf<MapData>>,
    hooks: Vec<HookState>,
    capabilities: Capabilities,
}

/// Loads and attaches every program.
pub fn load(options: &LoadOptions) -> Result<Loaded, LoadError> {
    let mut resolved = capability::resolve(&capability::kernel_btf(&options.btf)?)?;
    let host_mounts = capability::host_mount_namespace(&options.proc);
    resolved.capabilities.runtime_stage = host_mounts.is_some();
    let btf = aya::Btf::parse_file(options.btf.join("vmlinux"), aya::Endianness::default())?;
    let ebpf = EbpfLoader::new()
        .btf(Some(&btf))
        .override_global("OFFSETS", &resolved.offsets[..], true)
        .override_global("HOST_MOUNT_NAMESPACE", &host_mounts.unwrap_or(0), true)
        .map_max_entries("EVENTS", options.ring_bytes)
        .map_max_entries("PROCESSES", options.max_processes)
        .map_max_entries("ROOTS", options.max_cgroups)
        .map_max_entries("IGNORED", options.max_cgroups)
        .load(OBJECT);
    let mut ebpf = ebpf.map_err(|error| refused(error, |error| LoadError::Object(Box::new(error))))?;
    let hooks = PROBES
        .iter()
        .map(|probe| hook(&mut ebpf, probe, &btf, options.attach))
        .collect::<Result<_, _>>()?;
    let ring = ebpf.take_map("EVENTS").ok_or(LoadError::Missing("map EVENTS"))?;
    let maps = Maps::take(&mut ebpf)?;
    Ok(Loaded {
        ring: Some(RingBuf::try_from(ring)?),
        ebpf,
        maps,
        hooks,
        capabilities: resolved.capabilities,
    })
}

impl Loaded {
    /// Every hook of the table with its state.
    pub fn hooks(&self) -> &[HookState] {
        &self.hooks
    }

    /// What the programs can tell on this kernel.
    pub const fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// What the kernel lost so far.
    pub fn losses(&self) -> Result<Losses, LoadError> {
        Ok(Losses {
            counts: self.maps.losses()?,
            recursion_misses: self.recursion_misses()?,
        })
    }

    /// Executions in this cgroup cost no ring space from now on. Full or already known is no error: it is an
    /// economy, and a removed cgroup leaves the map by itself.
    pub fn ignore_cgroup(&mut self, id: u64) {
        self.maps.ignore(id);
    }

    /// Executions in this cgroup are reported again.
    pub fn heed_cgroup(&mut self, id: u64) {
        self.maps.heed(id);
    }

    /// Tells the programs what ran before them. To be called once, after loading.
    pub fn seed(&mut self, options: &SeedOptions) -> Result<Snapshot, SeedError> {
        snapshot::seed(options, &mut self.maps)
    }

    /// The reader of events; None if it was taken before. Has to be called inside a tokio runtime.
    pub fn events(&mut self) -> std::io::Result<Option<RingReader>> {
        self.ring.take().map(RingReader::new).transpose()
    }

    fn recursion_misses(&self) -> Result<Vec<(&'static str, u64)>, LoadError> {
        let mut misses = Vec::new();
        for probe in &PROBES {
            if let Some(program) = self.ebpf.program(probe.tracepoint)
                && let Ok(fd) = program.fd()
            {
                let count = program_info::recursion_misses(fd.as_fd()).map_err(MapError::from)?;
                misses.push((probe.name, count));
            }
        }
        Ok(misses)
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Loaded")
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}

/// Loads and attaches one program.
fn hook(ebpf: &mut Ebpf, probe: &Probe, btf: &aya::Btf, attach: bool) -> Result<HookState, LoadError> {
    let program = ebpf
        .program_mut(probe.tracepoint)
        .ok_or(LoadError::Missing(probe.tracepoint))?;
    let program: &mut BtfTracePoint = program.try_into().map_err(|source| failure(probe, source))?;
    let placed = program.load(probe.tracepoint, btf).and_then(|()| {
        if attach {
            program.attach().map(|_| HookStatus::Attached)
        } else {
            Ok(HookStatus::Loaded)
        }
    });
    let status = match placed {
        Ok(status) => status,
        Err(source) if probe.required => return Err(failure(probe, source)),
        Err(ProgramError::Btf(error)) => HookStatus::Unsupported(error.to_string()),
        Err(error) => HookStatus::Failed(error.to_string()),
    };
    let verified_instructions = program.info().ok().and_then(|info| info.verified_instruction_count());
    Ok(HookState {
        name: probe.name,
        status,
        blind: probe.blind,
        verified_instructions,
    })
}

fn failure(probe: &Probe, source: ProgramError) -> LoadError {
    refused(source, |source| LoadError::Hook {
        hook: probe.name,
        blind: probe.blind,
        source: Box::new(source),
    })
}

/// An error that means missing rights says which.
fn refused<E: std::error::Error + Send + Sync + 'static>(
    error: E,
    otherwise: impl FnOnce(E) -> LoadError,
) -> LoadError {
    match rights::refusal(&error) {
        Some(refusal) => LoadError::Refused {
            refusal,
            source: Box::new(error),
        },
        None => otherwise(error),
    }
}
