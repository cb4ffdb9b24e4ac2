//! Pools: what is normal for the commands of workloads that are alike, made anew now and then of what all baselines learned.
//! Off the way of events: until the next time, the pools are as old as they are.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use anchorwatch_core::{
    baseline::{FeedBaseline, Maturity, fingerprint, learned_commands},
    behaviour::Feed,
    id::{ContainerName, WorkloadKey},
    score::{Class, Kin, Pools},
};
use anchorwatch_crds::v1alpha1::BehaviorBaseline;
use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tracing::{debug, error};

use crate::{
    baselines,
    context::Context,
    convert::baseline_from_crd,
    world::{World, changes::Change, readable},
};

/// How long pools stay as they are, at least.
const INTERVAL: Duration = Duration::from_mins(10);
/// Most containers that pools are made of.
const MAX_CONTAINERS: usize = 4_096;

/// Scores of a container's commands, and of what they were made.
type Scores = HashMap<(WorkloadKey, ContainerName), (u64, Vec<(Class, f64)>)>;

/// Keeps the pools up to date.
pub async fn run(context: &Context) {
    let mut changes = context.world.subscribe();
    context.world.ready().await;
    let mut scores = Scores::new();
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_due = true;
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Some(Change::Baseline(_)) => is_due = true,
                Some(_) => {}
                None => return,
            },
            _ = ticks.tick(), if is_due => {
                is_due = false;
                scores = renew(context, scores).await;
            }
        }
    }
}

/// Makes the pools, on a thread for what takes long. Returns what they were made of.
async fn renew(context: &Context, mut scores: Scores) -> Scores {
    let world = Arc::clone(&context.world);
    let made = spawn_blocking(move || {
        let pools = pools(&world, &mut scores);
        (pools, scores)
    });
    match made.await {
        Ok((pools, scores)) => {
            debug!(containers = scores.len(), "the pools were made anew");
            context.scorings.set_pools(pools);
            scores
        }
        Err(error) => {
            error!(error = &error as &dyn std::error::Error, "the pools could not be made");
            Scores::new()
        }
    }
}

/// The pools of what is known now. What was made before of the same is taken from `scores`.
fn pools(world: &World, scores: &mut Scores) -> Pools {
    let repositories = repositories(world);
    let mut pools = Pools::default();
    let mut now = Scores::new();
    'all: for baseline in readable(&world.baselines) {
        let Ok(baseline) = &baseline.0 else { continue };
        let workload = baselines::workload_of(baseline);
        for (container, feed) in judging(baseline) {
            if now.len() >= MAX_CONTAINERS {
                break 'all;
            }
            let key = (workload.clone(), container);
            let made_of = fingerprint(&feed);
            let kept = scores.remove(&key).filter(|(of, _)| *of == made_of);
            let of_container = kept.unwrap_or_else(|| {
                let commands = learned_commands(&feed).calibrate(None, Kin::default());
                (made_of, commands.scores())
            });
            let repository = repositories.get(&key).map(String::as_str);
            pools.add(&workload, repository, &of_container.1);
            now.insert(key, of_container);
        }
    }
    *scores = now;
    pools
}

/// The process feeds of a baseline that know what is normal.
fn judging(baseline: &BehaviorBaseline) -> Vec<(ContainerName, FeedBaseline)> {
    let held = baseline_from_crd(baseline.status.clone().unwrap_or_default());
    let feeds = held.containers.into_iter().filter_map(|(name, mut container)| {
        let feed = container.feeds.remove(&Feed::Process)?;
        let judges = match feed.maturity {
            Maturity::Learning => false,
            Maturity::Provisional | Maturity::Enforcing => true,
        };
        judges.then_some((name, feed))
    });
    feeds.collect()
}

/// The repositories of all containers' images.
fn repositories(world: &World) -> BTreeMap<(WorkloadKey, ContainerName), String> {
    let mut repositories = BTreeMap::new();
    for pod in world.pods_where(|pod| !pod.images.is_empty()) {
        let Some(workload) = world.workload(&pod) else {
            continue;
        };
        for (name, repository) in pod.repositories() {
            let key = (workload.clone(), ContainerName::new(name));
            repositories.insert(key, repository.to_owned());
        }
    }
    repositories
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{HandMade, put};
    use serde_json::json;

    fn baseline(name: &str, state: &str) -> serde_json::Value {
        let commands: Vec<String> = (0..40)
            .map(|number| format!("sh -c 'ls {}'", "x".repeat(number + 1)))
            .collect();
        json!({
            "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "BehaviorBaseline",
            "metadata": {"namespace": "shop", "name": format!("pod-{name}")},
            "spec": {"workload": {"kind": "Pod", "name": name}},
            "status": {"containers": [{"name": "main", "feeds": [{
                "feed": "process", "state": state, "startedAt": "2026-01-01T00:00:00Z",
                "entries": [{
                    "id": "", "process": {"origin": "entrypoint", "executable": "/bin/sh", "source": "image"},
                    "attributes": {"commands": commands}, "state": "Learned", "count": 1, "pods": 1,
                    "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T00:00:00Z", "lastDay": 20454, "days": 1
                }]
            }]}]}
        })
    }

    #[test]
    fn pools_are_made_of_what_mature_baselines_learned() {
        let mut made = HandMade::new();
        for name in ["a", "b", "c", "d"] {
            put(&mut made.feeds.baselines, baseline(name, "Enforcing"));
        }
        put(&mut made.feeds.baselines, baseline("young", "Learning"));
        let mut scores = Scores::new();
        let pools = pools(&made.world, &mut scores);
        assert_eq!(scores.len(), 4);
        let kin = Kin {
            pools: Arc::new(pools),
            workload: Some(WorkloadKey::new("shop", "Pod", "a")),
            repository: None,
        };
        assert_eq!(kin.pool("/bin/sh").len(), 3 * 40);
    }
}
