//! What found no room among the alerts of each workload, as it was last planned: what a namespace's alert counts.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anchorwatch_core::{alert::LeftOutAlerts, id::WorkloadKey};

/// What found no room, by workload. A workload that is not among them was not planned since this operator leads.
#[derive(Debug, Default)]
pub struct Crowding(Mutex<HashMap<WorkloadKey, Option<LeftOutAlerts>>>);

impl Crowding {
    /// Notes what a plan left out. Returns whether that differs from what was known.
    pub fn note(&self, workload: &WorkloadKey, left_out: Option<LeftOutAlerts>) -> bool {
        let before = self.lock().insert(workload.clone(), left_out);
        before != Some(left_out)
    }

    /// Whether anything of a workload had no room when it was last planned.
    pub fn waits(&self, workload: &WorkloadKey) -> bool {
        self.lock().get(workload).is_some_and(Option::is_some)
    }

    /// Forgets the workloads of a namespace that are gone.
    pub fn keep(&self, namespace: &str, is_there: impl Fn(&WorkloadKey) -> bool) {
        self.lock()
            .retain(|workload, _| workload.namespace != namespace || is_there(workload));
    }

    /// Whether a workload was planned.
    pub fn knows(&self, workload: &WorkloadKey) -> bool {
        self.lock().contains_key(workload)
    }

    /// What found no room in a namespace.
    pub fn of(&self, namespace: &str) -> Option<LeftOutAlerts> {
        let held = self.lock();
        let of_namespace = held.iter().filter(|(workload, _)| workload.namespace == namespace);
        of_namespace
            .filter_map(|(_, left_out)| *left_out)
            .reduce(LeftOutAlerts::and)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WorkloadKey, Option<LeftOutAlerts>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::time::Timestamp;

    #[test]
    fn a_namespace_counts_what_its_own_workloads_left_out_and_hears_of_changes_alone() {
        let crowding = Crowding::default();
        let left_out = |findings| {
            Some(LeftOutAlerts {
                findings,
                first_seen: Timestamp::from_secs(0),
                last_seen: Timestamp::from_secs(9),
            })
        };
        let workload = |namespace: &str, name: &str| WorkloadKey::new(namespace, "Deployment", name);
        assert!(!crowding.knows(&workload("shop", "a")));
        assert!(crowding.note(&workload("shop", "a"), left_out(3)));
        assert!(!crowding.note(&workload("shop", "a"), left_out(3)));
        assert!(crowding.waits(&workload("shop", "a")) && !crowding.waits(&workload("shop", "b")));
        assert!(crowding.note(&workload("shop", "b"), left_out(4)));
        assert!(crowding.note(&workload("other", "a"), left_out(5)));
        assert_eq!(crowding.of("shop"), left_out(7));
        assert!(crowding.note(&workload("shop", "b"), None) && crowding.knows(&workload("shop", "b")));
        crowding.keep("shop", |known| *known == workload("shop", "b"));
        assert_eq!(crowding.of("shop"), None);
    }
}
