mod clock;
mod commands;

use super::size::OVERHEAD;
use super::*;
use crate::attribute::testkit::{container, sighting};
use anchorwatch_core::behaviour::{Destination, Direction, NetworkParts, Origin, ProcessParts, Protocol, SourceLayer};
use anchorwatch_core::time::Duration;
use anchorwatch_crds::v1alpha1::ReportedContainer;
use proptest::prelude::*;
use std::collections::BTreeMap;

const HOUR: Duration = Duration::from_hours(1);
const START: Timestamp = Timestamp::from_secs(1_767_225_600);
const SPACE: usize = 100_000;

fn behaviour(executable: &str) -> Behaviour {
    variant(executable, Origin::Entrypoint)
}

fn variant(executable: &str, origin: Origin) -> Behaviour {
    let parts = ProcessParts {
        origin,
        executable: executable.into(),
        source: SourceLayer::Image,
        ..ProcessParts::default()
    };
    Behaviour::Process(parts.into())
}

fn observe(seen: &mut Seen, pod: &str, executable: &str, at: Timestamp) -> Sight {
    observe_with(seen, pod, executable, at, &Attributes::default())
}

fn observe_with(seen: &mut Seen, pod: &str, executable: &str, at: Timestamp, attributes: &Attributes) -> Sight {
    let behaviour = behaviour(executable);
    let sighting = Sighting {
        attributes,
        lineage: &[executable.into()],
        ..sighting(&behaviour, at)
    };
    seen.observe(&container(pod), &sighting)
}

fn restored(seen: &mut Seen) -> Seen {
    let mut again = Seen::new(SeenLimits::default());
    let (mut containers, mut behaviours) = (Vec::new(), Vec::new());
    for change in seen.take_rows() {
        match change {
            RowChange::Container(key, Some(row)) => {
                containers.push((key, Row::Container(serde_json::from_slice(&row).unwrap())));
            }
            RowChange::Behaviour(key, _, Some(row)) => {
                behaviours.push((key, Row::Behaviour(Box::new(BehaviourRow::read(&row).unwrap()))));
            }
            RowChange::Container(_, None) | RowChange::Behaviour(_, _, None) => {}
        }
    }
    for (key, row) in containers.into_iter().chain(behaviours) {
        again.restore(key, row);
    }
    again
}

fn told(batch: &[ReportedContainer]) -> Vec<(&str, i64)> {
    let behaviours = batch.iter().flat_map(|container| &container.behaviors);
    behaviours
        .map(|behaviour| (behaviour.behavior.executable(), behaviour.count))
        .collect()
}

#[test]
fn a_second_sighting_of_a_behaviour_is_known() {
    let mut seen = Seen::new(SeenLimits::default());
    assert_eq!(observe(&mut seen, "1", "/bin/sh", START), Sight::New);
    assert_eq!(observe(&mut seen, "1", "/bin/sh", START), Sight::Known);
    assert_eq!(observe(&mut seen, "2", "/bin/sh", START), Sight::New);
    assert_eq!(told(&seen.take_due(SPACE)), [("/bin/sh", 2), ("/bin/sh", 1)]);
    assert_eq!(told(&seen.take_due(SPACE)), []);
}

#[test]
fn a_restart_reports_nothing_again_that_was_reported() {
    let mut seen = Seen::new(SeenLimits::default());
    observe(&mut seen, "1", "/bin/sh", START);
    seen.take_due(SPACE);
    let mut seen = restored(&mut seen);
    assert_eq!(observe(&mut seen, "1", "/bin/sh", START), Sight::Known);
    assert!(!seen.has_due());
}

#[test]
fn a_restart_reports_what_no_batch_has_taken() {
    let mut seen = Seen::new(SeenLimits::default());
    observe(&mut seen, "1", "/bin/sh", START);
    let mut seen = restored(&mut seen);
    assert_eq!(told(&seen.take_due(SPACE)), [("/bin/sh", 1)]);
}

#[test]
fn a_lineage_older_than_the_sensor_is_known_if_the_entrypoints_was() {
    let mut seen = Seen::new(SeenLimits::default());
    let mut see = |origin| seen.observe(&container("1"), &sighting(&variant("/bin/sh", origin), START));
    assert_eq!(see(Origin::Unknown), Sight::New);
    assert_eq!(see(Origin::Entrypoint), Sight::Known);
    assert_eq!(see(Origin::Exec), Sight::New);
    let batch = seen.take_due(SPACE);
    let origin = batch[0].behaviors[0]
        .behavior
        .process
        .as_ref()
        .map(|process| process.origin);
    assert_eq!(origin, Some(anchorwatch_crds::v1alpha1::Origin::Entrypoint));
}

