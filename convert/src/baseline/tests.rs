use super::*;
use anchorwatch_core::{
    baseline::Candidate,
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

fn state(raised_by: Option<Rule>, accepted: bool) -> EntryState {
    match (raised_by, accepted) {
        (None, _) => EntryState::Learned,
        (Some(rule), true) => EntryState::Accepted { rule },
        (Some(rule), false) => EntryState::Quarantined { rule },
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
    let rule = proptest::option::of(0..Rule::ALL.len());
    let behaviour = (origins, ".{0,12}", ".{0,12}", proptest::option::of(".{1,8}"));
    let times = (0_i64..4_000_000_000, 0_i64..4_000_000_000);
    let marks = (any::<i64>(), 1..=u64::MAX);
    (
        behaviour,
        rule,
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
                    }
                    .into(),
                    state: state(rule.map(|index| Rule::ALL[index]), snapshot),
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
                        revisions: [["5d", "7c"][usize::from(generalised)].into()].into(),
                        phase: match (provisional, snapshot || unverified) {
                            (true, _) => Phase::Startup,
                            (false, true) => Phase::Unknown,
                            (false, false) => Phase::Steady,
                        },
                        past: Past::ALL[usize::from(unverified) + 2 * usize::from(snapshot) + usize::from(provisional)],
                    },
                    strangeness: snapshot.then(|| Box::new(strangeness())),
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
        let ids: Vec<[u8; 16]> = dormant.iter().map(|(id, ..)| *id).collect();
        feed.dormant = dormant
            .into_iter()
            .map(|(id, first, last, once)| {
                let dormant = Dormant { first: Hour(first), last_day: Day(last), once };
                (BehaviourId::from_bytes(id), dormant)
            })
            .collect();
        for (number, id) in (0..).zip(ids) {
            let candidate = Candidate {
                first_seen: Timestamp::from_secs(number),
                last_seen: Timestamp::from_secs(2 * number),
                days: Marks { newest: number, bits: 5 },
                pods: [format!("p{number}").into()].into(),
            };
            let lines = feed.candidates.entry(BehaviourId::from_bytes(id)).or_default();
            lines.insert(format!("date +%{number}"), candidate);
        }
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
            revisions: [("5d", hours.2), ("7c", hours.3), ("9f", String::new())]
                .map(|(hash, bits)| (hash.into(), HourSet::from_hex(hours.1, &bits)))
                .into(),
            inherited: [("Deployment/blue".to_owned(), Timestamp::from_secs(1_700))].into(),
            window: started.map(|at| Window { days: 7, shorter_since: (at % 2 == 0).then_some(Timestamp::from_secs(at)) }),
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
    let with = |executable: &str, field: &str, value: serde_json::Value| {
        let mut entry = entry_of(executable);
        entry[field] = value;
        entry
    };
    let dream = serde_json::json!({"origin": "dream", "executable": "/dreamt", "source": "image"});
    let newer = serde_json::json!([
        entry_of("/usr/bin/date"),
        with("/imagined", "state", "Imagined".into()),
        with("/dreamt", "process", dream),
        with("/at-noon", "firstSeen", "at noon".into()),
        with("/of-tomorrow", "aFieldOfTomorrow", 1.into()),
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
    let known: std::collections::BTreeSet<&str> = known.into_iter().collect();
    assert_eq!(known, ["/of-tomorrow", "/usr/bin/date"].into());
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
fn a_feed_or_container_that_somebody_wrote_twice_loses_nothing_of_either() {
    let feed = |hours: i64, entries: &[&str], dormant: &str| {
        let entries: Vec<_> = entries.iter().map(|entry| entry_of(entry)).collect();
        serde_json::json!({
            "feed": "process", "state": if hours > 5 { "Learning" } else { "Enforcing" }, "hoursObserved": hours,
            "startedAt": "2026-01-01T00:00:00Z", "entries": entries,
            "dormant": [{"id": dormant, "firstHour": 1, "lastDay": 20_000, "once": true}],
            "losses": [{"reason": format!("of_{hours}"), "count": hours}],
        })
    };
    let container = |feeds: serde_json::Value| serde_json::json!({"name": "app", "feeds": feeds});
    let first = feed(3, &["/a", "/both"], &"01".repeat(16));
    let second = feed(9, &["/b", "/both"], &"02".repeat(16));
    let twice = serde_json::json!([first, second]);
    for containers in [
        serde_json::json!([container(twice)]),
        serde_json::json!([
            container(serde_json::json!([first])),
            container(serde_json::json!([second]))
        ]),
        serde_json::json!([
            container(serde_json::json!([second])),
            container(serde_json::json!([first]))
        ]),
    ] {
        let status = serde_json::json!({"containers": containers});
        let held = baseline_from_crd(serde_json::from_value(status).unwrap());
        let names: Vec<&str> = held
            .entries()
            .map(|(_, _, entry)| entry.behaviour.executable())
            .collect();
        let names: std::collections::BTreeSet<&str> = names.into_iter().collect();
        assert_eq!(names, ["/a", "/b", "/both"].into());
        let (_, _, feed) = held.feeds().next().unwrap();
        assert_eq!((held.dormant(), feed.losses.len()), (2, 2));
        assert_eq!((feed.hours.total, feed.maturity), (9, Maturity::Enforcing));
    }
}

#[test]
fn a_window_that_nobody_can_read_loses_nothing_else() {
    let status = |window: serde_json::Value| {
        let status = serde_json::json!({"learned": 1, "window": window, "containers": [{"name": "app", "feeds": [{
            "feed": "process", "state": "Enforcing", "startedAt": "2026-01-01T00:00:00Z",
            "entries": [entry_of("/usr/bin/date")],
        }]}]});
        baseline_from_crd(serde_json::from_value(status).unwrap())
    };
    for nonsense in [
        serde_json::json!("wide"),
        serde_json::json!({"days": "seven"}),
        serde_json::json!(null),
    ] {
        let held = status(nonsense);
        assert_eq!((held.learned(), held.window), (1, None));
    }
    let none = status(serde_json::json!({"days": -1}));
    assert_eq!(none.window_days(&anchorwatch_core::policy::Policy::default()), 7);
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
