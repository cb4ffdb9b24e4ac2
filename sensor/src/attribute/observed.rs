//! All that was seen of a behaviour, as recordings hold it: made of the same parts as the behaviour, and only where somebody
//! asks for it.

use anchorwatch_core::behaviour::{ModuleParts, NetworkParts, ProcessParts};
use anchorwatch_core::observation::{ModuleObservation, NetworkObservation, Observed, ProcessObservation};
use std::sync::Arc;

use super::command::cut_from;
use crate::decode::{Exec, FileId};

/// `argv` is the command line, as much of it as may be told.
pub(super) fn process(parts: &ProcessParts, exec: &Exec, lineage: &[Arc<str>], argv: Vec<String>) -> Box<Observed> {
    let ProcessParts {
        origin,
        parent,
        executable,
        source,
        script,
        applet,
        stdin_socket,
        stdout_socket,
        gained: _,
        command: _,
    } = parts.clone();
    Box::new(Observed::Process(ProcessObservation {
        executable,
        parent,
        argv,
        argv_cut_from: cut_from(exec),
        origin,
        source,
        device: exec.file.map(FileId::device),
        inode: exec.file.map(|file| file.inode),
        script,
        applet,
        stdin_socket,
        stdout_socket,
        terminal: exec.terminal,
        lineage: owned(lineage),
        uid: Some(exec.uid),
        effective_uid: (exec.euid != exec.uid).then_some(exec.euid),
        setuid: exec.setuid,
        gained: exec.gained(),
    }))
}

/// `seen` lacks who it was.
pub(super) fn network(seen: NetworkObservation, parts: &NetworkParts, lineage: &[Arc<str>]) -> Box<Observed> {
    Box::new(Observed::Network(NetworkObservation {
        executable: parts.executable.clone(),
        origin: parts.origin,
        lineage: owned(lineage),
        ..seen
    }))
}

pub(super) fn module(parts: &ModuleParts, build_id: Option<&str>, lineage: &[Arc<str>]) -> Box<Observed> {
    let ModuleParts {
        origin,
        kind,
        path,
        sha256,
        source,
        executable,
    } = parts.clone();
    Box::new(Observed::Module(ModuleObservation {
        kind,
        path,
        sha256,
        build_id: build_id.map(str::to_owned),
        source,
        executable,
        origin,
        lineage: owned(lineage),
    }))
}

fn owned(lineage: &[Arc<str>]) -> Vec<String> {
    lineage.iter().map(|path| path.as_ref().to_owned()).collect()
}
