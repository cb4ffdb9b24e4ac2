//! `process-outside-baseline`: a process that the baseline, complete enough to judge by, does not know.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{behaviour::Behaviour, severity::Severity};

pub(super) const ID: &str = "process-outside-baseline";
pub(super) const SEVERITY: Severity = Severity::Medium;
pub(super) const PAGE: Page = Page {
    sees: "A program, started by a certain parent, that the baseline does not know. Known is the exact combination \
           of parent, executable, script or applet, and where the file comes from. Command lines are no part of it.",
    why: "Somebody who breaks into a workload has to run something, and hardly ever what the workload runs itself: \
           a shell out of a web server, a package manager out of a database.",
    example: "`/usr/bin/bash started by /usr/bin/python3.11 is not in the baseline`",
    tune: "Let it learn for longer (`spec.baseline.maturity`), accept the finding or list the program in a \
           BehaviorApproval. `spec.feeds.process.enabled: false` switches the feed off.",
    techniques: &[Technique::new("T1059", "Command and Scripting Interpreter")],
};

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!("{} is not in the baseline", subject(behaviour))
}
