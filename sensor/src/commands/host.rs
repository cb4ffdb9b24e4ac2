//! What watches or records a host has in common: programs that see all of it, and an attributor that tells of its units.

use anchorwatch_sensor::args::Options;
use anchorwatch_sensor::attribute::cgroup::hierarchy::Hierarchy;
use anchorwatch_sensor::attribute::process::ProcFolder;
use anchorwatch_sensor::attribute::{AttributionLimits, Attributor};
use anchorwatch_sensor::loader::{CgroupScope, LoadOptions, Loaded};
use anchorwatch_sensor::metrics::Metrics;
use anchorwatch_sensor::node;
use anchorwatch_sensor::pipeline::{Intake, LiveKernel};
use anchorwatch_sensor::snapshot::SeedOptions;
use anchorwatch_sensor::snapshot::SeededProcess;
use anyhow::Context;
use std::sync::Arc;

use super::{hashing, load_options, load_programs};

/// Programs in the kernel, and what takes their events in.
pub struct Begun {
    pub loaded: Loaded,
    pub intake: Intake,
    /// What runs already and is told of.
    pub processes: Vec<SeededProcess>,
}

/// How to load the programs: units are anywhere below the root.
pub fn options_of_host(options: &Options) -> LoadOptions {
    LoadOptions {
        cgroup_scope: CgroupScope::All,
        ..load_options(options, true)
    }
}

/// Loads the programs and tells them, and an attributor made as wanted, what is there already.
pub fn begin(
    options: &Options,
    how: &LoadOptions,
    metrics: &Arc<Metrics>,
    made: impl FnOnce(Attributor) -> Attributor,
) -> anyhow::Result<Begun> {
    let mut loaded = load_programs(how, metrics)?;
    let cgroup_root = node::unified_hierarchy(&options.cgroup_root).context("no unified cgroup hierarchy")?;
    let hierarchy = Hierarchy::open(&cgroup_root).context("unified cgroup hierarchy")?;
    let proc = ProcFolder::new(options.proc_root.clone());
    let attributor = Attributor::new(AttributionLimits::default(), proc)
        .with_arguments(options.arguments)
        .with_hierarchy(hierarchy);
    let mut attributor = made(attributor);
    let snapshot = loaded.seed(&SeedOptions {
        proc: options.proc_root.clone(),
        cgroup_root,
    });
    let snapshot = snapshot.context("what runs already")?;
    attributor.seed(&snapshot);
    let processes = attributor.placed(snapshot.processes);
    let proc_root = options.proc_root.clone();
    Ok(Begun {
        loaded,
        intake: Intake::new(attributor, hashing(&options.proc_root), proc_root, Arc::clone(metrics)),
        processes,
    })
}

/// The programs as a source of events.
pub fn kernel(mut loaded: Loaded) -> LiveKernel {
    let events = loaded.events();
    LiveKernel::new(loaded, events)
}
