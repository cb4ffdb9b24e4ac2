use super::*;
use crate::attribute::testkit::{container, sighting};
use crate::losses::Losses;
use crate::report::Reporter;
use crate::seen::{Seen, SeenLimits};
use anchorwatch_core::behaviour::{Behaviour, ProcessParts};
use anchorwatch_core::time::Timestamp;
use anchorwatch_crds::v1alpha1::SensorReportSpec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;
use tempfile::TempDir;

const AT: Timestamp = Timestamp::from_secs(1_767_225_600);

fn open(folder: &TempDir) -> Opened {
    Outbox::open(folder.path(), "node-uid").unwrap()
}

fn behaviour(number: u8) -> Behaviour {
    let parts = ProcessParts {
        executable: format!("/{number}"),
        ..ProcessParts::default()
    };
    Behaviour::Process(parts.into())
}

fn reporter(state: State, batch: Option<Vec<u8>>) -> Reporter {
    Reporter::new(state, batch, Vec::new(), Instant::now(), 0.5).unwrap()
}

/// A sensor without kernel: what it does between two crashes.
struct Sensor {
    outbox: Outbox,
    history: History,
    seen: Seen,
    losses: Losses,
    reporter: Reporter,
}

impl Sensor {
    fn start(folder: &TempDir) -> Self {
        let opened = open(folder);
        let mut seen = Seen::new(SeenLimits::default());
        for (key, row) in opened.rows {
            seen.restore(key, row);
        }
        Self {
            outbox: opened.outbox,
            history: opened.history,
            seen,
            losses: Losses::restored(opened.state.losses.clone(), opened.state.container_losses.clone()),
            reporter: reporter(opened.state, opened.batch),
        }
    }

    fn observe(&mut self, number: u8) {
        self.seen.observe(&container("1"), &sighting(&behaviour(number), AT));
    }

    /// As the pipeline does: rows, and a batch if one is due, in one transaction.
    fn commit(&mut self) {
        let closed = self
            .reporter
            .close(&mut self.seen, &mut self.losses, Instant::now(), AT);
        let batch = closed.map_or(BatchChange::Keep, |(_, batch)| batch);
        self.apply(batch);
    }

    fn acknowledge(&mut self) {
        let Some(sent) = self.reporter.outstanding().cloned() else {
            return;
        };
        let batch = self.reporter.acknowledged(&sent.epoch, sent.seq).unwrap();
        self.apply(batch);
    }

    fn apply(&mut self, batch: BatchChange) {
        let change = Change {
            rows: self.seen.take_rows(),
            state: Some(self.reporter.state_with(&self.losses)),
            batch,
        };
        self.outbox.apply(&change).unwrap();
    }
}

/// Merges each batch once, as the operator does, and refuses what the resource's rules refuse.
#[derive(Default)]
struct Server {
    merged: BTreeSet<(String, i64)>,
    last: Option<Vec<u8>>,
    count: i64,
}

