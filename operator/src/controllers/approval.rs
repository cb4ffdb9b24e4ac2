//! Approvals: this version records them and says that it does not evaluate them.

use std::sync::Arc;

use anchorwatch_crds::v1alpha1::{BehaviorApproval, BehaviorApprovalStatus};
use jiff::Timestamp;
use kube::{Api, ResourceExt, runtime::controller::Action};

use super::driver::{Driver, queue};
use crate::{
    conditions::{self, ACCEPTED, Statement},
    context::Context,
    world::{Guarded, changes::Change},
    writes::Writes,
};

const NAME: &str = "approval";

/// Runs the controller.
pub async fn run(context: &Context) {
    let concerned = |change| match change {
        Change::Approval(approval) => vec![approval],
        _ => Vec::new(),
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
    if let Some(status) = plan(approval, Timestamp::now()) {
        let api: Api<BehaviorApproval> =
            Api::namespaced(context.client.clone(), &approval.namespace().unwrap_or_default());
        let next = BehaviorApproval {
            status: Some(status),
            ..approval.clone()
        };
        Writes::new(&context.metrics, NAME).replace_status(&api, &next).await?;
    }
    Ok(Action::await_change())
}

/// The status that an approval is to have, where it has another one.
fn plan(approval: &BehaviorApproval, now: Timestamp) -> Option<BehaviorApprovalStatus> {
    let generation = approval.metadata.generation;
    let mut status = approval.status.clone().unwrap_or_default();
    status.observed_generation = generation.unwrap_or_default();
    let statement = Statement {
        type_: ACCEPTED,
        holds: false,
        reason: "NotEvaluatedYet",
        message: "this version of Anchorwatch does not evaluate approvals: they take no part in decisions".into(),
    };
    conditions::set(&mut status.conditions, vec![statement], generation, now);
    (Some(&status) != approval.status.as_ref()).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_crds::v1alpha1::BehaviorApprovalSpec;

    #[test]
    fn an_approval_is_told_once_that_it_is_not_evaluated() {
        let mut approval = BehaviorApproval::new("agent", BehaviorApprovalSpec::default());
        approval.metadata.generation = Some(3);
        let now = Timestamp::from_second(10).unwrap();
        approval.status = plan(&approval, now);
        let status = approval.status.as_ref().unwrap();
        assert_eq!(status.observed_generation, 3);
        assert_eq!(status.conditions[0].reason, "NotEvaluatedYet");
        assert_eq!(plan(&approval, Timestamp::from_second(99).unwrap()), None);
    }
}
