//! Loads and attaches one program after the other.

use super::LoadOptions;
use super::cgroups;
use super::hook::{HookError, HookState};
use super::rights::{self, Needs, Refusal};
use crate::capability::Capabilities;
use crate::probes::{self, Hook, Probe, Way};
use aya::programs::cgroup_skb::CgroupSkbAttachType;
use aya::programs::links::CgroupAttachMode;
use aya::programs::{
    BtfTracePoint, CgroupSkb, CgroupSock, CgroupSockAddr, FEntry, Lsm, Program, ProgramError, TracePoint,
};
use aya::{Btf, Ebpf};
use std::fs::File;
use std::path::PathBuf;

/// Names the active security modules, where securityfs is mounted.
const ACTIVE_LSMS: &str = "/sys/kernel/security/lsm";

/// How much of the verifier's log is told: an instruction and what is wrong with it.
const VERIFIER_LINES: usize = 2;
/// How lines of a verifier's log begin that do not tell the reason.
const STATISTICS: [&str; 3] = ["processed ", "stack depth ", "verification time "];

/// What placing needs of the system.
pub(super) struct Placer<'a> {
    btf: &'a Btf,
    attach: bool,
    without: &'a [&'static str],
    cgroups: Vec<PathBuf>,
    capabilities: Capabilities,
}

impl<'a> Placer<'a> {
    pub(super) fn new(btf: &'a Btf, capabilities: Capabilities, options: &'a LoadOptions) -> Self {
        Self {
            btf,
            capabilities,
            attach: options.attach,
            without: &options.without,
            cgroups: cgroups::find(&options.cgroup_root, &options.cgroup_scope),
        }
    }

    /// Tries the probe's ways until one is in place; with why the last one is not, if none is.
    pub(super) fn place(&self, ebpf: &mut Ebpf, probe: &Probe) -> (HookState, Option<HookError>) {
        let mut refusals = Vec::new();
        let mut unsupported = true;
        let mut last = None;
        for (index, way) in probe.ways.iter().enumerate() {
            match self.way(ebpf, way) {
                Ok(verified_instructions) => {
                    let state = HookState {
                        verified_instructions,
                        blind: probes::blind(way, |need| self.capabilities.has(need)),
                        ..HookState::placed(probe, index, way, self.attach, &refusals)
                    };
                    return (state, None);
                }
                Err(error) => {
                    tracing::debug!(hook = way.name, %error, "hook not in place");
                    unsupported &= error.is_unsupported();
                    refusals.push(said(way, probe, &error));
                    last = Some(error);
                }
            }
        }
        (HookState::absent(probe, unsupported, &refusals), last)
    }

    /// Puts one program in place and returns how many instructions the verifier walked; leaves nothing behind if it
    /// fails.
    fn way(&self, ebpf: &mut Ebpf, way: &Way) -> Result<Option<u32>, HookError> {
        if self.without.contains(&way.name) {
            return Err(HookError::NotWanted);
        }
        if !self.capabilities.has(way.needs) {
            return Err(HookError::NoField);
        }
        let program = ebpf.program_mut(way.program).ok_or(HookError::Missing(way.program))?;
        self.load(program, way.hook)
            .map_err(|source| refused(source, way.hook))?;
        let verified = program.info().ok().and_then(|info| info.verified_instruction_count());
        if self.attach
            && let Err(error) = self.attach(program, way.hook)
        {
            if let Err(error) = unload(program, way.hook) {
                tracing::debug!(hook = way.name, %error, "program not unloaded");
            }
            return Err(error);
        }
        Ok(verified)
    }

    fn load(&self, program: &mut Program, hook: Hook) -> Result<(), ProgramError> {
        match hook {
            Hook::BtfTracepoint(name) => <&mut BtfTracePoint>::try_from(program)?.load(name, self.btf),
            Hook::Tracepoint { .. } => <&mut TracePoint>::try_from(program)?.load(),
            Hook::Fentry(function) => <&mut FEntry>::try_from(program)?.load(function, self.btf),
            Hook::Lsm(name) => <&mut Lsm>::try_from(program)?.load(name, self.btf),
            Hook::CgroupSockAddr => <&mut CgroupSockAddr>::try_from(program)?.load(),
            Hook::CgroupSock => <&mut CgroupSock>::try_from(program)?.load(),
            Hook::CgroupIngress | Hook::CgroupEgress => <&mut CgroupSkb>::try_from(program)?.load(),
        }
    }

    fn attach(&self, program: &mut Program, hook: Hook) -> Result<(), HookError> {
        match hook {
            Hook::BtfTracepoint(_) => <&mut BtfTracePoint>::try_from(program)?.attach().map(drop)?,
            Hook::Tracepoint { category, name } => {
                <&mut TracePoint>::try_from(program)?.attach(category, name).map(drop)?;
            }
            Hook::Fentry(_) => <&mut FEntry>::try_from(program)?.attach().map(drop)?,
            Hook::Lsm(_) => {
                lsm_is_active()?;
                <&mut Lsm>::try_from(program)?.attach().map(drop)?;
            }
            Hook::CgroupSockAddr | Hook::CgroupSock | Hook::CgroupIngress | Hook::CgroupEgress => {
                self.attach_to_cgroups(program, hook)?;
            }
        }
        Ok(())
    }

