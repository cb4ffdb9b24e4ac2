//! Executions on a host without Kubernetes → observations: systemd's units and containers by their runtime's ids are its
//! workloads.

pub mod unit;

use anchorwatch_core::behaviour::{Origin, SourceLayer};
use anchorwatch_core::id::{ContainerName, WorkloadKey};
use anchorwatch_core::observation::{Observation, Observed, ProcessObservation};
use anchorwatch_core::redact::redact_argv;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::cgroup::hierarchy::Hierarchy;
use super::command::{Arguments, cut_from, redacted};
use super::layer::source;
use super::lineage::Lineage;
use super::process::{ProcFolder, ProcessAt};
use super::{applet, text};
use crate::clock::WallClock;
use crate::decode::{Exec, OriginMark, RawEvent};
use crate::snapshot::{SeededProcess, Snapshot};
use unit::HostWorkload;

/// The namespace of all workloads of a host.
pub const NAMESPACE: &str = "host";
/// The only container of a workload of a host.
const CONTAINER: &str = "main";

/// How many executions and cgroups are remembered.
const EXECUTIONS: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");
const CGROUPS: usize = 65_536;

/// Why an execution belongs to no workload of the host. Each is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unplaced {
    /// Its cgroup was gone before it could be looked up.
    CgroupUnknown,
    /// Its cgroup is neither a unit's nor a container's: kernel threads and what is started by hand into the root.
    NoUnit,
    /// The container runtime at work inside the container's cgroup.
    RuntimeStage,
}

impl Unplaced {
    /// As counters have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CgroupUnknown => "cgroup_unknown",
            Self::NoUnit => "no_unit",
            Self::RuntimeStage => "runtime_stage",
        }
    }
}

/// Attributes executions to units and containers.
#[derive(Debug)]
pub struct HostAttributor {
    cgroups: HashMap<u64, Option<HostWorkload>>,
    hierarchy: Option<Hierarchy>,
    proc: ProcFolder,
    lineage: Lineage,
    arguments: Arguments,
    unplaced: BTreeMap<Unplaced, u64>,
}

impl HostAttributor {
    /// Cgroups that nobody told of are looked up in the hierarchy, then in `/proc`.
    pub fn new(proc: ProcFolder, hierarchy: Option<Hierarchy>, arguments: Arguments) -> Self {
        Self {
            cgroups: HashMap::new(),
            hierarchy,
            proc,
            lineage: Lineage::new(EXECUTIONS),
            arguments,
            unplaced: BTreeMap::new(),
        }
    }

    /// Takes over what was there before the sensor: its executables are the lineage of what comes.
    pub fn seed(&mut self, snapshot: &Snapshot) {
        for cgroup in &snapshot.cgroups {
            self.know(cgroup.id, &cgroup.path);
        }
        for process in &snapshot.processes {
            let executable = text::path(&process.executable, false);
            self.lineage.insert(process.exec_id, executable.into());
        }
    }

    /// Of what runs already, the processes that belong to workloads, for the survey to look at: those of units, too, though
    /// they are in the host's mounts.
    pub fn placed(&self, processes: Vec<SeededProcess>) -> Vec<SeededProcess> {
        let looked_at = |process: SeededProcess| {
            let workload = self.cgroups.get(&process.cgroup_id)?.as_ref()?;
            Some(SeededProcess {
                in_host_mounts: process.in_host_mounts && workload.kind == unit::CONTAINER,
                ..process
            })
        };
        processes.into_iter().filter_map(looked_at).collect()
    }

    /// What was seen, if it can be told; what can't be placed is counted.
    pub fn event(&mut self, event: RawEvent, clock: WallClock) -> Option<Observation> {
        match event {
            RawEvent::Exec(exec) => match self.exec(&exec, clock) {
                Ok(observation) => Some(observation),
                Err(why) => {
                    *self.unplaced.entry(why).or_default() += 1;
                    None
                }
            },
            RawEvent::CgroupCreated { id, path, .. } => {
                self.know(id, &path);
                None
            }
            RawEvent::CgroupRemoved { id, .. } => {
                self.cgroups.remove(&id);
                None
            }
            // Of units, executions alone are told so far.
            RawEvent::Flow(_) | RawEvent::Dns(_) | RawEvent::Mapping(_) | RawEvent::KernelModule(_) => None,
        }
    }

    /// How much could not be placed, by reason.
    pub const fn unplaced(&self) -> &BTreeMap<Unplaced, u64> {
        &self.unplaced
    }

