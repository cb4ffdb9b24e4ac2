//! What runs in containers when the sensor starts, told as if it were executed now. A thread of its own looks at one
//! process after the other, slowly enough to cost a tenth of a core at most, while events are already handled.

mod layer;
mod standing;

use crate::attribute::process::parse_stat;
use crate::decode::Exec;
use crate::snapshot::SeededProcess;
use layer::Layers;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long the thread rests for each moment of work.
const REST: u32 = 9;

/// Found and not taken yet: the thread waits while the pipeline does not know the node's pods.
const CHANNEL: usize = 64;

/// How far the survey is. Its parts add up to `total` when it is over.
#[derive(Debug, Default)]
pub struct Progress {
    pub total: AtomicU64,
    /// Told as behaviours.
    pub told: AtomicU64,
    /// Run what their parents executed, or are the container runtime's: nothing to tell.
    pub passed_over: AtomicU64,
    /// Ended before they were looked at.
    pub vanished: AtomicU64,
    /// Could not be looked into: where their file comes from is not known.
    pub unreadable: AtomicU64,
}

/// What is to be looked at, oldest first.
#[derive(Debug)]
pub struct Survey {
    pub proc: PathBuf,
    pub processes: Vec<SeededProcess>,
    pub progress: Arc<Progress>,
}

/// What became of one process.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Told(Box<Exec>),
    PassedOver,
    Vanished,
    Unreadable,
}

impl Survey {
    /// Of nothing yet.
    pub fn of(proc: PathBuf) -> Self {
        Self {
            proc,
            processes: Vec::new(),
            progress: Arc::default(),
        }
    }

    /// Begins; the survey ends when all is told, or nobody listens any more.
    pub fn start(self) -> std::io::Result<mpsc::Receiver<Exec>> {
        let (sender, receiver) = mpsc::channel(CHANNEL);
        self.progress
            .total
            .store(self.processes.len() as u64, Ordering::Relaxed);
        std::thread::Builder::new()
            .name("survey".to_owned())
            .spawn(move || self.run(&sender))?;
        Ok(receiver)
    }

    fn run(self, sender: &mpsc::Sender<Exec>) {
        let mut layers = Layers::new(&self.proc);
        for process in &self.processes {
            let started = Instant::now();
            let look = self.look(process, &mut layers);
            let worked = started.elapsed();
            let counter = match look {
                Look::Told(exec) => {
                    if sender.blocking_send(*exec).is_err() {
                        return;
                    }
                    &self.progress.told
                }
                Look::PassedOver => &self.progress.passed_over,
                Look::Vanished => &self.progress.vanished,
                Look::Unreadable => &self.progress.unreadable,
            };
            counter.fetch_add(1, Ordering::Relaxed);
            rest(worked);
        }
    }

    fn look(&self, process: &SeededProcess, layers: &mut Layers) -> Look {
        if process.fork_without_exec || process.in_host_mounts {
            return Look::PassedOver;
        }
        let folder = self.proc.join(process.pid.to_string());
        let source = layers.source(&folder);
        let sockets = [0, 1].map(|descriptor| standing::is_network_socket(&folder, descriptor));
        // Asked last: only then was all of it this process's.
        let stat = std::fs::read(folder.join("stat")).unwrap_or_default();
        match (parse_stat(&stat), source) {
            (Some(stat), Some(source)) if stat.start_ticks == process.start_ticks => {
                Look::Told(Box::new(standing::exec(process, source, sockets, stat.terminal)))
            }
            (Some(stat), None) if stat.start_ticks == process.start_ticks => Look::Unreadable,
            _ => Look::Vanished,
        }
    }
}

fn rest(worked: Duration) {
    std::thread::sleep(worked * REST);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::testkit::seeded;

    fn process(pid: u32, start_ticks: u64) -> SeededProcess {
        SeededProcess {
            pid,
            start_ticks,
            ..seeded("/bin/x")
        }
    }

    fn start_of_ours() -> u64 {
        parse_stat(&std::fs::read("/proc/self/stat").unwrap())
            .unwrap()
            .start_ticks
    }

    #[test]
    fn each_process_is_told_or_counted() {
        let own = std::process::id();
        let mut worker = process(own, start_of_ours());
        worker.fork_without_exec = true;
        let survey = Survey {
            proc: PathBuf::from("/proc"),
            processes: vec![
                process(own, start_of_ours()),
                worker,
                process(own, start_of_ours() + 1),
                process(u32::MAX, 1),
            ],
            progress: Arc::default(),
        };
        let progress = Arc::clone(&survey.progress);
        let mut told = survey.start().unwrap();
        let mut executables = Vec::new();
        while let Some(exec) = told.blocking_recv() {
            executables.push(exec.executable);
        }
        assert_eq!(executables, [b"/bin/x"]);
        let Progress {
            total,
            told,
            passed_over,
            vanished,
            unreadable,
        } = &*progress;
        let counts = [total, told, passed_over, vanished, unreadable].map(|count| count.load(Ordering::Relaxed));
        assert_eq!(counts, [4, 1, 1, 2, 0]);
    }
}
