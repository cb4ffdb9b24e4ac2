//! What counts as a name, and what somebody in a container can't make count.

use super::*;
use proptest::prelude::*;
use resolvers::{PodDns, Resolvers};

const DNS: &str = "10.96.0.10:53";
const SECOND: u64 = 1_000_000_000;

/// An answer, who gives it, and when.
struct Told {
    answer: Answer,
    resolver: SocketAddr,
    at_ns: u64,
}

fn answer(question: &str, address: &str, ttl: u64, seconds: u64) -> Told {
    Told {
        answer: Answer {
            id: 1,
            question: question.to_owned(),
            addresses: vec![(address.parse().unwrap(), Duration::from_secs(ttl))],
        },
        resolver: DNS.parse().unwrap(),
        at_ns: seconds * SECOND,
    }
}

fn from(resolver: &str, told: Told) -> Told {
    Told {
        resolver: resolver.parse().unwrap(),
        ..told
    }
}

impl Names<u8> {
    fn take(&mut self, container: u8, told: &Told) -> Taken {
        self.answer(&container, told.resolver, told.at_ns, &told.answer)
    }
}

fn names() -> Names<u8> {
    Names::new(NameLimits::default())
}

/// For a pod that asks the cluster's DNS.
fn looked_up(names: &mut Names<u8>, address: &str, seconds: u64) -> Option<String> {
    let resolvers = Resolvers {
        cluster: [DNS.parse().unwrap()].into(),
        ..Resolvers::default()
    };
    let pod = PodDns {
        cluster: true,
        ..PodDns::default()
    };
    let counts = |resolver| resolvers.count(&pod, resolver);
    let name = names.name(&1, address.parse().unwrap(), seconds * SECOND, counts)?;
    Some(name.to_string())
}

#[test]
fn an_answer_names_its_addresses() {
    let mut names = names();
    let mut both = answer("API.Example.org.", "192.0.2.1", 30, 100);
    both.answer
        .addresses
        .push(("2001:db8::1".parse().unwrap(), Duration::from_secs(30)));
    assert_eq!(names.take(1, &both), Taken::Kept);
    for address in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
        assert_eq!(
            looked_up(&mut names, address, 110).as_deref(),
            Some("api.example.org"),
            "{address}"
        );
    }
    assert_eq!(looked_up(&mut names, "192.0.2.2", 110), None);
}

#[test]
fn a_name_is_good_for_a_minute_longer_than_it_states() {
    let mut names = names();
    names.take(1, &answer("a.example.org", "192.0.2.1", 30, 100));
    names.take(1, &answer("b.example.org", "192.0.2.2", 0, 100));
    for (address, last) in [("192.0.2.1", 190), ("192.0.2.2", 160)] {
        assert!(looked_up(&mut names, address, last).is_some(), "{address}");
        assert!(looked_up(&mut names, address, last + 1).is_none(), "{address}");
    }
}

#[test]
fn a_flow_sees_the_answers_from_before_it_whenever_they_are_read() {
    let mut names = names();
    names.take(1, &answer("later.example.org", "192.0.2.1", 30, 120));
    names.take(1, &answer("early.example.org", "192.0.2.1", 30, 100));
    assert_eq!(looked_up(&mut names, "192.0.2.1", 99), None);
    assert_eq!(
        looked_up(&mut names, "192.0.2.1", 119).as_deref(),
        Some("early.example.org")
    );
    assert_eq!(
        looked_up(&mut names, "192.0.2.1", 120).as_deref(),
        Some("later.example.org")
    );
    // A later answer with the same name takes nothing from a flow before it.
    names.take(1, &answer("early.example.org", "192.0.2.1", 30, 130));
    assert_eq!(
        looked_up(&mut names, "192.0.2.1", 110).as_deref(),
        Some("early.example.org")
    );
    assert_eq!(
        looked_up(&mut names, "192.0.2.1", 130).as_deref(),
        Some("early.example.org")
    );
}

#[test]
fn an_address_of_two_names_has_the_one_that_was_told_last() {
    for order in [["a", "b"], ["b", "a"]] {
        let mut names = names();
        for name in order {
            let second = if name == "a" { 100 } else { 101 };
            names.take(1, &answer(&format!("{name}.example.org"), "192.0.2.1", 30, second));
        }
        assert_eq!(
            looked_up(&mut names, "192.0.2.1", 110).as_deref(),
            Some("b.example.org")
        );
    }
}

#[test]
fn what_a_container_tells_itself_names_nothing() {
    let mut names = names();
    for resolver in [
        "127.0.0.1:53",
        "127.0.0.53:53",
        "[::1]:53",
        "0.0.0.0:53",
        "[::ffff:127.0.0.1]:53",
    ] {
        let own = from(resolver, answer("known.example.org", "203.0.113.9", 30, 100));
        assert_eq!(names.take(1, &own), Taken::Loopback, "{resolver}");
    }
    assert_eq!(looked_up(&mut names, "203.0.113.9", 110), None);
    assert!(names.is_empty());
}

