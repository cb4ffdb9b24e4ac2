//! What a node itself does, outside of every pod's containers: the workload `Node/<name>` in the operator's namespace.

use std::collections::BTreeMap;

use anchorwatch_core::{
    baseline::{BehaviourReport, ContainerReport, ReportingPod},
    behaviour::{Behaviour, ModuleKind},
    id::WorkloadKey,
    policy::Policy,
};
use anchorwatch_crds::v1alpha1::SensorReport;
use kube::ResourceExt;

use crate::{convert::behaviours_from_crd, policies::Policies, world::World};

/// The kind of such a workload.
const KIND: &str = "Node";
/// What stands for its container in baselines and alerts.
const CONTAINER: &str = "node";
/// The label that such a workload has, and nothing else: by it a policy of the operator's namespace selects it.
const LABEL: (&str, &str) = ("anchorwatch.dev/workload-kind", KIND);

/// A node as a workload.
#[derive(Clone, Debug)]
pub struct Itself {
    /// The workload.
    pub workload: WorkloadKey,
    /// The policy that holds for it.
    pub policy: Option<Policy>,
}

/// What a report says of the node itself.
#[derive(Clone, Debug)]
pub struct Own {
    /// What it did. No hours: nothing of it is learned.
    pub seen: ContainerReport,
    /// How many behaviours are left out that no node is believed, or that this version does not know.
    pub refused: usize,
}

/// The node of a report.
pub fn of(world: &World, report: &SensorReport) -> Itself {
    let workload = WorkloadKey::new(world.own_namespace(), KIND, report.name_any());
    Itself {
        policy: Policies::of(world).resolved(&workload, &labels()),
        workload,
    }
}

/// The labels of a node as a workload.
pub fn labels() -> BTreeMap<String, String> {
    let (name, value) = LABEL;
    [(name.to_owned(), value.to_owned())].into()
}

/// What it did, as far as a sensor may tell it: what else it claims would be a way to fill the operator's namespace.
pub fn own(report: &SensorReport) -> Option<Own> {
    let told = report.spec.node_behaviors.len();
    if told == 0 {
        return None;
    }
    let mut behaviours = behaviours_from_crd(report.spec.node_behaviors.clone());
    behaviours.retain(is_a_nodes);
    let node = ReportingPod {
        uid: report.spec.node_uid.as_str().into(),
        name: report.name_any(),
        digest: None,
        template_hash: None,
        // The report is the node's own: the API server has compared its name and UID with the token's.
        verified: true,
    };
    Some(Own {
        refused: told - behaviours.len(),
        seen: ContainerReport {
            behaviours,
            ..ContainerReport::nothing(CONTAINER.into(), node)
        },
    })
}

fn is_a_nodes(seen: &BehaviourReport) -> bool {
    match &seen.behaviour {
        Behaviour::Process(_) | Behaviour::Network(_) => false,
        Behaviour::Module(module) => match module.kind() {
            ModuleKind::Library => false,
            ModuleKind::KernelModule => true,
        },
    }
}
