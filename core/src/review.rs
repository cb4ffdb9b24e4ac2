//! What decisions about findings change in a baseline: a function of the alerts as they are, so that an event missed, a
//! crash between two writes or a second run do no harm.
//!
//! The two sides acknowledge each other. An acceptance goes into the baseline first, and the finding is Accepted once the
//! baseline holds it. A dismissal or denial is noted in the finding first, with what it covers, and the baseline lets go
//! then of what the closed finding accounts for. So whichever write is lost, the other tells what is left to do.

mod absorb;
mod candidates;
#[cfg(test)]
mod tests;
mod width;

use absorb::Habit;
pub use candidates::{Promotion, promote};

use crate::{
    alert::{Alert, AlertState, Decided, Decision, Finding, Outcome, is_decided},
    baseline::{Baseline, Entry},
    id::ContainerName,
    policy::Policy,
    rollout::Evidence,
    rules::{self, Rule},
    time::Timestamp,
};

/// Most passes over the alerts.
const PASSES: usize = 3;

/// What reviewing changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ReviewOutcome {
    /// Behaviours that are accepted and were not before.
    pub accepted: usize,
    /// Behaviours that are raised again since their acceptance was taken back.
    pub withdrawn: usize,
    /// Behaviours that were raised, and are learned since they repeat harmlessly or a rollout brought them.
    pub absorbed: usize,
    /// Behaviours that were let go, since they were dismissed or denied, or are approved.
    pub released: usize,
    /// Command lines that had been judged usual and are learned now, having been seen on enough days in enough pods.
    pub promoted: usize,
    /// Whether pods that are gone were forgotten of such lines.
    pub forgot: bool,
}

impl ReviewOutcome {
    /// Whether anything differs: the baseline has to be written.
    pub fn changed(self) -> bool {
        self != Self::default()
    }

    /// What both changed.
    const fn and(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            withdrawn: self.withdrawn + other.withdrawn,
            absorbed: self.absorbed + other.absorbed,
            released: self.released + other.released,
            promoted: self.promoted + other.promoted,
            forgot: self.forgot || other.forgot,
        }
    }
}

/// Carries out in a workload's baseline what people decided in its alerts, and absorbs what nobody decided about and may
/// become known without a person; and learns what was silenced and is seen often and widely enough.
pub fn review(
    baseline: &mut Baseline,
    alerts: &[Alert],
    policy: &Policy,
    evidence: &Evidence,
    now: Timestamp,
) -> ReviewOutcome {
    let mut outcome = ReviewOutcome::default();
    // What one finding gives back another may let go: two passes settle that, a third finds nothing left.
    for _ in 0..PASSES {
        let pass = review_once(baseline, alerts, policy, evidence, now);
        outcome = outcome.and(pass);
        if !pass.changed() {
            break;
        }
    }
    let Promotion { learned, forgot } = promote(baseline, policy, evidence);
    (outcome.promoted, outcome.forgot) = (learned, forgot);
    outcome
}

fn review_once(
    baseline: &mut Baseline,
    alerts: &[Alert],
    policy: &Policy,
    evidence: &Evidence,
    now: Timestamp,
) -> ReviewOutcome {
    let mut outcome = ReviewOutcome::default();
    for alert in alerts {
        for finding in &alert.findings {
            let step = Step {
                container: &alert.container,
                finding,
                policy,
                now,
            };
            let disposition = alert.dispositions.get(&finding.id);
            let accepts = disposition.is_some_and(|disposition| {
                let sees = disposition.evidence.is_none_or(|seen| seen.rule >= finding.rule);
                disposition.decision == Decision::Accept && sees
            });
            if accepts && !is_decided(finding, disposition) {
                outcome.accepted += usize::from(step.accept(baseline));
            } else if step.is_accepted(baseline)
                && !accepts
                && wants_it_back(finding)
                && !is_accepted_elsewhere(alerts, alert, finding)
            {
                outcome.withdrawn += usize::from(step.withdraw(baseline));
            } else if is_let_go(finding) && !is_open_elsewhere(alerts, alert, finding) {
                outcome.released += usize::from(step.release(baseline));
            } else if disposition.is_none() {
                let habit = Habit {
                    container: &alert.container,
                    finding,
                    policy,
                    evidence,
                    now,
                };
                let absorbs = habit.is_harmless(baseline);
                outcome.absorbed += usize::from(absorbs && baseline.absorb(&alert.container, &finding.behaviour));
            }
        }
    }
    outcome
}

