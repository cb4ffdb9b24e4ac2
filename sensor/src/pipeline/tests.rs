use super::*;
use crate::attribute::cgroup::slots::FilterOrder;
use crate::attribute::process::ProcFolder;
use crate::attribute::testkit::{container, exec, facts, flow};
use crate::attribute::{AttributionLimits, Attributor};
use crate::decode::RawEvent;
use crate::loader;
use crate::loader::filter::{Reading, SlotLoss};
use crate::outbox::{History, Opened};
use crate::report::Outstanding;
use crate::seen::SeenLimits;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_crds::v1alpha1::FeedName;
use anchorwatch_crds::v1alpha1::{HookReport, SensorReportSpec};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason as KernelReason};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Mutex;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Events from a channel, and a counter.
struct FakeKernel {
    events: mpsc::Receiver<RawEvent>,
    malformed: u64,
    /// What the filter tells and nobody read yet.
    reading: Arc<Mutex<Reading>>,
}

impl Kernel for FakeKernel {
    async fn next(&mut self) -> std::io::Result<Batch> {
        match self.events.recv().await {
            Some(event) => Ok(Batch {
                events: vec![event],
                malformed: std::mem::take(&mut self.malformed),
            }),
            None => std::future::pending().await,
        }
    }

    fn losses(&self) -> Result<loader::Losses, LoadError> {
        Ok(loader::Losses::default())
    }

    fn filtered(&mut self) -> Result<Reading, LoadError> {
        Ok(std::mem::take(&mut self.reading.lock().unwrap()))
    }

    fn set_resolvers(&mut self, _: &std::collections::BTreeSet<std::net::SocketAddr>) {}

    fn order(&mut self, _: FilterOrder) -> Result<(), LoadError> {
        Ok(())
    }
}

/// A running pipeline and the other ends of its channels.
struct Running {
    events: mpsc::Sender<RawEvent>,
    standing: mpsc::Sender<Standing>,
    pods: mpsc::Sender<PodChange>,
    deliveries: mpsc::Sender<Delivery>,
    batches: watch::Receiver<Option<Outstanding>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), PipelineError>>,
    history: History,
    reading: Arc<Mutex<Reading>>,
}

fn start(folder: &TempDir) -> Running {
    let opened = Outbox::open(folder.path(), "node-uid").unwrap();
    let Opened {
        outbox,
        history,
        state,
        batch,
        rows,
    } = opened;
    let mut seen = Seen::new(SeenLimits::default());
    for (key, row) in rows {
        seen.restore(key, row);
    }
    let now = Instant::now();
    let hooks = vec![HookReport::default()];
    let proc = ProcFolder::new(PathBuf::from("/nonexistent"));
    let pipeline = Pipeline::new(Parts {
        intake: Intake::new(
            Attributor::new(AttributionLimits::default(), proc),
            None,
            "/proc".into(),
            Arc::new(Metrics::new()),
        ),
        seen,
        losses: Losses::restored(state.losses.clone(), state.container_losses.clone()),
        reporter: Reporter::new(state, batch, hooks, now, 1.0).unwrap(),
        health: Arc::new(Health::new(now)),
        metrics: Arc::new(Metrics::new()),
        survey: Arc::default(),
        attached: true,
    });
    let (events, event_source) = mpsc::channel(16);
    let (standing, found) = mpsc::channel(16);
    let (pods, pod_changes) = mpsc::channel(16);
    let (deliveries, delivered) = mpsc::channel(16);
    let (to_send, batches) = watch::channel(None);
    let (stop, stopped) = oneshot::channel();
    let kernel = FakeKernel {
        events: event_source,
        malformed: 1,
        reading: Arc::default(),
    };
    let reading = Arc::clone(&kernel.reading);
    let channels = Channels {
        standing: found,
        pods: pod_changes,
        cluster: mpsc::channel(1).1,
        deliveries: delivered,
        batches: to_send,
    };
    let shutdown = async move { drop(stopped.await) };
    let task = tokio::spawn(pipeline.run(kernel, outbox, channels, shutdown));
    Running {
        events,
        standing,
        pods,
        deliveries,
        batches,
        stop,
        task,
        history,
        reading,
    }
}

