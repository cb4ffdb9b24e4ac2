//! A measured figure, as the benches write it: a JSON line each, of which `cargo xtask bench` makes its table.

use std::time::{Duration, Instant};

use serde::Serialize;

/// One figure with what it may be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How much it is.
    pub value: f64,
    /// Unit of value, budget and spread.
    pub unit: &'static str,
    /// How much it may be; absent for what is shown for comparison.
    pub budget: Option<f64>,
    /// Whether it is within its budget.
    pub holds: bool,
    /// Number of measurements.
    pub rounds: usize,
    /// The middle half of the measurements lies within so much.
    pub spread: f64,
}

impl Figure {
    /// The median of what was measured, which may be at most the budget.
    pub fn at_most(name: &str, measured: &[f64], unit: &'static str, budget: f64) -> Self {
        Self::of(name, measured, unit, Some(budget), |value| value <= budget)
    }

    /// The median, which has to be at least so much.
    pub fn at_least(name: &str, measured: &[f64], unit: &'static str, budget: f64) -> Self {
        Self::of(name, measured, unit, Some(budget), |value| value >= budget)
    }

    /// The median, for comparison alone.
    pub fn shown(name: &str, measured: &[f64], unit: &'static str) -> Self {
        Self::of(name, measured, unit, None, |_| true)
    }

    /// A percentile of what was measured, which may be at most the budget.
    pub fn percentile_at_most(name: &str, measured: &[f64], percent: usize, unit: &'static str, budget: f64) -> Self {
        let value = rounded(percentile(measured, percent));
        Self {
            value,
            holds: value <= budget,
            ..Self::of(name, measured, unit, Some(budget), |_| true)
        }
    }

    /// Writes it to standard output, unless nothing was measured: somebody asked for other benches.
    #[expect(clippy::print_stdout, reason = "whoever runs a bench reads it there")]
    pub fn print(&self) {
        if !self.value.is_finite() {
            return;
        }
        let line = serde_json::to_string(self).expect("a figure is plain data");
        println!("{line}");
    }

    fn of(name: &str, measured: &[f64], unit: &'static str, budget: Option<f64>, holds: impl Fn(f64) -> bool) -> Self {
        let value = rounded(percentile(measured, 50));
        Self {
            name: name.to_owned(),
            value,
            unit,
            budget,
            holds: holds(value),
            rounds: measured.len(),
            spread: rounded(percentile(measured, 75) - percentile(measured, 25)),
        }
    }
}

/// The measured value below or at which so many percent lie; not a number where nothing was measured.
pub fn percentile(measured: &[f64], percent: usize) -> f64 {
    let mut sorted = measured.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// Four decimals: more says nothing.
fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// How long each of several pieces of work took, in nanoseconds.
#[derive(Debug, Default)]
pub struct Times(Vec<f64>);

impl Times {
    /// Does so much work and returns how long all of it took: what criterion asks of `iter_custom`.
    pub fn each<T>(&mut self, count: u64, work: impl FnMut(usize) -> T) -> Duration {
        self.each_given(count, |index| index, work)
    }

    /// As [`Self::each`], of work that takes what it is given: making that is not measured.
    pub fn each_given<G, T>(
        &mut self,
        count: u64,
        mut give: impl FnMut(usize) -> G,
        mut work: impl FnMut(G) -> T,
    ) -> Duration {
        let mut total = Duration::ZERO;
        // What was measured to warm up is forgotten.
        self.0.clear();
        for index in 0..usize::try_from(count).unwrap_or(usize::MAX) {
            let given = give(index);
            let begun = Instant::now();
            let made = std::hint::black_box(work(given));
            let took = begun.elapsed();
            drop(made);
            total += took;
            self.0.push(took.as_secs_f64() * 1e9);
        }
        total
    }

    /// In microseconds.
    pub fn micros(&self) -> Vec<f64> {
        self.0.iter().map(|nanos| nanos / 1e3).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_measured_value_and_holds_or_not() {
        let measured: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        let of = |percent| Figure::percentile_at_most("t", &measured, percent, "µs", 150.0);
        assert_eq!((of(50).value, of(50).holds), (100.0, true));
        assert_eq!((of(99).value, of(99).holds, of(99).spread), (198.0, false, 100.0));
    }

    #[test]
    fn each_piece_of_work_is_timed() {
        let mut times = Times::default();
        let mut done = Vec::new();
        let total = times.each(3, |index| done.push(index));
        assert_eq!((done, times.micros().len()), (vec![0, 1, 2], 3));
        assert!((total.as_secs_f64() * 1e6 - times.micros().iter().sum::<f64>()).abs() < 1e-3);
    }
}
