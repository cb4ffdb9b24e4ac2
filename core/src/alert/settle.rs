//! The state of one finding: what it was, what the evidence says now, and what the policy makes of that.

use std::collections::BTreeMap;

use super::{AlertInput, AlertState, Finding, companion::second_feed};
use crate::{
    baseline::{Entry, Sighting, limit},
    behaviour::Feed,
    id::{ContainerName, FindingId, ImageDigest, PodUid},
    policy::{Mode, OnMatch, OnUnmatched},
    rollout::{Judgement, RolloutMatch, RolloutVerdict, StillExplained, judge, still_explained},
    rules::Rule,
    severity::{Circumstances, Pace, Severity, assess},
    time::Duration,
};

/// A finding as it has to be, and when to look at it again.
pub(super) struct Settled {
    pub(super) finding: Finding,
    pub(super) retry_after: Option<Duration>,
}

/// What was decided of a finding: its state and the evidence.
struct Stance {
    state: AlertState,
    rollout: Option<RolloutMatch>,
    retry_after: Option<Duration>,
}

/// What goes along with a finding in its workload.
#[derive(Clone, Copy)]
struct Company {
    second_feed: Option<Feed>,
    pace: Pace,
}

/// What goes along with an entry. The pace is that of the time before it was raised and, once it was weighed by that, stays:
/// where a rollout explained it, nothing was weighed.
fn company(input: &AlertInput<'_>, container: &ContainerName, entry: &Entry, before: Option<&Finding>) -> Company {
    let second_feed = second_feed(input, container, entry);
    let weighed = before.filter(|before| {
        let verdict = before.rollout.as_ref().map(|rollout| rollout.verdict);
        verdict != Some(RolloutVerdict::Matched)
    });
    let feeds = input.baseline.containers.get(container).map(|held| &held.feeds);
    let pace = match weighed {
        Some(before) => Circumstances::default().as_weighed_before(&before.severity_terms).pace,
        None => Pace::of(
            feeds
                .and_then(|feeds| feeds.get(&entry.behaviour.feed()))
                .and_then(|feed| feed.novelty_before(input.policy, entry.raised_since())),
        ),
    };
    Company { second_feed, pace }
}

/// Brings a finding up to what its quarantined entry and the evidence say. What is decided stays decided: people get to
/// see one decision, not its daily opposite. It is taken anew only where
/// - it still waits for evidence,
/// - it is suppressed, and a pod shows it that the rollout does not cover, or it became too grave to be suppressed,
/// - it is open, and became as grave as what is escalated,
/// - it was only observed, the policy alerts now, and it was seen again,
/// - a graver rule holds for it now.
pub(super) fn settle(
    input: &AlertInput<'_>,
    container: &ContainerName,
    id: FindingId,
    (entry, rule): (&Entry, Rule),
    before: Option<&Finding>,
) -> Settled {
    let company = company(input, container, entry, before);
    let entry = &Entry {
        shown_by: remembered(input, container, entry, before),
        ..entry.clone()
    };
    let anew = || fresh(input, container, (entry, rule), company);
    let stance = match before {
        None => anew(),
        Some(before) if before.state.is_closed() => keep(before),
        Some(before) if before.rule != rule => anew(),
        Some(before) => match before.state {
            AlertState::Correlating => anew(),
            AlertState::Observed if is_pending(before) || is_seen_again(input, entry, before) => anew(),
            AlertState::Suppressed => suppressed(input, container, (entry, rule), company, before),
            AlertState::Open => open(input, (entry, rule), company, before),
            AlertState::Observed
            | AlertState::PendingReview
            | AlertState::Escalated
            | AlertState::Accepted
            | AlertState::Dismissed
            | AlertState::Denied
            | AlertState::Resolved => keep(before),
        },
    };
    let verdict = stance.rollout.as_ref().map(|rollout| rollout.verdict);
    let assessment = assess(rule, &entry.behaviour, circumstances(entry, rule, company, verdict));
    Settled {
        finding: Finding {
            id,
            rule,
            summary: rule.sentence(&entry.behaviour),
            behaviour: entry.behaviour.clone(),
            attributes: entry.attributes.clone().into_inner().raised(),
            severity: assessment.severity,
            severity_terms: assessment.terms,
            state: stance.state,
            lineage: entry.lineage.clone(),
            count: entry.count,
            pods: entry.pods,
            shown_by: entry.shown_by.clone(),
            first_seen: entry.raised_since(),
            last_seen: entry.last_seen,
            rollout: stance.rollout,
            unverified: entry.unverified,
            snapshot: entry.snapshot,
            decided: before.and_then(|before| before.decided.clone()),
            recurs: before.and_then(|before| before.recurs.clone()),
            resolution: None,
            strangeness: entry.strangeness.as_deref().cloned(),
        },
        retry_after: stance.retry_after,
    }
}

