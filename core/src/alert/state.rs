//! Where a finding or an alert stands.

use serde::{Deserialize, Serialize};

/// Where an alert or a finding stands.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AlertState {
    /// Waits, for a minute or so, for the digests and records that may explain it.
    #[default]
    Correlating,
    /// Recorded by a policy that only observes.
    Observed,
    /// Open, and not explained by a rollout.
    Open,
    /// Explained by a rollout.
    Suppressed,
    /// Waits for review.
    PendingReview,
    /// Escalated.
    Escalated,
    /// Somebody accepted it.
    Accepted,
    /// Somebody dismissed it.
    Dismissed,
    /// Somebody denied it.
    Denied,
    /// It no longer deviates: what it shows was learned meanwhile.
    Resolved,
}

impl AlertState {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Correlating,
        Self::Observed,
        Self::Open,
        Self::Suppressed,
        Self::PendingReview,
        Self::Escalated,
        Self::Accepted,
        Self::Dismissed,
        Self::Denied,
        Self::Resolved,
    ];

    /// How urgently somebody has to look: the state of an alert is that of its most urgent finding. What waits for
    /// evidence may turn out to be nothing, so that it comes after what needs a person.
    pub const fn urgency(self) -> u8 {
        match self {
            Self::Escalated => 9,
            Self::Open => 8,
            Self::PendingReview => 7,
            Self::Correlating => 6,
            Self::Observed => 5,
            Self::Suppressed => 4,
            Self::Denied => 3,
            Self::Accepted => 2,
            Self::Dismissed => 1,
            Self::Resolved => 0,
        }
    }

    /// Whether a person closed it, or time did: nothing of ours changes it any more.
    pub const fn is_closed(self) -> bool {
        match self {
            Self::Accepted | Self::Dismissed | Self::Denied | Self::Resolved => true,
            Self::Correlating
            | Self::Observed
            | Self::Open
            | Self::Suppressed
            | Self::PendingReview
            | Self::Escalated => false,
        }
    }

    /// Whether an alert in this state takes further findings.
    pub const fn takes_findings(self) -> bool {
        match self {
            Self::Correlating | Self::Observed | Self::Open | Self::PendingReview | Self::Escalated => true,
            Self::Suppressed | Self::Accepted | Self::Dismissed | Self::Denied | Self::Resolved => false,
        }
    }
}
