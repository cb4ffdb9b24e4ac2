//! Writes records.

use anchorwatch_crds::v1alpha1::RolloutRecord;
use kube::{Api, ResourceExt};
use tracing::info;

use super::{NAME, plan::Plan};
use crate::{
    context::Context,
    writes::{Writes, is_already_exists, is_gone},
};

/// Carries it out. A record that is there already is as good: its name says what it is about.
pub async fn apply(context: &Context, plan: Plan) -> kube::Result<()> {
    let Plan { create, complete } = plan;
    let writes = Writes::new(&context.metrics, NAME);
    if let Some(record) = create {
        match writes.create(&api(context, &record), &record).await {
            Ok(made) => {
                context.metrics.records_created.inc();
                info!(
                    namespace = made.namespace().unwrap_or_default(),
                    name = made.name_any(),
                    workload = made.spec.workload.name,
                    revision = made.spec.revision,
                    "rollout recorded"
                );
            }
            Err(error) if is_already_exists(&error) || is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(record) = complete {
        match writes.replace_status(&api(context, &record), &record).await {
            Ok(_) => {}
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn api(context: &Context, record: &RolloutRecord) -> Api<RolloutRecord> {
    Api::namespaced(context.client.clone(), &record.namespace().unwrap_or_default())
}
