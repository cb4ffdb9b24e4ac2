//! A measured figure, as the benches write it: a JSON line.

use std::time::Duration;

use serde::Serialize;

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How much it is.
    pub value: f64,
    /// Unit of value, budget and spread.
    pub unit: &'static str,
    /// How much it may be.
    pub budget: f64,
    /// Whether it is not more.
    pub holds: bool,
    /// Number of measurements.
    pub rounds: usize,
    /// The middle half of the measurements lies within so much.
    pub spread: f64,
}

impl Figure {
    /// A percentile of durations, 0 to 100, with its budget.
    pub fn percentile(name: &str, times: &[Duration], percent: usize, budget: Duration) -> Self {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let at = |percent: usize| {
            millis(
                sorted
                    .get((sorted.len() * percent).div_ceil(100).saturating_sub(1))
                    .copied(),
            )
        };
        Self::new(
            name,
            at(percent),
            "ms",
            millis(Some(budget)),
            times.len(),
            at(75) - at(25),
        )
    }

    /// A figure and its budget.
    pub fn new(name: &str, value: f64, unit: &'static str, budget: f64, rounds: usize, spread: f64) -> Self {
        Self {
            name: name.to_owned(),
            value,
            unit,
            budget,
            holds: value <= budget,
            rounds,
            spread,
        }
    }
}

fn millis(duration: Option<Duration>) -> f64 {
    (duration.unwrap_or_default().as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measured_values() {
        let times: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        let of = |percent| Figure::percentile("t", &times, percent, Duration::from_millis(150));
        let expected = |value: f64, holds| Figure {
            name: "t".into(),
            value,
            unit: "ms",
            budget: 150.0,
            holds,
            rounds: 200,
            spread: 100.0,
        };
        assert_eq!((of(50), of(99)), (expected(100.0, true), expected(198.0, false)));
    }
}
