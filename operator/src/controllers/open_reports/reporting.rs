//! Writes and deletes the reports of one form, and remembers what it wrote.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anchorwatch_core::id::WorkloadKey;
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, DriftAlert};
use kube::{
    Api,
    api::{DeleteParams, DynamicObject, Patch, PatchParams},
    runtime::reflector::ObjectRef,
};
use serde_json::Value;
use tracing::warn;

use super::{
    NAME,
    document::{self, Owner},
    form::Form,
};
use crate::{
    baselines,
    context::Context,
    controllers::alert::{alerts_of, workload_of},
    world::{Guarded, changes::Change},
    writes::{is_gone, is_refused, is_terminating},
};

/// A workload's baseline, after which its report is named: neither has two of one name.
type BaselineRef = ObjectRef<Guarded<BehaviorBaseline>>;

/// A report that is there, or may be.
#[derive(Debug)]
struct Written {
    workload: WorkloadKey,
    /// UID of the baseline that it goes with.
    owner: Option<String>,
    /// Hash of what was written; none where that is not known.
    told: Option<u64>,
}

/// Keeps the reports of one form.
pub struct Reporting<'a> {
    context: &'a Context,
    form: Form,
    written: Mutex<HashMap<BaselineRef, Written>>,
    hasher: RandomState,
}

impl<'a> Reporting<'a> {
    /// Nothing is written yet.
    pub fn new(context: &'a Context, form: Form) -> Self {
        Self {
            context,
            form,
            written: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// The workloads whose report may be another from now on.
    pub fn concerned(&self, change: Change) -> Vec<WorkloadKey> {
        match change {
            Change::Alert(alert) => workload_of(&alert).into_iter().collect(),
            Change::Baseline(baseline) => self.disowned(&baseline).into_iter().collect(),
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

    /// Writes or deletes the report of a workload.
    pub async fn reconcile(&self, workload: WorkloadKey) -> kube::Result<Option<Duration>> {
        let owner = self.owner(&baselines::reference(&workload));
        match self.report(&workload, owner.as_ref()) {
            Some(report) => self.write(workload, owner, &report).await?,
            None => self.delete(&workload).await?,
        }
        Ok(None)
    }

    /// Lists the reports that are there already, and remembers them; the workloads that they are of.
    pub async fn sweep(&self) -> Vec<WorkloadKey> {
        let found = super::sweep::list(self.context, &self.form).await;
        for workload in &found {
            self.note(workload.clone(), None, None);
        }
        found
    }

    async fn write(&self, workload: WorkloadKey, owner: Option<Owner>, report: &Value) -> kube::Result<()> {
        let told = Some(self.hasher.hash_one(report));
        let is_told = |written: &Written| written.told == told;
        if self.lock().get(&baselines::reference(&workload)).is_some_and(is_told) {
            return Ok(());
        }
        let owner = owner.map(|owner| owner.uid);
        // Before it is sent: what becomes of it may never be heard.
        self.note(workload.clone(), owner.clone(), None);
        let kind = &self.form.resource.kind;
        self.context.metrics.count_write(kind, "apply");
        let manager = PatchParams::apply("anchorwatch-operator/open-reports").force();
        let name = document::name_of(&workload);
        match self.api(&workload).patch(&name, &manager, &Patch::Apply(report)).await {
            Ok(_) => {}
            Err(error) if is_terminating(&error) => {
                self.forget(&workload);
                return Ok(());
            }
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
        self.note(workload, owner, told);
        Ok(())
    }

    async fn delete(&self, workload: &WorkloadKey) -> kube::Result<()> {
        if !self.lock().contains_key(&baselines::reference(workload)) {
            return Ok(());
        }
        self.context.metrics.count_write(&self.form.resource.kind, "delete");
        let name = document::name_of(workload);
        match self.api(workload).delete(&name, &DeleteParams::default()).await {
            Err(error) if !is_gone(&error) => return Err(error),
            Ok(_) | Err(_) => {}
        }
        self.forget(workload);
        Ok(())
    }

    /// The report as it has to be; none where there is no alert.
    fn report(&self, workload: &WorkloadKey, owner: Option<&Owner>) -> Option<Value> {
        let objects = alerts_of(&self.context.world, workload);
        let alerts: Vec<&DriftAlert> = objects.values().filter_map(|guarded| guarded.0.as_ref().ok()).collect();
        document::report(&self.form, workload, &alerts, owner)
    }

    fn owner(&self, baseline: &BaselineRef) -> Option<Owner> {
        let held = self.context.world.baselines.get(baseline)?;
        let metadata = &held.0.as_ref().ok()?.metadata;
        Some(Owner {
            name: metadata.name.clone()?,
            uid: metadata.uid.clone()?,
        })
    }

    /// The workload whose report goes, or went, with a baseline that is another by now.
    fn disowned(&self, baseline: &BaselineRef) -> Option<WorkloadKey> {
        let owner = self.owner(baseline).map(|owner| owner.uid);
        let written = self.lock();
        let written = written.get(baseline)?;
        (written.owner != owner).then(|| written.workload.clone())
    }

    fn api(&self, workload: &WorkloadKey) -> Api<DynamicObject> {
        Api::namespaced_with(self.context.client.clone(), &workload.namespace, &self.form.resource)
    }

    fn note(&self, workload: WorkloadKey, owner: Option<String>, told: Option<u64>) {
        let baseline = baselines::reference(&workload);
        let written = Written { workload, owner, told };
        self.lock().insert(baseline, written);
    }

    fn forget(&self, workload: &WorkloadKey) {
        self.lock().remove(&baselines::reference(workload));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BaselineRef, Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
