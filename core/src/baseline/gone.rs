//! What becomes of a baseline whose workload is gone.
//!
//! What was learned is kept for the window, so that a workload that is made again goes on with it. What was raised is kept for
//! as long as a closed alert is, where that is longer: else who deletes a workload, waits for a week and makes it again would
//! find that it learns anew what somebody was to look at.

use super::Baseline;
use crate::{
    policy::Policy,
    time::{Duration, Hour, Timestamp},
};

const DAY: Duration = Duration::from_hours(24);

/// Whether a workload is there, as far as it can be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presence {
    /// It is, or a pod of it is.
    There,
    /// It is not, as the API server says.
    Gone,
    /// Nobody says: it is of a kind that is not asked for, or the answer was none.
    Unknown,
}

/// How long what is known of a workload is kept once it is gone, in days.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Keeping {
    /// What was learned.
    pub learned_days: u8,
    /// What was raised: an alert that nobody decided about.
    pub raised_days: u8,
}

impl Keeping {
    /// As a policy has it.
    pub const fn of(policy: &Policy) -> Self {
        Self {
            learned_days: policy.window_days,
            raised_days: policy.alerts.retention_days,
        }
    }

    /// The longer of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            learned_days: self.learned_days.max(other.learned_days),
            raised_days: self.raised_days.max(other.raised_days),
        }
    }
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It stays.
    Stays {
        /// Since when its workload is gone, where it is.
        gone_since: Option<Timestamp>,
        /// When it goes, if all stays as it is.
        until: Option<Timestamp>,
    },
    /// It was kept for as long as it had to be.
    Goes,
}

/// What becomes of a baseline. `noted` is since when its workload is known to be gone, `created` when its object was made: one
/// that was restored from a backup is as good as one that was seen then.
///
/// It goes only where the workload was gone at two looks that are as far apart as it has to be kept, and only if nothing that
/// it holds was seen meanwhile, late reports and other nodes' clocks included. Where nobody can say whether the workload is
/// there nothing is lost, however long ago it was known to be gone.
pub fn fate(
    baseline: &Baseline,
    noted: Option<Timestamp>,
    created: Timestamp,
    presence: Presence,
    keeping: Keeping,
    now: Timestamp,
) -> Fate {
    let since = match presence {
        Presence::There => {
            return Fate::Stays {
                gone_since: None,
                until: None,
            };
        }
        Presence::Unknown => {
            return Fate::Stays {
                gone_since: noted,
                until: None,
            };
        }
        Presence::Gone => noted.unwrap_or(now.whole_second()),
    };
    // A window that was made shorter just now takes nothing away yet.
    let window = baseline.window.map_or(0, |window| window.days);
    let learned = keeping.learned_days.max(window);
    let days = if baseline.quarantined() > 0 {
        learned.max(keeping.raised_days)
    } else {
        learned
    };
    let last = [Some(since), Some(created), baseline.last_seen()];
    let last = last.into_iter().flatten().max().unwrap_or(now);
    let until = last.plus(DAY * u32::from(days));
    // The first look only notes: a single wrong answer takes nothing away.
    if noted.is_some() && until <= now {
        Fate::Goes
    } else {
        Fate::Stays {
            gone_since: Some(since),
            until: Some(until),
        }
    }
}

impl Baseline {
    /// When anything of the workload was last seen, as far as it is remembered; an hour in which it was observed counts from
    /// its beginning.
    pub fn last_seen(&self) -> Option<Timestamp> {
        let seen = self.entries().map(|(_, _, entry)| entry.last_seen);
        let observed = self.feeds().filter_map(|(_, _, feed)| feed.hours.recent.newest());
        seen.chain(observed.map(Hour::begins)).max()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        baseline::{Entry, EntryState},
        behaviour::Feed,
        rules::Rule,
        testkit::{World, at, container, shell},
    };

    const KEEPING: Keeping = Keeping {
        learned_days: 7,
        raised_days: 30,
    };
    const SECONDS_A_DAY: i64 = 86_400;

    fn days(days: i64) -> Timestamp {
        at(days * SECONDS_A_DAY)
    }