impl Running {
    /// The next batch, as it lies on the disk.
    async fn batch(&mut self) -> SensorReportSpec {
        loop {
            if let Some(batch) = self.batches.borrow_and_update().as_ref() {
                return serde_json::from_slice(&batch.spec).unwrap();
            }
            self.batches.changed().await.unwrap();
        }
    }

    async fn acknowledge(&mut self, batch: &SensorReportSpec) {
        let (epoch, seq) = (batch.epoch.clone(), batch.seq);
        self.deliveries
            .send(Delivery::Acknowledged { epoch, seq })
            .await
            .unwrap();
        self.batches.changed().await.unwrap();
    }

    async fn refuse(&mut self, batch: &SensorReportSpec) {
        let (epoch, seq) = (batch.epoch.clone(), batch.seq);
        let message = "no".to_owned();
        self.deliveries
            .send(Delivery::Refused { epoch, seq, message })
            .await
            .unwrap();
        self.batches.changed().await.unwrap();
    }

    async fn create_container(&self) {
        let path = format!("/kubepods/podx/{}", "a".repeat(64)).into_bytes();
        self.events
            .send(RawEvent::CgroupCreated {
                time_ns: 0,
                id: 1,
                path,
            })
            .await
            .unwrap();
    }

    async fn run(&self, executable: &str, exec_id: u64) {
        let exec = exec(executable).ids(exec_id, &[]).build();
        self.events.send(RawEvent::Exec(exec)).await.unwrap();
    }

    /// Found running when the sensor started.
    async fn find(&self, executable: &str, exec_id: u64) {
        let exec = exec(executable).ids(exec_id, &[]).build();
        self.standing.send(Standing::Exec(exec)).await.unwrap();
    }

    async fn tell_pod(&self) {
        let change = PodChange::Applied(facts(container("1")));
        self.pods.send(change).await.unwrap();
        let listed = HashSet::from(["1".to_owned()]);
        self.pods.send(PodChange::Listed(listed)).await.unwrap();
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

fn told(batch: &SensorReportSpec) -> Vec<&str> {
    let behaviours = batch.containers.iter().flat_map(|container| &container.behaviors);
    behaviours.map(|behaviour| behaviour.behavior.executable()).collect()
}

#[tokio::test]
async fn an_execution_becomes_a_batch_once_its_pod_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let mut sensor = start(&folder);
    let hooks = sensor.batch().await;
    assert_eq!((hooks.seq, hooks.hooks.len(), hooks.containers.len()), (1, 1, 0));
    sensor.create_container().await;
    sensor.run("/bin/sh", 10).await;
    sensor.acknowledge(&hooks).await;
    sensor.tell_pod().await;
    let news = sensor.batch().await;
    assert_eq!((news.seq, told(&news)), (2, vec!["/bin/sh"]));
    assert_eq!(news.losses[0].reason, LossReason::MalformedRecord.name());
    sensor.stop().await;
}

#[tokio::test]
async fn a_restart_sends_the_same_batch_and_tells_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut sensor = start(&folder);
    let hooks = sensor.batch().await;
    sensor.acknowledge(&hooks).await;
    sensor.create_container().await;
    sensor.tell_pod().await;
    sensor.run("/bin/sh", 10).await;
    let news = sensor.batch().await;
    sensor.stop().await;

    let mut sensor = start(&folder);
    assert_eq!(sensor.history, History::Reopened);
    assert_eq!(sensor.batch().await, news);
    sensor.create_container().await;
    sensor.tell_pod().await;
    sensor.run("/bin/sh", 11).await;
    sensor.run("/bin/ls", 12).await;
    sensor.acknowledge(&news).await;
    let next = sensor.batch().await;
    assert_eq!((next.seq, told(&next)), (3, vec!["/bin/ls"]));
    sensor.stop().await;
}

