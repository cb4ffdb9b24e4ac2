//! From watches into the caches: one watch a kind, stripped of what nobody needs.

use std::{
    fmt::Debug,
    pin::pin,
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use anchorwatch_crds::v1alpha1::{
    BehaviorApproval, BehaviorBaseline, ClusterDriftPolicy, DriftAlert, DriftPolicy, RolloutIntent, RolloutRecord,
    SensorReport,
};
use futures::StreamExt;
use k8s_openapi::api::{
    apps::v1::{ControllerRevision, Deployment, ReplicaSet},
    batch::v1::Job,
    core::v1::Pod,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt,
        reflector::{ObjectRef, Store, store::Writer},
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tracing::warn;

use super::{
    Guarded, World,
    changes::{Change, Subscribers},
    config_maps::{self, ConfigMaps},
    index::{Identified, Index},
};
use crate::{metrics::Metrics, reports::is_acknowledged, signing::Signing};

/// Caches that are filled event by event beside kube's own stores: pods, ReplicaSets, ControllerRevisions, Jobs.
const INDICES: usize = 4;

/// The writing side of the world's caches.
#[derive(Debug)]
pub struct Feeds {
    world: Arc<World>,
    metrics: Metrics,
    complete: watch::Sender<usize>,
    pub(crate) reports: Writer<Guarded<SensorReport>>,
    pub(crate) baselines: Writer<Guarded<BehaviorBaseline>>,
    pub(crate) alerts: Writer<Guarded<DriftAlert>>,
    pub(crate) records: Writer<Guarded<RolloutRecord>>,
    pub(crate) intents: Writer<Guarded<RolloutIntent>>,
    pub(crate) policies: Writer<Guarded<DriftPolicy>>,
    pub(crate) cluster_policies: Writer<Guarded<ClusterDriftPolicy>>,
    pub(crate) approvals: Writer<Guarded<BehaviorApproval>>,
    pub(crate) deployments: Writer<Deployment>,
}

/// An empty world, and what fills it. `namespace` is the operator's own, `signing` what evidence is signed with.
pub fn new(metrics: &Metrics, namespace: &str, signing: Signing) -> (Arc<World>, Feeds) {
    let reports = Writer::default();
    let baselines = Writer::default();
    let alerts = Writer::default();
    let records = Writer::default();
    let intents = Writer::default();
    let policies = Writer::default();
    let cluster_policies = Writer::default();
    let approvals = Writer::default();
    let deployments = Writer::default();
    let world = Arc::new(World {
        reports: reports.as_reader(),
        baselines: baselines.as_reader(),
        alerts: alerts.as_reader(),
        records: records.as_reader(),
        intents: intents.as_reader(),
        policies: policies.as_reader(),
        cluster_policies: cluster_policies.as_reader(),
        approvals: approvals.as_reader(),
        deployments: deployments.as_reader(),
        config_maps: ConfigMaps::new(namespace.to_owned()),
        pods: RwLock::default(),
        replica_sets: RwLock::default(),
        controller_revisions: RwLock::default(),
        jobs: RwLock::default(),
        signing: Arc::new(signing),
        subscribers: Subscribers::default(),
        complete: watch::Sender::new(0),
    });
    let feeds = Feeds {
        complete: world.complete.clone(),
        world: Arc::clone(&world),
        metrics: metrics.clone(),
        reports,
        baselines,
        alerts,
        records,
        intents,
        policies,
        cluster_policies,
        approvals,
        deployments,
    };
    (world, feeds)
}

impl World {
    /// Waits until every cache holds a first list in whole.
    pub async fn ready(&self) {
        tokio::join!(
            full(&self.reports),
            full(&self.baselines),
            full(&self.alerts),
            full(&self.records),
            full(&self.intents),
            full(&self.policies),
            full(&self.cluster_policies),
            full(&self.approvals),
            full(&self.deployments),
        );
        // An error means that the sender is gone; it lives in `self`.
        self.complete
            .subscribe()
            .wait_for(|complete| *complete >= INDICES)
            .await
            .ok();
    }
}

async fn full<K>(store: &Store<K>)
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    // The writer lives as long as the process leads; without it there is nothing to wait for.
    store.wait_until_ready().await.ok();
}

impl Feeds {
    /// Follows the API server for ever.
    pub async fn run(self, client: Client) {
        let Self {
            world,
            metrics,
            complete,
            reports,
            baselines,
            alerts,
            records,
            intents,
            policies,
            cluster_policies,
            approvals,
            deployments,
        } = self;
        let tell = |change: Change| world.subscribers.publish(&change);
        let whole = || {
            complete.send_modify(|complete| *complete += 1);
        };
        tokio::join!(
            follow(&client, reports, strip_reports(&metrics), |it| tell(Change::Report(
                ObjectRef::from_obj(it)
            ))),
            follow(&client, baselines, guard(&metrics), |it| tell(Change::Baseline(
                ObjectRef::from_obj(it)
            ))),
            follow(&client, policies, guard(&metrics), |_| tell(Change::Policy)),
            follow(&client, cluster_policies, guard(&metrics), |_| tell(
                Change::ClusterPolicy
            )),
            follow(&client, approvals, guard(&metrics), |it| tell(Change::Approval(
                ObjectRef::from_obj(it)
            ))),
            follow(&client, deployments, strip_deployment, |it| tell(Change::Deployment(
                ObjectRef::from_obj(it)
            ))),
            follow(&client, alerts, guard(&metrics), |it: &Guarded<DriftAlert>| {
                if let Ok(alert) = &it.0 {
                    tell(Change::Alert(Arc::new(alert.clone())));
                }
            }),
            follow(&client, records, guard(&metrics), |it: &Guarded<RolloutRecord>| {
                if let Ok(record) = &it.0 {
                    tell(Change::Record(Arc::new(record.clone())));
                }
            }),
            follow(&client, intents, guard(&metrics), |it: &Guarded<RolloutIntent>| {
                if let Ok(intent) = &it.0 {
                    tell(Change::Intent(Arc::new(intent.clone())));
                }
            }),
            index(Api::<Pod>::all(client.clone()), &world.pods, whole, |it| tell(
                Change::Pod(it)
            )),
            index(
                Api::<PartialObjectMeta<ReplicaSet>>::all(client.clone()),
                &world.replica_sets,
                whole,
                |it| tell(Change::ReplicaSet(it)),
            ),
            index(
                Api::<ControllerRevision>::all(client.clone()),
                &world.controller_revisions,
                whole,
                |_| {}
            ),
            index(Api::<Job>::all(client.clone()), &world.jobs, whole, |_| {}),
            config_maps::follow(&client, &world),
        );
    }
}

#[cfg(test)]
impl Feeds {
    /// Fills every cache with nothing.
    pub fn fill(&mut self) {
        fn fill<K: Resource<DynamicType = ()> + Clone + 'static>(writer: &mut Writer<K>) {
            writer.apply_watcher_event(&Event::Init);
            writer.apply_watcher_event(&Event::InitDone);
        }
        fill(&mut self.reports);
        fill(&mut self.baselines);
        fill(&mut self.alerts);
        fill(&mut self.records);
        fill(&mut self.intents);
        fill(&mut self.policies);
        fill(&mut self.cluster_policies);
        fill(&mut self.approvals);
        fill(&mut self.deployments);
        self.complete.send_replace(INDICES);
    }
}

