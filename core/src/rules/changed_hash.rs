//! `changed-hash`: a library under a path that the baseline knows, with another content than it learned. A new version of
//! the image is none: its own libraries are approved. This is a file that changed where it lies, or was laid over.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{behaviour::Behaviour, severity::Severity};

pub(super) const ID: &str = "changed-hash";
pub(super) const SEVERITY: Severity = Severity::High;
pub(super) const PAGE: Page = Page {
    sees: "A library under a path that the baseline knows, with another content than it learned, from elsewhere \
           than the image. A new version of the image is none.",
    why: "A file that is replaced where it lies keeps its name, and whatever loads it runs the new code.",
    example: "`/data/plugins/x.so mapped by /usr/sbin/nginx is not the file that was learned under this path`",
    tune: "List the hash of the new file in `spec.feeds.module.approvedHashes`, or accept the finding.",
    techniques: &[
        Technique::new("T1554", "Compromise Host Software Binary"),
        Technique::new("T1574", "Hijack Execution Flow"),
    ],
};

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!(
        "{} is not the file that was learned under this path",
        subject(behaviour)
    )
}
