//! What is known of a workload's rollouts and pods, as the core asks for it.

use anchorwatch_core::{
    id::{ContainerName, PodUid, WorkloadKey},
    rollout::{CurrentRevision, Evidence, Pod},
};
use k8s_openapi::api::apps::v1::Deployment;
use kube::runtime::reflector::ObjectRef;

use super::{
    World,
    facts::{PodFacts, revision},
    readable,
};
use crate::convert::{from_clock, record_from_crd};

/// The kind that has revisions of its own in this version.
pub const DEPLOYMENT: &str = "Deployment";

impl World {
    /// What is known of a workload's rollouts and pods.
    pub fn evidence(&self, workload: &WorkloadKey) -> Evidence {
        let records = readable(&self.records);
        let records = records
            .iter()
            .filter_map(|guarded| guarded.0.as_ref().ok())
            .filter(|record| {
                let about = &record.spec.workload;
                record.metadata.namespace.as_deref() == Some(workload.namespace.as_str())
                    && about.kind == workload.kind
                    && about.name == workload.name
            });
        let pods = self.pods_of(workload);
        Evidence {
            records: records.map(record_from_crd).collect(),
            current: self.current_revision(workload),
            pods: pods
                .iter()
                .map(|pod| (PodUid::new(&pod.uid), evidence_of(pod)))
                .collect(),
        }
    }

    /// The Deployment of a workload, where it is one.
    pub fn deployment(&self, workload: &WorkloadKey) -> Option<std::sync::Arc<Deployment>> {
        if workload.kind != DEPLOYMENT {
            return None;
        }
        self.deployments
            .get(&ObjectRef::new(&workload.name).within(&workload.namespace))
    }

    /// The revision that a Deployment is at: the ReplicaSet with the Deployment's own number. Right after a change, until
    /// the Deployment's controller has acted on it, there is none.
    fn current_revision(&self, workload: &WorkloadKey) -> Option<CurrentRevision> {
        let deployment = self.deployment(workload)?;
        let number = revision(&deployment.metadata)?;
        let uid = deployment.metadata.uid.as_deref()?;
        let sets = self.replica_sets_of(uid);
        let set = sets.iter().find(|set| set.revision == Some(number))?;
        Some(CurrentRevision {
            workload_uid: uid.into(),
            revision: number.try_into().ok()?,
            template_hash: set.template_hash.as_deref()?.into(),
            created: from_clock(set.created),
        })
    }
}

fn evidence_of(pod: &PodFacts) -> Pod {
    let digests = pod.containers.iter().filter_map(|container| {
        let digest = container.digest.clone()?;
        Some((ContainerName::new(&container.name), digest))
    });
    Pod {
        name: pod.name.clone(),
        template_hash: pod.template_hash().map(Into::into),
        running: pod.running,
        created: from_clock(pod.created),
        digests: digests.collect(),
    }
}
