//! The demo's journey, as assertions on the objects that it leaves behind.

use anchorwatch_crds::v1alpha1::{AlertState, DriftAlert, FeedName, Origin, Severity, SourceLayer};
use anchorwatch_e2e::agent::Judgement;
use anchorwatch_e2e::journey::Journey;
use anchorwatch_e2e::narrator::ToTheTest;
use anchorwatch_e2e::{AgentImages, Cluster};
use kube::api::{Api, ListParams};

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_shell_out_of_python_becomes_one_alert_and_what_a_rollout_brings_is_suppressed() {
    let cluster = Cluster::offered().await.unwrap();
    let images = AgentImages::offered().unwrap();
    let namespace = cluster.fresh_namespace("journey").await.unwrap();
    let judgement = Judgement {
        minimum: "10s",
        correlation: "10m",
    };
    let journey = Journey::new(&cluster, &namespace, judgement, &ToTheTest);

    journey.start(&images.first).await.unwrap();
    let baseline = journey.learn().await.unwrap();
    assert_eq!(
        (
            baseline.spec.workload.kind.as_str(),
            baseline.spec.workload.name.as_str()
        ),
        ("Deployment", "agent")
    );
    assert_eq!(baseline.status.as_ref().unwrap().quarantined, 0);

    let raised = journey.shell().await.unwrap();
    assert_shell(&raised.alert);
    let joined = journey.same_shell_in_the_other_replica(&raised).await.unwrap();
    let (before, after) = (raised.alert.status.unwrap(), joined.status.unwrap());
    assert_eq!((before.pods, after.pods), (1, 2));
    assert!(after.count > before.count, "{} and then {}", before.count, after.count);

    let explained = journey.roll_out(&images.next).await.unwrap();
    let record = explained.record.metadata.name.unwrap();
    assert_eq!(record, "deployment-agent-2");
    assert_eq!(explained.finding.rollout.unwrap().record, Some(record));
    assert_the_shell_stays_open(&cluster, &namespace).await;
    cluster.delete_namespace(&namespace).await.unwrap();
}

/// bash out of python and, where the sensor was quick, id out of bash: new programs of the image, of middling severity.
fn assert_shell(alert: &DriftAlert) {
    let status = alert.status.as_ref().unwrap();
    assert_eq!(status.workload_name, "Deployment/agent");
    assert_eq!(
        (status.container.as_str(), status.severity),
        ("agent", Severity::Medium)
    );
    assert!(status.policy.ends_with("/agent"), "{}", status.policy);
    for finding in &status.findings {
        assert_eq!(finding.rule, "process-outside-baseline");
        let process = finding.behavior.process.as_ref().unwrap();
        assert_eq!(
            (process.origin, process.source),
            (Origin::Entrypoint, SourceLayer::Image)
        );
        assert_eq!(finding.severity_terms.first().map(String::as_str), Some("base Medium"));
        assert_eq!(finding.shown_by.len(), 1);
        assert!(
            finding.shown_by[0]
                .digest
                .as_ref()
                .is_some_and(|digest| digest.starts_with("sha256:"))
        );
    }
}

/// A rollout explains what it brought, not what happened before it.
async fn assert_the_shell_stays_open(cluster: &Cluster, namespace: &str) {
    let alerts: Api<DriftAlert> = Api::namespaced(cluster.client.clone(), namespace);
    let findings = alerts.list(&ListParams::default()).await.unwrap().into_iter();
    let findings = findings
        .filter_map(|alert| alert.status)
        .flat_map(|status| status.findings);
    let shells: Vec<AlertState> = findings
        .filter(|finding| finding.feed == FeedName::Process && finding.behavior.executable().ends_with("/bash"))
        .map(|finding| finding.state)
        .collect();
    assert_eq!(shells, [AlertState::Open]);
}
