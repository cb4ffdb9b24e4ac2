//! What was written and has not come back through the watch yet. Nothing more is planned for a workload until it has:
//! a plan that does not know of an alert would open another one for the same finding.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anchorwatch_core::id::WorkloadKey;
use anchorwatch_crds::v1alpha1::DriftAlert;
use kube::{
    Resource, ResourceExt,
    runtime::reflector::{ObjectRef, Store},
};

use crate::world::Guarded;

/// How long is waited at most: the alert may have been deleted before the watch told of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// An alert as it was written.
#[derive(Debug)]
struct Written {
    name: String,
    version: Option<String>,
    since: Instant,
}

/// What was written, by workload.
#[derive(Debug, Default)]
pub struct Expected(Mutex<HashMap<WorkloadKey, Vec<Written>>>);

impl Expected {
    /// Remembers an alert as the API server returned it.
    pub fn expect(&self, workload: &WorkloadKey, alert: &DriftAlert) {
        let written = Written {
            name: alert.name_any(),
            version: alert.resource_version(),
            since: Instant::now(),
        };
        self.lock().entry(workload.clone()).or_default().push(written);
    }

    /// Whether the cache holds everything that was written for a workload.
    pub fn arrived(&self, workload: &WorkloadKey, alerts: &Store<Guarded<DriftAlert>>) -> bool {
        let mut expected = self.lock();
        let Some(written) = expected.get_mut(workload) else {
            return true;
        };
        written.retain(|one| {
            let held = alerts.get(&ObjectRef::new(&one.name).within(&workload.namespace));
            let there =
                held.is_some_and(|alert| reaches(alert.meta().resource_version.as_deref(), one.version.as_deref()));
            !there && one.since.elapsed() < PATIENCE
        });
        let arrived = written.is_empty();
        if arrived {
            expected.remove(workload);
        }
        arrived
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WorkloadKey, Vec<Written>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a resourceVersion is this one or a later one. They are numbers that rise; should one not be, equality tells.
fn reaches(held: Option<&str>, written: Option<&str>) -> bool {
    let number = |version: Option<&str>| version.and_then(|version| version.parse::<u64>().ok());
    match (number(held), number(written)) {
        (Some(held), Some(written)) => held >= written,
        _ => held == written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_crds::v1alpha1::DriftAlertSpec;
    use kube::runtime::{reflector::store, watcher::Event};

    fn alert(version: &str) -> DriftAlert {
        let mut alert = DriftAlert::new("deployment-agent-00112233", DriftAlertSpec::default());
        alert.metadata.namespace = Some("shop".into());
        alert.metadata.resource_version = Some(version.into());
        alert
    }

    #[test]
    fn what_another_wrote_after_us_is_as_good() {
        assert!(reaches(Some("10"), Some("9")));
        assert!(!reaches(Some("9"), Some("10")));
        assert!(reaches(Some("x"), Some("x")));
        assert!(!reaches(None, Some("1")));
    }

    #[test]
    fn nothing_more_is_planned_until_the_cache_holds_what_was_written() {
        let (cache, mut writer) = store::<Guarded<DriftAlert>>();
        let workload = WorkloadKey::new("shop", "Deployment", "agent");
        let expected = Expected::default();
        assert!(expected.arrived(&workload, &cache));
        expected.expect(&workload, &alert("8"));
        assert!(!expected.arrived(&workload, &cache));
        let mut old: Guarded<DriftAlert> = serde_json::from_value(serde_json::to_value(alert("7")).unwrap()).unwrap();
        writer.apply_watcher_event(&Event::Apply(old.clone()));
        assert!(!expected.arrived(&workload, &cache));
        kube::Resource::meta_mut(&mut old).resource_version = Some("8".into());
        writer.apply_watcher_event(&Event::Apply(old));
        assert!(expected.arrived(&workload, &cache));
    }
}
