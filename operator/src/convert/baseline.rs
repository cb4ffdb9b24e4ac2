//! Baselines. Both directions are total: whatever an object holds can be read, and what makes no sense in it is taken
//! as the nearest that does.

use std::collections::BTreeMap;

use anchorwatch_convert::{
    attributes_from_crd, attributes_to_crd, behaviour_from_crd, behaviour_to_crd, feed_from_crd, feed_to_crd,
    strangeness_from_crd, strangeness_to_crd, to_i32, to_i64, unsigned,
};
use anchorwatch_core::{
    baseline::{
        Baseline, ContainerBaseline, Dormant, Entry, EntryState, FeedBaseline, HourSet, Hours, LeftOut, Lesson, Lost,
        Marks, Maturity, Past, Sighting, implied_lineage,
    },
    behaviour::Feed,
    id::{BatchId, BehaviourId, ContainerName, PodUid},
    rules,
    seen::Seen,
    time::{Day, Hour},
};
use anchorwatch_crds::v1alpha1::{
    self as crd, BaselineLoss, BehaviorBaselineStatus, DormantBehavior, HourMarks, MergedBatch, PodSighting,
};

use super::{
    digest::{digest_from_crd, digest_to_crd},
    time::{from_time, to_time},
};

/// From what an object holds.
pub fn baseline_from_crd(status: BehaviorBaselineStatus) -> Baseline {
    let containers = status.containers.into_iter().map(|container| {
        let feeds = container.feeds.into_iter().map(feed_baseline_from_crd);
        let name = ContainerName::new(container.name);
        let held = ContainerBaseline {
            started: container.started.as_ref().map(from_time),
            feeds: feeds.collect(),
        };
        (name, held)
    });
    let merged = status.merged_batches.into_iter().map(|batch| BatchId {
        node: batch.node.into(),
        epoch: batch.epoch,
        seq: unsigned(batch.seq),
    });
    Baseline {
        containers: containers.collect(),
        merged: merged.collect(),
        overflowed: unsigned(status.overflowed),
    }
}

/// To what an object holds: all but its conditions and its pods' labels.
pub fn baseline_to_crd(baseline: &Baseline) -> BehaviorBaselineStatus {
    let containers = baseline
        .containers
        .iter()
        .map(|(name, container)| crd::ContainerBaseline {
            name: name.to_string(),
            started: container.started.map(to_time),
            feeds: container
                .feeds
                .iter()
                .map(|(feed, held)| feed_baseline_to_crd(*feed, held))
                .collect(),
        });
    let merged = baseline.merged.iter().map(|batch| MergedBatch {
        node: batch.node.to_string(),
        epoch: batch.epoch.clone(),
        seq: to_i64(batch.seq),
    });
    BehaviorBaselineStatus {
        state: maturity_to_crd(baseline.maturity()),
        learned: to_i32(baseline.learned()),
        expected_new_per_week: None,
        accepted: to_i32(baseline.accepted()),
        quarantined: to_i32(baseline.quarantined()),
        dormant: to_i32(baseline.dormant()),
        hours_observed: to_i64(baseline.hours_observed()),
        containers: containers.collect(),
        overflowed: to_i64(baseline.overflowed),
        pod_labels: BTreeMap::new(),
        merged_batches: merged.collect(),
        conditions: Vec::new(),
    }
}

fn feed_baseline_from_crd(held: crd::FeedBaseline) -> (Feed, FeedBaseline) {
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
        ..FeedBaseline::new(from_time(&held.started_at))
    };
    for loss in held.losses {
        let count: u64 = unsigned(loss.count);
        let lost: &mut Lost = baseline.losses.entry(loss.reason).or_default();
        lost.count = lost.count.saturating_add(count);
        lost.last = lost.last.max(loss.last.as_ref().map(from_time));
    }
    for entry in held.entries.into_iter().filter_map(entry_from_crd) {
        baseline.insert(entry);
    }
    baseline.dormant = held.dormant.into_iter().filter_map(dormant_from_crd).collect();
    (feed_from_crd(held.feed), baseline)
}

fn feed_baseline_to_crd(feed: Feed, held: &FeedBaseline) -> crd::FeedBaseline {
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
    }
}