#[tokio::test]
async fn what_was_found_running_is_told_and_is_no_news_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut sensor = start(&folder);
    let hooks = sensor.batch().await;
    sensor.acknowledge(&hooks).await;
    sensor.find("/bin/redis-server", 10).await;
    sensor.create_container().await;
    sensor.tell_pod().await;
    let news = sensor.batch().await;
    assert_eq!(told(&news), ["/bin/redis-server"]);
    assert!(news.containers[0].behaviors[0].snapshot);
    sensor.stop().await;

    let mut sensor = start(&folder);
    assert_eq!(sensor.batch().await, news);
    sensor.create_container().await;
    sensor.tell_pod().await;
    sensor.find("/bin/redis-server", 11).await;
    sensor.find("/bin/new", 12).await;
    sensor.acknowledge(&news).await;
    assert_eq!(told(&sensor.batch().await), ["/bin/new"]);
    sensor.stop().await;
    let opened = Outbox::open(folder.path(), "node-uid").unwrap();
    let unreported = opened.rows.iter().filter(|(_, row)| match row {
        crate::seen::Row::Behaviour(row) => row.unreported.is_some(),
        crate::seen::Row::Container(_) => false,
    });
    assert_eq!(unreported.count(), 0);
}

#[tokio::test]
async fn a_crash_after_an_acknowledgement_sends_the_batch_once_more_and_goes_on_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut sensor = start(&folder);
    let hooks = sensor.batch().await;
    sensor.acknowledge(&hooks).await;
    sensor.task.abort();
    assert!(sensor.task.await.unwrap_err().is_cancelled());

    let mut sensor = start(&folder);
    assert_eq!(sensor.batch().await, hooks, "the acknowledgement alone was not written");
    sensor.acknowledge(&hooks).await;
    sensor.create_container().await;
    sensor.tell_pod().await;
    sensor.run("/bin/sh", 10).await;
    let news = sensor.batch().await;
    assert_eq!((news.seq, told(&news)), (2, vec!["/bin/sh"]));
    sensor.stop().await;
}

#[tokio::test]
async fn an_acknowledgement_is_on_the_disk_when_the_sensor_has_ended_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut sensor = start(&folder);
    let hooks = sensor.batch().await;
    sensor.acknowledge(&hooks).await;
    sensor.stop().await;
    assert_eq!(Outbox::open(folder.path(), "node-uid").unwrap().batch, None);
}

fn connection(address: &str) -> Standing {
    Standing::Socket(flow(address, 10).build())
}

#[tokio::test]
async fn a_connection_that_stands_is_told_once_as_found_and_what_was_cut_is_its_containers_loss() {
    let folder = tempfile::tempdir().unwrap();
    let mut sensor = start(&folder);
    let hooks = sensor.batch().await;
    sensor.acknowledge(&hooks).await;
    sensor.create_container().await;
    let cut = Standing::Cut {
        cgroup_id: 1,
        feed: Feed::Network,
        count: 3,
    };
    sensor.standing.send(cut).await.unwrap();
    sensor.standing.send(connection("203.0.113.9:443")).await.unwrap();
    sensor.tell_pod().await;
    let news = sensor.batch().await;
    let told = &news.containers[0].behaviors[0];
    let network = told.behavior.network.as_ref().unwrap();
    assert_eq!((network.port, told.snapshot), (443, true));
    sensor.stop().await;

    let mut sensor = start(&folder);
    assert_eq!(sensor.batch().await, news);
    sensor.create_container().await;
    sensor.tell_pod().await;
    sensor.standing.send(connection("203.0.113.9:443")).await.unwrap();
    sensor.standing.send(connection("198.51.100.7:443")).await.unwrap();
    sensor.acknowledge(&news).await;
    let next = sensor.batch().await;
    let addresses: Vec<_> = next.containers[0]
        .behaviors
        .iter()
        .map(|behaviour| behaviour.attributes.addresses.clone())
        .collect();
    assert_eq!(addresses, [["198.51.100.7"]]);
    let lost = &next.container_losses[0];
    let told: Vec<_> = lost
        .losses
        .iter()
        .map(|loss| (loss.reason.as_str(), loss.count))
        .collect();
    // Nobody told of the process that holds it.
    let expected = vec![("ancestor_unknown", 2), ("snapshot_full", 3)];
    assert_eq!((lost.container.as_str(), told), ("main", expected));
    sensor.stop().await;
}

