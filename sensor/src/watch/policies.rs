//! Watches policies for the one thing that has to be known on the node: what may leave it of command lines.

use anchorwatch_crds::v1alpha1::{ClusterDriftPolicy, DriftPolicy};
use futures::{Stream, StreamExt, stream};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

use crate::attribute::command::{Asking, Rule};
use crate::error::Chain;
use crate::metrics::Metrics;

/// Policies that the API server sends at once: one may hold thousands of networks and hashes.
const PAGE: u32 = 20;

/// Runs until nobody asks any more.
pub async fn policies(client: Client, asking: watch::Sender<Arc<Asking>>, metrics: Arc<Metrics>) {
    let config = || watcher::Config::default().page_size(PAGE);
    let namespaced = watcher(Api::<DriftPolicy>::all(client.clone()), config()).default_backoff();
    let namespaced = namespaced.map(|event| event.map(|event| Told::of(Kind::Namespaced, event, Rule::of_namespace)));
    let cluster = watcher(Api::<ClusterDriftPolicy>::all(client), config()).default_backoff();
    let cluster = cluster.map(|event| event.map(|event| Told::of(Kind::Cluster, event, Rule::of_cluster)));
    follow(stream::select(namespaced, cluster), asking, metrics).await;
}

/// The two kinds of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Namespaced,
    Cluster,
}

/// What was told of the policies of one kind.
#[derive(Debug)]
struct Told {
    kind: Kind,
    change: Change,
}

#[derive(Debug)]
enum Change {
    /// A new list begins.
    Begun,
    /// A policy of a new list. Most say nothing of command lines.
    Listed(String, Option<Rule>),
    /// The new list is whole.
    Whole,
    Applied(String, Option<Rule>),
    Deleted(String),
}

impl Told {
    fn of<K: ResourceExt>(kind: Kind, event: Event<K>, rule: fn(&K) -> Option<Rule>) -> Self {
        let key = |policy: &K| {
            format!(
                "{kind:?}/{}/{}",
                policy.namespace().unwrap_or_default(),
                policy.name_any()
            )
        };
        let change = match event {
            Event::Init => Change::Begun,
            Event::InitApply(policy) => Change::Listed(key(&policy), rule(&policy)),
            Event::InitDone => Change::Whole,
            Event::Apply(policy) => Change::Applied(key(&policy), rule(&policy)),
            Event::Delete(policy) => Change::Deleted(key(&policy)),
        };
        Self { kind, change }
    }
}

/// What is known of the policies of one kind.
#[derive(Debug, Default)]
struct Known {
    rules: BTreeMap<String, Rule>,
    coming: BTreeMap<String, Rule>,
    listed: bool,
}

impl Known {
    fn take(&mut self, change: Change) {
        match change {
            Change::Begun => self.coming.clear(),
            Change::Listed(key, rule) => self.coming.extend(rule.map(|rule| (key, rule))),
            Change::Whole => {
                self.rules = std::mem::take(&mut self.coming);
                self.listed = true;
            }
            Change::Applied(key, Some(rule)) => {
                self.rules.insert(key, rule);
            }
            Change::Applied(key, None) | Change::Deleted(key) => {
                self.rules.remove(&key);
            }
        }
    }
}

async fn follow(
    told: impl Stream<Item = watcher::Result<Told>>,
    asking: watch::Sender<Arc<Asking>>,
    metrics: Arc<Metrics>,
) {
    let mut told = std::pin::pin!(told);
    let (mut namespaced, mut cluster) = (Known::default(), Known::default());
    let mut failing = false;
    while let Some(told) = told.next().await {
        match told {
            Ok(Told { kind, change }) => {
                failing = false;
                match kind {
                    Kind::Namespaced => namespaced.take(change),
                    Kind::Cluster => cluster.take(change),
                }
            }
            Err(error) => {
                metrics.watch_errors.inc();
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(kind = "policies", error = %Chain(&error), "watch failed, trying again");
                }
            }
        }
        let rules = namespaced.rules.iter().chain(&cluster.rules);
        let now = Asking {
            listed: namespaced.listed && cluster.listed,
            rules: rules.map(|(key, rule)| (key.clone(), rule.clone())).collect(),
        };
        asking.send_if_modified(|held| {
            let changed = **held != now;
            if changed {
                *held = Arc::new(now);
            }
            changed
        });
        if asking.is_closed() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy(name: &str, process: &serde_json::Value) -> DriftPolicy {
        serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "name": name},
            "spec": {"selector": {"matchLabels": {"app": "a"}}, "feeds": {"process": process}},
        }))
        .unwrap()
    }

    async fn asked(events: Vec<watcher::Result<Event<DriftPolicy>>>, cluster_listed: bool) -> Arc<Asking> {
        let (asking, now) = watch::channel(Arc::default());
        let namespaced = events
            .into_iter()
            .map(|event| event.map(|event| Told::of(Kind::Namespaced, event, Rule::of_namespace)));
        let cluster = cluster_listed.then_some(Ok(Told {
            kind: Kind::Cluster,
            change: Change::Whole,
        }));
        let told: Vec<_> = cluster.into_iter().chain(namespaced).collect();
        follow(stream::iter(told), asking, Arc::new(Metrics::new())).await;
        Arc::clone(&now.borrow())
    }

    fn names(asking: &Asking) -> Vec<&str> {
        let keys = asking.rules.keys();
        keys.filter_map(|key| key.rsplit('/').next()).collect()
    }

    #[tokio::test]
    async fn policies_count_as_they_come_and_go() {
        let none = json!({"arguments": "None"});
        let nothing = json!({});
        let asking = asked(
            vec![
                Ok(Event::Init),
                Ok(Event::InitApply(policy("a", &none))),
                Ok(Event::InitApply(policy("b", &nothing))),
                Ok(Event::InitDone),
                Ok(Event::Apply(policy("b", &none))),
                Ok(Event::Apply(policy("c", &none))),
                Ok(Event::Delete(policy("a", &none))),
                Ok(Event::Apply(policy("c", &nothing))),
            ],
            true,
        )
        .await;
        assert!(asking.listed);
        assert_eq!(names(&asking), ["b"]);
    }

    #[tokio::test]
    async fn a_list_that_broke_off_takes_nothing_away_and_both_kinds_are_needed() {
        let none = json!({"arguments": "None"});
        let events = || {
            vec![
                Ok(Event::Init),
                Ok(Event::InitApply(policy("a", &none))),
                Ok(Event::InitDone),
                Ok(Event::Init),
                Err(watcher::Error::NoResourceVersion),
            ]
        };
        let asking = asked(events(), true).await;
        assert!(asking.listed);
        assert_eq!(names(&asking), ["a"]);
        assert!(!asked(events(), false).await.listed);
    }
}