/// Whether a finding that nobody accepts any more was accepted, or waits for the baseline to say so.
fn wants_it_back(finding: &Finding) -> bool {
    let awaits = |decided: &Decided| matches!(decided.outcome, Outcome::Awaits(_));
    !finding.state.is_closed() || finding.state == AlertState::Accepted || finding.decided.as_ref().is_some_and(awaits)
}

/// Whether a finding is closed and its behaviour is not known for it.
const fn is_let_go(finding: &Finding) -> bool {
    match finding.state {
        AlertState::Dismissed | AlertState::Denied | AlertState::Resolved => true,
        AlertState::Correlating
        | AlertState::Observed
        | AlertState::Open
        | AlertState::Suppressed
        | AlertState::PendingReview
        | AlertState::Escalated
        | AlertState::Accepted => false,
    }
}

/// The same finding of other alerts.
fn elsewhere<'a>(
    alerts: &'a [Alert],
    alert: &Alert,
    finding: &Finding,
) -> impl Iterator<Item = (&'a Alert, &'a Finding)> {
    let (container, name, id) = (alert.container.clone(), alert.name.clone(), finding.id);
    let others = alerts
        .iter()
        .filter(move |other| other.container == container && other.name != name);
    others.flat_map(move |other| {
        let findings = other.findings.iter().filter(move |found| found.id == id);
        findings.map(move |found| (other, found))
    })
}

fn is_open_elsewhere(alerts: &[Alert], alert: &Alert, finding: &Finding) -> bool {
    elsewhere(alerts, alert, finding).any(|(_, found)| !found.state.is_closed())
}

fn is_accepted_elsewhere(alerts: &[Alert], alert: &Alert, finding: &Finding) -> bool {
    elsewhere(alerts, alert, finding).any(|(other, found)| {
        let disposition = other.dispositions.get(&found.id);
        disposition.is_some_and(|disposition| disposition.decision == Decision::Accept)
    })
}

/// What one finding asks of the baseline.
struct Step<'a> {
    container: &'a ContainerName,
    finding: &'a Finding,
    policy: &'a Policy,
    now: Timestamp,
}

impl Step<'_> {
    fn accept(&self, baseline: &mut Baseline) -> bool {
        let Finding { behaviour, rule, .. } = self.finding;
        let held = baseline.entry(self.container, self.finding.id);
        let graver = held.and_then(Entry::rule).is_some_and(|held| held > *rule);
        let known = held.is_some_and(|entry| !entry.is_quarantined());
        let denied = rules::denied_by(self.policy, self.container, behaviour).is_some();
        if known || graver || denied || rule.is_of_several() {
            return false;
        }
        let entry = held.cloned().unwrap_or_else(|| self.finding.entry());
        // A denial that is gone is nothing that could be accepted: else the next one would not be raised.
        let rule = match *rule {
            Rule::DeniedBehaviour => {
                rules::without_baseline(behaviour, self.policy).unwrap_or_else(|| rules::of_novelty(behaviour))
            }
            rule => rule,
        };
        baseline.accept(self.container, entry, rule, self.now)
    }

    fn is_accepted(&self, baseline: &Baseline) -> bool {
        let held = baseline.entry(self.container, self.finding.id);
        held.is_some_and(Entry::is_accepted)
    }

    fn withdraw(&self, baseline: &mut Baseline) -> bool {
        let Finding {
            behaviour,
            rule,
            shown_by,
            ..
        } = self.finding;
        baseline.withdraw(self.container, behaviour, *rule, shown_by)
    }

    fn release(&self, baseline: &mut Baseline) -> bool {
        let held = baseline.entry(self.container, self.finding.id);
        let accounts = held.is_some_and(|entry| self.finding.accounts_for(entry));
        accounts && baseline.release(self.container, &self.finding.behaviour)
    }
}
