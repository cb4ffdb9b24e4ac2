//! The loads, as they run in the container. Each says `ready` when it is set up, begins at a line from its parent, and
//! says how many nanoseconds it took.

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::fs::{self, File};
use std::io::{Write, stdin, stdout};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const COMMAND: &str = "/bin/true";
const LIBRARIES: [&str; 2] = ["/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib64/libc.so.6"];
const PAGE: usize = 4096;

/// What to do, and how often.
#[derive(Debug, Clone, Args)]
pub struct Work {
    pub kind: Kind,
    #[arg(long)]
    pub count: u64,
    /// Distinguishes what is new from what another child or round has done.
    #[arg(long, default_value_t = 0)]
    pub offset: u64,
    /// How many a second; as many as can be, if left out.
    #[arg(long)]
    pub rate: Option<u32>,
    /// Says `again` after so many, and waits for another line: what comes before is a warm-up.
    #[arg(long, default_value_t = 0)]
    pub warm_up: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// One command again and again.
    ExecSame,
    /// Each time with an argument that was never there.
    ExecNew,
    /// Each time another program: a behaviour that was never there.
    ProgramNew,
    ConnectSame,
    /// Each time to another network.
    ConnectNew,
    /// A datagram, each time to another network or port: a million and more of them.
    SendNew,
    MmapSame,
    /// 1 command, 6 connections and 4 mappings in turn, one in a thousand of them new.
    Mixed,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExecSame => "exec-same",
            Self::ExecNew => "exec-new",
            Self::ProgramNew => "program-new",
            Self::ConnectSame => "connect-same",
            Self::ConnectNew => "connect-new",
            Self::SendNew => "send-new",
            Self::MmapSame => "mmap-same",
            Self::Mixed => "mixed",
        }
    }

    /// Whether it needs a network of its own.
    pub const fn connects(self) -> bool {
        match self {
            Self::ConnectSame | Self::ConnectNew | Self::SendNew | Self::Mixed => true,
            Self::ExecSame | Self::ExecNew | Self::ProgramNew | Self::MmapSame => false,
        }
    }
}

pub fn run(work: &Work) -> Result<()> {
    let tools = Tools::new(work.kind)?;
    for number in 0..work.warm_up {
        tools.act(work.kind, work.offset + number)?;
    }
    println!("ready");
    stdout().flush()?;
    let mut line = String::new();
    ensure!(stdin().read_line(&mut line)? > 0, "the parent is gone");
    let start = Instant::now();
    for number in 0..work.count {
        if let Some(rate) = work.rate {
            wait_for(start + Duration::from_secs(1).mul_f64(number as f64 / f64::from(rate)));
        }
        tools.act(work.kind, work.offset + work.warm_up + number)?;
    }
    println!("{}", start.elapsed().as_nanos());
    Ok(())
}

fn wait_for(moment: Instant) {
    let now = Instant::now();
    if moment > now {
        std::thread::sleep(moment - now);
    }
}

/// What the loads need open.
#[derive(Debug)]
struct Tools {
    library: File,
    /// For programs of our own.
    folder: TempDir,
    server: Option<TcpListener>,
    sender: Option<UdpSocket>,
}

impl Tools {
    fn new(kind: Kind) -> Result<Self> {
        let library = LIBRARIES.iter().find_map(|path| File::open(path).ok());
        let server = kind.connects().then(network).transpose()?;
        Ok(Self {
            library: library.context("no C library at the usual places")?,
            folder: tempfile::tempdir()?,
            sender: server.is_some().then(|| UdpSocket::bind("0.0.0.0:0")).transpose()?,
            server,
        })
    }

    fn act(&self, kind: Kind, number: u64) -> Result<()> {
        match kind {
            Kind::ExecSame => execute(Path::new(COMMAND), "same"),
            Kind::ExecNew => execute(Path::new(COMMAND), &word(number)),
            Kind::ProgramNew => self.new_program(number),
            Kind::ConnectSame => self.connect(0),
            Kind::ConnectNew => self.connect(number),
            Kind::SendNew => self.send(number),
            Kind::MmapSame => self.map(),
            Kind::Mixed => self.mixed(number),
        }
    }

    fn mixed(&self, number: u64) -> Result<()> {
        let new = number.is_multiple_of(1000);
        match number % 11 {
            0 => execute(Path::new(COMMAND), &if new { word(number) } else { "same".to_owned() }),
            1..=6 => self.connect(if new { number } else { 0 }),
            _ => self.map(),
        }
    }

    /// Connects, takes the connection on the other side, and breaks it off, so that no port is kept waiting.
    fn connect(&self, number: u64) -> Result<()> {
        let server = self.server.as_ref().context("no network was set up")?;
        let [.., high, middle] = u16::try_from(number % 0xffff)?.to_be_bytes();
        let address = SocketAddrV4::new(Ipv4Addr::new(10, high, middle, 1), server.local_addr()?.port());
        let client = TcpStream::connect(address)?;
        rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO))?;
        drop(client);
        drop(server.accept()?);
        Ok(())
    }

    /// Nobody takes it; a refusal that came back from an earlier one is no failure.
    fn send(&self, number: u64) -> Result<()> {
        let socket = self.sender.as_ref().context("no network was set up")?;
        let [.., high, middle] = u16::try_from(number % 0x1_0000)?.to_be_bytes();
        let port = u16::try_from(1 + number / 0x1_0000).context("more than there are ports")?;
        socket
            .send_to(b"new", SocketAddrV4::new(Ipv4Addr::new(10, high, middle, 1), port))
            .ok();
        Ok(())
    }

    fn new_program(&self, number: u64) -> Result<()> {
        let path = self.folder.path().join(word(number));
        fs::copy(COMMAND, &path)?;
        execute(&path, "same")
    }

    /// Maps code, reads of it, as who runs it would, and unmaps it.
    fn map(&self) -> Result<()> {
        // SAFETY: a new mapping at an address of the kernel's choice, which nobody else uses, read inside its only page.
        unsafe {
            let flags = MapFlags::PRIVATE;
            let at = mmap(
                std::ptr::null_mut(),
                PAGE,
                ProtFlags::READ | ProtFlags::EXEC,
                flags,
                &self.library,
                0,
            )?;
            std::hint::black_box(at.cast::<u8>().read_volatile());
            munmap(at, PAGE)?;
        }
        Ok(())
    }
}

fn execute(program: &Path, argument: &str) -> Result<()> {
    let mut command = Command::new(program);
    let status = command.arg(argument).stdin(Stdio::null()).status();
    ensure!(status?.success(), "{} failed", program.display());
    Ok(())
}

/// Letters, since digits would be taken for a number that changes.
fn word(mut number: u64) -> String {
    let mut word = String::from("new-");
    for _ in 0..8 {
        word.push(char::from(b'a' + u8::try_from(number % 26).unwrap_or(0)));
        number /= 26;
    }
    word
}

/// In a network namespace of our own, all of 10.0.0.0/8 is this machine: connections to it are real, and their
/// addresses are not those of the loopback, which the sensor leaves out.
fn network() -> Result<TcpListener> {
    for arguments in [
        ["link", "set", "lo", "up"].as_slice(),
        &["route", "add", "local", "10.0.0.0/8", "dev", "lo"],
    ] {
        let status = Command::new("ip").args(arguments).status().context("cannot run ip")?;
        ensure!(status.success(), "ip {} failed", arguments.join(" "));
    }
    Ok(TcpListener::bind("0.0.0.0:0")?)
}
