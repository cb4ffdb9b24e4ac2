//! What is told of a deviation.

use anchorwatch_core::id::WorkloadKey;
use anchorwatch_core::policy::Mode;
use anchorwatch_core::severity::Severity;
use anchorwatch_core::text::shown;
use anchorwatch_core::time::Timestamp;
use serde::Serialize;
use std::fmt;

/// A deviation, told once: it stays quarantined in the baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// When it was seen.
    pub time: Timestamp,
    /// `host/Unit/NAME` or `host/Container/ID`.
    pub workload: WorkloadKey,
    /// Whether somebody is to look, or it is only recorded.
    pub state: State,
    pub severity: Severity,
    /// What the severity adds up from.
    pub terms: Vec<String>,
    /// The rule's stable id.
    pub rule: &'static str,
    /// What the rule says of it.
    pub sentence: String,
    /// The command line that showed it, without secrets; empty where arguments are not told.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// Executables that led to it, outermost first, its own last.
    pub lineage: Vec<String>,
    /// It was found when the sensor started, not seen to happen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub snapshot: bool,
}

/// What becomes of a deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum State {
    /// Somebody is to look.
    Open,
    /// The policy only observes.
    Observed,
}

impl From<Mode> for State {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Alert => Self::Open,
            Mode::Observe => Self::Observed,
        }
    }
}

/// One line, fit for a terminal.
impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let observed = match self.state {
            State::Open => "",
            State::Observed => " (observed)",
        };
        let workload = shown(&self.workload.to_string());
        write!(f, "{} {}{observed} {workload}: ", self.time, self.severity.as_str())?;
        write!(f, "{} [{}]", self.sentence, self.rule)?;
        if self.lineage.len() > 1 {
            let lineage: Vec<String> = self.lineage.iter().map(|path| shown(path)).collect();
            write!(f, "; lineage: {}", lineage.join(" → "))?;
        }
        if !self.command.is_empty() {
            write!(f, "; command: {}", shown(&self.command))?;
        }
        if self.snapshot {
            write!(f, "; found when the sensor started")?;
        }
        Ok(())
    }
}
