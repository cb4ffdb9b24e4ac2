//! What an everyday server notices of the sensor: Debian's redis in a container, asked by its own benchmark. Processor
//! time of server and client, and the sensor's meanwhile: the time on the clock depends on who is awake when.

use anyhow::{Context, Result, ensure};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Bed;
use crate::ground::Container;
use crate::subject::{Mode, Subject};
use anchorwatch_figures::Figure;

const REQUESTS: u64 = 300_000;
const CEILING: Duration = Duration::from_secs(30);
/// The shell puts itself into the container and runs the rest with another root.
const SCRIPT: &str = "echo 0 > \"$0\" && exec unshare --mount chroot \"$@\"";

/// `root` is a folder with redis and what it needs.
pub fn measure(bed: &Bed, root: &Path) -> Result<Vec<Figure>> {
    let container = Container::create()?;
    let (mut slower, mut rates) = (Vec::new(), Vec::new());
    for round in 0..bed.rounds {
        let mut took = [0.0; 2];
        // One after the other, and the other way round in the next round.
        for turn in 0..2 {
            let with = (round + turn) % 2 == 1;
            let subject = with
                .then(|| Subject::start(&bed.sensor, &container, Mode::Usual))
                .transpose()?;
            let (seconds, rate) = ask(bed, &container, root, subject.as_ref())?;
            took[usize::from(with)] = seconds;
            if with {
                rates.push(rate);
            }
            drop(subject);
        }
        slower.push((took[1] / took[0] - 1.0) * 100.0);
        eprintln!("redis: round {} of {}", round + 1, bed.rounds);
    }
    Ok(vec![
        Figure::at_most("redis-benchmark", &slower, "%", 0.5),
        Figure::shown("redis-benchmark, requests", &rates, "requests/s"),
    ])
}

/// Processor seconds that the requests take, and how many are answered a second.
fn ask(bed: &Bed, container: &Container, root: &Path, subject: Option<&Subject>) -> Result<(f64, f64)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let server = Server::start(container, root, port)?;
    let requests = bed.amount(REQUESTS).to_string();
    let sensor = || subject.map_or(Ok(Duration::ZERO), Subject::processor_time);
    let before = container.processor_time()? + sensor()?;
    let output = inside(container, root, "/usr/bin/redis-benchmark")
        .args(["-p", &port.to_string(), "-n", &requests, "-t", "get", "--csv"])
        .output()?;
    let took = (container.processor_time()? + sensor()?).saturating_sub(before);
    drop(server);
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.starts_with("\"GET\""));
    let rate = line.and_then(|line| line.split(',').nth(1)?.trim_matches('"').parse().ok());
    let rate = rate.with_context(|| format!("redis-benchmark said {text:?}"))?;
    Ok((took.as_secs_f64(), rate))
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
