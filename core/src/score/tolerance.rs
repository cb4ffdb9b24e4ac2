//! How improbable a command must be to be raised, so that chance raises no more than is tolerated.

use crate::policy::TolerancePolicy;

/// The most probable command that is ever raised.
pub const MAX_ALPHA: f64 = 0.05;
/// What is raised while too little time was watched to measure how often commands are new, and at Info where the
/// tolerance asks for less than the calibration can tell.
const USUAL_ALPHA: f64 = 0.01;
/// How improbable several commands must be together, as a share of what one must be.
const TOGETHER: f64 = 0.5;

/// The threshold of a container.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// What is at most as probable is raised.
    pub alpha: f64,
    /// Several commands that are at most as probable together are raised.
    pub together: f64,
    /// New commands a week, where they could be measured.
    pub new_a_week: Option<f64>,
}

impl Tolerance {
    /// What the policy asks for of a container that shows so many new commands a week. Each is judged by itself and with
    /// others: what is tolerated is for both.
    pub fn of(policy: TolerancePolicy, new_a_week: Option<f64>) -> Self {
        let budget = policy.alerts_a_week();
        let alpha = match new_a_week.map(|new| new * (1.0 + TOGETHER)) {
            _ if budget <= 0.0 => 0.0,
            None => USUAL_ALPHA,
            Some(judged) if judged * MAX_ALPHA <= budget => MAX_ALPHA,
            Some(judged) => budget / judged,
        };
        Self {
            alpha,
            together: alpha * TOGETHER,
            new_a_week,
        }
    }

    /// Whether a calibration can tell what is as improbable as this asks for; `least_p` is the least that it can say.
    pub fn is_scorable(&self, least_p: f64) -> bool {
        least_p <= self.alpha
    }

    /// Whether a command of this probability is raised. Where the calibration can't reach the threshold, what is as
    /// strange as one in a hundred is raised for those who look, at Info.
    pub fn raises(&self, p: f64, least_p: f64) -> bool {
        if self.is_scorable(least_p) {
            p <= self.alpha
        } else {
            p <= USUAL_ALPHA
        }
    }

    /// Unusual commands that chance is expected to raise in a week.
    pub fn expected(&self) -> Option<f64> {
        self.new_a_week.map(|new| new * (self.alpha + self.together))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn of(new_a_week: f64) -> Tolerance {
        Tolerance::of(Policy::default().tolerance, Some(new_a_week))
    }

    #[test]
    fn chance_raises_no_more_than_is_tolerated_however_restless_a_workload_is() {
        for new in [0.0, 1.0, 50.0, 35_000.0] {
            let tolerance = of(new);
            assert!(tolerance.alpha <= MAX_ALPHA);
            assert!(tolerance.expected().unwrap() <= 0.1 * 1.000_001, "{tolerance:?}");
        }
        assert_eq!(Tolerance::of(Policy::default().tolerance, None).expected(), None);
    }

    #[test]
    fn what_the_calibration_cannot_tell_is_raised_for_those_who_look() {
        let restless = of(35_000.0);
        assert!(!restless.is_scorable(0.001));
        assert!(restless.raises(0.005, 0.001) && !restless.raises(0.05, 0.001));
        assert!(of(1.0).raises(0.04, 0.001));
    }

    #[test]
    fn who_tolerates_nothing_is_told_of_nothing_but_at_info() {
        let nothing = TolerancePolicy {
            alerts_per_thousand_weeks: 0,
        };
        for rate in [None, Some(0.0), Some(3.0)] {
            assert!(!Tolerance::of(nothing, rate).is_scorable(1e-9));
        }
    }
}