    /// A baseline of which something was last seen on day 0, in which something is raised or not.
    fn held(raised: bool) -> &'static Baseline {
        static HELD: LazyLock<[Baseline; 2]> = LazyLock::new(|| [false, true].map(made));
        &HELD[usize::from(raised)]
    }

    fn made(raised: bool) -> Baseline {
        let mut baseline = Baseline::default();
        let feed = baseline.feed_mut(&container(), Feed::Process, days(-60));
        feed.hours.recent.insert(days(-1).hour());
        let mut world = World::mature();
        world.shows_at("p1", "h1", '1', &shell(), at(0));
        let mut shown = world.baseline.entries().filter(|(_, id, _)| *id == shell().id());
        let (_, _, entry) = shown.next().expect("an entry");
        let rule = Rule::ProcessOutsideBaseline;
        feed.insert(Entry {
            last_seen: at(0),
            state: if raised {
                EntryState::Quarantined { rule }
            } else {
                EntryState::Learned
            },
            ..entry.clone()
        });
        assert_eq!(
            (baseline.quarantined() > 0, baseline.last_seen()),
            (raised, Some(at(0)))
        );
        baseline
    }

    fn stays(gone_since: Option<Timestamp>, until: Option<Timestamp>) -> Fate {
        Fate::Stays { gone_since, until }
    }

    fn fate_of(baseline: &Baseline, noted: Option<Timestamp>, presence: Presence, now: Timestamp) -> Fate {
        fate(baseline, noted, days(-90), presence, KEEPING, now)
    }

    #[test]
    fn what_was_learned_goes_a_window_after_its_workload_is_known_to_be_gone_and_not_at_the_first_look() {
        let learned = held(false);
        let look = |noted, now| fate_of(learned, noted, Presence::Gone, now);
        assert_eq!(look(None, days(60)), stays(Some(days(60)), Some(days(67))));
        let last = Timestamp::from_millis(days(67).as_millis() - 1);
        assert_eq!(look(Some(days(60)), last), stays(Some(days(60)), Some(days(67))));
        assert_eq!(look(Some(days(60)), days(67)), Fate::Goes);
    }

    #[test]
    fn what_was_raised_is_kept_for_as_long_as_a_closed_alert_is() {
        let raised = held(true);
        let look = |now| fate_of(raised, Some(days(1)), Presence::Gone, now);
        assert_eq!(look(days(30)), stays(Some(days(1)), Some(days(31))));
        assert_eq!(look(days(31)), Fate::Goes);
    }

    #[test]
    fn a_workload_that_was_made_again_goes_on_with_its_baseline_and_has_a_whole_window_when_it_goes_again() {
        let learned = held(false);
        assert_eq!(
            fate_of(learned, Some(days(1)), Presence::There, days(60)),
            stays(None, None)
        );
        assert_eq!(
            fate_of(learned, None, Presence::Gone, days(61)),
            stays(Some(days(61)), Some(days(68)))
        );
    }

    #[test]
    fn where_nobody_says_whether_the_workload_is_there_nothing_is_lost_and_nothing_forgotten() {
        for baseline in [held(false), held(true), &Baseline::default()] {
            for noted in [None, Some(days(1))] {
                assert_eq!(
                    fate_of(baseline, noted, Presence::Unknown, days(9_000)),
                    stays(noted, None)
                );
            }
        }
    }

    #[test]
    fn what_was_seen_or_restored_after_the_workload_was_known_to_be_gone_counts_from_then() {
        let learned = held(false);
        let look = |created, now| fate(learned, Some(days(-20)), created, Presence::Gone, KEEPING, now);
        assert_eq!(look(days(-90), days(6)), stays(Some(days(-20)), Some(days(7))));
        assert_eq!(look(days(-90), days(7)), Fate::Goes);
        assert_eq!(look(days(3), days(9)), stays(Some(days(-20)), Some(days(10))));
        let empty = fate(
            &Baseline::default(),
            Some(days(-20)),
            days(-90),
            Presence::Gone,
            KEEPING,
            days(0),
        );
        assert_eq!(empty, Fate::Goes);
    }

    #[test]
    fn a_clock_that_was_stepped_back_keeps_and_one_that_was_stepped_ahead_can_not_take_away_at_the_first_look() {
        let learned = held(false);
        assert_eq!(
            fate_of(learned, Some(days(60)), Presence::Gone, days(2)),
            stays(Some(days(60)), Some(days(67)))
        );
        assert_eq!(
            fate_of(learned, None, Presence::Gone, days(9_000)),
            stays(Some(days(9_000)), Some(days(9_007)))
        );
    }

    proptest! {
        #[test]
        fn it_goes_only_when_it_was_known_to_be_gone_for_as_long_as_it_is_kept(
            raised: bool,
            noted in proptest::option::of(-40_i64..40),
            created in -40_i64..40,
            now in -40_i64..80,
            learned_days in 1_u8..40,
            raised_days in 1_u8..40,
            presence in prop_oneof![Just(Presence::There), Just(Presence::Gone), Just(Presence::Unknown)],
        ) {
            let baseline = held(raised);
            let keeping = Keeping { learned_days, raised_days };
            let fate = fate(baseline, noted.map(days), days(created), presence, keeping, days(now));
            let kept = if raised { learned_days.max(raised_days) } else { learned_days };
            let long = |day: i64| now - day >= i64::from(kept);
            let may = presence == Presence::Gone && noted.is_some_and(long) && long(created) && long(0);
            prop_assert_eq!(fate == Fate::Goes, may);
        }
    }
}
