//! Which sockets a process holds: what it listens on and talks to, as far as the tables of its network say
//! (`proc_pid_net(5)`).

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;

use crate::decode::{FlowKind, FlowProtocol};

/// Most lines that are read of one table; whoever opens more sockets has them cut.
const MAX_LINES: usize = 16_384;
/// Most bytes of a line; the kernel pads them to 150.
const MAX_LINE: u64 = 1024;
/// Most descriptors of a process that are looked at.
const MAX_DESCRIPTORS: usize = 16_384;

/// From which the kernel chooses (`ip_local_port_range`, the default). A network may have another range, which is not to
/// be seen from outside.
const CHOSEN: RangeInclusive<u16> = 32_768..=60_999;

/// `include/net/tcp_states.h`.
const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
const CLOSE_WAIT: u8 = 8;
const CLOSE: u8 = 7;
const LISTEN: u8 = 10;

/// The sockets of a network, by their inodes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Table {
    sockets: HashMap<u64, Socket>,
    /// Ports on which TCP listens: what else has one was accepted there.
    listening: HashSet<u16>,
    /// Tables that went on.
    pub cut: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Socket {
    protocol: FlowProtocol,
    local: SocketAddr,
    remote: SocketAddr,
    state: u8,
}

/// What a process does with a socket, as a flow tells it.
pub type Held = (FlowKind, FlowProtocol, SocketAddr);

impl Table {
    /// The tables of the network that a process is in.
    pub fn read(process: &Path) -> Self {
        let mut table = Self::default();
        for (name, protocol) in [
            ("tcp", FlowProtocol::Tcp),
            ("tcp6", FlowProtocol::Tcp),
            ("udp", FlowProtocol::Udp),
            ("udp6", FlowProtocol::Udp),
        ] {
            if let Ok(listing) = File::open(process.join("net").join(name)) {
                table.add(protocol, listing);
            }
        }
        table
    }

    fn add(&mut self, protocol: FlowProtocol, listing: impl Read) {
        let mut reader = BufReader::new(listing);
        let mut line = Vec::new();
        for number in 0.. {
            line.clear();
            match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
                Ok(1..) if number <= MAX_LINES => {}
                Ok(1..) => {
                    self.cut += 1;
                    return;
                }
                Ok(0) | Err(_) => return,
            }
            if let Some((inode, socket)) = parse(protocol, &line) {
                if socket.state == LISTEN && protocol == FlowProtocol::Tcp {
                    self.listening.insert(socket.local.port());
                }
                self.sockets.insert(inode, socket);
            }
        }
    }

    /// What a socket stands for; `None` for one of another kind or network, for one that was accepted, and for one that
    /// only has the port from which it sends. Which side began a connection is not kept anywhere: it was accepted where
    /// its port is listened on, or is a fixed one while the other side's is not.
    pub fn standing(&self, inode: u64) -> Option<Held> {
        let Socket {
            protocol,
            local,
            remote,
            state,
        } = *self.sockets.get(&inode)?;
        let port_chosen = CHOSEN.contains(&local.port());
        match (protocol, state) {
            (FlowProtocol::Tcp, LISTEN) => Some((FlowKind::Listen { port_chosen }, protocol, local)),
            (FlowProtocol::Tcp, ESTABLISHED | SYN_SENT | CLOSE_WAIT) => {
                let by_port = !port_chosen && CHOSEN.contains(&remote.port());
                let accepted = self.listening.contains(&local.port()) || by_port;
                (!accepted).then_some((FlowKind::Connect, protocol, remote))
            }
            (FlowProtocol::Udp, ESTABLISHED) => Some((FlowKind::Connect, protocol, remote)),
            (FlowProtocol::Udp, CLOSE) if !port_chosen && local.port() != 0 => {
                Some((FlowKind::Listen { port_chosen }, protocol, local))
            }
            _ => None,
        }
    }
}

/// The inodes of the sockets that a process holds.
pub fn held(process: &Path) -> Vec<u64> {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else {
        return Vec::new();
    };
    let links = descriptors.take(MAX_DESCRIPTORS).filter_map(|entry| {
        let target = fs::read_link(entry.ok()?.path()).ok()?;
        let inode = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        inode.parse().ok()
    });
    links.collect()
}

/// As in `   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 …`.
fn parse(protocol: FlowProtocol, line: &[u8]) -> Option<(u64, Socket)> {
    let line = str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let _number = words.next()?;
    let (local, remote) = (end(words.next()?)?, end(words.next()?)?);
    let state = u8::from_str_radix(words.next()?, 16).ok()?;
    let inode: u64 = words.nth(5)?.parse().ok()?;
    let socket = Socket {
        protocol,
        local,
        remote,
        state,
    };
    (inode != 0).then_some((inode, socket))
}

