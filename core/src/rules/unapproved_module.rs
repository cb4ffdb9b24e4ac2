//! `unapproved-module`: a library that is neither of the image's own layers nor in the baseline.

use super::words::subject;
use crate::{
    behaviour::{Behaviour, ModuleBehaviour, ModuleKind, SourceLayer},
    severity::Severity,
};

pub(super) const ID: &str = "unapproved-module";
pub(super) const SEVERITY: Severity = Severity::Medium;

/// Whether it came with the image, unchanged. One that was copied up may have been changed on the way, and the image's
/// hash of it is not known here.
pub(super) fn is_of_image(module: &ModuleBehaviour) -> bool {
    module.kind() == ModuleKind::Library && module.source() == SourceLayer::Image
}

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!(
        "{} is neither part of the image nor in the baseline",
        subject(behaviour)
    )
}