impl Server {
    fn receive(&mut self, batch: &[u8]) {
        let spec: SensorReportSpec = serde_json::from_slice(batch).unwrap();
        let previous: Option<SensorReportSpec> = self.last.as_deref().map(|last| serde_json::from_slice(last).unwrap());
        if let Some(previous) = previous {
            assert_eq!(previous.epoch, spec.epoch, "the epoch stays");
            if previous.seq == spec.seq {
                assert_eq!(self.last.as_deref(), Some(batch), "a batch stays as it is");
            } else {
                assert_eq!(previous.seq + 1, spec.seq, "numbers have no gap");
            }
        } else {
            assert_eq!(spec.seq, 1);
        }
        self.last = Some(batch.to_vec());
        if self.merged.insert((spec.epoch, spec.seq)) {
            let behaviours = spec.containers.iter().flat_map(|container| &container.behaviors);
            self.count += behaviours.map(|behaviour| behaviour.count).sum::<i64>();
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Observe(u8),
    Commit,
    Send,
    Acknowledge,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u8).prop_map(Step::Observe),
        3 => Just(Step::Commit),
        3 => Just(Step::Send),
        2 => Just(Step::Acknowledge),
        2 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_crash_at_any_step_neither_loses_nor_doubles_what_was_written(steps in prop::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let mut sensor = Sensor::start(&folder);
        let mut server = Server::default();
        let (mut observed, mut written) = (0, 0);
        for step in steps {
            match step {
                Step::Observe(number) => { sensor.observe(number); observed += 1; }
                Step::Commit => { sensor.commit(); written = observed; }
                Step::Send => if let Some(batch) = sensor.reporter.outstanding() { server.receive(&batch.spec); },
                Step::Acknowledge => {
                    // Only what was received is acknowledged.
                    let received = sensor.reporter.outstanding().is_some_and(|batch| server.last.as_deref() == Some(&batch.spec));
                    if received { sensor.acknowledge(); written = observed; }
                }
                Step::Crash => {
                    drop(sensor);
                    sensor = Sensor::start(&folder);
                    prop_assert_eq!(&sensor.history, &History::Reopened);
                    observed = written;
                }
            }
        }
        // The pod ends, and everything is told.
        for _ in 0..3 {
            sensor.seen.forget_gone(|_| false);
            sensor.seen.queue_marks(AT);
            sensor.commit();
            if let Some(batch) = sensor.reporter.outstanding() { server.receive(&batch.spec); }
            sensor.acknowledge();
        }
        prop_assert_eq!(server.count, observed);
        sensor.seen.forget_gone(|_| false);
        sensor.commit();
        drop(sensor);
        prop_assert!(open(&folder).rows.is_empty());
    }

    #[test]
    fn a_file_that_was_damaged_anywhere_never_panics(
        position in any::<prop::sample::Index>(), length in 1..4096_usize, byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut sensor = Sensor::start(&folder);
        (0..20).for_each(|number| sensor.observe(number));
        sensor.commit();
        drop(sensor);
        let path = folder.path().join("outbox.redb");
        let mut bytes = fs::read(&path).unwrap();
        let start = position.index(bytes.len());
        let end = (start + length).min(bytes.len());
        bytes[start..end].fill(byte);
        if cut { bytes.truncate(end) }
        fs::write(&path, bytes).unwrap();
        let opened = open(&folder);
        prop_assert!(opened.history == History::Reopened || matches!(opened.history, History::Damaged(_)));
    }
}

#[test]
fn a_new_outbox_begins_an_epoch_of_its_own() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (open(&first), open(&second));
    assert_eq!((first.history, first.state.next_seq), (History::Created, 1));
    assert_eq!(first.state.epoch.len(), 32);
    assert_ne!(first.state.epoch, second.state.epoch);
}

#[test]
fn a_damaged_outbox_is_moved_aside_and_a_new_epoch_begins() {
    let folder = tempfile::tempdir().unwrap();
    let epoch = open(&folder).state.epoch;
    for round in 1..=4 {
        fs::write(folder.path().join("outbox.redb"), format!("no database, round {round}")).unwrap();
        let opened = open(&folder);
        let aside = folder.path().join("outbox.damaged.1.redb");
        assert_eq!(opened.history, History::Damaged(aside.clone()));
        assert_ne!(opened.state.epoch, epoch);
        assert_eq!(
            fs::read_to_string(aside).unwrap(),
            format!("no database, round {round}")
        );
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        3,
        "two damaged files are kept"
    );
}

#[test]
fn the_outbox_of_another_node_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let epoch = open(&folder).state.epoch;
    let opened = Outbox::open(folder.path(), "other-uid").unwrap();
    assert!(matches!(opened.history, History::OtherNode(_)));
    assert_ne!(opened.state.epoch, epoch);
}

#[test]
fn a_second_sensor_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(&folder);
    let second = Outbox::open(folder.path(), "node-uid");
    assert!(matches!(second, Err(StateError::InUse)), "{second:?}");
}

#[test]
fn a_folder_that_can_not_be_made_is_an_error_and_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let opened = Outbox::open(&file.join("state"), "node-uid");
    assert!(matches!(opened, Err(StateError::Folder { .. })), "{opened:?}");
}

#[test]
fn a_sensor_that_ended_while_it_made_its_outbox_makes_it_again() {
    let folder = tempfile::tempdir().unwrap();
    drop(redb::Database::create(folder.path().join("outbox.redb")).unwrap());
    assert_eq!(open(&folder).history, History::Created);
    fs::write(folder.path().join("outbox.redb"), "").unwrap();
    assert_eq!(open(&folder).history, History::Created);
}

#[test]
fn refused_batches_are_kept_up_to_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(&folder);
    for number in 0..20_u8 {
        let change = Change {
            batch: BatchChange::Refuse(vec![number]),
            ..Change::default()
        };
        opened.outbox.apply(&change).unwrap();
    }
    let transaction = opened.outbox.database.begin_read().unwrap();
    let refused = transaction.open_table(REFUSED).unwrap();
    let kept: Vec<Vec<u8>> = refused
        .iter()
        .unwrap()
        .map(|row| row.unwrap().1.value().to_vec())
        .collect();
    assert_eq!(kept, (12..20).map(|number| vec![number]).collect::<Vec<_>>());
}
