//! `changed-hash`: a library under a path that the baseline knows, with another content than it learned. A new version of
//! the image is none: its own libraries are approved. This is a file that changed where it lies, or was laid over.

use super::words::subject;
use crate::{behaviour::Behaviour, severity::Severity};

pub(super) const ID: &str = "changed-hash";
pub(super) const SEVERITY: Severity = Severity::High;

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!(
        "{} is not the file that was learned under this path",
        subject(behaviour)
    )
}
