//! What is joined when room runs short, what is not, and that the order does not matter.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    baseline::{Batch, EntryState, Maturity, age, merge},
    behaviour::{Destination, Direction, NetworkParts, Origin, ProcessParts, Protocol},
    id::WorkloadKey,
    invariants,
    rules::Rule,
    testkit::{
        World, at, batch, behaviour, container, digest, flow, flow_to, library, parts, pod, policy, process, seen,
    },
};

/// Rungs above a flow, as a person reads them.
fn ladder_of(destination: &str) -> Vec<String> {
    let destination = match destination.split_once(' ') {
        Some(("Service", name)) => Destination::Service(name.to_owned()),
        Some((_, key)) => Destination::Workload(key.parse().expect("a workload")),
        None => match destination.parse() {
            Ok(network) => Destination::Prefix(network),
            Err(_) => Destination::Name(destination.to_owned()),
        },
    };
    let rungs = rungs::ladder(&flow(destination)).map(|wider| match wider {
        Behaviour::Network(network) => format!("{} {}", network.destination(), network.port()),
        Behaviour::Process(_) | Behaviour::Module(_) => unreachable!("a flow"),
    });
    rungs.collect()
}

#[test]
fn a_destination_widens_within_its_own_class() {
    for (destination, wider) in [
        (
            "203.0.113.0/24",
            &["203.0.0.0/16 443", "0.0.0.0/0 443", "0.0.0.0/0 0"][..],
        ),
        ("10.1.2.0/24", &["10.1.0.0/16 443", "10.0.0.0/8 443", "10.0.0.0/8 0"]),
        (
            "172.20.2.0/24",
            &["172.20.0.0/16 443", "172.16.0.0/12 443", "172.16.0.0/12 0"],
        ),
        ("192.168.7.0/24", &["192.168.0.0/16 443", "192.168.0.0/16 0"]),
        ("2001:db8:1:200::/56", &["2001:db8::/32 443", "::/0 443", "::/0 0"]),
        (
            "fd12:3456:1::/56",
            &["fd12:3456::/32 443", "fc00::/7 443", "fc00::/7 0"],
        ),
        ("a.b.example.org", &["*.example.org 443", "* 443", "* 0"]),
        ("example.org", &["*.example.org 443", "* 443", "* 0"]),
        (
            "a.bucket.s3.amazonaws.com",
            &["*.bucket.s3.amazonaws.com 443", "* 443", "* 0"],
        ),
        (
            "Service shop/db",
            &["Service shop/* 443", "Service */* 443", "Service */* 0"],
        ),
        ("workload shop/Deployment/db", &["shop/*/* 443", "*/*/* 443", "*/*/* 0"]),
    ] {
        assert_eq!(ladder_of(destination), wider, "{destination}");
    }
}

#[test]
fn what_means_something_by_itself_has_nothing_wider() {
    for destination in [
        "169.254.169.0/24",
        "127.0.0.0/24",
        "239.1.1.0/24",
        "100.100.100.0/24",
        "168.63.129.0/24",
        "fe80::/56",
        "fd00:ec2::/56",
        "s3.amazonaws.com",
        "Service default/kubernetes",
        "workload kube-system/Deployment/coredns",
    ] {
        assert_eq!(ladder_of(destination), [""; 0], "{destination}");
    }
    let of = |change: fn(&mut ProcessParts)| {
        let mut parts = parts("/usr/bin/python3", "/usr/bin/date");
        change(&mut parts);
        rungs::next(&behaviour(parts)).is_some()
    };
    assert!(of(|_| {}));
    assert!(!of(|parts| parts.executable = "/usr/bin/bash".to_owned()), "a shell");
    assert!(!of(|parts| parts.source = SourceLayer::Volume));
    assert!(!of(|parts| parts.source = SourceLayer::UpperNew));
    assert!(!of(|parts| parts.script = Some("/app/run.sh".to_owned())));
    assert!(!of(|parts| parts.applet = Some("wget".to_owned())));
    assert!(!of(|parts| parts.stdin_socket = true));
    assert!(rungs::next(&library("/usr/lib/x.so", 'a', SourceLayer::Image)).is_some());
    assert!(rungs::next(&library("/data/x.so", 'a', SourceLayer::Volume)).is_none());
}

