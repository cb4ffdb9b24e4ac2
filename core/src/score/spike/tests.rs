//! How many destinations are too many, and how often that is a false alarm.

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

/// Numbers by chance, the same in each run (`splitmix64`).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// At least 0, below 1.
    #[allow(clippy::cast_precision_loss)]
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A count of the negative binomial distribution of this mean, whose variance is so many times that.
    fn count(&mut self, mean: f64, ratio: f64) -> u32 {
        let expected = Expected { mean, ratio };
        let chance = self.uniform();
        (0..1_000)
            .find(|count| 1.0 - expected.tail(count + 1) > chance)
            .unwrap_or(0)
    }
}

/// Hours in which a workload is watched.
const WATCHED: i64 = 360;
/// Hours of history from which on it is judged.
const LEARNED: i64 = 6;

/// The counts of a workload's hours.
fn lived(chance: &mut Chance, mean: f64, ratio: f64) -> BTreeMap<Hour, u32> {
    let hours = (0..WATCHED).map(|hour| (Hour(hour), chance.count(mean, ratio)));
    hours.filter(|(_, count)| *count > 0).collect()
}

fn false_alarms(counts: &BTreeMap<Hour, u32>) -> usize {
    let found = spikes(counts, Hour(0), u64::MAX, 168, POLICY);
    found.iter().filter(|spike| spike.hour.0 >= LEARNED).count()
}

/// Hours with more than three times the mean of all hours before.
#[allow(clippy::cast_precision_loss)]
fn alarms_of_the_factor_alone(counts: &BTreeMap<Hour, u32>) -> usize {
    let mut sum = 0;
    let mut alarms = 0;
    for hour in 0..WATCHED {
        let count = counts.get(&Hour(hour)).copied().unwrap_or(0);
        let mean = f64::from(sum) / hour.max(1) as f64;
        alarms += usize::from(hour >= LEARNED && f64::from(count) > 3.0 * mean && count > 0);
        sum += count;
    }
    alarms
}

#[test]
fn at_a_mean_of_two_or_less_there_are_twenty_times_fewer_false_alarms_than_by_the_factor_alone() {
    // Of workloads as they are taken to be at first, and of steadier and clumpier ones.
    for (mean, ratio) in [0.1, 0.25, 0.5, 1.0, 2.0]
        .into_iter()
        .flat_map(|mean| [1.5, 3.0, 4.0].map(|ratio| (mean, ratio)))
    {
        let mut chance = Chance(1);
        let workloads: Vec<_> = (0..25).map(|_| lived(&mut chance, mean, ratio)).collect();
        let ours: usize = workloads.iter().map(false_alarms).sum();
        let factor: usize = workloads.iter().map(alarms_of_the_factor_alone).sum();
        assert!(
            factor >= 20 && factor >= 20 * ours,
            "at a mean of {mean} and a ratio of {ratio}: {ours} false alarms, {factor} by the factor alone"
        );
    }
}

#[test]
fn bursts_of_twenty_and_more_are_found_in_nine_cases_of_ten_from_six_hours_of_history_on() {
    for (mean, history) in [0.1, 0.25, 0.5, 1.0, 2.0]
        .into_iter()
        .flat_map(|mean| [6, 12, 24, 96, 168, 336].map(|history| (mean, history)))
    {
        let mut chance = Chance(2);
        let mut found = 0;
        for ratio in [1.5, 2.0, 3.0, 2.0].into_iter().cycle().take(100) {
            let mut counts = lived(&mut chance, mean, ratio);
            counts.retain(|hour, _| hour.0 < history);
            let burst = 20 + chance.count(mean, ratio);
            counts.insert(Hour(history), burst);
            found += usize::from(
                spikes(&counts, Hour(0), u64::MAX, 168, POLICY)
                    .iter()
                    .any(|spike| spike.hour.0 == history),
            );
        }
        assert!(
            found >= 90,
            "at a mean of {mean} with {history} hours of history: {found} of 100"
        );
    }
}

#[test]
fn the_hour_of_the_day_counts_after_seven_days_and_not_before() {
    // One new destination every six hours, and nine in the night.
    let nights = |days: i64, last: u32| {
        let quiet = (0..days * 24).filter(|hour| hour % 6 == 1).map(|hour| (hour, 1));
        let busy = (0..days).map(|day| (day * 24 + 3, 9));
        let mut counts: Vec<_> = quiet.chain(busy).collect();
        counts.push((days * 24 + 3, last));
        counts.sort_unstable();
        let spike = judged(&counts, 0, u64::MAX);
        spike.iter().any(|(hour, _)| *hour == days * 24 + 3)
    };
    assert!(nights(6, 24), "a week is needed to know the nights");
    assert!(!nights(8, 24), "more than every night, and not so much");
    assert!(nights(8, 90), "much more than any night");
    let by_day: Vec<_> = (0..8 * 24)
        .filter(|hour| hour % 24 == 3)
        .map(|hour| (hour, 9))
        .chain([(8 * 24 + 12, 24)])
        .collect();
    assert_eq!(judged(&by_day, 0, u64::MAX), [(8 * 24 + 12, 24)], "at noon it is");
}
