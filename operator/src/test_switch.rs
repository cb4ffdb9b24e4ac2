//! Switches that only tests use: they take a part away, kill the process at a chosen point, or step its clock, so that a
//! test can show that it would notice.

#[cfg(test)]
mod tests;

use std::{env, fs, io, path::PathBuf};

use tracing::warn;

const DISABLE: &str = "ANCHORWATCH_TEST_DISABLE";
const KILL: &str = "ANCHORWATCH_TEST_KILL";
const KILL_MARKER: &str = "ANCHORWATCH_TEST_KILL_MARKER";
/// By how many seconds the clock is stepped.
const CLOCK: &str = "ANCHORWATCH_TEST_CLOCK";
/// Only the merge of a report that names this executable, or the making of the record of this name, is the point; any, where
/// it is unset.
const KILL_AT: &str = "ANCHORWATCH_TEST_KILL_AT";

/// What the environment switches.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TestSwitches {
    /// Everything new is learned, nothing is drift.
    pub no_drift_decision: bool,
    /// No rollout explains anything.
    pub no_rollout_match: bool,
    /// Die once, between the first baseline written and the acknowledgement; the file remembers that it happened.
    pub kill_mid_merge: Option<Deadly>,
    /// Die once, between a record made and anything that is told of it.
    pub kill_mid_record: Option<Deadly>,
    /// By how many seconds the clock is stepped.
    pub clock: i64,
}

/// A point at which to die, and the file that remembers that it happened.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Deadly {
    at: Option<String>,
    marker: PathBuf,
}

impl TestSwitches {
    /// Reads the environment.
    pub fn from_env() -> Self {
        Self::read(|name| env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let disabled = variable(DISABLE).unwrap_or_default();
        let is_disabled = |part: &str| disabled.split(',').any(|one| one.trim() == part);
        let deadly = |name: &str| {
            let is_point = variable(KILL).is_some_and(|point| point == name);
            is_point.then(|| Deadly {
                at: variable(KILL_AT),
                marker: variable(KILL_MARKER).unwrap_or_default().into(),
            })
        };
        Self {
            no_drift_decision: is_disabled("drift-decision"),
            no_rollout_match: is_disabled("rollout-match"),
            kill_mid_merge: deadly("operator-mid-merge"),
            kill_mid_record: deadly("operator-mid-record"),
            clock: variable(CLOCK)
                .and_then(|seconds| seconds.parse().ok())
                .unwrap_or_default(),
        }
    }

    /// True where any switch is set.
    pub fn active(&self) -> bool {
        *self != Self::default()
    }

    /// Dies here, without any clean-up, if a test asked for it in the merge of these executables and it did not happen
    /// yet.
    pub fn die_mid_merge<'a>(&self, mut executables: impl Iterator<Item = &'a str>) {
        if let Some(deadly) = &self.kill_mid_merge {
            deadly.strike(|at| executables.any(|executable| executable == at));
        }
    }

    /// The same after the record of this name was made.
    pub fn die_mid_record(&self, name: &str) {
        if let Some(deadly) = &self.kill_mid_record {
            deadly.strike(|at| name == at);
        }
    }
}

impl Deadly {
    fn strike(&self, mut is_here: impl FnMut(&str) -> bool) {
        let Self { at, marker } = self;
        if at.as_ref().is_some_and(|at| !is_here(at)) {
            return;
        }
        match fs::File::create_new(marker) {
            Ok(_) => {
                warn!(marker = %marker.display(), "killed by a test switch");
                if let Err(error) =
                    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
                {
                    warn!(%error, "a test switch could not kill the process");
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => warn!(%error, marker = %marker.display(), "the marker of a test switch can't be created"),
        }
    }
}
