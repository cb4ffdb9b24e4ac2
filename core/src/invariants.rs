//! What always holds, as predicates that property tests share. Each says what it found wrong.

use std::collections::BTreeMap;

use crate::{
    alert::{Alert, AlertState, Finding, MAX_FINDINGS, MAX_SHOWN_BY},
    baseline::{Baseline, EntryState, MAX_CONTAINERS, MAX_ENTRIES, MAX_LINEAGE, MAX_REASONS, MAX_SIGHTINGS},
    behaviour::Origin,
    policy::{Policy, approvals::Standing},
    rollout::{Evidence, Record},
    rules::{self, Rule},
    severity::Severity,
};

/// What holds of every baseline that was made by merging alone.
pub fn baseline(baseline: &Baseline, policy: &Policy) -> Result<(), String> {
    check(baseline.containers.len() <= MAX_CONTAINERS, || {
        "too many containers".to_owned()
    })?;
    for (_, feed, held) in baseline.feeds() {
        check(held.losses.len() <= MAX_REASONS, || {
            format!("{feed:?} lost for too many reasons")
        })?;
        check(held.entries.len() <= MAX_ENTRIES, || {
            format!("{feed:?} holds too many entries")
        })?;
    }
    for (container, id, entry) in baseline.entries() {
        let check = |holds: bool, what: &str| check(holds, || format!("{container} {id}: {what}"));
        check(id == entry.behaviour.id(), "is not under its own id")?;
        check(entry.count > 0, "was never seen")?;
        check(entry.first_seen <= entry.last_seen, "ends before it begins")?;
        check(entry.lineage.len() <= MAX_LINEAGE, "has too long a lineage")?;
        check(entry.shown_by.len() <= MAX_SIGHTINGS, "names too many pods")?;
        match entry.state {
            EntryState::Quarantined { .. } => check(!entry.shown_by.is_empty(), "is quarantined and names no pod")?,
            EntryState::Accepted { rule } => {
                check(entry.shown_by.is_empty(), "is accepted and names pods")?;
                check(
                    !entry.unverified,
                    "is accepted and waits for somebody who knows its pods",
                )?;
                check(rule != Rule::DeniedBehaviour, "was accepted in spite of a denial")?;
            }
            EntryState::Learned => {
                check(entry.shown_by.is_empty(), "is learned and names pods")?;
                check(!entry.unverified, "was learned from unverified pods")?;
                check(entry.days.bits != 0, "was learned on no day")?;
                let taught = match entry.behaviour.origin() {
                    Origin::Entrypoint | Origin::Probe => true,
                    Origin::Exec | Origin::Unknown => false,
                };
                check(taught, "was learned from a visitor, or nobody knows whom")?;
                check(
                    rules::without_baseline(&entry.behaviour, policy).is_none(),
                    "was learned in spite of a rule",
                )?;
            }
        }
    }
    Ok(())
}

/// What holds of a workload's alerts after a plan was carried out.
pub fn alerts(baseline: &Baseline, alerts: &[Alert], policy: &Policy, evidence: &Evidence) -> Result<(), String> {
    let mut homes: BTreeMap<_, u32> = BTreeMap::new();
    let mut closed: BTreeMap<_, Vec<&Finding>> = BTreeMap::new();
    for alert in alerts {
        let name = &alert.name;
        check(!alert.findings.is_empty(), || format!("{name} has no finding"))?;
        check(alert.findings.len() <= MAX_FINDINGS, || {
            format!("{name} has too many findings")
        })?;
        let most = alert.findings.iter().map(|finding| finding.state.urgency()).max();
        check(most == Some(alert.state.urgency()), || {
            format!("{name} is not as urgent as its findings")
        })?;
        for finding in &alert.findings {
            let key = (alert.container.clone(), finding.id);
            if finding.state.is_closed() {
                closed.entry(key).or_default().push(finding);
            } else {
                *homes.entry(key).or_default() += 1;
            }
            check(finding.shown_by.len() <= MAX_SHOWN_BY, || {
                format!("{name} names too many pods")
            })?;
            if finding.state == AlertState::Suppressed {
                suppressed(alert, finding, evidence)?;
            }
        }
    }
    for (container, id, entry) in baseline.entries().filter(|(_, _, entry)| entry.is_quarantined()) {
        let key = (container.clone(), id);
        let found = homes.get(&key).copied().unwrap_or(0);
        let mut accounts = closed.get(&key).into_iter().flatten();
        let accounted = accounts.any(|finding| finding.accounts_for(entry));
        let approved = policy.approvals.standing(container, &entry.behaviour) != Standing::Unsaid;
        check(found == 1 || (found == 0 && (accounted || approved)), || {
            format!("{container} {id} {} is open in {found} alerts", entry.count)
        })?;
    }
    Ok(())
}

/// Suppression never widens: every pod that shows a suppressed finding is of the revision of the record that explains it, or
/// of a later one, and runs what is recorded of that; or it is of one that has no record yet.
fn suppressed(alert: &Alert, finding: &crate::alert::Finding, evidence: &Evidence) -> Result<(), String> {
    let what = format!("{} {}", alert.name, finding.id);
    check(!finding.rule.never_suppressed(), || {
        format!("{what} can never be suppressed")
    })?;
    check(finding.severity < Severity::High, || {
        format!("{what} is too grave to be suppressed")
    })?;
    let named = finding.rollout.as_ref().and_then(|rollout| rollout.record.as_ref());
    let record = evidence.records.iter().find(|record| Some(&record.name) == named);
    let record = record.ok_or_else(|| format!("{what} is suppressed by no record"))?;
    for sighting in finding.shown_by.values() {
        let of_hash = |other: &&Record| sighting.template_hash.one() == Some(&other.template_hash);
        let covers = |other: &Record| {
            let digest = other.containers.get(&alert.container).map(|held| &held.digest);
            other.revision >= record.revision && sighting.digest.one() == digest
        };
        let mut records = evidence.records.iter().filter(of_hash).peekable();
        let is_covered = records.peek().is_none() || records.any(covers);
        check(is_covered, || format!("{what} is shown by {sighting:?}"))?;
    }
    Ok(())
}

fn check(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
