//! Every metric of the operator. Labels are bounded: kinds, states and reasons of our own, nothing per pod.

mod alerts;
mod evidence;
mod feeds;

use std::time::Duration;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use self::{alerts::AlertMetrics, evidence::EvidenceMetrics, feeds::FeedMetrics};
use crate::test_switch::TestSwitches;

/// From the API's own latency to the longest that a reconciliation may take.
const RECONCILE_BUCKETS: [f64; 9] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0, 30.0];
/// The operator's metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    /// 1 while this operator leads.
    pub leader: IntGauge,
    /// Batches merged.
    pub batches_merged: IntCounter,
    /// Batches that were merged already and were only acknowledged again.
    pub batches_repeated: IntCounter,
    /// Behaviours that named a pod of another node.
    pub rejected_behaviors: IntCounter,
    /// Behaviours that could not be attached to a baseline, by reason.
    pub dropped_behaviors: IntCounterVec,
    /// Behaviours of pods that the API server does not know.
    pub unverified_behaviors: IntCounter,
    /// Events that sensors lost, by feed and reason.
    lost_events: IntCounterVec,
    /// Outboxes that began anew.
    pub epochs: IntCounter,
    /// What is told of each feed.
    pub feeds: FeedMetrics,
    /// Hooks that sensors could not attach, by feed.
    pub hooks_unattached: IntGaugeVec,
    /// Baselines by state.
    pub baselines: IntGaugeVec,
    /// Baselines that had no room for something.
    pub baselines_truncated: IntGauge,
    /// What is told of alerts.
    pub alerts: AlertMetrics,
    /// Rollout records created.
    pub records_created: IntCounter,
    /// What is told of the evidence.
    pub evidence: EvidenceMetrics,
    /// Workloads that no policy selects.
    pub workloads_without_policy: IntGauge,
    /// Objects that could not be read, by kind.
    pub malformed_objects: IntCounterVec,
    work: Work,
    test_switch_active: IntGauge,
}

/// What the operator itself does.
#[derive(Clone, Debug)]
struct Work {
    api_writes: IntCounterVec,
    reconciles: IntCounterVec,
    reconcile_seconds: HistogramVec,
    clock_ahead: IntGauge,
}

impl Work {
    fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            api_writes: counters(
                r,
                "api_writes_total",
                "Writes to the API by kind and verb",
                &["kind", "verb"],
            )?,
            reconciles: counters(
                r,
                "reconciles_total",
                "Reconciliations by controller and result",
                &["controller", "result"],
            )?,
            reconcile_seconds: histograms(
                r,
                "reconcile_duration_seconds",
                "Duration of a reconciliation by controller",
                &RECONCILE_BUCKETS,
                &["controller"],
            )?,
            clock_ahead: gauge(
                r,
                "clock_ahead_seconds",
                "How far this node's clock is ahead of the API server's; beyond 5 the operator goes by the API server's",
            )?,
        })
    }
}

