//! Every metric of the sensor.

mod filter;
mod module;
mod network;
mod survey;

use anchorwatch_core::behaviour::Feed;
use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::attribute::Outcome;
use crate::loader::{HookState, HookStatus};
use crate::losses::{LossReason, Losses};
use crate::outbox::History;
use crate::seen::Sight;
use filter::FilterMetrics;
use module::ModuleMetrics;
use network::NetworkMetrics;
use survey::SurveyMetrics;

/// An attempt to send a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    Acknowledged,
    Pending,
    Refused,
    Failed,
}

const OUTCOMES: [&str; 7] = [
    "attributed",
    "waiting",
    "host",
    "runtime_stage",
    "sandbox",
    "lost",
    "loopback",
];
const SIGHTS: [&str; 3] = ["known", "new", "refused"];

/// In seconds.
const COMMIT_BUCKETS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0];
/// In seconds; finer about what is promised, 10 ms.
const LATENCY_BUCKETS: [f64; 17] = [
    0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008, 0.01, 0.012, 0.015, 0.02, 0.03, 0.05, 0.1, 0.5, 1.0,
];

/// Registered once, shared by all parts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// In the order of [`OUTCOMES`], looked up once: labels cost more than the rest of an event.
    events: Vec<IntCounter>,
    losses: IntCounterVec,
    /// What was exported of the losses so far: the counters of a report start again, those of a metric never do.
    exported_losses: Mutex<BTreeMap<(Feed, String), u64>>,
    /// In the order of [`SIGHTS`].
    behaviours: Vec<IntCounter>,
    pub network: NetworkMetrics,
    pub modules: ModuleMetrics,
    pub filter: FilterMetrics,
    attempts: IntCounterVec,
    epochs: IntCounterVec,
    hooks: IntGaugeVec,
    hook_states: IntGaugeVec,
    instructions: IntGaugeVec,
    pub batches: IntCounter,
    pub batch_outstanding: IntGauge,
    pub acknowledged_at: IntGauge,
    pub commits: Histogram,
    pub latency: Histogram,
    pub commit_errors: IntCounter,
    pub remembered_behaviours: IntGauge,
    pub remembered_bytes: IntGauge,
    pub evicted: IntGauge,
    pub unresolved_ancestors: IntGauge,
    pub waiting: IntGauge,
    pub pods: IntGauge,
    pub cgroups: IntGauge,
    pub watch_errors: IntCounter,
    pub test_switch: IntGauge,
    pub survey: SurveyMetrics,
    resident: IntGauge,
}

/// Adds to the registry; a name that is there twice is a mistake in this file, found by its test.
struct Register<'a>(&'a Registry);

