//! The rules: each with a stable id, what it sees, how grave that is, and its sentence. One file a rule.

mod alert_overflow;
mod changed_hash;
mod denied_behaviour;
mod destination_spike;
mod digest_mismatch;
mod exec_from_outside;
mod executable_not_from_image;
mod fileless_execution;
mod kernel_module_load;
mod known_name_elsewhere;
mod known_on_one_node;
mod new_destination;
mod new_destination_group;
mod new_listener;
mod novelty_overflow;
mod page;
mod privileges_gained;
mod process_outside_baseline;
mod returned_behaviour;
mod socket_as_stdin;
mod startup_in_steady;
#[cfg(test)]
mod tests;
mod unapproved_module;
mod unusual_command;
mod unusual_volume;
mod words;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use page::{Explanation, Page, Technique};
pub use words::subject;

use crate::{
    behaviour::{Behaviour, Destination, Direction, SourceLayer},
    policy::Policy,
    severity::Severity,
};

pub use denied_behaviour::denied_by;

/// A rule. In the order of their gravity, the least first: where several fire, the last one gives the finding its name.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Something that was known, was not seen for the window, and is seen again.
    ReturnedBehaviour,
    /// Something that was only done when a container starts, and is done later.
    StartupInSteady,
    /// Something that only one of several nodes ever told of, and that is seen on another.
    KnownOnOneNode,
    /// A known name that leads to a network where it did not lead before.
    KnownNameElsewhere,
    /// A process that the baseline does not know.
    ProcessOutsideBaseline,
    /// A command of a known process that is unlike what was learned of it.
    UnusualCommand,
    /// A destination that the baseline does not know.
    NewDestination,
    /// The first connection into a group of networks that the policy names.
    NewDestinationGroup,
    /// A listener that the baseline does not know.
    NewListener,
    /// A module that nobody approved and the baseline does not know.
    UnapprovedModule,
    /// A connection to a known destination that sent much more than any before.
    UnusualVolume,
    /// More new destinations within an hour than chance explains.
    DestinationSpike,
    /// A known process whose execution gave capabilities that it never gave before.
    PrivilegesGained,
    /// A library under a known path whose content changed.
    ChangedHash,
    /// More was new than there was room for.
    NoveltyOverflow,
    /// More is undecided than there is room for alerts.
    AlertOverflow,
    /// A pod that runs another image than what was recorded of its revision.
    DigestMismatch,
    /// A process that was started from outside the container, as `kubectl exec` does.
    ExecFromOutside,
    /// A process that the baseline does not know, with a socket as its standard input or output.
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
    pub const ALL: [Self; 23] = [
        Self::ReturnedBehaviour,
        Self::StartupInSteady,
        Self::KnownOnOneNode,
        Self::KnownNameElsewhere,
        Self::ProcessOutsideBaseline,
        Self::UnusualCommand,
        Self::NewDestination,
        Self::NewDestinationGroup,
        Self::NewListener,
        Self::UnapprovedModule,
        Self::UnusualVolume,
        Self::DestinationSpike,
        Self::PrivilegesGained,
        Self::ChangedHash,
        Self::NoveltyOverflow,
        Self::AlertOverflow,
        Self::DigestMismatch,
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
            Self::ReturnedBehaviour => returned_behaviour::ID,
            Self::StartupInSteady => startup_in_steady::ID,
            Self::KnownOnOneNode => known_on_one_node::ID,
            Self::ProcessOutsideBaseline => process_outside_baseline::ID,
            Self::UnusualCommand => unusual_command::ID,
            Self::KnownNameElsewhere => known_name_elsewhere::ID,
            Self::NewDestinationGroup => new_destination_group::ID,
            Self::UnusualVolume => unusual_volume::ID,
            Self::DestinationSpike => destination_spike::ID,
            Self::PrivilegesGained => privileges_gained::ID,
            Self::ChangedHash => changed_hash::ID,
            Self::NoveltyOverflow => novelty_overflow::ID,
            Self::AlertOverflow => alert_overflow::ID,
            Self::DigestMismatch => digest_mismatch::ID,
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
            Self::ReturnedBehaviour => returned_behaviour::SEVERITY,
            Self::StartupInSteady => startup_in_steady::SEVERITY,
            Self::KnownOnOneNode => known_on_one_node::SEVERITY,
            Self::ProcessOutsideBaseline => process_outside_baseline::SEVERITY,
            Self::UnusualCommand => unusual_command::SEVERITY,
            Self::KnownNameElsewhere => known_name_elsewhere::SEVERITY,
            Self::NewDestinationGroup => new_destination_group::SEVERITY,
            Self::UnusualVolume => unusual_volume::SEVERITY,
            Self::DestinationSpike => destination_spike::SEVERITY,
            Self::PrivilegesGained => privileges_gained::SEVERITY,
            Self::ChangedHash => changed_hash::SEVERITY,
            Self::NoveltyOverflow => novelty_overflow::SEVERITY,
            Self::AlertOverflow => alert_overflow::SEVERITY,
            Self::DigestMismatch => digest_mismatch::SEVERITY,
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

    /// What people read about it. One that has no text does not compile.
    pub const fn page(self) -> Page {
        match self {
            Self::ReturnedBehaviour => returned_behaviour::PAGE,
            Self::StartupInSteady => startup_in_steady::PAGE,
            Self::KnownOnOneNode => known_on_one_node::PAGE,
            Self::UnusualCommand => unusual_command::PAGE,
            Self::ProcessOutsideBaseline => process_outside_baseline::PAGE,
            Self::KnownNameElsewhere => known_name_elsewhere::PAGE,
            Self::NewDestinationGroup => new_destination_group::PAGE,
            Self::UnusualVolume => unusual_volume::PAGE,
            Self::DestinationSpike => destination_spike::PAGE,
            Self::PrivilegesGained => privileges_gained::PAGE,
            Self::ChangedHash => changed_hash::PAGE,
            Self::NoveltyOverflow => novelty_overflow::PAGE,
            Self::AlertOverflow => alert_overflow::PAGE,
            Self::DigestMismatch => digest_mismatch::PAGE,
            Self::NewDestination => new_destination::PAGE,
            Self::NewListener => new_listener::PAGE,
            Self::UnapprovedModule => unapproved_module::PAGE,
            Self::ExecFromOutside => exec_from_outside::PAGE,
            Self::SocketAsStdin => socket_as_stdin::PAGE,
            Self::ExecutableNotFromImage => executable_not_from_image::PAGE,
            Self::FilelessExecution => fileless_execution::PAGE,
            Self::KernelModuleLoad => kernel_module_load::PAGE,
            Self::DeniedBehaviour => denied_behaviour::PAGE,
        }
    }

    /// Whether no rollout may ever suppress its findings.
    pub const fn never_suppressed(self) -> bool {
        match self {
            Self::ReturnedBehaviour
            | Self::StartupInSteady
            | Self::KnownOnOneNode
            | Self::KnownNameElsewhere
            | Self::ProcessOutsideBaseline
            | Self::UnusualCommand
            | Self::NewDestination
            | Self::NewDestinationGroup
            | Self::NewListener
            | Self::UnapprovedModule
            | Self::UnusualVolume
            | Self::DestinationSpike
            | Self::PrivilegesGained
            | Self::ChangedHash => false,
            Self::NoveltyOverflow
            | Self::AlertOverflow
            | Self::DigestMismatch
            | Self::ExecFromOutside
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
            Self::ReturnedBehaviour
            | Self::StartupInSteady
            | Self::KnownOnOneNode
            | Self::KnownNameElsewhere
            | Self::ProcessOutsideBaseline
            | Self::UnusualCommand
            | Self::NewDestination
            | Self::NewDestinationGroup
            | Self::NewListener
            | Self::UnapprovedModule
            | Self::UnusualVolume
            | Self::DestinationSpike
            | Self::PrivilegesGained
            | Self::ChangedHash
            | Self::NoveltyOverflow
            | Self::AlertOverflow
            | Self::SocketAsStdin => true,
            Self::DigestMismatch
            | Self::ExecFromOutside
            | Self::ExecutableNotFromImage
            | Self::FilelessExecution
            | Self::KernelModuleLoad
            | Self::DeniedBehaviour => false,
        }
    }

    /// Whether its findings stand for several behaviours, or for what has no entry: none of them can become known.
    pub const fn is_of_several(self) -> bool {
        matches!(
            self,
            Self::DestinationSpike | Self::NoveltyOverflow | Self::AlertOverflow | Self::DigestMismatch
        )
    }

    /// Whether it is about something new: how much is new in the workload anyway weighs in it.
    pub const fn is_of_novelty(self) -> bool {
        match self {
            Self::ReturnedBehaviour | Self::StartupInSteady | Self::KnownOnOneNode => false,
            rule => rule.needs_baseline(),
        }
    }

    /// Whether it is about what was learned, shown beyond what it was learned within.
    pub const fn is_of_bounds(self) -> bool {
        matches!(self, Self::StartupInSteady | Self::KnownOnOneNode)
    }

    /// What it says of a behaviour, in one sentence without full stop, fit for a terminal.
    pub fn sentence(self, behaviour: &Behaviour) -> String {
        match self {
            Self::ReturnedBehaviour => returned_behaviour::sentence(behaviour),
            Self::StartupInSteady => startup_in_steady::sentence(behaviour),
            Self::KnownOnOneNode => known_on_one_node::sentence(behaviour),
            Self::ProcessOutsideBaseline => process_outside_baseline::sentence(behaviour),
            Self::UnusualCommand => unusual_command::sentence(behaviour),
            Self::KnownNameElsewhere => known_name_elsewhere::sentence(behaviour),
            Self::NewDestinationGroup => new_destination_group::sentence(behaviour),
            Self::UnusualVolume => unusual_volume::sentence(behaviour),
            Self::DestinationSpike => destination_spike::sentence(behaviour),
            Self::PrivilegesGained => privileges_gained::sentence(behaviour),
            Self::ChangedHash => changed_hash::sentence(behaviour),
            Self::NoveltyOverflow => novelty_overflow::sentence(behaviour),
            Self::AlertOverflow => alert_overflow::sentence(),
            Self::DigestMismatch => digest_mismatch::sentence(behaviour),
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
    // Who lists a hash means the file, wherever it lies.
    let listed = unapproved_module::is_listed(behaviour, &policy.module);
    let fires = |rule: &Rule| match rule {
        Rule::ReturnedBehaviour
        | Rule::StartupInSteady
        | Rule::KnownOnOneNode
        | Rule::KnownNameElsewhere
        | Rule::ProcessOutsideBaseline
        | Rule::UnusualCommand
        | Rule::NewDestination
        | Rule::NewDestinationGroup
        | Rule::NewListener
        | Rule::UnusualVolume
        | Rule::DestinationSpike
        | Rule::PrivilegesGained
        | Rule::ChangedHash
        | Rule::NoveltyOverflow
        | Rule::AlertOverflow
        | Rule::DigestMismatch
        | Rule::SocketAsStdin => false,
        Rule::UnapprovedModule => unapproved_module::fires(behaviour, &policy.module),
        Rule::ExecFromOutside => exec_from_outside::fires(behaviour),
        Rule::ExecutableNotFromImage => !listed && executable_not_from_image::fires(behaviour),
        Rule::FilelessExecution => fileless_execution::fires(behaviour),
        Rule::KernelModuleLoad => !listed && kernel_module_load::fires(behaviour),
        Rule::DeniedBehaviour => denied_behaviour::fires(behaviour, policy),
    };
    Rule::ALL.into_iter().rev().find(fires)
}

/// The rule that raises a behaviour for nothing but that the baseline does not know it.
pub const fn of_novelty(behaviour: &Behaviour) -> Rule {
    match behaviour {
        Behaviour::Process(process) if unusual_command::fires(process) => Rule::UnusualCommand,
        Behaviour::Process(process) if privileges_gained::fires(process) => Rule::PrivilegesGained,
        Behaviour::Process(process) if socket_as_stdin::fires(process) => Rule::SocketAsStdin,
        Behaviour::Process(_) => Rule::ProcessOutsideBaseline,
        Behaviour::Network(network) => match (network.direction(), network.destination()) {
            (Direction::Listen, _) => Rule::NewListener,
            (Direction::Connect | Direction::Send, destination) => match destination {
                Destination::Service(_)
                | Destination::Workload(_)
                | Destination::Name(_)
                | Destination::Prefix(_)
                | Destination::Local => Rule::NewDestination,
                Destination::Group(_) => Rule::NewDestinationGroup,
                Destination::NameIn { .. } => Rule::KnownNameElsewhere,
                Destination::Volume { .. } => Rule::UnusualVolume,
                Destination::Many(_) => Rule::DestinationSpike,
            },
        },
        Behaviour::Module(_) => Rule::UnapprovedModule,
    }
}

/// Whether a behaviour is normal without being learned: a module whose hash the policy lists or, where it lists none, a
/// library of the image's own layers.
pub fn is_approved(behaviour: &Behaviour, policy: &Policy) -> bool {
    unapproved_module::is_approved(behaviour, &policy.module)
}

/// Where the file comes from that a behaviour is about, where it is about one.
const fn source(behaviour: &Behaviour) -> Option<SourceLayer> {
    match behaviour {
        Behaviour::Process(process) => Some(process.source()),
        Behaviour::Network(_) => None,
        Behaviour::Module(module) => Some(module.source()),
    }
}
