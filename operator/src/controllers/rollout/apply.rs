//! Writes records, each as the next link of its workload's chain, and tells the chain's new head.

use anchorwatch_core::{
    chain::{Document, Head},
    id::WorkloadKey,
};
use anchorwatch_crds::v1alpha1::{RolloutIntent, RolloutRecord};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Resource, ResourceExt,
    api::DeleteParams,
    runtime::events::{Event, EventType},
};
use tracing::{error, info};

use super::{NAME, plan::Plan};
use crate::{
    context::Context,
    signing::document,
    world::resolve::Workload,
    writes::{Writes, is_already_exists, is_gone, unless_outdated},
};

/// Carries it out. A record that is there already is as good: its name says what it is about.
pub async fn apply(context: &Context, workload: &Workload, plan: Plan) -> kube::Result<()> {
    let Plan {
        create,
        status,
        delete,
        intents,
        again: _,
    } = plan;
    let api: Api<RolloutRecord> = Api::namespaced(context.client.clone(), &workload.key.namespace);
    let writes = Writes::new(&context.metrics, NAME);
    if let Some((record, head)) = create.and_then(|record| seal(context, &workload.key, &record)) {
        match writes.create(&api, &record).await {
            Ok(made) => {
                context.switches.die_mid_record(&head.record);
                told(context, workload, &made, &head).await;
            }
            Err(error) if is_already_exists(&error) || is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    for record in status {
        unless_outdated(writes.replace_status(&api, &record).await)?;
    }
    for intent in intents {
        let api: Api<RolloutIntent> = Api::namespaced(context.client.clone(), &workload.key.namespace);
        unless_outdated(writes.replace_status(&api, &intent).await)?;
    }
    for name in delete {
        match writes.delete(&api, &name, &DeleteParams::default()).await {
            Ok(()) => info!(
                namespace = workload.key.namespace,
                name, "a record was pruned after its retention"
            ),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The record as the next link of its chain, and the chain's head from then on.
fn seal(context: &Context, workload: &WorkloadKey, record: &RolloutRecord) -> Option<(RolloutRecord, Head)> {
    let head = context.heads.latest(workload, shown_head(context, workload));
    let sealed = document(record)?.seal(head.as_ref(), context.world.signing.signer());
    let (document, head) = match sealed {
        Ok(sealed) => sealed,
        Err(error) => {
            // Can't happen for what the types allow; a record without a seal would be worse than none.
            error!(%workload, error = &error as &dyn std::error::Error, "a record has no canonical form");
            return None;
        }
    };
    let spec = serde_json::from_value(document.into_spec()).ok()?;
    Some((RolloutRecord { spec, ..record.clone() }, head))
}

/// The newest sealed record that the cache holds.
fn shown_head(context: &Context, workload: &WorkloadKey) -> Option<Head> {
    let records = context.world.records_of(workload);
    let records = records.iter().filter_map(|guarded| guarded.0.as_ref().ok());
    let sealed = records.filter(|record| context.world.signing.sealed(record));
    sealed.filter_map(head_of).max_by_key(|head| head.sequence)
}

fn head_of(record: &RolloutRecord) -> Option<Head> {
    let link = document(record).as_ref().map(Document::link)?.ok()??;
    Some(Head {
        record: record.name_any(),
        sequence: link.sequence,
        hash: link.hash,
    })
}

/// Tells of a new head, so that a log outside the cluster holds it, too.
async fn told(context: &Context, workload: &Workload, made: &RolloutRecord, head: &Head) {
    context.metrics.records_created.inc();
    context.heads.remember(&workload.key, head);
    context.metrics.evidence.show_heads(&context.heads);
    if head_of(made).as_ref() != Some(head) || !context.world.signing.sealed(made) {
        error!(
            namespace = workload.key.namespace,
            name = made.name_any(),
            "the API server did not keep a record as it was sealed: upgrade the chart anchorwatch-crds"
        );
    }
    info!(
        namespace = workload.key.namespace,
        name = head.record,
        workload = %workload.key,
        revision = made.spec.revision,
        sequence = head.sequence,
        head = %head.hash,
        "rollout recorded"
    );
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let about = ObjectReference {
        api_version: given(&workload.api_version),
        kind: Some(workload.key.kind.clone()),
        namespace: Some(workload.key.namespace.clone()),
        name: Some(workload.key.name.clone()),
        uid: given(&workload.uid),
        ..ObjectReference::default()
    };
    let event = Event {
        type_: EventType::Normal,
        reason: "RolloutRecorded".into(),
        note: Some(format!(
            "revision {} is recorded as {}, number {} of the chain, head {}",
            made.spec.revision, head.record, head.sequence, head.hash
        )),
        action: "Record".into(),
        secondary: Some(made.object_ref(&())),
    };
    context.publish(&event, &about).await;
}