impl Register<'_> {
    fn add<T: prometheus::core::Collector + Clone + 'static>(&self, metric: Result<T, prometheus::Error>) -> T {
        let metric = metric.expect("names and labels are valid");
        self.0.register(Box::new(metric.clone())).expect("names are unique");
        metric
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.add(IntCounter::new(format!("anchorwatch_sensor_{name}"), help))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.add(IntGauge::new(format!("anchorwatch_sensor_{name}"), help))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let options = HistogramOpts::new(format!("anchorwatch_sensor_{name}"), help);
        self.add(Histogram::with_opts(options.buckets(buckets.to_vec())))
    }

    fn commits(&self) -> Histogram {
        let help = "Time that a transaction of the outbox took to be on the disk.";
        self.histogram("outbox_commit_seconds", help, &COMMIT_BUCKETS)
    }

    fn latency(&self) -> Histogram {
        let help = "Time that what is new took from the kernel until it was on the disk.";
        self.histogram("outbox_latency_seconds", help, &LATENCY_BUCKETS)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.add(IntCounterVec::new(
            Opts::new(format!("anchorwatch_sensor_{name}"), help),
            labels,
        ))
    }

    /// One counter for each value of a label, in their order.
    fn labelled(&self, name: &str, help: &str, label: &str, values: &[&str]) -> Vec<IntCounter> {
        let counters = self.counters(name, help, &[label]);
        values
            .iter()
            .map(|value| counters.with_label_values(&[*value]))
            .collect()
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.add(IntGaugeVec::new(
            Opts::new(format!("anchorwatch_sensor_{name}"), help),
            labels,
        ))
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        let registry = Registry::new();
        let register = Register(&registry);
        let metrics = Self {
            events: register.labelled(
                "events_total",
                "Executions and flows by what became of them; those that wait for their pod are counted again afterwards.",
                "outcome",
                &OUTCOMES,
            ),
            losses: register.counters("losses_total", "Events that were lost, by reason.", &["feed", "reason"]),
            exported_losses: Mutex::default(),
            behaviours: register.labelled(
                "behaviours_total",
                "Attributed executions and flows by what they were to the first-seen filter.",
                "sight",
                &SIGHTS,
            ),
            network: NetworkMetrics::new(&register),
            modules: ModuleMetrics::new(&register),
            filter: FilterMetrics::new(&register),
            attempts: register.counters(
                "report_attempts_total",
                "Writes of the SensorReport by their answer.",
                &["answer"],
            ),
            epochs: register.counters(
                "outbox_epochs_total",
                "New epochs of the outbox by reason: created, damaged, other_node or refused.",
                &["reason"],
            ),
            hooks: register.gauges(
                "hook_attached",
                "Whether a hook in the kernel is attached, the best way or another.",
                &["feed", "hook"],
            ),
            hook_states: register.gauges(
                "hook_state",
                "1 for the state that a hook is in: attached, fallback, unattached, unsupported or failed.",
                &["feed", "hook", "state"],
            ),
            instructions: register.gauges(
                "hook_verified_instructions",
                "Instructions that the kernel's verifier walked.",
                &["hook"],
            ),
            batches: register.counter("batches_total", "Batches closed."),
            batch_outstanding: register.gauge("batches_outstanding", "Batches that are not acknowledged yet."),
            acknowledged_at: register.gauge(
                "report_acknowledged_timestamp_seconds",
                "When the last batch was acknowledged, in seconds since 1970.",
            ),
            commits: register.commits(),
            latency: register.latency(),
            commit_errors: register.counter("outbox_commit_errors_total", "Transactions of the outbox that failed."),
            remembered_behaviours: register.gauge("remembered_behaviours", "Behaviours that are known."),
            remembered_bytes: register.gauge("remembered_bytes", "Approximate size of what is known."),
            evicted: register.gauge(
                "evicted_behaviours",
                "Known behaviours forgotten since the start for want of room: they are reported again as new.",
            ),
            unresolved_ancestors: register.gauge(
                "unresolved_ancestors",
                "Ancestors since the start whose executable was not known any more.",
            ),
            waiting: register.gauge("events_waiting", "Events that wait for their pod to be known."),
            pods: register.gauge("pods", "Pods of this node that are known."),
            cgroups: register.gauge("cgroups", "Cgroups of this node that are known."),
            watch_errors: register.counter("pod_watch_errors_total", "Errors of the watch of this node's pods."),
            test_switch: register.gauge("test_switch_active", "Whether a switch for tests is set."),
            survey: SurveyMetrics::new(&register),
            resident: register.gauge("resident_memory_bytes", "Resident memory of the sensor."),
            registry,
        };
        metrics.touch();
        metrics
    }

    /// Shows at zero what alerting rules compare.
    fn touch(&self) {
        for reason in LossReason::ALL {
            for feed in Feed::ALL {
                self.losses.with_label_values(&[feed.as_str(), reason.name()]);
            }
        }
        for answer in ["acknowledged", "pending", "refused", "failed"] {
            self.attempts.with_label_values(&[answer]);
        }
    }

    pub fn event(&self, outcome: &Outcome) {
        let index = match outcome {
            Outcome::Attributed(_) => 0,
            Outcome::Waiting => 1,
            Outcome::Host => 2,
            Outcome::RuntimeStage => 3,
            Outcome::Sandbox => 4,
            Outcome::Lost(..) => 5,
            Outcome::Loopback => 6,
        };
        self.events[index].inc();
    }

    pub fn sight(&self, sight: Sight) {
        let index = match sight {
            Sight::Known => 0,
            Sight::New => 1,
            Sight::Refused(_) => 2,
        };
        self.behaviours[index].inc();
    }

    pub fn attempt(&self, attempt: Attempt) {
        let answer = match attempt {
            Attempt::Acknowledged => "acknowledged",
            Attempt::Pending => "pending",
            Attempt::Refused => "refused",
            Attempt::Failed => "failed",
        };
        self.attempts.with_label_values(&[answer]).inc();
    }

    /// The outbox was opened.
    pub fn opened(&self, history: &History) {
        match history {
            History::Reopened => {}
            History::Created => self.epochs.with_label_values(&["created"]).inc(),
            History::Damaged(_) => self.epochs.with_label_values(&["damaged"]).inc(),
            History::OtherNode(_) => self.epochs.with_label_values(&["other_node"]).inc(),
        }
    }

    /// A refused batch began a new epoch.
    pub fn epoch_refused(&self) {
        self.epochs.with_label_values(&["refused"]).inc();
    }

    pub fn hook(&self, hook: &HookState) {
        let feed = hook.feed.as_str();
        let in_place = i64::from(hook.status.is_in_place());
        self.hooks.with_label_values(&[feed, hook.name]).set(in_place);
        for word in HookStatus::WORDS {
            let state = self.hook_states.with_label_values(&[feed, hook.name, word]);
            state.set(i64::from(word == hook.status.word()));
        }
        if let Some(instructions) = hook.verified_instructions {
            self.instructions
                .with_label_values(&[hook.name])
                .set(instructions.into());
        }
    }

    pub fn set_losses(&self, losses: &Losses) {
        // A poisoned lock means that a thread panicked between two numbers: they are still numbers.
        let mut exported = self
            .exported_losses
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for (feed, reason, total) in losses.totals() {
            let before = exported.insert((feed, reason.to_owned()), total).unwrap_or(0);
            let counter = self.losses.with_label_values(&[feed.as_str(), reason]);
            counter.inc_by(total.saturating_sub(before));
        }
    }

    /// As Prometheus reads it.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        self.resident.set(resident_bytes());
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// Second number of `/proc/self/statm`, in pages; 0 where that can't be read.
fn resident_bytes() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Option<i64> = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    let page_size = i64::try_from(rustix::param::page_size()).unwrap_or(4096);
    pages.map_or(0, |pages| pages * page_size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::filter::SlotsUsed;
    use crate::losses::Whose;

    #[test]
    fn every_metric_has_a_name_of_its_own_and_the_sensors_prefix() {
        let text = Metrics::new().text().unwrap();
        let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        assert!(!names.is_empty());
        assert!(
            names.iter().all(|name| name.starts_with("anchorwatch_sensor_")),
            "{names:?}"
        );
    }

    #[test]
    fn events_and_sightings_are_counted_under_their_own_names() {
        let metrics = Metrics::new();
        metrics.event(&Outcome::Lost(Feed::Process, LossReason::PodUnknown, Whose::Unknown));
        metrics.sight(Sight::New);
        let text = metrics.text().unwrap();
        assert!(
            text.contains("anchorwatch_sensor_events_total{outcome=\"lost\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("anchorwatch_sensor_behaviours_total{sight=\"new\"} 1"),
            "{text}"
        );
    }

    #[test]
    fn the_filters_totals_are_exported_as_counters_and_shown_at_zero() {
        use anchorwatch_sensor_common::filter::{FILTER_FEEDS, FilterFeed, Totals};
        let metrics = Metrics::new();
        let line = |result, count| {
            format!("anchorwatch_sensor_filter_events_total{{feed=\"network\",result=\"{result}\"}} {count}")
        };
        assert!(metrics.text().unwrap().contains(&line("lost", 0)));
        let mut totals = [Totals::default(); FILTER_FEEDS];
        for factor in [1u32, 2, 2] {
            let sum = u64::from(factor);
            totals[FilterFeed::Network as usize] = Totals {
                delivered: 3 * sum,
                swallowed: 100 * sum,
                lost: [1, 2, 0, 0].map(|lost| lost * sum),
            };
            let slots = SlotsUsed {
                own: 10,
                shared: factor as usize,
            };
            metrics.filter.set(&totals, slots);
        }
        let text = metrics.text().unwrap();
        for (slot, count) in [("own", 10), ("shared", 2)] {
            let line = format!("anchorwatch_sensor_filter_containers{{slot=\"{slot}\"}} {count}\n");
            assert!(text.contains(&line), "{text}");
        }
        for (result, count) in [("delivered", 6), ("swallowed", 200), ("lost", 6)] {
            assert!(text.contains(&line(result, count)), "{text}");
        }
    }

    #[test]
    fn losses_are_exported_as_a_counter() {
        let metrics = Metrics::new();
        let mut losses = Losses::default();
        losses.add(Feed::Process, LossReason::PodUnknown, 2);
        metrics.set_losses(&losses);
        losses.take();
        losses.add(Feed::Process, LossReason::PodUnknown, 1);
        metrics.set_losses(&losses);
        let line = "anchorwatch_sensor_losses_total{feed=\"process\",reason=\"pod_unknown\"} 3";
        assert!(metrics.text().unwrap().contains(line));
    }
}
