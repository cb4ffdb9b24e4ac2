//! When many new destinations within an hour are more than chance.
//!
//! Counts an hour are taken as negative binomial: destinations come in clumps, so that their variance is a multiple of
//! their mean. Both are estimated from the hours before, together with what is known of workloads in general: a mean of 1
//! an hour, worth 6 hours of observation, and a variance of 3 times the mean, worth 48. Hours that were a spike themselves
//! are left out, the first ones of a workload among them. After seven days an hour of the day in which more is new than in
//! others, as a nightly job's, is judged by that hour of the days before, if that expects more.

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
/// Hours of a day.
const DAY: i64 = 24;
/// Hours of history from which on an hour of the day is judged by the same hour of other days, too.
const WEEK: u64 = 168;

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
        let first = Hour(hour.0.saturating_sub(i64::try_from(window).unwrap_or(i64::MAX)));
        let is_spike = |other: Hour| found.iter().any(|spike| spike.hour == other);
        let usual = || counts.range(first..*hour).filter(|(other, _)| !is_spike(**other));
        let left_out = || found.iter().map(|spike| spike.hour).filter(|other| *other >= first);
        let since = u64::try_from(hour.0.saturating_sub(began.0)).unwrap_or(0);
        let past = since.min(observed).min(window);
        let all: Vec<u32> = usual().map(|(_, count)| *count).collect();
        let mut expected = Expected::of(&all, past.saturating_sub(left_out().count() as u64));
        if past >= WEEK {
            let is_same = |other: Hour| other.0.rem_euclid(DAY) == hour.0.rem_euclid(DAY);
            let same: Vec<u32> = usual()
                .filter(|(other, _)| is_same(**other))
                .map(|(_, count)| *count)
                .collect();
            let days =
                (past / DAY.unsigned_abs()).saturating_sub(left_out().filter(|other| is_same(*other)).count() as u64);
            expected = expected.at_least(&same, days);
        }
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
        let observed = hours.max(counts.len() as u64) as f64;
        let sum: f64 = counts.iter().map(|count| f64::from(*count)).sum();
        let squares: f64 = counts.iter().map(|count| f64::from(*count) * f64::from(*count)).sum();
        let plain = if observed > 0.0 { sum / observed } else { 0.0 };
        let ratio = if observed > 1.0 && plain > 0.0 {
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

    /// As much as the same hour of so many other days lets expect, where that is more. What is known of all hours is worth
    /// as much as what is known of workloads in general.
    #[allow(clippy::cast_precision_loss)]
    fn at_least(self, counts: &[u32], days: u64) -> Self {
        let days = days.max(counts.len() as u64) as f64;
        let sum: f64 = counts.iter().map(|count| f64::from(*count)).sum();
        let mean = (self.mean * PRIOR_MEAN_HOURS + sum) / (PRIOR_MEAN_HOURS + days);
        Self {
            mean: mean.max(self.mean),
            ..self
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
mod tests;
