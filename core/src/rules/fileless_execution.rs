//! `fileless-execution`: an executable that exists only in memory (a memfd).

use super::{program, started};
use crate::{
    behaviour::{ProcessBehaviour, SourceLayer},
    severity::Severity,
};

pub(super) const ID: &str = "fileless-execution";
pub(super) const SEVERITY: Severity = Severity::High;

pub(super) fn fires(process: &ProcessBehaviour) -> bool {
    match process.source() {
        SourceLayer::Memory => true,
        SourceLayer::Image
        | SourceLayer::ImageCopiedUp
        | SourceLayer::UpperNew
        | SourceLayer::UpperUnknown
        | SourceLayer::Volume
        | SourceLayer::Deleted
        | SourceLayer::Unsupported => false,
    }
}

pub(super) fn sentence(process: &ProcessBehaviour) -> String {
    format!("{} {} exists only in memory", program(process), started(process))
}
