//! Bursts of destinations as findings: when an hour is judged, and when not any more.

use super::*;
use crate::{
    baseline::age,
    behaviour::{Attributes, Destination, Feed},
    rules::Rule,
    testkit::{flow, flow_to},
};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn spikes(watched: &Watched) -> usize {
    let findings = watched.alerts.iter().flat_map(|alert| &alert.findings);
    findings
        .filter(|finding| finding.rule == Rule::DestinationSpike)
        .count()
}

/// So many destinations that were never seen before, in an hour of a day.
fn reaches(watched: &mut Watched, hour: i64, many: u8) {
    for number in 0..many {
        let network = u8::try_from(hour).expect("a few days");
        let destination = flow(Destination::prefix(std::net::IpAddr::from([203, network, number, 1])));
        watched
            .world
            .sees(&destination, Attributes::default(), at(hour * HOUR + i64::from(number)));
    }
}

#[test]
fn an_hour_that_was_no_burst_does_not_become_one_when_what_it_was_measured_by_expires() {
    let mut watched = Watched::mature();
    watched.world.policy.maturity.minimum = Duration::from_hours(25);
    watched
        .world
        .sees(&flow_to("known.example.org"), Attributes::default(), at(0));
    // Busy while it learns, and no busier later.
    for hour in 1..15 {
        reaches(&mut watched, hour, 9);
    }
    reaches(&mut watched, 30, 14);
    let feed = watched.world.baseline.feed_mut(&container(), Feed::Network, at(0));
    feed.hours.total = 31;
    watched.act(at(31 * HOUR));
    assert_eq!((spikes(&watched), watched.world.baseline.quarantined()), (0, 14));
    for day in 2..10 {
        watched
            .world
            .sees(&flow_to("known.example.org"), Attributes::default(), at(day * DAY));
        age(&mut watched.world.baseline, &watched.world.policy, at(day * DAY));
        watched.act(at(day * DAY));
    }
    assert_eq!(
        watched
            .world
            .baseline
            .entries()
            .filter(|(_, _, held)| held.is_learned())
            .count(),
        3
    );
    assert_eq!(spikes(&watched), 0);
    // An hour like that is one now.
    reaches(&mut watched, 9 * 24 + 1, 14);
    watched.act(at(9 * DAY + 2 * HOUR));
    assert_eq!(spikes(&watched), 1);
    // And stays one, whatever comes.
    watched.act(at(12 * DAY));
    assert_eq!(spikes(&watched), 1);
}

#[test]
fn what_is_reported_hours_late_is_a_burst_and_days_late_is_raised_one_by_one() {
    for (late, found) in [(6 * HOUR, 1), (30 * HOUR, 0)] {
        let mut watched = Watched::mature();
        watched
            .world
            .sees(&flow_to("known.example.org"), Attributes::default(), at(0));
        reaches(&mut watched, 23, 14);
        watched.act(at(23 * HOUR + late));
        assert_eq!((spikes(&watched), watched.world.baseline.quarantined()), (found, 14));
    }
}
