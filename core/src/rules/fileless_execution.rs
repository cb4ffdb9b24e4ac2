//! `fileless-execution`: an executable without a file: it exists only in memory (a memfd), or its file was deleted before
//! it ran.

use super::{program, started};
use crate::{
    behaviour::{ProcessBehaviour, SourceLayer},
    severity::Severity,
};

pub(super) const ID: &str = "fileless-execution";
pub(super) const SEVERITY: Severity = Severity::High;

pub(super) fn fires(process: &ProcessBehaviour) -> bool {
    match process.source() {
        SourceLayer::Memory | SourceLayer::Deleted => true,
        SourceLayer::Image
        | SourceLayer::ImageCopiedUp
        | SourceLayer::UpperNew
        | SourceLayer::UpperUnknown
        | SourceLayer::Volume
        | SourceLayer::Unsupported => false,
    }
}

pub(super) fn sentence(process: &ProcessBehaviour) -> String {
    let state = if process.source() == SourceLayer::Deleted {
        "runs from a file that was deleted before"
    } else {
        "exists only in memory"
    };
    format!("{} {} {state}", program(process), started(process))
}
