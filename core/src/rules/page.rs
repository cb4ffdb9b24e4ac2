//! What people read about a rule: one text for the reference page and for `kubectl drift explain`. Each rule's own stands
//! beside it in its file.

use serde::Serialize;

use super::Rule;
use crate::severity::Severity;

/// What people read about a rule, in whole sentences.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Page {
    /// What it sees, and what not.
    pub sees: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// An example.
    pub example: &'static str,
    /// How to make it quieter, and how to silence it.
    pub tune: &'static str,
    /// Techniques of MITRE ATT&CK (Enterprise) that it is a sign of; none where that depends on the policy.
    pub techniques: &'static [Technique],
}

/// A technique of MITRE ATT&CK.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Technique {
    /// Its id, as `T1059` or `T1059.004`.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
}

impl Technique {
    pub(super) const fn new(id: &'static str, name: &'static str) -> Self {
        Self { id, name }
    }

    /// Where it is described.
    pub fn url(self) -> String {
        format!("https://attack.mitre.org/techniques/{}/", self.id.replace('.', "/"))
    }
}

/// All that is to be told about a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Its stable id.
    pub rule: &'static str,
    /// How grave it is before anything else is known.
    pub severity: Severity,
    /// Whether it judges against a baseline, and is silent while that still learns.
    pub needs_baseline: bool,
    /// Whether no rollout may ever suppress its findings.
    pub never_suppressed: bool,
    /// The text.
    #[serde(flatten)]
    pub page: Page,
}

impl Rule {
    /// All that is to be told about it.
    pub const fn explanation(self) -> Explanation {
        Explanation {
            rule: self.id(),
            severity: self.base_severity(),
            needs_baseline: self.needs_baseline(),
            never_suppressed: self.never_suppressed(),
            page: self.page(),
        }
    }
}

impl Explanation {
    /// When it is raised, in a sentence.
    pub const fn when(self) -> &'static str {
        if self.needs_baseline {
            "Needs a baseline: it is silent while that learns, and one severity lower, not below Low, while it is Provisional."
        } else {
            "Needs no baseline: it is raised from the first moment on, and what it sees is never learned."
        }
    }

    /// Whether a rollout may explain it, in a sentence.
    pub const fn suppression(self) -> &'static str {
        if self.never_suppressed {
            "Never suppressed: a rollout that matches is named in the finding, which stays at least High and open."
        } else {
            "May be suppressed by a rollout that explains it, as long as its severity stays below High."
        }
    }
}
