//! The operator's clock is stepped by an hour, and it is killed in the middle of a rollout: the evidence stays in order,
//! says the right times, and explains what it explains at any time.

use std::time::Duration;

use anchorwatch_crds::v1alpha1::RolloutRecord;
use anchorwatch_e2e::agent::{AGENT, Agent, Judgement};
use anchorwatch_e2e::install::{Component, Goal, Install};
use anchorwatch_e2e::registry::Image;
use anchorwatch_e2e::wait::until;
use anchorwatch_e2e::{AgentImages, Cluster, findings};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::api::{Api, ListParams};

use super::turn::with_switches;

/// A pod is started and its digests told; the operator is started again, after a back-off.
const RECORDED: Duration = Duration::from_secs(90);
/// By how many seconds the clock is stepped.
const HOUR: i64 = 3_600;

struct Scene {
    cluster: Cluster,
    namespace: String,
    agent: Agent,
    /// The image that all others are made of.
    image: Image,
}

impl Scene {
    async fn new() -> Self {
        let cluster = Cluster::offered().await.unwrap();
        let namespace = cluster.fresh_namespace("clock").await.unwrap();
        let first = AgentImages::offered().unwrap().first;
        let agent = Agent::new(&cluster, &namespace, AGENT);
        let judgement = Judgement {
            minimum: "8s",
            correlation: "10m",
        };
        agent.start(&first, 1, judgement).await.unwrap();
        until("the baseline to judge", RECORDED, async || agent.is_judged().await)
            .await
            .unwrap();
        Self {
            image: Image::parse(&first).unwrap(),
            agent,
            namespace,
            cluster,
        }
    }

    /// Rolls out an image of another digest, and has its pod run a program.
    async fn rolls_out(&self, note: &str, program: &str) {
        let tag = format!("clock-{note}-{}", std::process::id());
        let image = self.image.push_as(&tag, note).unwrap();
        self.agent.roll_out(&image).await.unwrap();
        self.agent.ask(&[program]).await.unwrap();
    }

    /// The records, by their place in the chain, once there are so many.
    async fn records(&self, number: usize) -> Vec<RolloutRecord> {
        until(&format!("{number} records"), RECORDED, async || {
            let records: Api<RolloutRecord> = Api::namespaced(self.cluster.client.clone(), &self.namespace);
            let mut records = records.list(&ListParams::default()).await?.items;
            ensure!(records.len() == number, "there are {}", records.len());
            records.sort_by_key(|record| record.spec.chain.as_ref().map(|chain| chain.sequence));
            Ok(records)
        })
        .await
        .unwrap()
    }

    /// Each record is the next link of the chain, of the next revision, says when its ReplicaSet was made, and was written
    /// soon after.
    async fn is_in_order(&self, records: &[RolloutRecord]) -> Result<()> {
        let sets: Api<ReplicaSet> = Api::namespaced(self.cluster.client.clone(), &self.namespace);
        let sets = sets.list(&ListParams::default()).await?.items;
        let mut previous = None;
        for (number, record) in (1_i64..).zip(records) {
            let spec = &record.spec;
            let link = spec.chain.as_ref().expect("it is sealed");
            ensure!(
                (spec.revision, link.sequence) == (number, number),
                "{:?}",
                record.metadata.name
            );
            ensure!(link.previous == previous, "{:?} follows another", record.metadata.name);
            previous = Some(link.hash.clone());
            let set = sets.iter().find(|set| {
                let labels = set.metadata.labels.as_ref();
                labels.and_then(|labels| labels.get("pod-template-hash")) == Some(&spec.template_hash)
            });
            let made = set.and_then(|set| set.metadata.creation_timestamp.clone());
            ensure!(
                made.as_ref() == Some(&spec.started_at),
                "{:?}: {made:?}",
                record.metadata.name
            );
            let after = spec.recorded_at.0.duration_since(spec.started_at.0);
            ensure!(
                (0..RECORDED.as_secs().cast_signed()).contains(&after.as_secs()),
                "{:?} was written {after} after its rollout started",
                record.metadata.name
            );
        }
        Ok(())
    }

    /// What a program was found to be, once it is suppressed by the record of a revision.
    async fn is_explained(&self, program: &str, revision: u32) {
        let record = format!("deployment-{AGENT}-{revision}");
        until(&format!("{program} to be explained"), RECORDED, async || {
            findings::is_suppressed(&self.cluster, &self.namespace, "Deployment", program, &record).await
        })
        .await
        .unwrap();
    }
}

/// Waits until the operator says that its node's clock is so far ahead: the switch does what it says.
async fn is_stepped(install: &Install, by: i64) {
    until("the operator to notice its clock", RECORDED, async || {
        let metrics = install.metrics().await?;
        let mut lines = metrics.lines();
        let line = lines.find_map(|line| line.strip_prefix("anchorwatch_operator_clock_ahead_seconds "));
        let ahead: i64 = line.context("it does not say")?.parse()?;
        ensure!((ahead - by).abs() < 5, "it is {ahead} s ahead");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn the_evidence_stays_in_order_whatever_the_operators_clock_says_and_when_it_dies_halfway() {
    let scene = Scene::new().await;
    scene.records(1).await;

    // An hour ahead, and killed after the record was made and before anything was told of it.
    let step = HOUR.to_string();
    let record = format!("deployment-{AGENT}-2");
    let ahead = [
        ("ANCHORWATCH_TEST_CLOCK", step.as_str()),
        ("ANCHORWATCH_TEST_KILL", "operator-mid-record"),
        ("ANCHORWATCH_TEST_KILL_AT", &record),
        ("ANCHORWATCH_TEST_KILL_MARKER", "/scratch/killed"),
    ];
    with_switches(
        &scene.cluster,
        Component::Operator,
        &ahead,
        Goal::Ready,
        async |install| {
            is_stepped(install, HOUR).await;
            scene.rolls_out("ahead", "/usr/bin/id").await;
            scene.records(2).await;
            until("the operator's second life", RECORDED, async || {
                ensure!(install.restarts(Component::Operator).await? >= 1, "it lives on");
                Ok(())
            })
            .await
            .unwrap();
            install.reached(Component::Operator, Goal::Ready).await.unwrap();
            scene.is_explained("/usr/bin/id", 2).await;
        },
    )
    .await;
    // An hour behind.
    let step = (-HOUR).to_string();
    let behind = [("ANCHORWATCH_TEST_CLOCK", step.as_str())];
    with_switches(
        &scene.cluster,
        Component::Operator,
        &behind,
        Goal::Ready,
        async |install| {
            is_stepped(install, -HOUR).await;
            scene.rolls_out("behind", "/usr/bin/uname").await;
            let records = scene.records(3).await;
            scene.is_in_order(&records).await.unwrap();
            scene.is_explained("/usr/bin/uname", 3).await;
        },
    )
    .await;
    let records = scene.records(3).await;
    scene.is_in_order(&records).await.unwrap();
    scene.cluster.delete_namespace(&scene.namespace).await.unwrap();
}
