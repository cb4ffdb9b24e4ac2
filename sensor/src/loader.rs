//! Loads the programs into the kernel and keeps them attached.

mod cgroups;
pub mod filter;
mod hook;
pub(crate) mod maps;
mod place;
mod program_info;
mod rights;

use crate::capability::{self, Capabilities, OffsetError, Resolved};
use crate::probes::{self, Probe};
use crate::ring::{RingReader, Rings};
use crate::snapshot::{self, SeedError, SeedOptions, Snapshot};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use aya::maps::{MapError, RingBuf};
use aya::{Ebpf, EbpfError, EbpfLoader};
pub use cgroups::CgroupScope;
use filter::{Filter, FilterOptions, Globals};
pub use hook::{HookError, HookState, HookStatus};
use maps::{Added, Maps};
use place::Placer;
use rights::Needs;
pub use rights::Refusal;
use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Built by `cargo xtask bpf` from `sensor-ebpf`.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/bpf/anchorwatch.bpf.o"));

/// What to load, and how large.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Bytes of the ring buffer for all but modules, rounded up to a power of two of whole pages.
    pub ring_bytes: u32,
    /// Bytes of the ring buffer for modules, rounded up like the other.
    pub module_ring_bytes: u32,
    /// What passes the first-seen filter, and how often.
    pub filter: FilterOptions,
    /// How many processes are followed.
    pub max_processes: u32,
    /// How many containers' first processes and how many ignored cgroups are remembered.
    pub max_cgroups: u32,
    /// How many addresses of resolvers are known.
    pub max_resolvers: u32,
    /// How many questions to resolvers wait for their answers.
    pub max_queries: u32,
    /// How many addresses of containers have names, about 80 bytes each.
    pub max_names: u32,
    /// Where the host's processes are seen.
    pub proc: PathBuf,
    /// Directory of the kernel's type information.
    pub btf: PathBuf,
    /// The node's cgroup folder; the unified hierarchy is this folder, or `unified` in it.
    pub cgroup_root: PathBuf,
    /// Which cgroups the programs see that belong to cgroups.
    pub cgroup_scope: CgroupScope,
    /// Feeds whose hooks are tried. Those of the process feed are tried in any case: every feed's lineage is theirs. Fewer
    /// than all only for tests, most of whose time would be the verifier's.
    pub feeds: Vec<Feed>,
    /// Ways that are not tried, by their names: tests of those that are tried after them need that.
    pub without: Vec<&'static str>,
    /// Whether to attach what was loaded; off for tests that need to see what its absence does.
    pub attach: bool,
    /// Whether the programs do nothing: for measuring what their hooks alone cost.
    pub idle: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            ring_bytes: 4 << 20,
            module_ring_bytes: 2 << 20,
            filter: FilterOptions::default(),
            max_processes: 65_536,
            max_cgroups: 16_384,
            max_resolvers: 1024,
            max_queries: 16_384,
            max_names: 32_768,
            proc: PathBuf::from("/proc"),
            btf: PathBuf::from("/sys/kernel/btf"),
            cgroup_root: PathBuf::from("/sys/fs/cgroup"),
            cgroup_scope: CgroupScope::Pods,
            feeds: Feed::ALL.to_vec(),
            without: Vec::new(),
            attach: true,
            idle: false,
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
    #[error("no hook can be attached, {hook} as little as any other")]
    NoHook { hook: &'static str, source: Box<HookError> },
    #[error("no randomness for the filter's key")]
    NoRandomness(#[from] getrandom::Error),
    #[error("a map of the programs cannot be used")]
    Map(#[from] MapError),
}

/// Why the programs do not know a resolver.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    #[error("there is no room for the resolver {0}")]
    NoRoom(SocketAddr),
    #[error("the map of resolvers cannot be used")]
    Map(#[from] MapError),
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
    filter: Filter,
    rings: Option<Rings>,
    hooks: Vec<HookState>,
    capabilities: Capabilities,
}

/// What the kernel says of its types: where fields lie, and what programs can be attached to.
#[derive(Debug)]
pub struct KernelTypes {
    resolved: Resolved,
    btf: aya::Btf,
}

impl KernelTypes {
    /// Reads them from the folder of the kernel's type information.
    pub fn read(folder: &Path) -> Result<Self, LoadError> {
        Ok(Self {
            resolved: capability::resolve(&capability::kernel_btf(folder)?)?,
            btf: aya::Btf::parse_file(folder.join("vmlinux"), aya::Endianness::default())?,
        })
    }
}

/// Loads and attaches every program.
pub fn load(options: &LoadOptions) -> Result<Loaded, LoadError> {
    load_with(options, &KernelTypes::read(&options.btf)?)
}

/// The same with types that were read before: to read them is most of the work where nothing is optimised.
pub fn load_with(options: &LoadOptions, types: &KernelTypes) -> Result<Loaded, LoadError> {
    let KernelTypes { resolved, btf } = types;
    let mut capabilities = resolved.capabilities;
    let host_mounts = capability::host_mount_namespace(&options.proc);
    capabilities.runtime_stage = host_mounts.is_some();
    let host_network = capability::host_network_namespace(&options.proc);
    let globals = Globals::new(options)?;
    let idle = u32::from(options.idle);
    let mut loader = EbpfLoader::new();
    globals.apply(&mut loader);
    options.filter.size_maps(&mut loader);
    let ebpf = loader
        .btf(Some(btf))
        .override_global("OFFSETS", &resolved.offsets[..], true)
        .override_global("IDLE", &idle, true)
        .override_global("HOST_NETWORK_NAMESPACE", &host_network.unwrap_or(0), true)
        .override_global("HOST_MOUNT_NAMESPACE", &host_mounts.unwrap_or(0), true)
        .map_max_entries("EVENTS", options.ring_bytes)
        .map_max_entries("MODULE_EVENTS", options.module_ring_bytes)
        .map_max_entries("PROCESSES", options.max_processes)
        .map_max_entries("ROOTS", options.max_cgroups)
        .map_max_entries("IGNORED", options.max_cgroups)
        .map_max_entries("RESOLVERS", options.max_resolvers)
        .map_max_entries("QUERIES", options.max_queries)
        .map_max_entries("NAMED", options.max_names)
        .load(OBJECT);
    let mut ebpf = ebpf.map_err(|error| refused(error, |error| LoadError::Object(Box::new(error))))?;
    let hooks = place_all(&mut ebpf, &Placer::new(btf, capabilities, options), options)?;
    let rings = Rings {
        events: RingBuf::try_from(maps::map(&mut ebpf, "EVENTS")?)?,
        modules: RingBuf::try_from(maps::map(&mut ebpf, "MODULE_EVENTS")?)?,
    };
    let mut maps = Maps::take(&mut ebpf)?;
    if follows_processes(&hooks) {
        maps.follow(options.max_processes)?;
    }
    let filter = Filter::take(&mut ebpf, options.filter.containers)?;
    Ok(Loaded {
        rings: Some(rings),
        filter,
        ebpf,
        maps,
        hooks,
        capabilities,
    })
}

/// Puts in place what the kernel takes. What one feed lacks stops none of the others; an error only where nothing is in
/// place at all, which nobody should take for a sensor.
fn place_all(ebpf: &mut Ebpf, placer: &Placer<'_>, options: &LoadOptions) -> Result<Vec<HookState>, LoadError> {
    let mut hooks = Vec::new();
    let mut first_refusal = None;
    for probe in probes::all().filter(|probe| probe.feed == Feed::Process || options.feeds.contains(&probe.feed)) {
        let (state, refusal) = placer.place(ebpf, probe);
        first_refusal = first_refusal.or(refusal.map(|error| (probe, error)));
        hooks.push(state);
    }
    match first_refusal {
        Some((probe, error)) if hooks.iter().all(|hook| hook.program.is_none()) => {
            Err(LoadError::nothing(probe, error))
        }
        _ => Ok(hooks),
    }
}

/// Whether all is in place by which processes are followed. Without one of them what the map says of a process would be
/// wrong sooner or later: then nobody is followed, and every origin is unknown (ADR 34).
fn follows_processes(hooks: &[HookState]) -> bool {
    let in_place = |name: &&'static str| hooks.iter().any(|hook| hook.name == *name && hook.status.is_in_place());
    probes::LINEAGE.iter().all(in_place)
}

impl Loaded {
    /// Every hook of the table with its state.
    pub fn hooks(&self) -> &[HookState] {
        &self.hooks
    }

    /// The feeds of which anything is seen: of executions, only where their own hook is in place.
    pub fn watched(&self) -> BTreeSet<Feed> {
        let in_place = || self.hooks.iter().filter(|hook| hook.status.is_in_place());
        let sees_executions = in_place().any(|hook| hook.name == probes::EXECUTIONS);
        let feeds = in_place().map(|hook| hook.feed);
        feeds.filter(|feed| *feed != Feed::Process || sees_executions).collect()
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

    /// Answers from this address and port name destinations from now on; an error if there is no room for more.
    /// Loopback never counts, whatever is told here.
    pub fn add_resolver(&mut self, resolver: SocketAddr) -> Result<(), ResolverError> {
        match self.maps.add_resolver(resolver)? {
            Added::New | Added::Known => Ok(()),
            Added::NoRoom => Err(ResolverError::NoRoom(resolver)),
        }
    }

    /// They no longer do.
    pub fn remove_resolver(&mut self, resolver: SocketAddr) -> Result<(), ResolverError> {
        Ok(self.maps.remove_resolver(resolver)?)
    }

    /// The first-seen filter: which containers there are, what was swallowed, what is to be shown again.
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    pub const fn filter_mut(&mut self) -> &mut Filter {
        &mut self.filter
    }

    /// Tells the programs what ran before them. To be called once, after loading.
    pub fn seed(&mut self, options: &SeedOptions) -> Result<Snapshot, SeedError> {
        snapshot::seed(options, &mut self.maps)
    }

    /// The reader of events; None if it was taken before.
    pub fn events(&mut self) -> Option<RingReader> {
        self.rings.take().map(RingReader::new)
    }

    fn recursion_misses(&self) -> Result<Vec<(&'static str, u64)>, LoadError> {
        let mut misses = Vec::new();
        for hook in &self.hooks {
            if let Some(program) = hook.program.and_then(|name| self.ebpf.program(name))
                && let Ok(fd) = program.fd()
            {
                let count = program_info::recursion_misses(fd.as_fd()).map_err(MapError::from)?;
                misses.push((hook.name, count));
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

impl LoadError {
    /// No hook is in place; why this one is not.
    fn nothing(probe: &Probe, error: HookError) -> Self {
        match error {
            HookError::Refused { refusal, source } => Self::Refused { refusal, source },
            HookError::Missing(program) => Self::Missing(program),
            error => Self::NoHook {
                hook: probe.name(),
                source: Box::new(error),
            },
        }
    }
}

/// An error that means missing rights says which.
fn refused<E: std::error::Error + Send + Sync + 'static>(
    error: E,
    otherwise: impl FnOnce(E) -> LoadError,
) -> LoadError {
    match rights::refusal(&error, Needs::TRACING) {
        Some(refusal) => LoadError::Refused {
            refusal,
            source: Box::new(error),
        },
        None => otherwise(error),
    }
}