#[test]
fn a_resolver_of_the_attackers_gives_no_address_a_known_name() {
    let mut names = names();
    // A container that asked, and was answered by, a resolver that its pod's specification does not name.
    names.take(
        1,
        &from("203.0.113.53:53", answer("known.example.org", "203.0.113.9", 30, 100)),
    );
    assert_eq!(looked_up(&mut names, "203.0.113.9", 110), None);
    // Nor does it hide what the cluster's DNS told before.
    names.take(1, &answer("evil.example.net", "203.0.113.9", 30, 100));
    for second in 101..120 {
        let known = answer(&format!("known{second}.example.org"), "198.51.100.7", 30, second);
        names.take(1, &from("203.0.113.53:53", known));
        names.take(
            1,
            &from(
                "203.0.113.53:53",
                answer("known.example.org", "203.0.113.9", 30, second),
            ),
        );
    }
    assert_eq!(
        looked_up(&mut names, "203.0.113.9", 120).as_deref(),
        Some("evil.example.net")
    );
}

#[test]
fn what_another_container_looked_up_names_nothing_here() {
    let mut names = names();
    names.take(2, &answer("known.example.org", "203.0.113.9", 30, 100));
    assert_eq!(looked_up(&mut names, "203.0.113.9", 110), None);
}

#[test]
fn what_is_no_name_or_leads_back_into_the_pod_is_told_apart() {
    let mut names = names();
    let taken = |names: &mut Names<u8>, question, address| names.take(1, &answer(question, address, 30, 100));
    assert_eq!(
        taken(&mut names, "a b.org", "192.0.2.1"),
        Taken::NoName(NameError::Character)
    );
    assert_eq!(taken(&mut names, "", "192.0.2.1"), Taken::NoName(NameError::Length));
    assert_eq!(
        taken(&mut names, "192.0.2.9", "192.0.2.1"),
        Taken::NoName(NameError::Address)
    );
    assert_eq!(taken(&mut names, "a.example.org", "127.0.0.1"), Taken::NoAddress);
    assert!(names.is_empty());
}

#[test]
fn a_container_that_floods_takes_no_names_from_others() {
    let mut names = Names::new(NameLimits {
        per_container: 8,
        total: 12,
    });
    for last in 0..4 {
        names.take(1, &answer("kept.example.org", &format!("192.0.2.{last}"), 30, 100));
    }
    for container in [2, 3] {
        for number in 0..200_u8 {
            names.take(
                container,
                &answer("flood.example.org", &format!("198.51.100.{number}"), 30, 100),
            );
        }
    }
    assert_eq!(names.len(), 12);
    for last in 0..4 {
        assert!(looked_up(&mut names, &format!("192.0.2.{last}"), 110).is_some());
    }
}

#[test]
fn names_that_are_over_take_no_room() {
    let mut names = names();
    names.take(1, &answer("short.example.org", "192.0.2.1", 0, 100));
    names.take(1, &answer("long.example.org", "192.0.2.2", 300, 100));
    names.take(2, &answer("short.example.org", "192.0.2.1", 0, 100));
    names.expire(161 * SECOND);
    assert_eq!(names.len(), 1);
    assert!(looked_up(&mut names, "192.0.2.2", 170).is_some());
    names.expire(461 * SECOND);
    assert!(names.is_empty() && names.containers.is_empty());
}

proptest! {
    #[test]
    fn what_counts_is_counted_and_bounded(
        steps in prop::collection::vec((0..3_u8, 0..6_u8, 0..4_u8, 0..400_u64, 0..100_u64, 0..8_u8), 0..200)
    ) {
        let mut names = Names::new(NameLimits { per_container: 4, total: 6 });
        for (container, last, name, second, ttl, step) in steps {
            if step == 0 {
                names.expire(second * SECOND);
            } else {
                let told = answer(&format!("n{name}.example.org"), &format!("192.0.2.{last}"), ttl, second);
                names.take(container, &told);
            }
            let lengths: Vec<usize> = names.containers.values().map(LruCache::len).collect();
            prop_assert_eq!(lengths.iter().sum::<usize>(), names.len());
            prop_assert!(names.len() <= 6 && lengths.iter().all(|length| *length <= 4));
            let told = names.containers.values().flat_map(|addresses| addresses.iter());
            prop_assert!(told.into_iter().all(|(_, named)| (1..=NAMES).contains(&named.len())));
        }
    }

    #[test]
    fn the_order_in_which_answers_are_read_does_not_matter(
        told in prop::collection::vec((0..3_u8, 0..60_u64), 1..12), shuffle in any::<u64>(), at in 0..150_u64
    ) {
        // Within the time that one answer is good for, so that answers of a name form one row.
        let mut other = told.clone();
        other.sort_by_key(|(name, second)| (u64::from(*name) + second).wrapping_mul(shuffle | 1));
        let read = |told: &[(u8, u64)]| {
            let mut names = names();
            for (name, second) in told {
                names.take(1, &answer(&format!("n{name}.example.org"), "192.0.2.1", 0, *second));
            }
            looked_up(&mut names, "192.0.2.1", at)
        };
        prop_assert_eq!(read(&told), read(&other));
    }
}
