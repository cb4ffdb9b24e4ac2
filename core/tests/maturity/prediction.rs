//! What is expected to be new, beside what then was.

use std::collections::BTreeSet;

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

/// What was expected of a pool of workloads, and how many different things then were new in any of the weeks after.
struct Asked {
    cases: Vec<Case>,
    novelties: usize,
}

/// An expectation, and what came of it in the week after.
#[derive(Clone, Copy, Debug)]
struct Case {
    asked: i64,
    expected: f64,
    at_most: u32,
    realised: u32,
}

fn ask(ways: Ways) -> Asked {
    let policy = Policy::default();
    let of_one = |seed| {
        let workload = Workload::draw(seed, ways, ASKED[ASKED.len() - 1] + 168);
        let mut drive = Drive::default();
        let mut from = 0;
        let mut cases = Vec::new();
        let mut new = BTreeSet::new();
        for asked in ASKED {
            drive.run(&workload, from..asked, STEP);
            from = asked;
            let realised = workload.realised(asked - 1);
            if let Some(novelty) = drive.feed().novelty(&policy) {
                cases.push(Case {
                    asked,
                    expected: novelty.per_week,
                    at_most: novelty.at_most,
                    realised: u32::try_from(realised.len()).expect("few"),
                });
                new.extend(realised);
            }
        }
        (cases, new.len())
    };
    let (cases, novelties): (Vec<_>, Vec<_>) = (0..WORKLOADS).map(of_one).unzip();
    let asked = Asked {
        cases: cases.into_iter().flatten().collect(),
        novelties: novelties.into_iter().sum(),
    };
    // Who says nothing is no success.
    let most = WORKLOADS * ASKED.len() as u64;
    assert!(
        asked.cases.len() as u64 * 100 >= most * 99,
        "{} of {most}",
        asked.cases.len()
    );
    asked
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
    let Asked { cases, novelties } = ask(Ways::Stationary);
    assert!(novelties >= 400, "{novelties}");
    for asked in ASKED {
        let pool = pool(Ways::Stationary, &cases, Some(asked));
        assert!(pool.covered >= 85, "{} at {asked}", pool.covered);
    }
    let pool = pool(Ways::Stationary, &cases, None);
    let ratio = pool.expected / pool.realised;
    assert!((0.7..=1.6).contains(&ratio), "{ratio}");
}

#[test]
fn where_ways_change_a_week_seldom_brings_more_than_the_bound() {
    let Asked { cases, novelties } = ask(Ways::Changing);
    assert!(novelties >= 400, "{novelties}");
    for asked in ASKED {
        let pool = pool(Ways::Changing, &cases, Some(asked));
        assert!(pool.covered >= 85, "{} at {asked}", pool.covered);
    }
}
