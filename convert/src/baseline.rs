//! Baselines. Both directions are total: whatever an object holds can be read, and what makes no sense in it is taken
//! as the nearest that does.

mod candidate;
mod revisions;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, btree_map};

use anchorwatch_core::{
    baseline::{
        Baseline, CommandSample, ContainerBaseline, Dormant, Entry, EntryState, FeedBaseline, HourSet, Hours, LeftOut,
        Lesson, Lost, Marks, Maturity, Past, Phase, Sighting, Window, implied_lineage,
    },
    behaviour::Feed,
    id::{BatchId, BehaviourId, ContainerName, PodUid},
    rules,
    seen::Seen,
    time::{Day, Hour},
};
use anchorwatch_crds::v1alpha1::{
    self as crd, BaselineLoss, BehaviorBaselineStatus, DormantBehavior, HourMarks, InheritedFrom, LearningWindow,
    MergedBatch, PodSighting, SampledCommands,
};

use self::candidate::{candidate_from_crd, candidate_to_crd};
use crate::{
    behaviour::{
        attributes_from_crd, attributes_to_crd, behaviour_from_crd, behaviour_to_crd, feed_from_crd, feed_to_crd,
        strangeness_from_crd, strangeness_to_crd,
    },
    digest::{digest_from_crd, digest_to_crd},
    number::{to_i32, to_i64, unsigned},
    time::{from_time, to_time},
};
use revisions::Revisions;

/// From what an object holds.
pub fn baseline_from_crd(status: BehaviorBaselineStatus) -> Baseline {
    let revisions = Revisions::of_object(&status.revisions);
    let mut containers: BTreeMap<ContainerName, ContainerBaseline> = BTreeMap::new();
    for container in status.containers {
        let held = containers.entry(ContainerName::new(container.name)).or_default();
        held.started = held.started.max(container.started.as_ref().map(from_time));
        for feed in container.feeds {
            let (feed, learned) = feed_baseline_from_crd(feed, &revisions);
            // Somebody wrote it twice: lists of an object have no keys.
            match held.feeds.entry(feed) {
                btree_map::Entry::Vacant(place) => {
                    place.insert(learned);
                }
                btree_map::Entry::Occupied(mut held) => held.get_mut().take_in(learned),
            }
        }
    }
    let merged = status.merged_batches.into_iter().map(|batch| BatchId {
        node: batch.node.into(),
        epoch: batch.epoch,
        seq: unsigned(batch.seq),
    });
    let inherited = status.inherited.into_iter();
    let inherited = inherited.map(|from| (from.workload, from_time(&from.at)));
    Baseline {
        containers,
        merged: merged.collect(),
        overflowed: unsigned(status.overflowed),
        revisions: revisions.watched,
        inherited: inherited.collect(),
        window: status.window.map(|window| Window {
            days: unsigned(window.days),
            shorter_since: window.shorter_since.as_ref().map(from_time),
        }),
    }
}

/// To what an object holds: all but its conditions and what is noted of its pods and its workload's object.
pub fn baseline_to_crd(baseline: &Baseline) -> BehaviorBaselineStatus {
    let revisions = Revisions::of_baseline(&baseline.revisions);
    let containers = baseline
        .containers
        .iter()
        .map(|(name, container)| crd::ContainerBaseline {
            name: name.to_string(),
            started: container.started.map(to_time),
            feeds: container
                .feeds
                .iter()
                .map(|(feed, held)| feed_baseline_to_crd(*feed, held, &revisions))
                .collect(),
        });
    let merged = baseline.merged.iter().map(|batch| MergedBatch {
        node: batch.node.to_string(),
        epoch: batch.epoch.clone(),
        seq: to_i64(batch.seq),
    });
    let inherited = baseline.inherited.iter().map(|(workload, at)| InheritedFrom {
        workload: workload.clone(),
        at: to_time(*at),
    });
    BehaviorBaselineStatus {
        state: maturity_to_crd(baseline.maturity()),
        learned: to_i32(baseline.learned()),
        expected_new_per_week: None,
        accepted: to_i32(baseline.accepted()),
        quarantined: to_i32(baseline.quarantined()),
        dormant: to_i32(baseline.dormant()),
        candidates: to_i32(baseline.candidates()),
        hours_observed: to_i64(baseline.hours_observed()),
        containers: containers.collect(),
        overflowed: to_i64(baseline.overflowed),
        revisions: revisions.to_object(),
        inherited: inherited.collect(),
        window: baseline.window.map(|window| LearningWindow {
            days: window.days.into(),
            shorter_since: window.shorter_since.map(to_time),
        }),
        pod_labels: BTreeMap::new(),
        api_version: String::new(),
        gone_since: None,
        merged_batches: merged.collect(),
        conditions: Vec::new(),
    }
}

