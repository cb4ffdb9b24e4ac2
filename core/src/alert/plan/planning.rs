//! What each finding becomes, and which alert it stands in.

use std::collections::BTreeSet;

use super::AlertInput;
use crate::{
    alert::{
        Alert, AlertState, Decision, Disposition, Finding,
        burst::{Bursts, bursts},
        group::{joins, open, sum_up},
        mismatch, namespace,
        overflow::overflows,
        retention,
        ruling::{About, Denial, Ruled, is_decided, rule_on},
        settle::{Settled, settle},
    },
    baseline::{Entry, Past},
    id::{ContainerName, FindingId, alert_name},
    policy::{Policy, approvals::Standing},
    rules::Rule,
    time::{Duration, Timestamp},
};

/// Findings, by container, that an alert has.
pub(super) type Held = BTreeSet<(ContainerName, FindingId)>;

/// The findings that somebody accepts.
fn accepting(alerts: &[Alert]) -> Held {
    let accepted = alerts.iter().flat_map(|alert| {
        let accepts = |disposition: &Disposition| disposition.decision == Decision::Accept;
        let ids = alert
            .dispositions
            .iter()
            .filter(move |(_, disposition)| accepts(disposition));
        ids.map(|(id, _)| (alert.container.clone(), *id))
    });
    accepted.collect()
}

/// The findings that are open.
pub(super) fn open_findings(alerts: &[Alert]) -> Held {
    let findings = alerts.iter().flat_map(|alert| {
        let open = alert.findings.iter().filter(|finding| !finding.state.is_closed());
        open.map(|finding| (alert.container.clone(), finding.id))
    });
    findings.collect()
}

/// A plan in the making.
pub(super) struct Planning<'a> {
    input: &'a AlertInput<'a>,
    /// Entries that stand for several, or for what has none.
    made_up: Bursts,
    /// The findings that somebody accepts in any alert.
    accepting: Held,
    pub(super) denials: Vec<Denial>,
    pub(super) retry_after: Option<Duration>,
    pub(super) reasons: Vec<String>,
}

impl<'a> Planning<'a> {
    pub(super) fn of(input: &'a AlertInput<'a>) -> Self {
        Self {
            input,
            made_up: bursts(input)
                .into_iter()
                .chain(overflows(input.baseline))
                .chain(mismatch::of_evidence(input.evidence))
                .chain(namespace::stand_in(input.crowd.left_out))
                .collect(),
            accepting: accepting(input.alerts),
            denials: Vec::new(),
            retry_after: None,
            reasons: Vec::new(),
        }
    }
}

