//! `executable-not-from-image`: an executable or library that is new in the container's writable layer. A file whose
//! layer could not be read does not fire: it is judged against the baseline like any other.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{
    behaviour::{Behaviour, SourceLayer},
    severity::Severity,
};

pub(super) const ID: &str = "executable-not-from-image";
pub(super) const SEVERITY: Severity = Severity::High;
pub(super) const PAGE: Page = Page {
    sees: "An executable, or a library, that is new in the container's writable layer. A file whose layer could not \
           be read is judged against the baseline like any other.",
    why: "What is in no image was scanned and reviewed by nobody. Tools that an intruder downloads, and miners, \
           are such files.",
    example: "`/tmp/x started by /usr/bin/bash is not part of the image`",
    tune: "Build the file into the image, or mount it as a volume. For libraries, list the hash in \
           `spec.feeds.module.approvedHashes`. With `readOnlyRootFilesystem: true` it can't happen.",
    techniques: &[Technique::new("T1105", "Ingress Tool Transfer")],
};

pub(super) fn fires(behaviour: &Behaviour) -> bool {
    match super::source(behaviour) {
        Some(SourceLayer::UpperNew) => true,
        None
        | Some(
            SourceLayer::Image
            | SourceLayer::ImageCopiedUp
            | SourceLayer::UpperUnknown
            | SourceLayer::Volume
            | SourceLayer::Memory
            | SourceLayer::Deleted
            | SourceLayer::Unsupported,
        ) => false,
    }
}

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!("{} is not part of the image", subject(behaviour))
}
