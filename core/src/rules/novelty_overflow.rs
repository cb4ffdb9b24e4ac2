//! `novelty-overflow`: so much was new on a day that not all of it found room among what is raised. What found none has no
//! finding of its own; this one counts it.

use super::page::{Page, Technique};
use crate::{behaviour::Behaviour, severity::Severity, text::shown};

pub(super) const ID: &str = "novelty-overflow";
pub(super) const SEVERITY: Severity = Severity::High;
pub(super) const PAGE: Page = Page {
    sees: "More that is new on one day than a baseline has room for among what is raised. What found no room has no \
           finding of its own: this one counts how often something of it was reported. There is one a feed and day.",
    why: "A flood of harmless novelty would be a way to hide one thing that is not harmless.",
    example: "`more was new to the process feed on 2026-01-01 than there is room for`",
    tune: "Decide about the findings that are there: what is accepted or denied makes room. Look for what makes new \
           paths or names each time, and is no placeholder yet.",
    techniques: &[Technique::new("T1562.006", "Impair Defenses: Indicator Blocking")],
};

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!(
        "more was new to the {} feed {} than there is room for",
        behaviour.feed().as_str(),
        shown(behaviour.executable())
    )
}