/// An address is written word by word in the machine's own order; IPv4 in IPv6 is IPv4.
fn end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok();
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?.to_ne_bytes())),
        32 => {
            let mut bytes = [0; 16];
            for (at, place) in bytes.chunks_exact_mut(4).enumerate() {
                place.copy_from_slice(&word(8 * at)?.to_ne_bytes());
            }
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsRawFd;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0200000A:1F90 0900000A:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
   2: 0200000A:D2F0 097100CB:01BB 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
   3: 0200000A:0016 0900000A:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 20 4 30 10 -1
   4: 0200000A:D2F1 097100CB:01BB 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1
";
    const TCP6: &str =
        "   0: 00000000000000000000000000000000:9C40 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 5 1
   1: 0000000000000000FFFF00000200000A:D2F2 0000000000000000FFFF0000097100CB:01BB 01 0:0 00:0 0 0 0 6 1
";
    const UDP: &str = "   0: 00000000:0035 00000000:0000 07 0:0 00:0 0 0 0 7 2
   1: 0200000A:D2F3 097100CB:01BB 01 0:0 00:0 0 0 0 8 2
   2: 00000000:D2F4 00000000:0000 07 0:0 00:0 0 0 0 9 2
";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_listens_or_began_to_talk_stands_and_what_was_accepted_or_only_sends_does_not() {
        let mut table = Table::default();
        table.add(FlowProtocol::Tcp, TCP.as_bytes());
        table.add(FlowProtocol::Tcp, TCP6.as_bytes());
        table.add(FlowProtocol::Udp, UDP.as_bytes());
        let (tcp, udp) = (FlowProtocol::Tcp, FlowProtocol::Udp);
        let listens = |port_chosen| FlowKind::Listen { port_chosen };
        let standing: Vec<_> = (0..=10).map(|inode| table.standing(inode)).collect();
        let there = address("203.0.113.9:443");
        let expected = [
            None,
            Some((listens(false), tcp, address("0.0.0.0:8080"))),
            None,
            Some((FlowKind::Connect, tcp, there)),
            None,
            Some((listens(true), tcp, address("[::]:40000"))),
            Some((FlowKind::Connect, tcp, there)),
            Some((listens(false), udp, address("0.0.0.0:53"))),
            Some((FlowKind::Connect, udp, there)),
            None,
            None,
        ];
        assert_eq!(standing, expected);
    }

    #[test]
    fn the_tests_own_sockets_are_held_and_stand() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let bound = listener.local_addr().unwrap();
        let client = TcpStream::connect(bound).unwrap();
        let (server, _) = listener.accept().unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect("127.0.0.1:9").unwrap();
        let folder = Path::new("/proc/self");
        let held = held(folder);
        let table = Table::read(folder);
        let inode = |descriptor: i32| {
            let link = fs::read_link(format!("/proc/self/fd/{descriptor}")).unwrap();
            let link = link.to_str().unwrap().to_owned();
            link.trim_start_matches("socket:[")
                .trim_end_matches(']')
                .parse::<u64>()
                .unwrap()
        };
        let stands = |descriptor: i32| {
            assert!(held.contains(&inode(descriptor)));
            table.standing(inode(descriptor))
        };
        let port_chosen = CHOSEN.contains(&bound.port());
        let (tcp, udp_protocol) = (FlowProtocol::Tcp, FlowProtocol::Udp);
        assert_eq!(
            stands(listener.as_raw_fd()),
            Some((FlowKind::Listen { port_chosen }, tcp, bound))
        );
        assert_eq!(stands(client.as_raw_fd()), Some((FlowKind::Connect, tcp, bound)));
        assert_eq!(stands(server.as_raw_fd()), None);
        let nine = address("127.0.0.1:9");
        assert_eq!(stands(udp.as_raw_fd()), Some((FlowKind::Connect, udp_protocol, nine)));
    }

    #[test]
    fn a_table_without_end_is_cut_and_says_so() {
        let line = "   0: 00000000:0035 00000000:0000 07 0:0 00:0 0 0 0 7 2\n";
        let mut table = Table::default();
        table.add(FlowProtocol::Udp, line.repeat(MAX_LINES + 1).as_bytes());
        assert_eq!(table.cut, 0);
        table.add(FlowProtocol::Udp, line.repeat(MAX_LINES + 2).as_bytes());
        assert_eq!(table.cut, 1);
    }

    proptest! {
        #[test]
        fn any_table_is_read(listing in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut table = Table::default();
            table.add(FlowProtocol::Tcp, listing.as_slice());
            prop_assert_eq!(table.cut, 0);
        }

        #[test]
        fn any_line_is_read_or_passed_over(line in "[ 0-9A-F:é]{0,200}") {
            let _socket = parse(FlowProtocol::Udp, line.as_bytes());
        }
    }
}
