//! When many new destinations within an hour are more than chance.
//!
//! Counts an hour are taken as negative binomial: destinations come in clumps, so that their variance is a multiple of
//! their mean. Both are estimated from the hours before, together with what is known of workloads in general: a mean of 1
//! an hour, worth 6 hours of observation, and a variance of 3 times the mean, worth 48. Hours that were a spike themselves
//! are left out, the first ones of a workload among them.

use std::collections::BTreeMap;

use crate::{policy::SpikePolicy, time::Hour};

/// The mean of workloads in general, in new destinations an hour.
const PRIOR_MEAN: f64 = 1.0;
/// Hours of observation that it is worth.
const PRIOR_MEAN_HOURS: f64 = 6.0;
/// The variance of workloads in general, as a multiple of the mean.
const PRIOR_RATIO: f64 = 3.0;
/// Hours of observation that it is worth.
const PRIOR_RATIO_HOURS: f64 = 48.0;
/// How often chance may give as many.
const TAIL: f64 = 1e-3;

/// An hour with more new destinations than chance explains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// The hour.
    pub hour: Hour,
    /// How many destinations were new.
    pub count: u32,
    /// How many were expected.
    pub mean: f64,
}

/// The spikes among hours. `counts` says how many destinations were new in each, hours without any left out; `began` is the
/// first hour that was observed; `observed` is how many were in all; an hour is judged by the `window` hours before it.
pub fn spikes(
    counts: &BTreeMap<Hour, u32>,
    began: Hour,
    observed: u64,
    window: u64,
    policy: SpikePolicy,
) -> Vec<Spike> {
    let mut found: Vec<Spike> = Vec::new();
    for (hour, count) in counts {
        let first = hour.0.saturating_sub(i64::try_from(window).unwrap_or(i64::MAX));
        let before = counts.range(Hour(first)..*hour);
        let usual: Vec<u32> = before
            .filter(|(hour, _)| found.iter().all(|spike| spike.hour != **hour))
            .map(|(_, count)| *count)
            .collect();
        let left_out = found.iter().filter(|spike| spike.hour.0 >= first).count() as u64;
        let since = u64::try_from(hour.0.saturating_sub(began.0)).unwrap_or(0);
        let hours = since.min(observed).min(window).saturating_sub(left_out);
        let hours = hours.max(usual.len() as u64);
        let expected = Expected::of(&usual, hours);
        if expected.is_exceeded_by(*count, policy) {
            found.push(Spike {
                hour: *hour,
                count: *count,
                mean: expected.mean,
            });
        }
    }
    found
}

/// What is expected of an hour.
#[derive(Clone, Copy, Debug)]
struct Expected {
    mean: f64,
    /// Variance as a multiple of the mean, above 1.
    ratio: f64,
}

impl Expected {
    /// From the counts of so many hours, those without any left out.
    #[allow(clippy::cast_precision_loss)]
    fn of(counts: &[u32], hours: u64) -> Self {
        let observed = hours as f64;
        let sum: f64 = counts.iter().map(|count| f64::from(*count)).sum();
        let squares: f64 = counts.iter().map(|count| f64::from(*count) * f64::from(*count)).sum();
        let plain = if hours > 0 { sum / observed } else { 0.0 };
        let ratio = if hours > 1 && plain > 0.0 {
            ((squares - observed * plain * plain) / (observed - 1.0)).max(0.0) / plain
        } else {
            PRIOR_RATIO
        };
        let ratio = (PRIOR_RATIO * PRIOR_RATIO_HOURS + ratio * observed) / (PRIOR_RATIO_HOURS + observed);
        Self {
            mean: (PRIOR_MEAN * PRIOR_MEAN_HOURS + sum) / (PRIOR_MEAN_HOURS + observed),
            ratio: ratio.max(1.01),
        }
    }

    fn is_exceeded_by(self, count: u32, policy: SpikePolicy) -> bool {
        let many = f64::from(count) > f64::from(policy.factor) * self.mean.max(1.0);
        many && count >= policy.minimum && self.tail(count) < TAIL
    }

    /// The probability of at least so many: the negative binomial of size `mean / (ratio - 1)` and success probability
    /// `1 / ratio` has this mean and ratio.
    fn tail(self, count: u32) -> f64 {
        let size = self.mean / (self.ratio - 1.0);
        let miss = 1.0 - 1.0 / self.ratio;
        let mut term = libm::exp(-size * libm::log(self.ratio));
        let mut below = 0.0;
        for number in 0..count {
            below += term;
            term *= (f64::from(number) + size) / f64::from(number + 1) * miss;
        }
        (1.0 - below).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: SpikePolicy = SpikePolicy { factor: 3, minimum: 5 };

    fn judged(counts: &[(i64, u32)], began: i64, observed: u64) -> Vec<(i64, u32)> {
        let counts = counts.iter().map(|(hour, count)| (Hour(*hour), *count)).collect();
        let found = spikes(&counts, Hour(began), observed, 168, POLICY);
        found.iter().map(|spike| (spike.hour.0, spike.count)).collect()
    }

    /// P(X >= 3) of a geometric distribution (size 1) with mean 2, that is ratio 3: (2/3)^3.
    #[test]
    fn the_tail_of_a_geometric_distribution_is_the_one_in_closed_form() {
        let expected = Expected { mean: 2.0, ratio: 3.0 };
        assert!((expected.tail(3) - 8.0 / 27.0).abs() < 1e-12);
        assert!((expected.tail(0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn twenty_new_destinations_in_an_hour_of_a_quiet_week_are_a_spike_and_four_are_not() {
        let quiet: Vec<(i64, u32)> = (0..16).map(|day| (day * 10, 1)).collect();
        let with = |count| {
            let mut counts = quiet.clone();
            counts.push((168, count));
            judged(&counts, 0, 168)
        };
        assert_eq!(with(20), [(168, 20)]);
        assert_eq!(with(4), []);
    }

    #[test]
    fn a_busy_workload_is_judged_by_its_own_hours() {
        let busy: Vec<(i64, u32)> = (0..168).map(|hour| (hour, 8 + u32::from(hour % 3 == 0) * 4)).collect();
        let with = |count| {
            let mut counts = busy.clone();
            counts.push((168, count));
            judged(&counts, 0, 168)
        };
        assert_eq!(with(20), [], "twice the usual");
        assert_eq!(with(60), [(168, 60)]);
    }

    #[test]
    fn an_hour_that_was_a_spike_makes_the_next_one_no_less_of_one() {
        let mut counts: Vec<(i64, u32)> = (0..16).map(|day| (day * 10, 1)).collect();
        counts.extend([(168, 30), (169, 30), (170, 30)]);
        assert_eq!(judged(&counts, 0, 200), [(168, 30), (169, 30), (170, 30)]);
    }

    #[test]
    fn what_a_workload_does_first_does_not_hide_what_it_does_later() {
        assert_eq!(judged(&[(0, 40), (168, 20)], 0, 169), [(0, 40), (168, 20)]);
    }

    #[test]
    fn a_policy_asks_for_more() {
        let counts = BTreeMap::from([(Hour(168), 20)]);
        let strict = SpikePolicy { factor: 3, minimum: 21 };
        assert_eq!(spikes(&counts, Hour(0), 168, 168, strict), []);
        let strict = SpikePolicy { factor: 20, minimum: 5 };
        assert_eq!(spikes(&counts, Hour(0), 168, 168, strict), []);
    }
}
