//! What is counted only when somebody asks: gauges made from the caches.

use std::collections::{BTreeMap, BTreeSet};

use anchorwatch_convert::feed_from_crd;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_crds::v1alpha1::{BehaviorBaselineStatus, FeedName, SensorReport};
use prometheus::IntGaugeVec;

use super::{World, readable, series};
use crate::{
    conditions::{TRUNCATED, watched_on_node},
    metrics::Metrics,
    policies::Policies,
};

impl World {
    /// Sets the gauges that speak of the whole.
    pub fn show(&self, metrics: &Metrics) {
        let held = readable(&self.alerts);
        let alerts = held.iter().filter_map(|guarded| guarded.0.as_ref().ok());
        let series = series::of(alerts.clone(), metrics.alerts.most_series());
        metrics.alerts.show_series(series);
        let alerts = alerts.filter_map(|alert| alert.status.as_ref());
        let findings = alerts.clone().flat_map(|status| &status.findings);
        set(
            &metrics.feeds.findings,
            findings.map(|finding| vec![name(finding.feed), format!("{:?}", finding.state)]),
        );
        set(
            &metrics.alerts.by_state,
            alerts.map(|status| vec![format!("{:?}", status.severity), format!("{:?}", status.state)]),
        );

        let baselines = readable(&self.baselines);
        let baselines = baselines
            .iter()
            .filter_map(|guarded| guarded.0.as_ref().ok()?.status.as_ref());

        let is_truncated = |status: &&BehaviorBaselineStatus| {
            let mut conditions = status.conditions.iter();
            conditions.any(|condition| condition.type_ == TRUNCATED && condition.status == "True")
        };
        let truncated = baselines.clone().filter(is_truncated).count();
        metrics
            .baselines_truncated
            .set(truncated.try_into().unwrap_or(i64::MAX));
        set(
            &metrics.baselines,
            baselines.map(|status| vec![format!("{:?}", status.state)]),
        );

        let reports = readable(&self.reports);
        let reports = reports.iter().filter_map(|guarded| guarded.0.as_ref().ok());
        let is_blind = |report: &SensorReport, feed| {
            let mut conditions = report.status.iter().flat_map(|status| &status.conditions);
            conditions.any(|condition| condition.type_ == watched_on_node(feed) && condition.status == "False")
        };
        let unwatched = reports.clone().flat_map(|report| {
            let unwatched = Feed::ALL.into_iter().filter(move |feed| is_blind(report, *feed));
            unwatched.map(|feed| vec![feed.as_str().to_owned()])
        });
        set(&metrics.feeds.unwatched_nodes, unwatched);
        let hooks = reports.flat_map(|report| &report.spec.hooks);
        let unattached = hooks.filter(|hook| !matches!(hook.state.as_str(), "attached" | "fallback"));
        set(&metrics.hooks_unattached, unattached.map(|hook| vec![name(hook.feed)]));

        let without_policy = self.workloads_without_policy();
        metrics
            .workloads_without_policy
            .set(without_policy.try_into().unwrap_or(i64::MAX));
    }

    fn workloads_without_policy(&self) -> usize {
        let policies = Policies::of(self);
        let unselected = self.pods_where(|pod| pod.running && policies.holding(&pod.namespace, &pod.labels).is_none());
        let workloads: BTreeSet<_> = unselected.iter().filter_map(|pod| self.workload(pod)).collect();
        workloads.len()
    }
}

/// The name of a feed as metrics have it.
fn name(feed: FeedName) -> String {
    feed_from_crd(feed).as_str().to_owned()
}

/// Sets each series to the number of times that its labels occur, and removes the others.
fn set(gauge: &IntGaugeVec, labels: impl Iterator<Item = Vec<String>>) {
    let mut counts: BTreeMap<Vec<String>, i64> = BTreeMap::new();
    for labels in labels {
        *counts.entry(labels).or_default() += 1;
    }
    gauge.reset();
    for (labels, count) in counts {
        gauge.with_label_values(&labels).set(count);
    }
}
