//! Records of workloads that are gone: after their retention the whole chain goes.

use std::time::Duration;

use anchorwatch_core::id::WorkloadKey;
use anchorwatch_crds::v1alpha1::RolloutRecord;
use jiff::Timestamp;
use kube::{Api, ResourceExt, api::DeleteParams};
use tracing::info;

use super::NAME;
use crate::{
    clock,
    context::Context,
    policies::every,
    world::facts::created,
    writes::{Writes, is_gone},
};

/// How long the records are kept where no policy says, in days: the policies' own default.
const RETENTION_DAYS: u8 = 90;
const DAY: Duration = Duration::from_hours(24);

/// What becomes of the records of a workload that has neither pods nor an object that is known.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Fate {
    /// They stay for so long.
    Kept(Duration),
    /// They go, the newest first: what is left of a chain meanwhile is whole.
    Over(Vec<String>),
}

/// Deletes the records of a workload that is gone, once the newest is older than any policy wants records kept. Which
/// policy held for it is not known any more. Returns when to ask again.
pub async fn prune(context: &Context, workload: &WorkloadKey) -> kube::Result<Option<Duration>> {
    let guarded = context.world.records_of(workload);
    let records: Vec<&RolloutRecord> = guarded.iter().filter_map(|guarded| guarded.0.as_ref().ok()).collect();
    if records.is_empty() || context.world.deployment(workload).is_some() {
        return Ok(None);
    }
    let retention = every(&context.world)
        .map(|policy| policy.spec.rollout.retention.get())
        .max();
    let retention = DAY * u32::from(retention.unwrap_or(0).max(RETENTION_DAYS));
    let names = match fate(&records, retention, clock::now()) {
        Fate::Kept(due) => return Ok(Some(due)),
        Fate::Over(names) => names,
    };
    let head = context.heads.all().remove(workload);
    // Before the first goes: the audit must not miss it.
    context.heads.forget(workload);
    let api: Api<RolloutRecord> = Api::namespaced(context.client.clone(), &workload.namespace);
    let writes = Writes::new(&context.metrics, NAME);
    for name in &names {
        match writes.delete(&api, name, &DeleteParams::default()).await {
            Ok(()) => {}
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    info!(
        workload = %workload,
        records = names.len(),
        head = head.map(|head| head.hash.to_string()),
        "the records of a workload that is gone were pruned after their retention"
    );
    Ok(None)
}

fn fate(records: &[&RolloutRecord], retention: Duration, now: Timestamp) -> Fate {
    let age =
        |record: &RolloutRecord| Duration::try_from(now.duration_since(created(&record.metadata))).unwrap_or_default();
    let youngest = records.iter().map(|record| age(record)).min().unwrap_or_default();
    if youngest < retention {
        return Fate::Kept(retention.saturating_sub(youngest));
    }
    let sequence = |record: &RolloutRecord| record.spec.chain.as_ref().map(|chain| chain.sequence);
    let mut ordered = records.to_vec();
    ordered.sort_by_key(|record| std::cmp::Reverse(sequence(record)));
    Fate::Over(ordered.into_iter().map(ResourceExt::name_any).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(sequence: i64, created: &str) -> RolloutRecord {
        serde_json::from_value(json!({
            "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "RolloutRecord",
            "metadata": {"namespace": "shop", "name": format!("r{sequence}"), "creationTimestamp": created},
            "spec": {
                "workload": {"kind": "Job", "name": "once"}, "workloadUid": "j1", "revision": 1, "templateHash": "5d",
                "containers": [], "witness": "", "startedAt": created, "recordedAt": created,
                "chain": {
                    "form": 1, "sequence": sequence, "key": "0".repeat(32), "hash": "0".repeat(64),
                    "signature": "0".repeat(128),
                },
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_chain_goes_as_a_whole_the_newest_first_once_its_newest_is_old() {
        let (first, second) = (record(1, "2026-01-01T00:00:00Z"), record(2, "2026-01-02T00:00:00Z"));
        let now = "2026-01-12T00:00:00Z".parse().unwrap();
        let fate = |days| fate(&[&first, &second], DAY * days, now);
        assert_eq!(fate(11), Fate::Kept(DAY));
        assert_eq!(fate(10), Fate::Over(vec!["r2".into(), "r1".into()]));
    }
}
