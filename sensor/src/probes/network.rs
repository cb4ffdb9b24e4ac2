//! Connections, sends, listeners, and what resolvers answer.

use super::{Hook, Probe, Way};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor_common::offsets::Need;

/// What no hook of sockets shows.
const OTHER_SOCKETS: &str = "raw and packet sockets, SCTP and other protocols than TCP and UDP";

/// In the order in which they are attached: sockets are followed to their end before it begins to be noted whose they
/// are, and answers are looked for before questions.
pub(super) const PROBES: [Probe; 11] = [
    Probe {
        feed: Feed::Network,
        blind: "TCP listeners, bytes sent by connections, addresses behind those that a program in the kernel replaced",
        ways: &[Way {
            name: "tp_btf/inet_sock_set_state",
            program: "inet_sock_set_state",
            hook: Hook::BtfTracepoint("inet_sock_set_state"),
            needs: Need::Sockets,
            blind: "",
        }],
    },
    Probe {
        feed: Feed::Network,
        blind: "connections over IPv4 that were refused a route, and those of UDP; other TCP connections are seen with \
                their translated address",
        ways: &[sock_addr("cgroup/connect4", "connect4", OTHER_SOCKETS)],
    },
    Probe {
        feed: Feed::Network,
        blind: "connections over IPv6 that were refused a route, and those of UDP; other TCP connections are seen with \
                their translated address",
        ways: &[sock_addr("cgroup/connect6", "connect6", OTHER_SOCKETS)],
    },
    Probe {
        feed: Feed::Network,
        blind: "what is sent by UDP over IPv4 without a connection",
        ways: &[sock_addr("cgroup/sendmsg4", "sendmsg4", OTHER_SOCKETS)],
    },
    Probe {
        feed: Feed::Network,
        blind: "what is sent by UDP over IPv6 without a connection",
        ways: &[sock_addr("cgroup/sendmsg6", "sendmsg6", OTHER_SOCKETS)],
    },
    Probe {
        feed: Feed::Network,
        blind: "whether the kernel chose the port of a UDP listener on IPv4: each looks asked for",
        ways: &[sock_addr("cgroup/bind4", "bind4", "")],
    },
    Probe {
        feed: Feed::Network,
        blind: "whether the kernel chose the port of a UDP listener on IPv6: each looks asked for",
        ways: &[sock_addr("cgroup/bind6", "bind6", "")],
    },
    Probe {
        feed: Feed::Network,
        blind: "UDP listeners on IPv4",
        ways: &[post_bind("cgroup/post_bind4", "post_bind4")],
    },
    Probe {
        feed: Feed::Network,
        blind: "UDP listeners on IPv6",
        ways: &[post_bind("cgroup/post_bind6", "post_bind6")],
    },
    Probe {
        feed: Feed::Network,
        blind: "DNS names of destinations",
        ways: &[Way {
            name: "cgroup_skb/ingress",
            program: "ingress",
            hook: Hook::CgroupIngress,
            needs: Need::Required,
            blind: "DNS over TCP, TLS, HTTPS or QUIC, answers in fragments and behind more than 4 IPv6 extension headers",
        }],
    },
    Probe {
        feed: Feed::Network,
        blind: "DNS names of destinations, and connected UDP sockets",
        ways: &[Way {
            name: "cgroup_skb/egress",
            program: "egress",
            hook: Hook::CgroupEgress,
            needs: Need::Required,
            blind: "",
        }],
    },
];

const fn sock_addr(name: &'static str, program: &'static str, blind: &'static str) -> Way {
    Way {
        name,
        program,
        hook: Hook::CgroupSockAddr,
        needs: Need::Required,
        blind,
    }
}

const fn post_bind(name: &'static str, program: &'static str) -> Way {
    Way {
        name,
        program,
        hook: Hook::CgroupSock,
        needs: Need::Required,
        blind: "",
    }
}
