use super::*;
use crate::attribute::Attributor;
use crate::attribute::command::Arguments;
use crate::attribute::network::Destinations;
use crate::attribute::pod::PodChange;
use crate::attribute::scope::Scope;
use crate::attribute::testkit::{container, exec, facts, flow, library};
use crate::decode::RawEvent;
use crate::names::resolvers::Resolvers;
use crate::pipeline::testkit::{Scripted, attributor, batch, cgroup, sources};
use crate::record::{Limits, line};
use crate::ring::Batch;
use anchorwatch_core::id::WorkloadKey;
use anchorwatch_core::time::Timestamp;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    files: 3,
};

/// What attributes units, and pods where there are some.
fn recording(scope: Scope, arguments: Arguments) -> Attributor {
    attributor()
        .with_scope(scope)
        .with_observations()
        .with_arguments(arguments)
        .with_destinations(Destinations::on_host(Resolvers::default(), Instant::now()))
}

fn unit() -> RawEvent {
    cgroup(1, "/system.slice/demo.service")
}

/// A program that connects and maps a library.
fn busy(cgroup: u64) -> Vec<RawEvent> {
    let program = exec("/usr/bin/demo").ids(10, &[]).cgroup(cgroup);
    let program = program.argv(&["demo", "--token=hunter2"]).build();
    vec![
        RawEvent::Exec(program),
        RawEvent::Flow(flow("203.0.113.9:443", 10).cgroup(cgroup).build()),
        RawEvent::Mapping(Box::new(library("/usr/lib/libx.so", 10).cgroup(cgroup).build())),
    ]
}

async fn recorded(folder: &Path, feeds: &[Feed], batches: Vec<Batch>, attributor: Attributor) -> (Summary, String) {
    let recorder = Recorder::open(Some(folder), LIMITS).unwrap();
    let (kernel, end) = Scripted::new(batches);
    let end = async { end.await.expect("all was taken") };
    let feeds = feeds.iter().copied().collect();
    let summary = record(sources(kernel, attributor), &feeds, recorder, end)
        .await
        .unwrap();
    let written = std::fs::read_to_string(folder.join("observations-000001.jsonl")).unwrap();
    (summary, written)
}

fn read(written: &str) -> Vec<Observation> {
    let lines = written.lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn what_is_seen_of_each_feed_is_written_and_what_is_missing_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut events = vec![unit()];
    events.extend(busy(1));
    events.push(RawEvent::Exec(exec("/bin/sh").cgroup(9).build()));
    let batches = vec![Batch { events, malformed: 2 }];
    let attributor = recording(Scope::Host, Arguments::Redacted);
    let (summary, written) = recorded(folder.path(), &Feed::ALL, batches, attributor).await;
    assert_eq!(
        summary.to_string(),
        "3 observations recorded, 2 not recorded: module/malformed_record, 2 not recorded: network/malformed_record, \
         1 not recorded: process/cgroup_unknown, 2 not recorded: process/malformed_record"
    );
    assert!(!written.contains("hunter2"), "{written}");
    let observations = read(&written);
    let who: Vec<String> = observations.iter().map(|seen| seen.workload.to_string()).collect();
    assert_eq!(who, ["host/Unit/demo.service"; 3]);
    let feeds: Vec<Feed> = observations.iter().map(Observation::feed).collect();
    assert_eq!(feeds, Feed::ALL);
}

/// As `kubectl drift backtest` is tested with it.
const WRITTEN: &str = include_str!("recorded.jsonl");

#[tokio::test]
async fn a_recording_is_as_back_tests_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut events = vec![unit()];
    events.extend(busy(1));
    let attributor = recording(Scope::Host, Arguments::Redacted);
    let (_, written) = recorded(folder.path(), &Feed::ALL, vec![batch(events)], attributor).await;
    // Everything happened when the machine was started, whenever that was.
    let at_a_fixed_time = read(&written).into_iter().map(|seen| Observation {
        time: Timestamp::from_secs(1_767_225_600),
        ..seen
    });
    let lines: String = at_a_fixed_time.map(|seen| line(&seen).unwrap()).collect();
    assert_eq!(lines, WRITTEN);
}

#[tokio::test]
async fn feeds_that_nobody_asks_for_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut events = vec![unit()];
    events.extend(busy(1));
    let attributor = recording(Scope::Host, Arguments::Redacted);
    let (_, written) = recorded(folder.path(), &[Feed::Network], vec![batch(events)], attributor).await;
    let feeds: Vec<Feed> = read(&written).iter().map(Observation::feed).collect();
    assert_eq!(feeds, [Feed::Network]);
}

#[tokio::test]
async fn no_arguments_are_written_where_none_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let mut events = vec![unit()];
    events.extend(busy(1));
    let attributor = recording(Scope::Host, Arguments::None);
    let (_, written) = recorded(folder.path(), &[Feed::Process], vec![batch(events)], attributor).await;
    assert!(written.contains(r#""argv":[]"#), "{written}");
}

#[tokio::test]
async fn a_pod_is_recorded_as_its_workloads() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::open(Some(folder.path()), LIMITS).unwrap();
    let path = format!("/kubepods/pod1/{}", "a".repeat(64));
    let mut events = vec![cgroup(1, &path), unit_beside()];
    events.extend(busy(1));
    events.extend(busy(2));
    let (kernel, end) = Scripted::new(vec![batch(events)]);
    let (changes, pods) = mpsc::channel(1);
    let workload = Arc::new(WorkloadKey::new("shop", "Deployment", "agent"));
    let known = PodChange::Applied(facts(container("1").of(workload)));
    changes.send(known).await.unwrap();
    let sources = Sources {
        pods,
        ..sources(kernel, recording(Scope::PodsAndHost, Arguments::Redacted))
    };
    let end = async { end.await.expect("all was taken") };
    let feeds = Feed::ALL.into();
    // The pod may be told of before its events or behind them.
    let summary = record(sources, &feeds, recorder, async {
        end.await;
        drop(changes.reserve().await.expect("the pod is taken"));
    });
    assert_eq!(summary.await.unwrap().written, 6);
    let written = std::fs::read_to_string(folder.path().join("observations-000001.jsonl")).unwrap();
    let mut who: Vec<_> = read(&written)
        .iter()
        .map(|seen| (seen.workload.to_string(), seen.pod.clone(), seen.feed()))
        .collect();
    who.sort_by_key(|(workload, _, feed)| (workload.clone(), *feed));
    let of =
        |workload: &str, pod: Option<&str>| Feed::ALL.map(|feed| (workload.to_owned(), pod.map(str::to_owned), feed));
    let expected = [
        of("host/Unit/demo.service", None),
        of("shop/Deployment/agent", Some("agent-1")),
    ];
    assert_eq!(who, expected.concat());
}

fn unit_beside() -> RawEvent {
    cgroup(2, "/system.slice/demo.service")
}
