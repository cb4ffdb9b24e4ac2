//! The rules: each with a stable id, what it sees, how grave that is, and its sentence. One file a rule.

mod denied_behaviour;
mod exec_from_outside;
mod executable_not_from_image;
mod fileless_execution;
mod kernel_module_load;
mod new_destination;
mod new_listener;
mod process_outside_baseline;
mod socket_as_stdin;
#[cfg(test)]
mod tests;
mod unapproved_module;
mod words;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    behaviour::{Behaviour, Direction, SourceLayer},
    policy::Policy,
    severity::Severity,
};

/// A rule. In the order of their gravity, the least first: where several fire, the last one gives the finding its name.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A process that the baseline does not know.
    ProcessOutsideBaseline,
    /// A destination that the baseline does not know.
    NewDestination,
    /// A listener that the baseline does not know.
    NewListener,
    /// A module that nobody approved and the baseline does not know.
    UnapprovedModule,
    /// A process that was started from outside the container, as `kubectl exec` does.
    ExecFromOutside,
    /// A process that the baseline does not know, with a socket as its standard input.
    SocketAsStdin,
    /// An executable, or a library, that is no part of the image.
    ExecutableNotFromImage,
    /// Code that exists only in memory, or whose file was deleted before it ran.
    FilelessExecution,
    /// A module that was loaded into the kernel.
    KernelModuleLoad,
    /// Something that the policy denies.
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
    pub const ALL: [Self; 10] = [
        Self::ProcessOutsideBaseline,
        Self::NewDestination,
        Self::NewListener,
        Self::UnapprovedModule,
        Self::ExecFromOutside,
        Self::SocketAsStdin,
        Self::ExecutableNotFromImage,
        Self::FilelessExecution,
        Self::KernelModuleLoad,
        Self::DeniedBehaviour,
    ];

    /// Its stable id.
    pub const fn id(self) -> &'static str {
        match self {
            Self::ProcessOutsideBaseline => process_outside_baseline::ID,
            Self::NewDestination => new_destination::ID,
            Self::NewListener => new_listener::ID,
            Self::UnapprovedModule => unapproved_module::ID,
            Self::ExecFromOutside => exec_from_outside::ID,
            Self::SocketAsStdin => socket_as_stdin::ID,
            Self::ExecutableNotFromImage => executable_not_from_image::ID,
            Self::FilelessExecution => fileless_execution::ID,
            Self::KernelModuleLoad => kernel_module_load::ID,
            Self::DeniedBehaviour => denied_behaviour::ID,
        }
    }

    /// How grave it is before anything else is known.
    pub const fn base_severity(self) -> Severity {
        match self {
            Self::ProcessOutsideBaseline => process_outside_baseline::SEVERITY,
            Self::NewDestination => new_destination::SEVERITY,
            Self::NewListener => new_listener::SEVERITY,
            Self::UnapprovedModule => unapproved_module::SEVERITY,
            Self::ExecFromOutside => exec_from_outside::SEVERITY,
            Self::SocketAsStdin => socket_as_stdin::SEVERITY,
            Self::ExecutableNotFromImage => executable_not_from_image::SEVERITY,
            Self::FilelessExecution => fileless_execution::SEVERITY,
            Self::KernelModuleLoad => kernel_module_load::SEVERITY,
            Self::DeniedBehaviour => denied_behaviour::SEVERITY,
        }
    }

    /// Whether no rollout may ever suppress its findings.
    pub const fn never_suppressed(self) -> bool {
        match self {
            Self::ProcessOutsideBaseline | Self::NewDestination | Self::NewListener | Self::UnapprovedModule => false,
            Self::ExecFromOutside
            | Self::SocketAsStdin
            | Self::ExecutableNotFromImage
            | Self::FilelessExecution
            | Self::KernelModuleLoad
            | Self::DeniedBehaviour => true,
        }
    }

    /// Whether it judges against a baseline; the others fire from the first moment on, and what they see is never
    /// learned.
    pub const fn needs_baseline(self) -> bool {
        match self {
            Self::ProcessOutsideBaseline
            | Self::NewDestination
            | Self::NewListener
            | Self::UnapprovedModule
            | Self::SocketAsStdin => true,
            Self::ExecFromOutside
            | Self::ExecutableNotFromImage
            | Self::FilelessExecution
            | Self::KernelModuleLoad
            | Self::DeniedBehaviour => false,
        }
    }

    /// What it says of a behaviour, in one sentence without full stop, fit for a terminal.
    pub fn sentence(self, behaviour: &Behaviour) -> String {
        match self {
            Self::ProcessOutsideBaseline => process_outside_baseline::sentence(behaviour),
            Self::NewDestination => new_destination::sentence(behaviour),
            Self::NewListener => new_listener::sentence(behaviour),
            Self::UnapprovedModule => unapproved_module::sentence(behaviour),
            Self::ExecFromOutside => exec_from_outside::sentence(behaviour),
            Self::SocketAsStdin => socket_as_stdin::sentence(behaviour),
            Self::ExecutableNotFromImage => executable_not_from_image::sentence(behaviour),
            Self::FilelessExecution => fileless_execution::sentence(behaviour),
            Self::KernelModuleLoad => kernel_module_load::sentence(behaviour),
            Self::DeniedBehaviour => denied_behaviour::sentence(behaviour),
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
    let fires = |rule: &Rule| match rule {
        Rule::ProcessOutsideBaseline
        | Rule::NewDestination
        | Rule::NewListener
        | Rule::UnapprovedModule
        | Rule::SocketAsStdin => false,
        Rule::ExecFromOutside => exec_from_outside::fires(behaviour),
        Rule::ExecutableNotFromImage => executable_not_from_image::fires(behaviour),
        Rule::FilelessExecution => fileless_execution::fires(behaviour),
        Rule::KernelModuleLoad => kernel_module_load::fires(behaviour),
        Rule::DeniedBehaviour => denied_behaviour::fires(behaviour, policy),
    };
    Rule::ALL.into_iter().rev().find(fires)
}

/// The rule that raises a behaviour for nothing but that the baseline does not know it.
pub const fn of_novelty(behaviour: &Behaviour) -> Rule {
    match behaviour {
        Behaviour::Process(process) if socket_as_stdin::fires(process) => Rule::SocketAsStdin,
        Behaviour::Process(_) => Rule::ProcessOutsideBaseline,
        Behaviour::Network(network) => match network.direction() {
            Direction::Listen => Rule::NewListener,
            Direction::Connect | Direction::Send => Rule::NewDestination,
        },
        Behaviour::Module(_) => Rule::UnapprovedModule,
    }
}

/// Whether a behaviour is normal without being learned: a library of the image's own layers.
pub fn is_approved(behaviour: &Behaviour) -> bool {
    match behaviour {
        Behaviour::Process(_) | Behaviour::Network(_) => false,
        Behaviour::Module(module) => unapproved_module::is_of_image(module),
    }
}

/// Where the file comes from that a behaviour is about, where it is about one.
const fn source(behaviour: &Behaviour) -> Option<SourceLayer> {
    match behaviour {
        Behaviour::Process(process) => Some(process.source()),
        Behaviour::Network(_) => None,
        Behaviour::Module(module) => Some(module.source()),
    }
}
