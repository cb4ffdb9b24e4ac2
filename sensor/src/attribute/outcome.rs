//! What became of an event.

use anchorwatch_core::behaviour::{Attributes, Behaviour, Feed};
use anchorwatch_core::observation::Observed;
use std::sync::Arc;

use super::command::Template;
use super::pod::Container;
use super::text;
use crate::decode::FilterKey;
use crate::losses::{LossReason, Whose};

/// A behaviour that a container showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributed {
    pub container: Arc<Container>,
    pub behaviour: Behaviour,
    /// What else is known of it. An execution's command line is apart.
    pub attributes: Attributes,
    /// The command line of an execution.
    pub command: Option<Template>,
    /// Executables that led to it, outermost first, its own last.
    pub lineage: Vec<Arc<str>>,
    /// Nanoseconds of `CLOCK_BOOTTIME`.
    pub time_ns: u64,
    /// It was found running when the sensor started, not seen to happen.
    pub standing: bool,
    /// It was done in the first minute of its container, as far as is known.
    pub startup: bool,
    /// How many equal ones the kernel swallowed since the last one that it sent.
    pub repeats: u64,
    /// What the kernel's filter knows it by.
    pub key: Option<FilterKey>,
    /// All that was seen of it, where that is asked for: see [`super::Attributor::with_observations`].
    pub observed: Option<Box<Observed>>,
}

impl Attributed {
    /// Whether something that it descends from is not known.
    pub fn lacks_ancestor(&self) -> bool {
        self.lineage.iter().any(|executable| **executable == *text::UNKNOWN)
    }

    /// What else is known of it, with its command line.
    pub fn all_attributes(&self) -> Attributes {
        Attributes {
            commands: self
                .command
                .iter()
                .map(|command| command.line.as_ref().to_owned())
                .collect(),
            ..self.attributes.clone()
        }
    }
}

/// What became of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Attributed(Box<Attributed>),
    /// Its container is not known yet.
    Waiting,
    /// In nothing whose behaviour is told.
    Host,
    /// The container runtime at work.
    RuntimeStage,
    /// The process that holds a pod's namespaces.
    Sandbox,
    /// A flow that stays inside its pod.
    Loopback,
    Lost(Feed, LossReason, Whose),
}