fn feed_baseline_from_crd(held: crd::FeedBaseline, revisions: &Revisions) -> (Feed, FeedBaseline) {
    let mut baseline = FeedBaseline {
        maturity: maturity_from_crd(held.state),
        hours: Hours {
            total: unsigned(held.hours_observed),
            recent: hours_from_crd(&held.observed),
        },
        lossy: hours_from_crd(&held.lossy),
        overflowed: unsigned(held.overflowed),
        left_out: held.left_out.map(|left_out| LeftOut {
            count: unsigned(left_out.count),
            first_seen: from_time(&left_out.first_seen),
            last_seen: from_time(&left_out.last_seen),
            shown_by: left_out.shown_by.into_iter().map(sighting_from_crd).collect(),
        }),
        apart: held.apart.map(unsigned),
        sampled: held.sampled_commands.map_or(CommandSample::NONE, |sampled| {
            CommandSample::from_hex(unsigned(sampled.bound), &sampled.lines)
        }),
        ..FeedBaseline::new(from_time(&held.started_at))
    };
    for loss in held.losses {
        let count: u64 = unsigned(loss.count);
        let lost: &mut Lost = baseline.losses.entry(loss.reason).or_default();
        lost.count = lost.count.saturating_add(count);
        lost.last = lost.last.max(loss.last.as_ref().map(from_time));
    }
    for entry in held
        .entries
        .into_iter()
        .filter_map(|entry| entry_from_crd(entry, revisions))
    {
        baseline.insert(entry);
    }
    baseline.dormant = held.dormant.into_iter().filter_map(dormant_from_crd).collect();
    for candidate in held.candidates {
        let Ok(program) = candidate.program.parse() else {
            continue;
        };
        let (line, candidate) = candidate_from_crd(candidate);
        baseline.candidates.entry(program).or_default().insert(line, candidate);
    }
    (feed_from_crd(held.feed), baseline)
}

fn feed_baseline_to_crd(feed: Feed, held: &FeedBaseline, revisions: &Revisions) -> crd::FeedBaseline {
    let losses = held.losses.iter().map(|(reason, lost)| BaselineLoss {
        reason: reason.clone(),
        count: to_i64(lost.count),
        last: lost.last.map(to_time),
    });
    let entries = held.entries.iter().map(|(id, entry)| {
        entry_to_crd(
            if entry.is_quarantined() {
                id.to_string()
            } else {
                String::new()
            },
            entry,
            revisions,
        )
    });
    crd::FeedBaseline {
        feed: feed_to_crd(feed),
        state: maturity_to_crd(held.maturity),
        started_at: to_time(held.started_at),
        hours_observed: to_i64(held.hours.total),
        observed: hours_to_crd(&held.hours.recent),
        lossy: hours_to_crd(&held.lossy),
        // What follows from the rest and the policy is said where the policy is known.
        expected_new_per_week: None,
        at_most_new_per_week: None,
        commands: None,
        losses: losses.collect(),
        overflowed: to_i64(held.overflowed),
        left_out: held.left_out.as_ref().map(|left_out| crd::LeftOut {
            count: to_i64(left_out.count),
            first_seen: to_time(left_out.first_seen),
            last_seen: to_time(left_out.last_seen),
            shown_by: sightings_to_crd(&left_out.shown_by),
        }),
        apart: held.apart.map(Into::into),
        entries: entries.collect(),
        dormant: held.dormant.iter().map(dormant_to_crd).collect(),
        candidates: held.candidates().map(candidate_to_crd).collect(),
        sampled_commands: (!held.sampled.is_empty()).then(|| SampledCommands {
            bound: held.sampled.bound().into(),
            lines: held.sampled.to_hex(),
        }),
    }
}

pub(crate) fn hours_from_crd(marks: &HourMarks) -> HourSet {
    HourSet::from_hex(marks.last, &marks.bits)
}

pub(crate) fn hours_to_crd(hours: &HourSet) -> HourMarks {
    HourMarks {
        last: hours.newest().unwrap_or_default().0,
        bits: hours.to_hex(),
    }
}

/// None where its identity is none.
fn dormant_from_crd(dormant: DormantBehavior) -> Option<(BehaviourId, Dormant)> {
    let DormantBehavior {
        id,
        first_hour,
        last_day,
        once,
    } = dormant;
    let dormant = Dormant {
        first: Hour(first_hour),
        last_day: Day(last_day),
        once,
    };
    Some((id.parse().ok()?, dormant))
}

fn dormant_to_crd((id, dormant): (&BehaviourId, &Dormant)) -> DormantBehavior {
    let Dormant { first, last_day, once } = *dormant;
    DormantBehavior {
        id: id.to_string(),
        first_hour: first.0,
        last_day: last_day.0,
        once,
    }
}