impl Metrics {
    /// All metrics, registered.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let r = &registry;
        Ok(Self {
            leader: gauge(r, "leader", "1 while this operator holds the lease and works")?,
            batches_merged: counter(r, "batches_merged_total", "Batches of sensors merged into baselines")?,
            batches_repeated: counter(
                r,
                "batches_repeated_total",
                "Batches that were acknowledged before and came again",
            )?,
            rejected_behaviors: counter(
                r,
                "reports_rejected_behaviors_total",
                "Reported behaviours that named a pod of another node and were rejected",
            )?,
            dropped_behaviors: counters(
                r,
                "behaviors_dropped_total",
                "Reported behaviours that no baseline could take, by reason",
                &["reason"],
            )?,
            unverified_behaviors: counter(
                r,
                "unverified_behaviors_total",
                "Reported behaviours of pods that the API server does not know: kept apart, and never learned",
            )?,
            lost_events: counters(
                r,
                "lost_events_total",
                "Events that sensors reported as lost, by feed and reason",
                &["feed", "reason"],
            )?,
            epochs: counter(
                r,
                "epochs_total",
                "Times that a node's outbox began anew: its disk was lost",
            )?,
            feeds: FeedMetrics::new(r)?,
            hooks_unattached: gauges(
                r,
                "hooks_unattached",
                "Hooks that sensors could not attach, by feed",
                &["feed"],
            )?,
            baselines: gauges(r, "baselines", "Baselines by state", &["state"])?,
            baselines_truncated: gauge(
                r,
                "baselines_truncated",
                "Baselines that had no room for something that was reported",
            )?,
            alerts: AlertMetrics::new(r)?,
            records_created: counter(r, "rollout_records_created_total", "RolloutRecords created")?,
            evidence: EvidenceMetrics::new(r)?,
            workloads_without_policy: gauge(
                r,
                "workloads_without_policy",
                "Workloads with running pods that no policy selects: nothing is learned of them",
            )?,
            malformed_objects: counters(
                r,
                "objects_malformed_total",
                "Objects that could not be read and were left out, by kind",
                &["kind"],
            )?,
            work: Work::new(r)?,
            test_switch_active: gauge(
                r,
                "test_switch_active",
                "1 where a test-only switch is set: not for production",
            )?,
            registry,
        })
    }

    /// Says whether a test switch is set.
    pub fn show_switches(&self, switches: &TestSwitches) {
        self.test_switch_active.set(switches.active().into());
    }

    /// How far this node's clock is ahead of the API server's.
    pub fn clock_ahead(&self) -> IntGauge {
        self.work.clock_ahead.clone()
    }

    /// Counts a reconciliation.
    pub fn count_reconcile(&self, controller: &str, succeeded: bool, took: Duration) {
        let result = if succeeded { "ok" } else { "error" };
        self.work.reconciles.with_label_values(&[controller, result]).inc();
        self.work
            .reconcile_seconds
            .with_label_values(&[controller])
            .observe(took.as_secs_f64());
    }

    /// Counts a write to the API.
    pub fn count_write(&self, kind: &str, verb: &str) {
        self.work.api_writes.with_label_values(&[kind, verb]).inc();
    }

    /// Counts behaviours that no baseline could take.
    pub fn count_dropped(&self, reason: &str, behaviors: usize) {
        self.dropped_behaviors
            .with_label_values(&[reason])
            .inc_by(behaviors.try_into().unwrap_or(u64::MAX));
    }

    /// Counts events that a sensor lost, by a reason out of a bounded set.
    pub fn count_lost(&self, feed: &str, reason: &str, events: u64) {
        self.lost_events.with_label_values(&[feed, reason]).inc_by(events);
    }

    /// Everything in Prometheus's text format.
    pub fn encode(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

fn options(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("anchorwatch").subsystem("operator")
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    let metric = IntCounter::with_opts(options(name, help))?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    let metric = IntCounterVec::new(options(name, help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    let metric = IntGauge::with_opts(options(name, help))?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
    let metric = IntGaugeVec::new(options(name, help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, prometheus::Error> {
    let metric = Histogram::with_opts(HistogramOpts {
        common_opts: options(name, help),
        buckets: buckets.to_vec(),
    })?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
    labels: &[&str],
) -> Result<HistogramVec, prometheus::Error> {
    let options = HistogramOpts {
        common_opts: options(name, help),
        buckets: buckets.to_vec(),
    };
    let metric = HistogramVec::new(options, labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_the_prefix_of_the_operator() {
        let metrics = Metrics::new().unwrap();
        metrics.count_lost("process", "other", 3);
        let text = String::from_utf8(metrics.encode().unwrap()).unwrap();
        assert!(
            text.contains(r#"anchorwatch_operator_lost_events_total{feed="process",reason="other"} 3"#),
            "{text}"
        );
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.starts_with("anchorwatch_operator_"), "{line}");
        }
    }
}
