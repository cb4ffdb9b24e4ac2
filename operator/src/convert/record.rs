//! Records of rollouts.

use anchorwatch_convert::{from_time, to_i64, to_time, unsigned};
use anchorwatch_core::{
    chain::Checkpoint,
    id::ContainerName,
    rollout::{
        Actor, Announcement, GitRevision, NewRecord, Record, RecordKind, RecordedContainer, RolloutAction,
        TemplateChange, TemplateField,
    },
};
use anchorwatch_crds::v1alpha1::{self as crd, RecordType, RolloutRecord, RolloutRecordSpec, WorkloadReference};

/// From an object, of which the caller knows whether it says what was signed. A container whose digest is none is left
/// out: it explains nothing.
pub fn record_from_crd(record: &RolloutRecord, sealed: bool) -> Record {
    let spec = &record.spec;
    let containers = spec.containers.iter().filter_map(|container| {
        let recorded = RecordedContainer {
            init: container.init,
            image: container.image.clone(),
            digest: container.digest.parse().ok()?,
            pinned: container.pinned.as_ref().and_then(|digest| digest.parse().ok()),
            injected: container.injected,
            also: container.also.iter().filter_map(|digest| digest.parse().ok()).collect(),
            platform: container.platform.clone(),
        };
        Some((ContainerName::new(&container.name), recorded))
    });
    let kind = kind_from_crd(spec);
    Record {
        name: record.metadata.name.clone().unwrap_or_default(),
        sealed: sealed && kind.is_some(),
        kind: kind.unwrap_or(RecordKind::Revision),
        workload_uid: spec.workload_uid.as_str().into(),
        revision: unsigned(spec.revision),
        template_hash: spec.template_hash.as_str().into(),
        containers: containers.collect(),
        who: spec.who.as_ref().map(|who| Actor {
            manager: who.manager.clone(),
            verified: who.verified,
        }),
        announced: spec.announced.as_ref().map(|announced| Announcement {
            intent: announced.intent.clone(),
            uid: announced.uid.clone(),
            by: announced.by.clone(),
            containers: announced.containers.iter().map(ContainerName::new).collect(),
        }),
        started_at: from_time(&spec.started_at),
        recorded_at: from_time(&spec.recorded_at),
    }
}

/// None where it says that it is of a kind, and lacks what that kind says.
fn kind_from_crd(spec: &RolloutRecordSpec) -> Option<RecordKind> {
    match spec.record_type.unwrap_or(RecordType::Revision) {
        RecordType::Revision => Some(RecordKind::Revision),
        RecordType::Digest => Some(RecordKind::Digest {
            of: spec.of_record.clone()?,
        }),
        RecordType::Checkpoint => {
            let checkpoint = spec.checkpoint.as_ref()?;
            Some(RecordKind::Checkpoint(Checkpoint {
                through: unsigned(checkpoint.through),
                hash: checkpoint.hash.parse().ok()?,
            }))
        }
    }
}

/// To a new object, without its place in the chain.
pub fn record_to_crd(new: NewRecord) -> RolloutRecord {
    let NewRecord {
        record,
        workload,
        witness,
        action,
        changes,
        change_cause,
        git_revision,
    } = new;
    let (record_type, of_record, checkpoint) = match record.kind {
        RecordKind::Revision => (None, None, None),
        RecordKind::Digest { of } => (Some(RecordType::Digest), Some(of), None),
        RecordKind::Checkpoint(Checkpoint { through, hash }) => {
            let pruned = crd::PrunedRecords {
                through: to_i64(through),
                hash: hash.to_string(),
            };
            (Some(RecordType::Checkpoint), None, Some(pruned))
        }
    };
    let containers = record
        .containers
        .into_iter()
        .map(|(name, container)| crd::RecordedContainer {
            name: name.into(),
            init: container.init,
            image: container.image,
            digest: container.digest.into(),
            pinned: container.pinned.map(Into::into),
            injected: container.injected,
            also: container.also.into_iter().map(Into::into).collect(),
            platform: container.platform,
        });
    let spec = RolloutRecordSpec {
        record_type,
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
        action: action.map(action_to_crd),
        changes: changes.map(|changes| changes.into_iter().map(change_to_crd).collect()),
        who: record
            .who
            .map(|Actor { manager, verified }| crd::RolloutActor { manager, verified }),
        git_revision: git_revision
            .map(|GitRevision { revision, annotation }| crd::GitRevision { revision, annotation }),
        announced: record.announced.map(|announced| crd::Announcement {
            intent: announced.intent,
            uid: announced.uid,
            by: announced.by,
            containers: announced.containers.into_iter().map(Into::into).collect(),
        }),
        of_record,
        checkpoint,
        chain: None,
    };
    let mut object = RolloutRecord::new(&record.name, spec);
    object.metadata.namespace = Some(workload.namespace);
    object
}

