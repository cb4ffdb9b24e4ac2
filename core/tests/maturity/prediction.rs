//! What is expected to be new, beside what then was.

use anchorwatch_core::policy::Policy;

use crate::{
    drive::Drive,
    workload::{Ways, Workload},
};

/// Workloads of a pool.
const WORKLOADS: u64 = 240;
/// When each is asked what it expects, in hours after its beginning.
const ASKED: [i64; 4] = [96, 168, 264, 408];
/// Hours that a batch tells of: more at once is the same, and quicker.
const STEP: usize = 12;

/// An expectation, and what came of it in the week after.
#[derive(Clone, Copy, Debug)]
struct Case {
    asked: i64,
    expected: f64,
    at_most: u32,
    realised: usize,
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

#[allow(clippy::cast_precision_loss)] // counts
fn pooled(cases: &[Case], asked: impl Fn(i64) -> bool) -> (f64, f64) {
    let of = cases.iter().filter(|case| asked(case.asked));
    of.fold((0.0, 0.0), |(expected, realised), case| {
        (expected + case.expected, realised + case.realised as f64)
    })
}

#[test]
fn where_nothing_changes_as_much_is_new_as_was_expected() {
    let cases = cases(Ways::Stationary);
    for asked in ASKED {
        let (expected, realised) = pooled(&cases, |hour| hour == asked);
        println!("{asked} h: {expected:.0} expected, {realised:.0} realised, {:.2}", expected / realised);
    }
    let (expected, realised) = pooled(&cases, |_| true);
    assert!(realised >= 400.0, "{realised}");
    let ratio = expected / realised;
    assert!((0.7..=1.6).contains(&ratio), "{ratio}");
}

#[test]
fn where_ways_change_a_week_seldom_brings_more_than_the_bound() {
    for ways in [Ways::Stationary, Ways::Changing] {
        let cases = cases(ways);
        for asked in ASKED {
            let of = || cases.iter().filter(|case| case.asked == asked);
            let covered = of().filter(|case| case.realised as u64 <= u64::from(case.at_most)).count();
            let (expected, realised) = pooled(&cases, |hour| hour == asked);
            println!("{ways:?} {asked} h: {covered} of {}; {expected:.0} expected, {realised:.0} realised; mean bound {:.1}",
                of().count(), of().map(|case| f64::from(case.at_most)).sum::<f64>() / of().count() as f64);
        }
        let covered = cases.iter().filter(|case| case.realised as u64 <= u64::from(case.at_most)).count();
        assert!(covered * 100 >= cases.len() * 85, "{covered} of {}", cases.len());
    }
}
