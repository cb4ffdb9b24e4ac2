//! What was not told, and why: for a person who watches or records a host. Nothing is dropped in silence.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::attribute::Outcome;
use crate::losses::Losses;

/// Counts by reason.
#[derive(Debug, Default)]
pub struct Missed {
    /// What should have been told.
    pub losses: Losses,
    elsewhere: BTreeMap<&'static str, u64>,
}

impl Missed {
    /// Counts an outcome that comes to nothing.
    pub fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Lost(feed, reason, whose) => {
                self.losses.charge(whose.clone(), *feed, *reason, 1, Instant::now());
            }
            Outcome::Host => self.add("in_no_unit", 1),
            Outcome::RuntimeStage => self.add("runtime_stage", 1),
            // Attributed, or yet to be; a sandbox holds namespaces, and loopback leads nowhere.
            Outcome::Attributed(_) | Outcome::Waiting | Outcome::Sandbox | Outcome::Loopback => {}
        }
    }

    /// Counts what is missing for a reason of the caller's own.
    pub fn add(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.elsewhere.entry(reason).or_default() += count;
        }
    }

    /// What was lost, as `feed/reason`.
    pub fn lost(&self) -> BTreeMap<String, u64> {
        let losses = self.losses.totals();
        losses
            .map(|(feed, reason, count)| (format!("{}/{reason}", feed.as_str()), count))
            .collect()
    }

    /// That, and what belongs to nobody who is told of.
    pub fn by_reason(&self) -> BTreeMap<String, u64> {
        let elsewhere = self.elsewhere.iter();
        let elsewhere = elsewhere.map(|(reason, count)| ((*reason).to_owned(), *count));
        self.lost().into_iter().chain(elsewhere).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::{LossReason, Whose};
    use anchorwatch_core::behaviour::Feed;

    #[test]
    fn what_is_lost_and_what_is_nobodys_is_counted_by_reason_and_the_rest_is_not() {
        let mut missed = Missed::default();
        let lost = Outcome::Lost(Feed::Network, LossReason::CgroupUnknown, Whose::Unknown);
        let outcomes = [
            lost.clone(),
            lost,
            Outcome::Host,
            Outcome::RuntimeStage,
            Outcome::Waiting,
            Outcome::Loopback,
            Outcome::Sandbox,
        ];
        for outcome in &outcomes {
            missed.count(outcome);
        }
        missed.add("no_room", 0);
        missed.losses.add_to_all(LossReason::MalformedRecord, 3);
        let counted: Vec<(String, u64)> = missed.by_reason().into_iter().collect();
        let expected = [
            ("in_no_unit", 1),
            ("module/malformed_record", 3),
            ("network/cgroup_unknown", 2),
            ("network/malformed_record", 3),
            ("process/malformed_record", 3),
            ("runtime_stage", 1),
        ];
        assert_eq!(counted, expected.map(|(reason, count)| (reason.to_owned(), count)));
    }
}