proptest! {
    #[test]
    fn each_rung_is_higher_than_the_one_below(address: [u8; 4], bits in 0_u8..=32, port: u16) {
        let network = Destination::Prefix(format!("{}/{bits}", std::net::Ipv4Addr::from(address)).parse().expect("a range"));
        let Behaviour::Network(made) = flow(network) else { unreachable!("a flow") };
        let mut below = None;
        for rung in rungs::ladder(&Behaviour::Network(NetworkParts { port, ..NetworkParts::from(made) }.into())) {
            prop_assert!(below < Some(rungs::height(&rung)));
            below = Some(rungs::height(&rung));
        }
    }
}

/// One of several hundred behaviours: many networks, names of a few domains, programs of a few folders.
fn any_behaviour() -> impl Strategy<Value = Behaviour> {
    let network = |second: u8, third: u8, port| {
        let parts = NetworkParts {
            origin: Origin::Entrypoint,
            executable: ["/usr/bin/python3", "/usr/bin/curl"][usize::from(third.is_multiple_of(7))].to_owned(),
            direction: Direction::Connect,
            protocol: Protocol::Tcp,
            port,
            destination: Destination::prefix(std::net::IpAddr::from([203, second, third, 1])),
        };
        Behaviour::Network(parts.into())
    };
    prop_oneof![
        4 => (0_u8..40, 0_u8..20, prop_oneof![Just(443_u16), Just(80), 8_000_u16..8_040])
            .prop_map(move |(second, third, port)| network(second, third, port)),
        2 => ("[a-d]", 0..20_u8).prop_map(|(domain, host)| flow_to(&format!("h{host}.{domain}.example"))),
        1 => (0..40_u16).prop_map(|port| {
            let Behaviour::Network(made) = flow(Destination::Local) else { unreachable!("a flow") };
            Behaviour::Network(NetworkParts { direction: Direction::Listen, port, ..made.into() }.into())
        }),
    ]
}

/// Learns batch by batch, as merging does, with so much room.
fn learned(batches: &[Vec<Behaviour>], room: usize) -> Baseline {
    let policy = policy(1_000_000);
    let mut baseline = Baseline::default();
    let mut used = Used::default();
    for (seq, behaviours) in batches.iter().enumerate() {
        for behaviour in behaviours {
            let feed = baseline.feed_mut(&container(), Feed::Network, at(0));
            let time = at(i64::try_from(seq).expect("few") % 3 * 86_400);
            let report = seen(behaviour, time);
            let report = stand_in(feed, &container(), &report, &policy, None);
            let entry = Entry {
                behaviour: report.behaviour.clone(),
                attributes: report.attributes.clone().into(),
                state: EntryState::Learned,
                lineage: report.lineage.clone(),
                count: 1,
                first_seen: at(0),
                last_seen: time,
                days: Marks::NONE,
                pods: 1,
                shown_by: [].into(),
                unverified: false,
                snapshot: false,
                provisional: false,
                generalised: false,
                strangeness: None,
                lesson: crate::baseline::Lesson::default(),
            };
            if let Some(held) = feed.entries.get_mut(&report.behaviour.id()) {
                used.remove(held);
                let generalised = held.generalised;
                absorb(held, entry);
                held.generalised = generalised;
                held.count = 1;
                used.add(held);
            } else {
                used.add(&entry);
                feed.entries.insert(entry.behaviour.id(), entry);
            }
        }
        if apart(&baseline, Feed::Network).is_some() || used.learned(Feed::Network) > room {
            settle_within(&mut baseline, Feed::Network, &policy, &mut used, room);
        }
    }
    for entry in baseline
        .containers
        .values_mut()
        .flat_map(|held| held.feeds.values_mut())
        .flat_map(|held| held.entries.values_mut())
    {
        // How often an entry was merged depends on the repetitions, which are no part of what is compared.
        entry.count = 1;
    }
    baseline
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_joined_is_a_function_of_what_was_learned_whatever_the_order(
        (behaviours, shuffled) in vec(any_behaviour(), 0..300)
            .prop_flat_map(|behaviours| (Just(behaviours.clone()), Just(behaviours).prop_shuffle())),
        (size, other_size) in (1..60_usize, 1..60_usize),
        room in 2_000..40_000_usize,
    ) {
        let batches = |behaviours: &[Behaviour], size| behaviours.chunks(size).map(<[_]>::to_vec).collect::<Vec<_>>();
        let keys = |baseline: &Baseline| {
            let entries = baseline.entries().map(|(_, id, entry)| (id, entry.generalised, entry.behaviour.clone()));
            (apart(baseline, Feed::Network), entries.collect::<Vec<_>>())
        };
        let (one, other) = (
            learned(&batches(&behaviours, size), room),
            learned(&batches(&shuffled, other_size), room),
        );
        prop_assert_eq!(keys(&one), keys(&other));
        let policy = policy(1_000_000);
        for behaviour in &behaviours {
            let feed = &one.containers[&container()].feeds[&Feed::Network];
            prop_assert!(feed.known(&container(), behaviour, &policy).is_some(), "{behaviour:?} was learned, and is not known");
        }
    }
}

