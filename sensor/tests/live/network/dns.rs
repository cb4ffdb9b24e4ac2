//! What resolvers answer: who may answer what, and to whom.

use super::net::{FAR, FAR_OTHER, Far, V4, V4_OTHER, V6_FAR, address, inside, network, within};
use super::talk::{FOUND, Talk, answer_by, query, reply, with_resolver};
use crate::fixture::{Live, live_with, only};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::decode::{Dns, RawEvent};
use anchorwatch_sensor::dns::{Answer, MessageError, answer};
use anchorwatch_sensor::loader::filter::Registration;
use anchorwatch_sensor::loader::{CgroupScope, LoadOptions};
use anchorwatch_sensor_common::loss::LossPlace;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

const ID: u16 = 0x1234;
const NAME: &str = "Shop.Example";

fn messages(answers: Vec<Dns>) -> Vec<Vec<u8>> {
    answers.into_iter().map(|dns| dns.message).collect()
}

#[test]
fn an_answer_to_what_a_container_asked_names_the_address() {
    let resolver = address(FAR, 53);
    let name = "an_answer_to_what_a_container_asked_names_the_address";
    let Some(mut live) = with_resolver(name, resolver) else {
        return;
    };
    inside(|| {
        let talk = Talk::new(&Far::new(), resolver);
        talk.ask(&query(ID, NAME));
        // As resolvers are free to.
        talk.answer(&reply(ID, "sHOP.example", 1));
    });
    let answers = live.answers();
    let expected = Dns {
        time_ns: answers[0].time_ns,
        cgroup_id: live.own_cgroup(),
        resolver,
        message: reply(ID, "sHOP.example", 1),
        truncated: false,
    };
    assert_eq!(answers, [expected]);
    let read = Answer {
        id: ID,
        question: "shop.example".into(),
        addresses: vec![(IpAddr::from(FOUND), Duration::from_mins(1))],
    };
    assert_eq!(answer(&answers[0].message), Ok(read));
}

#[test]
fn resolvers_may_have_other_ports_and_ipv6_addresses() {
    let resolver = address(V6_FAR, 5353);
    let name = "resolvers_may_have_other_ports_and_ipv6_addresses";
    let Some(mut live) = with_resolver(name, resolver) else {
        return;
    };
    inside(|| {
        let talk = Talk::new(&Far::new(), resolver);
        talk.ask(&query(ID, NAME));
        talk.answer(&reply(ID, NAME, 1));
    });
    let answers = live.answers();
    assert_eq!(answers.iter().map(|dns| dns.resolver).collect::<Vec<_>>(), [resolver]);
}

#[test]
fn only_the_first_answer_to_a_question_that_was_asked_counts() {
    let resolver = address(FAR, 53);
    let name = "only_the_first_answer_to_a_question_that_was_asked_counts";
    let Some(mut live) = with_resolver(name, resolver) else {
        return;
    };
    inside(|| {
        let talk = Talk::new(&Far::new(), resolver);
        talk.answer(&reply(ID, NAME, 1));
        talk.ask(&query(ID, NAME));
        talk.answer(&reply(ID + 1, NAME, 1));
        talk.answer(&reply(ID, "bank.example", 1));
        talk.answer(&query(ID, NAME));
        talk.answer(&reply(ID, NAME, 2));
        talk.answer(&reply(ID, NAME, 3));
    });
    assert_eq!(messages(live.answers()), [reply(ID, NAME, 2)]);
}

#[test]
fn who_is_no_resolver_names_nothing() {
    let resolver = address(FAR, 53);
    let Some(mut live) = with_resolver("who_is_no_resolver_names_nothing", resolver) else {
        return;
    };
    inside(|| {
        let far = Far::new();
        let talk = Talk::new(&far, resolver);
        talk.ask(&query(ID, NAME));
        // Another address with the same port, and the same address with another port.
        for other in [address(FAR_OTHER, 53), address(FAR, 54)] {
            let socket = far.inside(|| UdpSocket::bind(other).unwrap());
            answer_by(&socket, &talk, &reply(ID, NAME, 1));
        }
        let other = Talk::new(&far, address(FAR_OTHER, 53));
        other.ask(&query(ID, NAME));
        other.answer(&reply(ID, NAME, 1));
    });
    assert_eq!(live.answers(), []);
    live.loaded.remove_resolver(resolver).unwrap();
    inside(|| {
        let talk = Talk::new(&Far::new(), resolver);
        talk.ask(&query(ID, NAME));
        talk.answer(&reply(ID, NAME, 1));
    });
    assert_eq!(live.answers(), []);
}

#[test]
fn a_container_cannot_answer_itself_on_loopback() {
    let resolver = address("127.0.0.1", 53);
    let name = "a_container_cannot_answer_itself_on_loopback";
    let Some(mut live) = with_resolver(name, resolver) else {
        return;
    };
    inside(|| {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let talk = Talk {
            client,
            resolver: UdpSocket::bind(resolver).unwrap(),
        };
        talk.ask(&query(ID, NAME));
        talk.answer(&reply(ID, NAME, 1));
    });
    assert_eq!(live.answers(), []);
}

/// As one that is forged by raw sockets with a resolver's address would come.
#[test]
fn an_answer_that_never_left_the_containers_network_does_not_count() {
    let resolver = address(V4_OTHER, 53);
    let name = "an_answer_that_never_left_the_containers_network_does_not_count";
    let Some(mut live) = with_resolver(name, resolver) else {
        return;
    };
    inside(|| {
        let talk = Talk {
            client: UdpSocket::bind(address(V4, 0)).unwrap(),
            resolver: UdpSocket::bind(resolver).unwrap(),
        };
        talk.ask(&query(ID, NAME));
        talk.answer(&reply(ID, NAME, 1));
    });
    assert_eq!(live.answers(), []);
}