#[test]
fn counts_of_a_young_behaviour_are_told_at_every_mark_and_then_once_an_hour() {
    let mut seen = Seen::new(SeenLimits::default());
    observe(&mut seen, "1", "/bin/sh", START);
    seen.take_due(SPACE);
    let mut mark = |at: Timestamp| {
        observe(&mut seen, "1", "/bin/sh", at);
        seen.queue_marks(at);
        told(&seen.take_due(SPACE)).iter().map(|(_, count)| *count).sum::<i64>()
    };
    assert_eq!(mark(START.plus(HOUR / 2)), 1);
    assert_eq!(mark(START.plus(HOUR)), 1);
    assert_eq!(mark(START.plus(HOUR + HOUR / 2)), 0);
    assert_eq!(mark(START.plus(2 * HOUR)), 2);
}

#[test]
fn nothing_is_due_where_nothing_happened() {
    let mut seen = Seen::new(SeenLimits::default());
    observe(&mut seen, "1", "/bin/sh", START);
    seen.take_due(SPACE);
    seen.queue_marks(START.plus(HOUR / 6));
    assert!(!seen.has_due());
}

#[test]
fn the_hours_of_a_container_are_told_once() {
    let mut seen = Seen::new(SeenLimits::default());
    observe(&mut seen, "1", "/bin/sh", START);
    let first = START.hour();
    assert_eq!(seen.take_due(SPACE)[0].hours, [first.0]);
    for _ in 0..2 {
        seen.observe_hour(&container("1"), Hour(first.0 + 1));
    }
    seen.queue_marks(START.plus(HOUR));
    let batch = seen.take_due(SPACE);
    assert_eq!(
        (batch[0].hours.as_slice(), batch[0].behaviors.len()),
        (&[first.0 + 1][..], 0)
    );
    seen.queue_marks(START.plus(HOUR));
    assert!(!seen.has_due());
}

#[test]
fn hours_that_nobody_took_are_bounded() {
    let mut seen = Seen::new(SeenLimits::default());
    for hour in 0..200 {
        seen.observe_hour(&container("1"), Hour(1000 + hour));
    }
    seen.queue_marks(START);
    let hours = &seen.take_due(SPACE)[0].hours;
    assert_eq!((hours.len(), hours.last()), (row::MAX_HOURS, Some(&1199)));
}

#[test]
fn a_container_that_floods_does_not_take_the_others_room() {
    let mut seen = Seen::new(SeenLimits {
        behaviours_per_container: 2,
        ..SeenLimits::default()
    });
    let sights: Vec<Sight> = (0..3)
        .map(|number| observe(&mut seen, "1", &format!("/{number}"), START))
        .collect();
    let refused = Sight::Refused(LossReason::ContainerQuota);
    assert_eq!(sights, [Sight::New, Sight::New, refused]);
    assert_eq!(observe(&mut seen, "2", "/0", START), Sight::New);
}

#[test]
fn the_oldest_known_behaviours_make_room_and_unreported_ones_never_do() {
    let mut seen = Seen::new(SeenLimits {
        bytes: 20 * OVERHEAD,
        ..SeenLimits::default()
    });
    let see = |seen: &mut Seen, number: u64| {
        let at = START.plus(Duration::from_secs(number));
        observe(seen, "1", &format!("/{number}"), at)
    };
    let kept = (0..100)
        .take_while(|number| see(&mut seen, *number) == Sight::New)
        .count();
    assert_eq!(see(&mut seen, 100), Sight::Refused(LossReason::OutboxFull));
    assert_eq!(seen.evicted(), 0);
    assert_eq!(seen.take_due(SPACE)[0].behaviors.len(), kept);
    assert_eq!(see(&mut seen, 101), Sight::New);
    assert!(seen.evicted() > 0 && seen.bytes() <= 20 * OVERHEAD);
    assert_eq!(see(&mut seen, 0), Sight::New, "the oldest was forgotten");
    assert_eq!(see(&mut seen, kept as u64 - 1), Sight::Known, "the youngest was kept");
}

