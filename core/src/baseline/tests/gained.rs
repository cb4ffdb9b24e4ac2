//! Capabilities that a process gained, and that it did not gain while it was learned.

use super::*;
use crate::behaviour::{Attributes, CapabilitySet};

const NET_RAW: u64 = 1 << 13;
const SYS_ADMIN: u64 = 1 << 21;

fn ping() -> Behaviour {
    process("/usr/bin/bash", "/usr/bin/ping")
}

fn gaining(bits: u64) -> Attributes {
    Attributes {
        gained: CapabilitySet::from_bits(bits),
        ..Attributes::default()
    }
}

fn known_gaining(bits: u64) -> Behaviour {
    behaviour(ProcessParts {
        gained: CapabilitySet::from_bits(bits),
        ..parts("/usr/bin/bash", "/usr/bin/ping")
    })
}

/// A workload that learned ping with one capability, and judges from second 60 on.
fn mature() -> World {
    let mut world = World::mature();
    world.sees(&ping(), gaining(NET_RAW), at(2));
    world
}

fn raised(outcome: &MergeOutcome) -> Vec<(BehaviourId, Rule)> {
    let raised = outcome.new_quarantined.iter();
    raised.map(|raised| (raised.id, raised.rule)).collect()
}

#[test]
fn a_capability_that_was_learned_is_no_news_and_another_is() {
    let mut world = mature();
    assert_eq!(raised(&world.sees(&ping(), gaining(NET_RAW), at(100))), []);
    assert_eq!(raised(&world.sees(&ping(), gaining(0), at(101))), []);
    let more = world.sees(&ping(), gaining(NET_RAW | SYS_ADMIN), at(102));
    let news = known_gaining(SYS_ADMIN);
    assert_eq!(raised(&more), [(news.id(), Rule::PrivilegesGained)]);
    assert_eq!(entry(&world.baseline, &news).attributes, gaining(NET_RAW | SYS_ADMIN));
    // What raised it is not what it is compared with next time.
    assert_eq!(entry(&world.baseline, &ping()).attributes, gaining(NET_RAW));
    world.sees(&ping(), gaining(SYS_ADMIN), at(103));
    assert_eq!(entry(&world.baseline, &news).count, 2);
}

#[test]
fn a_process_that_is_new_is_raised_as_that_with_what_it_gained() {
    let mut world = mature();
    let outcome = world.sees(&shell(), gaining(SYS_ADMIN), at(100));
    assert_eq!(raised(&outcome), [(shell().id(), Rule::ProcessOutsideBaseline)]);
    assert_eq!(entry(&world.baseline, &shell()).attributes, gaining(SYS_ADMIN));
}

#[test]
fn what_was_only_found_running_learns_from_the_first_execution_that_is_seen() {
    let mut world = World::mature();
    let found = BehaviourReport {
        snapshot: true,
        ..seen(&ping(), at(2))
    };
    let batch = batch(1_000, pod("p1", "h1", digest('1')), vec![found]);
    merge(&mut world.baseline, &batch, &world.policy, at(2));
    assert_eq!(raised(&world.sees(&ping(), gaining(NET_RAW), at(100))), []);
    assert_eq!(entry(&world.baseline, &ping()).attributes, gaining(NET_RAW));
    let outcome = world.sees(&ping(), gaining(SYS_ADMIN), at(101));
    assert_eq!(
        raised(&outcome),
        [(known_gaining(SYS_ADMIN).id(), Rule::PrivilegesGained)]
    );
}

#[test]
fn what_is_raised_anyway_is_raised_once() {
    let mut world = mature();
    world.policy.process.deny.insert("/usr/bin/ping".to_owned());
    let outcome = world.sees(&ping(), gaining(NET_RAW | SYS_ADMIN), at(100));
    assert_eq!(raised(&outcome), [(ping().id(), Rule::DeniedBehaviour)]);
}
