//! Alerts as reports that other tools read: one of OpenReports a workload, in its namespace, kept in step with its alerts.
//!
//! The kind is not ours. Where the cluster serves none it is asked again, soon at first and then each minute: what serves it
//! may come later, and what was installed a moment ago is served a moment later.

mod document;
mod form;
mod outcome;
mod reporting;
mod sweep;

use std::{collections::BTreeSet, time::Duration};

use anchorwatch_core::id::WorkloadKey;
use tokio::time::sleep;
use tracing::{info, warn};

use self::{form::Served, reporting::Reporting};
use super::{alert::workload_of, keyed};
use crate::{args::ReportApi, context::Context, world::readable};

const NAME: &str = "open-reports";
/// How soon it is looked again whether the cluster serves the kind by now; twice as long each time, up to [`LOOK_AGAIN`].
const LOOK_SOON: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// Runs the controller, where somebody asked for it.
pub async fn run(context: &Context) {
    let Some(wanted) = context.open_reports else { return };
    // Nobody listens before there is something to write: until then changes would pile up.
    let Served { form, others } = served(context, wanted).await;
    info!(api = form.group_version(), "alerts are reported to other tools");
    let changes = context.world.subscribe();
    context.world.ready().await;
    for other in &others {
        sweep::clear(context, other).await;
    }
    let reporting = Reporting::new(context, form);
    let mut first = with_alerts(context);
    first.extend(reporting.sweep().await);
    let concerned = |change| reporting.concerned(change);
    keyed::run_from(
        context,
        NAME,
        first.into_iter().collect(),
        changes,
        concerned,
        |workload| reporting.reconcile(workload),
    )
    .await;
}

/// The form that the cluster serves, once it does.
async fn served(context: &Context, wanted: ReportApi) -> Served {
    let mut told = false;
    let mut wait = LOOK_SOON;
    loop {
        match form::find(&context.client, wanted).await {
            Ok(Some(served)) => {
                context.metrics.alerts.open_reports_served.set(1);
                return served;
            }
            Ok(None) if told => {}
            Ok(None) => {
                warn!(
                    "alerts can't be reported to other tools: the cluster serves no Report of openreports.io/v1alpha1 and no \
                     PolicyReport of wgpolicyk8s.io/v1alpha2; install one of them"
                );
                told = true;
            }
            Err(error) => warn!(
                controller = NAME,
                error = &error as &dyn std::error::Error,
                "what the cluster serves can't be told now"
            ),
        }
        sleep(wait).await;
        wait = LOOK_AGAIN.min(wait * 2);
    }
}

/// Every workload that has an alert.
fn with_alerts(context: &Context) -> BTreeSet<WorkloadKey> {
    let alerts = readable(&context.world.alerts);
    let alerts = alerts.iter().filter_map(|guarded| guarded.0.as_ref().ok());
    alerts.filter_map(workload_of).collect()
}

#[cfg(test)]
mod tests;
