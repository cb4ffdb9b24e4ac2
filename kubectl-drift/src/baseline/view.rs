//! What there is to be told about a baseline: the same for people and for programs.

use std::collections::BTreeMap;

use anchorwatch_convert::{behaviour_to_crd, feed_to_crd, to_time};
use anchorwatch_core::{
    baseline::{Baseline, Entry, EntryState},
    rules::subject,
};
use anchorwatch_crds::v1alpha1::{BaselineLoss, BaselineState, Behavior, BehaviorBaselineStatus, FeedName};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;

use crate::workload::Known;

/// Conditions that say what a baseline lacks, where they hold.
const LACKS: [&str; 3] = ["LossObserved", "Truncated", "Generalised"];

/// A baseline.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View {
    /// `namespace/Kind/name`.
    pub workload: String,
    /// The least mature state of its feeds.
    pub state: BaselineState,
    /// What that means, in a sentence.
    pub ready: String,
    /// Since when its workload is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone_since: Option<Time>,
    /// Wall-clock hours in which at least one pod was observed.
    pub hours_observed: i64,
    /// New behaviours that are expected in a week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_new_per_week: Option<f64>,
    /// What it lacks.
    pub degraded: Vec<Degraded>,
    /// Feed by feed of each container.
    pub feeds: Vec<FeedView>,
    /// What was seen, the rarest first.
    pub entries: Vec<EntryView>,
}

/// Something that a baseline lacks.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Degraded {
    /// The condition.
    pub reason: String,
    /// It in words.
    pub message: String,
}

/// A feed of a container.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FeedView {
    pub container: String,
    pub feed: FeedName,
    pub state: BaselineState,
    pub hours_observed: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_new_per_week: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most_new_per_week: Option<i64>,
    /// Number of entries by what they are good for.
    pub entries: BTreeMap<&'static str, usize>,
    pub dormant: usize,
    pub losses: Vec<BaselineLoss>,
    pub overflowed: i64,
}

/// One behaviour.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EntryView {
    pub container: String,
    pub state: &'static str,
    /// The rule that raised it, where it is raised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    /// It in words.
    pub what: String,
    /// Number of days on which it was seen.
    pub days: u32,
    pub count: u64,
    pub pods: u32,
    /// The node that vouches for it, while only one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    pub first_seen: Time,
    pub last_seen: Time,
    /// Template hashes of the revisions that showed it.
    pub revisions: Vec<String>,
    /// True where it stands for many.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub generalised: bool,
    /// True while nobody saw it happen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub snapshot: bool,
    /// The behaviour, under the name of its feed.
    #[serde(flatten)]
    pub behavior: Behavior,
}

impl View {
    pub fn of(known: &Known) -> Self {
        let status = known.object.status.clone().unwrap_or_default();
        let learned = known.learned();
        let condition = |kind: &str| status.conditions.iter().find(|condition| condition.type_ == kind);
        let degraded = LACKS.iter().filter_map(|kind| condition(kind));
        let degraded = degraded.filter(|condition| condition.status == "True");
        Self {
            workload: known.key.to_string(),
            state: status.state,
            ready: condition("Ready").map_or_else(String::new, |ready| ready.message.clone()),
            gone_since: status.gone_since.clone(),
            hours_observed: status.hours_observed,
            expected_new_per_week: status.expected_new_per_week,
            degraded: degraded
                .map(|condition| Degraded {
                    reason: condition.type_.clone(),
                    message: condition.message.clone(),
                })
                .collect(),
            feeds: feeds(&status, &learned),
            entries: entries(&learned),
        }
    }
}

fn feeds(status: &BehaviorBaselineStatus, learned: &Baseline) -> Vec<FeedView> {
    let mut views = Vec::new();
    for container in &status.containers {
        for feed in &container.feeds {
            let held = learned
                .feeds()
                .find(|(name, held, _)| name.as_str() == container.name && feed_to_crd(*held) == feed.feed);
            let held = held.map(|(_, _, held)| held);
            let of = |state: &str| held.map_or(0, |held| held.entries.values().filter(|it| label(it) == state).count());
            views.push(FeedView {
                container: container.name.clone(),
                feed: feed.feed,
                state: feed.state,
                hours_observed: feed.hours_observed,
                expected_new_per_week: feed.expected_new_per_week,
                at_most_new_per_week: feed.at_most_new_per_week,
                entries: LABELS.map(|state| (state, of(state))).into(),
                dormant: held.map_or(0, |held| held.dormant.len()),
                losses: feed.losses.clone(),
                overflowed: feed.overflowed,
            });
        }
    }
    views
}

/// The rarest first: on the fewest days, then the least often, then the longest ago.
fn entries(learned: &Baseline) -> Vec<EntryView> {
    let mut entries: Vec<_> = learned
        .entries()
        .map(|(container, _, entry)| (container, entry))
        .collect();
    entries.sort_by(|(_, a), (_, b)| {
        let rarity = |entry: &Entry| (entry.days.count(), entry.count, entry.last_seen);
        rarity(a).cmp(&rarity(b)).then_with(|| a.behaviour.cmp(&b.behaviour))
    });
    let views = entries.into_iter().map(|(container, entry)| EntryView {
        container: container.to_string(),
        state: label(entry),
        rule: entry.rule().map(anchorwatch_core::rules::Rule::id),
        what: subject(&entry.behaviour),
        days: entry.days.count(),
        count: entry.count,
        pods: entry.pods,
        node: entry.lesson.node.one().map(ToString::to_string),
        first_seen: to_time(entry.first_seen),
        last_seen: to_time(entry.last_seen),
        revisions: entry.lesson.revisions.iter().map(ToString::to_string).collect(),
        generalised: entry.generalised,
        snapshot: entry.snapshot,
        behavior: behaviour_to_crd(&entry.behaviour),
    });
    views.collect()
}

/// What entries can be good for, in the order in which they are counted.
pub(super) const LABELS: [&str; 3] = ["Learned", "Accepted", QUARANTINED];
/// What is raised, in a word.
pub(crate) const QUARANTINED: &str = "Quarantined";

/// What an entry is good for, in a word.
pub(crate) const fn label(entry: &Entry) -> &'static str {
    match entry.state {
        EntryState::Learned => LABELS[0],
        EntryState::Accepted { .. } => LABELS[1],
        EntryState::Quarantined { .. } => LABELS[2],
    }
}
