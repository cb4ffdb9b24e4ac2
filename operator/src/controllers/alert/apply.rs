//! Makes and changes alerts, and tells of the new ones.

use anchorwatch_core::id::WorkloadKey;
use anchorwatch_crds::v1alpha1::{BehaviorApproval, DriftAlert};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Api, Resource, ResourceExt, runtime::events::Event};
use tracing::{debug, error, info};

use super::{
    NAME,
    expect::Expected,
    fetch::Known,
    plan::{Announcement, NewAlert, Plan},
};
use crate::{
    context::Context,
    writes::{Writes, is_already_exists, is_gone, is_refused},
};

/// Carries it out. A conflict is a failure as any other: the retry plans anew.
pub async fn apply(
    context: &Context,
    expected: &Expected,
    workload: &WorkloadKey,
    known: &Known,
    plan: Plan,
) -> kube::Result<()> {
    let Plan {
        create,
        update,
        denials,
        requeue_after: _,
        reasons,
    } = plan;
    if !create.is_empty() || !update.is_empty() {
        debug!(%workload, ?reasons, "alerts change");
    }
    deny(context, &workload.namespace, denials).await?;
    let api: Api<DriftAlert> = Api::namespaced(context.client.clone(), &workload.namespace);
    let writes = Writes::new(&context.metrics, NAME);
    for alert in create {
        let NewAlert {
            object,
            announcement,
            delay,
        } = alert;
        let written = match make(&api, &writes, &object).await? {
            Made::Now(written) => written,
            Made::Before(written) => {
                expected.expect(workload, &written);
                continue;
            }
            Made::Nowhere => continue,
        };
        expected.expect(workload, &written);
        context.metrics.alerts_created.inc();
        context.metrics.event_to_alert.observe(delay.as_secs_f64());
        announce(context, known, &written, announcement).await;
    }
    for object in update {
        match writes.replace_status(&api, &object).await {
            Ok(written) => expected.expect(workload, &written),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes denials. One that is there already is as good, if it denies what it should: the next plan knows.
async fn deny(context: &Context, namespace: &str, denials: Vec<BehaviorApproval>) -> kube::Result<()> {
    let api: Api<BehaviorApproval> = Api::namespaced(context.client.clone(), namespace);
    let writes = Writes::new(&context.metrics, NAME);
    for denial in denials {
        match writes.create(&api, &denial).await {
            Ok(_) => info!(namespace, name = denial.name_any(), "a denial was made"),
            Err(error) if is_already_exists(&error) || is_gone(&error) => {}
            Err(error) if is_refused(&error) => error!(
                namespace,
                name = denial.name_any(),
                error = &error as &dyn std::error::Error,
                "a denial is refused"
            ),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What came of making an alert.
enum Made {
    /// It is there now, with its status.
    Now(DriftAlert),
    /// It was there with its status, counted and told of by whoever made it.
    Before(DriftAlert),
    /// There is no place for it any more.
    Nowhere,
}

/// Makes an alert and writes its status. An alert of that name without a status was left by an operator that died between
/// the two writes.
async fn make(api: &Api<DriftAlert>, writes: &Writes, object: &DriftAlert) -> kube::Result<Made> {
    let mut made = match writes.create(api, object).await {
        Ok(made) => made,
        Err(error) if is_already_exists(&error) => {
            let there = api.get(&object.name_any()).await?;
            if there.status.is_some() {
                // The cache lags behind: the watch brings it, and the next plan knows it.
                return Ok(Made::Before(there));
            }
            there
        }
        Err(error) if is_gone(&error) => return Ok(Made::Nowhere),
        Err(error) => return Err(error),
    };
    made.status.clone_from(&object.status);
    writes.replace_status(api, &made).await.map(Made::Now)
}

async fn announce(context: &Context, known: &Known, alert: &DriftAlert, announcement: Announcement) {
    let Announcement { type_, note } = announcement;
    let workload = &known.workload;
    info!(
        namespace = workload.key.namespace,
        name = alert.name_any(),
        workload = %workload.key,
        reason = note,
        "drift"
    );
    let about = ObjectReference {
        api_version: told(&workload.api_version),
        kind: Some(workload.key.kind.clone()),
        // A node is in no namespace, wherever its alerts are.
        namespace: (workload.key.kind != "Node").then(|| workload.key.namespace.clone()),
        name: Some(workload.key.name.clone()),
        uid: told(&workload.uid),
        ..ObjectReference::default()
    };
    let event = Event {
        type_,
        reason: "DriftDetected".into(),
        note: Some(note),
        action: "Raise".into(),
        secondary: Some(alert.object_ref(&())),
    };
    context.publish(&event, &about).await;
}

/// A text, where there is one.
fn told(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