impl Planning<'_> {
    /// Brings the findings of an existing alert up to date that are open, or that somebody decided about anew.
    pub(super) fn bring_up(&mut self, alert: &mut Alert, open: &Held, held: &mut Held) {
        let container = alert.container.clone();
        if alert.partial {
            held.extend(open_findings(std::slice::from_ref(alert)));
            self.reasons
                .push(format!("{} is left as it is: a newer version wrote it", alert.name));
            return;
        }
        for finding in &mut alert.findings {
            let disposition = alert.dispositions.get(&finding.id);
            let closed = finding.state.is_closed();
            if closed && is_decided(finding, disposition) {
                continue;
            }
            let key = (container.clone(), finding.id);
            let elsewhere = held.contains(&key) || (closed && open.contains(&key));
            if elsewhere && !closed {
                self.reasons.push(format!(
                    "{}: {} is kept as it is: another alert has it",
                    alert.name, finding.id
                ));
                continue;
            }
            let about = About {
                alert: &alert.name,
                container: &container,
                elsewhere,
                disposition,
            };
            *finding = self.renew(&about, finding);
            if !finding.state.is_closed() {
                held.insert(key);
            }
        }
        sum_up(alert);
    }

    /// Notes the entries that closed findings of an alert account for.
    pub(super) fn account_for(&self, alert: &Alert, held: &mut Held) {
        for finding in alert.findings.iter().filter(|finding| finding.state.is_closed()) {
            let entry = self.entry_of(&alert.container, finding.id);
            if entry.is_some_and(|entry| entry.is_quarantined() && finding.accounts_for(&entry)) {
                held.insert((alert.container.clone(), finding.id));
            }
        }
    }

    /// A finding as its entry and what people decided have it now.
    fn renew(&mut self, about: &About<'_>, finding: &Finding) -> Finding {
        let (name, container, id) = (about.alert, about.container, finding.id);
        let closed = finding.state.is_closed();
        let entry = self.entry_of(container, id);
        let reopens = about
            .disposition
            .is_some_and(|about| about.decision == Decision::Escalate);
        let standing = self.input.policy.approvals.standing(container, &finding.behaviour);
        let next = match entry.as_ref().map(|entry| (entry, entry.rule())) {
            None => {
                self.reasons
                    .push(format!("{name}: {id} is kept: the baseline lacks it"));
                finding.clone()
            }
            Some((_, None)) if closed => finding.clone(),
            // Whoever accepted it took that back: the baseline is about to raise it again.
            Some((entry, None)) if entry.is_accepted() && !self.accepting.contains(&(container.clone(), id)) => {
                finding.clone()
            }
            Some((entry, None)) => self.resolve(name, finding, why_known(entry)),
            Some((entry, Some(_))) if closed && (about.elsewhere || !(reopens || finding.accounts_for(entry))) => {
                finding.clone()
            }
            Some((entry, Some(rule))) => match standing {
                Standing::Approved(by) if rule != Rule::DeniedBehaviour => {
                    self.resolve(name, finding, format!("the BehaviorApproval {by} approves it"))
                }
                Standing::Approved(_) | Standing::Unsaid | Standing::Denied(_) => {
                    let before = Some(finding).filter(|_| !closed);
                    Finding {
                        recurs: finding.recurs.clone(),
                        ..self.settle(name, container, id, (entry, rule), before)
                    }
                }
            },
        };
        let Ruled { finding, denial } = rule_on(self.input, about, next, entry.as_ref());
        if let Some(decided) = &finding.decided {
            self.reasons.push(format!(
                "{name}: {id} is decided: {:?}, {:?}",
                decided.decision, decided.outcome
            ));
        }
        self.denials.extend(denial);
        finding
    }

    fn resolve(&mut self, name: &str, finding: &Finding, why: String) -> Finding {
        self.reasons.push(format!("{name}: {} is resolved: {why}", finding.id));
        Finding {
            state: AlertState::Resolved,
            resolution: Some(why),
            ..finding.clone()
        }
    }

    /// Gives an alert to every quarantined entry that has none, the oldest first.
    pub(super) fn place(&mut self, alerts: &mut Vec<Alert>, held: &Held) {
        let input = self.input;
        let made_up = self.made_up.clone();
        let made_up = made_up.iter().map(|((container, id), entry)| (container, *id, entry));
        let mut homeless: Vec<_> = input
            .baseline
            .entries()
            .chain(made_up)
            .filter_map(|(container, id, entry)| Some((container, id, entry, entry.rule()?)))
            .filter(|(container, id, ..)| !held.contains(&((*container).clone(), *id)))
            .filter(|(container, _, entry, rule)| !is_approved(input.policy, container, entry, *rule))
            .collect();
        // Objects hold whole seconds: within one, who started a process comes before the process.
        homeless.sort_by_key(|(container, id, entry, _)| (entry.raised_since(), entry.lineage.len(), *container, *id));
        for (container, id, entry, rule) in homeless {
            let name = free_name(input, alerts, container, id, entry.raised_since());
            let finding = Finding {
                recurs: closed_before(alerts, container, id),
                ..self.settle(&name, container, id, (entry, rule), None)
            };
            if let Some(alert) = joins(input, alerts, container, &finding) {
                self.reasons.push(format!("{}: {id} joins it", alert.name));
                alert.findings.push(finding);
                sum_up(alert);
            } else {
                let mut alert = open(input, container, name);
                alert.findings.push(finding);
                sum_up(&mut alert);
                alerts.push(alert);
            }
        }
    }

    /// Takes out the alerts that were kept for as long as they had to be.
    pub(super) fn let_go(&mut self, alerts: &mut Vec<Alert>) -> Vec<String> {
        let input = self.input;
        let over: Vec<(String, Timestamp)> = alerts
            .iter()
            .filter_map(|alert| {
                let ends = retention::ends(input, alert, |container, id| self.entry_of(container, id))?;
                Some((alert.name.clone(), ends))
            })
            .collect();
        let (over, kept): (Vec<_>, Vec<_>) = over.into_iter().partition(|(_, ends)| *ends <= input.now);
        for (_, ends) in kept {
            self.look_again(ends.since(input.now));
        }
        let over: Vec<String> = over.into_iter().map(|(name, _)| name).collect();
        for name in &over {
            self.reasons
                .push(format!("{name} was kept for as long as it had to be"));
        }
        alerts.retain(|alert| !over.contains(&alert.name));
        over
    }

    fn look_again(&mut self, after: Duration) {
        self.retry_after = Some(self.retry_after.map_or(after, |before| before.min(after)));
    }

    fn entry_of(&self, container: &ContainerName, id: FindingId) -> Option<Entry> {
        let held = self.input.baseline.containers.get(container);
        let held = held.and_then(|container| container.feeds.values().find_map(|feed| feed.entries.get(&id)));
        held.or_else(|| self.made_up.get(&(container.clone(), id))).cloned()
    }

    fn settle(
        &mut self,
        name: &str,
        container: &ContainerName,
        id: FindingId,
        entry: (&Entry, Rule),
        before: Option<&Finding>,
    ) -> Finding {
        let Settled { finding, retry_after } = settle(self.input, container, id, entry, before);
        if let Some(after) = retry_after {
            self.look_again(after);
        }
        let why = finding.rollout.as_ref().map_or("", |rollout| &rollout.reason);
        self.reasons.push(format!("{name}: {id} is {:?}: {why}", finding.state));
        finding
    }
}

