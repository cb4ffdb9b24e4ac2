//! Processes that had been put into containers from outside before the sensor came.

use anchorwatch_core::behaviour::Origin;
use std::time::Duration;

use super::pod::Container;
use super::probe;
use crate::snapshot::SeededProcess;

/// A process that had been put into a container from outside before the sensor came.
#[derive(Debug)]
pub(super) struct Visit {
    argv: Vec<Vec<u8>>,
    age: Duration,
}

/// Longer than a probe runs: the kubelet gives it a second unless it is told otherwise.
const PROBE_IS_OVER: Duration = Duration::from_mins(1);

impl From<&SeededProcess> for Visit {
    fn from(process: &SeededProcess) -> Self {
        Self {
            argv: process.argv.clone(),
            age: process.age,
        }
    }
}

impl Visit {
    /// It may have replaced its program since it was a probe's command, so that a young one which is not such a command
    /// cannot be told where there are probes or hooks.
    pub(super) fn origin(&self, container: &Container) -> Origin {
        let is_command = |command: &probe::Command| self.argv.iter().eq(command.iter().map(String::as_bytes));
        if container.commands.iter().any(is_command) {
            Origin::Probe
        } else if container.commands.is_empty() || self.age >= PROBE_IS_OVER {
            Origin::Exec
        } else {
            Origin::Unknown
        }
    }
}
