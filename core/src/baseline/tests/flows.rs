//! What is said of a flow beside its destination: groups, denied networks, names that move, volumes.

use std::net::IpAddr;

use super::*;
use crate::{
    behaviour::Attributes,
    policy::groups::Groups,
    testkit::{flow, flow_to},
};

fn to(addresses: &[&str]) -> Attributes {
    let addresses = addresses
        .iter()
        .map(|address| address.parse::<IpAddr>().expect("an address"));
    Attributes {
        addresses: addresses.collect(),
        ..Attributes::default()
    }
}

fn sent(bytes_sent: u64) -> Attributes {
    Attributes {
        bytes_sent,
        ..Attributes::default()
    }
}

fn rules(outcome: &MergeOutcome) -> Vec<Rule> {
    let mut rules: Vec<_> = outcome.new_quarantined.iter().map(|raised| raised.rule).collect();
    rules.sort_unstable();
    rules
}

/// A workload that learned one name at one address, and judges from second 60 on.
fn knowing(attributes: Attributes) -> World {
    let mut world = World::mature();
    world.sees(&flow_to("api.example.org"), attributes, at(0));
    world
}

fn with_group(world: &mut World) {
    let cloud = (String::from("cloud"), vec!["203.0.113.0/24".parse().expect("a range")]);
    world.policy.network.groups = Groups::new([cloud]).expect("a group");
}

#[test]
fn the_first_connection_into_a_group_is_raised_beside_its_name_and_the_second_is_not() {
    let mut world = knowing(to(&["198.51.100.1"]));
    with_group(&mut world);
    let outcome = world.sees(&flow_to("new.example.net"), to(&["203.0.113.7"]), at(100));
    assert_eq!(rules(&outcome), [Rule::NewDestination, Rule::NewDestinationGroup]);
    let outcome = world.sees(&flow_to("other.example.net"), to(&["203.0.113.8"]), at(101));
    assert_eq!(rules(&outcome), [Rule::NewDestination]);
}

#[test]
fn a_known_name_that_leads_into_a_group_for_the_first_time_is_raised_for_that() {
    let mut world = knowing(to(&["203.0.112.1"]));
    with_group(&mut world);
    let outcome = world.sees(&flow_to("api.example.org"), to(&["203.0.113.7"]), at(100));
    assert_eq!(rules(&outcome), [Rule::NewDestinationGroup], "the /16 is the same");
}

#[test]
fn a_group_that_was_reached_while_learning_is_normal() {
    let mut world = World::mature();
    with_group(&mut world);
    world.sees(&flow_to("api.example.org"), to(&["203.0.113.7"]), at(0));
    let outcome = world.sees(&flow_to("api.example.org"), to(&["203.0.113.9"]), at(100));
    assert_eq!(rules(&outcome), []);
}

#[test]
fn a_denied_network_is_raised_whatever_name_led_there_and_never_learned() {
    let mut world = World::mature();
    world.policy.network.deny_networks = ["192.0.2.0/28".parse().expect("a range")].into();
    let outcome = world.sees(&flow_to("api.example.org"), to(&["192.0.2.7", "192.0.2.99"]), at(0));
    assert_eq!(rules(&outcome), [Rule::DeniedBehaviour]);
    assert_eq!(outcome.new_learned.len(), 1, "the name itself is not denied");
}

#[test]
fn a_denied_name_covers_what_lies_below_it_only_where_it_says_so() {
    let denied = |listed: &str, name: &str| {
        let mut world = World::mature();
        world.policy.network.deny_names.insert(listed.to_owned());
        rules(&world.sees(&flow_to(name), Attributes::default(), at(0))) == [Rule::DeniedBehaviour]
    };
    assert!(denied("paste.example.org", "paste.example.org"));
    assert!(!denied("paste.example.org", "x.paste.example.org"));
    assert!(denied("*.example.org", "x.paste.example.org"));
    assert!(!denied("*.example.org", "example.org"));
    assert!(!denied("*.example.org", "badexample.org"));
}

#[test]
fn a_known_name_that_moves_is_a_low_finding_and_moves_nothing_that_was_learned() {
    let mut world = knowing(to(&["198.51.100.1"]));
    let same = world.sees(&flow_to("api.example.org"), to(&["198.51.7.7"]), at(100));
    assert_eq!(rules(&same), [], "the same /16");
    let moved = world.sees(&flow_to("api.example.org"), to(&["203.0.113.1"]), at(101));
    assert_eq!(rules(&moved), [Rule::KnownNameElsewhere]);
    let entries = &world.baseline.containers[&container()].feeds[&Feed::Network].entries;
    let learned = &entries[&flow_to("api.example.org").id()].attributes;
    assert_eq!(*learned, to(&["198.51.100.1"]));
    let again = world.sees(&flow_to("api.example.org"), to(&["203.0.113.2"]), at(102));
    assert_eq!(rules(&again), [], "raised already");
}

