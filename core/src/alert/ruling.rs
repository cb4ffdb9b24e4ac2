//! What a decision does to a finding: the state machine of a finding that people decide about.
//!
//! | decision | the finding becomes | once |
//! |---|---|---|
//! | Accept | Accepted | the baseline holds the behaviour as accepted |
//! | Dismiss | Dismissed | at once |
//! | Deny | Denied | a policy or a BehaviorApproval denies the behaviour; until then that one is made |
//! | Escalate | Escalated | at once, and for as long as the decision stands |
//!
//! Until then, and where a decision is refused, the finding stands where the evidence puts it and says why. A later
//! decision takes the place of an earlier one, by whomever, except that what was let go (Dismissed, Denied) does not come
//! back by taking the decision back: it is raised anew when it is seen again.

use serde::Serialize;

use super::{AlertInput, AlertState, Decided, Decision, Disposition, Finding, Outcome};
use crate::{
    baseline::Entry,
    id::{ContainerName, FindingId, object_name, short_hash},
    policy::approvals::Pattern,
    rules::{self, Rule},
    time::Timestamp,
};

/// A denial to be made: a BehaviorApproval that denies one behaviour of one container.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Denial {
    /// Name of the object: the same whoever plans it.
    pub name: String,
    /// The container.
    pub container: ContainerName,
    /// What is denied.
    pub pattern: Pattern,
    /// The finding that was decided about.
    pub finding: FindingId,
    /// Name of its alert.
    pub alert: String,
    /// Who decided.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A finding after a decision, and what that asks for.
pub(super) struct Ruled {
    pub(super) finding: Finding,
    pub(super) denial: Option<Denial>,
}

/// Whether all that was decided about a closed finding is done.
pub(crate) fn is_decided(finding: &Finding, disposition: Option<&Disposition>) -> bool {
    match (disposition, &finding.decided) {
        (None, None) => true,
        // An acceptance is undone with the decision; what was let go stays so.
        (None, Some(_)) => finding.state != AlertState::Accepted,
        (Some(_), None) => false,
        (Some(disposition), Some(decided)) => {
            let same = decided.decision == disposition.decision && decided.by == disposition.by;
            same && decided.outcome == Outcome::Done
        }
    }
}

/// What a finding is decided about with.
pub(super) struct About<'a> {
    /// Name of its alert.
    pub(super) alert: &'a str,
    /// Its container.
    pub(super) container: &'a ContainerName,
    /// Whether it is closed, and open in another alert.
    pub(super) elsewhere: bool,
    /// What somebody decided, where anybody did.
    pub(super) disposition: Option<&'a Disposition>,
}

/// What a decision makes of a finding that is as the evidence has it. `entry` is what the baseline holds of it.
pub(super) fn rule_on(input: &AlertInput<'_>, about: &About<'_>, finding: Finding, entry: Option<&Entry>) -> Ruled {
    let Some(disposition) = about.disposition else {
        return Ruled {
            finding: taken_back(finding),
            denial: None,
        };
    };
    let graver = disposition.evidence.filter(|seen| seen.rule < finding.rule);
    let (outcome, denial) = match (graver, disposition.decision) {
        (Some(seen), Decision::Accept | Decision::Dismiss) => {
            let why = format!(
                "the rule {} raised it since it was looked at ({} then): look again, and decide again",
                finding.rule, seen.rule
            );
            (Outcome::Refused(why), None)
        }
        (None, Decision::Accept) => (accepted(input, about.container, &finding, entry), None),
        (None, Decision::Dismiss) => (let_go(input, about, &finding, entry), None),
        (_, Decision::Deny) => denied(input, about, &finding, entry, disposition),
        (_, Decision::Escalate) if about.elsewhere => {
            let why = "it is closed here, and was raised again in another alert: escalate it there".to_owned();
            (Outcome::Refused(why), None)
        }
        (_, Decision::Escalate) => (Outcome::Done, None),
    };
    Ruled {
        finding: note(finding, disposition, outcome, input.now),
        denial,
    }
}

/// A finding without a decision. That somebody had escalated it is no evidence; what is accepted waits until the baseline
/// gave it back.
fn taken_back(finding: Finding) -> Finding {
    let keeps = finding.state.is_closed();
    Finding {
        decided: finding.decided.filter(|_| keeps),
        ..finding
    }
}

