//! An alert as other tools read it: a report, a line of the log, a series, and an Event on the workload; from the first
//! sighting to the decision.

use anchorwatch_crds::v1alpha1::{AlertState, DriftAlert};
use anchorwatch_e2e::agent::AGENT;
use anchorwatch_e2e::install::{Component, Install};
use anchorwatch_e2e::plugin::kubectl;
use anchorwatch_e2e::wait::until;
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, LogParams};
use kube::core::GroupVersionKind;
use serde_json::Value;

use super::scene::{JUDGES, SOON, Scene};

/// The report of the agent's alerts.
const REPORT: &str = "anchorwatch-deployment-agent";

#[tokio::test]
#[ignore = "needs a cluster"]
async fn an_alert_is_a_report_a_line_a_series_and_an_event_until_it_goes() {
    let scene = Scene::new("other-tools").await;
    scene.starts(1, JUDGES).await;
    scene.judged().await;
    scene.agent.ask(&["bash", "-c", "exit"]).await.unwrap();
    let (alert, finding) = scene
        .finding("/bash", |finding| finding.state == AlertState::Open)
        .await;

    let reported = reports_are_served(&scene).await;
    if reported {
        let report = told(&scene, "fail").await;
        let result = &report.data["results"][0];
        assert_eq!(
            (result["rule"].as_str(), result["severity"].as_str()),
            (Some("process-outside-baseline"), Some("medium"))
        );
        assert_eq!(result["properties"]["alert"], alert.as_str());
        assert_eq!(report.data["scope"]["name"], AGENT);
        let owners = report.metadata.owner_references.clone().unwrap_or_default();
        assert_eq!(owners[0].kind, "BehaviorBaseline");
        let raised = line(&scene, &alert, "raised").await;
        assert_eq!(raised["named"][0]["rule"], "process-outside-baseline");
    }
    until("the series", SOON, async || series(&scene, "Open").await)
        .await
        .unwrap();
    if let Some(described) = kubectl(&["describe", "deployment", AGENT, "-n", &scene.namespace], "").unwrap() {
        let described = String::from_utf8_lossy(&described.stdout).into_owned();
        assert!(
            described.contains("DriftDetected") && described.contains(&alert),
            "{described}"
        );
    }

    scene.decides("alice", "Dismiss", &alert, &finding).await;
    scene
        .finding("/bash", |finding| finding.state == AlertState::Dismissed)
        .await;
    if reported {
        told(&scene, "pass").await;
        let dismissed = line(&scene, &alert, "changed").await;
        assert_eq!(
            (dismissed["from"].as_str(), dismissed["named"][0]["decidedBy"].as_str()),
            (Some("Open"), Some("alice"))
        );
    }
    until("the end of the series", SOON, async || {
        let open = series(&scene, "Open").await;
        ensure!(open.is_err(), "it is still there");
        Ok(())
    })
    .await
    .unwrap();

    let alerts: Api<DriftAlert> = scene.all();
    alerts.delete(&alert, &DeleteParams::default()).await.unwrap();
    if reported {
        until("the end of the report", SOON, async || {
            ensure!(reports(&scene).get_opt(REPORT).await?.is_none(), "it is still there");
            Ok(())
        })
        .await
        .unwrap();
    }
    scene.ends().await;
}

fn reports(scene: &Scene) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("openreports.io", "v1alpha1", "Report");
    let resource = ApiResource::from_gvk_with_plural(&kind, "reports");
    Api::namespaced_with(scene.cluster.client.clone(), &scene.namespace, &resource)
}

/// Whether the kind is there: it is not ours, and only the local cluster is given it.
async fn reports_are_served(scene: &Scene) -> bool {
    let served = scene
        .cluster
        .client
        .list_api_group_resources("openreports.io/v1alpha1")
        .await;
    if served.is_err() {
        let why = "the cluster has no Report of OpenReports";
        anchorwatch_e2e::skip::skip("an_alert_is_a_report_a_line_a_series_and_an_event_until_it_goes", why).unwrap();
    }
    served.is_ok()
}

/// The report, once its first result is this one.
async fn told(scene: &Scene, result: &str) -> DynamicObject {
    until("the report", SOON, async || {
        let report = reports(scene).get(REPORT).await?;
        let first = &report.data["results"][0]["result"];
        ensure!(*first == *result, "its first result is {first}");
        ensure!(
            report.data["summary"][result] == 1,
            "it counts {}",
            report.data["summary"]
        );
        Ok(report)
    })
    .await
    .unwrap()
}

async fn operator(scene: &Scene) -> Result<(Api<Pod>, String)> {
    let install = Install::of(&scene.cluster);
    let pods = install.pods(Component::Operator).await?;
    let name = pods.first().and_then(|pod| pod.metadata.name.clone());
    let api = Api::namespaced(scene.cluster.client.clone(), &install.namespace);
    Ok((api, name.context("there is no operator")?))
}

/// The line that tells of a change of an alert.
async fn line(scene: &Scene, alert: &str, change: &str) -> Value {
    until(&format!("a line of {alert}"), SOON, async || {
        let (pods, name) = operator(scene).await?;
        let log = pods.logs(&name, &LogParams::default()).await?;
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut about = lines.filter(|line| {
            line["schema"] == "anchorwatch.dev/alert-transition/v1"
                && line["alert"] == alert
                && line["namespace"] == scene.namespace.as_str()
                && line["change"] == change
        });
        about.next().context("there is none")
    })
    .await
    .unwrap()
}

/// Looks whether there is a series of findings of the agent in a state.
async fn series(scene: &Scene, state: &str) -> Result<()> {
    let (_, name) = operator(scene).await?;
    let namespace = Install::of(&scene.cluster).namespace;
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}:8080/proxy/metrics");
    let metrics = scene
        .cluster
        .client
        .request_text(http::Request::get(path).body(Vec::new())?)
        .await?;
    let labels = [
        r#"rule="process-outside-baseline""#.to_owned(),
        format!(r#"state="{state}""#),
        r#"workload_kind="Deployment""#.to_owned(),
        format!(r#"workload_namespace="{}""#, scene.namespace),
    ];
    let mut lines = metrics
        .lines()
        .filter(|line| line.starts_with("anchorwatch_operator_alert_findings{"));
    ensure!(
        lines.any(|line| labels.iter().all(|label| line.contains(label))),
        "there is no series of it"
    );
    Ok(())
}
