//! Losses of events, for as long as a baseline tells of them.

use std::{collections::BTreeMap, time::Duration};

use anchorwatch_core::{baseline::Baseline, behaviour::Feed};
use jiff::Timestamp;

use crate::{
    conditions::{LOSS_OBSERVED, Statement},
    convert::from_clock,
    losses,
};

/// How long a loss is told of: for as long as what is learned is kept.
fn window(days: u8) -> Duration {
    Duration::from_hours(24).saturating_mul(days.into())
}

/// Losses by feed and reason, and for how much longer each is told of.
fn recent_losses(baseline: &Baseline, window_days: u8, now: Timestamp) -> BTreeMap<Feed, BTreeMap<&str, Duration>> {
    let mut recent: BTreeMap<Feed, BTreeMap<&str, Duration>> = BTreeMap::new();
    for (_, feed, held) in baseline.feeds() {
        for (reason, lost) in &held.losses {
            let ends = lost.last.map(|last| last.plus(window(window_days)));
            let left = ends.map_or(Duration::ZERO, |ends| ends.since(from_clock(now)));
            if !left.is_zero() {
                let longest = recent.entry(feed).or_default().entry(reason).or_default();
                *longest = left.max(*longest);
            }
        }
    }
    recent
}

/// When the next of a baseline's losses is no longer told of.
pub fn next_loss_ends(baseline: &Baseline, window_days: u8, now: Timestamp) -> Option<Duration> {
    let recent = recent_losses(baseline, window_days, now);
    recent.into_values().flat_map(BTreeMap::into_values).min()
}

pub(super) fn loss_observed(baseline: &Baseline, window_days: u8, now: Timestamp) -> Statement {
    let recent = recent_losses(baseline, window_days, now);
    let mut reasons = recent.values().flat_map(BTreeMap::keys);
    let (reason, message) = if recent.is_empty() {
        let message = format!("no sensor reported a loss of its containers' events in the last {window_days} days");
        ("NoLoss", message)
    } else if reasons.any(|reason| losses::is_of_events(reason)) {
        let reasons = losses::told(recent.iter().map(|(feed, reasons)| (*feed, reasons.keys().copied())));
        let message = format!(
            "a sensor on a node of its pods lost events in the last {window_days} days, what it learned may lack \
             something: {reasons}"
        );
        ("EventsLost", message)
    } else {
        let message = format!(
            "a sensor on a node of its pods was not running for a while in the last {window_days} days: what happened \
             then is not known"
        );
        ("SensorRestarted", message)
    };
    Statement {
        type_: LOSS_OBSERVED,
        holds: !recent.is_empty(),
        reason,
        message,
    }
}
