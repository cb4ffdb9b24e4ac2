//! Behaviours of the process feed.

use anchorwatch_core::behaviour::{ProcessBehaviour, ProcessParts};
use anchorwatch_crds::v1alpha1::ProcessBehavior;

use super::{origin_from_crd, origin_to_crd, source_from_crd, source_to_crd};

pub(super) fn from_crd(process: ProcessBehavior) -> ProcessBehaviour {
    let ProcessBehavior {
        origin,
        parent,
        executable,
        source,
        script,
        applet,
        stdin_socket,
        stdout_socket,
        gained,
        command,
    } = process;
    ProcessBehaviour::from(ProcessParts {
        origin: origin_from_crd(origin),
        parent,
        executable,
        source: source_from_crd(source),
        script,
        applet,
        stdin_socket,
        stdout_socket,
        gained: gained.into(),
        command,
    })
}

pub(super) fn to_crd(process: &ProcessBehaviour) -> ProcessBehavior {
    ProcessBehavior {
        origin: origin_to_crd(process.origin()),
        parent: process.parent().to_owned(),
        executable: process.executable().to_owned(),
        source: source_to_crd(process.source()),
        script: process.script().map(str::to_owned),
        applet: process.applet().map(str::to_owned),
        stdin_socket: process.stdin_socket(),
        stdout_socket: process.stdout_socket(),
        gained: process.gained().into(),
        command: process.command().map(str::to_owned),
    }
}
