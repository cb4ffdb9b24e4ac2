//! How much of the period was watched.

use anchorwatch_convert::{feed_to_crd, from_clock};
use anchorwatch_core::{
    baseline::{Baseline, HourSet},
    behaviour::Feed,
    id::ContainerName,
};
use anchorwatch_crds::v1alpha1::{BaselineLoss, BaselineState, ContainerBaseline, FeedBaseline, FeedName};
use jiff::Timestamp;
use serde::Serialize;

use crate::workload::Known;

/// How much of the period a feed watched.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Coverage {
    pub container: String,
    pub feed: FeedName,
    pub state: BaselineState,
    /// Hours of the period since the feed began.
    pub hours: u32,
    /// Those in which a pod was observed.
    pub observed_hours: u32,
    /// Those of them in which sensors lost something.
    pub lossy_hours: u32,
    /// What was lost, since the baseline began.
    pub losses: Vec<BaselineLoss>,
}

/// Of each feed of each container.
pub(super) fn coverage(known: &Known, learned: &Baseline, since: Timestamp, now: Timestamp) -> Vec<Coverage> {
    let status = known.object.status.iter();
    let containers = status.flat_map(|status| &status.containers);
    let feeds = containers.flat_map(|container| container.feeds.iter().map(move |feed| (container, feed)));
    let of = |(container, feed): (&ContainerBaseline, &FeedBaseline)| {
        let is_it = |(name, held, _): &(&ContainerName, Feed, _)| {
            name.as_str() == container.name && feed_to_crd(*held) == feed.feed
        };
        let (_, _, held) = learned.feeds().find(is_it)?;
        let first = from_clock(since.max(feed.started_at.0)).hour();
        let last = from_clock(now).hour();
        let observed = held.hours.recent.count_without(&HourSet::NONE, first, last);
        Some(Coverage {
            container: container.name.clone(),
            feed: feed.feed,
            state: feed.state,
            hours: u32::try_from(last.0 - first.0 + 1).unwrap_or(0),
            observed_hours: observed,
            lossy_hours: observed - held.hours.recent.count_without(&held.lossy, first, last),
            losses: feed.losses.clone(),
        })
    };
    feeds.filter_map(of).collect()
}
