//! The thread that reads.

use super::budget::Budget;
use super::cache::Cache;
use super::hash::{PIECE, Reading, Step};
use super::lanes::{LaneLimits, Lanes};
use super::open::{self, Standing};
use super::{Answer, Facts, MappedFile, ModuleLimits, ModulePlaces, Occupation, Unhashed, Wanted, WantedFile, kernel};
use anchorwatch_sensor_common::module::FileIdentity;
use std::collections::HashMap;
use std::fs::File;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;

/// How far behind others the thread stands where processors are scarce (`nice`).
const NICE: libc::c_int = 10;

/// Who wants an answer.
#[derive(Debug, Clone, Copy)]
struct Asker {
    token: u64,
    mismatch: bool,
}

#[derive(Debug)]
struct Job {
    reading: Reading,
    file: Option<FileIdentity>,
    asker: Asker,
}

pub(super) struct Worker {
    limits: ModuleLimits,
    places: ModulePlaces,
    arrivals: Receiver<Wanted>,
    answers: UnboundedSender<Answer>,
    cache: Cache,
    budget: Budget,
    lanes: Lanes<Job>,
    /// Taken from its lane, and waiting for the budget.
    next: Option<(u64, Job)>,
    /// Who else wants what is being read, by the file.
    joined: HashMap<FileIdentity, Vec<Asker>>,
    buffer: Vec<u8>,
    occupation: Occupation,
}

impl Worker {
    pub fn new(
        limits: ModuleLimits,
        places: ModulePlaces,
        lane_limits: LaneLimits,
        arrivals: Receiver<Wanted>,
        answers: UnboundedSender<Answer>,
    ) -> Self {
        Self {
            cache: Cache::new(limits.cached),
            budget: Budget::new(limits.bytes_per_second, Instant::now()),
            lanes: Lanes::new(lane_limits),
            limits,
            places,
            arrivals,
            answers,
            next: None,
            joined: HashMap::new(),
            buffer: vec![0; PIECE],
            occupation: Occupation::default(),
        }
    }

    /// What the thread is going to be at.
    pub fn occupation(&self) -> Occupation {
        self.occupation.clone()
    }

    pub fn run(mut self) {
        // SAFETY: a system call without pointers; on Linux it is about the calling thread alone.
        if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) } != 0 {
            tracing::debug!(error = %std::io::Error::last_os_error(), "hashing thread not made nice");
        }
        while self.arrive() {
            self.turn();
        }
    }

    /// Takes in what is wanted, waiting for it where there is nothing to do; false at the end.
    fn arrive(&mut self) -> bool {
        if self.next.is_none() && self.lanes.is_empty() {
            match self.arrivals.recv() {
                Ok(wanted) => self.accept(wanted),
                Err(_) => return false,
            }
        }
        // What nobody listens for any more is not opened.
        while !self.answers.is_closed() {
            match self.arrivals.try_recv() {
                Ok(wanted) => self.accept(wanted),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        false
    }

    /// Reads a piece of the file whose turn it is, or waits for the budget or for what arrives.
    fn turn(&mut self) {
        let Some((lane, mut job)) = self.next.take().or_else(|| self.lanes.pop()) else {
            return;
        };
        if let Err(wait) = self.budget.take(job.reading.cost(), Instant::now()) {
            self.next = Some((lane, job));
            if let Ok(wanted) = self.arrivals.recv_timeout(wait) {
                self.accept(wanted);
            }
            return;
        }
        let buffer = &mut self.buffer;
        let step = self
            .occupation
            .during(lane, || job.reading.step(buffer, Instant::now()));
        match step {
            Step::More => self.lanes.push(lane, job),
            Step::Done { facts, settled } => {
                if let (Some(file), true) = (job.file, settled) {
                    self.cache.insert(file, facts.clone());
                }
                self.done(&job, &Ok(facts));
            }
            Step::Failed(reason) => self.done(&job, &Err(reason)),
        }
    }

    /// The file is opened at once: its process may be gone a moment later.
    fn accept(&mut self, wanted: Wanted) {
        let occupation = self.occupation();
        occupation.during(wanted.lane, || self.open(wanted));
    }

    fn open(&mut self, wanted: Wanted) {
        let Wanted { token, lane, what } = wanted;
        match what {
            WantedFile::Mapping(file) => self.mapping(token, lane, &file),
            WantedFile::KernelModule(name) => {
                let asker = Asker { token, mismatch: false };
                let file = kernel::file(&self.places.kernel_modules, &name).ok_or(Unhashed::Gone);
                let file = file.and_then(|path| File::open(path).map_err(|_| Unhashed::Unreadable));
                self.begin(lane, asker, file, None);
            }
        }
    }

    fn mapping(&mut self, token: u64, lane: u64, wanted: &MappedFile) {
        let known = self.cache.get(&wanted.identity).cloned();
        let standing = if known.is_some() && !wanted.by_descriptor {
            None
        } else {
            Some(open::standing(&self.places.proc, wanted))
        };
        let mismatch = wanted.by_descriptor && standing == Some(Standing::NotMapped);
        let asker = Asker { token, mismatch };
        if let Some(facts) = known {
            self.answer(asker, Ok(facts));
        } else if let Some(others) = self.joined.get_mut(&wanted.identity) {
            if others.len() < self.limits.waiting {
                others.push(asker);
            } else {
                self.answer(asker, Err(Unhashed::QueueFull));
            }
        } else {
            let standing = standing.unwrap_or(Standing::Gone);
            let file = open::open(&self.places.proc, wanted, &standing);
            self.begin(lane, asker, file, Some(wanted.identity));
        }
    }

    fn begin(&mut self, lane: u64, asker: Asker, file: Result<File, Unhashed>, identity: Option<FileIdentity>) {
        let room = self.lanes.has_room(lane);
        let deadline = Instant::now() + self.limits.patience;
        let reading = file
            .and_then(|file| if room { Ok(file) } else { Err(Unhashed::QueueFull) })
            .and_then(|file| Reading::begin(file, identity, self.limits.largest_file, deadline));
        match reading {
            Ok(reading) => {
                if let Some(identity) = identity {
                    self.joined.insert(identity, Vec::new());
                }
                let file = identity;
                self.lanes.push(lane, Job { reading, file, asker });
            }
            Err(reason) => self.answer(asker, Err(reason)),
        }
    }

    fn done(&mut self, job: &Job, facts: &Result<Facts, Unhashed>) {
        self.answer(job.asker, facts.clone());
        let joined = job.file.and_then(|file| self.joined.remove(&file));
        for asker in joined.unwrap_or_default() {
            self.answer(asker, facts.clone());
        }
    }

    fn answer(&self, asker: Asker, facts: Result<Facts, Unhashed>) {
        let answer = Answer {
            token: asker.token,
            facts,
            mismatch: asker.mismatch,
        };
        // Nobody listens any more: the thread ends with its next look at the arrivals.
        if self.answers.send(answer).is_err() {
            tracing::debug!("an answer came too late");
        }
    }
}
