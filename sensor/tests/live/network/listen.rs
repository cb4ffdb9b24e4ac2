//! Listeners.

use super::net::{V4, V6, address, inside};
use super::{live, told};
use anchorwatch_sensor::decode::{FlowKind, FlowProtocol};
use rustix::net::{AddressFamily, SocketType};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

fn listens(port_chosen: bool) -> FlowKind {
    FlowKind::Listen { port_chosen }
}

#[test]
fn a_tcp_listener_is_told_with_its_port_and_whether_it_was_chosen() {
    let name = "a_tcp_listener_is_told_with_its_port_and_whether_it_was_chosen";
    let Some(mut live) = live(name) else { return };
    let (asked, v6) = (address(V4, 40_000), address(V6, 8080));
    let chosen = inside(|| {
        let _listeners = (TcpListener::bind(asked).unwrap(), TcpListener::bind(v6).unwrap());
        let any = TcpListener::bind("0.0.0.0:0").unwrap();
        any.local_addr().unwrap()
    });
    let expected = [
        (listens(false), FlowProtocol::Tcp, asked),
        (listens(false), FlowProtocol::Tcp, v6),
        (listens(true), FlowProtocol::Tcp, chosen),
    ];
    assert_eq!(told(&live.flows()), expected);
}

#[test]
fn a_tcp_socket_that_listens_without_being_bound_has_a_chosen_port() {
    let name = "a_tcp_socket_that_listens_without_being_bound_has_a_chosen_port";
    let Some(mut live) = live(name) else { return };
    inside(|| {
        let socket: OwnedFd = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::net::listen(&socket, 1).unwrap();
    });
    let any: SocketAddr = "0.0.0.0:0".parse().unwrap();
    assert_eq!(told(&live.flows()), [(listens(true), FlowProtocol::Tcp, any)]);
}

#[test]
fn a_udp_socket_that_is_bound_is_told_with_the_port_that_it_got() {
    let name = "a_udp_socket_that_is_bound_is_told_with_the_port_that_it_got";
    let Some(mut live) = live(name) else { return };
    let (asked, any6) = (address(V4, 53), address("::", 123));
    let chosen = inside(|| {
        let _sockets = (UdpSocket::bind(asked).unwrap(), UdpSocket::bind(any6).unwrap());
        UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap()
    });
    let expected = [
        (listens(false), FlowProtocol::Udp, asked),
        (listens(false), FlowProtocol::Udp, any6),
        (listens(true), FlowProtocol::Udp, chosen),
    ];
    assert_eq!(told(&live.flows()), expected);
}

#[test]
fn a_listener_on_loopback_is_not_told() {
    let Some(mut live) = live("a_listener_on_loopback_is_not_told") else {
        return;
    };
    let control = address(V4, 8080);
    inside(|| {
        let loopback = ["127.0.0.1:0", "[::1]:0"];
        let _tcp = loopback.map(|address| TcpListener::bind(address).unwrap());
        let _udp = loopback.map(|address| UdpSocket::bind(address).unwrap());
        TcpListener::bind(control).unwrap()
    });
    assert_eq!(told(&live.flows()), [(listens(false), FlowProtocol::Tcp, control)]);
}
