//! Approvals: whether each takes part in decisions, and whom it concerns.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anchorwatch_convert::{approval_holds_for as holds_for, approval_violations};
use anchorwatch_core::id::WorkloadKey;
use anchorwatch_crds::v1alpha1::{BehaviorApproval, BehaviorApprovalStatus};
use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    runtime::{controller::Action, reflector::ObjectRef},
};

use super::driver::{Driver, queue};
use crate::{
    baselines, clock,
    conditions::{self, ACCEPTED, INHERITED, Statement},
    context::Context,
    convert::baseline_from_crd,
    inheritance::{self, Obstacle},
    world::{Guarded, World, changes::Change, readable},
    writes::{Writes, unless_outdated},
};

const NAME: &str = "approval";
/// How soon it is looked again whether a workload has something to give.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Runs the controller.
pub async fn run(context: &Context) {
    let world = Arc::clone(&context.world);
    let concerned = move |change| match change {
        Change::Approval(approval) => vec![approval],
        // A workload came that approvals may have waited for.
        Change::Baseline(baseline) => {
            let all = readable(&world.approvals);
            let references = all.iter().map(|approval| ObjectRef::from_obj(approval.as_ref()));
            references
                .filter(|approval| approval.namespace == baseline.namespace)
                .collect()
        }
        Change::Report(_)
        | Change::Alert(_)
        | Change::Record(_)
        | Change::Intent(_)
        | Change::Policy
        | Change::ClusterPolicy
        | Change::Deployment(_)
        | Change::ReplicaSet(_)
        | Change::Pod(_)
        | Change::Crowding(_) => Vec::new(),
    };
    let queue = queue(context.world.subscribe(), concerned);
    Driver::new(context, NAME, 1)
        .run(context.world.approvals.clone(), queue, |approval| {
            reconcile(context, approval)
        })
        .await;
}

async fn reconcile(context: &Context, approval: Arc<Guarded<BehaviorApproval>>) -> Result<Action, kube::Error> {
    let Ok(approval) = &approval.0 else {
        return Ok(Action::await_change());
    };
    let workloads = workloads(&context.world, approval);
    let inherits = inherits(&context.world, approval, &workloads);
    let requeue = match inherits {
        Some(Inherits::Not(_) | Inherits::Soon) => Action::requeue(LOOK_AGAIN),
        Some(Inherits::Done | Inherits::Awaited) | None => Action::await_change(),
    };
    if let Some(status) = plan(approval, &workloads, inherits, clock::now()) {
        let api: Api<BehaviorApproval> =
            Api::namespaced(context.client.clone(), &approval.namespace().unwrap_or_default());
        let next = BehaviorApproval {
            status: Some(status),
            ..approval.clone()
        };
        unless_outdated(Writes::new(&context.metrics, NAME).replace_status(&api, &next).await)?;
    }
    Ok(requeue)
}

/// What became of taking over from another workload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Inherits {
    /// It was done.
    Done,
    /// Nothing stands in its way.
    Soon,
    /// The approval's own workload has no baseline yet.
    Awaited,
    /// It can't be done.
    Not(Obstacle),
}

/// The same, where an approval asks for it.
fn inherits(world: &World, approval: &BehaviorApproval, workloads: &[WorkloadKey]) -> Option<Inherits> {
    let from = inheritance::named_by(approval)?;
    let Some(workload) = workloads.first() else {
        return Some(Inherits::Awaited);
    };
    let own = world.baselines.get(&baselines::reference(workload));
    let own = own.and_then(|own| own.0.as_ref().ok()?.status.clone());
    if own.is_some_and(|status| baseline_from_crd(status).has_inherited(&from)) {
        return Some(Inherits::Done);
    }
    Some(inheritance::source(world, workload, &from).map_or_else(Inherits::Not, |_| Inherits::Soon))
}

/// The workloads with a baseline that an approval is about.
fn workloads(world: &World, approval: &BehaviorApproval) -> Vec<WorkloadKey> {
    let all = readable(&world.baselines);
    let held = all.iter().filter_map(|guarded| guarded.0.as_ref().ok());
    let none = BTreeMap::new();
    let about = held.filter_map(|baseline| {
        let workload = baselines::workload_of(baseline);
        let labels = baseline.status.as_ref().map_or(&none, |status| &status.pod_labels);
        holds_for(approval, &workload, labels).then_some(workload)
    });
    about.collect()
}

/// The status that an approval is to have, where it has another one.
fn plan(
    approval: &BehaviorApproval,
    workloads: &[WorkloadKey],
    inherits: Option<Inherits>,
    now: Timestamp,
) -> Option<BehaviorApprovalStatus> {
    let generation = approval.metadata.generation;
    let mut status = approval.status.clone().unwrap_or_default();
    status.observed_generation = generation.unwrap_or_default();
    status.workloads = workloads.len().try_into().unwrap_or(i32::MAX);
    let inherited = inherited(approval, inherits);
    if inherited.is_none() {
        status.conditions.retain(|condition| condition.type_ != INHERITED);
    }
    let statements = std::iter::once(accepted(approval, workloads)).chain(inherited);
    conditions::set(&mut status.conditions, statements.collect(), generation, now);
    (Some(&status) != approval.status.as_ref()).then_some(status)
}

fn accepted(approval: &BehaviorApproval, workloads: &[WorkloadKey]) -> Statement {
    let violations = approval_violations(&approval.spec);
    let (reason, message) = match (violations.as_slice(), workloads) {
        ([], []) => (
            "Awaited",
            "it takes part in decisions; no workload that it is about has a baseline yet: it will hold for one from its \
             first moment on"
                .to_owned(),
        ),
        ([], [_, ..]) => ("Valid", "it takes part in decisions".to_owned()),
        (violations, _) => {
            let each = violations
                .iter()
                .map(|violation| format!("{}: {}", violation.field, violation.expected));
            ("Invalid", each.collect::<Vec<_>>().join("; "))
        }
    };
    Statement {
        type_: ACCEPTED,
        holds: violations.is_empty(),
        reason,
        message,
    }
}

