//! Starts loads in the container, one a processor, lets them begin together, and takes their time.

use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::ground::Container;
use crate::work::Work;

/// Children that are set up and wait for their beginning.
#[derive(Debug)]
pub struct Loads(Vec<Load>);

#[derive(Debug)]
struct Load {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Loads {
    /// One for each piece of work; returns when all have had their warm-up.
    pub fn prepare(container: &Container, works: &[Work]) -> Result<Self> {
        let mut loads = works
            .iter()
            .map(|work| spawn(container, work))
            .collect::<Result<Vec<_>>>()?;
        for load in &mut loads {
            let line = load.line()?;
            ensure!(line == "ready", "a load said {line:?}");
        }
        Ok(Self(loads))
    }

    /// Lets all begin and waits for all; the longest time that one took.
    pub fn run(mut self) -> Result<Duration> {
        for load in &mut self.0 {
            load.input.write_all(b"go\n")?;
        }
        let mut longest = 0;
        for load in &mut self.0 {
            longest = longest.max(load.line()?.parse().context("a load told no time")?);
            ensure!(load.child.wait()?.success(), "a load failed");
        }
        Ok(Duration::from_nanos(longest))
    }
}

impl Load {
    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

/// A shell moves itself into the container and becomes the load, so that all of it is the container's. In the host's
/// mount namespace it would be taken for a stage of the container runtime.
fn spawn(container: &Container, work: &Work) -> Result<Load> {
    let script = if work.kind.connects() {
        "echo 0 > \"$0\" && exec unshare --mount --net \"$@\""
    } else {
        "echo 0 > \"$0\" && exec unshare --mount \"$@\""
    };
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script])
        .arg(container.procs())
        .arg(std::env::current_exe()?)
        .args(["work", work.kind.name()])
        .args(["--count", &work.count.to_string(), "--offset", &work.offset.to_string()])
        .args(["--warm-up", &work.warm_up.to_string()])
        .args(work.rate.map(|rate| format!("--rate={rate}")));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    Ok(Load {
        input: child.stdin.take().context("no input")?,
        output: BufReader::new(child.stdout.take().context("no output")?),
        child,
    })
}
