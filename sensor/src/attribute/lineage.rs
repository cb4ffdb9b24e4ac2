//! Which executable an execution was, for those that descend from it.

use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::Arc;

use anchorwatch_core::behaviour::Origin;

/// One execution.
#[derive(Debug, Clone)]
struct Execution {
    executable: Arc<str>,
    /// What was decided of where it came from, where that was outside: `Unknown` if it cannot be told.
    outside: Option<Origin>,
}

/// The latest executions of the node, by their ids.
///
/// An execution that something descends from is moved to the front, so that long-lived parents stay.
#[derive(Debug)]
pub struct Lineage {
    executions: LruCache<u64, Execution>,
}

impl Lineage {
    pub fn new(limit: NonZeroUsize) -> Self {
        Self {
            executions: LruCache::new(limit),
        }
    }

    pub fn insert(&mut self, exec_id: u64, executable: Arc<str>) {
        let execution = Execution {
            executable,
            outside: None,
        };
        self.executions.put(exec_id, execution);
    }

    /// `None` for what was lost or is too long ago.
    pub fn executable(&mut self, exec_id: u64) -> Option<Arc<str>> {
        self.executions
            .get(&exec_id)
            .map(|execution| Arc::clone(&execution.executable))
    }

    pub fn mark_outside(&mut self, exec_id: u64, origin: Origin) {
        if let Some(execution) = self.executions.peek_mut(&exec_id) {
            execution.outside = Some(origin);
        }
    }

    /// What was decided for the nearest ancestor for which something was.
    pub fn outside(&self, ancestors: &[u64]) -> Option<Origin> {
        ancestors
            .iter()
            .find_map(|id| self.executions.peek(id).and_then(|execution| execution.outside))
    }
}
