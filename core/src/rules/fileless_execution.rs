//! `fileless-execution`: code without a file: it exists only in memory (a memfd), or its file was deleted before it ran.

use super::words::subject;
use crate::{
    behaviour::{Behaviour, SourceLayer},
    severity::Severity,
};

pub(super) const ID: &str = "fileless-execution";
pub(super) const SEVERITY: Severity = Severity::High;

pub(super) fn fires(behaviour: &Behaviour) -> bool {
    match super::source(behaviour) {
        Some(SourceLayer::Memory | SourceLayer::Deleted) => true,
        None
        | Some(
            SourceLayer::Image
            | SourceLayer::ImageCopiedUp
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
