//! What is told of a deviation.

use anchorwatch_core::alert::{self, AlertState, Finding};
use anchorwatch_core::behaviour::{Behaviour, Feed};
use anchorwatch_core::id::WorkloadKey;
use anchorwatch_core::score::Strangeness;
use anchorwatch_core::severity::Severity;
use anchorwatch_core::text::shown;
use anchorwatch_core::time::Timestamp;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

/// So many deviations are spelled out in a line of text.
const SPELLED_OUT: usize = 3;

/// An alert, told when it opens and whenever there is news in it: a further deviation, or a graver one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// When it is told.
    pub time: Timestamp,
    /// Its name: what has the same name is the same alert.
    pub alert: String,
    /// `host/Unit/NAME`, `host/Container/ID`, or `host/Node/node` for what none of them did.
    pub workload: WorkloadKey,
    /// Whether somebody is to look, or it is only recorded.
    pub state: AlertState,
    /// That of the gravest deviation.
    pub severity: Severity,
    /// What is news, the gravest first.
    pub findings: Vec<Deviation>,
    /// How many deviations of the alert were told before.
    pub told_before: usize,
    /// What may be missing, by feed and reason, since an hour before its first deviation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lost: BTreeMap<Feed, BTreeMap<String, u64>>,
}

/// One thing that deviates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deviation {
    pub feed: Feed,
    /// The rule's stable id.
    pub rule: &'static str,
    pub severity: Severity,
    /// What the severity adds up from.
    pub terms: Vec<String>,
    /// What the rule says of it.
    pub sentence: String,
    /// Templates of command lines that showed it, without secrets; empty where arguments are not told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Of an unusual command: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<Strangeness>,
    /// Executables that led to it, outermost first, its own last.
    pub lineage: Vec<String>,
    pub first_seen: Timestamp,
    /// It was found when the sensor started, not seen to happen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub snapshot: bool,
}

impl From<&Finding> for Deviation {
    fn from(finding: &Finding) -> Self {
        Self {
            feed: finding.behaviour.feed(),
            rule: finding.rule.id(),
            severity: finding.severity,
            terms: finding.severity_terms.clone(),
            sentence: finding.summary.clone(),
            commands: commands(finding),
            score: finding.strangeness.clone(),
            lineage: finding.lineage.clone(),
            first_seen: finding.first_seen,
            snapshot: finding.snapshot,
        }
    }
}

/// The command lines that showed it: the unusual one, or all that are known.
fn commands(finding: &Finding) -> Vec<String> {
    let unusual = match &finding.behaviour {
        Behaviour::Process(process) => process.command(),
        Behaviour::Network(_) | Behaviour::Module(_) => None,
    };
    let known = finding.attributes.commands.iter().map(String::as_str);
    unusual.into_iter().chain(known).map(str::to_owned).collect()
}

impl Told {
    /// What is news in an alert, beside what was told of it; `None` where nothing is: how often something was seen is none.
    pub fn news(alert: &alert::Alert, before: Option<&alert::Alert>, now: Timestamp) -> Option<Self> {
        let told = |finding: &Finding| {
            let before = before?.findings.iter().find(|told| told.id == finding.id)?;
            Some((before.severity, before.state.urgency()))
        };
        let is_news =
            |finding: &&Finding| told(finding).is_none_or(|told| told < (finding.severity, finding.state.urgency()));
        let mut findings: Vec<Deviation> = alert.findings.iter().filter(is_news).map(Deviation::from).collect();
        // A new program maps dozens of libraries: of what is as grave, programs and flows come first.
        findings.sort_by_key(|finding| (Reverse(finding.severity), finding.feed, finding.first_seen));
        (!findings.is_empty()).then(|| Self {
            time: now,
            alert: alert.name.clone(),
            workload: alert.workload.clone(),
            state: alert.state,
            severity: alert.severity,
            told_before: alert.findings.len() - findings.len(),
            findings,
            lost: alert.evidence.clone(),
        })
    }
}

/// One line, fit for a terminal.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            AlertState::Observed => " (observed)",
            AlertState::PendingReview => " (to be reviewed)",
            AlertState::Correlating
            | AlertState::Open
            | AlertState::Suppressed
            | AlertState::Escalated
            | AlertState::Accepted
            | AlertState::Dismissed
            | AlertState::Denied
            | AlertState::Resolved => "",
        };
        let workload = shown(&self.workload.to_string());
        write!(f, "{} {}{state} {workload}: ", self.time, self.severity.as_str())?;
        for (number, finding) in self.findings.iter().take(SPELLED_OUT).enumerate() {
            let and = if number == 0 { "" } else { "; also " };
            write!(f, "{and}{} [{}]", shown(&finding.sentence), finding.rule)?;
        }
        match self.findings.len().saturating_sub(SPELLED_OUT) {
            0 => {}
            more => write!(f, "; and {more} more")?,
        }
        if self.told_before > 0 {
            write!(f, "; beside {} told before", self.told_before)?;
        }
        let Some(gravest) = self.findings.first() else {
            return Ok(());
        };
        if gravest.lineage.len() > 1 {
            let lineage: Vec<String> = gravest.lineage.iter().map(|path| shown(path)).collect();
            write!(f, "; lineage: {}", lineage.join(" → "))?;
        }
        if let Some(command) = gravest.commands.first() {
            write!(f, "; command: {}", shown(command))?;
        }
        if gravest.snapshot {
            write!(f, "; found when the sensor started")?;
        }
        Ok(())
    }
}
