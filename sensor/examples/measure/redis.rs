//! What an everyday server notices of the sensor: Debian's redis in a container, asked by its own benchmark. Processor
//! time, and not the time on the clock, which depends on who is awake when.

use anyhow::{Context, Result, ensure};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Bed;
use crate::ground::Container;
use crate::statistics::Statistics;
use crate::subject::{Mode, Subject};
use anchorwatch_figures::Figure;

const REQUESTS: u64 = 300_000;
/// Before those whose time is taken: what is new about server and client is told of meanwhile, once.
const WARM_UP: u64 = 5_000;
const CEILING: Duration = Duration::from_secs(30);
/// The shell puts itself into the container and runs the rest with another root.
const SCRIPT: &str = "echo 0 > \"$0\" && exec unshare --mount chroot \"$@\"";

/// Without the sensor, with it, and with its hooks alone.
const WAYS: [Option<Mode>; 3] = [None, Some(Mode::Usual), Some(Mode::Hooks)];
/// Those in which something is ours.
const OURS: [Option<Mode>; 2] = [Some(Mode::Usual), Some(Mode::Hooks)];

/// Of one run of the benchmark.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    /// Processor seconds of server, client and sensor; what programs took is in them.
    all: f64,
    /// Processor seconds of programs and sensor alone; programs are counted only while the kernel's statistics are on.
    ours: f64,
    /// Answered a second.
    rate: f64,
}

/// `root` is a folder with redis and what it needs.
///
/// Server and client wake each other as it comes, and a run differs from the next by ten times the budget. So that what
/// is ours is also counted by itself: what programs and sensor take, less what the same hooks take without any work.
pub fn measure(bed: &Bed, root: &Path) -> Result<Vec<Figure>> {
    let container = Container::create()?;
    let (mut with, mut hooks, mut above, mut rates) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..bed.rounds {
        let [without, usual, idle] = turns(bed, &container, root, (round, WAYS))?;
        let [counted, counted_idle] = {
            let _statistics = Statistics::on()?;
            turns(bed, &container, root, (round, OURS))?
        };
        with.push((usual.all / without.all - 1.0) * 100.0);
        hooks.push((idle.all / without.all - 1.0) * 100.0);
        above.push((counted.ours - counted_idle.ours) / without.all * 100.0);
        rates.push(usual.rate);
        eprintln!("redis: round {} of {}", round + 1, bed.rounds);
    }
    Ok(vec![
        Figure::shown("redis-benchmark", &with, "%"),
        Figure::shown("redis-benchmark, hooks alone", &hooks, "%"),
        // As storms are held against it: see `docs/adr/0015`.
        Figure::at_most("redis-benchmark, above the hooks", &above, "%", 0.5),
        Figure::shown("redis-benchmark, requests", &rates, "requests/s"),
    ])
}

/// Each way once, in another order each round.
fn turns<const N: usize>(
    bed: &Bed,
    container: &Container,
    root: &Path,
    (round, ways): (u32, [Option<Mode>; N]),
) -> Result<[Run; N]> {
    let mut runs = [Run::default(); N];
    for turn in 0..N {
        let way = (round as usize + turn) % N;
        let subject = ways[way]
            .map(|mode| Subject::start(&bed.sensor, container, mode))
            .transpose()?;
        runs[way] = ask(bed, container, root, subject.as_ref())?;
    }
    Ok(runs)
}

/// Lets the benchmark ask.
fn ask(bed: &Bed, container: &Container, root: &Path, subject: Option<&Subject>) -> Result<Run> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let server = Server::start(container, root, port)?;
    let ask = |requests: u64| {
        let requests = requests.to_string();
        let mut client = inside(container, root, "/usr/bin/redis-benchmark");
        client.args(["-p", &port.to_string(), "-n", &requests, "-t", "get", "--csv"]);
        client.output().context("cannot run redis-benchmark")
    };
    ask(WARM_UP)?;
    subject.map_or(Ok(()), Subject::settle)?;
    let sensor = || subject.map_or(Ok(Duration::ZERO), Subject::processor_time);
    let programs = || subject.map_or(Ok(Duration::ZERO), Subject::program_time);
    let before = (container.processor_time()?, sensor()?, programs()?);
    let output = ask(bed.amount(REQUESTS))?;
    let seconds = |after: Duration, before| after.saturating_sub(before).as_secs_f64();
    let load = seconds(container.processor_time()?, before.0);
    let sensor = seconds(sensor()?, before.1);
    let programs = seconds(programs()?, before.2);
    drop(server);
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.starts_with("\"GET\""));
    let rate = line.and_then(|line| line.split(',').nth(1)?.trim_matches('"').parse().ok());
    Ok(Run {
        all: load + sensor,
        ours: programs + sensor,
        rate: rate.with_context(|| format!("redis-benchmark said {text:?}"))?,
    })
}

#[derive(Debug)]
struct Server(Child);

impl Server {
    fn start(container: &Container, root: &Path, port: u16) -> Result<Self> {
        let mut command = inside(container, root, "/usr/bin/redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        let server = Self(command.stdout(Stdio::null()).spawn()?);
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            ensure!(
                start.elapsed() < CEILING,
                "redis does not answer after {} s",
                CEILING.as_secs()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn inside(container: &Container, root: &Path, program: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", SCRIPT])
        .arg(container.procs())
        .arg(root)
        .arg(program)
        .stdin(Stdio::null());
    command
}
