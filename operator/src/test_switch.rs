//! Switches that only tests use: they take a part away, or kill the process at a chosen point, so that a test can show
//! that it would notice.

use std::{env, fs, io, path::PathBuf};

use tracing::warn;

const DISABLE: &str = "ANCHORWATCH_TEST_DISABLE";
const KILL: &str = "ANCHORWATCH_TEST_KILL";
const KILL_MARKER: &str = "ANCHORWATCH_TEST_KILL_MARKER";
/// Only the merge of a report that names this executable is the point; any, where it is unset.
const KILL_AT: &str = "ANCHORWATCH_TEST_KILL_AT";

/// What the environment switches.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TestSwitches {
    /// Everything new is learned, nothing is drift.
    pub no_drift_decision: bool,
    /// No rollout explains anything.
    pub no_rollout_match: bool,
    /// Die once, between the first baseline written and the acknowledgement; the file remembers that it happened.
    pub kill_mid_merge: Option<MidMerge>,
}

/// In whose merge, and the file that remembers it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MidMerge {
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
        let kill = variable(KILL).is_some_and(|point| point == "operator-mid-merge");
        Self {
            no_drift_decision: is_disabled("drift-decision"),
            no_rollout_match: is_disabled("rollout-match"),
            kill_mid_merge: kill.then(|| MidMerge {
                at: variable(KILL_AT),
                marker: variable(KILL_MARKER).unwrap_or_default().into(),
            }),
        }
    }

    /// True where any switch is set.
    pub fn active(&self) -> bool {
        *self != Self::default()
    }

    /// Dies here, without any clean-up, if a test asked for it in the merge of these executables and it did not happen
    /// yet.
    pub fn die_mid_merge<'a>(&self, mut executables: impl Iterator<Item = &'a str>) {
        let Some(MidMerge { at, marker }) = &self.kill_mid_merge else {
            return;
        };
        if at
            .as_ref()
            .is_some_and(|at| !executables.any(|executable| executable == at))
        {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_variable_switches_nothing() {
        assert!(!TestSwitches::read(|_| None).active());
    }

    #[test]
    fn each_part_is_switched_off_by_its_name() {
        let switches = TestSwitches::read(|name| (name == DISABLE).then(|| "attach, rollout-match".to_owned()));
        assert_eq!(
            switches,
            TestSwitches {
                no_rollout_match: true,
                ..TestSwitches::default()
            }
        );
    }

    #[test]
    fn a_kill_point_of_the_sensor_does_not_concern_the_operator() {
        let switches = TestSwitches::read(|name| (name == KILL).then(|| "sensor-before-send".to_owned()));
        assert_eq!(switches.kill_mid_merge, None);
    }

    #[test]
    fn a_marker_that_exists_prevents_a_second_death() {
        let marker = env::temp_dir().join(format!("anchorwatch-marker-{}", std::process::id()));
        fs::write(&marker, "").unwrap();
        let switches = TestSwitches {
            kill_mid_merge: Some(MidMerge {
                at: None,
                marker: marker.clone(),
            }),
            ..TestSwitches::default()
        };
        switches.die_mid_merge(std::iter::empty());
        fs::remove_file(marker).unwrap();
    }

    #[test]
    fn the_merge_of_another_report_is_survived() {
        let marker = env::temp_dir().join(format!("anchorwatch-other-marker-{}", std::process::id()));
        let switches = TestSwitches {
            kill_mid_merge: Some(MidMerge {
                at: Some("/bin/x".into()),
                marker: marker.clone(),
            }),
            ..TestSwitches::default()
        };
        switches.die_mid_merge(["/bin/y"].into_iter());
        assert!(!marker.exists());
    }
}
