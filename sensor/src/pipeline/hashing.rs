//! Loaded code on its way through the thread that hashes files: it waits here for its answer, and no longer than that
//! thread may take.
//!
//! A file system may let a thread wait for ever. Then another one takes its place, and the container whose file that was
//! gets no hashes until the first one has come back: only its own are missing, and of so many threads at most.

use std::collections::BTreeMap;
use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::attribute::module::LoadedCode;
use crate::modules::{Answer, Facts, ModuleLimits, ModulePlaces, Modules, Unhashed, Wanted};

/// Most that waits; more is told without a hash.
const MOST: usize = 2048;

/// Less than one container's files may wait in the thread's own queues.
const BUSY: usize = 16;

/// Longer than the thread's own patience: it waits for a file system, should this pass, and no other may take its place.
const PATIENCE: Duration = Duration::from_mins(3);

/// What became of code that waited.
pub type Hashed = (LoadedCode, Result<Facts, Unhashed>);

/// The thread, and what waits for it.
#[derive(Debug)]
pub struct Hashing {
    limits: ModuleLimits,
    places: ModulePlaces,
    modules: Modules,
    answers: UnboundedReceiver<Answer>,
    waiting: BTreeMap<u64, (Instant, LoadedCode)>,
    next: u64,
    /// Threads that hang, by the container whose file each is at.
    hanging: BTreeMap<u64, JoinHandle<()>>,
}

impl Hashing {
    /// Starts the thread; an error where there can be none.
    pub fn start(limits: ModuleLimits, places: ModulePlaces) -> io::Result<Self> {
        let (modules, answers) = Modules::start(limits.clone(), places.clone())?;
        Ok(Self {
            limits,
            places,
            modules,
            answers,
            waiting: BTreeMap::new(),
            next: 0,
            hanging: BTreeMap::new(),
        })
    }

    /// Asks for the hash of code's file, which waits since then; gives the code back where none will come.
    pub fn want(&mut self, code: LoadedCode, since: Instant) -> Option<Hashed> {
        let (lane, what) = match code.wanted() {
            Ok(wanted) => wanted,
            Err(reason) => return Some((code, Err(reason))),
        };
        if self.hanging.contains_key(&lane) {
            return Some((code, Err(Unhashed::TooSlow)));
        }
        self.next += 1;
        let token = self.next;
        if self.waiting.len() >= MOST || !self.modules.want(Wanted { token, lane, what }) {
            return Some((code, Err(Unhashed::QueueFull)));
        }
        self.waiting.insert(token, (since, code));
        None
    }

    /// Whether what happens now may need what is left of the thread's queues.
    pub fn is_busy(&self) -> bool {
        self.waiting.len() >= BUSY
    }

    /// Waits for the next answer, with whether another file was mapped than the kernel saw. Safe to cancel.
    pub async fn answered(&mut self) -> (Hashed, bool) {
        loop {
            match self.answers.recv().await {
                Some(answer) => {
                    if let Some((_, code)) = self.waiting.remove(&answer.token) {
                        return ((code, answer.facts), answer.mismatch);
                    }
                }
                // The thread is gone: what waits for it is given up in time.
                None => std::future::pending().await,
            }
        }
    }

    /// How many threads hang.
    pub fn hanging(&self) -> usize {
        self.hanging.len()
    }

    /// What waited too long.
    pub fn expire(&mut self, now: Instant) -> Vec<Hashed> {
        self.hanging.retain(|_, thread| !thread.is_finished());
        let mut given_up = self.give_up(now);
        if self.hanging.len() < self.limits.hanging
            && let Some(container) = self.modules.at_one_step_for(self.limits.step, now)
        {
            given_up.extend(self.replace(container));
        }
        given_up
    }

    fn give_up(&mut self, now: Instant) -> Vec<Hashed> {
        let late = |(_, (since, _)): &(&u64, &(Instant, LoadedCode))| now.duration_since(*since) >= PATIENCE;
        let tokens: Vec<u64> = self.waiting.iter().filter(late).map(|(token, _)| *token).collect();
        let given_up = tokens.into_iter().filter_map(|token| self.waiting.remove(&token));
        given_up.map(|(_, code)| (code, Err(Unhashed::TooSlow))).collect()
    }

