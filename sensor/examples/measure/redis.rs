//! What an everyday server notices of the sensor: Debian's redis in a container, asked by its own benchmark.

use anyhow::{Context, Result, ensure};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Bed;
use crate::ground::Container;
use crate::subject::{Mode, Subject};
use crate::turns::{Meter, Spent, above_the_hooks, more, turns};
use anchorwatch_figures::Figure;

const REQUESTS: u64 = 300_000;
/// Before those whose time is taken: what is new about server and client is told of meanwhile, once.
const WARM_UP: u64 = 5_000;
const CEILING: Duration = Duration::from_secs(30);
/// The shell puts itself into the container and runs the rest with another root.
const SCRIPT: &str = "echo 0 > \"$0\" && exec unshare --mount chroot \"$@\"";

/// Without the sensor, with it, and with its hooks alone.
const WAYS: [Option<Mode>; 3] = [None, Some(Mode::Usual), Some(Mode::Hooks)];

/// Of one run of the benchmark.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    spent: Spent,
    /// Answered a second.
    rate: f64,
}

/// `root` is a folder with redis and what it needs.
pub fn measure(bed: &Bed, root: &Path) -> Result<Vec<Figure>> {
    let container = Container::create()?;
    let mut ask = |subject: Option<&Subject>| ask(bed, &container, root, subject);
    let (mut with, mut hooks, mut above, mut rates) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..bed.rounds {
        let [without, usual, idle] = turns(bed, &container, (round, WAYS), &mut ask)?;
        let ours = above_the_hooks(bed, &container, round, &mut |subject| Ok(ask(subject)?.spent))?;
        with.push(more(usual.spent, without.spent));
        hooks.push(more(idle.spent, without.spent));
        above.push(ours / without.spent.all * 100.0);
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
    let meter = Meter::start(container, subject)?;
    let output = ask(bed.amount(REQUESTS))?;
    let spent = meter.stop()?;
    drop(server);
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.starts_with("\"GET\""));
    let rate = line.and_then(|line| line.split(',').nth(1)?.trim_matches('"').parse().ok());
    Ok(Run {
        spent,
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
