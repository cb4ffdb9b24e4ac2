//! Executions of processes → behaviours of containers.

use anchorwatch_core::behaviour::{Attributes, Behaviour, CapabilitySet, Feed, Origin, ProcessParts};
use std::sync::Arc;
use std::time::Instant;

use super::cgroup::{Place, Placement};
use super::layer::{in_setting, source};
use super::pod::{Container, Setting};
use super::process::ProcessAt;
use super::{Attributed, Attributor, Outcome, Pending, applet, observed, probe, text};
use crate::decode::{Exec, OriginMark};
use crate::losses::{LossReason, Whose};

/// An execution whose container may not be known yet. What `/proc` and the lineage tell is read at once.
#[derive(Debug)]
pub(super) struct PreparedExec {
    pub place: Place,
    pub exec: Exec,
    lineage: Vec<Arc<str>>,
    script: Option<String>,
    standing: bool,
}

impl Attributor {
    pub(super) fn exec(&mut self, exec: Exec, standing: bool, now: Instant) -> Outcome {
        let process = ProcessAt {
            pid: exec.pid,
            at_ns: exec.time_ns,
        };
        let place = match self.places.placement_in(exec.cgroup_id, exec.container, process) {
            None => return Outcome::Lost(Feed::Process, LossReason::CgroupUnknown, Whose::Unknown),
            Some(Placement::Host) => {
                self.remember_outside(&exec);
                return Outcome::Host;
            }
            Some(Placement::Unrecognised) => {
                return Outcome::Lost(Feed::Process, LossReason::CgroupUnrecognised, Whose::Unknown);
            }
            Some(Placement::Runtime) => {
                self.remember_outside(&exec);
                return Outcome::RuntimeStage;
            }
            // A unit stays in the host's mounts.
            Some(Placement::Container(place)) if exec.runtime_stage && !place.is_unit() => {
                self.remember_outside(&exec);
                return Outcome::RuntimeStage;
            }
            Some(Placement::Container(place)) => place,
        };
        let prepared = self.prepare(place, exec, standing);
        if let Some(container) = self.places.container(&prepared.place, process) {
            return self.attribute_exec(prepared, &container);
        }
        let id = prepared.place.id.clone();
        self.wait(&id, Pending::Exec(prepared), now)
    }

    /// What no container executed may still load something on its way into one, or start what does.
    fn remember_outside(&mut self, exec: &Exec) {
        let executable = self.executables.path(&exec.executable, exec.path_truncated);
        self.remember((exec.container, exec.exec_id), executable, false);
    }

    fn prepare(&mut self, place: Place, mut exec: Exec, standing: bool) -> PreparedExec {
        let executable = self.executables.path(&exec.executable, exec.path_truncated);
        let mut lineage = Vec::with_capacity(exec.ancestors.len() + 1);
        for id in exec.ancestors.iter().rev() {
            lineage.push(self.ancestor(*id));
        }
        lineage.push(Arc::clone(&executable));
        self.lineage.insert(exec.container, exec.exec_id, executable);
        let process = ProcessAt {
            pid: exec.pid,
            at_ns: exec.time_ns,
        };
        let script = exec.script.then(|| self.proc.script(process, &exec.filename));
        // A unit's files are of no image.
        if let (Some(path), None, false) = (&script, exec.script_source, place.is_unit()) {
            exec.script_source = self.proc.brought(&mut self.layers, process, path);
        }
        let script = script.map(|path| text::path(&path, false));
        PreparedExec {
            place,
            exec,
            lineage,
            script,
            standing,
        }
    }

    pub(super) fn attribute_exec(&mut self, prepared: PreparedExec, container: &Arc<Container>) -> Outcome {
        let PreparedExec {
            place,
            exec,
            lineage,
            script,
            standing,
        } = prepared;
        let executable = lineage.last().map_or(text::UNKNOWN, |own| own);
        let parent = lineage.len().checked_sub(2).map_or("", |index| &lineage[index]);
        let parts = ProcessParts {
            origin: self.origin(&exec, container),
            parent: parent.to_owned(),
            executable: executable.to_owned(),
            source: in_setting(source(exec.source, exec.script_source), container.setting),
            script,
            applet: applet::applet(&exec.executable, &exec.argv),
            stdin_socket: exec.stdin_socket,
            stdout_socket: exec.stdout_socket,
            gained: CapabilitySet::NONE,
            command: None,
        };
        let command = self.commands.template(&exec, container);
        let attributes = Attributes {
            uids: [exec.uid].into(),
            effective_uids: (exec.euid != exec.uid).then_some(exec.euid).into_iter().collect(),
            setuid: exec.setuid,
            gained: exec.gained(),
            terminal: exec.terminal,
            ..Attributes::default()
        };
        let observed = self
            .observing
            .then(|| observed::process(&parts, &exec, &lineage, self.commands.redacted(&exec, container)));
        Outcome::Attributed(Box::new(Attributed {
            container: Arc::clone(container),
            behaviour: Behaviour::Process(parts.into()),
            attributes,
            command,
            observed,
            lineage,
            time_ns: exec.time_ns,
            standing,
            startup: !standing && self.places.cgroups.starts.may_be_startup(&place.id, exec.time_ns),
            repeats: exec.repeats,
            key: exec.key,
        }))
    }

    /// What comes into a unit from outside is systemd's own work (`ExecReload=` and its like), as the unit's file says, and
    /// a unit shares the host's mounts, by which nothing could be told.
    ///
    /// What came into a container from outside is a probe's if its first execution was exactly a probe's command. What descends from an
    /// execution that is forgotten counts as somebody's `exec`.
    fn origin(&mut self, exec: &Exec, container: &Container) -> Origin {
        match exec.origin {
            _ if container.setting == Setting::Visit => Origin::Exec,
            OriginMark::Entrypoint => Origin::Entrypoint,
            OriginMark::Unknown | OriginMark::Outside if container.setting == Setting::Unit => Origin::Entrypoint,
            OriginMark::Unknown => Origin::Unknown,
            OriginMark::Outside => {
                let origin = if !exec.ancestors.is_empty() {
                    let decided = self.lineage.outside(&exec.ancestors);
                    let visit = || exec.ancestors.iter().find_map(|id| self.visits.get(id));
                    decided
                        .or_else(|| visit().map(|visit| visit.origin(container)))
                        .unwrap_or(Origin::Exec)
                } else if let Some(visit) = self.visits.get(&exec.exec_id) {
                    visit.origin(container)
                } else if probe::is_one_of(exec, &container.commands) {
                    Origin::Probe
                } else {
                    Origin::Exec
                };
                self.lineage.mark_outside(exec.exec_id, origin);
                origin
            }
        }
    }
}
