//! How grave a finding is: a base and terms that are added up, each of them printed.

use serde::{Deserialize, Serialize};

use crate::{
    baseline::Novelty,
    behaviour::{Behaviour, Feed, Origin},
    rules::Rule,
};

/// How grave a finding is, the least first.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Severity {
    /// Worth a line in a report.
    #[default]
    Info,
    /// Look when there is time.
    Low,
    /// Look today.
    Medium,
    /// Look now.
    High,
    /// Wake somebody.
    Critical,
}

impl Severity {
    const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "Info",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
        }
    }

    /// So many steps graver (or less grave), within the scale.
    #[must_use]
    fn step(self, steps: i8) -> Self {
        let index = i16::from(self as u8) + i16::from(steps);
        let index = usize::try_from(index.max(0)).unwrap_or(0);
        Self::ALL[index.min(Self::ALL.len() - 1)]
    }
}

/// A severity and the terms that it adds up from, ready to print.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Assessment {
    /// The sum.
    pub severity: Severity,
    /// What it is without the rollout's own term: how grave it is decides whether a rollout may suppress it.
    pub unexplained: Severity,
    /// Its terms, such as `base Medium` and `+1 exec origin`.
    pub terms: Vec<String>,
}

/// How much is new in a workload anyway.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Pace {
    /// More than seven new behaviours a week are expected: one more says less.
    Restless,
    /// As much as in most workloads, or not known.
    #[default]
    Usual,
    /// Less than one a week is expected: one says more.
    Quiet,
}

impl Pace {
    /// By what was measured.
    pub fn of(novelty: Option<Novelty>) -> Self {
        match novelty {
            Some(novelty) if novelty.is_restless() => Self::Restless,
            Some(novelty) if novelty.is_quiet() => Self::Quiet,
            Some(_) | None => Self::Usual,
        }
    }

    const ALL: [Self; 3] = [Self::Restless, Self::Usual, Self::Quiet];

    /// What it adds, as it is printed.
    const fn term(self) -> Option<&'static str> {
        match self {
            Self::Restless => Some("-1 more than 7 new behaviours a week"),
            Self::Usual => None,
            Self::Quiet => Some("+1 less than 1 new behaviour a week"),
        }
    }
}

/// What besides rule and behaviour makes a finding more or less grave. What the sensors lost is not among it: a degraded
/// baseline never makes a finding less grave.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a circumstance of its own")]
pub struct Circumstances {
    /// Another feed that raised something in the same process tree at about the same time.
    pub second_feed: Option<Feed>,
    /// How much is new in the workload anyway.
    pub pace: Pace,
    /// Whether a rollout explains it.
    pub matched: bool,
    /// Whether a pod that shows it runs something else than what was rolled out.
    pub mismatch: bool,
    /// Whether the baseline was provisional when it was raised.
    pub provisional: bool,
    /// Whether it is a command of which too little was learned to tell how improbable it is.
    pub unscorable: bool,
}

impl Circumstances {
    /// With the pace that a finding was weighed by when it was raised, as its printed terms tell: a workload that becomes
    /// quieter makes no old finding graver.
    #[must_use]
    pub fn as_weighed_before(self, terms: &[String]) -> Self {
        let is_printed = |pace: &Pace| {
            pace.term()
                .is_some_and(|term| terms.iter().any(|before| before == term))
        };
        Self {
            pace: Pace::ALL.into_iter().find(is_printed).unwrap_or_default(),
            ..self
        }
    }
}

/// How grave it is that `behaviour` was raised by `rule`.
///
/// The base is the rule's; a lineage that was started from outside adds one. A second feed, and a workload where hardly
/// anything is new, add one each up to High. A workload where much is new takes one off, and so does a provisional
/// baseline, both from what needs a baseline, and never below Low. What can never be suppressed is at least High, a digest
/// mismatch included; a command of which nothing can be told is Info. Last, a rollout that explains it takes one off, though
/// never below Low. That a new version starts a new program which talks to something new is what versions do, however
/// seldom anything else is new: where a rollout explains it, a quiet workload adds nothing, and the second feed only if one
/// of the two is a module.
pub fn assess(rule: Rule, behaviour: &Behaviour, circumstances: Circumstances) -> Assessment {
    let Circumstances {
        second_feed,
        pace,
        matched,
        mismatch,
        provisional,
        unscorable,
    } = circumstances;
    let mut sum = Sum::of(rule.base_severity());
    if behaviour.origin() == Origin::Exec {
        sum.add(Severity::Critical, "+1 exec origin");
    }
    let of_modules = |feed| behaviour.feed() == Feed::Module || feed == Feed::Module;
    if let Some(feed) = second_feed.filter(|feed| !matched || of_modules(*feed)) {
        sum.add(Severity::High, &format!("+1 second feed ({})", feed.as_str()));
    }
    match (pace, pace.term()) {
        (Pace::Quiet, Some(term)) if rule.is_of_novelty() && !matched => sum.add(Severity::High, term),
        (Pace::Restless, Some(term)) if rule.is_of_novelty() => sum.take_off(term),
        (Pace::Restless | Pace::Usual | Pace::Quiet, _) => {}
    }
    if provisional && rule.needs_baseline() {
        sum.take_off("-1 provisional baseline");
    }
    if rule.never_suppressed() {
        sum.raise(Severity::High, "at least High, never suppressed");
    }
    if mismatch {
        sum.raise(Severity::High, "at least High, digest mismatch");
    }
    if unscorable && !rule.never_suppressed() {
        sum.severity = Severity::Info;
        sum.terms.push("Info, too little was learned to tell".to_owned());
    }
    let unexplained = sum.severity;
    if matched {
        sum.take_off("-1 rollout match");
    }
    Assessment {
        severity: sum.severity,
        unexplained,
        terms: sum.terms,
    }
}

/// A severity that is added up, each term of it printed.
struct Sum {
    severity: Severity,
    terms: Vec<String>,
}

impl Sum {
    fn of(base: Severity) -> Self {
        Self {
            severity: base,
            terms: vec![format!("base {}", base.as_str())],
        }
    }

    /// Adds one, up to a limit.
    fn add(&mut self, limit: Severity, term: &str) {
        if self.severity < limit {
            self.severity = self.severity.step(1);
            self.terms.push(term.to_owned());
        }
    }

    /// Takes one off, never below Low.
    fn take_off(&mut self, term: &str) {
        if self.severity > Severity::Low {
            self.severity = self.severity.step(-1);
            self.terms.push(term.to_owned());
        }
    }

    /// Makes it at least so grave.
    fn raise(&mut self, least: Severity, term: &str) {
        if self.severity < least {
            self.severity = least;
            self.terms.push(term.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
