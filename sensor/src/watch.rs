//! Watches this node's pods, what has addresses in the cluster, and what policies ask for, and hands on no more of them
//! than attribution needs.

mod policies;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;
use tokio::sync::mpsc;

use crate::attribute::destination::facts::Facts;
use crate::attribute::destination::{Change, ClusterChange};
use crate::attribute::pod::{PodChange, PodFacts};
use crate::error::Chain;
use crate::metrics::Metrics;

/// Pods that the API server sends at once: few, since each is held as a whole for a moment.
const PAGE: u32 = 20;

/// Objects with addresses that it sends at once: each is small.
const CLUSTER_PAGE: u32 = 100;

/// Runs until nobody takes changes any more.
pub async fn pods(api: Api<Pod>, node: String, changes: mpsc::Sender<PodChange>, metrics: Arc<Metrics>) {
    let config = watcher::Config::default()
        .fields(&format!("spec.nodeName={node}"))
        .page_size(PAGE);
    let mut listed = HashSet::new();
    let change = move |event| change(event, &mut listed);
    hand_on("pods", watcher(api, config).default_backoff(), change, changes, metrics).await;
}

/// Watches all objects of a kind that have addresses. Runs until nobody takes changes any more.
pub async fn cluster<F: Facts + Send + 'static>(
    api: Api<F::Object>,
    wrap: fn(Change<F>) -> ClusterChange,
    changes: mpsc::Sender<ClusterChange>,
    metrics: Arc<Metrics>,
) where
    F::Object: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let config = watcher::Config::default().page_size(CLUSTER_PAGE);
    let kind = F::Object::plural(&());
    let mut listed = HashSet::new();
    let change = move |event| cluster_change::<F>(event, &mut listed).map(wrap);
    hand_on(&kind, watcher(api, config).default_backoff(), change, changes, metrics).await;
}

async fn hand_on<K, C>(
    kind: &str,
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    mut change: impl FnMut(Event<K>) -> Option<C>,
    changes: mpsc::Sender<C>,
    metrics: Arc<Metrics>,
) {
    let mut events = std::pin::pin!(events);
    let mut failing = false;
    while let Some(event) = events.next().await {
        let change = match event {
            Ok(event) => {
                failing = false;
                change(event)
            }
            Err(error) => {
                metrics.watch_errors.inc();
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(kind, error = %Chain(&error), "watch failed, trying again");
                }
                None
            }
        };
        if let Some(change) = change
            && changes.send(change).await.is_err()
        {
            return;
        }
    }
}

/// An object that says nothing of addresses any more is as good as gone.
fn cluster_change<F: Facts>(event: Event<F::Object>, listed: &mut HashSet<Arc<str>>) -> Option<Change<F>> {
    let applied = |object| match F::of(&object) {
        Some(facts) => Some(Change::Applied(facts)),
        None => F::key_of(&object).map(Change::Deleted),
    };
    match event {
        Event::Init => {
            listed.clear();
            None
        }
        Event::InitApply(object) => {
            listed.extend(F::key_of(&object));
            applied(object)
        }
        Event::InitDone => Some(Change::Listed(std::mem::take(listed))),
        Event::Apply(object) => applied(object),
        Event::Delete(object) => F::key_of(&object).map(Change::Deleted),
    }
}

/// `listed` gathers what a new list has.
fn change(event: Event<Pod>, listed: &mut HashSet<String>) -> Option<PodChange> {
    match event {
        Event::Init => {
            listed.clear();
            None
        }
        Event::InitApply(pod) => {
            let facts = PodFacts::of(&pod)?;
            listed.insert(facts.pod.uid.clone());
            Some(PodChange::Applied(facts))
        }
        Event::InitDone => Some(PodChange::Listed(std::mem::take(listed))),
        Event::Apply(pod) => PodFacts::of(&pod).map(PodChange::Applied),
        Event::Delete(pod) => PodFacts::of(&pod).map(PodChange::Deleted),
    }
}

pub use policies::policies;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::destination::facts::ServiceFacts;
    use futures::stream;
    use k8s_openapi::api::core::v1::Service;
    use kube::api::ObjectMeta;

    fn pod(uid: &str) -> Pod {
        Pod {
            metadata: ObjectMeta {
                namespace: Some("shop".into()),
                name: Some(uid.into()),
                uid: Some(uid.into()),
                ..ObjectMeta::default()
            },
            ..Pod::default()
        }
    }

    async fn handed_on(events: Vec<watcher::Result<Event<Pod>>>) -> (Vec<String>, Arc<Metrics>) {
        let (sender, mut receiver) = mpsc::channel(100);
        let metrics = Arc::new(Metrics::new());
        let mut listed = HashSet::new();
        let change = |event| change(event, &mut listed);
        hand_on("pods", stream::iter(events), change, sender, Arc::clone(&metrics)).await;
        let mut seen = Vec::new();
        while let Some(change) = receiver.recv().await {
            seen.push(match change {
                PodChange::Applied(facts) => format!("+{}", facts.pod.uid),
                PodChange::Deleted(facts) => format!("-{}", facts.pod.uid),
                PodChange::Listed(uids) => {
                    let mut uids: Vec<String> = uids.into_iter().collect();
                    uids.sort();
                    format!("={}", uids.join(","))
                }
            });
        }
        (seen, metrics)
    }

    #[tokio::test]
    async fn a_list_that_broke_off_says_nothing_about_what_is_gone() {
        let (seen, metrics) = handed_on(vec![
            Ok(Event::Init),
            Ok(Event::InitApply(pod("1"))),
            Err(watcher::Error::NoResourceVersion),
            Ok(Event::Init),
            Ok(Event::InitApply(pod("2"))),
            Ok(Event::InitDone),
            Ok(Event::Apply(pod("3"))),
            Ok(Event::Delete(pod("2"))),
        ])
        .await;
        assert_eq!(seen, ["+1", "+2", "=2", "+3", "-2"]);
        assert_eq!(metrics.watch_errors.get(), 1);
    }

    fn service(name: &str) -> Service {
        serde_json::from_value(serde_json::json!({
            "metadata": {"namespace": "shop", "name": name}, "spec": {"clusterIP": "10.96.0.1"},
        }))
        .unwrap()
    }

    #[test]
    fn an_object_that_says_nothing_of_addresses_is_listed_and_not_known() {
        let mut listed = HashSet::new();
        let mut change = |event| cluster_change::<ServiceFacts>(event, &mut listed);
        assert_eq!(change(Event::Init), None);
        let applied = change(Event::InitApply(service("cart")));
        assert!(matches!(applied, Some(Change::Applied(facts)) if &*facts.key == "shop/cart"));
        let without = Service {
            spec: None,
            ..service("empty")
        };
        assert_eq!(
            change(Event::InitApply(without)),
            Some(Change::Deleted("shop/empty".into()))
        );
        let all = ["shop/cart", "shop/empty"].map(Arc::from).into();
        assert_eq!(change(Event::InitDone), Some(Change::Listed(all)));
        assert_eq!(
            change(Event::Delete(service("cart"))),
            Some(Change::Deleted("shop/cart".into()))
        );
    }
}
