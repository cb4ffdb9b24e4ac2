//! Connections, sends, and the ends of connections.

use super::net::{self, V4, V4_OTHER, V6, address, inside};
use super::{live, told};
use crate::scene::in_container;
use anchorwatch_sensor::decode::{Flow, FlowKind, FlowProtocol, RawEvent};
use std::io::{Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, SocketAddrV6, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::process::Command;

const TCP: FlowProtocol = FlowProtocol::Tcp;
const UDP: FlowProtocol = FlowProtocol::Udp;
const CONNECT: FlowKind = FlowKind::Connect;
const SEND: FlowKind = FlowKind::Send;

/// Bytes: more than fits into the socket at once.
const SENT: usize = 300_000;

/// A listener on each of the network's addresses, and its port.
fn listener(ip: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(address(ip, 0)).unwrap();
    let bound = listener.local_addr().unwrap();
    (listener, bound)
}

fn without_listeners(flows: Vec<Flow>) -> Vec<Flow> {
    let kept = flows
        .into_iter()
        .filter(|flow| !matches!(flow.kind, FlowKind::Listen { .. }));
    kept.collect()
}

#[test]
fn a_connection_names_its_process_and_what_that_descends_from() {
    let Some(mut live) = live("a_connection_names_its_process_and_what_that_descends_from") else {
        return;
    };
    let bound = inside(|| {
        let (_listener, bound) = listener(V4);
        TcpStream::connect(bound).unwrap();
        bound
    });
    let flows = without_listeners(live.flows());
    let ours = std::process::id();
    let us = live
        .snapshot
        .processes
        .iter()
        .find(|process| process.pid == ours)
        .unwrap();
    let expected = Flow {
        time_ns: flows[0].time_ns,
        pid: ours,
        cgroup_id: us.cgroup_id,
        container: flows[0].container,
        key: flows[0].key,
        repeats: 0,
        exec_id: Some(us.exec_id),
        ancestors: flows[0].ancestors.clone(),
        origin: us.origin,
        question: None,
        kind: CONNECT,
        protocol: TCP,
        address: bound,
        backend: None,
    };
    assert_eq!(flows[0], expected);
    assert!(us.ancestors.starts_with(&flows[0].ancestors), "{us:?} {:?}", flows[0]);
}

#[test]
fn what_is_known_is_told_once_and_what_is_new_beside_it_at_once() {
    let name = "what_is_known_is_told_once_and_what_is_new_beside_it_at_once";
    let Some(mut live) = live(name) else { return };
    let (first, second) = (address(V4, 9), address(V4, 10));
    inside(|| {
        for target in [first, first, second, first] {
            TcpStream::connect(target).unwrap_err();
        }
    });
    assert_eq!(told(&live.flows()), [(CONNECT, TCP, first), (CONNECT, TCP, second)]);
}

#[test]
fn connections_over_both_families_are_told_and_ipv4_in_ipv6_is_ipv4() {
    let name = "connections_over_both_families_are_told_and_ipv4_in_ipv6_is_ipv4";
    let Some(mut live) = live(name) else { return };
    let (v4, v6) = inside(|| {
        let ((_one, v4), (_other, v6)) = (listener(V4), listener(V6));
        TcpStream::connect(v6).unwrap();
        let SocketAddr::V4(inner) = v4 else { panic!("{v4}") };
        let mapped = SocketAddrV6::new(inner.ip().to_ipv6_mapped(), inner.port(), 0, 0);
        TcpStream::connect(mapped).unwrap();
        (v4, v6)
    });
    assert_eq!(
        told(&without_listeners(live.flows())),
        [(CONNECT, TCP, v6), (CONNECT, TCP, v4)]
    );
}

#[test]
fn a_connection_that_nobody_takes_or_that_has_no_route_is_told_too() {
    let name = "a_connection_that_nobody_takes_or_that_has_no_route_is_told_too";
    let Some(mut live) = live(name) else { return };
    let (refused, unreachable) = (address(V4, 9), address("198.51.100.1", 443));
    inside(|| {
        TcpStream::connect(refused).unwrap_err();
        TcpStream::connect(unreachable).unwrap_err();
    });
    assert_eq!(
        told(&live.flows()),
        [(CONNECT, TCP, refused), (CONNECT, TCP, unreachable)]
    );
}

#[test]
fn a_udp_socket_is_told_when_it_sends_and_not_when_it_is_connected() {
    let name = "a_udp_socket_is_told_when_it_sends_and_not_when_it_is_connected";
    let Some(mut live) = live(name) else { return };
    let (asked, sent) = (address(V4_OTHER, 443), address(V4_OTHER, 4433));
    inside(|| {
        let socket = UdpSocket::bind(address(V4, 0)).unwrap();
        socket.connect(asked).unwrap();
        socket.connect(sent).unwrap();
        for _ in 0..3 {
            // The second one may be answered that nobody listens.
            drop(socket.send(b"x"));
        }
    });
    assert_eq!(told(&without_listeners(live.flows())), [(CONNECT, UDP, sent)]);
}

#[test]
fn what_is_sent_without_a_connection_is_told_with_its_address() {
    let name = "what_is_sent_without_a_connection_is_told_with_its_address";
    let Some(mut live) = live(name) else { return };
    let (v4, v6) = (address(V4, 514), address(V6, 514));
    inside(|| {
        UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"x", v4).unwrap();
        let socket = UdpSocket::bind("[::]:0").unwrap();
        socket.send_to(b"x", v6).unwrap();
        let SocketAddr::V4(inner) = address(V4_OTHER, 514) else {
            panic!()
        };
        let mapped = SocketAddrV6::new(inner.ip().to_ipv6_mapped(), inner.port(), 0, 0);
        socket.send_to(b"x", mapped).unwrap();
    });
    assert_eq!(
        told(&without_listeners(live.flows())),
        [(SEND, UDP, v4), (SEND, UDP, v6), (SEND, UDP, address(V4_OTHER, 514))]
    );
}

