//! What resolvers answer: who may answer what, and to whom.

use super::live;
use super::net::{FAR, FAR_OTHER, Far, NEAR, V4, V4_OTHER, V6_FAR, V6_NEAR, address, inside, network, within};
use crate::fixture::{Live, live_with};
use anchorwatch_sensor::decode::Dns;
use anchorwatch_sensor::dns::{Answer, MessageError, answer};
use anchorwatch_sensor::loader::{CgroupScope, LoadOptions};
use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Name, Packet, QCLASS, QTYPE, Question, ResourceRecord, TYPE};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

const ID: u16 = 0x1234;
const NAME: &str = "Shop.Example";
const FOUND: [u8; 4] = [198, 51, 100, 7];

fn query(id: u16, name: &str) -> Vec<u8> {
    let mut packet = Packet::new_query(id);
    packet.questions.push(question(name));
    packet.build_bytes_vec().unwrap()
}

fn question(name: &str) -> Question<'_> {
    let name = Name::new(name).unwrap();
    Question::new(name, QTYPE::TYPE(TYPE::A), QCLASS::CLASS(CLASS::IN), false)
}

/// An answer with so many addresses, which all share the first three bytes.
fn reply(id: u16, name: &str, addresses: u8) -> Vec<u8> {
    let mut packet = Packet::new_reply(id);
    packet.questions.push(question(name));
    for last in 0..addresses {
        let address = u32::from_be_bytes(FOUND).wrapping_add(last.into());
        let name = Name::new(name).unwrap();
        let record = ResourceRecord::new(name, CLASS::IN, 60, RData::A(A { address }));
        packet.answers.push(record);
    }
    packet.build_bytes_vec_compressed().unwrap()
}

/// Two sockets, the first the container's, the other at the far end of a cable.
struct Talk {
    client: UdpSocket,
    resolver: UdpSocket,
}

impl Talk {
    fn new(far: &Far, resolver: SocketAddr) -> Self {
        let near = ip(if resolver.is_ipv4() { NEAR } else { V6_NEAR });
        let client = UdpSocket::bind(SocketAddr::new(near, 0)).unwrap();
        let resolver = far.inside(|| UdpSocket::bind(resolver).unwrap());
        Self { client, resolver }
    }

    fn ask(&self, message: &[u8]) {
        self.client
            .send_to(message, self.resolver.local_addr().unwrap())
            .unwrap();
        self.resolver.recv_from(&mut [0; 2048]).unwrap();
    }

    fn answer(&self, message: &[u8]) {
        answer_by(&self.resolver, self, message);
    }
}

fn answer_by(resolver: &UdpSocket, talk: &Talk, message: &[u8]) {
    resolver.send_to(message, talk.client.local_addr().unwrap()).unwrap();
    talk.client.recv_from(&mut [0; 4096]).unwrap();
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn with_resolver(name: &str, resolver: SocketAddr) -> Option<Live> {
    let mut live = live(name)?;
    live.loaded.add_resolver(resolver).unwrap();
    Some(live)
}

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
        ..LoadOptions::default()
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
