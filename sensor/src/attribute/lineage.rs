//! Which executable an execution was, for those that descend from it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anchorwatch_core::behaviour::Origin;

use crate::rooms::Rooms;

/// One execution.
#[derive(Debug, Clone)]
struct Execution {
    executable: Arc<str>,
    /// What was decided of where it came from, where that was outside: `Unknown` if it cannot be told.
    outside: Option<Origin>,
}

/// The latest executions, by their ids. A container that executes without end makes no other's parents unknown, for whose
/// children would look new by that; those that something descends from stay the longest.
#[derive(Debug)]
pub struct Lineage(Rooms<u64, Execution>);

impl Lineage {
    /// Remembers so many at most.
    pub fn new(limit: NonZeroUsize) -> Self {
        Self(Rooms::new(limit))
    }

    /// Remembers an execution in a container, by its cgroup.
    pub fn insert(&mut self, cgroup: u64, exec_id: u64, executable: Arc<str>) {
        let execution = Execution {
            executable,
            outside: None,
        };
        self.0.insert(cgroup, exec_id, execution);
    }

    /// `None` for what was lost or is too long ago.
    pub fn executable(&mut self, exec_id: u64) -> Option<Arc<str>> {
        let execution = self.0.get(&exec_id)?;
        Some(Arc::clone(&execution.executable))
    }

    pub fn mark_outside(&mut self, exec_id: u64, origin: Origin) {
        if let Some(execution) = self.0.peek_mut(&exec_id) {
            execution.outside = Some(origin);
        }
    }

    /// What was decided for the nearest ancestor for which something was.
    pub fn outside(&self, ancestors: &[u64]) -> Option<Origin> {
        let of = |id| self.0.peek(id).and_then(|execution| execution.outside);
        ancestors.iter().find_map(of)
    }

    /// Forgets what was executed in a cgroup that is gone.
    pub fn forget(&mut self, cgroup: u64) {
        self.0.forget(cgroup);
    }
}
