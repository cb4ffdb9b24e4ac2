//! Chance raises no more unusual commands than the policy tolerates, the way a cluster goes: weeks of everyday commands, merged
//! batch by batch.

use super::{unusual::*, *};
use crate::{
    baseline::{Scoring, merge_scored},
    behaviour::Attributes,
};

const DAY: i64 = 86_400;
/// Days that are learned, and weeks that are judged.
const LEARNED: i64 = 14;
const WEEKS: i64 = 6;

/// Hundreds of everyday commands in an order that is as good as drawn by lot: of any two, either could come first.
fn templates(seed: u64) -> Vec<String> {
    let lines = include_str!("../../../corpus/benign.txt").lines();
    let lines = lines.filter(|script| !script.starts_with('#') && !script.is_empty());
    let words = ["", " --all", " || true", " # nightly", " > /dev/null"];
    let mut all: Vec<String> = lines
        .flat_map(|line| words.map(|word| format!("{line}{word}")))
        .collect();
    all.sort_by_cached_key(|line| twox_hash::XxHash3_64::oneshot_with_seed(seed, line.as_bytes()));
    all
}

/// What chance raised in the weeks after learning: as tolerated, and for those who look.
#[derive(Debug, Default)]
struct Raised {
    scorable: usize,
    at_info: usize,
}

/// Thirty commands each day, and so many more that never ran before, within an hour.
fn live(seed: u64, new_a_day: usize, alerts_per_thousand_weeks: u32) -> Raised {
    let mut world = World::mature();
    world.baseline = Baseline::default();
    world.policy = policy(u64::try_from(LEARNED * DAY).expect("days"));
    world.policy.tolerance.alerts_per_thousand_weeks = alerts_per_thousand_weeks;
    let mut scoring = Scoring::default();
    let templates = templates(seed);
    let (always, new) = templates.split_at(30);
    let mut new = new.chunks(new_a_day);
    let mut raised = Raised::default();
    for day in 0..LEARNED + 7 * WEEKS {
        let new = new.next().expect("enough templates").iter().map(std::slice::from_ref);
        for (number, scripts) in (0_i64..).zip(std::iter::once(always).chain(new)) {
            let time = at(day * DAY + 36_000 + number * 60);
            let report = BehaviourReport {
                attributes: Attributes {
                    commands: scripts.iter().map(|script| line(script)).collect(),
                    ..Attributes::default()
                },
                ..seen(&bash(), time)
            };
            let seq = (day * 1_000 + number).cast_unsigned();
            let batch = batch(seq, pod("p1", "h1", digest('1')), vec![report]);
            let outcome = merge_scored(&mut world.baseline, &batch, &world.policy, &mut scoring, time);
            world.baseline.merged.clear();
            let entries = &world.baseline.containers[&container()].feeds[&Feed::Process].entries;
            for held in outcome.new_quarantined {
                let why = entries[&held.id].strangeness.as_ref().expect("an unusual command");
                if why.scorable {
                    raised.scorable += 1;
                } else {
                    raised.at_info += 1;
                }
            }
        }
        age(&mut world.baseline, &world.policy, at(day * DAY + 80_000));
    }
    raised
}

/// The most that a number whose mean is this may be, in 999 cases of 1,000 (Poisson, by its normal approximation and a half).
fn most(mean: f64) -> f64 {
    mean + 3.09 * mean.sqrt() + 1.5
}

#[test]
fn chance_raises_what_is_tolerated_and_no_more_for_weeks() {
    // New commands a day, and alerts that are tolerated in a thousand weeks.
    for (new_a_day, tolerated) in [(5, 100_u32), (5, 3_000), (1, 1_000)] {
        let raised = live(1, new_a_day, tolerated);
        #[expect(clippy::cast_precision_loss, reason = "a few")]
        let (scorable, at_info, weeks) = (raised.scorable as f64, raised.at_info as f64, WEEKS as f64);
        let tolerated_a_week = f64::from(tolerated) / 1_000.0;
        assert!(
            scorable <= most(tolerated_a_week * weeks),
            "{new_a_day} a day, {tolerated_a_week} a week: {raised:?}"
        );
        // And what can't be told as finely is raised at Info, one in a hundred.
        let judged = 7.0 * weeks * f64::from(u32::try_from(new_a_day).expect("a few"));
        assert!(at_info <= most(judged / 100.0), "{raised:?}");
        // What is tolerated is made use of.
        assert!(scorable >= tolerated_a_week * weeks / 3.0 - 1.0, "{raised:?}");
    }
}
