//! Alerts as reports that other tools read: one of OpenReports a workload, in its namespace, kept in step with its alerts.
//!
//! The kind is not ours. Where the cluster serves none it is asked again each minute; what serves it may come later.

mod document;
mod form;
mod outcome;

use std::{collections::BTreeMap, sync::Mutex, sync::PoisonError, time::Duration};

use anchorwatch_core::id::WorkloadKey;
use anchorwatch_crds::v1alpha1::DriftAlert;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
};
use serde_json::Value;
use tokio::time::sleep;
use tracing::{info, warn};

use self::{document::Owner, form::Form};
use super::{
    alert::{alerts_of, without_baseline},
    keyed,
};
use crate::{
    args::ReportApi,
    baselines,
    context::Context,
    world::{World, changes::Change},
    writes::{is_gone, is_refused},
};

const NAME: &str = "open-reports";
/// How often it is looked whether the cluster serves the kind by now.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// Reports that are listed at a time.
const PAGE: u32 = 500;

/// Runs the controller, where somebody asked for it.
pub async fn run(context: &Context) {
    let Some(wanted) = context.open_reports else { return };
    context.world.ready().await;
    let changes = context.world.subscribe();
    let form = served(context, wanted).await;
    info!(api = form.group_version(), "alerts are reported to other tools");
    let reporting = Reporting {
        context,
        form,
        written: Mutex::default(),
    };
    reporting.sweep().await;
    let concerned = |change| concerned(&context.world, change);
    keyed::run(context, NAME, changes, concerned, |workload| {
        reporting.reconcile(workload)
    })
    .await;
}

/// The form that the cluster serves, once it does.
async fn served(context: &Context, wanted: ReportApi) -> Form {
    let mut told = false;
    loop {
        match form::find(&context.client, wanted).await {
            Ok(Some(form)) => {
                context.metrics.alerts.open_reports_served.set(1);
                return form;
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
        sleep(LOOK_AGAIN).await;
    }
}

fn concerned(world: &World, change: Change) -> Vec<WorkloadKey> {
    match change {
        Change::Alert(alert) => workload_of(&alert).into_iter().collect(),
        // A report belongs to the baseline, and goes with it: what is left to report has to be written without.
        Change::Baseline(baseline) => without_baseline(world, &baseline),
        Change::Report(_)
        | Change::Record(_)
        | Change::Intent(_)
        | Change::Policy
        | Change::ClusterPolicy
        | Change::Approval(_)
        | Change::Deployment(_)
        | Change::ReplicaSet(_)
        | Change::Pod(_)
        | Change::Crowding(_) => Vec::new(),
    }
}

fn workload_of(alert: &DriftAlert) -> Option<WorkloadKey> {
    let about = &alert.status.as_ref()?.workload;
    Some(WorkloadKey::new(alert.namespace()?, &about.kind, &about.name))
}

struct Reporting<'a> {
    context: &'a Context,
    form: Form,
    /// What was written last of each workload; nothing where its report was deleted.
    written: Mutex<BTreeMap<WorkloadKey, Option<Value>>>,
}

impl Reporting<'_> {
    async fn reconcile(&self, workload: WorkloadKey) -> kube::Result<Option<Duration>> {
        let wanted = self.wanted(&workload);
        if self.lock().get(&workload) == Some(&wanted) {
            return Ok(None);
        }
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.context.client.clone(), &workload.namespace, &self.form.resource);
        let name = document::name_of(&workload);
        let kind = &self.form.resource.kind;
        let result = if let Some(report) = &wanted {
            self.context.metrics.count_write(kind, "apply");
            let manager = PatchParams::apply("anchorwatch-operator/open-reports").force();
            api.patch(&name, &manager, &Patch::Apply(report)).await.map(drop)
        } else {
            self.context.metrics.count_write(kind, "delete");
            api.delete(&name, &DeleteParams::default()).await.map(drop)
        };
        match result {
            Ok(()) => {}
            Err(error) if is_gone(&error) => {}
            // Another version of the kind may not take it: to try again would not help.
            Err(error) if is_refused(&error) => warn!(
                controller = NAME,
                namespace = workload.namespace,
                name,
                error = &error as &dyn std::error::Error,
                "a report is refused"
            ),
            Err(error) => return Err(error),
        }
        self.lock().insert(workload, wanted);
        Ok(None)
    }

    /// The report as it has to be; none where there is no alert.
    fn wanted(&self, workload: &WorkloadKey) -> Option<Value> {
        let world = &self.context.world;
        let objects = alerts_of(world, workload);
        let alerts: Vec<&DriftAlert> = objects.values().filter_map(|guarded| guarded.0.as_ref().ok()).collect();
        let baseline = world.baselines.get(&baselines::reference(workload));
        let owner = baseline.and_then(|guarded| {
            let metadata = &guarded.0.as_ref().ok()?.metadata;
            Some(Owner {
                name: metadata.name.clone()?,
                uid: metadata.uid.clone()?,
            })
        });
        document::report(&self.form, workload, &alerts, owner.as_ref())
    }

    /// Deletes reports of workloads whose alerts went while no operator led. A report is found by its label, and whose it is
    /// by its scope.
    async fn sweep(&self) {
        let api: Api<DynamicObject> = Api::all_with(self.context.client.clone(), &self.form.resource);
        let mut page = ListParams::default().labels(document::SELECTOR).limit(PAGE);
        loop {
            let list = match api.list(&page).await {
                Ok(list) => list,
                Err(error) => {
                    warn!(
                        controller = NAME,
                        error = &error as &dyn std::error::Error,
                        "reports of before can't be listed: those whose alerts are gone stay"
                    );
                    return;
                }
            };
            for report in &list.items {
                let Some(workload) = document::workload_of(report) else {
                    continue;
                };
                if let Err(error) = self.reconcile(workload).await {
                    warn!(
                        controller = NAME,
                        name = report.name_any(),
                        error = &error as &dyn std::error::Error,
                        "a report of before can't be brought up to date"
                    );
                }
            }
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return,
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<WorkloadKey, Option<Value>>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
