//! How improbable a command must be to be raised, so that chance raises no more than is tolerated.

use crate::severity::Severity;

/// Alerts that a workload may raise in a week by chance: the default of `tolerance.alertsPerWorkloadPerWeek`.
const ALERTS_A_WEEK: f64 = 0.1;
/// The most probable command that is ever raised.
pub(super) const MAX_ALPHA: f64 = 0.05;
/// What is raised while too little time was recorded to measure how often commands are new, and at Info where the
/// tolerance asks for less than the calibration can tell.
const USUAL_ALPHA: f64 = 0.01;
/// Fewest wall-clock hours that new commands are counted over.
const MEASURABLE_HOURS: usize = 24;

/// The threshold of a container.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tolerance {
    /// What is at most as probable is raised.
    pub alpha: f64,
    /// New commands a week, where they could be measured.
    new_a_week: Option<f64>,
}

impl Tolerance {
    /// Of a recording of so many wall-clock hours, in which `once` commands were seen in exactly one of them.
    #[allow(clippy::cast_precision_loss)] // counts
    pub(super) fn of(once: usize, hours: usize) -> Self {
        let new_a_week = (hours >= MEASURABLE_HOURS).then(|| 168.0 * once as f64 / hours as f64);
        let alpha = new_a_week.map_or(USUAL_ALPHA, |new| {
            if new * MAX_ALPHA <= ALERTS_A_WEEK {
                MAX_ALPHA
            } else {
                ALERTS_A_WEEK / new
            }
        });
        Self { alpha, new_a_week }
    }

    /// How grave a command of this probability is, where it is raised at all. Where the calibration can't reach the
    /// threshold, what is as strange as one in a hundred is raised at Info, for those who look.
    pub(super) fn raised(&self, p: f64, is_scorable: bool) -> Option<Severity> {
        if is_scorable {
            (p <= self.alpha).then_some(Severity::Medium)
        } else {
            (p <= USUAL_ALPHA).then_some(Severity::Info)
        }
    }

    /// Unusual commands that chance is expected to raise in a week.
    pub(super) fn expected(&self) -> Option<f64> {
        self.new_a_week.map(|new| new * self.alpha)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_raises_no_more_than_is_tolerated_however_restless_a_workload_is() {
        for (once, hours) in [(0, 24), (1, 168), (50, 168), (5_000, 24)] {
            let tolerance = Tolerance::of(once, hours);
            assert!(tolerance.alpha <= MAX_ALPHA);
            assert!(
                tolerance.expected().unwrap() <= ALERTS_A_WEEK * 1.000_001,
                "{tolerance:?}"
            );
        }
        assert_eq!(Tolerance::of(5, 3).expected(), None);
    }

    #[test]
    fn what_the_calibration_cannot_tell_is_raised_at_info() {
        let restless = Tolerance::of(5_000, 24);
        assert_eq!(restless.raised(0.005, false), Some(Severity::Info));
        assert_eq!(restless.raised(0.05, false), None);
        assert_eq!(Tolerance::of(1, 168).raised(0.04, true), Some(Severity::Medium));
    }
}