/// Reports of so many /24s that python connects to.
fn scan(many: u32, time: crate::time::Timestamp) -> Vec<BehaviourReport> {
    let network = |number: u32| {
        let address = std::net::Ipv4Addr::from(0x1400_0000 + number * 256 * 7);
        flow(Destination::prefix(address.into()))
    };
    (0..many).map(|number| seen(&network(number), time)).collect()
}

fn merge_all(world: &mut World, first: u64, reports: &[BehaviourReport], time: crate::time::Timestamp) -> u64 {
    let mut overflowed = 0;
    for (seq, reports) in (first..).zip(reports.chunks(500)) {
        let batch: Batch = batch(seq, pod("p1", "h1", digest('1')), reports.to_vec());
        overflowed += merge(&mut world.baseline, &batch, &world.policy, time).overflowed;
    }
    overflowed
}

/// What a workload of several hundred behaviours learned beside.
fn everyday() -> Vec<Behaviour> {
    let programs = (0..60).map(|number| process("/usr/bin/java", &format!("/usr/bin/tool-{number}")));
    let names = (0..40).map(|number| flow_to(&format!("service-{number}.vendor-{number}.example")));
    let workloads = (0..30).map(|number| {
        flow(Destination::Workload(WorkloadKey::new(
            "shop",
            "Deployment",
            format!("w{number}"),
        )))
    });
    let libraries = (0..60).map(|number| library(&format!("/data/{number}.so"), 'a', SourceLayer::Volume));
    programs.chain(names).chain(workloads).chain(libraries).collect()
}

#[test]
fn a_hundred_thousand_destinations_of_one_scanner_become_one_and_the_rest_stays_as_it_was_learned() {
    let mut world = World::mature();
    let before: Vec<_> = everyday().iter().map(|behaviour| seen(behaviour, at(2))).collect();
    merge_all(&mut world, 1_000, &before, at(2));
    assert_eq!(
        merge_all(&mut world, 2_000, &scan(100_000, at(3)), at(3)),
        0,
        "nothing finds no room"
    );
    let after: Vec<_> = (0..20)
        .map(|number| seen(&flow_to(&format!("late-{number}.example.net")), at(4)))
        .collect();
    assert_eq!(merge_all(&mut world, 3_000, &after, at(4)), 0);
    for behaviour in everyday() {
        let held = world.baseline.entries().find(|(_, id, _)| *id == behaviour.id());
        assert!(held.is_some_and(|(_, _, entry)| !entry.generalised), "{behaviour:?}");
    }
    let templates: Vec<_> = world
        .baseline
        .entries()
        .filter(|(_, _, entry)| entry.generalised)
        .collect();
    assert_eq!(templates.len(), 1);
    assert_eq!(
        templates[0].2.behaviour,
        flow(Destination::Prefix("0.0.0.0/0".parse().expect("all")))
    );
    assert_eq!(templates[0].2.count, 100_000);
    invariants::baseline(&world.baseline, &world.policy).expect("the invariants of a baseline");

    // It may go anywhere by this port, and by no other; whatever else there is may not.
    let elsewhere = flow(Destination::prefix("198.51.100.1".parse().expect("an address")));
    assert_eq!(world.shows_at("p1", "h1", '1', &elsewhere, at(100)).new_quarantined, []);
    let private = flow(Destination::prefix("10.9.9.9".parse().expect("an address")));
    let metadata = flow(Destination::prefix("169.254.169.254".parse().expect("an address")));
    let Behaviour::Network(made) = elsewhere else {
        unreachable!("a flow");
    };
    let other = |change: fn(&mut NetworkParts)| {
        let mut parts = NetworkParts::from(made.clone());
        change(&mut parts);
        Behaviour::Network(parts.into())
    };
    let by_port = other(|parts| parts.port = 22);
    let by_program = other(|parts| parts.executable = "/usr/bin/java".to_owned());
    for strange in [private, metadata, by_port, by_program, flow_to("new.example.org")] {
        let raised = world.shows_at("p1", "h1", '1', &strange, at(101)).new_quarantined;
        assert_eq!(raised.len(), 1, "{strange:?}");
    }
}