    /// Beyond the limit nothing is remembered, and each event is looked up.
    fn know(&mut self, id: u64, path: &[u8]) -> Option<HostWorkload> {
        let workload = unit::workload(path);
        if self.cgroups.len() < CGROUPS || self.cgroups.contains_key(&id) {
            self.cgroups.insert(id, workload.clone());
        }
        workload
    }

    fn place(&mut self, exec: &Exec) -> Result<HostWorkload, Unplaced> {
        let known = if let Some(known) = self.cgroups.get(&exec.cgroup_id) {
            known.clone()
        } else {
            let hierarchy = self.hierarchy.as_ref();
            let by_id = hierarchy.and_then(|hierarchy| hierarchy.path(exec.cgroup_id).ok());
            let by_process = || {
                self.proc.cgroup(ProcessAt {
                    pid: exec.pid,
                    at_ns: exec.time_ns,
                })
            };
            let path = by_id.or_else(by_process).ok_or(Unplaced::CgroupUnknown)?;
            self.know(exec.cgroup_id, &path)
        };
        known.ok_or(Unplaced::NoUnit)
    }

    fn exec(&mut self, exec: &Exec, clock: WallClock) -> Result<Observation, Unplaced> {
        let executable: Arc<str> = text::path(&exec.executable, exec.path_truncated).into();
        let mut lineage: Vec<String> = Vec::with_capacity(exec.ancestors.len() + 1);
        for id in exec.ancestors.iter().rev() {
            let known = self.lineage.executable(*id);
            lineage.push(known.map_or_else(|| text::UNKNOWN.to_owned(), |path| path.as_ref().to_owned()));
        }
        let parent = lineage.last().cloned().unwrap_or_default();
        lineage.push(executable.as_ref().to_owned());
        self.lineage.insert(exec.exec_id, Arc::clone(&executable));
        let workload = self.place(exec)?;
        let is_container = workload.kind == unit::CONTAINER;
        if is_container && exec.runtime_stage {
            return Err(Unplaced::RuntimeStage);
        }
        let process = ProcessAt {
            pid: exec.pid,
            at_ns: exec.time_ns,
        };
        let what = ProcessObservation {
            executable: executable.as_ref().to_owned(),
            parent,
            argv_cut_from: cut_from(exec),
            argv: match self.arguments {
                Arguments::Redacted => redacted(exec, redact_argv),
                Arguments::None => Vec::new(),
            },
            origin: origin(exec.origin, is_container),
            source: if is_container {
                source(exec.source, exec.script_source)
            } else {
                of_host(source(exec.source, exec.script_source))
            },
            script: exec
                .script
                .then(|| text::path(&self.proc.script(process, &exec.filename), false)),
            applet: applet::applet(&exec.executable, &exec.argv),
            stdin_socket: exec.stdin_socket,
            stdout_socket: exec.stdout_socket,
            terminal: exec.terminal,
            lineage,
            uid: Some(exec.uid),
            effective_uid: (exec.euid != exec.uid).then_some(exec.euid),
            setuid: exec.setuid,
            gained: exec.gained(),
        };
        Ok(Observation {
            time: clock.at(exec.time_ns),
            workload: WorkloadKey::new(NAMESPACE, workload.kind, &workload.name),
            container: ContainerName::new(CONTAINER),
            pod: None,
            snapshot: false,
            what: Observed::Process(what),
        })
    }
}

/// What comes into a unit from outside is systemd's own work (`ExecReload=` and its like), as the unit's file says, and a
/// unit shares the host's mounts, by which nothing could be told; into a container it is somebody's `exec`.
const fn origin(mark: OriginMark, is_container: bool) -> Origin {
    match mark {
        OriginMark::Outside if is_container => Origin::Exec,
        OriginMark::Unknown if is_container => Origin::Unknown,
        OriginMark::Entrypoint | OriginMark::Outside | OriginMark::Unknown => Origin::Entrypoint,
    }
}

/// A host has no image that its files could be part of, even where its root is an overlay: what is left is whether there
/// is a file at all.
const fn of_host(layer: SourceLayer) -> SourceLayer {
    match layer {
        SourceLayer::Memory | SourceLayer::Deleted => layer,
        SourceLayer::Image
        | SourceLayer::ImageCopiedUp
        | SourceLayer::UpperNew
        | SourceLayer::UpperUnknown
        | SourceLayer::Volume
        | SourceLayer::Unsupported => SourceLayer::Unsupported,
    }
}

#[cfg(test)]
mod tests;
