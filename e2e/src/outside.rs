//! The world outside the cluster, played by the test: listeners and a resolver of its own, on addresses of this machine
//! that pods reach and the cluster does not know. Its DNS has names for the first of them.

use std::env;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use crate::skip::skip;

/// The first of the addresses and its names, with spaces between them.
const OUTSIDE: &str = "ANCHORWATCH_E2E_OUTSIDE";

/// How long a resolver waits for its question.
const PATIENCE: Duration = Duration::from_mins(1);

/// Bytes of a DNS message before its question, and where those lie that say what it is (RFC 1035, section 4.1.1).
const HEADER: usize = 12;
const FLAGS: usize = 2;
const ANSWERS: usize = 6;

/// The addresses.
#[derive(Clone, Debug)]
pub struct Outside {
    first: Ipv4Addr,
    /// By which the cluster's DNS knows the first of them.
    pub names: Vec<String>,
}

impl Outside {
    /// What the environment names; a test of this name is skipped where it names none, because the cluster is not ours.
    pub fn offered(test: &str) -> Result<Option<Self>> {
        let Ok(given) = env::var(OUTSIDE) else {
            skip(
                test,
                "needs the local cluster, whose DNS has names for the world outside",
            )?;
            return Ok(None);
        };
        let mut words = given.split_whitespace();
        let first = words.next().and_then(|first| first.parse().ok());
        Ok(Some(Self {
            first: first.with_context(|| format!("{OUTSIDE} is {given:?}"))?,
            names: words.map(str::to_owned).collect(),
        }))
    }

    /// One of them: its last two numbers, counted on from the first one's.
    pub fn address(&self, third: u8, fourth: u8) -> Ipv4Addr {
        let [one, two, three, four] = self.first.octets();
        Ipv4Addr::new(one, two, three.wrapping_add(third), four.wrapping_add(fourth))
    }

    /// A server on one of them, which takes connections as long as it is held, and the port that it has.
    pub fn serve(address: Ipv4Addr) -> Result<(TcpListener, u16)> {
        let server =
            TcpListener::bind(SocketAddrV4::new(address, 0)).with_context(|| format!("no server on {address}"))?;
        let port = server.local_addr()?.port();
        Ok((server, port))
    }

    /// A resolver on one of them, whatever the cluster thinks of it: it answers a single question, and by this.
    pub fn resolve(at: Ipv4Addr, answer: Ipv4Addr) -> Result<Resolver> {
        let socket = UdpSocket::bind(SocketAddrV4::new(at, 53)).with_context(|| format!("no resolver on {at}"))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Resolver(std::thread::spawn(move || answer_one(&socket, answer))))
    }
}

/// Waits for its question.
#[derive(Debug)]
pub struct Resolver(JoinHandle<Result<SocketAddr>>);

impl Resolver {
    /// Who asked, once it has answered.
    pub fn asked(self) -> Result<SocketAddr> {
        self.0.join().map_err(|_| anyhow!("the resolver panicked"))?
    }
}

fn answer_one(socket: &UdpSocket, address: Ipv4Addr) -> Result<SocketAddr> {
    let mut message = vec![0; 512];
    let (length, asker) = socket.recv_from(&mut message).context("nobody asked")?;
    ensure!(length > HEADER, "{asker} asked nothing");
    message.truncate(length);
    // An answer, to a question that wanted recursion, with one record: the question's name, A, IN, 60 s.
    message[FLAGS..FLAGS + 2].copy_from_slice(&[0x81, 0x80]);
    message[ANSWERS..ANSWERS + 2].copy_from_slice(&[0, 1]);
    message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    message.extend(address.octets());
    socket.send_to(&message, asker)?;
    Ok(asker)
}
