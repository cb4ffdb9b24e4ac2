//! What is expected to be new, beside what then was.

use anchorwatch_core::policy::Policy;

use crate::{
    drive::Drive,
    workload::{Ways, Workload},
};

/// Workloads of a pool.
const WORKLOADS: u64 = 200;
/// When each is asked what it expects, in hours after its beginning.
const ASKED: [i64; 4] = [96, 168, 264, 408];
/// Hours that a batch tells of: more at once is the same, and quicker.
const STEP: usize = 24;

/// An expectation, and what came of it in the week after.
#[derive(Clone, Copy, Debug)]
struct Case {
    asked: i64,
    expected: f64,
    at_most: u32,
    realised: u32,
}

fn cases(ways: Ways) -> Vec<Case> {
    let policy = Policy::default();
    let of_one = |seed| {
        let workload = Workload::draw(seed, ways, ASKED[ASKED.len() - 1] + 168);
        let mut drive = Drive::default();
        let mut from = 0;
        let mut cases = Vec::new();
        for asked in ASKED {
            drive.run(&workload, from..asked, STEP);
            from = asked;
            let novelty = drive.feed().novelty(&policy);
            cases.extend(novelty.map(|novelty| Case {
                asked,
                expected: novelty.per_week,
                at_most: novelty.at_most,
                realised: workload.realised(asked - 1),
            }));
        }
        cases
    };
    (0..WORKLOADS).flat_map(of_one).collect()
}

/// Sums over those asked at an hour, or at any, with a line for whoever wants to see them (`--nocapture`).
struct Pool {
    expected: f64,
    realised: f64,
    /// Of a hundred cases, those that brought no more than the bound.
    covered: usize,
}

#[expect(clippy::print_stdout, reason = "the figures that the documentation shows")]
fn pool(ways: Ways, cases: &[Case], asked: Option<i64>) -> Pool {
    let of = || cases.iter().filter(|case| asked.is_none_or(|hour| case.asked == hour));
    let covered = of().filter(|case| case.realised <= case.at_most).count();
    let pool = Pool {
        expected: of().map(|case| case.expected).sum(),
        realised: of().map(|case| f64::from(case.realised)).sum(),
        covered: covered * 100 / of().count(),
    };
    println!(
        "{ways:?}, asked at {asked:?}: {:.0} expected, {:.0} realised ({:.2}), bound held in {} of 100",
        pool.expected,
        pool.realised,
        pool.expected / pool.realised,
        pool.covered
    );
    pool
}

#[test]
fn where_nothing_changes_as_much_is_new_as_was_expected() {
    let cases = cases(Ways::Stationary);
    for asked in ASKED {
        let pool = pool(Ways::Stationary, &cases, Some(asked));
        assert!(pool.covered >= 85, "{} at {asked}", pool.covered);
    }
    let pool = pool(Ways::Stationary, &cases, None);
    assert!(pool.realised >= 400.0, "{}", pool.realised);
    let ratio = pool.expected / pool.realised;
    assert!((0.7..=1.6).contains(&ratio), "{ratio}");
}

#[test]
fn where_ways_change_a_week_seldom_brings_more_than_the_bound() {
    let cases = cases(Ways::Changing);
    for asked in ASKED {
        let pool = pool(Ways::Changing, &cases, Some(asked));
        assert!(pool.covered >= 85, "{} at {asked}", pool.covered);
    }
}
