//! `executable-not-from-image`: an executable or library that is new in the container's writable layer, or was changed
//! there. A file whose layer could not be read does not fire: it is judged against the baseline like any other.

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
    sees: "An executable, or a library, that is new in the container's writable layer, or one of the image that was \
           changed there: written to, replaced by another file of the image, or given another time of change. `chmod` \
           and `chown` change nothing. A file whose layer could not be read is judged against the baseline like any \
           other.",
    why: "What is in no image was scanned and reviewed by nobody. Tools that an intruder downloads, and miners, \
           are such files, and a known program that was overwritten in place.",
    example: "`/tmp/x started by /usr/bin/bash is not part of the image`",
    tune: "Build the file into the image, or mount it as a volume. For libraries, list the hash in \
           `spec.feeds.module.approvedHashes`. With `readOnlyRootFilesystem: true` it can't happen.",
    techniques: &[Technique::new("T1105", "Ingress Tool Transfer")],
};

pub(super) fn fires(behaviour: &Behaviour) -> bool {
    match super::source(behaviour) {
        Some(SourceLayer::UpperNew | SourceLayer::ImageChanged) => true,
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
    let what = match super::source(behaviour) {
        Some(SourceLayer::ImageChanged) => "was changed in the container: it is not what the image holds",
        _ => "is not part of the image",
    };
    format!("{} {what}", subject(behaviour))
}
