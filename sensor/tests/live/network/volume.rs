//! As many bytes as the rule for unusual volumes asks for, over a cable between two networks.

use super::net::{FAR, Far, V6_FAR, address, inside};
use super::{live, told};
use anchorwatch_sensor::decode::{FlowKind, FlowProtocol};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Where the rule begins, and a number that no buffer's size divides.
const SENT: usize = (64 << 20) + 12_345;

/// Bytes written and read at a time.
const PIECE: usize = 1 << 16;

/// How long that may take, on an emulated kernel too.
const CEILING: Duration = Duration::from_mins(1);

/// Sends so much to the far network, and returns where it went once all of it has arrived.
fn send(far: &Far, ip: &str) -> SocketAddr {
    let listener = far.inside(|| TcpListener::bind(address(ip, 0)).unwrap());
    let bound = listener.local_addr().unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut stream = listener.accept().unwrap().0;
            let mut piece = vec![0; PIECE];
            let mut arrived = 0;
            loop {
                match stream.read(&mut piece).unwrap() {
                    0 => return arrived,
                    read => arrived += read,
                }
            }
        });
        let mut stream = TcpStream::connect(bound).unwrap();
        let piece = vec![7; PIECE];
        for _ in 0..SENT / PIECE {
            stream.write_all(&piece).unwrap();
        }
        stream.write_all(&piece[..SENT % PIECE]).unwrap();
        drop(stream);
        assert_eq!(reader.join().unwrap(), SENT);
    });
    bound
}

#[test]
fn a_large_volume_is_told_to_the_byte_over_both_families() {
    let Some(mut live) = live("a_large_volume_is_told_to_the_byte_over_both_families") else {
        return;
    };
    let start = Instant::now();
    let ends = inside(|| {
        let far = Far::new();
        [FAR, V6_FAR].map(|ip| send(&far, ip))
    });
    let took = start.elapsed();
    assert!(took < CEILING, "{took:?}");
    let closed = FlowKind::Close {
        bytes_sent: SENT as u64,
    };
    let flows = live.flows_until(|flow| flow.address == ends[1] && matches!(flow.kind, FlowKind::Close { .. }));
    let told: Vec<_> = told(&flows)
        .into_iter()
        .filter(|(kind, _, _)| !matches!(kind, FlowKind::Listen { .. }))
        .collect();
    let expected = ends.map(|end| [FlowKind::Connect, closed].map(|kind| (kind, FlowProtocol::Tcp, end)));
    assert_eq!(told, expected.concat());
}