#[test]
fn a_workload_of_six_hundred_ordinary_behaviours_has_room_for_each() {
    let mut world = World::mature();
    let programs = (0..180).map(|number| process("/usr/bin/java", &format!("/usr/bin/tool-{number}")));
    let names = (0..180).map(|number| flow_to(&format!("api-{number}.vendor-{number}.example")));
    let libraries =
        (0..150).map(|number| library(&format!("/opt/app/lib/native-{number}.so"), 'a', SourceLayer::Volume));
    let all: Vec<_> = programs.chain(names).chain(libraries).collect();
    let reports: Vec<_> = all.iter().map(|behaviour| seen(behaviour, at(2))).collect();
    assert_eq!(merge_all(&mut world, 1_000, &reports, at(2)), 0);
    assert_eq!((world.baseline.learned(), world.baseline.generalised()), (512, 0));
}

#[test]
fn a_flood_while_learning_makes_no_shell_and_no_foreign_file_normal() {
    let mut world = World::mature();
    let flood = (0..5_000).map(|number| seen(&process("/usr/bin/python3", &format!("/usr/bin/tool-{number}")), at(2)));
    assert_eq!(merge_all(&mut world, 1_000, &flood.collect::<Vec<_>>(), at(2)), 0);
    assert_eq!(world.baseline.generalised(), 1);
    let known = process("/usr/bin/python3", "/usr/bin/never-seen");
    assert_eq!(world.shows_at("p1", "h1", '1', &known, at(100)).new_quarantined, []);
    let of = |source, executable: &str| {
        behaviour(ProcessParts {
            source,
            ..parts("/usr/bin/python3", executable)
        })
    };
    for (strange, rule) in [
        (of(SourceLayer::Image, "/usr/bin/bash"), Rule::ProcessOutsideBaseline),
        (
            of(SourceLayer::Image, "/usr/bin/nc.openbsd"),
            Rule::ProcessOutsideBaseline,
        ),
        (
            of(SourceLayer::ImageCopiedUp, "/usr/bin/changed"),
            Rule::ProcessOutsideBaseline,
        ),
        (
            of(SourceLayer::UpperNew, "/usr/bin/dropped"),
            Rule::ExecutableNotFromImage,
        ),
        (of(SourceLayer::Image, "/usr/sbin/tool-1"), Rule::ProcessOutsideBaseline),
    ] {
        let raised = world.shows_at("p1", "h1", '1', &strange, at(101)).new_quarantined;
        let rules: Vec<_> = raised.iter().map(|raised| raised.rule).collect();
        assert_eq!(rules, [rule], "{strange:?}");
    }
    let mut denying = world.policy.clone();
    denying.process.deny.insert("/usr/bin/tool-7".to_owned());
    world.policy = denying;
    let denied = process("/usr/bin/python3", "/usr/bin/tool-7");
    let raised = world.shows_at("p1", "h1", '1', &denied, at(102)).new_quarantined;
    assert_eq!(
        raised.iter().map(|raised| raised.rule).collect::<Vec<_>>(),
        [Rule::DeniedBehaviour]
    );
}

#[test]
fn once_what_was_joined_fell_out_of_the_window_everything_is_told_apart_again() {
    const DAY: i64 = 86_400;
    let mut world = World::mature();
    world.policy.maturity.minimum = crate::time::Duration::from_hours(24 * 40);
    merge_all(&mut world, 1_000, &scan(2_000, at(3)), at(3));
    assert_eq!(world.baseline.generalised(), 1);
    world.sees(
        &flow_to("a.example.org"),
        crate::behaviour::Attributes::default(),
        at(11 * DAY),
    );
    age(&mut world.baseline, &world.policy, at(11 * DAY));
    let feed = &world.baseline.containers[&container()].feeds[&Feed::Network];
    assert_eq!(
        (feed.apart, feed.entries.len(), feed.maturity),
        (None, 1, Maturity::Learning)
    );
}