#[test]
fn a_pod_that_is_gone_is_forgotten_when_everything_was_told() {
    let mut seen = Seen::new(SeenLimits::default());
    observe(&mut seen, "1", "/bin/sh", START);
    seen.take_due(SPACE);
    observe(&mut seen, "1", "/bin/sh", START);
    seen.forget_gone(|_| false);
    assert_eq!(seen.behaviours(), 1);
    seen.queue_marks(START.plus(4 * HOUR));
    assert_eq!(told(&seen.take_due(SPACE)), [("/bin/sh", 1)]);
    seen.take_rows();
    seen.forget_gone(|_| false);
    assert_eq!((seen.behaviours(), seen.bytes()), (0, 0));
    let key = container("1").key;
    let id = behaviour("/bin/sh").id();
    let removed = vec![
        RowChange::remove_behaviour(key.clone(), id),
        RowChange::remove_container(key),
    ];
    assert_eq!(seen.take_rows(), removed);
}

#[test]
fn what_the_api_server_lost_is_reported_when_it_is_seen_again() {
    let mut seen = Seen::new(SeenLimits::default());
    observe(&mut seen, "1", "/bin/sh", START);
    seen.take_due(SPACE);
    seen.report_again();
    observe(&mut seen, "1", "/bin/sh", START.plus(HOUR / 60));
    seen.queue_marks(START.plus(5 * HOUR));
    assert_eq!(told(&seen.take_due(SPACE)), [("/bin/sh", 1)]);
}

#[test]
fn what_nobody_could_place_is_told_again_at_once_when_it_is_placed() {
    let mut seen = Seen::new(SeenLimits::default());
    let observe =
        |seen: &mut Seen, origin| seen.observe(&container("1"), &sighting(&variant("/bin/sh", origin), START));
    assert_eq!(observe(&mut seen, Origin::Unknown), Sight::New);
    assert_eq!(told(&seen.take_due(SPACE)), [("/bin/sh", 1)]);
    observe(&mut seen, Origin::Unknown);
    assert!(!seen.has_fresh());
    seen.take_rows();
    observe(&mut seen, Origin::Entrypoint);
    observe(&mut seen, Origin::Entrypoint);
    assert!(seen.has_fresh());
    assert_eq!(seen.dirty(), (true, true));
    let placed = seen.take_due(SPACE);
    assert_eq!(told(&placed), [("/bin/sh", 3)]);
    let process = placed[0].behaviors[0].behavior.process.as_ref().unwrap();
    assert_eq!(process.origin, anchorwatch_crds::v1alpha1::Origin::Entrypoint);
    observe(&mut seen, Origin::Unknown);
    assert!(!seen.has_fresh());
}

#[test]
fn a_new_address_makes_a_known_behaviour_news_again_and_the_same_one_does_not() {
    let mut seen = Seen::new(SeenLimits::default());
    let at = |last: u8| Attributes {
        addresses: [std::net::Ipv4Addr::new(192, 0, 2, last).into()].into(),
        ..Attributes::default()
    };
    let see = |seen: &mut Seen, attributes: &Attributes| {
        observe_with(seen, "1", "/bin/sh", START, attributes);
        seen.take_due(SPACE)
    };
    let told = |batch: &[ReportedContainer]| batch.first().map(|held| held.behaviors[0].attributes.addresses.clone());
    assert_eq!(told(&see(&mut seen, &at(1))), Some(vec!["192.0.2.1".to_owned()]));
    assert_eq!(told(&see(&mut seen, &at(1))), None);
    let both = Some(vec!["192.0.2.1".to_owned(), "192.0.2.2".to_owned()]);
    assert_eq!(told(&see(&mut seen, &at(2))), both);
    let mut seen = restored(&mut seen);
    assert_eq!(told(&see(&mut seen, &at(2))), None, "a restart forgets nothing");
}

