//! `executable-not-from-image`: an executable or library that is new in the container's writable layer. A file whose
//! layer could not be read does not fire: it is judged against the baseline like any other.

use super::words::subject;
use crate::{
    behaviour::{Behaviour, SourceLayer},
    severity::Severity,
};

pub(super) const ID: &str = "executable-not-from-image";
pub(super) const SEVERITY: Severity = Severity::High;

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
