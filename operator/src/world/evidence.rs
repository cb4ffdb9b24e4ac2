//! What is known of a workload's rollouts and pods, as the core asks for it.

use std::sync::Arc;

use anchorwatch_core::{
    id::{ContainerName, PodUid, TemplateHash, WorkloadKey},
    rollout::{CurrentRevision, Evidence, Pod, Record},
};
use anchorwatch_crds::v1alpha1::{RecordType, RolloutRecord};
use k8s_openapi::api::apps::v1::Deployment;
use kube::runtime::reflector::ObjectRef;

use super::{
    Guarded, World,
    facts::{OwnerFacts, PodFacts, revision},
    readable,
    resolve::Workload,
};
use crate::convert::{from_clock, intent_from_crd, record_from_crd};

/// The kind whose object says itself which revision it is at.
pub const DEPLOYMENT: &str = "Deployment";

impl World {
    /// What is known of a workload's rollouts and pods.
    pub fn evidence(&self, workload: &WorkloadKey) -> Evidence {
        let records: Vec<Record> = self
            .records_of(workload)
            .iter()
            .filter_map(|guarded| guarded.0.as_ref().ok())
            .map(|record| record_from_crd(record, self.signing.sealed(record)))
            .collect();
        let pods = self.pods_of(workload);
        let labels = self.youngest_pod_of(workload).map(|(pod, _)| pod.labels.clone());
        let intents = self.intents_of(workload, &labels.unwrap_or_default());
        Evidence {
            intents: intents
                .iter()
                .filter_map(|guarded| Some(intent_from_crd(guarded.0.as_ref().ok()?).0))
                .collect(),
            current: self.current_revision(workload, &records),
            records,
            pods: pods
                .iter()
                .map(|pod| (PodUid::new(&pod.uid), self.evidence_of(pod)))
                .collect(),
        }
    }

    /// The readable records of a workload, and of earlier ones of its name.
    pub fn records_of(&self, workload: &WorkloadKey) -> Vec<Arc<Guarded<RolloutRecord>>> {
        let mut records = readable(&self.records);
        records.retain(|guarded| guarded.0.as_ref().is_ok_and(|record| is_of(record, workload)));
        records
    }

    /// Whether a workload has records of further digests than those of its rollouts: pods may run what nobody rolled out.
    pub fn has_further_digests(&self, workload: &WorkloadKey) -> bool {
        let is_further = |record: &RolloutRecord| record.spec.record_type == Some(RecordType::Digest);
        let records = readable(&self.records);
        let mut records = records.iter().filter_map(|guarded| guarded.0.as_ref().ok());
        records.any(|record| is_further(record) && is_of(record, workload))
    }

    /// The Deployment of a workload, where it is one.
    pub fn deployment(&self, workload: &WorkloadKey) -> Option<Arc<Deployment>> {
        if workload.kind != DEPLOYMENT {
            return None;
        }
        self.deployments
            .get(&ObjectRef::new(&workload.name).within(&workload.namespace))
    }

    /// The object that holds the template of a revision: a ReplicaSet, ControllerRevision or Job; of several Jobs of one
    /// template, the youngest.
    pub fn holder(&self, workload: &Workload, template_hash: &TemplateHash) -> Option<Arc<OwnerFacts>> {
        let holders = self.holders_of(&workload.key.kind, &workload.uid);
        let mut of_hash: Vec<_> = holders
            .into_iter()
            .filter(|holder| hash_of(&workload.key.kind, holder) == Some(template_hash.as_str()))
            .collect();
        of_hash.sort_by_key(|holder| holder.created);
        of_hash.pop()
    }

