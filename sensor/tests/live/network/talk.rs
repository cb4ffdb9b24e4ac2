//! What is said between a container and its resolver.

use super::live;
use super::net::{Far, NEAR, V6_NEAR};
use crate::fixture::Live;
use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Name, Packet, QCLASS, QTYPE, Question, ResourceRecord, TYPE};
use std::net::{IpAddr, SocketAddr, UdpSocket};

pub const FOUND: [u8; 4] = [198, 51, 100, 7];

pub fn query(id: u16, name: &str) -> Vec<u8> {
    let mut packet = Packet::new_query(id);
    packet.questions.push(question(name));
    packet.build_bytes_vec().unwrap()
}

fn question(name: &str) -> Question<'_> {
    let name = Name::new(name).unwrap();
    Question::new(name, QTYPE::TYPE(TYPE::A), QCLASS::CLASS(CLASS::IN), false)
}

/// An answer with so many addresses, which all share the first three bytes.
pub fn reply(id: u16, name: &str, addresses: u8) -> Vec<u8> {
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
pub struct Talk {
    pub client: UdpSocket,
    pub resolver: UdpSocket,
}

impl Talk {
    pub fn new(far: &Far, resolver: SocketAddr) -> Self {
        let near = ip(if resolver.is_ipv4() { NEAR } else { V6_NEAR });
        let client = UdpSocket::bind(SocketAddr::new(near, 0)).unwrap();
        let resolver = far.inside(|| UdpSocket::bind(resolver).unwrap());
        Self { client, resolver }
    }

    pub fn ask(&self, message: &[u8]) {
        self.client
            .send_to(message, self.resolver.local_addr().unwrap())
            .unwrap();
        self.resolver.recv_from(&mut [0; 2048]).unwrap();
    }

    pub fn answer(&self, message: &[u8]) {
        answer_by(&self.resolver, self, message);
    }
}

pub fn answer_by(resolver: &UdpSocket, talk: &Talk, message: &[u8]) {
    resolver.send_to(message, talk.client.local_addr().unwrap()).unwrap();
    talk.client.recv_from(&mut [0; 4096]).unwrap();
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The fixture with a resolver whose answers count.
pub fn with_resolver(name: &str, resolver: SocketAddr) -> Option<Live> {
    let mut live = live(name)?;
    live.loaded.add_resolver(resolver).unwrap();
    Some(live)
}