fn hours_from_crd(marks: &HourMarks) -> HourSet {
    HourSet::from_hex(marks.last, &marks.bits)
}

fn hours_to_crd(hours: &HourSet) -> HourMarks {
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
fn entry_from_crd(entry: crd::BaselineEntry) -> Option<Entry> {
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
        attributes: attributes_from_crd(entry.attributes),
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
            past: entry.past.map_or(Past::Plain, |past| match past {
                crd::EntryPast::Denied => Past::Denied,
                crd::EntryPast::Absorbed => Past::Absorbed,
            }),
        },
        strangeness: entry.score.map(strangeness_from_crd),
        generalised: entry.generalised,
    })
}

fn entry_to_crd(id: String, entry: &Entry) -> crd::BaselineEntry {
    let (state, rule) = match entry.state {
        EntryState::Learned => (crd::EntryState::Learned, None),
        EntryState::Accepted { rule } => (crd::EntryState::Accepted, Some(rule)),
        EntryState::Quarantined { rule } => (crd::EntryState::Quarantined, Some(rule)),
    };
    let Lesson { node, past } = &entry.lesson;
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
        past: match past {
            Past::Plain => None,
            Past::Denied => Some(crd::EntryPast::Denied),
            Past::Absorbed => Some(crd::EntryPast::Absorbed),
        },
        score: entry.strangeness.as_ref().map(strangeness_to_crd),
        generalised: entry.generalised,
    }
}