    /// The revision that a workload is at.
    fn current_revision(&self, workload: &WorkloadKey, records: &[Record]) -> Option<CurrentRevision> {
        if workload.kind == DEPLOYMENT {
            return self.deployment_revision(workload);
        }
        let (_, located) = self.youngest_pod_of(workload)?;
        let holders = self.holders_of(&workload.kind, &located.uid);
        let current = match workload.kind.as_str() {
            // Jobs have no numbers: the youngest shows the template that holds now.
            "CronJob" | "Job" | "ReplicaSet" => holders.into_iter().max_by_key(|holder| holder.created)?,
            _ => holders.into_iter().max_by_key(|holder| holder.revision)?,
        };
        let template_hash = TemplateHash::new(hash_of(&workload.kind, &current)?);
        Some(CurrentRevision {
            revision: match workload.kind.as_str() {
                "CronJob" => counted(records, &located.uid, &template_hash),
                "Job" | "ReplicaSet" => 1,
                _ => current.revision?.try_into().ok()?,
            },
            workload_uid: located.uid.as_str().into(),
            template_hash,
            created: from_clock(current.created),
        })
    }

    /// The revision that a Deployment is at: the ReplicaSet with the Deployment's own number. Right after a change, until
    /// the Deployment's controller has acted on it, there is none.
    fn deployment_revision(&self, workload: &WorkloadKey) -> Option<CurrentRevision> {
        let deployment = self.deployment(workload)?;
        let number = revision(&deployment.metadata)?;
        let uid = deployment.metadata.uid.as_deref()?;
        let sets = self.holders_of(DEPLOYMENT, uid);
        let set = sets.iter().find(|set| set.revision == Some(number))?;
        Some(CurrentRevision {
            workload_uid: uid.into(),
            revision: number.try_into().ok()?,
            template_hash: set.template_hash.as_deref()?.into(),
            created: from_clock(set.created),
        })
    }

    fn evidence_of(&self, pod: &PodFacts) -> Pod {
        // An ephemeral container is somebody's visit, and no part of what was rolled out.
        let lasting = pod
            .containers
            .iter()
            .filter(|container| pod.images.contains_key(&container.name));
        let digests = lasting.filter_map(|container| {
            let digest = container.digest.clone()?;
            Some((ContainerName::new(&container.name), digest))
        });
        let images = pod.images.iter();
        let images = images.map(|(name, image)| (ContainerName::new(name), image.clone()));
        Pod {
            name: pod.name.clone(),
            node: pod.node.as_str().into(),
            template_hash: self.template_hash(pod).map(Into::into),
            running: pod.running,
            succeeded: pod.succeeded,
            created: from_clock(pod.created),
            digests: digests.collect(),
            images: images.collect(),
        }
    }

    /// The hash of a pod's template: by its label or, of a Job's or a bare ReplicaSet's pod, by its owner.
    fn template_hash(&self, pod: &PodFacts) -> Option<String> {
        if let Some(hash) = pod.template_hash() {
            return Some(hash.to_owned());
        }
        let controller = pod.controller.as_ref()?;
        let owner = self.owner(&controller.uid)?;
        hash_of(&controller.kind, &owner).map(ToOwned::to_owned)
    }
}

/// The hash of the template that an object holds, which a workload of this kind goes by. A bare ReplicaSet has none: it is
/// known by its name.
fn hash_of<'a>(kind: &str, holder: &'a OwnerFacts) -> Option<&'a str> {
    match (kind, &holder.template_hash) {
        (_, Some(hash)) => Some(hash),
        ("ReplicaSet", None) => Some(&holder.name),
        (_, None) => None,
    }
}

/// The number of a revision that has none of its own: that of the newest record if it is of the same template, else one
/// more.
fn counted(records: &[Record], uid: &str, template_hash: &TemplateHash) -> u64 {
    let of_workload = records
        .iter()
        .filter(|record| record.sealed && record.is_revision() && record.workload_uid.as_str() == uid);
    match of_workload.max_by_key(|record| record.revision) {
        Some(newest) if newest.template_hash == *template_hash => newest.revision,
        Some(newest) => newest.revision.saturating_add(1),
        None => 1,
    }
}

fn is_of(record: &RolloutRecord, workload: &WorkloadKey) -> bool {
    let about = &record.spec.workload;
    record.metadata.namespace.as_deref() == Some(workload.namespace.as_str())
        && about.kind == workload.kind
        && about.name == workload.name
}
