//! A thousand findings in a namespace: as many alerts as its policy keeps, and one that counts the rest. The baselines are
//! written as the operator would have: alerts follow from them, whoever wrote them.

use std::time::Duration;

use anchorwatch_crds::v1alpha1::{
    AlertState, BehaviorBaseline, BehaviorBaselineStatus, DriftAlert, DriftAlertStatus, DriftPolicy, Severity,
};
use anchorwatch_e2e::Cluster;
use anchorwatch_e2e::wait::until;
use anyhow::{Result, ensure};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

const WORKLOADS: usize = 20;
const FINDINGS: usize = 60;
/// Of each workload, and of the namespace.
const PER_WORKLOAD: usize = 40;
const PER_NAMESPACE: usize = 200;
/// So many objects are made and written twice, an Event each.
const CROWDED: Duration = Duration::from_mins(2);

struct Crowd {
    cluster: Cluster,
    namespace: String,
}

impl Crowd {
    fn alerts(&self) -> Api<DriftAlert> {
        Api::namespaced(self.cluster.client.clone(), &self.namespace)
    }

    fn baselines(&self) -> Api<BehaviorBaseline> {
        Api::namespaced(self.cluster.client.clone(), &self.namespace)
    }

    async fn policy(&self) {
        let policy = json!({
            "metadata": {"name": "crowd"},
            "spec": {
                "selector": {"matchLabels": {"app": "crowd"}}, "mode": "Alert",
                "alerts": {"perWorkload": PER_WORKLOAD, "perNamespace": PER_NAMESPACE, "retention": "1d"},
            },
        });
        let api: Api<DriftPolicy> = Api::namespaced(self.cluster.client.clone(), &self.namespace);
        let policy = serde_json::from_value(with_kind("DriftPolicy", policy)).unwrap();
        api.create(&PostParams::default(), &policy).await.unwrap();
    }

    /// Makes a workload's baseline, in which so many findings are.
    async fn raises(&self, workload: usize, findings: Vec<Value>) {
        let name = format!("deployment-web-{workload}");
        let object = json!({
            "metadata": {"name": name},
            "spec": {"workload": {"kind": "Deployment", "name": format!("web-{workload}")}},
        });
        let object = serde_json::from_value(with_kind("BehaviorBaseline", object)).unwrap();
        let mut made: BehaviorBaseline = self.baselines().create(&PostParams::default(), &object).await.unwrap();
        let status: BehaviorBaselineStatus = serde_json::from_value(json!({
            "state": "Enforcing", "quarantined": findings.len(), "podLabels": {"app": "crowd"},
            "containers": [{"name": "main", "feeds": [{
                "feed": "process", "state": "Enforcing", "startedAt": "2025-12-01T00:00:00Z", "entries": findings,
            }]}],
        }))
        .unwrap();
        made.status = Some(status);
        let parameters = PostParams::default();
        self.baselines()
            .replace_status(&name, &parameters, &made)
            .await
            .unwrap();
    }

    /// All alerts there are, once something holds of them.
    async fn settled(&self, what: &str, holds: impl Fn(&[DriftAlertStatus]) -> Result<()>) -> Vec<DriftAlert> {
        until(what, CROWDED, async || {
            let alerts = self.alerts().list(&ListParams::default()).await?.items;
            let told: Vec<_> = alerts.iter().filter_map(|alert| alert.status.clone()).collect();
            holds(&told)?;
            Ok(alerts)
        })
        .await
        .unwrap()
    }
}

fn with_kind(kind: &str, mut object: Value) -> Value {
    object["apiVersion"] = json!("anchorwatch.dev/v1alpha1");
    object["kind"] = json!(kind);
    object
}

/// A finding of a rule, one of many: two hours apart, so that none joins another's alert.
fn finding(number: usize, rule: &str, source: &str) -> Value {
    let (day, hour) = (1 + number / 12, 2 * (number % 12));
    let at = format!("2026-01-{day:02}T{hour:02}:00:00Z");
    json!({
        "id": format!("{number:032x}"), "state": "Quarantined", "rule": rule, "count": 1, "pods": 1,
        "process": {"origin": "entrypoint", "parent": "/bin/app", "executable": format!("/opt/{number}"), "source": source},
        "firstSeen": at, "lastSeen": at, "lastDay": 20_453 + day, "days": 1,
    })
}

