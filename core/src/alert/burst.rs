//! Hours with more new destinations than chance explains, as findings of their own: a function of what the baseline holds,
//! as every finding is.

use std::collections::{BTreeMap, BTreeSet};

use super::{Alert, AlertInput};
use crate::{
    baseline::{Entry, EntryState, FeedBaseline, Lesson, Marks, Maturity, limit, sample},
    behaviour::{Behaviour, Burst, Destination, Direction, Feed, NetworkParts, Origin, Protocol},
    id::{ContainerName, FindingId},
    policy::{Policy, SpikePolicy},
    rare::Rare,
    rules::Rule,
    score::spike::{Spike, spikes},
    time::{Hour, Timestamp},
};

/// Hours after which nothing of an hour is reported any more, but after an outage: what was new is raised one by one then.
const LATE: i64 = 6;

/// Entries that stand for a burst, by container and id.
pub(super) type Bursts = BTreeMap<(ContainerName, FindingId), Entry>;

/// The bursts of a workload.
///
/// Of an hour that is over only those that an alert has already: what is learned expires, and of the hours that an hour is
/// measured by less and less is known. It would seem a burst long after everybody saw that it was none.
pub(super) fn bursts(input: &AlertInput<'_>) -> Bursts {
    let AlertInput {
        baseline, policy, now, ..
    } = *input;
    let names_at_most = limit(baseline.quarantined());
    let told: BTreeSet<(&ContainerName, FindingId)> = input.alerts.iter().flat_map(of_alert).collect();
    let networks = baseline.feeds().filter(|(_, feed, _)| *feed == Feed::Network);
    let judging = networks.filter(|(_, _, held)| match held.maturity {
        Maturity::Learning => false,
        Maturity::Provisional | Maturity::Enforcing => true,
    });
    let found = judging.flat_map(|(container, _, held)| {
        let entries = of_feed(held, policy, names_at_most);
        entries.map(move |(hour, entry)| (hour, container, entry.behaviour.id(), entry))
    });
    let found = found.filter(|(hour, container, id, _)| is_young(*hour, now) || told.contains(&(*container, *id)));
    found
        .map(|(_, container, id, entry)| ((container.clone(), id), entry))
        .collect()
}

/// The bursts that an alert tells of.
fn of_alert(alert: &Alert) -> impl Iterator<Item = (&ContainerName, FindingId)> {
    let bursts = alert
        .findings
        .iter()
        .filter(|finding| finding.rule == Rule::DestinationSpike);
    bursts.map(|finding| (&alert.container, finding.id))
}

/// Whether an hour can be judged still: all that it is measured by is known until its day is over, and nearly all for some
/// hours after, in which reports come that are late.
fn is_young(hour: Hour, now: Timestamp) -> bool {
    hour.begins().day() >= now.day() || now.hour().0.saturating_sub(hour.0) <= LATE
}

fn of_feed(held: &FeedBaseline, policy: &Policy, names_at_most: usize) -> impl Iterator<Item = (Hour, Entry)> {
    let mut first: BTreeMap<&Destination, Hour> = BTreeMap::new();
    for (destination, entry) in held.entries.values().filter_map(reached) {
        let hour = entry.first_seen.hour();
        let least = first.entry(destination).or_insert(hour);
        *least = hour.min(*least);
    }
    let mut counts: BTreeMap<Hour, u32> = BTreeMap::new();
    for hour in first.values() {
        *counts.entry(*hour).or_default() += 1;
    }
    let window = u64::from(policy.window_days) * 24;
    let began = held.started_at.hour();
    let spikes = spikes(&counts, began, held.hours.total, window, policy.network.spike);
    let raised = spikes.into_iter().filter_map(move |spike| {
        let of_hour = held.entries.values().filter_map(reached);
        let of_hour: Vec<_> = of_hour
            .filter(|(_, entry)| entry.is_quarantined() && entry.first_seen.hour() == spike.hour)
            .collect();
        let burst = burst(spike, &of_hour, policy.network.spike, names_at_most)?;
        Some((spike.hour, burst))
    });
    raised.collect::<Vec<_>>().into_iter()
}

/// A destination that a container reached by itself, and that pods showed which the API server knows.
fn reached(entry: &Entry) -> Option<(&Destination, &Entry)> {
    let Behaviour::Network(network) = &entry.behaviour else {
        return None;
    };
    let leads_out = match network.direction() {
        Direction::Connect | Direction::Send => true,
        Direction::Listen => false,
    };
    let is_plain = match network.destination() {
        Destination::Service(_) | Destination::Workload(_) | Destination::Name(_) | Destination::Prefix(_) => true,
        Destination::Group(_)
        | Destination::NameIn { .. }
        | Destination::Volume { .. }
        | Destination::Many(_)
        | Destination::Local => false,
    };
    // What returned is new to nobody.
    let is_new = !entry.unverified && !entry.is_bounded() && entry.rule() != Some(Rule::ReturnedBehaviour);
    (leads_out && is_plain && is_new && network.origin() != Origin::Exec).then_some((network.destination(), entry))
}

/// A burst of what was raised in an hour: what was learned in it is none. None where too little is left.
fn burst(spike: Spike, raised: &[(&Destination, &Entry)], policy: SpikePolicy, names_at_most: usize) -> Option<Entry> {
    let destinations: BTreeSet<_> = raised.iter().map(|(destination, _)| destination).collect();
    let count = u32::try_from(destinations.len()).unwrap_or(u32::MAX);
    if count < policy.minimum || f64::from(count) <= f64::from(policy.factor) * spike.mean.max(1.0) {
        return None;
    }
    let entries = || raised.iter().map(|(_, entry)| *entry);
    let first_seen: Timestamp = entries().map(|entry| entry.first_seen).min()?;
    let last_seen = entries().map(|entry| entry.last_seen).max()?;
    let mut shown_by = BTreeMap::new();
    for (pod, sighting) in entries().flat_map(|entry| &entry.shown_by) {
        shown_by.entry(pod.clone()).or_insert_with(|| sighting.clone());
    }
    let pods = u32::try_from(shown_by.len()).unwrap_or(u32::MAX);
    let provisional = entries().all(|entry| entry.provisional);
    Some(Entry {
        behaviour: Behaviour::Network(
            NetworkParts {
                origin: Origin::Entrypoint,
                executable: String::new(),
                direction: Direction::Connect,
                protocol: Protocol::Tcp,
                port: 0,
                destination: Destination::Many(Burst {
                    hour: spike.hour,
                    count,
                    usual_thousandths: thousandths(spike.mean),
                }),
            }
            .into(),
        ),
        attributes: Rare::default(),
        state: EntryState::Quarantined {
            rule: Rule::DestinationSpike,
        },
        lineage: Vec::new(),
        count: entries().fold(0, |sum: u64, entry| sum.saturating_add(entry.count)),
        first_seen,
        last_seen,
        days: Marks::NONE,
        pods: entries().map(|entry| entry.pods).max().unwrap_or(0).max(pods),
        shown_by: sample(&shown_by, names_at_most),
        unverified: false,
        snapshot: false,
        provisional,
        lesson: Lesson::default(),
        strangeness: None,
        generalised: false,
    })
}

/// A mean in thousandths: what is usual is never beyond what one hour can hold.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn thousandths(mean: f64) -> u32 {
    (mean * 1_000.0).clamp(0.0, f64::from(u32::MAX)) as u32
}
