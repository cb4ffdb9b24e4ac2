//! What people approved and denied of a workload, apart from what was learned of it: neither is ever made from the other,
//! so that taking one away leaves the other as it was.

mod exact;
mod pattern;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::{
    address::IpPrefix, baseline::Maturity, behaviour::Behaviour, decide::Verdict, id::ContainerName, rules::Rule,
};

pub use pattern::{DestinationMatch, DestinationPattern, ListenerPattern, ModulePattern, Pattern, ProcessPattern};

/// All that the approvals of a workload say together.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Approvals {
    /// What is normal.
    pub approve: Vec<Statement>,
    /// What can never be normal. A denial goes before an approval.
    pub deny: Vec<Statement>,
    /// Name of the approval that freezes the baseline, where one does: nothing is learned or forgotten, and what is not
    /// known is raised, however young the baseline is.
    pub frozen: Option<String>,
}

/// One line of an approval.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Statement {
    /// Name of the approval that it stands in.
    pub approval: String,
    /// The container that it is about; any, where there is none.
    pub container: Option<ContainerName>,
    /// What it is about.
    pub pattern: Pattern,
}

/// What approvals say of a behaviour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing<'a> {
    /// Nothing.
    Unsaid,
    /// It is normal, says the approval of this name.
    Approved(&'a str),
    /// It can never be, says the approval of this name.
    Denied(&'a str),
}

impl Approvals {
    /// What they say of a behaviour of a container.
    pub fn standing(&self, container: &ContainerName, behaviour: &Behaviour) -> Standing<'_> {
        let here = |statement: &&Statement| statement.container.as_ref().is_none_or(|name| name == container);
        let denies = |statement: &&Statement| statement.pattern.denies(behaviour);
        if let Some(denial) = self.deny.iter().filter(here).find(denies) {
            return Standing::Denied(&denial.approval);
        }
        let approves = |statement: &&Statement| statement.pattern.approves(behaviour);
        match self.approve.iter().filter(here).find(approves) {
            Some(approval) => Standing::Approved(&approval.approval),
            None => Standing::Unsaid,
        }
    }

    /// Networks that are denied in every container, whatever name led there: a flow's addresses are held against them.
    pub fn denied_networks(&self) -> impl Iterator<Item = &IpPrefix> {
        let anywhere = self.deny.iter().filter(|denial| denial.container.is_none());
        anywhere.filter_map(|denial| denial.pattern.network())
    }

    /// How complete a baseline counts as when something new is judged. One that is frozen has nothing left to learn.
    pub fn maturity(&self, reached: Maturity) -> Maturity {
        match self.frozen {
            Some(_) => Maturity::Enforcing,
            None => reached,
        }
    }

    /// What becomes of a verdict that was reached without them.
    ///
    /// What is denied is drift, whatever was learned. What is approved is no drift, unless a policy denies it, and is not
    /// learned by that either: once the approval is gone, it is as new as it was. Nothing is learned where they freeze.
    pub fn review(&self, standing: Standing<'_>, verdict: Verdict) -> Verdict {
        const DENIED: Verdict = Verdict::Drift {
            rule: Rule::DeniedBehaviour,
        };
        match (standing, verdict) {
            (Standing::Denied(_), _) | (Standing::Approved(_), DENIED) => DENIED,
            (Standing::Approved(_), Verdict::Drift { .. }) => Verdict::Unplaced,
            (Standing::Approved(_) | Standing::Unsaid, Verdict::Learned) if self.frozen.is_some() => Verdict::Unplaced,
            (Standing::Approved(_) | Standing::Unsaid, verdict) => verdict,
        }
    }
}
