//! How two revisions differ: the same for people and for programs.

use anchorwatch_convert::{behaviour_to_crd, feed_to_crd, to_time};
use anchorwatch_core::{
    baseline::{Awaited, Difference, Entry, FeedDifference, Newly, Watch},
    rules::subject,
};
use anchorwatch_crds::v1alpha1::{Behavior, FeedName, RolloutAction, RolloutRecord, TemplateChange};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;

use crate::{baseline::label, workload::Known};

/// A release note.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View {
    /// `namespace/Kind/name`.
    pub workload: String,
    pub from: Revision,
    pub to: Revision,
    /// False while something may still be said to be gone that is not yet.
    pub complete: bool,
    pub feeds: Vec<Feed>,
}

/// One of the two.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Revision {
    pub revision: i64,
    pub template_hash: String,
    pub started_at: Time,
    /// What it was, compared with the one before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<RolloutAction>,
    /// What its template changed against the one before it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<TemplateChange>,
    /// Hours in which a pod of it was observed.
    pub hours_watched: u32,
}

/// What a feed saw of a container.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Feed {
    pub container: String,
    pub feed: FeedName,
    /// Hours of the earlier revision in which sensors lost something.
    pub lossy_hours_from: u32,
    /// Hours of the later revision in which sensors lost something.
    pub lossy_hours_to: u32,
    /// How much both do.
    pub kept: usize,
    pub newly: Vec<Item>,
    pub gone: Vec<Item>,
    pub awaited: Vec<Item>,
}

/// One behaviour.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    /// What it is good for in the baseline.
    pub state: &'static str,
    /// It in words.
    pub what: String,
    pub count: u64,
    pub first_seen: Time,
    pub last_seen: Time,
    /// Of what is new: true where the workload did it before all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub before: bool,
    /// Of what is awaited: hours that the revision has to be watched for further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<u32>,
    /// The behaviour, under the name of its feed.
    #[serde(flatten)]
    pub behavior: Behavior,
}

impl View {
    pub fn of(known: &Known, from: &RolloutRecord, to: &RolloutRecord, difference: &Difference<'_>) -> Self {
        Self {
            workload: known.key.to_string(),
            from: Revision::of(from, difference.from),
            to: Revision::of(to, difference.to),
            complete: difference.feeds.iter().all(|feed| feed.awaited.is_empty()),
            feeds: difference.feeds.iter().map(Feed::of).collect(),
        }
    }

    /// The longest that something is awaited; none where nothing is.
    pub fn longest_wait(&self) -> Option<u32> {
        let awaited = self.feeds.iter().flat_map(|feed| &feed.awaited);
        awaited.filter_map(|item| item.hours).max()
    }
}

impl Revision {
    fn of(record: &RolloutRecord, watch: Watch) -> Self {
        let spec = &record.spec;
        Self {
            revision: spec.revision,
            template_hash: spec.template_hash.clone(),
            started_at: spec.started_at.clone(),
            action: spec.action,
            changes: spec.changes.clone().unwrap_or_default(),
            hours_watched: watch.hours,
        }
    }
}

impl Feed {
    fn of(feed: &FeedDifference<'_>) -> Self {
        let FeedDifference {
            container,
            feed,
            lossy_from,
            lossy_to,
            newly,
            gone,
            awaited,
            kept,
        } = feed;
        Self {
            container: container.to_string(),
            feed: feed_to_crd(*feed),
            lossy_hours_from: *lossy_from,
            lossy_hours_to: *lossy_to,
            kept: *kept,
            newly: newly
                .iter()
                .map(|Newly { entry, before }| Item {
                    before: *before,
                    ..Item::of(entry)
                })
                .collect(),
            gone: gone.iter().map(|entry| Item::of(entry)).collect(),
            awaited: awaited
                .iter()
                .map(|Awaited { entry, hours }| Item {
                    hours: Some(*hours),
                    ..Item::of(entry)
                })
                .collect(),
        }
    }
}

impl Item {
    fn of(entry: &Entry) -> Self {
        Self {
            state: label(entry),
            what: subject(&entry.behaviour),
            count: entry.count,
            first_seen: to_time(entry.first_seen),
            last_seen: to_time(entry.last_seen),
            before: false,
            hours: None,
            behavior: behaviour_to_crd(&entry.behaviour),
        }
    }
}