fn accepted(input: &AlertInput<'_>, container: &ContainerName, finding: &Finding, entry: Option<&Entry>) -> Outcome {
    if let Some(by) = rules::denied_by(input.policy, container, &finding.behaviour) {
        return Outcome::Refused(format!(
            "{by} denies it, and a denial goes first: take that away, or deny it here"
        ));
    }
    // A burst is of one hour: there is nothing in it that could be known from then on.
    if finding.rule.is_of_several() || entry.is_some_and(|entry| !entry.is_quarantined()) {
        return Outcome::Done;
    }
    match input.baseline.room_to_accept(container, finding.id, &finding.behaviour) {
        Ok(()) => Outcome::Awaits("the baseline takes it in".to_owned()),
        Err(reason) => Outcome::Refused(format!("{reason}: approve it in a BehaviorApproval instead")),
    }
}

/// What was accepted before has to be given back by the baseline first; what somebody accepts in another alert stays.
fn let_go(input: &AlertInput<'_>, about: &About<'_>, finding: &Finding, entry: Option<&Entry>) -> Outcome {
    let others = input.alerts.iter().filter(|alert| alert.name != about.alert);
    let mut others = others.filter(|alert| alert.container == *about.container);
    let accepted = others.any(|alert| {
        let disposition = alert.dispositions.get(&finding.id);
        disposition.is_some_and(|disposition| disposition.decision == Decision::Accept)
    });
    if !accepted && entry.is_some_and(Entry::is_accepted) {
        Outcome::Awaits("the baseline no longer takes it as accepted".to_owned())
    } else {
        Outcome::Done
    }
}

fn denied(
    input: &AlertInput<'_>,
    about: &About<'_>,
    finding: &Finding,
    entry: Option<&Entry>,
    disposition: &Disposition,
) -> (Outcome, Option<Denial>) {
    let container = about.container;
    let of_several = || {
        let why = format!(
            "it stands for several, and no workload shows it: {}",
            instead(finding.rule)
        );
        (Outcome::Refused(why), None)
    };
    if finding.rule.is_of_several() {
        return of_several();
    }
    if rules::denied_by(input.policy, container, &finding.behaviour).is_some() {
        return (let_go(input, about, finding, entry), None);
    }
    let Some(pattern) = Pattern::of(&finding.behaviour) else {
        return of_several();
    };
    let workload = input.workload;
    let hash = short_hash(&[container.as_str().as_bytes(), finding.id.as_bytes()]);
    let name = object_name(&workload.kind, &workload.name, Some(&format!("deny-{hash}")));
    if let Some(why) = input.refused.get(&name) {
        let why = format!(
            "the BehaviorApproval {name} is refused ({why}): have one made that is taken, or deny it in a policy"
        );
        return (Outcome::Refused(why), None);
    }
    let outcome = Outcome::Awaits(format!("the BehaviorApproval {name} denies it"));
    let denial = Denial {
        name,
        container: container.clone(),
        pattern,
        finding: finding.id,
        alert: about.alert.to_owned(),
        by: disposition.by.clone(),
        reason: disposition.reason.clone(),
    };
    (outcome, Some(denial))
}

/// What helps where a finding can't be denied: what it says that was shown is made up by us.
const fn instead(rule: Rule) -> &'static str {
    match rule {
        Rule::NoveltyOverflow => {
            "deny what it left out by a pattern in a BehaviorApproval, or decide about the findings that are there"
        }
        Rule::AlertOverflow => "deny what has an alert, which makes room for what waits",
        Rule::DigestMismatch => "deploy by digest, deny what its pods did, and dismiss it",
        _ => "deny those that it is about",
    }
}

/// Notes a decision in its finding. It is taken note of once: asking again changes no time.
fn note(finding: Finding, disposition: &Disposition, outcome: Outcome, now: Timestamp) -> Finding {
    let Disposition { decision, by, .. } = disposition;
    let noted = finding.decided.as_ref();
    let noted = noted.filter(|decided| decided.decision == *decision && decided.by == *by);
    let at = noted.map_or(now.whole_second(), |decided| decided.at);
    let finding = match outcome {
        Outcome::Done => Finding {
            state: decision.state(),
            resolution: None,
            ..as_it_was_seen(finding, disposition)
        },
        Outcome::Awaits(_) | Outcome::Refused(_) => finding,
    };
    Finding {
        decided: Some(Decided {
            decision: *decision,
            by: by.clone(),
            at,
            outcome,
        }),
        ..finding
    }
}

/// What is dismissed or denied is closed with what was seen of it by whoever decided: what was seen later was not decided
/// about.
fn as_it_was_seen(finding: Finding, disposition: &Disposition) -> Finding {
    match (disposition.decision, disposition.evidence) {
        (Decision::Dismiss | Decision::Deny, Some(seen)) => Finding {
            last_seen: seen.last_seen.clamp(finding.first_seen, finding.last_seen),
            count: seen.count.clamp(1, finding.count.max(1)),
            ..finding
        },
        (Decision::Dismiss | Decision::Deny, None) | (Decision::Accept | Decision::Escalate, _) => finding,
    }
}
