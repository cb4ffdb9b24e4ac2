//! What found no room among what is raised, as findings of their own: a function of what the baseline holds, as every
//! finding is.

use super::burst::Bursts;
use crate::{
    baseline::{Baseline, Entry, EntryState, LeftOut, Lesson, Marks},
    behaviour::{Behaviour, Destination, Direction, Feed, ModuleParts, NetworkParts, Origin, ProcessParts, Protocol},
    rare::Rare,
    rules::Rule,
};

/// Entries that stand for what was left out.
pub(super) fn overflows(baseline: &Baseline) -> Bursts {
    let feeds = baseline.feeds();
    let found = feeds.filter_map(|(container, feed, held)| {
        let entry = stand_for(feed, held.left_out.as_ref()?);
        Some(((container.clone(), entry.behaviour.id()), entry))
    });
    found.collect()
}

fn stand_for(feed: Feed, left_out: &LeftOut) -> Entry {
    Entry {
        behaviour: of_day(feed, left_out),
        attributes: Rare::default(),
        state: EntryState::Quarantined {
            rule: Rule::NoveltyOverflow,
        },
        lineage: Vec::new(),
        count: left_out.count,
        first_seen: left_out.first_seen,
        last_seen: left_out.last_seen,
        days: Marks::NONE,
        pods: u32::try_from(left_out.shown_by.len()).unwrap_or(u32::MAX),
        shown_by: left_out.shown_by.clone(),
        unverified: false,
        snapshot: false,
        provisional: false,
        lesson: Lesson::default(),
        strangeness: None,
        generalised: false,
    }
}

/// A behaviour that nothing shows: it is known by its feed and day.
fn of_day(feed: Feed, left_out: &LeftOut) -> Behaviour {
    let instant = left_out.first_seen.to_string();
    let day = format!("on {}", instant.split('T').next().unwrap_or_default());
    let origin = Origin::Entrypoint;
    match feed {
        Feed::Process => Behaviour::Process(
            ProcessParts {
                origin,
                executable: day,
                ..ProcessParts::default()
            }
            .into(),
        ),
        Feed::Network => Behaviour::Network(
            NetworkParts {
                origin,
                executable: day,
                direction: Direction::Connect,
                protocol: Protocol::Tcp,
                port: 0,
                destination: Destination::Local,
            }
            .into(),
        ),
        Feed::Module => Behaviour::Module(
            ModuleParts {
                origin,
                executable: day,
                ..ModuleParts::default()
            }
            .into(),
        ),
    }
}
