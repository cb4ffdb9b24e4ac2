//! `kernel-module-load`: code that was put into the kernel. No container does that every day, so that it is raised whatever
//! was learned.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{
    behaviour::{Behaviour, ModuleKind},
    severity::Severity,
};

pub(super) const ID: &str = "kernel-module-load";
pub(super) const SEVERITY: Severity = Severity::High;
pub(super) const PAGE: Page = Page {
    sees: "A module that was loaded into the kernel. One that no container loads is raised as its node's, in the \
           operator's namespace.",
    why: "A module can do everything, and hide everything, this sensor included.",
    example: "`the kernel module wireguard loaded by /usr/sbin/modprobe runs in the kernel of the node`",
    tune: "List the module's hash in `spec.feeds.module.approvedHashes`. Take `SYS_MODULE` away from containers \
           that do not need it.",
    techniques: &[
        Technique::new(
            "T1547.006",
            "Boot or Logon Autostart Execution: Kernel Modules and Extensions",
        ),
        Technique::new("T1014", "Rootkit"),
    ],
};

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