/// The pods that show it, with all that was known of each whenever it was looked at.
fn remembered(
    input: &AlertInput<'_>,
    container: &ContainerName,
    entry: &Entry,
    before: Option<&Finding>,
) -> BTreeMap<PodUid, Sighting> {
    let mut shown_by = entry.shown_by.clone();
    for (uid, sighting) in &mut shown_by {
        if let Some(held) = before.and_then(|before| before.shown_by.get(uid)) {
            sighting.recall(held.digest.clone(), held.template_hash.clone());
        }
        if let Some(pod) = input.evidence.pods.get(uid) {
            // Of one image a node may tell now this digest, now that one.
            let told = sighting.digest.one().cloned();
            let is_told = |digest: &&ImageDigest| {
                told.as_ref()
                    .is_none_or(|told| told == *digest || !input.evidence.is_one_image(container, told, digest))
            };
            let digest = pod.digests.get(container).filter(is_told).cloned();
            sighting.recall(digest.into(), pod.template_hash.clone().into());
        }
    }
    shown_by
}

fn keep(before: &Finding) -> Stance {
    Stance {
        state: before.state,
        rollout: before.rollout.clone(),
        retry_after: None,
    }
}

fn is_pending(before: &Finding) -> bool {
    matches!(&before.rollout, Some(rollout) if rollout.verdict == RolloutVerdict::Pending)
}

fn is_seen_again(input: &AlertInput<'_>, entry: &Entry, before: &Finding) -> bool {
    match input.policy.mode {
        Mode::Observe => false,
        Mode::Alert => entry.count > before.count,
    }
}

/// Decides by the evidence alone.
fn fresh(input: &AlertInput<'_>, container: &ContainerName, (entry, rule): (&Entry, Rule), company: Company) -> Stance {
    let names_at_most = limit(input.baseline.quarantined());
    let Judgement { rollout, retry_after } =
        judge(container, entry, names_at_most, input.evidence, input.policy, input.now);
    Stance {
        state: by_policy(input, (entry, rule), company, rollout.verdict),
        rollout: Some(rollout),
        retry_after,
    }
}

/// How grave a finding is that has this verdict, the rollout's own term left out.
fn unexplained(entry: &Entry, rule: Rule, company: Company, verdict: RolloutVerdict) -> Severity {
    assess(
        rule,
        &entry.behaviour,
        circumstances(entry, rule, company, Some(verdict)),
    )
    .unexplained
}

/// What the policy makes of a verdict on a finding.
fn by_policy(
    input: &AlertInput<'_>,
    (entry, rule): (&Entry, Rule),
    company: Company,
    verdict: RolloutVerdict,
) -> AlertState {
    match input.policy.mode {
        Mode::Observe => AlertState::Observed,
        Mode::Alert => {
            let severity = unexplained(entry, rule, company, verdict);
            by_verdict(input, verdict, severity, is_queued(entry, rule))
        }
    }
}

/// What besides rule and behaviour makes an entry's finding more or less grave.
fn circumstances(entry: &Entry, rule: Rule, company: Company, verdict: Option<RolloutVerdict>) -> Circumstances {
    let Company { second_feed, pace } = company;
    Circumstances {
        second_feed,
        pace,
        matched: verdict == Some(RolloutVerdict::Matched),
        // What a rule forbids to suppress says so by itself.
        mismatch: verdict == Some(RolloutVerdict::Never) && !rule.never_suppressed(),
        provisional: entry.provisional,
        unscorable: entry.strangeness.as_ref().is_some_and(|why| !why.scorable),
    }
}

