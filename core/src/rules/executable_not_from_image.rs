//! `executable-not-from-image`: an executable that is new in the container's writable layer. A file whose layer could
//! not be read does not fire: it is judged against the baseline like any other.

use super::{program, started};
use crate::{
    behaviour::{ProcessBehaviour, SourceLayer},
    severity::Severity,
};

pub(super) const ID: &str = "executable-not-from-image";
pub(super) const SEVERITY: Severity = Severity::High;

pub(super) fn fires(process: &ProcessBehaviour) -> bool {
    match process.source() {
        SourceLayer::UpperNew => true,
        SourceLayer::Image
        | SourceLayer::ImageCopiedUp
        | SourceLayer::UpperUnknown
        | SourceLayer::Volume
        | SourceLayer::Memory
        | SourceLayer::Deleted
        | SourceLayer::Unsupported => false,
    }
}

pub(super) fn sentence(process: &ProcessBehaviour) -> String {
    format!("{} {} is not part of the image", program(process), started(process))
}
