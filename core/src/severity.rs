//! How grave a finding is: a base and terms that are added up, each of them printed.

use serde::{Deserialize, Serialize};

use crate::{
    behaviour::{Behaviour, Feed, Origin},
    rules::Rule,
};

/// How grave a finding is, the least first.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
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

/// What besides rule and behaviour makes a finding more or less grave.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Circumstances {
    /// Another feed that raised something in the same lineage at about the same time.
    pub second_feed: Option<Feed>,
    /// Whether a rollout explains it.
    pub matched: bool,
    /// Whether a pod that shows it runs something else than what was rolled out.
    pub mismatch: bool,
    /// Whether the baseline was provisional when it was raised.
    pub provisional: bool,
    /// Whether it is a command of which too little was learned to tell how improbable it is.
    pub unscorable: bool,
}

/// How grave it is that `behaviour` was raised by `rule`.
///
/// The base is the rule's; a lineage that was started from outside adds one; a second feed adds one up to High; a baseline
/// that was provisional takes one off from what needs a baseline, though never below Low; what can never be suppressed is at
/// least High, a digest mismatch included; a command of which nothing can be told is Info; a rollout that explains it takes
/// one off, though never below Low. That a new version starts a new program which talks to something new is what versions
/// do: where a rollout explains it, the second feed counts only if one of the two is a module.
pub fn assess(rule: Rule, behaviour: &Behaviour, circumstances: Circumstances) -> Assessment {
    let Circumstances {
        second_feed,
        matched,
        mismatch,
        provisional,
        unscorable,
    } = circumstances;
    let mut severity = rule.base_severity();
    let mut terms = vec![format!("base {}", severity.as_str())];
    if behaviour.origin() == Origin::Exec {
        severity = severity.step(1);
        terms.push("+1 exec origin".to_owned());
    }
    let of_modules = |feed| behaviour.feed() == Feed::Module || feed == Feed::Module;
    let second_feed = second_feed.filter(|feed| !matched || of_modules(*feed));
    if let Some(feed) = second_feed.filter(|_| severity < Severity::High) {
        severity = severity.step(1);
        terms.push(format!("+1 second feed ({})", feed.as_str()));
    }
    if provisional && rule.needs_baseline() && severity > Severity::Low {
        severity = severity.step(-1);
        terms.push("-1 provisional baseline".to_owned());
    }
    if rule.never_suppressed() && severity < Severity::High {
        severity = Severity::High;
        terms.push("at least High, never suppressed".to_owned());
    }
    if mismatch && severity < Severity::High {
        severity = Severity::High;
        terms.push("at least High, digest mismatch".to_owned());
    }
    if unscorable {
        severity = Severity::Info;
        terms.push("Info, too little was learned to tell".to_owned());
    }
    let unexplained = severity;
    if matched && severity > Severity::Low {
        severity = severity.step(-1);
        terms.push("-1 rollout match".to_owned());
    }
    Assessment {
        severity,
        unexplained,
        terms,
    }
}
