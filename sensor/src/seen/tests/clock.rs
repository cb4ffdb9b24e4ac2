//! A clock that was ahead and is set back: hours and reports go on, nothing is lost, and no hour counts twice.

use super::*;
use anchorwatch_core::baseline::Hours;

const FAR: Duration = Duration::from_hours(1000);

fn all_told(seen: &mut Seen, now: Timestamp) -> i64 {
    seen.queue_marks(now);
    told(&seen.take_due(SPACE)).iter().map(|(_, count)| *count).sum()
}

fn hours(seen: &mut Seen, now: Timestamp) -> Vec<i64> {
    seen.queue_marks(now);
    let batch = seen.take_due(SPACE);
    batch.iter().flat_map(|container| container.hours.clone()).collect()
}

#[test]
fn what_is_known_is_told_on_when_the_clock_is_set_back() {
    let mut seen = Seen::new(SeenLimits::default());
    let see = |seen: &mut Seen, at| observe(seen, "1", "/bin/sh", at);
    see(&mut seen, START);
    assert_eq!(all_told(&mut seen, START), 1);
    // Told of while the clock is ahead, and seen once more before it is set back.
    see(&mut seen, START.plus(FAR));
    assert_eq!(all_told(&mut seen, START.plus(FAR)), 1);
    see(&mut seen, START.plus(FAR));
    let back = START.plus(2 * HOUR);
    see(&mut seen, back);
    assert_eq!(all_told(&mut seen, back), 2);
    // Once more, since it is not known which of the two was the later, and once an hour from then on.
    see(&mut seen, back);
    assert_eq!(all_told(&mut seen, back), 1);
    see(&mut seen, back);
    see(&mut seen, back);
    assert_eq!(all_told(&mut seen, back), 0);
    see(&mut seen, back.plus(HOUR));
    assert_eq!(all_told(&mut seen, back.plus(HOUR)), 3);
    assert!(!seen.has_due());
}

#[test]
fn what_was_first_seen_by_a_clock_that_was_ahead_is_not_young_for_ever() {
    let mut seen = Seen::new(SeenLimits::default());
    observe(&mut seen, "1", "/bin/sh", START.plus(FAR));
    seen.take_due(SPACE);
    observe(&mut seen, "1", "/bin/sh", START);
    assert_eq!(all_told(&mut seen, START), 1);
    observe(&mut seen, "1", "/bin/sh", START);
    assert_eq!(all_told(&mut seen, START), 0);
}

#[test]
fn hours_go_on_when_the_clock_is_set_back_and_a_restart_does_not_change_that() {
    let mut seen = Seen::new(SeenLimits::default());
    let pod = container("1");
    let first = START.hour().0;
    seen.observe_hour(&pod, Hour(first));
    assert_eq!(hours(&mut seen, START), [first]);
    seen.observe_hour(&pod, Hour(first + 1000));
    seen.observe_hour(&pod, Hour(first + 1001));
    let mut seen = restored(&mut seen);
    // What is still to come was none; what is told again is told with its own number.
    seen.observe_hour(&pod, Hour(first));
    seen.observe_hour(&pod, Hour(first));
    seen.observe_hour(&pod, Hour(first + 1));
    assert_eq!(hours(&mut seen, START), [first, first + 1]);
    seen.observe_hour(&pod, Hour(first + 1));
    assert_eq!(hours(&mut seen, START), Vec::<i64>::new());
}

#[test]
fn hours_of_a_clock_that_was_ahead_for_days_leave_room_for_those_that_follow() {
    let mut seen = Seen::new(SeenLimits::default());
    let pod = container("1");
    for hour in 1000..1200 {
        seen.observe_hour(&pod, Hour(hour));
    }
    seen.observe_hour(&pod, Hour(10));
    assert_eq!(hours(&mut seen, START), [10]);
}

proptest! {
    /// Ten-minute looks at a clock that is wrong for a while, reported at any of them to a baseline by its own clock.
    #[test]
    fn a_clock_that_is_wrong_for_a_while_makes_no_baseline_older_than_it_is(
        looks in 1..400_i64,
        wrong_from in 0..200_i64,
        wrong_for in 0..200_i64,
        error in -2000..2000_i64,
        told_every in 1..30_i64,
    ) {
        let mut row = ContainerRow::new(&container("1"), START.hour());
        let mut counted = Hours::NONE;
        let begun = START.hour();
        let is_wrong = |look: i64| (wrong_from..wrong_from + wrong_for).contains(&look);
        for look in 0..looks {
            let now = START.plus(HOUR / 6 * u32::try_from(look).unwrap()).hour();
            row.observe_hour(Hour(now.0 + if is_wrong(look) { error } else { 0 }));
            if look % told_every == 0 {
                for hour in std::mem::take(&mut row.hours) {
                    counted.observe(hour.min(now));
                }
            }
        }
        let real = START.plus(HOUR / 6 * u32::try_from(looks - 1).unwrap()).hour().0 - begun.0 + 1;
        let real = u64::try_from(real).unwrap();
        // A wrong hour may be counted beside the right one where the clock is set, and nowhere else.
        prop_assert!(counted.total <= real + 2, "{} of {}", counted.total, real);
    }
}
