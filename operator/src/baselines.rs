//! A baseline's object: its name, the workload that it is about, and where caches and queues find it.

mod commands;
mod expectation;
mod labels;
mod losses;
mod status;
#[cfg(test)]
mod tests;

use anchorwatch_core::id::{WorkloadKey, object_name};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, BehaviorBaselineSpec, WorkloadReference};
use kube::runtime::reflector::ObjectRef;

use crate::world::{Guarded, World};

pub use self::{labels::remembered, losses::next_loss_ends, status::status_of};

/// The workload that a baseline is about.
pub fn workload_of(baseline: &BehaviorBaseline) -> WorkloadKey {
    let workload = &baseline.spec.workload;
    WorkloadKey::new(
        baseline.metadata.namespace.clone().unwrap_or_default(),
        &workload.kind,
        &workload.name,
    )
}

/// Name of a workload's baseline.
pub fn name_of(workload: &WorkloadKey) -> String {
    object_name(&workload.kind, &workload.name, None)
}

/// A workload's baseline, as caches and queues name it.
pub fn reference(workload: &WorkloadKey) -> ObjectRef<Guarded<BehaviorBaseline>> {
    ObjectRef::new(&name_of(workload)).within(&workload.namespace)
}

/// Every baseline, or every one of a namespace.
pub fn all(world: &World, namespace: Option<&str>) -> Vec<ObjectRef<Guarded<BehaviorBaseline>>> {
    let held = world.baselines.state();
    let references = held.iter().map(|baseline| ObjectRef::from_obj(baseline.as_ref()));
    let within = |reference: &ObjectRef<_>| namespace.is_none_or(|name| reference.namespace.as_deref() == Some(name));
    references.filter(within).collect()
}

/// A workload's new baseline, without anything learned.
pub fn empty(workload: &WorkloadKey) -> BehaviorBaseline {
    let spec = BehaviorBaselineSpec {
        workload: WorkloadReference {
            kind: workload.kind.clone(),
            name: workload.name.clone(),
        },
    };
    let mut baseline = BehaviorBaseline::new(&name_of(workload), spec);
    baseline.metadata.namespace = Some(workload.namespace.clone());
    baseline
}
