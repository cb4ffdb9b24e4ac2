//! Loaded code on its way through the thread that hashes files: it waits here for its answer, and no longer than that
//! thread may take.

use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::attribute::module::LoadedCode;
use crate::modules::{Answer, Facts, Modules, Unhashed, Wanted};

/// Most that waits; more is told without a hash.
const MOST: usize = 2048;

/// Less than one container's files may wait in the thread's own queues.
const BUSY: usize = 16;

/// Longer than the thread's own patience: it hangs in a read, should this pass.
const PATIENCE: Duration = Duration::from_mins(3);

/// What became of code that waited.
pub type Hashed = (LoadedCode, Result<Facts, Unhashed>);

/// The thread, and what waits for it.
#[derive(Debug)]
pub struct Hashing {
    modules: Modules,
    answers: UnboundedReceiver<Answer>,
    waiting: HashMap<u64, (Instant, LoadedCode)>,
    next: u64,
}

impl Hashing {
    pub fn new((modules, answers): (Modules, UnboundedReceiver<Answer>)) -> Self {
        Self {
            modules,
            answers,
            waiting: HashMap::new(),
            next: 0,
        }
    }

    /// Asks for the hash of code's file; gives the code back where none will come.
    pub fn want(&mut self, code: LoadedCode, now: Instant) -> Option<Hashed> {
        let (lane, what) = match code.wanted() {
            Ok(wanted) => wanted,
            Err(reason) => return Some((code, Err(reason))),
        };
        self.next += 1;
        let token = self.next;
        if self.waiting.len() >= MOST || !self.modules.want(Wanted { token, lane, what }) {
            return Some((code, Err(Unhashed::QueueFull)));
        }
        self.waiting.insert(token, (now, code));
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

    /// What waited too long.
    pub fn expire(&mut self, now: Instant) -> Vec<Hashed> {
        let late = |(_, (since, _)): &(&u64, &(Instant, LoadedCode))| now.duration_since(*since) >= PATIENCE;
        let tokens: Vec<u64> = self.waiting.iter().filter(late).map(|(token, _)| *token).collect();
        let given_up = tokens.into_iter().filter_map(|token| self.waiting.remove(&token));
        given_up.map(|(_, code)| (code, Err(Unhashed::TooSlow))).collect()
    }
}
