//! Whether alerting can be switched on for a workload.

use anchorwatch_crds::v1alpha1::{BaselineState, Mode};
use jiff::Timestamp;
use serde::Serialize;

use super::{coverage::Coverage, model::Workload};

/// Findings a week that chance and everyday change may raise without being called noise. The default tolerance of a policy
/// asks for far fewer of those that chance raises.
const QUIET_PER_WEEK: f64 = 2.0;
/// Of the observed hours of a feed, how many in a hundred may have losses.
const LOSSY_PERCENT: u32 = 10;

/// What to do.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recommendation {
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
}

/// What to do, the least urgent first.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(super) enum Verdict {
    /// Nothing: it alerts, and all is decided.
    Alerting,
    /// Nothing yet: normal can't be told.
    #[default]
    Wait,
    /// Switch alerting on.
    Alert,
    /// Decide about what was raised.
    Review,
}

impl Verdict {
    /// It in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Alerting => "alerting",
            Self::Wait => "wait",
            Self::Alert => "switch alerting on",
            Self::Review => "review first",
        }
    }
}

pub(super) fn recommend(workload: &Workload, since: Timestamp, now: Timestamp) -> Recommendation {
    let (verdict, reason) = decide(workload, since, now);
    Recommendation { verdict, reason }
}

fn decide(workload: &Workload, since: Timestamp, now: Timestamp) -> (Verdict, String) {
    let undecided: Vec<_> = workload
        .findings
        .iter()
        .filter(|finding| finding.is_undecided())
        .collect();
    let grave = undecided.iter().filter(|finding| finding.is_grave()).count();
    if grave > 0 {
        return (
            Verdict::Review,
            format!("{grave} grave findings ask for a decision, each on its own"),
        );
    }
    let alerts = workload
        .policy
        .as_ref()
        .is_some_and(|policy| policy.mode == Mode::Alert);
    if workload.policy.is_none() {
        return (Verdict::Wait, "no policy selects it: nothing would be raised".into());
    }
    if workload.learned + workload.quarantined == 0 {
        return (Verdict::Wait, "nothing was observed of it yet".into());
    }
    match workload.state {
        BaselineState::Learning => return (Verdict::Wait, "its baseline still learns".into()),
        BaselineState::Provisional => {
            let reason = "its baseline is provisional: novelty would be raised one severity lower, into the queue";
            return (Verdict::Wait, reason.into());
        }
        BaselineState::Enforcing => {}
    }
    let is_lossy = |feed: &&Coverage| feed.lossy_hours * 100 > feed.observed_hours * LOSSY_PERCENT;
    if let Some(feed) = workload.coverage.iter().find(is_lossy) {
        let reason = format!(
            "sensors lost something of the {} feed in {} of {} observed hours: find out why first",
            format!("{:?}", feed.feed).to_lowercase(),
            feed.lossy_hours,
            feed.observed_hours
        );
        return (Verdict::Wait, reason);
    }
    let weeks = (now.duration_since(since).as_secs_f64() / (7.0 * 86_400.0)).max(1.0 / 7.0);
    #[expect(clippy::cast_precision_loss, reason = "there are no 2^52 findings")]
    let a_week = undecided.len() as f64 / weeks;
    if a_week > QUIET_PER_WEEK {
        let reason = format!(
            "{} findings are undecided, {a_week:.1} a week: accept what is fine",
            undecided.len()
        );
        return (Verdict::Review, reason);
    }
    match (alerts, undecided.len()) {
        (true, 0) => (
            Verdict::Alerting,
            "it alerts, and all that was raised is decided".into(),
        ),
        (true, some) => (Verdict::Review, format!("it alerts, and {some} findings are undecided")),
        (false, 0) => (Verdict::Alert, "normal is known, and nothing is undecided".into()),
        (false, some) => (
            Verdict::Alert,
            format!("normal is known, and {some} undecided findings are few"),
        ),
    }
}