/// None where it is of a feed that this version does not know.
fn entry_from_crd(entry: crd::BaselineEntry, revisions: &Revisions) -> Option<Entry> {
    let behaviour = behaviour_from_crd(entry.behavior)?;
    // A rule of a newer version, or of nobody: what was raised stays raised, and what was accepted was nothing graver.
    let rule = entry.rule.and_then(|id| id.parse().ok());
    let rule = rule.unwrap_or_else(|| rules::of_novelty(&behaviour));
    let state = match entry.state {
        crd::EntryState::Learned => EntryState::Learned,
        crd::EntryState::Accepted => EntryState::Accepted { rule },
        crd::EntryState::Quarantined => EntryState::Quarantined { rule },
    };
    let (first_seen, last_seen) = (from_time(&entry.first_seen), from_time(&entry.last_seen));
    let mut days = Marks {
        newest: entry.last_day,
        bits: entry.days.cast_unsigned(),
    };
    if days.bits == 0 {
        // Seen on no day: it would be forgotten at once.
        days.mark(last_seen.day().0);
    }
    Some(Entry {
        lineage: entry.lineage.unwrap_or_else(|| implied_lineage(&behaviour)),
        behaviour,
        attributes: attributes_from_crd(entry.attributes).into(),
        state,
        count: unsigned(entry.count),
        first_seen,
        last_seen: last_seen.max(first_seen),
        days,
        pods: unsigned(entry.pods),
        shown_by: entry.shown_by.into_iter().map(sighting_from_crd).collect(),
        unverified: entry.unverified,
        snapshot: entry.snapshot,
        provisional: entry.provisional,
        lesson: Lesson {
            node: Seen::from_field(entry.node),
            phase: match (entry.startup, entry.snapshot || entry.unverified) {
                (true, _) => Phase::Startup,
                (false, true) => Phase::Unknown,
                (false, false) => Phase::Steady,
            },
            past: entry.past.map_or(Past::Plain, |past| match past {
                crd::EntryPast::Denied => Past::Denied,
                crd::EntryPast::Absorbed => Past::Absorbed,
                crd::EntryPast::Bounded => Past::Bounded,
                crd::EntryPast::Inherited => Past::Inherited,
            }),
            revisions: revisions.of_bits(entry.revisions),
        },
        strangeness: entry.score.map(strangeness_from_crd).map(Box::new),
        generalised: entry.generalised,
    })
}

fn entry_to_crd(id: String, entry: &Entry, revisions: &Revisions) -> crd::BaselineEntry {
    let (state, rule) = match entry.state {
        EntryState::Learned => (crd::EntryState::Learned, None),
        EntryState::Accepted { rule } => (crd::EntryState::Accepted, Some(rule)),
        EntryState::Quarantined { rule } => (crd::EntryState::Quarantined, Some(rule)),
    };
    let Lesson {
        node,
        phase,
        past,
        revisions: shown_by,
    } = &entry.lesson;
    crd::BaselineEntry {
        id,
        behavior: behaviour_to_crd(&entry.behaviour),
        attributes: attributes_to_crd(&entry.attributes),
        state,
        rule: rule.map(|rule| rule.id().to_owned()),
        lineage: (entry.lineage != implied_lineage(&entry.behaviour)).then(|| entry.lineage.clone()),
        count: to_i64(entry.count),
        first_seen: to_time(entry.first_seen),
        last_seen: to_time(entry.last_seen),
        last_day: entry.days.newest,
        days: entry.days.bits.cast_signed(),
        pods: to_i32(entry.pods),
        shown_by: sightings_to_crd(&entry.shown_by),
        unverified: entry.unverified,
        snapshot: entry.snapshot,
        provisional: entry.provisional,
        node: node.to_field(),
        revisions: revisions.to_bits(shown_by),
        startup: *phase == Phase::Startup,
        past: match past {
            Past::Plain => None,
            Past::Denied => Some(crd::EntryPast::Denied),
            Past::Absorbed => Some(crd::EntryPast::Absorbed),
            Past::Bounded => Some(crd::EntryPast::Bounded),
            Past::Inherited => Some(crd::EntryPast::Inherited),
        },
        score: entry.strangeness.as_deref().map(strangeness_to_crd),
        generalised: entry.generalised,
    }
}

/// From a pod in an object's list.
pub fn sighting_from_crd(sighting: PodSighting) -> (PodUid, Sighting) {
    let PodSighting {
        pod,
        uid,
        node,
        digest,
        template_hash,
        first_seen,
    } = sighting;
    let sighting = Sighting {
        pod,
        node: node.into(),
        digest: digest_from_crd(digest),
        template_hash: Seen::from_field(template_hash),
        first_seen: from_time(&first_seen),
    };
    (uid.into(), sighting)
}

/// To an object's list of pods.
pub fn sightings_to_crd(sightings: &BTreeMap<PodUid, Sighting>) -> Vec<PodSighting> {
    let sightings = sightings.iter().map(|(uid, sighting)| PodSighting {
        pod: sighting.pod.clone(),
        uid: uid.to_string(),
        node: sighting.node.to_string(),
        digest: digest_to_crd(&sighting.digest),
        template_hash: sighting.template_hash.to_field(),
        first_seen: to_time(sighting.first_seen),
    });
    sightings.collect()
}

fn maturity_from_crd(state: crd::BaselineState) -> Maturity {
    match state {
        crd::BaselineState::Learning => Maturity::Learning,
        crd::BaselineState::Provisional => Maturity::Provisional,
        crd::BaselineState::Enforcing => Maturity::Enforcing,
    }
}

fn maturity_to_crd(maturity: Maturity) -> crd::BaselineState {
    match maturity {
        Maturity::Learning => crd::BaselineState::Learning,
        Maturity::Provisional => crd::BaselineState::Provisional,
        Maturity::Enforcing => crd::BaselineState::Enforcing,
    }
}