/// How many are below High and open, and how many findings the namespace's own alert counts.
fn counts(told: &[DriftAlertStatus]) -> (usize, i64) {
    let open = told.iter().filter(|status| status.state == AlertState::Open);
    let own = told.iter().filter(|status| status.workload.kind == "Namespace");
    (open.count(), own.map(|status| status.count).sum())
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_thousand_findings_are_as_many_alerts_as_are_kept_and_one_that_counts_the_rest() {
    let cluster = Cluster::offered().await.unwrap();
    let namespace = cluster.fresh_namespace("crowd").await.unwrap();
    let crowd = Crowd { cluster, namespace };
    crowd.policy().await;
    for workload in 0..WORKLOADS {
        let novel = |number| finding(number, "returned-behaviour", "image");
        crowd.raises(workload, (0..FINDINGS).map(novel).collect()).await;
    }
    let kept = i64::try_from(WORKLOADS * FINDINGS - PER_NAMESPACE).unwrap();
    let alerts = crowd
        .settled("the crowd", |told| {
            let counts = counts(told);
            ensure!(counts == (PER_NAMESPACE, kept), "{counts:?} of {}", told.len());
            Ok(())
        })
        .await;
    assert_eq!(alerts.len(), PER_NAMESPACE + 1);
    let overflow = alerts
        .iter()
        .find(|alert| alert.name_any().starts_with("namespace-"))
        .unwrap();
    let status = overflow.status.clone().unwrap();
    assert_eq!((status.severity, status.state), (Severity::High, AlertState::Escalated));
    assert_eq!(status.findings[0].rule, "alert-overflow");

    // What is graver takes the place of what is less grave; what is High needs none.
    let grave = [
        finding(0, "fileless-execution", "memory"),
        finding(1, "process-outside-baseline", "image"),
        finding(2, "process-outside-baseline", "image"),
    ];
    crowd.raises(WORKLOADS, grave.to_vec()).await;
    let alerts = crowd
        .settled("the graver ones", |told| {
            let severe = |severity| told.iter().filter(|status| status.severity == severity).count();
            let found = (severe(Severity::High), severe(Severity::Medium), counts(told));
            ensure!(found == (2, 2, (PER_NAMESPACE, kept + 2)), "{found:?}");
            Ok(())
        })
        .await;

    // What is closed goes after its retention.
    let low = |alert: &&DriftAlert| {
        alert
            .status
            .as_ref()
            .is_some_and(|status| status.severity == Severity::Low)
    };
    let dismissed = alerts.iter().find(low).unwrap();
    let id = dismissed.status.as_ref().unwrap().findings[0].id.clone();
    let disposition =
        json!({"decision": "Dismiss", "reason": "tried by a test", "decidedBy": who(&crowd.cluster).await});
    let patch = json!({"spec": {"dispositions": {id: disposition}}});
    let name = dismissed.name_any();
    crowd
        .alerts()
        .patch(&name, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
    crowd
        .settled("the decision", |told| {
            let dismissed = told
                .iter()
                .filter(|status| status.state == AlertState::Dismissed)
                .count();
            ensure!(dismissed == 1, "{dismissed} are dismissed");
            Ok(())
        })
        .await;
    has_gone_after_its_retention(&crowd, &name).await;
    crowd.cluster.delete_namespace(&crowd.namespace).await.unwrap();
}

/// Says of a decision that it was made long ago, as only the operator could, and waits until the alert is gone.
async fn has_gone_after_its_retention(crowd: &Crowd, name: &str) {
    until("the end of what was dismissed", CROWDED, async || {
        let Some(mut alert) = crowd.alerts().get_opt(name).await? else {
            return Ok(());
        };
        let long_ago = "2026-01-09T00:00:00Z".parse()?;
        for finding in alert.status.iter_mut().flat_map(|status| &mut status.findings) {
            if let Some(decision) = &mut finding.decision {
                decision.decided_at.0 = long_ago;
            }
        }
        crowd
            .alerts()
            .replace_status(name, &PostParams::default(), &alert)
            .await
            .ok();
        anyhow::bail!("it is still there")
    })
    .await
    .unwrap();
}

/// By which name the API server knows this test.
async fn who(cluster: &Cluster) -> String {
    let api: Api<SelfSubjectReview> = Api::all(cluster.client.clone());
    let review = api
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await
        .unwrap();
    review.status.and_then(|status| status.user_info?.username).unwrap()
}
