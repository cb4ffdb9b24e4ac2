//! From scores to probabilities: how often something normal is as strange as this.

use super::Pool;

/// Calibration scores in ascending order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration(Vec<f64>);

/// How much a pool of other workloads' scores weighs beside the workload's own: as much as so many of them.
const POOL_WEIGHT: f64 = 30.0;

impl Calibration {
    /// From scores in any order. What is no number is left out.
    pub fn new(mut scores: Vec<f64>) -> Self {
        scores.retain(|score| !score.is_nan());
        scores.sort_by(f64::total_cmp);
        Self(scores)
    }

    /// Number of scores.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of scores that are at least this one.
    pub fn at_least(&self, score: f64) -> usize {
        self.0.len() - self.0.partition_point(|held| *held < score)
    }

    /// How strange a value is: the negative logarithm of the share of scores that are at least as large. Beyond the
    /// largest twentieth, where too few are left to tell one strange value from the next, the tail is taken as
    /// exponential with their mean excess (peaks over threshold; Balkema, de Haan 1974; Pickands 1975).
    #[allow(clippy::cast_precision_loss)]
    pub fn surprise(&self, value: f64) -> f64 {
        let count = self.0.len();
        let share = |at_least: usize| (at_least + 1) as f64 / (count + 1) as f64;
        let threshold = (count * 19 / 20).min(count.saturating_sub(1));
        let (Some(edge), true) = (self.0.get(threshold), count >= 20) else {
            // Not a negation: there is no -0 in what is shown.
            return 0.0 - libm::log(share(self.at_least(value)));
        };
        if value <= *edge {
            return 0.0 - libm::log(share(self.at_least(value)).max(0.05));
        }
        let excesses = self.0[threshold..]
            .iter()
            .filter(|held| **held > *edge)
            .map(|held| held - edge);
        let (sum, beyond) = excesses.fold((0.0, 0_u32), |(sum, beyond), excess| (sum + excess, beyond + 1));
        let mean = if beyond == 0 {
            edge.abs().max(1.0)
        } else {
            sum / f64::from(beyond)
        };
        libm::log(20.0) + (value - edge) / mean
    }
}

/// The probability that something normal is at least as strange: the rank among the workload's own scores, filled up
/// with the rank in the pool while the own ones are few. Without a pool the plain conformal rank.
#[allow(clippy::cast_precision_loss)]
pub fn p_value(own: &Calibration, pool: &Pool<'_>, score: f64) -> f64 {
    let (k_own, n_own) = (own.at_least(score) as f64, own.len() as f64);
    if pool.is_empty() {
        return (k_own + 1.0) / (n_own + 1.0);
    }
    let p_pool = (1 + pool.at_least(score)) as f64 / (pool.len() + 1) as f64;
    (k_own + POOL_WEIGHT * p_pool) / (n_own + POOL_WEIGHT)
}

/// The least that [`p_value`] can be with so many scores: where it is above what is asked for, nothing is scorable.
pub fn least_p(own: &Calibration, pool: &Pool<'_>) -> f64 {
    p_value(own, pool, f64::INFINITY)
}

/// The same with so many scores of its own, whatever they are.
#[allow(clippy::cast_precision_loss)] // counts
pub fn least_with(own: usize, pool: &Pool<'_>) -> f64 {
    if pool.is_empty() {
        return 1.0 / (own + 1) as f64;
    }
    POOL_WEIGHT / (pool.len() + 1) as f64 / (own as f64 + POOL_WEIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::cast_precision_loss)]
    /// Values in (0, 1) that look drawn by lot (a Weyl sequence, hashed).
    fn uniform(seed: u64, count: usize) -> Vec<f64> {
        (0..count as u64)
            .map(|at| {
                let hash = twox_hash::XxHash3_64::oneshot_with_seed(seed, &at.to_le_bytes());
                (hash >> 11) as f64 / (1_u64 << 53) as f64
            })
            .collect()
    }

    #[test]
    // The bounds are the 99 % interval of the beta-binomial distribution for 20,000 calibrating and 100,000 judged scores.
    fn one_in_a_thousand_of_exchangeable_scores_is_one_in_a_thousand() {
        let draw = |seed, count| -> Vec<f64> { uniform(seed, count).into_iter().map(|u| -libm::log(u)).collect() };
        let own = Calibration::new(draw(1, 20_000));
        let pooled = Calibration::new(draw(2, 500));
        let pool = Pool::of([&pooled]);
        let tests = draw(3, 100_000);
        for (level, least, most) in [(0.01, 800, 1_200), (0.001, 37, 178)] {
            let raised = tests
                .iter()
                .filter(|score| p_value(&own, &pool, **score) <= level)
                .count();
            assert!((least..=most).contains(&raised), "{raised} at {level}");
        }
    }

    #[test]
    fn a_young_workload_can_alert_by_its_pool_and_without_one_can_not() {
        let own = Calibration::new(vec![1.0, 2.0]);
        let pooled = Calibration::new(uniform(1, 300));
        assert!(least_p(&own, &Pool::of([&pooled])) < 0.01);
        for pool in [Pool::of([&pooled]), Pool::of([])] {
            assert!((least_p(&own, &pool) - least_with(2, &pool)).abs() < 1e-12);
        }
        assert!(least_p(&own, &Pool::of([])) > 0.05);
    }

    #[test]
    fn surprise_never_falls_as_values_grow() {
        let calibration = Calibration::new(uniform(1, 500));
        let surprises: Vec<f64> = (0..300).map(|at| calibration.surprise(f64::from(at) / 200.0)).collect();
        assert!(surprises.is_sorted());
        assert!(surprises[299] > 10.0 && surprises[0] < 0.01);
        assert!(Calibration::default().surprise(1.0).abs() < f64::EPSILON);
    }
}