/// Whether a finding waits for review because the baseline was provisional when it was raised.
const fn is_queued(entry: &Entry, rule: Rule) -> bool {
    entry.provisional && rule.needs_baseline() && !rule.never_suppressed()
}

/// What the policy makes of a verdict on a finding of this severity, the rollout's own term left out. What is queued waits
/// for review however grave it is, unless a rollout explains it.
fn by_verdict(input: &AlertInput<'_>, verdict: RolloutVerdict, severity: Severity, queued: bool) -> AlertState {
    let grave = severity >= Severity::High;
    match verdict {
        RolloutVerdict::Pending => AlertState::Correlating,
        RolloutVerdict::Matched if !grave => match input.policy.rollout.on_match {
            OnMatch::Suppress => AlertState::Suppressed,
            OnMatch::Tag if queued => AlertState::PendingReview,
            OnMatch::Tag => AlertState::Open,
        },
        RolloutVerdict::Matched | RolloutVerdict::Partial | RolloutVerdict::Unmatched | RolloutVerdict::Never
            if queued =>
        {
            AlertState::PendingReview
        }
        RolloutVerdict::Matched | RolloutVerdict::Partial | RolloutVerdict::Unmatched | RolloutVerdict::Never => {
            match input.policy.rollout.on_unmatched {
                Some(OnUnmatched::Queue) => AlertState::PendingReview,
                Some(OnUnmatched::Escalate) => AlertState::Escalated,
                None if grave => AlertState::Escalated,
                None => AlertState::Open,
            }
        }
    }
}

/// An open finding: it stays so unless what goes along with it made it so grave that the policy would have one of its kind
/// looked at sooner. It never becomes less urgent by itself.
fn open(input: &AlertInput<'_>, (entry, rule): (&Entry, Rule), company: Company, before: &Finding) -> Stance {
    let verdict = before.rollout.as_ref().map(|rollout| rollout.verdict);
    let verdict = verdict.unwrap_or(RolloutVerdict::Unmatched);
    let grave = unexplained(entry, rule, company, verdict) >= Severity::High;
    let state = by_policy(input, (entry, rule), company, verdict);
    if grave && state.urgency() > before.state.urgency() {
        Stance { state, ..keep(before) }
    } else {
        keep(before)
    }
}

/// A finding that a rollout explained: it stays suppressed while all pods that show it are covered by that record, and while
/// it is below High. What became graver is tagged.
fn suppressed(
    input: &AlertInput<'_>,
    container: &ContainerName,
    (entry, rule): (&Entry, Rule),
    company: Company,
    before: &Finding,
) -> Stance {
    let record = before.rollout.as_ref().and_then(|rollout| rollout.record.clone());
    let standing = match &record {
        Some(name) => still_explained(name, container, entry, input.evidence, &input.policy.rollout, input.now),
        None => None,
    };
    let explained = |retry_after| {
        let tagged = unexplained(entry, rule, company, RolloutVerdict::Matched) >= Severity::High;
        let by_policy = || by_policy(input, (entry, rule), company, RolloutVerdict::Matched);
        Stance {
            state: if tagged { by_policy() } else { before.state },
            retry_after,
            ..keep(before)
        }
    };
    let reason = match standing {
        Some(StillExplained::Yes) => return explained(None),
        Some(StillExplained::SoFar(retry_after)) => return explained(Some(retry_after)),
        Some(StillExplained::No { reason }) => reason,
        // Nothing can be asked of the record any more; what it covered then is covered still.
        None if is_shown_as_before(entry, before) => return explained(None),
        None => "further pods show it, and the record that explained it is gone".to_owned(),
    };
    Stance {
        state: by_policy(input, (entry, rule), company, RolloutVerdict::Unmatched),
        rollout: Some(RolloutMatch {
            record,
            verdict: RolloutVerdict::Unmatched,
            reason: format!("explained by a rollout before, and not any more: {reason}"),
        }),
        retry_after: None,
    }
}

fn is_shown_as_before(entry: &Entry, before: &Finding) -> bool {
    entry.pods == before.pods && entry.shown_by == before.shown_by
}
