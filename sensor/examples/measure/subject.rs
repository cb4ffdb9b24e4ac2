//! The sensor under test: a process of its own, whose counters, processor time and memory are read from outside.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

use crate::api::Api;
use crate::clock;
use crate::ground::Container;

/// How long it may take until it watches, or until it ends.
const CEILING: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);
/// Whoever takes less than this share of a processor for so long has nothing to do.
const QUIET: Duration = Duration::from_millis(500);
const QUIET_SHARE: f64 = 0.01;

/// How the sensor runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As it is shipped.
    Usual,
    /// Every event goes to user space: what a sensor without a filter in the kernel does.
    Naive,
    /// Every hook is attached, and no program does anything: what is left is the kernel's own.
    Hooks,
}

/// A running sensor.
#[derive(Debug)]
pub struct Subject {
    child: Child,
    listen: SocketAddr,
    _api: Api,
    state: TempDir,
}

/// Its metrics: name with labels → value.
pub type Counters = BTreeMap<String, f64>;

impl Subject {
    /// Starts it and waits until it is ready and knows the pod.
    pub fn start(program: &Path, container: &Container, mode: Mode) -> Result<Self> {
        let state = tempfile::tempdir()?;
        let api = Api::serve(state.path(), container.pod())?;
        let listen = free_address()?;
        let log = fs::File::create(state.path().join("log"))?;
        let mut command = with_tracefs(program);
        command
            .args(["--node-name", "bench", "--node-uid", "bench"])
            .arg("--listen")
            .arg(listen.to_string())
            .args(["--cgroup-root", "/sys/fs/cgroup"])
            .arg("--state-dir")
            .arg(state.path().join("state"))
            .arg("--kubeconfig")
            .arg(api.kubeconfig())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        match mode {
            Mode::Usual => {}
            Mode::Naive => {
                command.env("ANCHORWATCH_TEST_DISABLE", "filter");
            }
            Mode::Hooks => {
                command.env("ANCHORWATCH_TEST_DISABLE", "work");
            }
        }
        let child = command
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let mut subject = Self {
            child,
            listen,
            _api: api,
            state,
        };
        subject.wait_until_ready()?;
        Ok(subject)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(self.state.path().join("log")).unwrap_or_default();
                bail!("the sensor ended with {status}: {}", log.trim());
            }
            if self
                .counters()
                .is_ok_and(|counters| total(&counters, "anchorwatch_sensor_pods", "") > 0.0)
            {
                return Ok(());
            }
            ensure!(
                start.elapsed() < CEILING,
                "the sensor is not ready after {} s",
                CEILING.as_secs()
            );
            sleep(PAUSE);
        }
    }

    /// Its metrics, as they are now.
    pub fn counters(&self) -> Result<Counters> {
        let mut stream = TcpStream::connect(self.listen)?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let value = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Ok(text
            .lines()
            .filter(|line| line.starts_with("anchorwatch_"))
            .filter_map(value)
            .collect())
    }

    /// Its processor time, in user space and in the kernel, without the programs that run in other processes.
    pub fn processor_time(&self) -> Result<Duration> {
        clock::processor_time(self.child.id())
    }

    /// Waits until it has done what it was given: what is new is hashed and told of, and nothing is left but what it does
    /// now and then.
    pub fn settle(&self) -> Result<()> {
        let start = Instant::now();
        let mut before = self.processor_time()?;
        loop {
            sleep(QUIET);
            let now = self.processor_time()?;
            if now.saturating_sub(before) < QUIET.mul_f64(QUIET_SHARE) {
                return Ok(());
            }
            ensure!(
                start.elapsed() < CEILING,
                "the sensor is busy after {} s",
                CEILING.as_secs()
            );
            before = now;
        }
    }

    /// What its programs took in the kernel, in whatever process; counted only while the kernel's statistics are on.
    pub fn program_time(&self) -> Result<Duration> {
        let mut nanoseconds = 0;
        for entry in fs::read_dir(self.proc("fdinfo"))? {
            let text = fs::read_to_string(entry?.path()).unwrap_or_default();
            let lines = text.lines().filter_map(|line| line.strip_prefix("run_time_ns:"));
            nanoseconds += lines.filter_map(|value| value.trim().parse::<u64>().ok()).sum::<u64>();
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// The most memory that was resident at once, in MiB.
    pub fn peak_memory(&self) -> Result<f64> {
        self.memory("VmHWM:")
    }

    /// What is resident now, in MiB.
    pub fn resident_memory(&self) -> Result<f64> {
        self.memory("VmRSS:")
    }

    fn memory(&self, field: &str) -> Result<f64> {
        let status = fs::read_to_string(self.proc("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        Ok(kib.with_context(|| format!("no {field} in status"))? / 1024.0)
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let asked = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if start.elapsed() > CEILING || !matches!(asked, Some(Ok(()))) {
                self.child.kill().ok();
            }
            sleep(PAUSE);
        }
    }
}

/// The program, with the kernel's tracepoints where nobody has mounted them, for itself alone.
fn with_tracefs(program: &Path) -> Command {
    const SCRIPT: &str =
        "test -d /sys/kernel/tracing/events || mount -t tracefs tracefs /sys/kernel/tracing; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "/bin/sh", "-c", SCRIPT, "sh"]).arg(program);
    command
}

/// Sums the counters of a name whose labels contain a text.
pub fn total(counters: &Counters, name: &str, label: &str) -> f64 {
    counters
        .iter()
        .filter(|(key, _)| key.split('{').next() == Some(name) && key.contains(label))
        .map(|(_, value)| value)
        .sum()
}

/// An address that is free now.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
