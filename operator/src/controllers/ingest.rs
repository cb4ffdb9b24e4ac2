//! Ingest: each batch of a sensor goes into the baselines of the workloads that it is about, and is acknowledged then.
//!
//! Exactly once, whenever the operator dies: baselines are written first and remember the batch, the acknowledgement
//! comes last, and a batch is forgotten only once its report shows that it can't come again. A baseline is read before the report is read again: so a report that is not acknowledged then proves
//! that the baseline has not forgotten the batch, even if another operator led meanwhile.

mod apply;
mod fetch;
mod itself;
mod node;
mod outboxes;
mod owner;
mod plan;
mod sort;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use anchorwatch_crds::v1alpha1::SensorReport;
use futures::{Stream, StreamExt};
use kube::{
    ResourceExt,
    runtime::{controller::Action, reflector::ObjectRef},
};
use tokio::time::sleep;
use tracing::debug;

use self::apply::Applied;
use super::driver::{Driver, queue};
use crate::{
    clock,
    context::Context,
    reports,
    world::{Guarded, World, changes::Change},
};

const NAME: &str = "ingest";
/// Reports merged at a time. More of them meet in the same baselines, and the loser of a conflict starts again.
const CONCURRENCY: u16 = 8;
/// Attempts before a conflict counts as a failure and waits longer.
const ATTEMPTS: u32 = 8;
/// How often it is looked whether a batch still waits. A sensor writes no other one before it is acknowledged: were the news
/// of it missed once, a node would be silent for ever.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// Why a batch could not be merged.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The API server refused.
    #[error("the API server refused")]
    Api(#[from] kube::Error),
    /// A pod's ReplicaSet or Job is not known yet.
    #[error("the controller of the pod {namespace}/{pod} is not known yet")]
    OwnerPending {
        /// The pod's namespace.
        namespace: String,
        /// The pod's name.
        pod: String,
    },
    /// Others kept on writing.
    #[error("others wrote the same objects again and again")]
    Contended,
}

/// Runs the controller.
pub async fn run(context: &Context) {
    let concerned = |change| match change {
        Change::Report(report) => vec![report],
        _ => Vec::new(),
    };
    let queue = queue(context.world.subscribe(), concerned);
    let queue = futures::stream::select(queue, waiting(context));
    Driver::new(context, NAME, CONCURRENCY)
        .run(context.world.reports.clone(), queue, |report| {
            reconcile(context, report)
        })
        .await;
}

/// Again and again, the reports whose batches are not acknowledged.
fn waiting(context: &Context) -> impl Stream<Item = ObjectRef<Guarded<SensorReport>>> {
    futures::stream::unfold((), async |()| {
        sleep(LOOK_AGAIN).await;
        Some(((), ()))
    })
    .flat_map(|()| futures::stream::iter(unacknowledged(&context.world)))
}

fn unacknowledged(world: &World) -> Vec<ObjectRef<Guarded<SensorReport>>> {
    let waits =
        |report: &Guarded<SensorReport>| report.0.as_ref().is_ok_and(|report| !reports::is_acknowledged(report));
    let held = world.reports.state();
    let waiting = held.iter().filter(|report| waits(report));
    waiting.map(|report| ObjectRef::from_obj(report.as_ref())).collect()
}

async fn reconcile(context: &Context, report: Arc<Guarded<SensorReport>>) -> Result<Action, IngestError> {
    let Ok(report) = &report.0 else {
        return Ok(Action::await_change());
    };
    for attempt in 0..ATTEMPTS {
        if reports::is_acknowledged(report) {
            return Ok(Action::await_change());
        }
        match merge(context, report).await? {
            Applied::Done | Applied::Superseded => return Ok(Action::await_change()),
            Applied::Conflict => {
                debug!(
                    node = report.name_any(),
                    attempt, "somebody else wrote first: merging again"
                );
                sleep(Duration::from_millis(5 << attempt)).await;
            }
        }
    }
    Err(IngestError::Contended)
}

/// One attempt: fetch, decide, act.
async fn merge(context: &Context, report: &SensorReport) -> Result<Applied, IngestError> {
    let pods = fetch::pods(context, report).await?;
    let neighbours = fetch::neighbours(&context.world, report);
    let itself = itself::of(&context.world, report);
    let sorted = sort::sort(report, &pods, &neighbours, itself);
    let surroundings = fetch::surroundings(context, &report.name_any(), sorted.groups.keys()).await?;
    let Some(current) = fetch::report(context, report).await? else {
        return Ok(Applied::Superseded);
    };
    let plan = plan::plan(
        current,
        sorted,
        surroundings,
        &context.scorings,
        &context.switches,
        clock::now(),
    );
    apply::apply(context, plan).await
}