fn action_to_crd(action: RolloutAction) -> crd::RolloutAction {
    match action {
        RolloutAction::First => crd::RolloutAction::First,
        RolloutAction::Update => crd::RolloutAction::Update,
        RolloutAction::Reconfigure => crd::RolloutAction::Reconfigure,
        RolloutAction::Restart => crd::RolloutAction::Restart,
        RolloutAction::Rollback => crd::RolloutAction::Rollback,
    }
}

fn change_to_crd(change: TemplateChange) -> crd::TemplateChange {
    crd::TemplateChange {
        container: change.container.map(Into::into),
        field: match change.field {
            TemplateField::Added => crd::TemplateField::Added,
            TemplateField::Removed => crd::TemplateField::Removed,
            TemplateField::Image => crd::TemplateField::Image,
            TemplateField::Command => crd::TemplateField::Command,
            TemplateField::Args => crd::TemplateField::Args,
            TemplateField::Environment => crd::TemplateField::Environment,
            TemplateField::Volumes => crd::TemplateField::Volumes,
            TemplateField::SecurityContext => crd::TemplateField::SecurityContext,
            TemplateField::ServiceAccount => crd::TemplateField::ServiceAccount,
            TemplateField::HostNamespaces => crd::TemplateField::HostNamespaces,
        },
        names: change.names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::{chain::RecordHash, id::WorkloadKey, time::Timestamp};
    use proptest::prelude::*;

    fn kinds() -> impl Strategy<Value = RecordKind> {
        prop_oneof![
            Just(RecordKind::Revision),
            "[a-z]{1,9}".prop_map(|of| RecordKind::Digest { of }),
            (1..=i64::MAX as u64, any::<[u8; 32]>()).prop_map(|(through, hash)| {
                let hash = RecordHash::new(hash);
                RecordKind::Checkpoint(Checkpoint { through, hash })
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_record_comes_back_from_its_object_as_it_went_in(
            kind in kinds(),
            revision in 1..=i64::MAX as u64,
            started in 0_i64..4_000_000_000,
            recorded in 0_i64..4_000_000_000,
            who in proptest::option::of(("[a-z]{1,9}", any::<bool>())),
            by in proptest::option::of("[a-z:]{1,9}"),
            containers in proptest::collection::btree_map("[a-z]{1,5}", (any::<bool>(), any::<bool>(), "[0-9a-f]{64}"), 0..4),
        ) {
            let containers = containers.into_iter().map(|(name, (init, injected, digest))| {
                let digest: anchorwatch_core::id::ImageDigest = format!("sha256:{digest}").parse().unwrap();
                let recorded = RecordedContainer {
                    init,
                    image: format!("registry/{name}"),
                    pinned: injected.then(|| digest.clone()),
                    also: init.then(|| digest.clone()).into_iter().collect(),
                    platform: init.then(|| "linux/arm64".to_owned()),
                    digest,
                    injected,
                };
                (ContainerName::new(name), recorded)
            });
            let record = Record {
                name: "deployment-agent-2".into(),
                kind,
                workload_uid: "w1".into(),
                revision,
                template_hash: "5d".into(),
                containers: containers.collect(),
                who: who.map(|(manager, verified)| Actor { manager, verified }),
                announced: by.map(|by| Announcement {
                    intent: "deploy-42".into(),
                    uid: "i1".into(),
                    by,
                    containers: [ContainerName::new("agent")].into(),
                }),
                started_at: Timestamp::from_secs(started),
                recorded_at: Timestamp::from_secs(recorded),
                sealed: true,
            };
            let object = record_to_crd(NewRecord {
                record: record.clone(),
                workload: WorkloadKey::new("shop", "Deployment", "agent"),
                witness: "agent-5d-x".into(),
                action: None,
                changes: None,
                change_cause: None,
                git_revision: None,
            });
            prop_assert_eq!(record_from_crd(&object, true), record);
        }
    }

    #[test]
    fn a_record_that_lacks_what_its_kind_says_is_no_evidence() {
        let object: RolloutRecord = serde_json::from_value(serde_json::json!({
            "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "RolloutRecord", "metadata": {"name": "x"},
            "spec": {
                "type": "Digest", "workload": {"kind": "Deployment", "name": "agent"}, "workloadUid": "d1", "revision": 1,
                "templateHash": "5d", "containers": [], "witness": "",
                "startedAt": "2026-01-01T00:00:00Z", "recordedAt": "2026-01-01T00:00:00Z",
            },
        }))
        .unwrap();
        assert!(!record_from_crd(&object, true).sealed);
    }
}
