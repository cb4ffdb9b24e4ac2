//! Records of rollouts.

use anchorwatch_convert::{to_i64, unsigned};
use anchorwatch_core::{
    id::ContainerName,
    rollout::{NewRecord, Record, RecordedContainer},
};
use anchorwatch_crds::v1alpha1::{self as crd, RolloutRecord, RolloutRecordSpec, WorkloadReference};

use super::time::{from_time, to_time};

/// From an object. A container whose digest is none is left out: it explains nothing.
pub fn record_from_crd(record: &RolloutRecord) -> Record {
    let spec = &record.spec;
    let containers = spec.containers.iter().filter_map(|container| {
        let recorded = RecordedContainer {
            init: container.init,
            image: container.image.clone(),
            digest: container.digest.parse().ok()?,
        };
        Some((ContainerName::new(&container.name), recorded))
    });
    Record {
        name: record.metadata.name.clone().unwrap_or_default(),
        workload_uid: spec.workload_uid.as_str().into(),
        revision: unsigned(spec.revision),
        template_hash: spec.template_hash.as_str().into(),
        containers: containers.collect(),
        started_at: from_time(&spec.started_at),
        recorded_at: from_time(&spec.recorded_at),
    }
}

/// To a new object.
pub fn record_to_crd(new: NewRecord) -> RolloutRecord {
    let NewRecord {
        record,
        workload,
        witness,
        change_cause,
    } = new;
    let containers = record
        .containers
        .into_iter()
        .map(|(name, container)| crd::RecordedContainer {
            name: name.into(),
            init: container.init,
            image: container.image,
            digest: container.digest.into(),
        });
    let spec = RolloutRecordSpec {
        workload: WorkloadReference {
            kind: workload.kind,
            name: workload.name,
        },
        workload_uid: record.workload_uid.into(),
        revision: to_i64(record.revision),
        template_hash: record.template_hash.into(),
        containers: containers.collect(),
        witness,
        started_at: to_time(record.started_at),
        recorded_at: to_time(record.recorded_at),
        change_cause,
    };
    let mut object = RolloutRecord::new(&record.name, spec);
    object.metadata.namespace = Some(workload.namespace);
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::{id::WorkloadKey, time::Timestamp};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_comes_back_from_its_object_as_it_went_in(
            revision in 1..=i64::MAX as u64,
            started in 0_i64..4_000_000_000,
            recorded in 0_i64..4_000_000_000,
            containers in proptest::collection::btree_map("[a-z]{1,5}", (any::<bool>(), "[0-9a-f]{64}"), 0..4),
        ) {
            let containers = containers.into_iter().map(|(name, (init, digest))| {
                let recorded = RecordedContainer {
                    init,
                    image: format!("registry/{name}"),
                    digest: format!("sha256:{digest}").parse().unwrap(),
                };
                (ContainerName::new(name), recorded)
            });
            let record = Record {
                name: "deployment-agent-2".into(),
                workload_uid: "w1".into(),
                revision,
                template_hash: "5d".into(),
                containers: containers.collect(),
                started_at: Timestamp::from_secs(started),
                recorded_at: Timestamp::from_secs(recorded),
            };
            let object = record_to_crd(NewRecord {
                record: record.clone(),
                workload: WorkloadKey::new("shop", "Deployment", "agent"),
                witness: "agent-5d-x".into(),
                change_cause: None,
            });
            prop_assert_eq!(record_from_crd(&object), record);
        }
    }
}
