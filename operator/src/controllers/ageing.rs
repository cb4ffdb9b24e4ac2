//! Ageing: what time alone changes in a baseline. Feeds mature, what was not seen for the window expires, and the baseline of
//! a workload that is gone goes after it.

mod gone;

use std::sync::Arc;

use anchorwatch_core::{
    baseline::{AgeOutcome, Baseline, Keeping, age},
    policy::Policy,
};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, BehaviorBaselineStatus};
use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    runtime::{controller::Action, reflector::ObjectRef},
};
use tracing::info;

use self::gone::{Look, Noted};
use super::driver::{Driver, queue};
use crate::{
    baselines, clock,
    context::Context,
    convert::{baseline_from_crd, from_clock},
    policies::{Policies, longest_keeping},
    world::{Guarded, World, changes::Change},
    writes::{Writes, unless_outdated},
};

const NAME: &str = "ageing";

/// Runs the controller.
pub async fn run(context: &Context) {
    let world = Arc::clone(&context.world);
    let queue = queue(context.world.subscribe(), move |change| concerned(&world, change));
    Driver::new(context, NAME, 2)
        .run(context.world.baselines.clone(), queue, |baseline| {
            reconcile(context, baseline)
        })
        .await;
}

/// The baselines that may age otherwise from now on.
fn concerned(world: &World, change: Change) -> Vec<ObjectRef<Guarded<BehaviorBaseline>>> {
    match change {
        Change::Baseline(baseline) => vec![baseline],
        Change::Policy | Change::ClusterPolicy => baselines::all(world, None),
        Change::Approval(approval) => baselines::all(world, approval.namespace.as_deref()),
        // It may have been the last one of its workload.
        Change::Pod(pod) if !pod.running => world.workload(&pod).iter().map(baselines::reference).collect(),
        Change::Pod(_)
        | Change::Report(_)
        | Change::Alert(_)
        | Change::Record(_)
        | Change::Intent(_)
        | Change::Deployment(_)
        | Change::ReplicaSet(_)
        | Change::Crowding(_) => Vec::new(),
    }
}

async fn reconcile(context: &Context, baseline: Arc<Guarded<BehaviorBaseline>>) -> Result<Action, kube::Error> {
    let Ok(object) = &baseline.0 else {
        return Ok(Action::await_change());
    };
    let Some(status) = &object.status else {
        return Ok(Action::await_change());
    };
    let (world, now) = (&context.world, clock::now());
    let workload = baselines::workload_of(object);
    let policy = Policies::of(world).holding_for(world, &workload, object);
    let keeping = policy.as_ref().map_or_else(|| longest_keeping(world), Keeping::of);
    let baseline = baseline_from_crd(status.clone());
    let about = (object, Noted::of(status));
    let (noted, look_again) = match gone::look(context, &workload, about, &baseline, keeping, now).await {
        Look::Stays(noted, look_again) => (noted, look_again),
        Look::Goes => return gone::delete(context, object).await.map(|()| Action::await_change()),
    };
    let plan = match &policy {
        Some(policy) => plan(object, baseline, policy, now),
        None => Plan::default(),
    };
    let requeue_after = plan.requeue_after.into_iter().chain(look_again).min();
    write(context, object, plan, noted).await?;
    Ok(requeue_after.map_or_else(Action::await_change, Action::requeue))
}

/// Writes what was planned, and what is noted of the workload.
async fn write(context: &Context, object: &BehaviorBaseline, plan: Plan, noted: Noted) -> Result<(), kube::Error> {
    let before = object.status.as_ref().map(Noted::of);
    if plan.next.is_none() && before.as_ref() == Some(&noted) {
        return Ok(());
    }
    let Some(mut status) = plan.next.or_else(|| object.status.clone()) else {
        return Ok(());
    };
    noted.note(&mut status);
    let next = BehaviorBaseline {
        status: Some(status),
        ..object.clone()
    };
    let api = Api::namespaced(context.client.clone(), &next.namespace().unwrap_or_default());
    let written = Writes::new(&context.metrics, NAME).replace_status(&api, &next).await;
    if unless_outdated(written)?.is_some() {
        info!(
            namespace = next.namespace().unwrap_or_default(),
            name = next.name_any(),
            matured = plan.matured,
            expired = plan.expired,
            restored = plan.restored,
            gone = next.status.is_some_and(|status| status.gone_since.is_some()),
            "a baseline aged"
        );
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Plan {
    /// The status, where it differs.
    next: Option<BehaviorBaselineStatus>,
    matured: usize,
    expired: usize,
    restored: usize,
    requeue_after: Option<std::time::Duration>,
}

fn plan(object: &BehaviorBaseline, mut baseline: Baseline, policy: &Policy, now: Timestamp) -> Plan {
    let AgeOutcome {
        changed,
        expired,
        restored,
        matured,
        requeue_after,
    } = age(&mut baseline, policy, from_clock(now));
    let next = baselines::status_of(object, &baseline, policy, now);
    let loss_ends = baselines::next_loss_ends(&baseline, policy.window_days, now);
    let conditions = object.status.as_ref().map(|status| &status.conditions);
    Plan {
        next: (changed || Some(&next.conditions) != conditions).then_some(next),
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

    fn aged(object: &BehaviorBaseline, policy: &Policy, now: Timestamp) -> Plan {
        plan(object, baseline_from_crd(object.status.clone().unwrap()), policy, now)
    }

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
        object.status = Some(status);
        let early = aged(&object, &policy, at(110));
        assert!(early.next.is_none());
        assert_eq!(early.requeue_after, Some(std::time::Duration::from_secs(50)));
        object.status = aged(&object, &policy, at(160)).next;
        assert_eq!(object.status.as_ref().unwrap().state, BaselineState::Enforcing);
        assert!(aged(&object, &policy, at(161)).next.is_none());
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
        object.status = Some(status);
        let soon = aged(&object, &policy, day(26));
        assert!(soon.next.is_none());
        assert_eq!(soon.requeue_after, Some(std::time::Duration::from_hours(24)));
        object.status = aged(&object, &policy, day(27)).next;
        let conditions = &object.status.as_ref().unwrap().conditions;
        let told = conditions
            .iter()
            .find(|condition| condition.type_ == "LossObserved")
            .unwrap();
        assert_eq!(told.status, "False");
        assert!(aged(&object, &policy, day(28)).next.is_none());
    }
}
