//! Writes the baselines, then the acknowledgement, then counts.

use anchorwatch_crds::v1alpha1::{BehaviorBaseline, SensorReport};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, ResourceExt,
    runtime::events::{Event, EventType},
};
use tracing::{info, warn};

use super::{
    IngestError, NAME,
    plan::{Plan, Tally, dropped},
};
use crate::{
    context::Context,
    writes::{Writes, is_already_exists, is_conflict, is_gone},
};

/// Baselines written at a time.
const WRITES_AT_A_TIME: usize = 8;

/// What came of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Applied {
    /// The batch is acknowledged.
    Done,
    /// Another batch, or another operator, came before.
    Superseded,
    /// Somebody else wrote one of the objects first: what was decided is outdated.
    Conflict,
}

/// What came of one write.
enum Written {
    Done,
    Conflict,
    /// There is no place for it any more.
    Gone {
        behaviours: usize,
    },
}

/// Carries it out.
pub async fn apply(context: &Context, plan: Plan) -> Result<Applied, IngestError> {
    let Plan {
        baselines,
        report,
        mut tally,
        hooks_failed,
    } = plan;
    let mut writes = stream::iter(&baselines)
        .map(|baseline| write(context, baseline))
        .buffer_unordered(WRITES_AT_A_TIME);
    let mut conflict = false;
    while let Some(written) = writes.try_next().await? {
        match written {
            Written::Done => context.switches.die_mid_merge(executables(&report)),
            Written::Conflict => conflict = true,
            Written::Gone { behaviours } => *tally.dropped.entry(dropped::NAMESPACE_GONE).or_default() += behaviours,
        }
    }
    if conflict {
        return Ok(Applied::Conflict);
    }
    let api: Api<SensorReport> = Api::all(context.client.clone());
    match Writes::new(&context.metrics, NAME).replace_status(&api, &report).await {
        Ok(_) => {}
        Err(error) if is_conflict(&error) => return Ok(Applied::Conflict),
        Err(error) if is_gone(&error) => return Ok(Applied::Superseded),
        Err(error) => return Err(error.into()),
    }
    count(context, &report, &tally);
    if let Some(message) = hooks_failed {
        tell_of_hooks(context, &report, message).await;
    }
    Ok(Applied::Done)
}

async fn write(context: &Context, baseline: &BehaviorBaseline) -> Result<Written, IngestError> {
    let namespace = baseline.namespace().unwrap_or_default();
    let api: Api<BehaviorBaseline> = Api::namespaced(context.client.clone(), &namespace);
    let writes = Writes::new(&context.metrics, NAME);
    let result = if baseline.resource_version().is_some() {
        writes.replace_status(&api, baseline).await
    } else {
        match writes.create(&api, baseline).await {
            Ok(mut created) => {
                created.status.clone_from(&baseline.status);
                writes.replace_status(&api, &created).await
            }
            Err(error) => Err(error),
        }
    };
    match result {
        Ok(_) => Ok(Written::Done),
        Err(error) if is_conflict(&error) || is_already_exists(&error) => Ok(Written::Conflict),
        Err(error) if is_gone(&error) => {
            let learned = baseline
                .status
                .as_ref()
                .map_or(0, |status| status.learned + status.quarantined);
            warn!(
                namespace,
                name = baseline.name_any(),
                "a baseline's namespace or object is going"
            );
            Ok(Written::Gone {
                behaviours: usize::try_from(learned).unwrap_or(0),
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// Every executable that a batch speaks of.
fn executables(report: &SensorReport) -> impl Iterator<Item = &str> {
    let behaviors = report.spec.containers.iter().flat_map(|container| &container.behaviors);
    behaviors.map(|behavior| behavior.process.executable.as_str())
}

fn count(context: &Context, report: &SensorReport, tally: &Tally) {
    let Tally {
        repeated,
        renewed,
        rejected,
        dropped,
        losses,
    } = tally;
    let metrics = &context.metrics;
    let node = report.name_any();
    if *repeated {
        metrics.batches_repeated.inc();
    } else {
        metrics.batches_merged.inc();
    }
    if *renewed {
        metrics.epochs.inc();
        warn!(
            node,
            epoch = report.spec.epoch,
            "a node's outbox began anew: what it held is lost"
        );
    }
    if *rejected > 0 {
        metrics
            .rejected_behaviors
            .inc_by(u64::try_from(*rejected).unwrap_or(u64::MAX));
        warn!(
            node,
            behaviors = rejected,
            "behaviours that named another node's pods were rejected"
        );
    }
    for (reason, behaviors) in dropped {
        metrics.count_dropped(reason, *behaviors);
    }
    for (feed, reasons) in losses {
        for (reason, events) in reasons {
            metrics.count_lost(feed.as_str(), reason, *events);
        }
    }
}

async fn tell_of_hooks(context: &Context, report: &SensorReport, message: String) {
    let node = report.name_any();
    info!(node, reason = message, "a sensor could not attach every hook");
    let about = ObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Node".into()),
        name: Some(node),
        uid: Some(report.spec.node_uid.clone()),
        ..ObjectReference::default()
    };
    let event = Event {
        type_: EventType::Warning,
        reason: "HookMissing".into(),
        note: Some(message.chars().take(1_000).collect()),
        action: "Attach".into(),
        secondary: None,
    };
    context.publish(&event, &about).await;
}
