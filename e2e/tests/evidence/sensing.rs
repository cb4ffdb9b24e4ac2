//! What a sensor lost of a container, from the kernel to the alert; and what it records.

use std::time::Duration;

use anchorwatch_crds::v1alpha1::{BehaviorBaseline, DriftAlert, FeedName, SensorReport};
use anchorwatch_e2e::Cluster;
use anchorwatch_e2e::agent::{AGENT, Agent, Judgement};
use anchorwatch_e2e::install::{Component, Install};
use anchorwatch_e2e::wait::until;
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams, LogParams, PostParams};
use serde_json::{Value, json};

use super::agents::{Agents, FOUND};

/// Until a recording pod runs and has seen an agent's helper, which is spawned every few seconds.
const RECORDED: Duration = Duration::from_mins(1);
/// Datagrams to more ports than a container may show at once. They go to the pod network's gateway, which is this node.
const FLOOD: &str = "\
import socket
fields = [line.split() for line in open('/proc/net/route')][1:]
gateway = next(line[2] for line in fields if line[1] == '00000000')
address = socket.inet_ntoa(bytes.fromhex(gateway)[::-1])
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in range(20000, 32000):
    try:
        sender.sendto(b'', (address, port))
    except OSError:
        pass
";

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_a_flooding_container_loses_is_on_its_report_its_baseline_and_its_alert_and_on_nobody_elses() {
    let agents = Agents::new("losses", None, 1, &Value::Null).await;
    let calm = Agent::new(&agents.cluster, &agents.namespace, "calm");
    let judgement = Judgement {
        minimum: "8s",
        correlation: "10m",
    };
    calm.start(&agents.images.first, 1, judgement).await.unwrap();

    let flooded = agents.agent.ask(&["python3", "-c", FLOOD]).await.unwrap();
    assert_eq!(flooded.output, "");
    // Losses alone hurry nobody: they go with the next batch, which something new closes.
    agents.agent.ask(&["bash", "-c", "id"]).await.unwrap();

    let reported = until("the container's losses on the report", FOUND, async || {
        reported(&agents).await
    });
    let reported = reported.await.unwrap();
    assert!(reported > 0, "it lost {reported}");
    let baseline = until("the losses on the baseline", FOUND, async || {
        let baseline = agents.objects::<BehaviorBaseline>().get("deployment-agent").await?;
        ensure!(lost(&baseline) > 0, "nothing is lost yet");
        ensure!(
            condition(&baseline, "LossObserved").as_deref() == Some("True"),
            "no condition says so"
        );
        Ok(baseline)
    });
    let baseline = baseline.await.unwrap();
    until("the losses on the alert", FOUND, async || {
        let alerts = agents.objects::<DriftAlert>().list(&ListParams::default()).await?;
        let statuses = alerts.iter().filter_map(|alert| alert.status.as_ref());
        let mut losses = statuses.flat_map(|status| &status.evidence);
        ensure!(
            losses.any(|loss| loss.feed == FeedName::Network && loss.count > 0),
            "no alert names them"
        );
        Ok(())
    })
    .await
    .unwrap();

    let of_calm = until("the other baseline", FOUND, async || calm.is_judged().await)
        .await
        .unwrap();
    assert_eq!(
        lost(&of_calm),
        0,
        "beside one that lost {}, of the same node",
        lost(&baseline)
    );
    agents.end().await;
}

/// What the node's report says that the agent's container lost of its connections.
async fn reported(agents: &Agents) -> Result<i64> {
    let reports: Api<SensorReport> = Api::all(agents.cluster.client.clone());
    let reports = reports.list(&ListParams::default()).await?;
    let all = reports.iter().flat_map(|report| &report.spec.container_losses);
    let own = all.filter(|losses| losses.pod.namespace == agents.namespace && losses.container == AGENT);
    let network = own
        .flat_map(|losses| &losses.losses)
        .filter(|loss| loss.feed == FeedName::Network);
    let counts: Vec<i64> = network.map(|loss| loss.count).collect();
    ensure!(!counts.is_empty(), "no report names the container");
    Ok(counts.iter().sum())
}

/// What a baseline says that was lost, of all its feeds.
fn lost(baseline: &BehaviorBaseline) -> i64 {
    let containers = baseline.status.iter().flat_map(|status| &status.containers);
    let feeds = containers.flat_map(|container| &container.feeds);
    feeds.flat_map(|feed| &feed.losses).map(|loss| loss.count).sum()
}

/// Status of a condition.
fn condition(baseline: &BehaviorBaseline, of_type: &str) -> Option<String> {
    let mut conditions = baseline.status.iter().flat_map(|status| &status.conditions);
    let found = conditions.find(|condition| condition.type_ == of_type)?;
    Some(found.status.clone())
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_recording_in_a_pod_tells_what_pods_execute_by_their_workloads() {
    let agents = Agents::new("recording", None, 1, &Value::Null).await;
    let install = Install::of(&agents.cluster);
    let pods: Api<Pod> = Api::namespaced(agents.cluster.client.clone(), &install.namespace);
    let recorder = recorder(&agents.cluster, &install, &agents.namespace).await.unwrap();
    pods.create(&PostParams::default(), &recorder).await.unwrap();
    let name = recorder.metadata.name.unwrap();

    let workload = format!("{}/Deployment/{AGENT}", agents.namespace);
    let told = until("the helper in the recording", RECORDED, async || {
        let log = pods.logs(&name, &LogParams::default()).await?;
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut own = lines.filter(|line| line["workload"] == workload.as_str());
        let is_helper = |line: &Value| line["process"]["executable"] == "/usr/bin/date";
        own.find(is_helper)
            .with_context(|| format!("it says {:?}", log.lines().last()))
    });
    let told = told.await;
    pods.delete(&name, &DeleteParams::default()).await.unwrap();
    let told = told.unwrap();
    assert_eq!(told["container"], AGENT);
    assert_eq!(told["feed"], "process");
    assert_eq!(told["process"]["argv"][0], "/usr/bin/date");
    agents.end().await;
}

/// The sensors' own pod, which records on standard output and keeps away from their outbox.
async fn recorder(cluster: &Cluster, install: &Install, name: &str) -> Result<Pod> {
    let sensors: Api<DaemonSet> = Api::namespaced(cluster.client.clone(), &install.namespace);
    let sensors = sensors.get(&install.object(Component::Sensor)).await?;
    let template = sensors.spec.context("it has no spec")?.template;
    let mut spec = serde_json::to_value(template.spec)?;
    spec["restartPolicy"] = json!("Never");
    for volume in spec["volumes"].as_array_mut().context("it has no volumes")? {
        if volume["name"] == "state" {
            *volume = json!({"name": "state", "emptyDir": {}});
        }
    }
    let container = &mut spec["containers"][0];
    container["args"] = json!([
        "record",
        "--feed=process",
        "--cgroup-root=/host/sys/fs/cgroup",
        "--proc-root=/proc"
    ]);
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        container[probe] = Value::Null;
    }
    let pod = json!({"metadata": {"name": format!("recorder-{name}")}, "spec": spec});
    Ok(serde_json::from_value(pod)?)
}
