//! Where the outboxes stand of other nodes whose batches a baseline remembers: what can't come again is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use anchorwatch_core::{
    baseline::Outbox,
    id::{BatchId, NodeName, WorkloadKey, is_object_name},
};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, SensorReport};
use kube::{Api, runtime::reflector::ObjectRef};

use super::{IngestError, fetch::Stored};
use crate::{context::Context, reports};

/// Most nodes that the API server is asked about for one batch. The others come with a later one.
const MAX_ASKED: usize = 16;

/// The outboxes of all nodes but `node` whose batches these baselines remember.
///
/// The watch may be behind. That is no harm where its report shows a batch as acknowledged, which is never taken back;
/// where it would have a batch forgotten for another reason, the API server is asked, and the baselines were read
/// before.
pub async fn of_others(
    context: &Context,
    node: &str,
    baselines: &BTreeMap<WorkloadKey, Stored>,
) -> Result<BTreeMap<NodeName, Outbox>, IngestError> {
    let mut remembered: BTreeMap<NodeName, BTreeSet<BatchId>> = BTreeMap::new();
    for batch in baselines.values().flat_map(batches) {
        if batch.node.as_str() != node {
            remembered.entry(batch.node.clone()).or_default().insert(batch);
        }
    }
    let mut outboxes = BTreeMap::new();
    let mut asked = 0;
    for (node, batches) in remembered {
        let watched = watched(context, &node);
        if let Some(outbox) = watched.filter(|outbox| batches.iter().all(|batch| is_settled_by(outbox, batch))) {
            outboxes.insert(node, outbox);
        } else if asked < MAX_ASKED && is_object_name(node.as_str()) {
            asked += 1;
            let api: Api<SensorReport> = Api::all(context.client.clone());
            let report = api.get_opt(node.as_str()).await?;
            outboxes.insert(node, report.as_ref().map_or(Outbox::Gone, of));
        }
    }
    Ok(outboxes)
}

/// What a report says of its outbox.
pub fn of(report: &SensorReport) -> Outbox {
    Outbox::Reported {
        epoch: report.spec.epoch.clone(),
        acknowledged: reports::last(report).map(|done| (done.epoch.clone(), u64::try_from(done.seq).unwrap_or(0))),
    }
}

fn watched(context: &Context, node: &NodeName) -> Option<Outbox> {
    let report = context.world.reports.get(&ObjectRef::new(node.as_str()))?;
    report.0.as_ref().ok().map(of)
}

/// Whether a report, however old, is enough to keep a batch or to forget it.
fn is_settled_by(outbox: &Outbox, batch: &BatchId) -> bool {
    match outbox {
        Outbox::Gone => false,
        Outbox::Reported { acknowledged, .. } => {
            let done = acknowledged.as_ref();
            outbox.may_send(batch) || done.is_some_and(|(epoch, seq)| *epoch == batch.epoch && batch.seq <= *seq)
        }
    }
}

fn batches(stored: &Stored) -> Vec<BatchId> {
    let status = match stored {
        Stored::Found(baseline) => {
            let baseline: &BehaviorBaseline = baseline;
            baseline.status.as_ref()
        }
        Stored::Missing | Stored::Malformed => None,
    };
    let batches = status.into_iter().flat_map(|status| &status.merged_batches);
    batches
        .map(|batch| BatchId {
            node: batch.node.as_str().into(),
            epoch: batch.epoch.clone(),
            seq: u64::try_from(batch.seq).unwrap_or(0),
        })
        .collect()
}
