//! SIGKILL at the worst moments.

use std::time::Duration;

use anchorwatch_crds::v1alpha1::{AlertState, DriftAlert, Finding};
use anchorwatch_e2e::agent::{AGENT, Agent, Judgement};
use anchorwatch_e2e::install::{Component, Goal};
use anchorwatch_e2e::journey::Journey;
use anchorwatch_e2e::narrator::{Narrator, ToTheTest};
use anchorwatch_e2e::wait::until;
use anchorwatch_e2e::{AgentImages, Cluster};
use anyhow::{Context, Result, ensure};
use kube::api::{Api, ListParams};

use super::turn::with_switches;

/// Programs that the agent has no everyday use for: before the kill, in the batch that is hit, and after it.
const BEFORE: &str = "/usr/bin/whoami";
const HIT: &str = "/usr/bin/tty";
const AFTER: &str = "/usr/bin/uname";
/// The container starts again, at once or after the kubelet's first back-off.
const RESTART: Duration = Duration::from_secs(45);

async fn findings(cluster: &Cluster, namespace: &str) -> Result<Vec<Finding>> {
    let alerts: Api<DriftAlert> = Api::namespaced(cluster.client.clone(), namespace);
    let alerts = alerts.list(&ListParams::default()).await?.items;
    ensure!(alerts.len() == 1, "there are {} alerts", alerts.len());
    Ok(alerts
        .into_iter()
        .filter_map(|alert| alert.status)
        .flat_map(|status| status.findings)
        .collect())
}

/// The finding about a program that was run once: there, for somebody to look at, and counted once. What another feed
/// raised beside it makes it graver, which is printed.
async fn counted_once(cluster: &Cluster, namespace: &str, executable: &str) -> Result<()> {
    let findings = findings(cluster, namespace).await?;
    let finding = findings
        .iter()
        .find(|finding| finding.behavior.executable() == executable);
    let finding = finding.with_context(|| format!("no finding is about {executable}"))?;
    let all: Vec<String> = findings
        .iter()
        .map(|finding| format!("{} {}", finding.summary, finding.severity_terms.join(", ")))
        .collect();
    if finding.state == AlertState::Escalated {
        ToTheTest.tell(&format!("{executable} is Escalated: {all:#?}"));
    }
    ensure!(
        matches!(finding.state, AlertState::Open | AlertState::Escalated),
        "{executable} is {:?}: {all:#?}",
        finding.state
    );
    ensure!(
        finding.count == 1 && finding.pods == 1,
        "{executable} is counted {} times",
        finding.count
    );
    Ok(())
}

async fn killed(component: Component, point: &str) {
    let cluster = Cluster::offered().await.unwrap();
    let image = AgentImages::offered().unwrap().first;
    let namespace = cluster.fresh_namespace("kill").await.unwrap();
    let judgement = Judgement {
        minimum: "5s",
        correlation: "10m",
    };
    let journey = Journey::new(&cluster, &namespace, judgement, &ToTheTest);
    journey.start(&image).await.unwrap();
    journey.learn().await.unwrap();
    let agent = Agent::new(&cluster, &namespace, AGENT);
    let pod = agent.pods().await.unwrap().remove(0).metadata.name.unwrap();
    agent.ask_pod(&pod, &[BEFORE]).await.unwrap();
    let alert = Duration::from_secs(45);
    until("the drift before", alert, async || {
        counted_once(&cluster, &namespace, BEFORE).await
    })
    .await
    .unwrap();

    let switches = [
        ("ANCHORWATCH_TEST_KILL", point),
        ("ANCHORWATCH_TEST_KILL_MARKER", "/scratch/killed"),
        ("ANCHORWATCH_TEST_KILL_AT", HIT),
    ];
    with_switches(&cluster, component, &switches, Goal::Ready, async |install| {
        agent.ask_pod(&pod, &[HIT]).await.unwrap();
        until("the kill", RESTART, async || {
            ensure!(install.restarts(component).await? == 1, "nobody was killed");
            install.reached(component, Goal::Ready).await
        })
        .await
        .unwrap();
        agent.ask_pod(&pod, &[AFTER]).await.unwrap();
        for executable in [HIT, AFTER, BEFORE] {
            let what = format!("the drift {executable}");
            until(&what, RESTART, async || {
                counted_once(&cluster, &namespace, executable).await
            })
            .await
            .unwrap();
        }
    })
    .await;
    counted_once(&cluster, &namespace, HIT).await.unwrap();
    cluster.delete_namespace(&namespace).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_sensor_killed_before_sending_loses_no_drift_and_counts_none_twice() {
    killed(Component::Sensor, "sensor-before-send").await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_sensor_killed_before_the_acknowledgement_loses_no_drift_and_counts_none_twice() {
    killed(Component::Sensor, "sensor-before-ack").await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn an_operator_killed_in_mid_merge_loses_no_drift_and_counts_none_twice() {
    killed(Component::Operator, "operator-mid-merge").await;
}
