//! `exec-from-outside`: a process, or a flow of one, whose lineage was started from outside the container, as `kubectl
//! exec` does, and by no probe or hook; or that runs in an ephemeral container. It is somebody's visit, never the workload's own behaviour, and so is never
//! learned. The libraries that it loads are judged for themselves.

use super::{
    page::{Page, Technique},
    words::{program, started, subject},
};
use crate::{
    behaviour::{Behaviour, Origin},
    severity::Severity,
};

pub(super) const ID: &str = "exec-from-outside";
pub(super) const SEVERITY: Severity = Severity::Medium;
pub(super) const PAGE: Page = Page {
    sees: "A process, or a flow of one, whose lineage was started from outside the container, as `kubectl exec` \
           does, and by no probe or hook of the pod's specification; or that runs in a container which somebody put \
           into the running pod, as `kubectl debug` does.",
    why: "It is somebody's visit and never the workload's own behaviour: a colleague who debugs, or somebody with \
           a stolen credential.",
    example: "`/usr/bin/bash was started from outside the container`",
    tune: "Dismiss the finding with a reason; it can't be learned. To have none, take the right `create` on \
           `pods/exec` and `update` on `pods/ephemeralcontainers` away.",
    techniques: &[Technique::new("T1609", "Container Administration Command")],
};

pub(super) fn fires(behaviour: &Behaviour) -> bool {
    let origin = match behaviour {
        Behaviour::Process(process) => process.origin(),
        Behaviour::Network(network) => network.origin(),
        Behaviour::Module(_) => return false,
    };
    match origin {
        Origin::Exec => true,
        Origin::Entrypoint | Origin::Probe | Origin::Unknown => false,
    }
}

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    match behaviour {
        Behaviour::Process(process) if process.parent().is_empty() => {
            format!("{} was {}", program(process), started(process))
        }
        Behaviour::Process(_) | Behaviour::Network(_) | Behaviour::Module(_) => format!(
            "{} descends from a command that was started from outside the container",
            subject(behaviour)
        ),
    }
}
