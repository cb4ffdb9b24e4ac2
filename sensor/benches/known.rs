//! What an event costs in user space that the container has shown before: from the ring's bytes to the decision that there
//! is no news. Without the system call that reads the ring.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a bench that cannot set its scene up fails; its counts are small"
)]

use anchorwatch_core::id::WorkloadKey;
use anchorwatch_core::time::Timestamp;
use anchorwatch_figures::{Figure, Times};
use anchorwatch_sensor::attribute::cgroup::ContainerId;
use anchorwatch_sensor::attribute::pod::{Container, PodChange, PodFacts, PodIdentity, Setting, Specified};
use anchorwatch_sensor::attribute::process::ProcFolder;
use anchorwatch_sensor::attribute::{AttributionLimits, Attributor, Outcome};
use anchorwatch_sensor::decode::{RawEvent, decode};
use anchorwatch_sensor::seen::{Seen, SeenLimits, Sight, Sighting};
use anchorwatch_sensor_common::event::{ExecRecord, Header, KIND_EXEC, SOURCE_IMAGE};
use anchorwatch_sensor_common::lineage::ORIGIN_ENTRYPOINT;
use criterion::Criterion;
use std::mem::{offset_of, size_of};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

const CGROUP: u64 = 50;
/// After the container's first minute, in which events are told otherwise.
const STEADY_NS: u64 = 600_000_000_000;
const AT: Timestamp = Timestamp::from_secs(1_767_225_600);

/// Ordinary command lines of three to ten arguments.
fn corpus() -> Vec<Vec<&'static str>> {
    let lines = include_str!("../../core/corpus/execs.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(" ¦ ").collect()).collect()
}