/// Why what was raised is known now.
fn why_known(entry: &Entry) -> String {
    let days = entry.days.count();
    match (entry.is_learned(), entry.lesson.past == Past::Absorbed) {
        (true, true) => format!(
            "it was absorbed into the baseline: seen on {days} days, in {} pods at least",
            entry.pods
        ),
        (true, false) => "it was learned".to_owned(),
        (false, _) => "it was accepted in another alert".to_owned(),
    }
}

/// Whether an approval says that what was raised is normal.
fn is_approved(policy: &Policy, container: &ContainerName, entry: &Entry, rule: Rule) -> bool {
    match policy.approvals.standing(container, &entry.behaviour) {
        Standing::Approved(_) => rule != Rule::DeniedBehaviour,
        Standing::Unsaid | Standing::Denied(_) => false,
    }
}

/// The latest alert in which a finding was closed.
fn closed_before(alerts: &[Alert], container: &ContainerName, id: FindingId) -> Option<String> {
    let closed = alerts.iter().filter(|alert| alert.container == *container);
    let closed = closed.filter_map(|alert| {
        let mut findings = alert.findings.iter();
        let finding = findings.find(|finding| finding.id == id && finding.state.is_closed())?;
        Some((finding.last_seen, &alert.name))
    });
    closed.max().map(|(_, name)| name.clone())
}

/// The name of the alert that a finding opens. Where another alert has it already, the next attempt's.
fn free_name(
    input: &AlertInput<'_>,
    alerts: &[Alert],
    container: &ContainerName,
    id: FindingId,
    first_seen: Timestamp,
) -> String {
    // As many attempts as there are alerts, and one more, can't all be taken.
    (0..=u32::try_from(alerts.len()).unwrap_or(u32::MAX))
        .map(|attempt| alert_name(input.workload, container, id, first_seen, attempt))
        .find(|name| alerts.iter().all(|alert| alert.name != *name))
        .unwrap_or_default()
}
