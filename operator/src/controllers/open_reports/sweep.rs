//! Reports that are there when the operator starts: of workloads whose alerts went while no operator led, and of another form
//! than the one that is written now.

use anchorwatch_core::id::WorkloadKey;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams},
};
use tracing::warn;

use super::{NAME, document, form::Form};
use crate::{context::Context, writes::is_gone};

/// Reports that are listed at a time.
const PAGE: u32 = 500;

/// The workloads of which there are reports. A report is found by its label, and whose it is by its scope; what is not named
/// after that is somebody else's.
pub async fn list(context: &Context, form: &Form) -> Vec<WorkloadKey> {
    let api: Api<DynamicObject> = Api::all_with(context.client.clone(), &form.resource);
    let mut page = ListParams::default().labels(document::SELECTOR).limit(PAGE);
    let mut found = Vec::new();
    loop {
        let list = match api.list(&page).await {
            Ok(list) => list,
            Err(error) => {
                warn!(
                    controller = NAME,
                    api = form.group_version(),
                    error = &error as &dyn std::error::Error,
                    "reports of before can't be listed: those whose alerts are gone stay"
                );
                return found;
            }
        };
        let ours = list.items.iter().filter_map(|report| {
            let workload = document::workload_of(report)?;
            (report.name_any() == document::name_of(&workload)).then_some(workload)
        });
        found.extend(ours);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return found,
        }
    }
}

/// Deletes what was written in a form that is not written any more: nobody would bring it up to date.
pub async fn clear(context: &Context, form: &Form) {
    for workload in list(context, form).await {
        let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), &workload.namespace, &form.resource);
        let name = document::name_of(&workload);
        context.metrics.count_write(&form.resource.kind, "delete");
        match api.delete(&name, &DeleteParams::default()).await {
            Err(error) if !is_gone(&error) => warn!(
                controller = NAME,
                namespace = workload.namespace,
                name,
                error = &error as &dyn std::error::Error,
                "a report of another form can't be deleted, and is out of date"
            ),
            Ok(_) | Err(_) => {}
        }
    }
}