    /// Has another thread do what the one has not done that hangs at a container's file; what will get no hash.
    fn replace(&mut self, container: u64) -> Vec<Hashed> {
        let (modules, answers) = match Modules::start(self.limits.clone(), self.places.clone()) {
            Ok(started) => started,
            Err(error) => {
                tracing::error!(%error, "no other thread for hashes of loaded files");
                return Vec::new();
            }
        };
        tracing::warn!(
            cgroup = container,
            "a file system does not answer: hashes of this container's files are left out until it does"
        );
        let former = std::mem::replace(&mut self.modules, modules);
        self.answers = answers;
        self.hanging.insert(container, former.leave());
        let again = std::mem::take(&mut self.waiting).into_values();
        again.filter_map(|(since, code)| self.want(code, since)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::module::Code;
    use crate::attribute::testkit::library;
    use crate::pipeline::testkit::{attributor, cgroup};
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::fs::{self, File};

    const STEP: Duration = Duration::from_millis(50);
    const CEILING: Duration = Duration::from_secs(10);
    const HANGS: u32 = 1;
    const ANSWERS: u32 = 2;

    /// Of which one may hang, before a `/proc` in which one process's mappings are never told and the other has none.
    fn hashing(folder: &std::path::Path) -> Hashing {
        for pid in [HANGS, ANSWERS] {
            fs::create_dir(folder.join(pid.to_string())).unwrap();
        }
        mknodat(CWD, folder.join("1/maps"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        // No mappings: the process is taken for gone, which is an answer, too.
        fs::write(folder.join("2/maps"), "").unwrap();
        let limits = ModuleLimits {
            step: STEP,
            hanging: 1,
            ..ModuleLimits::default()
        };
        let places = ModulePlaces {
            proc: folder.to_path_buf(),
            kernel_modules: "/nonexistent".into(),
        };
        Hashing::start(limits, places).unwrap()
    }

    /// What a process of the container of this number has mapped.
    fn mapped(container: u8, pid: u32) -> LoadedCode {
        let mut attributor = attributor();
        let path = format!("/kubepods/pod1/{}", hex::encode([container; 32]));
        attributor.event(cgroup(u64::from(container), &path), Instant::now());
        let mut mapping = library("/lib.so", 1).cgroup(u64::from(container)).build();
        mapping.loader.pid = pid;
        mapping.loader.container = u64::from(container);
        mapping.file.inode = u64::from(container);
        attributor.loading(Code::Library(Box::new(mapping)), false).unwrap()
    }

    /// Lets time pass until a thread was replaced; what gets no hash by that.
    fn until_replaced(hashing: &mut Hashing) -> Vec<Hashed> {
        let start = Instant::now();
        let mut given_up = Vec::new();
        while hashing.hanging() == 0 {
            assert!(start.elapsed() < CEILING, "no thread was replaced");
            std::thread::sleep(STEP);
            given_up.extend(hashing.expire(Instant::now()));
        }
        given_up
    }

    fn reasons(hashed: &[Hashed]) -> Vec<Option<Unhashed>> {
        hashed.iter().map(|(_, facts)| facts.as_ref().err().copied()).collect()
    }

    #[tokio::test]
    async fn whoever_lets_the_thread_wait_for_ever_loses_his_own_hashes_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut hashing = hashing(folder.path());
        let now = Instant::now();
        // The thread that comes back does not go on to the next file that hangs.
        for (container, pid) in [(1, HANGS), (2, ANSWERS), (1, HANGS)] {
            assert!(hashing.want(mapped(container, pid), now).is_none());
        }
        let given_up = until_replaced(&mut hashing);
        assert_eq!(
            reasons(&given_up),
            [Some(Unhashed::TooSlow); 2],
            "both of the first container"
        );
        let answered = tokio::time::timeout(CEILING, hashing.answered()).await.unwrap().0;
        assert_eq!(
            reasons(&[answered]),
            [Some(Unhashed::Gone)],
            "the other thread answered"
        );
        let refused = hashing.want(mapped(1, ANSWERS), now).unwrap();
        assert_eq!(reasons(&[refused]), [Some(Unhashed::TooSlow)]);
        // It answers after all: the thread comes back, and ends.
        drop(File::options().write(true).open(folder.path().join("1/maps")).unwrap());
        let start = Instant::now();
        while hashing.hanging() > 0 {
            assert!(start.elapsed() < CEILING, "the thread did not come back");
            std::thread::sleep(STEP);
            assert!(hashing.expire(Instant::now()).is_empty());
        }
        assert!(hashing.want(mapped(1, ANSWERS), now).is_none());
        let answered = tokio::time::timeout(CEILING, hashing.answered()).await.unwrap().0;
        assert_eq!(reasons(&[answered]), [Some(Unhashed::Gone)]);
    }

    #[test]
    fn no_more_threads_than_there_may_be_wait_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let mut hashing = hashing(folder.path());
        let now = Instant::now();
        for container in [1, 2] {
            assert!(hashing.want(mapped(container, HANGS), now).is_none());
        }
        until_replaced(&mut hashing);
        std::thread::sleep(STEP * 2);
        assert!(hashing.expire(Instant::now()).is_empty());
        assert_eq!(hashing.hanging(), 1);
        let late = hashing.expire(now + PATIENCE);
        assert_eq!(reasons(&late), [Some(Unhashed::TooSlow)], "it is given up in time");
        // Whoever waits to read is let go by whoever opens it to write.
        drop(File::options().write(true).open(folder.path().join("1/maps")).unwrap());
    }
}