#[test]
fn loopback_is_not_told() {
    let Some(mut live) = live("loopback_is_not_told") else {
        return;
    };
    let control = address(V4, 9);
    inside(|| {
        let (_v4, v4) = listener("127.0.0.1");
        let (_v6, v6) = listener("::1");
        let any = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap();
        TcpStream::connect(v4).unwrap();
        TcpStream::connect(v6).unwrap();
        TcpStream::connect(SocketAddr::new("127.9.9.9".parse().unwrap(), v4.port())).unwrap_err();
        TcpStream::connect(any).unwrap_err();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"x", "127.0.0.1:9").unwrap();
        let mapped = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 9, 0, 0);
        UdpSocket::bind("[::1]:0").unwrap().send_to(b"x", mapped).unwrap();
        TcpStream::connect(control).unwrap_err();
    });
    assert_eq!(told(&without_listeners(live.flows())), [(CONNECT, TCP, control)]);
}

#[test]
fn the_end_of_a_connection_tells_how_many_bytes_were_sent() {
    let Some(mut live) = live("the_end_of_a_connection_tells_how_many_bytes_were_sent") else {
        return;
    };
    let bound = inside(|| {
        let (listener, bound) = listener(V4);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut stream = listener.accept().unwrap().0;
                stream.read_to_end(&mut Vec::new()).unwrap();
                // What the other side sends is its own business.
                stream.write_all(b"thank you").unwrap();
            });
            let mut stream = TcpStream::connect(bound).unwrap();
            stream.write_all(&vec![0; SENT]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            stream.read_to_end(&mut Vec::new()).unwrap();
        });
        bound
    });
    let closed = FlowKind::Close {
        bytes_sent: SENT as u64,
    };
    let flows = live.flows_until(|flow| matches!(flow.kind, FlowKind::Close { .. }));
    let flows = without_listeners(flows);
    assert_eq!(told(&flows), [(CONNECT, TCP, bound), (closed, TCP, bound)]);
    let who = |flow: &Flow| (flow.pid, flow.cgroup_id, flow.exec_id, flow.origin);
    assert_eq!(who(&flows[0]), who(&flows[1]));
    assert!(flows[0].time_ns < flows[1].time_ns);
}

#[test]
fn a_process_is_told_with_its_own_cgroup_whatever_network_it_is_in() {
    let name = "a_process_is_told_with_its_own_cgroup_whatever_network_it_is_in";
    let Some(mut live) = live(name) else { return };
    let cgroup = live.scene.cgroup("pod");
    // In the test's own network, as a pod with hostNetwork is in the host's.
    let target = address("203.0.113.7", 9);
    let mut command = Command::new(live.scene.payload());
    in_container(&mut command, &cgroup);
    // SAFETY: system calls on a socket between fork and exec.
    unsafe {
        command.pre_exec(move || {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            // Without a route this fails, and is told all the same.
            drop(socket.send_to(b"x", target));
            Ok(())
        });
    }
    let status = net::inside(|| command.status());
    assert!(status.unwrap().success());
    let events = live.events();
    let flows = events.iter().filter_map(|event| match event {
        RawEvent::Flow(flow) if flow.cgroup_id == cgroup.id && flow.kind == SEND => Some(flow.address),
        _ => None,
    });
    assert_eq!(flows.collect::<Vec<_>>(), [target]);
}
