//! Ageing: what time alone changes in a baseline. Feeds mature, and what was not seen for the window expires.

use std::sync::Arc;

use anchorwatch_core::{
    baseline::{AgeOutcome, age},
    policy::Policy,
};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, BehaviorBaselineStatus};
use jiff::Timestamp;
use kube::{Api, ResourceExt, runtime::controller::Action};
use tracing::info;

use super::driver::{Driver, queue};
use crate::{
    baselines, clock,
    context::Context,
    convert::{baseline_from_crd, from_clock},
    policies::Policies,
    world::{Guarded, World, changes::Change},
    writes::{Writes, unless_outdated},
};

const NAME: &str = "ageing";

/// Runs the controller.
pub async fn run(context: &Context) {
    let world = Arc::clone(&context.world);
    let queue = queue(context.world.subscribe(), move |change| match change {
        Change::Baseline(baseline) => vec![baseline],
        Change::Policy | Change::ClusterPolicy => baselines::all(&world, None),
        Change::Approval(approval) => baselines::all(&world, approval.namespace.as_deref()),
        _ => Vec::new(),
    });
    Driver::new(context, NAME, 2)
        .run(context.world.baselines.clone(), queue, |baseline| {
            reconcile(context, baseline)
        })
        .await;
}

async fn reconcile(context: &Context, baseline: Arc<Guarded<BehaviorBaseline>>) -> Result<Action, kube::Error> {
    let Ok(baseline) = &baseline.0 else {
        return Ok(Action::await_change());
    };
    let Some(policy) = fetch(context, baseline) else {
        return Ok(Action::await_change());
    };
    let Some(status) = &baseline.status else {
        return Ok(Action::await_change());
    };
    let plan = plan(baseline, status.clone(), &policy, clock::now());
    if let Some(next) = plan.write {
        let api = Api::namespaced(context.client.clone(), &next.namespace().unwrap_or_default());
        let written = Writes::new(&context.metrics, NAME).replace_status(&api, &next).await;
        if unless_outdated(written)?.is_some() {
            info!(
                namespace = next.namespace().unwrap_or_default(),
                name = next.name_any(),
                matured = plan.matured,
                expired = plan.expired,
                restored = plan.restored,
                "a baseline aged"
            );
        }
    }
    Ok(plan.requeue_after.map_or_else(Action::await_change, Action::requeue))
}

fn fetch(context: &Context, baseline: &BehaviorBaseline) -> Option<Policy> {
    let world: &World = &context.world;
    let policies = Policies::of(world);
    policies.holding_for(world, &baselines::workload_of(baseline), baseline)
}

#[derive(Debug)]
struct Plan {
    write: Option<BehaviorBaseline>,
    matured: usize,
    expired: usize,
    restored: usize,
    requeue_after: Option<std::time::Duration>,
}

fn plan(object: &BehaviorBaseline, status: BehaviorBaselineStatus, policy: &Policy, now: Timestamp) -> Plan {
    let conditions = status.conditions.clone();
    let mut baseline = baseline_from_crd(status);
    let AgeOutcome {
        changed,
        expired,
        restored,
        matured,
        requeue_after,
    } = age(&mut baseline, policy, from_clock(now));
    let next = baselines::status_of(object, &baseline, policy, now);
    let loss_ends = baselines::next_loss_ends(&baseline, policy.window_days, now);
    Plan {
        write: (changed || next.conditions != conditions).then(|| BehaviorBaseline {
            status: Some(next),
            ..object.clone()
        }),
        matured,
        expired,
        restored,
        requeue_after: requeue_after.into_iter().chain(loss_ends).min(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::{behaviour::Feed, id::WorkloadKey, policy::MaturityMethod, time};
    use anchorwatch_crds::v1alpha1::BaselineState;

    #[test]
    fn a_baseline_matures_by_time_alone_and_is_written_once() {
        let mut policy = Policy::default();
        policy.maturity.method = MaturityMethod::Elapsed;
        policy.maturity.minimum = std::time::Duration::from_mins(1);
        let mut learned = anchorwatch_core::baseline::Baseline::default();
        learned.feed_mut(&"app".into(), Feed::Process, time::Timestamp::from_secs(100));
        let mut object = baselines::empty(&WorkloadKey::new("shop", "Deployment", "agent"));
        let at = |second| Timestamp::from_second(second).unwrap();
        let status = baselines::status_of(&object, &learned, &policy, at(100));
        object.status = Some(status.clone());
        let early = plan(&object, status.clone(), &policy, at(110));
        assert!(early.write.is_none());
        assert_eq!(early.requeue_after, Some(std::time::Duration::from_secs(50)));
        let due = plan(&object, status, &policy, at(160)).write.unwrap();
        let status = due.status.clone().unwrap();
        assert_eq!(status.state, BaselineState::Enforcing);
        assert!(plan(&due, status, &policy, at(161)).write.is_none());
    }

    #[test]
    fn a_loss_is_forgotten_by_time_alone() {
        let day = |day: i64| Timestamp::from_second(day * 86_400).unwrap();
        let mut learned = anchorwatch_core::baseline::Baseline::default();
        let feed = learned.feed_mut(&"app".into(), Feed::Process, time::Timestamp::from_secs(0));
        let lost = anchorwatch_core::baseline::Lost {
            count: 1,
            last: Some(from_clock(day(20))),
        };
        feed.losses.insert("outbox_full".into(), lost);
        feed.maturity = anchorwatch_core::baseline::Maturity::Enforcing;
        let policy = Policy::default();
        let mut object = baselines::empty(&WorkloadKey::new("shop", "Deployment", "agent"));
        let status = baselines::status_of(&object, &learned, &policy, day(20));
        object.status = Some(status.clone());
        let soon = plan(&object, status.clone(), &policy, day(26));
        assert!(soon.write.is_none());
        assert_eq!(soon.requeue_after, Some(std::time::Duration::from_hours(24)));
        let due = plan(&object, status, &policy, day(27)).write.unwrap();
        let conditions = due.status.clone().unwrap().conditions;
        let told = conditions
            .iter()
            .find(|condition| condition.type_ == "LossObserved")
            .unwrap();
        assert_eq!(told.status, "False");
        assert!(
            plan(&due, due.status.clone().unwrap(), &policy, day(28))
                .write
                .is_none()
        );
    }
}
