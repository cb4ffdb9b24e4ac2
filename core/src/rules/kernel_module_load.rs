//! `kernel-module-load`: code that was put into the kernel. No container does that every day, so that it is raised whatever
//! was learned.

use super::words::subject;
use crate::{
    behaviour::{Behaviour, ModuleKind},
    severity::Severity,
};

pub(super) const ID: &str = "kernel-module-load";
pub(super) const SEVERITY: Severity = Severity::High;

pub(super) fn fires(behaviour: &Behaviour) -> bool {
    match behaviour {
        Behaviour::Process(_) | Behaviour::Network(_) => false,
        Behaviour::Module(module) => match module.kind() {
            ModuleKind::Library => false,
            ModuleKind::KernelModule => true,
        },
    }
}

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!("{} runs in the kernel of the node", subject(behaviour))
}
