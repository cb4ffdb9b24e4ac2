//! `unapproved-module`: a library that is neither of the image's own layers nor in the baseline or, where the policy lists
//! hashes, any library that is not among them.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{
    behaviour::{Behaviour, ModuleBehaviour, ModuleKind, SourceLayer},
    policy::ModulePolicy,
    severity::Severity,
};

pub(super) const ID: &str = "unapproved-module";
pub(super) const SEVERITY: Severity = Severity::Medium;
pub(super) const PAGE: Page = Page {
    sees: "A library, mapped executable, that is neither of the image's own layers nor in the baseline. Where the \
           policy lists hashes (`spec.feeds.module.approvedHashes`), any library that is not among them, and then \
           it needs no baseline.",
    why: "Code can be brought into a running program without starting another one: by preloading a library, as a \
           plug-in, or by replacing one on a volume.",
    example: "`/data/plugins/x.so mapped by /usr/sbin/nginx is neither part of the image nor in the baseline`",
    tune: "Build the library into the image, list its hash, or accept the finding. `spec.feeds.module.enabled: \
           false` switches the feed off.",
    techniques: &[
        Technique::new("T1574.006", "Hijack Execution Flow: Dynamic Linker Hijacking"),
        Technique::new("T1129", "Shared Modules"),
    ],
};

/// Whether the policy lists hashes and this library's is none of them. One whose hash could not be read is none: what is
/// not known is not approved.
pub(super) fn fires(behaviour: &Behaviour, policy: &ModulePolicy) -> bool {
    match behaviour {
        Behaviour::Process(_) | Behaviour::Network(_) => false,
        Behaviour::Module(module) => match module.kind() {
            ModuleKind::Library => policy.approved.is_some() && !is_listed(behaviour, policy),
            ModuleKind::KernelModule => false,
        },
    }
}

/// Whether the policy lists the file's hash.
pub(super) fn is_listed(behaviour: &Behaviour, policy: &ModulePolicy) -> bool {
    match behaviour {
        Behaviour::Process(_) | Behaviour::Network(_) => false,
        Behaviour::Module(module) => policy
            .approved
            .as_ref()
            .zip(module.sha256())
            .is_some_and(|(listed, sha256)| listed.contain(sha256)),
    }
}

/// Whether it is normal without being learned.
pub(super) fn is_approved(behaviour: &Behaviour, policy: &ModulePolicy) -> bool {
    match behaviour {
        Behaviour::Process(_) | Behaviour::Network(_) => false,
        Behaviour::Module(module) => match policy.approved {
            Some(_) => is_listed(behaviour, policy),
            None => is_of_image(module),
        },
    }
}

/// Whether it came with the image, unchanged. One that was copied up may have been changed on the way, and the image's
/// hash of it is not known here.
fn is_of_image(module: &ModuleBehaviour) -> bool {
    module.kind() == ModuleKind::Library && module.source() == SourceLayer::Image
}

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    match behaviour {
        Behaviour::Module(module) if is_of_image(module) => {
            format!(
                "{} is not among the hashes that the policy approves",
                subject(behaviour)
            )
        }
        Behaviour::Process(_) | Behaviour::Network(_) | Behaviour::Module(_) => {
            format!(
                "{} is neither part of the image nor in the baseline",
                subject(behaviour)
            )
        }
    }
}
