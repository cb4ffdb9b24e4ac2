//! `returned-behaviour`: something that the baseline knew, that was not seen for the policy's window and is seen again within
//! 35 days after it: a monthly job is no news. Nothing else is raised for it.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{behaviour::Behaviour, severity::Severity};

pub(super) const ID: &str = "returned-behaviour";
pub(super) const SEVERITY: Severity = Severity::Low;
pub(super) const PAGE: Page = Page {
    sees: "Something that the baseline knew, that fell out of the window, and that is seen again within 35 days after.",
    why: "A monthly job does that, and is worth no more than a line. Somebody who repeats what was once normal does, too.",
    example: "`/usr/bin/pg_dump started by /usr/bin/bash was known before, and returned after longer than the window`",
    tune: "A longer `spec.baseline.window` keeps what is done seldom, or accept the finding.",
    techniques: &[Technique::new("T1053", "Scheduled Task/Job")],
};

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!(
        "{} was known before, and returned after longer than the window",
        subject(behaviour)
    )
}
