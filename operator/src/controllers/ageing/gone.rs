//! The baseline of a workload that is gone: noted when that is first seen, deleted once it was kept for as long as it had to be.

use std::time::Duration;

use anchorwatch_convert::{from_time, to_time};
use anchorwatch_core::{
    baseline::{Baseline, Fate, Keeping, fate},
    id::WorkloadKey,
};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, BehaviorBaselineStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, Preconditions},
};
use tracing::info;

use super::NAME;
use crate::{
    context::Context,
    convert::from_clock,
    presence,
    world::facts::created,
    writes::{Writes, is_conflict, is_gone},
};

/// How often it is looked whether a workload that has no pods is there: its object may go, or come back, without a pod.
const LOOK_AGAIN: Duration = Duration::from_hours(1);

/// What is noted of a workload's object in its baseline.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Noted {
    /// Its API version.
    pub api_version: String,
    /// Since when it is gone.
    pub gone_since: Option<Time>,
}

impl Noted {
    /// As a status has it.
    pub fn of(status: &BehaviorBaselineStatus) -> Self {
        Self {
            api_version: status.api_version.clone(),
            gone_since: status.gone_since.clone(),
        }
    }

    /// Puts it into a status.
    pub fn note(self, status: &mut BehaviorBaselineStatus) {
        let Self {
            api_version,
            gone_since,
        } = self;
        status.api_version = api_version;
        status.gone_since = gone_since;
    }
}

/// What becomes of a baseline.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Look {
    /// It stays, with this noted; when to look again whatever happens.
    Stays(Noted, Option<Duration>),
    /// It goes.
    Goes,
}

/// Looks whether a baseline's workload is there, and what becomes of the baseline.
pub async fn look(
    context: &Context,
    workload: &WorkloadKey,
    (object, before): (&BehaviorBaseline, Noted),
    baseline: &Baseline,
    keeping: Keeping,
    now: Timestamp,
) -> Look {
    let told = context.world.youngest_pod_of(workload);
    let api_version = told.map_or(before.api_version, |(_, located)| located.api_version);
    let presence = presence::of(context, workload, &api_version).await;
    let noted = before.gone_since.as_ref().map(from_time);
    let made = from_clock(created(&object.metadata));
    match fate(baseline, noted, made, presence, keeping, from_clock(now)) {
        Fate::Stays { gone_since, until } => {
            let due = until.map(|until| until.since(from_clock(now)));
            let waits = !context.world.has_pods(workload);
            let noted = Noted {
                api_version,
                gone_since: gone_since.map(to_time),
            };
            Look::Stays(noted, due.into_iter().chain(waits.then_some(LOOK_AGAIN)).min())
        }
        Fate::Goes => Look::Goes,
    }
}

/// Deletes a baseline as it was when that was decided: whatever is merged into it meanwhile goes first.
pub async fn delete(context: &Context, baseline: &BehaviorBaseline) -> kube::Result<()> {
    let (namespace, name) = (baseline.namespace().unwrap_or_default(), baseline.name_any());
    let api: Api<BehaviorBaseline> = Api::namespaced(context.client.clone(), &namespace);
    let parameters = DeleteParams::default().preconditions(Preconditions {
        uid: baseline.uid(),
        resource_version: baseline.meta().resource_version.clone(),
    });
    match Writes::new(&context.metrics, NAME)
        .delete(&api, &name, &parameters)
        .await
    {
        Ok(()) => {
            let since = baseline.status.as_ref().and_then(|status| status.gone_since.as_ref());
            info!(
                namespace,
                name,
                gone_since = since.map(|since| since.0.to_string()),
                "the baseline of a workload that is gone was kept for as long as it had to be"
            );
            Ok(())
        }
        Err(error) if is_gone(&error) || is_conflict(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