#[test]
fn a_template_that_somebody_denied_stands_for_nothing_and_takes_nothing_in() {
    let mut world = World::mature();
    merge_all(&mut world, 1_000, &scan(2_000, at(3)), at(3));
    let feed = world.baseline.feed_mut(&container(), Feed::Network, at(3));
    for entry in feed.entries.values_mut().filter(|entry| entry.generalised) {
        entry.state = EntryState::Quarantined {
            rule: Rule::DeniedBehaviour,
        };
    }
    let new = scan(1, at(100)).remove(0).behaviour;
    assert_eq!(world.shows_at("p1", "h1", '1', &new, at(100)).new_quarantined.len(), 1);
    merge_all(&mut world, 3_000, &scan(3_000, at(101)), at(101));
    let templates = world.baseline.entries().filter(|(_, _, entry)| entry.generalised);
    assert!(templates.into_iter().all(|(_, _, entry)| entry.is_quarantined()));
}

#[test]
fn libraries_of_the_image_are_joined_by_their_folder_and_stay_approved() {
    let mut world = World::mature();
    let of_image = |number: u32| {
        library(
            &format!("/usr/lib/x86_64-linux-gnu/lib{number}.so"),
            'a',
            SourceLayer::Image,
        )
    };
    let reports: Vec<_> = (0..600).map(|number| seen(&of_image(number), at(2))).collect();
    assert_eq!(merge_all(&mut world, 1_000, &reports, at(2)), 0);
    let modules = &world.baseline.containers[&container()].feeds[&Feed::Module];
    assert_eq!((modules.entries.len(), modules.apart), (1, Some(64)));
    assert_eq!(
        world
            .shows_at("p1", "h1", '1', &of_image(9_999), at(100))
            .new_quarantined,
        []
    );
    let replaced = library("/usr/lib/x86_64-linux-gnu/lib1.so", 'b', SourceLayer::Volume);
    assert_eq!(
        world
            .shows_at("p1", "h1", '1', &replaced, at(101))
            .new_quarantined
            .len(),
        1
    );
}

/// A workload on two nodes: `n1` tells of so many networks, and each of them of three of its own; it judges.
fn flooded_by_one_node(many: u32) -> World {
    let mut world = World::mature();
    world.runs_on("n1", "p1", at(0));
    world.runs_on("n2", "p2", at(0));
    for (node, uid) in [("n1", "p1"), ("n2", "p2")] {
        for third in 0..3_u8 {
            let own = flow(Destination::prefix(std::net::IpAddr::from([20, 0, third * 7 + 1, 1])));
            world.tells(node, uid, seen(&own, at(2)));
        }
    }
    for report in scan(many, at(3)) {
        world.tells("n1", "p1", report);
    }
    world
}

#[test]
fn what_one_node_floods_is_joined_by_itself_and_stands_for_nothing_elsewhere() {
    let mut world = flooded_by_one_node(1_500);
    let templates: Vec<_> = world
        .baseline
        .entries()
        .filter(|(_, _, entry)| entry.generalised)
        .collect();
    assert!(!templates.is_empty());
    for (_, _, template) in templates {
        assert_eq!(template.lesson.node, Seen::One("n1".into()), "{:?}", template.behaviour);
    }
    let sibling = |last: u8| flow(Destination::prefix(std::net::IpAddr::from([20, 99, last, 1])));
    assert_eq!(world.tells("n1", "p1", seen(&sibling(1), at(100))).new_quarantined, []);
    let raised = world.tells("n2", "p2", seen(&sibling(2), at(101))).new_quarantined;
    assert_eq!(raised.len(), 1);
    // What both nodes told of stays told apart, and known on both.
    for (node, uid) in [("n1", "p1"), ("n2", "p2")] {
        let own = flow(Destination::prefix(std::net::IpAddr::from([20, 0, 8, 1])));
        assert_eq!(world.tells(node, uid, seen(&own, at(102))).new_quarantined, []);
    }
    invariants::baseline(&world.baseline, &world.policy).expect("the invariants of a baseline");
}

#[test]
fn what_several_nodes_have_too_much_of_is_joined_for_all() {
    let mut world = World::mature();
    world.runs_on("n1", "p1", at(0));
    world.runs_on("n2", "p2", at(0));
    for (number, report) in scan(1_500, at(3)).into_iter().enumerate() {
        let (node, uid) = [("n1", "p1"), ("n2", "p2")][number % 2];
        world.tells(node, uid, report);
    }
    let sibling = flow(Destination::prefix(std::net::IpAddr::from([20, 99, 1, 1])));
    world.runs_on("n3", "p3", at(0));
    assert_eq!(world.tells("n3", "p3", seen(&sibling, at(100))).new_quarantined, []);
}
