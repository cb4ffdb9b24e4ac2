//! `fileless-execution`: code without a file: it exists only in memory (a memfd), or its file was deleted before it ran.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{
    behaviour::{Behaviour, SourceLayer},
    severity::Severity,
};

pub(super) const ID: &str = "fileless-execution";
pub(super) const SEVERITY: Severity = Severity::High;
pub(super) const PAGE: Page = Page {
    sees: "Code without a file: it exists only in memory (a memfd), or its file was deleted before it ran.",
    why: "Nobody can look at such a program afterwards, which is why it is done. Few workloads have a reason to.",
    example: "`memfd:x started by /usr/bin/python3.11 exists only in memory`",
    tune: "A few runtimes do it by design (runc copies itself into memory, outside of containers). Dismiss the \
           finding with a reason; it can't be learned.",
    techniques: &[
        Technique::new("T1620", "Reflective Code Loading"),
        Technique::new("T1070.004", "Indicator Removal: File Deletion"),
    ],
};

pub(super) fn fires(behaviour: &Behaviour) -> bool {
    match super::source(behaviour) {
        Some(SourceLayer::Memory | SourceLayer::Deleted) => true,
        None
        | Some(
            SourceLayer::Image
            | SourceLayer::ImageCopiedUp
            | SourceLayer::ImageChanged
            | SourceLayer::UpperNew
            | SourceLayer::UpperUnknown
            | SourceLayer::Volume
            | SourceLayer::Unsupported,
        ) => false,
    }
}

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    let state = if super::source(behaviour) == Some(SourceLayer::Deleted) {
        "runs from a file that was deleted before"
    } else {
        "exists only in memory"
    };
    format!("{} {state}", subject(behaviour))
}