/// Fills a store, and tells of each object that came, changed or went.
async fn follow<K>(client: &Client, mut writer: Writer<K>, mut strip: impl FnMut(&mut K), tell: impl Fn(&K))
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let store = writer.as_reader();
    let mut events = pin!(watcher(Api::<K>::all(client.clone()), watcher::Config::default()).default_backoff());
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event.modify(&mut strip),
            Err(error) => {
                failed::<K>(&error);
                continue;
            }
        };
        writer.apply_watcher_event(&event);
        match &event {
            Event::Apply(object) | Event::Delete(object) => tell(object),
            Event::InitDone => store.state().iter().for_each(|object| tell(object)),
            Event::Init | Event::InitApply(_) => {}
        }
    }
}

/// Fills an index, and tells of each object that came, changed or went.
async fn index<K, T>(api: Api<K>, index: &RwLock<Index<T>>, whole: impl Fn(), tell: impl Fn(Arc<T>))
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
    T: Identified + From<K>,
{
    let mut first = true;
    let mut events = pin!(watcher(api, watcher::Config::default()).default_backoff());
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(Event::Apply(object)) => Event::Apply(object.into()),
            Ok(Event::Delete(object)) => Event::Delete(object.into()),
            Ok(Event::InitApply(object)) => Event::InitApply(object.into()),
            Ok(Event::Init) => Event::Init,
            Ok(Event::InitDone) => Event::InitDone,
            Err(error) => {
                failed::<K>(&error);
                continue;
            }
        };
        let listed = matches!(event, Event::InitDone);
        let touched = index
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .apply(event, Instant::now());
        touched.into_iter().for_each(&tell);
        if listed && first {
            first = false;
            whole();
        }
    }
}

fn failed<K: Resource<DynamicType = ()>>(error: &watcher::Error) {
    warn!(kind = %K::kind(&()), error = error as &dyn std::error::Error, "a watch failed and starts again");
}

/// Leaves out managed fields, and counts objects that can't be read.
fn guard<K: Resource<DynamicType = ()>>(metrics: &Metrics) -> impl FnMut(&mut Guarded<K>) + use<K> {
    let malformed = metrics.malformed_objects.with_label_values(&[K::kind(&())]);
    move |guarded| {
        guarded.meta_mut().managed_fields = None;
        if let Err(invalid) = &guarded.0 {
            malformed.inc();
            warn!(
                kind = %K::kind(&()),
                namespace = invalid.metadata.namespace.as_deref().unwrap_or_default(),
                name = invalid.metadata.name.as_deref().unwrap_or_default(),
                reason = invalid.error,
                "an object can't be read and is left out"
            );
        }
    }
}

/// Keeps of a report that was merged only what is told about its node: of many nodes' batches, few are outstanding.
fn strip_reports(metrics: &Metrics) -> impl FnMut(&mut Guarded<SensorReport>) + use<> {
    let mut guard = guard(metrics);
    move |guarded| {
        guard(guarded);
        if let Ok(report) = &mut guarded.0
            && is_acknowledged(report)
        {
            report.spec.containers = Vec::new();
            report.spec.node_behaviors = Vec::new();
        }
    }
}

/// Keeps of a Deployment what a RolloutRecord says.
fn strip_deployment(deployment: &mut Deployment) {
    deployment.managed_fields_mut().clear();
    let Some(spec) = deployment.spec.as_mut() else { return };
    let Some(template) = spec.template.spec.as_mut() else {
        return;
    };
    let containers = template.containers.iter_mut();
    for container in containers.chain(template.init_containers.iter_mut().flatten()) {
        *container = k8s_openapi::api::core::v1::Container {
            name: std::mem::take(&mut container.name),
            image: container.image.take(),
            ..Default::default()
        };
    }
    template.volumes = None;
}