fn inherited(approval: &BehaviorApproval, inherits: Option<Inherits>) -> Option<Statement> {
    let from = inheritance::named_by(approval)?;
    let source = format!("{}/{}", from.kind, from.name);
    let (holds, reason, message) = match inherits? {
        Inherits::Done => (
            true,
            "TakenOver",
            format!(
                "what {source} had learned was taken over, once: what of it is not seen here lapses after the window"
            ),
        ),
        Inherits::Soon => (
            false,
            "Pending",
            format!("what {source} learned is about to be taken over"),
        ),
        Inherits::Awaited => (
            false,
            "Awaited",
            "the workload that this approval is about has no baseline yet".to_owned(),
        ),
        Inherits::Not(Obstacle::Missing) => (
            false,
            "SourceMissing",
            format!(
                "spec.inheritFrom: {source} has no BehaviorBaseline in the namespace {}: expected a workload of this \
                 namespace that was observed; of another namespace nothing is taken over",
                from.namespace
            ),
        ),
        Inherits::Not(Obstacle::Learning) => (
            false,
            "SourceLearning",
            format!("spec.inheritFrom: {source} still learns itself: it is taken over once it judges"),
        ),
        Inherits::Not(Obstacle::NothingShared) => (
            false,
            "NoSharedImage",
            format!(
                "spec.inheritFrom: no running container has the image digest of {source}'s container of the same name: \
                 expected both to run the same image"
            ),
        ),
    };
    Some(Statement {
        type_: INHERITED,
        holds,
        reason,
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn approval(spec: &Value) -> BehaviorApproval {
        serde_json::from_value(json!({
            "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "BehaviorApproval",
            "metadata": {"namespace": "shop", "name": "agent", "generation": 3}, "spec": spec,
        }))
        .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn said(status: &BehaviorApprovalStatus) -> (&str, &str, &str) {
        let condition = &status.conditions[0];
        (&condition.status, &condition.reason, &condition.message)
    }

    #[test]
    fn an_approval_is_accepted_before_its_workload_exists_and_told_so_once() {
        let mut approval = approval(&json!({"workload": {"kind": "Deployment", "name": "agent"}, "freeze": true}));
        approval.status = plan(&approval, &[], None, at(10));
        let status = approval.status.as_ref().unwrap();
        assert_eq!((status.observed_generation, status.workloads), (3, 0));
        let (holds, reason, message) = said(status);
        assert_eq!((holds, reason), ("True", "Awaited"));
        assert!(message.contains("from its first moment on"), "{message}");
        assert_eq!(plan(&approval, &[], None, at(99)), None);
        let workload = WorkloadKey::new("shop", "Deployment", "agent");
        let status = plan(&approval, &[workload], None, at(99)).unwrap();
        assert_eq!(
            (said(&status).0, said(&status).1, status.workloads),
            ("True", "Valid", 1)
        );
    }

    #[test]
    fn an_approval_that_makes_no_sense_says_where_and_what_was_expected() {
        let approval = approval(&json!({
            "workload": {"kind": "Deployment", "name": "agent"},
            "deny": {"destinations": [{"network": "192.0.2.1/24"}]},
        }));
        let status = plan(&approval, &[], None, at(10)).unwrap();
        let (holds, reason, message) = said(&status);
        assert_eq!((holds, reason), ("False", "Invalid"));
        assert!(
            message.starts_with("spec.deny.destinations[0].network: ") && message.contains("192.0.2.0/24"),
            "{message}"
        );
    }

    #[test]
    fn an_approval_says_what_became_of_taking_over_and_why_nothing_did() {
        let spec = json!({
            "workload": {"kind": "Deployment", "name": "green"}, "inheritFrom": {"kind": "Deployment", "name": "blue"},
        });
        let approval = approval(&spec);
        let workload = [WorkloadKey::new("shop", "Deployment", "green")];
        for (inherits, expected, part) in [
            (Inherits::Done, "True TakenOver", "lapses after the window"),
            (Inherits::Soon, "False Pending", "Deployment/blue"),
            (Inherits::Awaited, "False Awaited", "no baseline yet"),
            (
                Inherits::Not(Obstacle::Missing),
                "False SourceMissing",
                "in the namespace shop",
            ),
            (
                Inherits::Not(Obstacle::Learning),
                "False SourceLearning",
                "still learns",
            ),
            (
                Inherits::Not(Obstacle::NothingShared),
                "False NoSharedImage",
                "expected both to run the same image",
            ),
        ] {
            let status = plan(&approval, &workload, Some(inherits), at(10)).unwrap();
            let condition = status
                .conditions
                .iter()
                .find(|condition| condition.type_ == INHERITED)
                .unwrap();
            assert_eq!(format!("{} {}", condition.status, condition.reason), expected);
            assert!(condition.message.contains(part), "{}", condition.message);
        }
    }

    #[test]
    fn who_no_longer_inherits_is_told_nothing_of_it() {
        let spec = json!({"workload": {"kind": "Deployment", "name": "green"}, "freeze": true});
        let mut approval = approval(&spec);
        approval.status = Some(
            serde_json::from_value(json!({"conditions": [{
                "type": "Inherited", "status": "True", "reason": "TakenOver", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }]}))
            .unwrap(),
        );
        let status = plan(&approval, &[], None, at(10)).unwrap();
        assert!(status.conditions.iter().all(|condition| condition.type_ != INHERITED));
    }
}
