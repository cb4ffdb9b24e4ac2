//! What is said of one replayed line.

use serde::Serialize;

use crate::{decide::Verdict, severity::Severity};

/// What a line is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ruling {
    /// Learned before.
    Known,
    /// New, and learned by being seen, as the baseline is not mature.
    Learned,
    /// Outside of what is normal.
    Drift,
    /// Neither: it teaches nothing and alarms nobody, as a visitor's doings while the baseline still learns.
    Unplaced,
    /// There was no room to judge it: nothing is said of it.
    Unjudged,
}

impl From<Verdict> for Ruling {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Known => Self::Known,
            Verdict::Unplaced => Self::Unplaced,
            Verdict::Learned => Self::Learned,
            Verdict::Drift { .. } => Self::Drift,
        }
    }
}

/// What is said of one replayed line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// What the line is.
    pub verdict: Ruling,
    /// Ids of the rules that raised it.
    pub rules: Vec<&'static str>,
    /// How grave it is, where it is drift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// How often something normal is as strange; `None` where too little was learned to tell.
    pub p: Option<f64>,
    /// How strange it is: 0 or more.
    pub novelty: f64,
    /// The nearest learned commands.
    pub nearest: Vec<Near>,
    /// Where it is drift: words that no learned command has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub strange: Vec<String>,
    /// Where it is drift: what it could do that learned commands could seldom or never.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
}

/// A learned command that is near.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Near {
    /// Its template, shortened.
    pub command: String,
    /// Its Jaccard similarity: 0 to 1.
    pub similarity: f64,
}

impl Judgement {
    /// Of a line that found no room.
    pub(super) const fn passed_over() -> Self {
        Self {
            verdict: Ruling::Unjudged,
            rules: Vec::new(),
            severity: None,
            p: None,
            novelty: 0.0,
            nearest: Vec::new(),
            strange: Vec::new(),
            capabilities: Vec::new(),
        }
    }
}
