//! What is told of alerts.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use prometheus::{Histogram, IntCounter, IntGauge, IntGaugeVec, Registry};

use super::{counter, gauge, gauges, histogram};
use crate::world::series;

/// Around the budget of two seconds.
const EVENT_TO_ALERT_BUCKETS: [f64; 10] = [0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 5.0, 30.0, 300.0];

/// What is told of alerts.
#[derive(Clone, Debug)]
pub struct AlertMetrics {
    /// Alerts by severity and state.
    pub by_state: IntGaugeVec,
    /// Alerts created.
    pub created: IntCounter,
    /// From the first event of an alert's first finding to the alert, where it waited for nothing but us.
    pub delay: Histogram,
    /// 1 once the cluster served the kind in which alerts are reported to other tools.
    pub open_reports_served: IntGauge,
    /// Findings that nobody closed, by what an alert manager routes by.
    series: IntGaugeVec,
    most_series: Arc<AtomicUsize>,
}

impl AlertMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            by_state: gauges(r, "alerts", "DriftAlerts by severity and state", &["severity", "state"])?,
            created: counter(r, "alerts_created_total", "DriftAlerts created")?,
            delay: histogram(
                r,
                "event_to_alert_seconds",
                "From the event in the container, to the second below, to the DriftAlert in the API; without what waited for \
                 room, or was seen more than an hour before",
                &EVENT_TO_ALERT_BUCKETS,
            )?,
            open_reports_served: gauge(
                r,
                "open_reports_served",
                "1 once the cluster served the kind in which alerts are reported to other tools; 0 where nobody asks for that, or \
                 it lacked the kind since the start",
            )?,
            series: gauges(
                r,
                "alert_findings",
                "Findings that nobody closed, by namespace and kind of the workload, rule, severity and state; what is more than \
                 the bound of series is summed up under an empty namespace",
                &series::LABELS,
            )?,
            most_series: Arc::default(),
        })
    }

    /// How many series of findings are told apart at most.
    pub fn most_series(&self) -> usize {
        self.most_series.load(Ordering::Relaxed)
    }

    /// Bounds the series of findings that are told apart; 0 for none.
    pub fn bound_series(&self, most: usize) {
        self.most_series.store(most, Ordering::Relaxed);
    }

    /// Shows the findings that nobody closed, and no others.
    pub fn show_series(&self, series: Vec<([String; 5], i64)>) {
        self.series.reset();
        for (labels, count) in series {
            self.series.with_label_values(&labels).set(count);
        }
    }
}
