//! What the kernel's filter swallowed is counted, and what was lost shows again.

use super::super::super::cgroup::slots::FilterOrder;
use super::super::attributed;
use super::*;
use crate::decode::FilterKey;
use anchorwatch_sensor_common::filter::FilterFeed;

const NOTHING: [u64; 0] = [];

/// A flow that the kernel's filter knows by this, and swallowed seven times before.
fn known_by(hash: u64, flow: Flow) -> Flow {
    Flow {
        key: FilterKey::new(FilterFeed::Network, hash),
        repeats: 7,
        ..flow
    }
}

/// The flows that the filter was told to show again since this was last asked.
fn shown_again(attributor: &mut Attributor) -> Vec<u64> {
    let orders = attributor.take_orders().into_iter();
    orders
        .filter_map(|order| match order {
            FilterOrder::Forget(key) => Some(key.hash),
            _ => None,
        })
        .collect()
}

#[test]
fn a_flow_tells_how_many_equal_ones_were_swallowed_and_is_not_shown_again() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    listed(&mut attributor, now);
    let seen = known_by(5, flow("203.0.113.9:443", FlowKind::Connect, 100));
    let attributed = attributed(see(&mut attributor, seen.clone()));
    assert_eq!((attributed.repeats, attributed.key), (7, seen.key));
    see(
        &mut attributor,
        known_by(6, flow("127.0.0.1:80", FlowKind::Connect, 100)),
    );
    assert_eq!(shown_again(&mut attributor), NOTHING);
}

#[test]
fn a_flow_that_is_lost_shows_again() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    listed(&mut attributor, now);
    let connect = || flow("203.0.113.9:443", FlowKind::Connect, 100);
    for (hash, cgroup_id) in [(5, 99), (6, 3)] {
        let nowhere = Flow {
            cgroup_id,
            container: cgroup_id,
            ..connect()
        };
        see(&mut attributor, known_by(hash, nowhere));
    }
    let close = flow("203.0.113.9:443", FlowKind::Close { bytes_sent: 1 }, 100);
    see(&mut attributor, known_by(7, close));
    let of_host = Flow {
        cgroup_id: 2,
        container: 2,
        ..connect()
    };
    assert_eq!(see(&mut attributor, known_by(8, of_host)), Outcome::Host);
    assert_eq!(shown_again(&mut attributor), [5, 6, 7]);
}

#[test]
fn a_flow_that_waits_in_vain_shows_again() {
    let mut attributor = attributor();
    let early = known_by(5, flow("203.0.113.9:443", FlowKind::Connect, 100));
    assert_eq!(see(&mut attributor, early), Outcome::Waiting);
    assert_eq!(shown_again(&mut attributor), NOTHING);
    let outcomes = attributor.expire(Instant::now() + Duration::from_secs(61));
    assert_eq!(
        outcomes,
        [Outcome::Lost(Feed::Network, LossReason::PodUnknown, Whose::Unknown)]
    );
    assert_eq!(shown_again(&mut attributor), [5]);
}

#[test]
fn flows_for_which_there_is_no_room_to_wait_show_again() {
    let mut attributor = attributor();
    let full = (1..=100_000).find(|hash| {
        let early = known_by(*hash, flow("203.0.113.9:443", FlowKind::Connect, 100));
        see(&mut attributor, early) != Outcome::Waiting
    });
    assert_eq!(shown_again(&mut attributor), Vec::from_iter(full));
    assert!(full.is_some());
}