pub(super) fn sighting_from_crd(sighting: PodSighting) -> (PodUid, Sighting) {
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
pub(super) fn sightings_to_crd(sightings: &BTreeMap<PodUid, Sighting>) -> Vec<PodSighting> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::{
        behaviour::{Attributes, Behaviour, Origin, ProcessBehaviour, ProcessParts, SourceLayer},
        rules::Rule,
        score::{Near, Strangeness},
        time::Timestamp,
    };
    use proptest::{collection::vec, prelude::*};

    fn sightings() -> impl Strategy<Value = BTreeMap<PodUid, Sighting>> {
        let digest = prop_oneof![
            Just(None),
            Just(Some("*".to_owned())),
            Just(Some(format!("sha256:{}", "0f".repeat(32)))),
        ];
        let hash = prop_oneof![Just(None), Just(Some("*".to_owned())), Just(Some("5d".to_owned()))];
        let sighting = ("[a-z]{1,4}", digest, hash, 0_i64..4_000_000_000).prop_map(|(pod, digest, hash, second)| {
            (
                PodUid::new(format!("uid-{pod}")),
                Sighting {
                    pod,
                    node: "node1".into(),
                    digest: digest_from_crd(digest),
                    template_hash: Seen::from_field(hash),
                    first_seen: Timestamp::from_secs(second),
                },
            )
        });
        vec(sighting, 0..4).prop_map(|sightings| sightings.into_iter().collect())
    }

    fn strangeness() -> Strangeness {
        Strangeness {
            novelty_thousandths: 7,
            together: 2,
            nearest: vec![Near {
                command: "ls <num:2>".into(),
                similarity_hundredths: 12,
            }],
            ..Strangeness::default()
        }
    }

    /// Entries as merging makes them: seen on a day at least, and last not before first.
    fn entry() -> impl Strategy<Value = Entry> {
        let origins = prop_oneof![
            Just(Origin::Entrypoint),
            Just(Origin::Probe),
            Just(Origin::Exec),
            Just(Origin::Unknown),
        ];
        let state = proptest::option::of(0..Rule::ALL.len());
        let behaviour = (origins, ".{0,12}", ".{0,12}", proptest::option::of(".{1,8}"));
        let times = (0_i64..4_000_000_000, 0_i64..4_000_000_000);
        let marks = (any::<i64>(), 1..=u64::MAX);
        (
            behaviour,
            state,
            times,
            marks,
            0..=i64::MAX as u64,
            sightings(),
            any::<(bool, bool, bool, bool, bool)>(),
        )
            .prop_map(
                |(
                    (origin, parent, executable, script),
                    rule,
                    (first, last),
                    (newest, bits),
                    count,
                    shown_by,
                    (unverified, snapshot, provisional, generalised, implied),
                )| {
                    let behaviour = Behaviour::Process(ProcessBehaviour::from(ProcessParts {
                        origin,
                        parent,
                        executable,
                        source: SourceLayer::UpperNew,
                        script: script.clone(),
                        applet: None,
                        stdin_socket: true,
                        ..ProcessParts::default()
                    }));
                    let lineage = if implied {
                        implied_lineage(&behaviour)
                    } else {
                        vec!["/bin/a".into(); rule.unwrap_or(0) % 3]
                    };
                    Entry {
                        behaviour,
                        attributes: Attributes {
                            bytes_sent: count,
                            addresses: [std::net::Ipv4Addr::new(192, 0, 2, 1).into()].into(),
                            ..Attributes::default()
                        },
                        state: match (rule.map(|index| Rule::ALL[index]), snapshot) {
                            (None, _) => EntryState::Learned,
                            (Some(rule), true) => EntryState::Accepted { rule },
                            (Some(rule), false) => EntryState::Quarantined { rule },
                        },
                        lineage,
                        count,
                        first_seen: Timestamp::from_secs(first),
                        last_seen: Timestamp::from_secs(first.max(last)),
                        days: Marks { newest, bits },
                        pods: u32::try_from(shown_by.len()).unwrap(),
                        shown_by,
                        unverified,
                        snapshot,
                        provisional,
                        lesson: Lesson {
                            node: Seen::from_field(script.clone()),
                            past: Past::ALL[usize::from(unverified) + usize::from(snapshot)],
                        },
                        strangeness: snapshot.then(strangeness),
                        generalised,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn a_baseline_comes_back_from_its_object_as_it_went_in(
            entries in vec(entry(), 0..6),
            hours in (any::<u32>(), any::<i64>(), "[0-9a-f]{0,252}", "[0-9a-f]{0,252}"),
            dormant in vec((any::<[u8; 16]>(), any::<i64>(), any::<i64>(), any::<bool>()), 0..4),
            started in proptest::option::of(0_i64..4_000_000_000),
            merged in vec(("[a-z]{1,3}", "[0-9a-f]{4}", 1_u64..1_000), 0..4),
        ) {
            let mut feed = FeedBaseline::new(Timestamp::from_secs(1_000));
            feed.maturity = Maturity::Enforcing;
            feed.hours = Hours { total: hours.0.into(), recent: HourSet::from_hex(hours.1, &hours.2) };
            feed.lossy = HourSet::from_hex(hours.1, &hours.3);
            feed.dormant = dormant
                .into_iter()
                .map(|(id, first, last, once)| {
                    let dormant = Dormant { first: Hour(first), last_day: Day(last), once };
                    (BehaviourId::from_bytes(id), dormant)
                })
                .collect();
            feed.apart = Some(16);
            feed.left_out = Some(LeftOut {
                count: 9,
                first_seen: Timestamp::from_secs(1_100),
                last_seen: Timestamp::from_secs(1_200),
                shown_by: BTreeMap::new(),
            });
            let lost = |count, last| Lost { count, last };
            feed.losses = [
                ("quota".to_owned(), lost(7, Some(Timestamp::from_secs(1_500)))),
                ("unknown".to_owned(), lost(1, None)),
            ]
            .into();
            for entry in entries {
                feed.insert(entry);
            }
            let container = ContainerBaseline {
                started: started.map(Timestamp::from_secs),
                feeds: [(Feed::Process, feed)].into(),
            };
            let merged = merged.into_iter().map(|(node, epoch, seq)| BatchId { node: node.into(), epoch, seq });
            let baseline = Baseline {
                containers: [(ContainerName::new("app"), container)].into(),
                merged: merged.collect(),
                overflowed: 3,
            };
            prop_assert_eq!(baseline_from_crd(baseline_to_crd(&baseline)), baseline);
        }
    }

    /// A status whose only feed has these entries, and what else is said of it.
    fn of_entries(entries: &serde_json::Value, feed: &serde_json::Value) -> Baseline {
        let mut object = serde_json::json!({
            "feed": "process", "state": "Enforcing", "startedAt": "2026-01-01T00:00:00Z", "entries": entries,
        });
        for (field, value) in feed.as_object().into_iter().flatten() {
            object[field] = value.clone();
        }
        let status = serde_json::json!({"containers": [{"name": "app", "feeds": [object]}]});
        baseline_from_crd(serde_json::from_value(status).unwrap())
    }

    fn entry_of(executable: &str) -> serde_json::Value {
        serde_json::json!({
            "id": "", "process": {"origin": "entrypoint", "executable": executable, "source": "image"},
            "state": "Learned", "count": 1, "pods": 1, "lastDay": 20_454, "days": 1,
            "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T00:00:00Z",
        })
    }

    #[test]
    fn what_a_newer_version_wrote_loses_none_of_the_rest() {
        let with = |field: &str, value: serde_json::Value| {
            let mut entry = entry_of("/usr/bin/new");
            entry[field] = value;
            entry
        };
        let newer = serde_json::json!([
            entry_of("/usr/bin/date"),
            with("state", "Imagined".into()),
            with(
                "process",
                serde_json::json!({"origin": "dream", "executable": "/x", "source": "image"})
            ),
            with("firstSeen", "at noon".into()),
            with("aFieldOfTomorrow", 1.into()),
            "no entry at all",
        ]);
        let held = of_entries(
            &newer,
            &serde_json::json!({"state": "Omniscient", "dormant": [{"id": 4}, {"id": "x"}]}),
        );
        let known: Vec<&str> = held
            .entries()
            .map(|(_, _, entry)| entry.behaviour.executable())
            .collect();
        assert_eq!(known.len(), 2, "{known:?}");
        assert!(known.contains(&"/usr/bin/date") && known.contains(&"/usr/bin/new"));
        // A state that nobody knows here neither learns nor wakes anybody.
        assert_eq!(held.maturity(), Maturity::Provisional);
        assert_eq!(held.dormant(), 0);
        let unknown_feed = serde_json::json!({"containers": [{"name": "app", "feeds": [
            {"feed": "telepathy", "state": "Enforcing", "startedAt": "2026-01-01T00:00:00Z", "entries": []},
            {"feed": "process", "state": "Enforcing", "startedAt": "2026-01-01T00:00:00Z", "entries": newer},
        ]}]});
        assert_eq!(
            baseline_from_crd(serde_json::from_value(unknown_feed).unwrap()).learned(),
            2
        );
    }

    #[test]
    fn hours_and_days_written_by_hand_that_make_no_sense_lose_nothing_that_was_learned() {
        let mut unseen = entry_of("/usr/bin/date");
        unseen["days"] = 0.into();
        unseen["lastDay"] = (-7).into();
        let nonsense = serde_json::json!({
            "hoursObserved": -1, "observed": {"last": i64::MAX, "bits": "not a number"}, "lossy": {"bits": "fff"},
        });
        let held = of_entries(&serde_json::json!([unseen]), &nonsense);
        let (_, _, feed) = held.feeds().next().unwrap();
        assert_eq!((feed.hours, feed.maturity), (Hours::NONE, Maturity::Enforcing));
        // What was seen on no day was seen on the day that it was seen last: it is not forgotten at once.
        let (_, _, entry) = held.entries().next().unwrap();
        assert_eq!(
            entry.days,
            Marks {
                newest: 20_454,
                bits: 1
            }
        );
    }

    #[test]
    fn what_makes_no_sense_in_an_object_is_taken_as_the_nearest_that_does() {
        let status: BehaviorBaselineStatus = serde_json::from_value(serde_json::json!({
            "containers": [{"name": "app", "feeds": [{
                "feed": "process", "state": "Enforcing", "startedAt": "2026-01-01T00:00:00Z", "hoursObserved": -4,
                "entries": [{
                    "id": "not an id", "process": {"origin": "entrypoint", "executable": "", "source": "image"},
                    "state": "Quarantined", "rule": "made-up", "count": -1, "pods": -1, "lastDay": 0, "days": -1,
                    "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2025-01-01T00:00:00Z",
                }],
            }]}],
        }))
        .unwrap();
        let baseline = baseline_from_crd(status);
        let (_, id, entry) = baseline.entries().next().unwrap();
        assert_eq!(id, entry.behaviour.id());
        assert_eq!(
            (entry.count, entry.pods, entry.rule()),
            (0, 0, Some(Rule::ProcessOutsideBaseline))
        );
        assert_eq!(baseline.hours_observed(), 0);
    }
}
