//! Switches for tests that prove what a part is worth by its absence, or a crash harmless. Never set otherwise.

use std::fs::OpenOptions;
use std::path::PathBuf;

const DISABLE: &str = "ANCHORWATCH_TEST_DISABLE";
const KILL: &str = "ANCHORWATCH_TEST_KILL";
const MARKER: &str = "ANCHORWATCH_TEST_KILL_MARKER";
/// Only a batch that contains this text is the point; any, where it is unset.
const AT: &str = "ANCHORWATCH_TEST_KILL_AT";

/// Where the sensor kills itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillPoint {
    /// The batch is on disk and was not sent.
    BeforeSend,
    /// The batch was sent and its acknowledgement was not taken over.
    BeforeAcknowledgement,
}

/// Where, in which batch, and the file that says that it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kill {
    point: KillPoint,
    at: String,
    marker: PathBuf,
}

/// What is switched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestSwitches {
    /// Load the programs and attach none.
    pub no_attach: bool,
    /// Forward every event, as if there were neither filter nor quotas in the kernel.
    pub no_filter: bool,
    /// Attach the programs, which then do nothing: what is left is what the kernel takes to call them.
    pub idle: bool,
    kill: Option<Kill>,
}

/// Why a switch is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestSwitchError {
    #[error("{DISABLE} is {0:?}; expected attach, filter or work")]
    Disable(String),
    #[error("{KILL} is {0:?}; expected sensor-before-send or sensor-before-ack")]
    Kill(String),
    #[error("{KILL} needs {MARKER}, the file that says that it was done")]
    NoMarker,
}

impl TestSwitches {
    /// Reads them by a function from name to value; switches of the operator are not ours.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, TestSwitchError> {
        let disabled = variable(DISABLE);
        let disabled = disabled.as_deref();
        match disabled {
            None | Some("" | "drift-decision" | "rollout-match" | "attach" | "filter" | "work") => {}
            Some(other) => return Err(TestSwitchError::Disable(other.to_owned())),
        }
        let point = match variable(KILL).as_deref() {
            None | Some("" | "operator-mid-merge") => None,
            Some("sensor-before-send") => Some(KillPoint::BeforeSend),
            Some("sensor-before-ack") => Some(KillPoint::BeforeAcknowledgement),
            Some(other) => return Err(TestSwitchError::Kill(other.to_owned())),
        };
        let kill = match point {
            None => None,
            Some(point) => Some(Kill {
                point,
                at: variable(AT).unwrap_or_default(),
                marker: variable(MARKER).ok_or(TestSwitchError::NoMarker)?.into(),
            }),
        };
        Ok(Self {
            no_attach: disabled == Some("attach"),
            no_filter: disabled == Some("filter"),
            idle: disabled == Some("work"),
            kill,
        })
    }

    pub fn is_active(&self) -> bool {
        *self != Self::default()
    }

    /// Ends the process at once, if this is the point, the batch is the one, and it was not done before.
    pub fn pass(&self, point: KillPoint, batch: &[u8]) {
        let Some(kill) = &self.kill else { return };
        let meant = kill.point == point && String::from_utf8_lossy(batch).contains(&kill.at);
        if meant
            && OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&kill.marker)
                .is_ok()
        {
            // SAFETY: kill takes two numbers; our own process is ended, which is the purpose.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<TestSwitches, TestSwitchError> {
        TestSwitches::read(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_variables_nothing_is_switched() {
        assert!(!read(&[]).unwrap().is_active());
        assert!(!read(&[(DISABLE, "drift-decision"), (KILL, "")]).unwrap().is_active());
    }

    #[test]
    fn switches_are_read() {
        assert!(read(&[(DISABLE, "attach")]).unwrap().no_attach);
        assert!(read(&[(DISABLE, "filter")]).unwrap().no_filter);
        assert!(read(&[(DISABLE, "work")]).unwrap().idle);
        let switches = read(&[(KILL, "sensor-before-ack"), (MARKER, "/m"), (AT, "/bin/x")]).unwrap();
        let kill = Kill {
            point: KillPoint::BeforeAcknowledgement,
            at: "/bin/x".into(),
            marker: "/m".into(),
        };
        assert_eq!(switches.kill, Some(kill));
    }

    #[test]
    fn an_unknown_switch_is_refused() {
        assert_eq!(read(&[(DISABLE, "x")]), Err(TestSwitchError::Disable("x".into())));
        assert_eq!(read(&[(KILL, "x")]), Err(TestSwitchError::Kill("x".into())));
        assert_eq!(read(&[(KILL, "sensor-before-send")]), Err(TestSwitchError::NoMarker));
    }

    #[test]
    fn nobody_is_killed_where_the_marker_exists() {
        let directory = tempfile::tempdir().unwrap();
        let marker = directory.path().join("done");
        std::fs::write(&marker, "").unwrap();
        let marker = marker.to_str().unwrap().to_owned();
        read(&[(KILL, "sensor-before-send"), (MARKER, &marker)])
            .unwrap()
            .pass(KillPoint::BeforeSend, b"");
    }

    #[test]
    fn nobody_is_killed_at_another_point_or_by_another_batch() {
        let directory = tempfile::tempdir().unwrap();
        let marker = directory.path().join("not-done").to_str().unwrap().to_owned();
        let switches = read(&[(KILL, "sensor-before-send"), (MARKER, &marker), (AT, "/bin/x")]).unwrap();
        switches.pass(KillPoint::BeforeSend, b"/bin/y");
        switches.pass(KillPoint::BeforeAcknowledgement, b"/bin/x");
        assert!(!std::path::Path::new(&marker).exists());
    }
}
