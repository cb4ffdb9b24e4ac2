//! A measured figure, as every bench of the project writes it.

use serde::Serialize;

/// One figure with what it may be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
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
