//! What a report's reader is told of an alert's state and severity.
//!
//! | result | states |
//! |---|---|
//! | `fail` | Open, PendingReview, Escalated: somebody has to look |
//! | `warn` | Correlating, Observed: nobody has to look, or not yet |
//! | `skip` | Suppressed: a rollout explains it |
//! | `pass` | Accepted, Dismissed, Denied, Resolved: it is closed; what is seen again is another alert |

use anchorwatch_crds::v1alpha1::{AlertState, Severity};

/// What a report's reader is told of a state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Nobody has to look, and nobody will have to.
    Pass,
    /// Somebody has to look.
    Fail,
    /// Nobody has to look, or not yet.
    Warn,
    /// Nothing that an alert is.
    Error,
    /// It is explained.
    Skip,
}

impl Outcome {
    /// Every one, in the order of a report's summary.
    pub const ALL: [Self; 5] = [Self::Pass, Self::Fail, Self::Warn, Self::Error, Self::Skip];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Skip => "skip",
        }
    }

    /// What is told first is greater.
    pub const fn order(self) -> u8 {
        match self {
            Self::Fail => 4,
            Self::Error => 3,
            Self::Warn => 2,
            Self::Skip => 1,
            Self::Pass => 0,
        }
    }

    /// What is told of an alert in this state.
    pub const fn of(state: AlertState) -> Self {
        match state {
            AlertState::Open | AlertState::PendingReview | AlertState::Escalated => Self::Fail,
            AlertState::Correlating | AlertState::Observed => Self::Warn,
            AlertState::Suppressed => Self::Skip,
            AlertState::Accepted | AlertState::Dismissed | AlertState::Denied | AlertState::Resolved => Self::Pass,
        }
    }
}

/// A severity by its order and its name in reports.
pub const fn gravity(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Info => (0, "info"),
        Severity::Low => (1, "low"),
        Severity::Medium => (2, "medium"),
        Severity::High => (3, "high"),
        Severity::Critical => (4, "critical"),
    }
}