#[test]
fn of_a_name_that_was_learned_at_many_addresses_nothing_is_expected() {
    let many: Vec<String> = (0..16).map(|network| format!("10.{network}.0.1")).collect();
    let mut world = knowing(to(&many.iter().map(String::as_str).collect::<Vec<_>>()));
    let outcome = world.sees(&flow_to("api.example.org"), to(&["203.0.113.1"]), at(100));
    assert_eq!(rules(&outcome), []);
}

#[test]
fn sixteen_times_the_learned_volume_is_raised_from_64_mib_on() {
    let mib = 1 << 20;
    for (learned, now, raised) in [
        (4 * mib, 64 * mib, true),
        (4 * mib, 64 * mib - 1, false),
        (5 * mib, 64 * mib, false),
        (1_000, 63 * mib, false),
        (0, 64 * mib, true),
    ] {
        let mut world = knowing(sent(learned));
        let outcome = world.sees(&flow_to("api.example.org"), sent(now), at(100));
        let expected: &[Rule] = if raised { &[Rule::UnusualVolume] } else { &[] };
        assert_eq!(rules(&outcome), expected, "{learned} then {now}");
    }
}

#[test]
fn small_steps_lead_to_no_greater_volume() {
    let mut world = knowing(sent(8 << 20));
    for step in 1..5 {
        world.sees(
            &flow_to("api.example.org"),
            sent((8 << 20) * 2_u64.pow(step)),
            at(100 + i64::from(step)),
        );
    }
    let outcome = world.sees(&flow_to("api.example.org"), sent(8 << 25), at(200));
    assert_eq!(rules(&outcome), [Rule::UnusualVolume]);
}

#[test]
fn a_visitor_is_raised_once_and_nothing_is_derived_of_him() {
    let mut world = knowing(to(&["198.51.100.1"]));
    with_group(&mut world);
    let Behaviour::Network(network) = flow_to("new.example.net") else {
        panic!("a flow");
    };
    let visit = NetworkParts {
        origin: Origin::Exec,
        ..NetworkParts::from(network)
    };
    let outcome = world.sees(&Behaviour::Network(visit.into()), to(&["203.0.113.7"]), at(100));
    assert_eq!(rules(&outcome), [Rule::ExecFromOutside]);
}

#[test]
fn a_scanner_of_a_mature_workload_leaves_room_for_the_rest_and_is_counted() {
    let mut world = knowing(to(&["198.51.100.1"]));
    let scan = (0..100_000_u32).map(|number| {
        let address = IpAddr::from((0x0b00_0000 + number * 256).to_be_bytes());
        BehaviourReport {
            attributes: Attributes {
                addresses: [address].into(),
                ..Attributes::default()
            },
            ..seen(&flow(Destination::prefix(address)), at(100))
        }
    });
    for feed in [Feed::Network, Feed::Module] {
        world.baseline.feed_mut(&container(), feed, at(0));
    }
    let burst = batch(1_000, pod("p1", "h1", digest('1')), scan.collect());
    let outcome = merge(&mut world.baseline, &burst, &world.policy, at(100));
    assert!(outcome.overflowed > 99_000, "{}", outcome.overflowed);
    let feeds = &world.baseline.containers[&container()].feeds;
    assert_eq!(feeds[&Feed::Network].overflowed, outcome.overflowed);
    assert_eq!(world.baseline.generalised(), 0, "what is raised is told one by one");
    for number in 0..10 {
        let program = process("/usr/bin/python3", &format!("/usr/bin/tool-{number}"));
        let library = crate::testkit::library(&format!("/usr/lib/{number}.so"), 'a', SourceLayer::Volume);
        for behaviour in [program, library] {
            let raised = world.shows_at("p1", "h1", '1', &behaviour, at(101)).new_quarantined;
            assert_eq!(raised.len(), 1, "{behaviour:?}");
        }
    }
    let known = world.sees(&flow_to("api.example.org"), to(&["198.51.100.1"]), at(102));
    assert_eq!(rules(&known), [], "what was learned before stays");
    let json = serde_json::to_string(&world.baseline).expect("JSON").len();
    assert!(json < 512 * 1_024, "{json} bytes");
}
