//! The rules: each with a stable id, what it sees, how grave that is, and its sentence. One file a rule.

mod denied_behaviour;
mod exec_from_outside;
mod executable_not_from_image;
mod fileless_execution;
mod process_outside_baseline;
mod socket_as_stdin;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{behaviour::Behaviour, policy::Policy, severity::Severity};

/// A rule. In the order of their gravity, the least first: where several fire, the last one gives the finding its name.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A process that the baseline does not know.
    ProcessOutsideBaseline,
    /// A process that was started from outside the container, as `kubectl exec` does.
    ExecFromOutside,
    /// A process that the baseline does not know, with a socket as its standard input.
    SocketAsStdin,
    /// An executable that is no part of the image.
    ExecutableNotFromImage,
    /// An executable that exists only in memory, or whose file was deleted before it ran.
    FilelessExecution,
    /// An executable that the policy denies.
    DeniedBehaviour,
}

/// Why a text is no rule's id.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} is no rule")]
pub struct RuleError {
    text: String,
}

impl Rule {
    /// Every rule, the least grave first.
    pub const ALL: [Self; 6] = [
        Self::ProcessOutsideBaseline,
        Self::ExecFromOutside,
        Self::SocketAsStdin,
        Self::ExecutableNotFromImage,
        Self::FilelessExecution,
        Self::DeniedBehaviour,
    ];

    /// Its stable id.
    pub const fn id(self) -> &'static str {
        match self {
            Self::ProcessOutsideBaseline => process_outside_baseline::ID,
            Self::ExecFromOutside => exec_from_outside::ID,
            Self::SocketAsStdin => socket_as_stdin::ID,
            Self::ExecutableNotFromImage => executable_not_from_image::ID,
            Self::FilelessExecution => fileless_execution::ID,
            Self::DeniedBehaviour => denied_behaviour::ID,
        }
    }

    /// How grave it is before anything else is known.
    pub const fn base_severity(self) -> Severity {
        match self {
            Self::ProcessOutsideBaseline => process_outside_baseline::SEVERITY,
            Self::ExecFromOutside => exec_from_outside::SEVERITY,
            Self::SocketAsStdin => socket_as_stdin::SEVERITY,
            Self::ExecutableNotFromImage => executable_not_from_image::SEVERITY,
            Self::FilelessExecution => fileless_execution::SEVERITY,
            Self::DeniedBehaviour => denied_behaviour::SEVERITY,
        }
    }

    /// Whether no rollout may ever suppress its findings.
    pub const fn never_suppressed(self) -> bool {
        match self {
            Self::ProcessOutsideBaseline => false,
            Self::ExecFromOutside
            | Self::SocketAsStdin
            | Self::ExecutableNotFromImage
            | Self::FilelessExecution
            | Self::DeniedBehaviour => true,
        }
    }

    /// Whether it judges against a baseline; the others fire from the first moment on, and what they see is never
    /// learned.
    pub const fn needs_baseline(self) -> bool {
        match self {
            Self::ProcessOutsideBaseline | Self::SocketAsStdin => true,
            Self::ExecFromOutside | Self::ExecutableNotFromImage | Self::FilelessExecution | Self::DeniedBehaviour => {
                false
            }
        }
    }

    /// What it says of a behaviour, in one sentence without full stop, fit for a terminal.
    pub fn sentence(self, behaviour: &Behaviour) -> String {
        let Behaviour::Process(process) = behaviour;
        match self {
            Self::ProcessOutsideBaseline => process_outside_baseline::sentence(process),
            Self::ExecFromOutside => exec_from_outside::sentence(process),
            Self::SocketAsStdin => socket_as_stdin::sentence(process),
            Self::ExecutableNotFromImage => executable_not_from_image::sentence(process),
            Self::FilelessExecution => fileless_execution::sentence(process),
            Self::DeniedBehaviour => denied_behaviour::sentence(process),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|rule| rule.id() == text)
            .ok_or_else(|| RuleError { text: text.to_owned() })
    }
}

/// The gravest rule that fires on a behaviour without asking a baseline.
pub fn without_baseline(behaviour: &Behaviour, policy: &Policy) -> Option<Rule> {
    let Behaviour::Process(process) = behaviour;
    let fires = |rule: &Rule| match rule {
        Rule::ProcessOutsideBaseline | Rule::SocketAsStdin => false,
        Rule::ExecFromOutside => exec_from_outside::fires(process),
        Rule::ExecutableNotFromImage => executable_not_from_image::fires(process),
        Rule::FilelessExecution => fileless_execution::fires(process),
        Rule::DeniedBehaviour => denied_behaviour::fires(process, &policy.process),
    };
    Rule::ALL.into_iter().rev().find(fires)
}

/// The rule that raises a behaviour for nothing but that the baseline does not know it.
pub const fn of_novelty(behaviour: &Behaviour) -> Rule {
    let Behaviour::Process(process) = behaviour;
    if socket_as_stdin::fires(process) {
        Rule::SocketAsStdin
    } else {
        Rule::ProcessOutsideBaseline
    }
}

/// The program of a behaviour as sentences name it: the script or applet, where there is one, and the executable.
fn program(process: &crate::behaviour::ProcessBehaviour) -> String {
    use crate::text::shown;
    match (process.script(), process.applet()) {
        (Some(script), _) => format!("{} (run by {})", shown(script), shown(process.executable())),
        (None, Some(applet)) => format!("{} (as {})", shown(process.executable()), shown(applet)),
        (None, None) => shown(process.executable()),
    }
}

/// By whom a program was started, as sentences say it.
fn started(process: &crate::behaviour::ProcessBehaviour) -> String {
    use crate::behaviour::Origin;
    if process.parent().is_empty() {
        match process.origin() {
            Origin::Entrypoint => "started as the container's entrypoint".to_owned(),
            Origin::Probe => "started by a probe or hook".to_owned(),
            Origin::Exec => "started from outside the container".to_owned(),
            Origin::Unknown => "started before it was watched".to_owned(),
        }
    } else {
        format!("started by {}", crate::text::shown(process.parent()))
    }
}
