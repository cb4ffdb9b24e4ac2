//! `new-listener`: a port that is listened on, and that the baseline, complete enough to judge by, does not know.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{behaviour::Behaviour, severity::Severity};

pub(super) const ID: &str = "new-listener";
pub(super) const SEVERITY: Severity = Severity::Medium;
pub(super) const PAGE: Page = Page {
    sees: "A program that listens on a port, and that the baseline does not know to. Ports that the kernel chooses \
           count as one.",
    why: "A back door that waits to be called has to listen.",
    example: "`the listener of /usr/bin/socat (tcp 4444) is not in the baseline`",
    tune: "Let it learn for longer, or accept the finding.",
    techniques: &[
        Technique::new("T1571", "Non-Standard Port"),
        Technique::new("T1090", "Proxy"),
    ],
};

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!("{} is not in the baseline", subject(behaviour))
}
