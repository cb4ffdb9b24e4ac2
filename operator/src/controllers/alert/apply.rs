//! Makes and changes alerts, and tells of the new ones.

use anchorwatch_core::alert::NAMESPACE_KIND;
use anchorwatch_crds::v1alpha1::{BehaviorApproval, DriftAlert};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, Preconditions},
    runtime::events::{Event, EventType},
};
use tracing::{debug, error, info};

use super::{
    NAME,
    expect::Expected,
    fetch::Objects,
    plan::{Announcement, NewAlert, Plan},
};
use crate::{
    context::Context,
    world::resolve::Workload,
    writes::{Writes, is_already_exists, is_gone, is_unwanted},
};

/// Most characters that are repeated of a refusal. An Event takes 1024 bytes; a character takes up to four.
const SAID: usize = 160;

/// Carries it out. A conflict is a failure as any other: the retry plans anew. What fails stops nothing else: a quota may
/// refuse every alert that is made, and a webhook that is down every denial, after long. What goes makes room in a quota for
/// what comes. Returns the first failure, else whether what was planned is outdated already, since a denial was refused.
pub async fn apply(
    context: &Context,
    expected: &Expected,
    about: &Workload,
    before: &Objects,
    plan: Plan,
) -> kube::Result<bool> {
    let Plan {
        create,
        update,
        delete,
        left_out: _,
        crowded_out: _,
        denials,
        requeue_after: _,
        reasons,
    } = plan;
    let workload = &about.key;
    if !create.is_empty() || !update.is_empty() || !delete.is_empty() {
        debug!(%workload, ?reasons, "alerts change");
    }
    let mut outcome = Ok(());
    let api: Api<DriftAlert> = Api::namespaced(context.client.clone(), &workload.namespace);
    let writes = Writes::new(&context.metrics, NAME);
    for object in delete {
        match remove(&api, &writes, &object).await {
            Ok(true) => context.alert_log.tell(Some(&object), None),
            Ok(false) => {}
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    for object in update {
        match writes.replace_status(&api, &object).await {
            Ok(written) => {
                expected.expect(workload, &written);
                let before = before
                    .get(&object.name_any())
                    .and_then(|guarded| guarded.0.as_ref().ok());
                context.alert_log.tell(before, Some(&written));
            }
            Err(error) if is_gone(&error) => {}
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    for alert in create {
        if let Err(error) = raise(context, expected, about, &api, alert).await {
            outcome = outcome.and(Err(error));
        }
    }
    let refused = deny(context, about, denials).await;
    outcome.and(refused)
}

/// Makes an alert, and tells of it where it was not there before.
async fn raise(
    context: &Context,
    expected: &Expected,
    about: &Workload,
    api: &Api<DriftAlert>,
    alert: NewAlert,
) -> kube::Result<()> {
    let NewAlert {
        object,
        announcement,
        delay,
    } = alert;
    match make(api, &Writes::new(&context.metrics, NAME), &object).await? {
        Made::Now(written) => {
            expected.expect(&about.key, &written);
            context.alert_log.tell(None, Some(&written));
            context.metrics.alerts.created.inc();
            if let Some(delay) = delay {
                context.metrics.alerts.delay.observe(delay.as_secs_f64());
            }
            announce(context, about, &written, announcement).await;
        }
        Made::Before(written) => expected.expect(&about.key, &written),
        Made::Nowhere => {}
    }
    Ok(())
}

/// Deletes an alert as it was when that was decided: whoever decides about it meanwhile goes first. Returns whether it was
/// there.
async fn remove(api: &Api<DriftAlert>, writes: &Writes, object: &DriftAlert) -> kube::Result<bool> {
    let parameters = DeleteParams::default().preconditions(Preconditions {
        uid: object.uid(),
        resource_version: object.resource_version(),
    });
    match writes.delete(api, &object.name_any(), &parameters).await {
        Ok(()) => Ok(true),
        Err(error) if is_gone(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes denials. One that is there already is as good, if it denies what it should: the next plan knows. Returns the first
/// failure, else whether any was refused.
async fn deny(context: &Context, about: &Workload, denials: Vec<BehaviorApproval>) -> kube::Result<bool> {
    let namespace = about.key.namespace.as_str();
    let api: Api<BehaviorApproval> = Api::namespaced(context.client.clone(), namespace);
    let writes = Writes::new(&context.metrics, NAME);
    let mut outcome = Ok(false);
    for denial in denials {
        let name = denial.name_any();
        match writes.create(&api, &denial).await {
            Ok(_) => info!(namespace, name, "a denial was made"),
            Err(error) if is_already_exists(&error) || is_gone(&error) => {}
            Err(error) if is_unwanted(&error) => {
                outcome = outcome.map(|_| true);
                context.refusals.note(namespace, &name, said(&error));
                tell_of_refusal(context, about, &denial, &error).await;
            }
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    outcome
}

/// What the API server said, as far as an alert has room for it: its end, where the reason stands, behind the names of what
/// was asked for and of who refused it.
fn said(error: &kube::Error) -> String {
    let said = match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    };
    match said.char_indices().rev().nth(SAID - 1) {
        Some((cut, _)) if cut > 0 => format!("…{}", &said[cut..]),
        _ => said,
    }
}

async fn tell_of_refusal(context: &Context, about: &Workload, denial: &BehaviorApproval, error: &kube::Error) {
    error!(
        namespace = about.key.namespace,
        name = denial.name_any(),
        error = error as &dyn std::error::Error,
        "a denial is refused"
    );
    let note = format!(
        "what somebody denied is not: the BehaviorApproval {} is refused: {}",
        denial.name_any(),
        said(error)
    );
    let event = Event {
        type_: EventType::Warning,
        reason: "DenialRefused".into(),
        note: Some(note),
        action: "Deny".into(),
        secondary: None,
    };
    context.publish(&event, &reference(about)).await;
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

async fn announce(context: &Context, workload: &Workload, alert: &DriftAlert, announcement: Announcement) {
    let Announcement { type_, note } = announcement;
    info!(
        namespace = workload.key.namespace,
        name = alert.name_any(),
        workload = %workload.key,
        reason = note,
        "drift"
    );
    let event = Event {
        type_,
        reason: "DriftDetected".into(),
        note: Some(note),
        action: "Raise".into(),
        secondary: Some(alert.object_ref(&())),
    };
    context.publish(&event, &reference(workload)).await;
}

/// The object that a workload is.
fn reference(workload: &Workload) -> ObjectReference {
    ObjectReference {
        api_version: told(&workload.api_version),
        kind: Some(workload.key.kind.clone()),
        // Nodes and namespaces are in no namespace, wherever their alerts are.
        namespace: (!matches!(workload.key.kind.as_str(), "Node" | NAMESPACE_KIND))
            .then(|| workload.key.namespace.clone()),
        name: Some(workload.key.name.clone()),
        uid: told(&workload.uid),
        ..ObjectReference::default()
    }
}

/// A text, where there is one.
fn told(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
