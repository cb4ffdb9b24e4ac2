//! Writing a decision: with the resourceVersion that it was made on, so that no two of them undo each other.

use anchorwatch_crds::v1alpha1::{Decision, Disposition, DriftAlert};
use kube::{
    Api, Error, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::choose::{Chosen, decided_by};
use crate::text::safe;

/// How often somebody else may come first before we give up.
const ATTEMPTS: usize = 5;

/// Writes decisions of one kind.
#[derive(Clone, Debug)]
pub struct Writer {
    /// The alerts of the namespace.
    pub api: Api<DriftAlert>,
    /// The namespace.
    pub namespace: String,
    /// As whom the cluster knows us.
    pub me: String,
    /// The decision.
    pub decision: Decision,
    /// Why.
    pub reason: String,
    /// Whether what somebody else decided may be replaced.
    pub replace: bool,
    /// Whether nothing is to be kept.
    pub dry_run: bool,
}

/// What came of a decision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The cluster has it.
    Written,
    /// It was not made, for this reason.
    NotWritten(String),
    /// We may not: what is missing, in words.
    Forbidden(String),
}

impl Writer {
    /// Writes a decision about what was chosen. Where the alert changed meanwhile it is read again: another's decision is
    /// never overwritten unasked, and what a graver rule raised since was not decided about.
    pub async fn write(&self, chosen: &Chosen) -> anyhow::Result<Outcome> {
        for _ in 0..ATTEMPTS {
            let Some(alert) = self.api.get_opt(&chosen.alert).await? else {
                return Ok(Outcome::NotWritten("the alert is gone".to_owned()));
            };
            if let Some(why) = self.hinders(&alert, chosen) {
                return Ok(Outcome::NotWritten(why));
            }
            match self.patch(&alert, chosen).await {
                Ok(_) => return Ok(Outcome::Written),
                Err(Error::Api(status)) if status.is_conflict() => {}
                Err(Error::Api(status)) if status.is_forbidden() && is_missing_right(&status.message) => {
                    return Ok(Outcome::Forbidden(self.missing_right()));
                }
                Err(Error::Api(status)) if status.is_forbidden() || status.code == 422 => {
                    return Ok(Outcome::NotWritten(format!(
                        "the cluster refuses: {}",
                        safe(&status.message)
                    )));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Outcome::NotWritten("the alert changes too fast: try again".to_owned()))
    }

    fn hinders(&self, alert: &DriftAlert, chosen: &Chosen) -> Option<String> {
        let mut findings = alert.status.iter().flat_map(|status| &status.findings);
        let Some(finding) = findings.find(|finding| finding.id == chosen.finding) else {
            return Some("the alert no longer has it".to_owned());
        };
        if finding.rule != chosen.evidence.rule {
            return Some(format!(
                "it is a finding of {} by now: look again, and decide again",
                safe(&finding.rule)
            ));
        }
        let mine = |by: &Disposition| by.decided_by == self.me;
        let other = alert.spec.dispositions.get(&chosen.finding).filter(|by| !mine(by))?;
        let decided = decided_by(alert, &chosen.finding)?;
        (!self.replace).then(|| {
            let why = match other.reason.as_str() {
                "" => String::new(),
                reason => format!(" ({})", safe(reason)),
            };
            format!("{}{why}; --replace puts yours in its place", safe(&decided))
        })
    }

    async fn patch(&self, alert: &DriftAlert, chosen: &Chosen) -> kube::Result<DriftAlert> {
        let disposition = Disposition {
            decision: self.decision,
            reason: self.reason.clone(),
            decided_by: self.me.clone(),
            evidence: Some(chosen.evidence.clone()),
        };
        let patch = json!({
            "metadata": {"resourceVersion": alert.resource_version()},
            "spec": {"dispositions": {&chosen.finding: disposition}},
        });
        let parameters = PatchParams {
            dry_run: self.dry_run,
            ..PatchParams::default()
        };
        self.api.patch(&chosen.alert, &parameters, &Patch::Merge(patch)).await
    }

    fn missing_right(&self) -> String {
        format!(
            "you ({}) may not decide here: the verb patch on driftalerts.anchorwatch.dev in the namespace {} is missing. \
             The ClusterRole anchorwatch-review has it; whoever may bind roles there can give it to you",
            safe(&self.me),
            self.namespace
        )
    }
}

/// Whether a refusal is about a right, rather than about what was written.
fn is_missing_right(message: &str) -> bool {
    message.contains("cannot patch resource")
}

#[cfg(test)]
mod tests;
