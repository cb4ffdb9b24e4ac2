//! What the programs note of connections until they end: by their sockets' cookies, and where another one has the place.

use super::net::{V4, address, inside};
use super::{live, told};
use anchorwatch_sensor::decode::{FlowKind, FlowProtocol};
use anchorwatch_sensor_common::filter::Slot;
use anchorwatch_sensor_common::network::{CONNECTION_PLACES, FlowRecord};
use aya::maps::{Array, Map, MapData, MapInfo};
use rustix::net::ipproto::{MPTCP, TCP};
use rustix::net::{AddressFamily, Protocol, SocketType, sockopt};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

const PLACES: u64 = CONNECTION_PLACES as u64;
/// A note: the cookie, the record, and what the filter and the programs need of whoever connects.
const NOTE: usize = 8 + size_of::<FlowRecord>() + size_of::<Slot>() + 3 * 8;
/// After how long a note whose connection did not begin makes way.
const STALE: Duration = Duration::from_millis(1_100);

/// The programs' notes, found among this process's own maps.
struct Notes(Array<MapData, [u8; NOTE]>);

impl Notes {
    fn find() -> Self {
        let descriptors = std::fs::read_dir("/proc/self/fdinfo").unwrap();
        let texts = descriptors.filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok());
        let ids = texts.filter_map(|text| {
            text.lines()
                .find_map(|line| line.strip_prefix("map_id:")?.trim().parse().ok())
        });
        let notes = ids.filter(|id| {
            let info = MapInfo::from_id(*id).unwrap();
            info.name_as_str() == Some("CONNECTIONS")
        });
        // The newest: what a test before left may be about to go.
        let map = MapData::from_id(notes.max().unwrap()).unwrap();
        Self(Array::try_from(Map::Array(map)).unwrap())
    }

    /// Whose the place is.
    fn cookie_beside(&self, cookie: u64) -> u64 {
        let index = u32::try_from(cookie % PLACES).unwrap();
        let note = self.0.get(&index, 0).unwrap();
        u64::from_ne_bytes(*note.first_chunk().unwrap())
    }
}

fn socket(protocol: Protocol) -> (OwnedFd, u64) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, Some(protocol)).unwrap();
    let cookie = sockopt::socket_cookie(&socket).unwrap();
    (socket, cookie)
}

/// A socket with the same place as another one's: the kernel counts cookies up, for each processor in pieces.
fn beside(other: u64) -> (OwnedFd, u64) {
    let sockets = std::iter::repeat_with(|| socket(TCP));
    let mut sockets = sockets.take(100 * CONNECTION_PLACES as usize);
    sockets.find(|(_, cookie)| cookie % PLACES == other % PLACES).unwrap()
}

/// A connection to a listener of its own, with its other side.
struct Connection {
    near: TcpStream,
    far: TcpStream,
    to: SocketAddr,
}

impl Connection {
    fn of(socket: OwnedFd) -> Self {
        let listener = TcpListener::bind(address(V4, 0)).unwrap();
        let to = listener.local_addr().unwrap();
        rustix::net::connect(&socket, &to).unwrap();
        let near = TcpStream::from(socket);
        let (far, _) = listener.accept().unwrap();
        Self { near, far, to }
    }

    /// Sends so many bytes and ends; what is to be told of it.
    fn end_after(mut self, bytes: usize) -> [(FlowKind, FlowProtocol, SocketAddr); 2] {
        self.near.write_all(&vec![0; bytes]).unwrap();
        drop(self.near);
        self.far.read_to_end(&mut Vec::new()).unwrap();
        let closed = FlowKind::Close {
            bytes_sent: bytes as u64,
        };
        [FlowKind::Connect, closed].map(|kind| (kind, FlowProtocol::Tcp, self.to))
    }
}

fn sorted(mut flows: Vec<(FlowKind, FlowProtocol, SocketAddr)>) -> Vec<(FlowKind, FlowProtocol, SocketAddr)> {
    flows.retain(|(kind, ..)| !matches!(kind, FlowKind::Listen { .. }));
    flows.sort_by_key(|(kind, _, to)| (*to, matches!(kind, FlowKind::Close { .. })));
    flows
}

#[test]
fn connections_that_have_the_same_place_are_all_told_to_their_ends() {
    let name = "connections_that_have_the_same_place_are_all_told_to_their_ends";
    let Some(mut live) = live(name) else { return };
    let notes = Notes::find();
    let expected = inside(|| {
        let (socket, first_cookie) = socket(TCP);
        let first = Connection::of(socket);
        assert_eq!(notes.cookie_beside(first_cookie), first_cookie);
        let (socket, _) = beside(first_cookie);
        let second = Connection::of(socket);
        assert_eq!(notes.cookie_beside(first_cookie), first_cookie, "nobody pushes it out");
        let second = second.end_after(5);
        let first = first.end_after(3);
        let (socket, third_cookie) = beside(first_cookie);
        let third = Connection::of(socket);
        assert_eq!(
            notes.cookie_beside(first_cookie),
            third_cookie,
            "the place is free again"
        );
        let third = third.end_after(7);
        [first, second, third].concat()
    });
    let last = *expected.last().unwrap();
    let flows = live.flows_until(|flow| (flow.kind, flow.protocol, flow.address) == last);
    assert_eq!(sorted(told(&flows)), sorted(expected));
}

#[test]
fn a_note_whose_connection_did_not_begin_makes_way_soon() {
    let name = "a_note_whose_connection_did_not_begin_makes_way_soon";
    let Some(mut live) = live(name) else { return };
    let notes = Notes::find();
    let unreachable = address("198.51.100.1", 443);
    let expected = inside(|| {
        let (socket, lost_cookie) = socket(TCP);
        rustix::net::connect(&socket, &unreachable).unwrap_err();
        drop(socket);
        assert_eq!(notes.cookie_beside(lost_cookie), lost_cookie);
        let (socket, soon_cookie) = beside(lost_cookie);
        std::thread::sleep(STALE);
        let soon = Connection::of(socket);
        assert_eq!(notes.cookie_beside(lost_cookie), soon_cookie);
        soon.end_after(9)
    });
    let last = expected[1];
    let flows = live.flows_until(|flow| (flow.kind, flow.protocol, flow.address) == last);
    let mut expected = expected.to_vec();
    expected.push((FlowKind::Connect, FlowProtocol::Tcp, unreachable));
    assert_eq!(sorted(told(&flows)), sorted(expected));
}

#[test]
fn a_multipath_connection_is_told_by_its_path_to_its_end() {
    let name = "a_multipath_connection_is_told_by_its_path_to_its_end";
    let Some(mut live) = live(name) else { return };
    let expected = inside(|| Connection::of(socket(MPTCP).0).end_after(11));
    let last = expected[1].2;
    let flows = live.flows_until(|flow| matches!(flow.kind, FlowKind::Close { .. }) && flow.address == last);
    assert_eq!(sorted(told(&flows)), sorted(expected.to_vec()));
}
