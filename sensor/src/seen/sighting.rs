//! What a container was seen to do.

use anchorwatch_core::behaviour::{Attributes, Behaviour};
use anchorwatch_core::time::Timestamp;
use std::sync::Arc;

use crate::attribute::command::Template;

/// One sighting of a behaviour.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    pub behaviour: &'a Behaviour,
    /// What is known beside the behaviour's key.
    pub attributes: &'a Attributes,
    /// The command line of an execution.
    pub command: Option<&'a Template>,
    /// Executables that led to it, outermost first, its own last.
    pub lineage: &'a [Arc<str>],
    pub at: Timestamp,
    /// How many more the kernel swallowed since it last told of one.
    pub repeats: u64,
    /// It was found when the sensor started, not seen to happen.
    pub standing: bool,
    /// It was done in the first minute of its container, as far as is known.
    pub startup: bool,
}