    fn attach_to_cgroups(&self, program: &mut Program, hook: Hook) -> Result<(), HookError> {
        if self.cgroups.is_empty() {
            return Err(HookError::NoCgroups);
        }
        for path in &self.cgroups {
            let cgroup = File::open(path).map_err(|source| HookError::Cgroup {
                path: path.clone(),
                source,
            })?;
            attach_to_cgroup(program, hook, &cgroup).map_err(|error| match refused(error, hook) {
                // The rights are there: another program does not tolerate this one.
                HookError::Refused {
                    refusal: Refusal::Unknown | Refusal::Lockdown,
                    ..
                } => HookError::Occupied(path.clone()),
                other => other,
            })?;
        }
        Ok(())
    }
}

/// By links, which stand beside other programs of the cgroup whatever the mode says; any but `Single` is an invalid
/// flag to the kernel (`cgroup_bpf_link_attach`, kernel/bpf/cgroup.c, 6.1).
fn attach_to_cgroup(program: &mut Program, hook: Hook, cgroup: &File) -> Result<(), ProgramError> {
    let mode = CgroupAttachMode::Single;
    match hook {
        Hook::CgroupSockAddr => {
            <&mut CgroupSockAddr>::try_from(program)?.attach(cgroup, mode)?;
        }
        Hook::CgroupSock => {
            <&mut CgroupSock>::try_from(program)?.attach(cgroup, mode)?;
        }
        Hook::CgroupIngress => {
            <&mut CgroupSkb>::try_from(program)?.attach(cgroup, CgroupSkbAttachType::Ingress, mode)?;
        }
        Hook::CgroupEgress => {
            <&mut CgroupSkb>::try_from(program)?.attach(cgroup, CgroupSkbAttachType::Egress, mode)?;
        }
        Hook::BtfTracepoint(_) | Hook::Tracepoint { .. } | Hook::Fentry(_) | Hook::Lsm(_) => {}
    }
    Ok(())
}

/// From every cgroup too, if it was attached to some.
fn unload(program: &mut Program, hook: Hook) -> Result<(), ProgramError> {
    match hook {
        Hook::BtfTracepoint(_) => <&mut BtfTracePoint>::try_from(program)?.unload(),
        Hook::Tracepoint { .. } => <&mut TracePoint>::try_from(program)?.unload(),
        Hook::Fentry(_) => <&mut FEntry>::try_from(program)?.unload(),
        Hook::Lsm(_) => <&mut Lsm>::try_from(program)?.unload(),
        Hook::CgroupSockAddr => <&mut CgroupSockAddr>::try_from(program)?.unload(),
        Hook::CgroupSock => <&mut CgroupSock>::try_from(program)?.unload(),
        Hook::CgroupIngress | Hook::CgroupEgress => <&mut CgroupSkb>::try_from(program)?.unload(),
    }
}

/// Without it programs of this kind are accepted and never run.
fn lsm_is_active() -> Result<(), HookError> {
    let active = std::fs::read_to_string(ACTIVE_LSMS).unwrap_or_default();
    if active.trim().split(',').any(|module| module == "bpf") {
        Ok(())
    } else {
        Err(HookError::NoBpfLsm)
    }
}

fn refused(source: ProgramError, hook: Hook) -> HookError {
    let needs = if hook.is_cgroups() {
        Needs::CGROUPS
    } else {
        Needs::TRACING
    };
    match rights::refusal(&source, needs) {
        Some(refusal) => HookError::Refused {
            refusal,
            source: Box::new(source),
        },
        None => HookError::Program(source),
    }
}

/// The way is named only where there is more than one; of what the verifier said, its last lines.
fn said(way: &Way, probe: &Probe, error: &HookError) -> String {
    let error = match error {
        HookError::Program(ProgramError::LoadError { io_error, verifier_log }) => {
            format!("{io_error}; the verifier: {}", last_lines(&verifier_log.to_string()))
        }
        error => error.to_string(),
    };
    if probe.ways.len() > 1 {
        format!("{}: {error}", way.name)
    } else {
        error
    }
}

/// The reason stands behind the instructions and in front of statistics.
fn last_lines(log: &str) -> String {
    let is_statistics = |line: &str| STATISTICS.iter().any(|begin| line.starts_with(begin));
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| !line.trim().is_empty() && !is_statistics(line))
        .collect();
    lines[lines.len().saturating_sub(VERIFIER_LINES)..].join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_verifier_log_the_end_is_told() {
        assert_eq!(last_lines(""), "");
        let log = "1: x\n2: y\n\nR1 is bad\nstack depth 8\nprocessed 2 insns\n";
        assert_eq!(last_lines(log), "2: y, R1 is bad");
    }
}