#[tokio::test]
async fn a_refused_batch_goes_on_in_a_new_epoch_that_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut sensor = start(&folder);
    let hooks = sensor.batch().await;
    sensor.acknowledge(&hooks).await;
    sensor.create_container().await;
    sensor.tell_pod().await;
    sensor.run("/bin/sh", 10).await;
    let news = sensor.batch().await;
    sensor.refuse(&news).await;
    let again = sensor.batch().await;
    assert_ne!(again.epoch, news.epoch);
    assert_eq!((again.seq, told(&again)), (1, vec!["/bin/sh"]));
    sensor.stop().await;
    let mut sensor = start(&folder);
    assert_eq!(sensor.batch().await, again);
    sensor.stop().await;
}

#[tokio::test]
async fn what_a_container_lost_in_the_filter_is_told_of_it_alone_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut sensor = start(&folder);
    let hooks = sensor.batch().await;
    sensor.acknowledge(&hooks).await;
    sensor.create_container().await;
    sensor.tell_pod().await;
    sensor.run("/bin/sh", 10).await;
    let news = sensor.batch().await;
    let loss = |container, count| SlotLoss {
        container,
        place: LossPlace::Exec,
        reason: KernelReason::Quota,
        count,
    };
    *sensor.reading.lock().unwrap() = Reading {
        lost: vec![loss(Some(1), 9), loss(None, 2), loss(Some(77), 1)],
        denied: vec![1],
        ..Reading::default()
    };
    sensor.stop().await;

    let mut sensor = start(&folder);
    assert_eq!(sensor.batch().await, news);
    sensor.create_container().await;
    sensor.tell_pod().await;
    sensor.run("/bin/ls", 12).await;
    sensor.acknowledge(&news).await;
    let next = sensor.batch().await;
    let quota = |losses: &[anchorwatch_crds::v1alpha1::Loss]| {
        let told = losses.iter().filter(|loss| loss.reason == "kernel_exec_quota");
        told.map(|loss| loss.count).sum::<i64>()
    };
    assert_eq!(quota(&next.losses), 3, "of no container that is known");
    let [flooded] = next.container_losses.as_slice() else {
        panic!("{:?}", next.container_losses);
    };
    assert_eq!((flooded.pod.uid.as_str(), flooded.container.as_str()), ("1", "main"));
    assert_eq!(quota(&flooded.losses), 9);
    // That it shares its slot with others is told as well, once for each feed.
    let told = flooded.losses.iter().filter(|loss| loss.reason == "slots_full");
    let told: Vec<_> = told.map(|loss| (loss.feed, loss.count)).collect();
    let each = [FeedName::Process, FeedName::Network, FeedName::Module];
    assert_eq!(told, each.map(|feed| (feed, 1)));
    sensor.stop().await;
}

#[tokio::test]
async fn what_is_in_memory_alone_is_written_when_the_sensor_is_asked_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let sensor = start(&folder);
    sensor.create_container().await;
    sensor.tell_pod().await;
    for exec_id in 0..5 {
        sensor.run("/bin/sh", exec_id).await;
    }
    // The channels' other end takes them one by one.
    while sensor.events.capacity() < sensor.events.max_capacity() || sensor.pods.capacity() < sensor.pods.max_capacity()
    {
        tokio::task::yield_now().await;
    }
    sensor.stop().await;
    let opened = Outbox::open(folder.path(), "node-uid").unwrap();
    let mut seen = Seen::new(SeenLimits::default());
    for (key, row) in opened.rows {
        seen.restore(key, row);
    }
    let told = seen.take_due(100_000);
    assert_eq!(told[0].behaviors[0].count, 5);
}
