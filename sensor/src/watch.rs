//! Watches this node's pods, and hands on no more of them than attribution needs.

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::mpsc;

use crate::attribute::pod::{PodChange, PodFacts};
use crate::error::Chain;
use crate::metrics::Metrics;

/// Pods that the API server sends at once: few, since each is held as a whole for a moment.
const PAGE: u32 = 20;

/// Runs until nobody takes changes any more.
pub async fn pods(api: Api<Pod>, node: String, changes: mpsc::Sender<PodChange>, metrics: Arc<Metrics>) {
    let config = watcher::Config::default()
        .fields(&format!("spec.nodeName={node}"))
        .page_size(PAGE);
    hand_on(watcher(api, config).default_backoff(), changes, metrics).await;
}

async fn hand_on(
    events: impl Stream<Item = watcher::Result<Event<Pod>>>,
    changes: mpsc::Sender<PodChange>,
    metrics: Arc<Metrics>,
) {
    let mut events = std::pin::pin!(events);
    let mut listed = HashSet::new();
    let mut failing = false;
    while let Some(event) = events.next().await {
        let change = match event {
            Ok(event) => {
                failing = false;
                change(event, &mut listed)
            }
            Err(error) => {
                metrics.watch_errors.inc();
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(error = %Chain(&error), "watch of the node's pods failed, trying again");
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

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
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
        hand_on(stream::iter(events), sender, Arc::clone(&metrics)).await;
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
}
