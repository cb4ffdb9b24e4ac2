//! The watches: one for each ConfigMap that a policy refers to, for as long as one does.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::Arc,
};

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use tokio::task::{AbortHandle, JoinSet};
use tracing::warn;

use super::{Content, MAX_WATCHED, Name};
use crate::{
    policies::{Policy, every},
    world::{World, changes::Change},
};

/// Follows what policies refer to for ever.
pub async fn follow(client: &Client, world: &Arc<World>) {
    let mut changes = world.subscribe();
    let mut tasks = JoinSet::new();
    let mut watches: BTreeMap<Name, AbortHandle> = BTreeMap::new();
    loop {
        let policies: Vec<Policy> = every(world).collect();
        let wanted = wanted(world, &policies);
        let before: BTreeSet<Name> = watches.keys().cloned().collect();
        for name in before.difference(&wanted) {
            if let Some(watch) = watches.remove(name) {
                watch.abort();
            }
        }
        if before != wanted {
            world.config_maps.keep(&wanted);
        }
        let titles = policies.iter().map(Policy::title).collect();
        world.config_maps.forget(&titles);
        for name in wanted.difference(&before) {
            let task = tasks.spawn(watch(client.clone(), Arc::clone(world), name.clone()));
            watches.insert(name.clone(), task);
        }
        loop {
            tokio::select! {
                // A watch ends by being aborted alone; the set must not grow by those that were.
                Some(_) = tasks.join_next() => {}
                change = changes.recv() => match change {
                    None => return,
                    Some(Change::Policy | Change::ClusterPolicy) => break,
                    Some(_) => {}
                }
            }
        }
    }
}

fn wanted(world: &World, policies: &[Policy]) -> BTreeSet<Name> {
    let named = policies
        .iter()
        .flat_map(|policy| world.config_maps.named(policy.namespace.as_deref(), &policy.spec.feeds));
    let all: BTreeSet<Name> = named.collect();
    all.into_iter().take(MAX_WATCHED).collect()
}

async fn watch(client: Client, world: Arc<World>, name: Name) {
    let api: Api<ConfigMap> = Api::namespaced(client, &name.0);
    let config = watcher::Config::default().fields(&format!("metadata.name={}", name.1));
    let mut events = pin!(watcher(api, config).default_backoff());
    let mut listed = None;
    while let Some(event) = events.next().await {
        let content = match event {
            Ok(Event::Init) => {
                listed = None;
                continue;
            }
            Ok(Event::InitApply(map)) => {
                listed = Some(map);
                continue;
            }
            Ok(Event::InitDone) => listed.take().map_or(Content::Missing, there),
            Ok(Event::Apply(map)) => there(map),
            Ok(Event::Delete(_)) => Content::Missing,
            Err(error) => {
                let (namespace, name) = (&name.0, &name.1);
                warn!(
                    namespace,
                    name,
                    error = &error as &dyn std::error::Error,
                    "a ConfigMap can't be read"
                );
                if !is_forbidden(&error) {
                    continue;
                }
                Content::Forbidden
            }
        };
        if world.config_maps.put(name.clone(), content) {
            world.subscribers.publish(&Change::Policy);
        }
    }
}

fn there(map: ConfigMap) -> Content {
    Content::There(map.data.unwrap_or_default())
}

fn is_forbidden(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.is_forbidden(),
        _ => false,
    }
}
