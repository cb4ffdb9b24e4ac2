//! Writes the baselines, then the acknowledgement, then counts.

use anchorwatch_crds::v1alpha1::{BehaviorBaseline, SensorReport};
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, ResourceExt,
    runtime::events::{Event, EventType},
};
use tracing::{error, info, warn};

use super::{
    IngestError, NAME,
    plan::{Changed, Plan, Tally, dropped},
};
use crate::{
    context::Context,
    writes::{Writes, is_already_exists, is_conflict, is_gone, is_terminating, is_unwanted},
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
    /// It is lost, for this reason, as there is no place for it, or the API server will never take it.
    Lost {
        reason: &'static str,
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
    let mut failed = None;
    // Each is waited for: what fails for one workload must not cut short what is written for the others.
    while let Some(written) = writes.next().await {
        match written {
            Ok(Written::Done) => context.switches.die_mid_merge(executables(&report)),
            Ok(Written::Conflict) => conflict = true,
            Ok(Written::Lost { reason, behaviours }) => tally.drop(reason, behaviours),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    if let Some(error) = failed {
        return Err(error);
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

async fn write(context: &Context, changed: &Changed) -> Result<Written, IngestError> {
    let Changed {
        object: baseline,
        behaviours,
    } = changed;
    let lost = |reason| Written::Lost {
        reason,
        behaviours: *behaviours,
    };
    let namespace = baseline.namespace().unwrap_or_default();
    let api: Api<BehaviorBaseline> = Api::namespaced(context.client.clone(), &namespace);
    let writes = Writes::new(&context.metrics, NAME);
    let name = baseline.name_any();
    let mut object = baseline.clone();
    if object.resource_version().is_none() {
        match writes.create(&api, &object).await {
            Ok(created) => object.metadata = created.metadata,
            Err(error) if is_gone(&error) => {
                warn!(namespace, name, "a baseline's namespace is going");
                return Ok(lost(dropped::NAMESPACE_GONE));
            }
            Err(error) if is_already_exists(&error) => return Ok(Written::Conflict),
            Err(error) if is_unwanted(&error) => return Ok(refused(&namespace, &name, &error, lost)),
            Err(error) => return Err(error.into()),
        }
    }
    match writes.replace_status(&api, &object).await {
        Ok(_) => Ok(Written::Done),
        Err(error) if is_terminating(&error) => {
            warn!(namespace, name, "a baseline's namespace is going");
            Ok(lost(dropped::NAMESPACE_GONE))
        }
        // Somebody deleted it: what was decided is outdated, and it is made anew.
        Err(error) if is_conflict(&error) || is_gone(&error) => Ok(Written::Conflict),
        Err(error) if is_unwanted(&error) => Ok(refused(&namespace, &name, &error, lost)),
        Err(error) => Err(error.into()),
    }
}

/// One workload's baseline that is refused, for ever or for as long as a policy of its namespace wants, must not stop the
/// reports of all others on the node.
fn refused(namespace: &str, name: &str, error: &kube::Error, lost: impl FnOnce(&'static str) -> Written) -> Written {
    error!(
        namespace,
        name,
        error = error as &dyn std::error::Error,
        "a baseline is refused: what was reported of its workload is dropped"
    );
    lost(dropped::REFUSED)
}

/// Every executable that a batch speaks of.
fn executables(report: &SensorReport) -> impl Iterator<Item = &str> {
    let behaviors = report.spec.containers.iter().flat_map(|container| &container.behaviors);
    let behaviors = behaviors.chain(&report.spec.node_behaviors);
    behaviors.map(|reported| reported.behavior.executable())
}

fn count(context: &Context, report: &SensorReport, tally: &Tally) {
    let Tally {
        repeated,
        renewed,
        merged,
        rejected,
        dropped,
        unverified,
        losses,
    } = tally;
    let metrics = &context.metrics;
    let node = report.name_any();
    if *repeated {
        metrics.batches_repeated.inc();
    } else {
        metrics.batches_merged.inc();
    }
    for (feed, behaviors) in merged {
        let merged = metrics.feeds.merged_behaviors.with_label_values(&[feed.as_str()]);
        merged.inc_by(u64::try_from(*behaviors).unwrap_or(u64::MAX));
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
    metrics
        .unverified_behaviors
        .inc_by(u64::try_from(*unverified).unwrap_or(u64::MAX));
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