#[test]
fn in_the_hosts_network_a_resolver_may_live_on_the_machine() {
    let network = network();
    // What the programs take for the host's network is that of the first process in this folder.
    let proc = tempfile::tempdir().unwrap();
    let namespaces = proc.path().join("1/ns");
    std::fs::create_dir_all(&namespaces).unwrap();
    std::os::unix::fs::symlink(format!("/proc/self/fd/{}", network.as_raw_fd()), namespaces.join("net")).unwrap();
    let options = LoadOptions {
        cgroup_scope: CgroupScope::All,
        proc: proc.path().to_owned(),
        ..only(Feed::Network)
    };
    let name = "in_the_hosts_network_a_resolver_may_live_on_the_machine";
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    let resolver = address(V4_OTHER, 53);
    live.loaded.add_resolver(resolver).unwrap();
    within(&network, || {
        let talk = Talk {
            client: UdpSocket::bind(address(V4, 0)).unwrap(),
            resolver: UdpSocket::bind(resolver).unwrap(),
        };
        talk.ask(&query(ID, NAME));
        talk.answer(&reply(ID, NAME, 1));
    });
    assert_eq!(messages(live.answers()), [reply(ID, NAME, 1)]);
}

#[test]
fn long_answers_are_kept_whole_up_to_the_limit_and_then_cut() {
    let resolver = address(FAR, 53);
    let name = "long_answers_are_kept_whole_up_to_the_limit_and_then_cut";
    let Some(mut live) = with_resolver(name, resolver) else {
        return;
    };
    inside(|| {
        let talk = Talk::new(&Far::new(), resolver);
        for addresses in [30, 200] {
            talk.ask(&query(ID, NAME));
            talk.answer(&reply(ID, NAME, addresses));
        }
    });
    let answers = live.answers();
    let cut: Vec<_> = answers.iter().map(|dns| (dns.message.len(), dns.truncated)).collect();
    let whole = reply(ID, NAME, 30);
    assert!(whole.len() > 256);
    assert_eq!(cut, [(whole.len(), false), (1232, true)]);
    assert_eq!(answers[0].message, whole);
    assert!(matches!(
        answer(&answers[1].message),
        Err(MessageError::Short(_) | MessageError::Name(_))
    ));
}

#[test]
fn hostile_messages_are_passed_on_as_they_are_or_not_at_all() {
    let resolver = address(FAR, 53);
    let name = "hostile_messages_are_passed_on_as_they_are_or_not_at_all";
    let Some(mut live) = with_resolver(name, resolver) else {
        return;
    };
    // A name that points at itself, asked and answered alike.
    let mut circle = query(ID, NAME);
    circle.truncate(12);
    circle.extend(b"\xc0\x0c\0\x01\0\x01");
    let mut answered = circle.clone();
    answered[2] |= 0x80;
    // A label that goes on behind the end.
    let endless = [&query(ID, NAME)[..12], &[63; 40]].concat();
    let mut answered_endless = endless.clone();
    answered_endless[2] |= 0x80;
    inside(|| {
        let talk = Talk::new(&Far::new(), resolver);
        for (asked, answered) in [(&circle, &answered), (&endless, &answered_endless)] {
            talk.ask(asked);
            talk.answer(answered);
        }
        for short in [&b""[..], b"\x12", b"\x12\x34\x80\0\0\x01\0\0\0\0\0\0"] {
            talk.ask(short);
            talk.answer(short);
        }
        talk.ask(&query(ID, NAME));
        talk.answer(&reply(ID, NAME, 1));
    });
    let messages = messages(live.answers());
    assert_eq!(messages, [answered, answered_endless, reply(ID, NAME, 1)]);
    assert!(answer(&messages[0]).is_err() && answer(&messages[1]).is_err());
}

#[test]
fn of_a_flood_of_answers_what_is_missing_is_what_is_counted_to_the_last_one() {
    let name = "of_a_flood_of_answers_what_is_missing_is_what_is_counted_to_the_last_one";
    let options = LoadOptions {
        cgroup_scope: CgroupScope::All,
        ring_bytes: 16 << 10,
        ..only(Feed::Network)
    };
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    let resolver = address(FAR, 53);
    live.loaded.add_resolver(resolver).unwrap();
    let ours = live.own_cgroup();
    let registration = live.loaded.filter_mut().register(ours).unwrap();
    assert_eq!(registration, Registration::Registered);
    live.loaded.filter_mut().read().unwrap();
    // More answers in each flood than the ring has room for, and the reader looks in between.
    let (floods, flood) = (8, 250);
    let told = |live: &mut Live| {
        let events = live.waiting();
        let ours = |event: &&RawEvent| matches!(event, RawEvent::Dns(dns) if dns.cgroup_id == ours);
        events.iter().filter(ours).count() as u64
    };
    // Their sockets keep both networks.
    let talk = inside(|| Talk::new(&Far::new(), resolver));
    let mut received = 0;
    for _ in 0..floods {
        for id in 0..flood {
            talk.ask(&query(id, NAME));
            talk.answer(&reply(id, NAME, 1));
        }
        received += told(&mut live);
    }
    received += told(&mut live);
    let reading = live.loaded.filter_mut().read().unwrap();
    let own = reading.lost.iter().filter(|loss| loss.container == Some(ours));
    let lost: u64 = own
        .filter(|loss| loss.place == LossPlace::Dns)
        .map(|loss| loss.count)
        .sum();
    assert!(received > 0 && lost > 0, "{received} received, {lost} lost");
    assert_eq!(received + lost, u64::from(floods * flood));
}
