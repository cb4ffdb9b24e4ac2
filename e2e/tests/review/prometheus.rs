//! A Prometheus scrapes the release as it is installed, and the chart's rules alert of drift that is grave.

use std::collections::BTreeSet;

use anchorwatch_crds::v1alpha1::AlertState;
use anchorwatch_e2e::install::Install;
use anchorwatch_e2e::prometheus::Prometheus;
use anchorwatch_e2e::wait::until;
use anyhow::{Context, ensure};
use serde_json::Value;

use super::scene::{LEARNS, SOON, Scene};

/// What the series of findings has of labels, beside its own name.
const OWN: [&str; 5] = ["rule", "severity", "state", "workload_kind", "workload_namespace"];
/// What the scraper puts on.
const SCRAPERS: [&str; 5] = ["component", "instance", "job", "namespace", "pod"];

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_prometheus_that_scrapes_the_release_alerts_of_grave_drift_until_somebody_decides() {
    let scene = Scene::new("prometheus").await;
    let name = "a_prometheus_that_scrapes_the_release_alerts_of_grave_drift_until_somebody_decides";
    let release = Install::of(&scene.cluster).namespace;
    let Some(prometheus) = Prometheus::offered(name, &release).await.unwrap() else {
        return scene.ends().await;
    };
    scene.starts(1, LEARNS).await;
    until("both targets to be up", SOON, async || {
        let targets = prometheus.targets().await?;
        let up: BTreeSet<_> = targets
            .iter()
            .filter(|target| target["health"] == "up")
            .filter_map(|target| target["labels"]["component"].as_str())
            .collect();
        ensure!(
            up == BTreeSet::from(["operator", "sensor"]),
            "up are {up:?} of {targets:?}"
        );
        Ok(())
    })
    .await
    .unwrap();

    // A file that the image lacks needs no baseline to be grave.
    let dropped = ["bash", "-c", "cp /bin/true /tmp/dropped && /tmp/dropped"];
    scene.agent.ask(&dropped).await.unwrap();
    let (alert, finding) = scene
        .finding("/tmp/dropped", |finding| finding.state == AlertState::Escalated)
        .await;
    let series = format!(
        r#"anchorwatch_operator_alert_findings{{workload_namespace="{}",rule="executable-not-from-image"}}"#,
        scene.namespace
    );
    let told = until("the series", SOON, async || {
        let found = prometheus.query(&series).await?;
        found.into_iter().next().context("there is none yet")
    })
    .await
    .unwrap();
    let labels: BTreeSet<_> = told["metric"].as_object().unwrap().keys().map(String::as_str).collect();
    let expected: BTreeSet<_> = ["__name__"].into_iter().chain(OWN).chain(SCRAPERS).collect();
    assert_eq!((labels, &told["value"][1]), (expected, &Value::from("1")));
    assert_eq!(told["metric"]["severity"], "High");

    let raised = async || {
        let alerts = prometheus.alerts().await?;
        let ours = alerts.into_iter().find(|alert| {
            let labels = &alert["labels"];
            labels["alertname"] == "AnchorwatchGraveDrift" && labels["workload_namespace"] == scene.namespace.as_str()
        });
        anyhow::Ok(ours)
    };
    let fired = until("the rule to fire", SOON, async || {
        let alert = raised().await?.context("it does not")?;
        ensure!(alert["state"] == "firing", "it is {}", alert["state"]);
        Ok(alert)
    })
    .await
    .unwrap();
    assert_eq!(fired["labels"]["severity"], "critical");
    let summary = fired["annotations"]["summary"].as_str().unwrap();
    let named = format!(
        "Drift executable-not-from-image (High) is open in namespace {}",
        scene.namespace
    );
    assert_eq!(summary, named);

    scene.decides("alice", "Dismiss", &alert, &finding).await;
    until("the rule to be quiet", SOON, async || {
        ensure!(raised().await?.is_none(), "it fires on");
        Ok(())
    })
    .await
    .unwrap();
    scene.ends().await;
}
