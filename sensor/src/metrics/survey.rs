//! Metrics of what was there before the sensor.

use prometheus::IntGaugeVec;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Register;
use crate::snapshot::survey::{Parts, Progress};

/// Registered once.
#[derive(Debug)]
pub struct SurveyMetrics {
    processes: IntGaugeVec,
    libraries: IntGaugeVec,
    sockets: IntGaugeVec,
}

impl SurveyMetrics {
    pub(super) fn new(register: &Register<'_>) -> Self {
        Self {
            processes: register.gauges(
                "survey_processes",
                "Processes that ran in containers when the sensor started, by what became of them: found, and of those told, passed_over, vanished or unreadable.",
                &["state"],
            ),
            libraries: register.gauges(
                "survey_libraries",
                "Files that were mapped as code when the sensor started, by what became of them: told, unreadable or cut.",
                &["state"],
            ),
            sockets: register.gauges(
                "survey_sockets",
                "Connections and listeners that stood when the sensor started, by what became of them: told or cut.",
                &["state"],
            ),
        }
    }

    pub fn set(&self, progress: &Progress) {
        let Progress {
            total,
            told,
            passed_over,
            vanished,
            unreadable,
            libraries,
            sockets,
        } = progress;
        let processes = [
            ("found", total),
            ("told", told),
            ("passed_over", passed_over),
            ("vanished", vanished),
            ("unreadable", unreadable),
        ];
        set(&self.processes, &processes);
        let Parts { told, unreadable, cut } = libraries;
        set(
            &self.libraries,
            &[("told", told), ("unreadable", unreadable), ("cut", cut)],
        );
        // Of a socket there is nothing that could not be read.
        let Parts { told, cut, .. } = sockets;
        set(&self.sockets, &[("told", told), ("cut", cut)]);
    }
}

fn set(gauge: &IntGaugeVec, states: &[(&str, &AtomicU64)]) {
    for (state, count) in states {
        let count = i64::try_from(count.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        gauge.with_label_values(&[*state]).set(count);
    }
}
