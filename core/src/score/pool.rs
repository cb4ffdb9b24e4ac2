//! Scores of other workloads' normal commands: they stand in for what a young workload does not have yet.

use super::{Calibration, reference};

/// Calibrations of other workloads, looked at together.
#[derive(Clone, Debug)]
pub struct Pool<'a> {
    members: Vec<&'a Calibration>,
}

impl Pool<'static> {
    /// The shipped reference: the pool of workloads that have no kin.
    pub fn reference() -> Self {
        Self::of([reference().calibration()])
    }
}

impl<'a> Pool<'a> {
    /// Of these members.
    pub fn of(members: impl IntoIterator<Item = &'a Calibration>) -> Self {
        Self {
            members: members.into_iter().collect(),
        }
    }

    /// Number of scores.
    pub fn len(&self) -> usize {
        self.members.iter().map(|member| member.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.members.iter().all(|member| member.is_empty())
    }

    /// Number of scores that are at least this one. No member counts for more than one beyond what all others together
    /// count: a workload that somebody taught to do the strangest things would hide them in all workloads of its kin
    /// otherwise.
    pub fn at_least(&self, score: f64) -> usize {
        if let [only] = self.members[..] {
            return only.at_least(score);
        }
        let counts: Vec<usize> = self.members.iter().map(|member| member.at_least(score)).collect();
        let all: usize = counts.iter().sum();
        counts.iter().map(|count| (*count).min(1 + all - count)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::p_value;

    fn scores(number: usize, value: f64) -> Calibration {
        Calibration::new(vec![value; number])
    }

    #[test]
    fn one_poisoned_workload_hides_nothing_in_the_others() {
        let normal: Vec<Calibration> = (0..4).map(|_| scores(60, 1.0)).collect();
        let poisoned = scores(256, 100.0);
        let own = scores(5, 1.0);
        let pool = Pool::of(normal.iter().chain([&poisoned]));
        assert_eq!(pool.at_least(50.0), 1);
        assert!(p_value(&own, &pool, 50.0) < 0.005);
        // What several agree on counts in full.
        assert_eq!(pool.at_least(1.0), 240 + 241);
    }
}