/// A record as the kernel's program writes it.
fn record(exec_id: u64, argv: &[&str]) -> Vec<u8> {
    let name = argv[0].rsplit('/').next().unwrap_or_default();
    // From the leaf to the root.
    let path = format!("{name}\0bin\0usr\0");
    let filename = format!("/usr/bin/{name}");
    let arguments: String = argv.iter().flat_map(|argument| [argument, "\0"]).collect();
    let mut bytes = vec![0; size_of::<ExecRecord>()];
    let size = u32::try_from(bytes.len() + path.len() + filename.len() + arguments.len()).unwrap();
    let length = |text: &str| u32::try_from(text.len()).unwrap().to_ne_bytes();
    let mut put = |offset: usize, value: &[u8]| bytes[offset..offset + value.len()].copy_from_slice(value);
    put(offset_of!(Header, kind), &KIND_EXEC.to_ne_bytes());
    put(offset_of!(Header, size), &size.to_ne_bytes());
    put(offset_of!(Header, time_ns), &STEADY_NS.to_ne_bytes());
    put(offset_of!(ExecRecord, cgroup_id), &CGROUP.to_ne_bytes());
    put(offset_of!(ExecRecord, container), &CGROUP.to_ne_bytes());
    put(offset_of!(ExecRecord, key), &exec_id.to_ne_bytes());
    put(offset_of!(ExecRecord, exec_id), &exec_id.to_ne_bytes());
    put(offset_of!(ExecRecord, ancestors), &1_u64.to_ne_bytes());
    put(offset_of!(ExecRecord, origin), &ORIGIN_ENTRYPOINT.to_ne_bytes());
    put(offset_of!(ExecRecord, source), &SOURCE_IMAGE.to_ne_bytes());
    put(offset_of!(ExecRecord, path_len), &length(&path));
    put(offset_of!(ExecRecord, filename_len), &length(&filename));
    put(offset_of!(ExecRecord, argv_len), &length(&arguments));
    put(offset_of!(ExecRecord, argv_total), &length(&arguments));
    for text in [path, filename, arguments] {
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

/// The sensor's state on a node with one container.
struct Sensor {
    attributor: Attributor,
    seen: Seen,
    now: Instant,
}

impl Sensor {
    fn new() -> Self {
        let id = "a".repeat(64);
        let pod = Arc::new(PodIdentity {
            namespace: "shop".into(),
            name: "agent-1".into(),
            uid: "1".into(),
        });
        let container = Container::new(
            Arc::clone(&pod),
            "main".into(),
            format!("containerd://{id}"),
            Vec::new(),
        );
        let facts = PodFacts {
            pod,
            kubelet_name: "1".into(),
            workload: Arc::new(WorkloadKey::new("shop", "Deployment", "agent")),
            specified: vec![Specified {
                name: "main".into(),
                commands: Vec::new(),
                setting: Setting::Pod,
            }],
            dns: Arc::clone(&container.dns),
            labels: Arc::clone(&container.labels),
            containers: vec![(ContainerId::parse(&id).unwrap(), Arc::new(container))],
        };
        let mut attributor = Attributor::new(
            AttributionLimits::default(),
            ProcFolder::new(PathBuf::from("/nonexistent")),
        );
        let now = Instant::now();
        let path = format!("/kubepods/pod1/{id}").into_bytes();
        attributor.event(
            RawEvent::CgroupCreated {
                time_ns: 0,
                id: CGROUP,
                path,
            },
            now,
        );
        attributor.pod(PodChange::Applied(facts), now);
        Self {
            attributor,
            seen: Seen::new(SeenLimits::default()),
            now,
        }
    }

    /// As the pipeline takes an event.
    fn take(&mut self, bytes: &[u8]) -> Sight {
        let event = decode(bytes).unwrap();
        let Some(Outcome::Attributed(attributed)) = self.attributor.event(event, self.now) else {
            panic!("the container is known");
        };
        let sighting = Sighting {
            behaviour: &attributed.behaviour,
            attributes: &attributed.attributes,
            command: attributed.command.as_ref(),
            lineage: &attributed.lineage,
            at: AT,
            repeats: attributed.repeats,
            standing: false,
            startup: false,
        };
        self.seen.observe(&attributed.container, &sighting)
    }
}

/// Command lines of one program, none of them like another: a word of letters, which no template takes for a number.
fn new_lines(first: u64, count: u64) -> Vec<Vec<u8>> {
    let word = |mut number: u64| {
        let mut word = String::from("new-");
        for _ in 0..8 {
            word.push(char::from(b'a' + u8::try_from(number % 26).unwrap_or(0)));
            number /= 26;
        }
        word
    };
    (first..first + count)
        .map(|number| record(number, &["/bin/true", &word(number)]))
        .collect()
}

/// Between two batches, in a storm.
const LINES_A_BATCH: u64 = 300;
/// What a report holds, nearly.
const SPACE: usize = 120 << 10;

/// A command line that was never there, of a known program: what it takes until it is told of, its share of the batch and
/// of what is written to the disk included.
fn a_new_command(criterion: &mut Criterion) {
    let mut sensor = Sensor::new();
    let mut next = 2;
    let mut times = Times::default();
    criterion.bench_function("a new command line of a known program, in user space", |bencher| {
        bencher.iter_custom(|count| {
            let mut storm: Vec<Vec<Vec<u8>>> = Vec::new();
            for _ in 0..count {
                storm.push(new_lines(next, LINES_A_BATCH));
                next += LINES_A_BATCH;
            }
            times.each(count, |index| {
                for bytes in &storm[index] {
                    sensor.take(bytes);
                }
                let told = sensor.seen.take_due(SPACE);
                assert!(!told.is_empty());
                (told, sensor.seen.take_rows())
            })
        });
    });
    let micros: Vec<f64> = times
        .micros()
        .iter()
        .map(|micros| micros / LINES_A_BATCH as f64)
        .collect();
    Figure::shown(
        "sensor: a new command line of a known program in user space, on average",
        &micros,
        "µs",
    )
    .print();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    a_known_event(&mut criterion);
    a_new_command(&mut criterion);
    criterion.final_summary();
}

fn a_known_event(criterion: &mut Criterion) {
    let mut sensor = Sensor::new();
    let records: Vec<Vec<u8>> = corpus().iter().zip(2..).map(|(argv, id)| record(id, argv)).collect();
    for bytes in &records {
        sensor.take(bytes);
    }
    let mut times = Times::default();
    criterion.bench_function("a known event in user space", |bencher| {
        bencher.iter_custom(|count| {
            times.each(count, |index| {
                let sight = sensor.take(&records[index % records.len()]);
                assert_eq!(sight, Sight::Known);
            })
        });
    });
    let micros = times.micros();
    Figure::shown("sensor: a known event in user space, p50", &micros, "µs").print();
    Figure::percentile_at_most("sensor: a known event in user space, p99", &micros, 99, "µs", 1.0).print();
}
