//! Which findings are decided about: those that are not closed, and what is grave only by its own name.

use anchorwatch_core::rules::Rule;
use anchorwatch_crds::v1alpha1::{AlertState, DecidedOn, DecisionOutcome, DriftAlert, Finding};
use kube::ResourceExt;

/// A finding that is decided about, as it was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// Name of its alert.
    pub alert: String,
    /// Its id.
    pub finding: String,
    /// It in words.
    pub summary: String,
    /// What was seen of it.
    pub evidence: DecidedOn,
}

impl Chosen {
    /// The beginning of its id, as people name it.
    pub fn short_id(&self) -> &str {
        self.finding.get(..8).unwrap_or(&self.finding)
    }
}

/// Chooses the findings with these ids, or beginnings of ids; every finding that is not closed, where there are none. The
/// error says what to ask for instead.
pub fn choose(alerts: &[DriftAlert], named: &[String]) -> Result<Vec<Chosen>, String> {
    if named.is_empty() {
        return all_open(alerts);
    }
    let mut chosen = Vec::new();
    for wanted in named {
        let found: Vec<_> = findings(alerts)
            .filter(|(_, finding)| finding.id.starts_with(wanted.as_str()))
            .collect();
        match found.as_slice() {
            [] => {
                return Err(format!(
                    "no finding {wanted:?}: `kubectl drift show ALERT` prints their ids"
                ));
            }
            [(alert, finding)] => chosen.push(as_seen(alert, finding)),
            [_, _, ..] => {
                return Err(format!(
                    "{} findings begin with {wanted:?}: write more of the id",
                    found.len()
                ));
            }
        }
    }
    let grave = |one: &Chosen| is_grave(&one.evidence.rule);
    if chosen.len() > 1 && chosen.iter().any(grave) {
        let one = chosen.iter().find(|one| grave(one)).map_or("", Chosen::short_id);
        return Err(format!(
            "{one} can never be suppressed, and such findings are decided one by one: name it alone"
        ));
    }
    Ok(chosen)
}

fn all_open(alerts: &[DriftAlert]) -> Result<Vec<Chosen>, String> {
    let open: Vec<_> = findings(alerts)
        .filter(|(_, finding)| !is_closed(finding.state))
        .collect();
    if let Some((alert, grave)) = open.iter().find(|(_, finding)| is_grave(&finding.rule)) {
        let id = grave.id.get(..8).unwrap_or(&grave.id);
        return Err(format!(
            "{} of {} ({}) can never be suppressed, and such findings are decided one by one: use --finding {id}, and \
             --finding for each of the others",
            id,
            alert.name_any(),
            grave.rule
        ));
    }
    Ok(open
        .into_iter()
        .map(|(alert, finding)| as_seen(alert, finding))
        .collect())
}

fn findings(alerts: &[DriftAlert]) -> impl Iterator<Item = (&DriftAlert, &Finding)> {
    alerts.iter().flat_map(|alert| {
        let findings = alert.status.iter().flat_map(|status| &status.findings);
        findings.map(move |finding| (alert, finding))
    })
}

fn as_seen(alert: &DriftAlert, finding: &Finding) -> Chosen {
    Chosen {
        alert: alert.name_any(),
        finding: finding.id.clone(),
        summary: finding.summary.clone(),
        evidence: DecidedOn {
            rule: finding.rule.clone(),
            count: finding.count,
            last_seen: finding.last_seen.clone(),
        },
    }
}

/// Whether no rollout may ever suppress what a rule raises. A rule that this version does not know is taken as one.
fn is_grave(rule: &str) -> bool {
    rule.parse::<Rule>().is_ok_and(Rule::never_suppressed) || rule.parse::<Rule>().is_err()
}

/// Whether somebody, or time, closed a finding.
pub const fn is_closed(state: AlertState) -> bool {
    match state {
        AlertState::Accepted | AlertState::Dismissed | AlertState::Denied | AlertState::Resolved => true,
        AlertState::Correlating
        | AlertState::Observed
        | AlertState::Open
        | AlertState::Suppressed
        | AlertState::PendingReview
        | AlertState::Escalated => false,
    }
}

/// Whoever decided about a finding in an alert as it is, in words; nobody where the decision was refused.
pub fn decided_by(alert: &DriftAlert, finding: &str) -> Option<String> {
    let disposition = alert.spec.dispositions.get(finding)?;
    let mut findings = alert.status.iter().flat_map(|status| &status.findings);
    let noted = findings.find(|held| held.id == finding)?.decision.as_ref();
    let refused = noted.is_some_and(|noted| {
        noted.outcome == DecisionOutcome::Refused
            && noted.decision == disposition.decision
            && noted.decided_by == disposition.decided_by
    });
    (!refused).then(|| format!("{} decided: {:?}", disposition.decided_by, disposition.decision))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn alert(name: &str, findings: &[(&str, &str, &str)]) -> DriftAlert {
        let findings: Vec<_> = findings
            .iter()
            .map(|(id, rule, state)| {
                json!({
                    "id": id, "rule": rule, "feed": "process", "summary": "s", "severity": "Medium", "state": state,
                    "count": 1, "pods": 1, "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T00:00:00Z",
                    "process": {"origin": "entrypoint", "executable": "/usr/bin/id", "source": "image"},
                })
            })
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftAlert", "metadata": {"name": name}, "spec": {},
            "status": {"workload": {"kind": "Deployment", "name": "agent"}, "findings": findings},
        }))
        .unwrap()
    }

    fn chosen(alerts: &[DriftAlert], findings: &[&str]) -> Result<Vec<String>, String> {
        let findings: Vec<_> = findings.iter().map(|id| (*id).to_owned()).collect();
        choose(alerts, &findings).map(|chosen| chosen.into_iter().map(|one| one.finding).collect())
    }

    const PLAIN: &str = "process-outside-baseline";

    #[test]
    fn every_finding_that_is_not_closed_is_chosen_where_none_is_named() {
        let alerts = [
            alert("a", &[("a1", PLAIN, "Open"), ("a2", PLAIN, "Dismissed")]),
            alert("b", &[("b1", PLAIN, "Suppressed")]),
        ];
        assert_eq!(chosen(&alerts, &[]).unwrap(), ["a1", "b1"]);
    }

    #[test]
    fn a_finding_is_named_by_the_beginning_of_its_id_if_that_is_one() {
        let alerts = [alert("a", &[("a1f", PLAIN, "Open"), ("a2f", PLAIN, "Dismissed")])];
        assert_eq!(chosen(&alerts, &["a2"]).unwrap(), ["a2f"]);
        assert!(chosen(&alerts, &["a"]).unwrap_err().contains("2 findings begin with"));
        assert!(chosen(&alerts, &["x"]).unwrap_err().contains("no finding \"x\""));
    }

    #[test]
    fn what_can_never_be_suppressed_is_decided_alone_and_by_its_name() {
        let alerts = [alert(
            "a",
            &[("a1", PLAIN, "Open"), ("a2", "fileless-execution", "Escalated")],
        )];
        assert!(chosen(&alerts, &[]).unwrap_err().contains("--finding a2"));
        assert!(chosen(&alerts, &["a1", "a2"]).unwrap_err().contains("one by one"));
        assert_eq!(chosen(&alerts, &["a2"]).unwrap(), ["a2"]);
        let unknown = [alert("a", &[("a1", "a-rule-of-tomorrow", "Open")])];
        assert!(chosen(&unknown, &[]).is_err());
    }
}