#[test]
fn a_connection_that_stands_is_known_by_its_address_where_its_name_is_forgotten() {
    let mut seen = Seen::new(SeenLimits::default());
    let pod = container("1");
    let flow = |destination, port| {
        Behaviour::Network(
            NetworkParts {
                origin: Origin::Entrypoint,
                executable: "/bin/agent".into(),
                direction: Direction::Connect,
                protocol: Protocol::Tcp,
                port,
                destination,
            }
            .into(),
        )
    };
    let at = |last: u8| Attributes {
        addresses: [std::net::Ipv4Addr::new(203, 0, 113, last).into()].into(),
        ..Attributes::default()
    };
    let named = flow(Destination::Name("api.example.org".into()), 443);
    let attributes = &at(9);
    let named = Sighting {
        attributes,
        ..sighting(&named, START)
    };
    seen.observe(&pod, &named);
    let seen = restored(&mut seen);
    let range = |port| {
        flow(
            Destination::prefix(std::net::Ipv4Addr::new(203, 0, 113, 9).into()),
            port,
        )
    };
    assert!(seen.knows_by_address(&pod, &range(443), &at(9)));
    for (behaviour, attributes) in [
        (range(443), at(10)),
        (range(444), at(9)),
        (range(443), Attributes::default()),
    ] {
        assert!(!seen.knows_by_address(&pod, &behaviour, &attributes), "{behaviour:?}");
    }
    assert!(!seen.knows_by_address(&container("2"), &range(443), &at(9)));
    assert!(!seen.knows_by_address(&pod, &behaviour("/bin/agent"), &at(9)));
}

#[test]
fn only_news_is_urgent() {
    let mut seen = Seen::new(SeenLimits::default());
    observe(&mut seen, "1", "/bin/sh", START);
    assert_eq!(seen.dirty(), (true, true));
    seen.take_rows();
    assert_eq!(seen.dirty(), (false, false));
    observe(&mut seen, "1", "/bin/sh", START);
    assert_eq!(seen.dirty(), (true, false));
}

proptest! {
    #[test]
    fn every_sighting_is_told_exactly_once_and_no_batch_is_too_large(
        sightings in prop::collection::vec((0..4_u8, 0..12_u8, 0..7200_u64), 1..120),
        space in 4_000..20_000_usize,
        taken_every in 1..20_usize,
    ) {
        let mut seen = Seen::new(SeenLimits::default());
        let mut expected: BTreeMap<(String, String), i64> = BTreeMap::new();
        let mut reported: BTreeMap<(String, String), i64> = BTreeMap::new();
        let mut take = |seen: &mut Seen| {
            let batch = seen.take_due(space);
            let size = serde_json::to_vec(&batch).unwrap().len();
            for container in &batch {
                for behaviour in &container.behaviors {
                    let key = (container.pod.uid.clone(), behaviour.behavior.executable().to_owned());
                    *reported.entry(key).or_default() += behaviour.count;
                }
            }
            (size, batch.is_empty())
        };
        for (step, (pod, number, second)) in sightings.into_iter().enumerate() {
            let executable = format!("/{}{number}", "x".repeat(usize::from(number) * 30));
            observe(&mut seen, &pod.to_string(), &executable, START.plus(Duration::from_secs(second)));
            *expected.entry((pod.to_string(), executable)).or_default() += 1;
            if step % taken_every == 0 {
                prop_assert!(take(&mut seen).0 <= space);
            }
        }
        seen.forget_gone(|_| false);
        seen.queue_marks(START.plus(100 * HOUR));
        loop {
            let (size, empty) = take(&mut seen);
            prop_assert!(size <= space);
            if empty { break }
        }
        prop_assert!(!seen.has_due());
        prop_assert_eq!(reported, expected);
    }
}

#[test]
fn what_was_found_is_marked_until_it_is_seen_to_happen_over_a_restart_too() {
    let mut seen = Seen::new(SeenLimits::default());
    let observe = |seen: &mut Seen, at, standing| {
        let behaviour = behaviour("/bin/sh");
        let sighting = Sighting {
            standing,
            ..sighting(&behaviour, at)
        };
        let sight = seen.observe(&container("1"), &sighting);
        seen.queue_marks(at);
        let marks: Vec<bool> = seen
            .take_due(SPACE)
            .iter()
            .flat_map(|container| &container.behaviors)
            .map(|told| told.snapshot)
            .collect();
        (sight, marks)
    };
    assert_eq!(observe(&mut seen, START, true), (Sight::New, vec![true]));
    let mut seen = restored(&mut seen);
    assert_eq!(observe(&mut seen, START.plus(HOUR), true), (Sight::Known, vec![true]));
    let later = START.plus(2 * HOUR);
    assert_eq!(observe(&mut seen, later, false), (Sight::Known, vec![false]));
    let last = START.plus(3 * HOUR);
    assert_eq!(observe(&mut seen, last, true), (Sight::Known, vec![false]));
}
