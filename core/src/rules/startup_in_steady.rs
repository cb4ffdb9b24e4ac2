//! `startup-in-steady`: something that was only ever seen in the first minute of a container, and that is seen later. Nothing
//! else is raised for it, and in a container's first minute it stays known.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{behaviour::Behaviour, severity::Severity};

pub(super) const ID: &str = "startup-in-steady";
pub(super) const SEVERITY: Severity = Severity::Low;
pub(super) const PAGE: Page = Page {
    sees: "Something that the baseline only ever saw in the first minute of a container, and that is done later than that, \
           an hour or more after it was first seen at all. A restart earns no grace: what is new in the first minute is \
           as new as ever.",
    why: "What starts a container installs, migrates and fetches. Somebody who does so in the middle of its life uses what \
          is known to be there.",
    example: "`/usr/bin/apt-get started by /usr/bin/bash was only ever done when a container starts`",
    tune: "Accept the finding: it is known at any time from then on. What is done on several days in half of the pods is \
           absorbed.",
    techniques: &[Technique::new("T1105", "Ingress Tool Transfer")],
};

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!("{} was only ever done when a container starts", subject(behaviour))
}
