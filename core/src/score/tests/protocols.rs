//! The two protocols of calibration on exchangeable data: leaving one out keeps what was asked for, judging each by those
//! before it alone raises hardly anything.

use std::collections::BTreeSet;

use super::*;

const LEARNED: u64 = 20_000;
const JUDGED: u64 = 100_000;
/// The 99 % interval of the beta-binomial distribution of these two numbers at one in a thousand.
const AT_A_THOUSANDTH: std::ops::RangeInclusive<usize> = 37..=178;

/// A point that looks drawn by lot, no two alike.
fn point(seed: u64, number: u64) -> u64 {
    twox_hash::XxHash3_64::oneshot_with_seed(seed, &number.to_le_bytes())
}

/// How far a point is from the nearest other one: as strange as it is.
#[allow(clippy::cast_precision_loss)] // to rank by
fn distance(points: &BTreeSet<u64>, own: u64) -> f64 {
    let below = points.range(..own).next_back().map(|point| own - point);
    let above = points.range(own + 1..).next().map(|point| point - own);
    below.into_iter().chain(above).min().unwrap_or(u64::MAX) as f64
}

fn raised(calibrating: Vec<f64>, learned: &BTreeSet<u64>) -> usize {
    let own = Calibration::new(calibrating);
    let judged = (0..JUDGED).map(|number| distance(learned, point(2, number)));
    judged
        .filter(|score| p_value(&own, &Pool::of([]), *score) <= 0.001)
        .count()
}

#[test]
fn leaving_one_out_raises_one_in_a_thousand_and_judging_by_those_before_almost_none() {
    let learned: BTreeSet<u64> = (0..LEARNED).map(|number| point(1, number)).collect();
    let left_out = learned.iter().map(|own| distance(&learned, *own)).collect();
    assert!(AT_A_THOUSANDTH.contains(&raised(left_out, &learned)));
    let mut before = BTreeSet::new();
    let by_those_before = (0..LEARNED).map(|number| {
        let own = point(1, number);
        let score = distance(&before, own);
        before.insert(own);
        score
    });
    let by_those_before = by_those_before.collect();
    assert!(raised(by_those_before, &learned) < *AT_A_THOUSANDTH.start());
}

#[test]
fn a_command_is_stranger_to_those_before_it_than_to_all() {
    let lines: Vec<Features> = (0..60)
        .map(|number| features(&format!("tar czf /backup/{number}.tar.gz /data/{} && ls", number % 7)))
        .collect();
    let mut index = Index::default();
    for line in &lines {
        index.insert(line);
    }
    let (all, before) = (Scorer::calibrate(index), Scorer::calibrate_in_order(&lines));
    assert_eq!(all.parts.len(), before.parts.len());
    let pairs = all.parts.iter().zip(&before.parts);
    assert!(
        pairs
            .clone()
            .all(|(all, before)| all.0 == before.0 && all.1.distance <= before.1.distance)
    );
    assert!(pairs.clone().any(|(all, before)| all.1.distance < before.1.distance));
}
