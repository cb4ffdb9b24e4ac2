//! Reports against an API server that has some of them already.

use serde_json::json;

use super::*;
use crate::testkit::{HandMade, api_server, drift_alert, put, refusal};

/// What a cluster serves: group and version, and plural.
type Served = (&'static str, &'static str);
const OLD: &[Served] = &[("wgpolicyk8s.io/v1alpha2", "policyreports")];
const BOTH: &[Served] = &[OLD[0], ("openreports.io/v1alpha1", "reports")];
const REPORT: &str = "/apis/openreports.io/v1alpha1/namespaces/shop/reports/anchorwatch-deployment-agent";

fn alert(state: &str) -> Value {
    drift_alert(1, "High", state)
}

fn workload() -> WorkloadKey {
    WorkloadKey::new("shop", "Deployment", "agent")
}

#[tokio::test]
async fn a_report_is_written_when_it_differs_and_deleted_with_the_last_alert() {
    let mut made = HandMade::new();
    let (client, calls) = api_server(|call| (200, call.body.clone()));
    let context = made.context(client);
    let reporting = Reporting {
        context: &context,
        form: Form::open_reports(),
        written: Mutex::default(),
    };
    put(&mut made.feeds.alerts, alert("Open"));
    for _ in 0..2 {
        reporting.reconcile(workload()).await.unwrap();
    }
    assert_eq!(calls.lines(), [format!("PATCH {REPORT}")]);
    assert_eq!(calls.last(&format!("PATCH {REPORT}"))["results"][0]["result"], "fail");

    put(&mut made.feeds.alerts, alert("Suppressed"));
    reporting.reconcile(workload()).await.unwrap();
    assert_eq!(calls.last(&format!("PATCH {REPORT}"))["results"][0]["result"], "skip");

    let gone = serde_json::from_value(alert("Suppressed")).unwrap();
    made.feeds
        .alerts
        .apply_watcher_event(&kube::runtime::watcher::Event::Delete(gone));
    for _ in 0..2 {
        reporting.reconcile(workload()).await.unwrap();
    }
    assert_eq!(calls.lines()[2..], [format!("DELETE {REPORT}")]);
}

#[tokio::test]
async fn what_went_while_no_operator_led_is_swept_and_a_refusal_is_not_repeated() {
    let mut made = HandMade::new();
    let left = json!({
        "apiVersion": "openreports.io/v1alpha1", "kind": "Report",
        "metadata": {"namespace": "shop", "name": "anchorwatch-deployment-agent"},
        "scope": {"kind": "Deployment", "name": "agent"},
    });
    let (client, calls) = api_server(move |call| match call.line.split(' ').next() {
        Some("GET") => (
            200,
            json!({"apiVersion": "openreports.io/v1alpha1", "kind": "ReportList", "metadata": {}, "items": [left]}),
        ),
        Some("PATCH") => refusal(422, "Invalid"),
        _ => (200, json!({"apiVersion": "v1", "kind": "Status", "status": "Success"})),
    });
    let context = made.context(client);
    let reporting = Reporting {
        context: &context,
        form: Form::open_reports(),
        written: Mutex::default(),
    };
    reporting.sweep().await;
    assert_eq!(calls.lines()[1], format!("DELETE {REPORT}"));
    put(&mut made.feeds.alerts, alert("Open"));
    for _ in 0..2 {
        reporting.reconcile(workload()).await.unwrap();
    }
    assert_eq!(calls.lines()[2..], [format!("PATCH {REPORT}")]);
}

#[tokio::test]
async fn the_form_is_the_first_that_the_cluster_serves() {
    let served = |groups: &'static [Served]| {
        let (client, _) = api_server(move |call| {
            let found = groups
                .iter()
                .find(|(group, _)| call.line == format!("GET /apis/{group}"));
            found.map_or_else(
                || refusal(404, "NotFound"),
                |(group, plural)| {
                    let resource = json!({
                        "name": plural, "singularName": "", "namespaced": true, "kind": "Report", "verbs": ["patch"],
                    });
                    (
                        200,
                        json!({"kind": "APIResourceList", "groupVersion": group, "resources": [resource]}),
                    )
                },
            )
        });
        client
    };
    let found = async |groups, wanted| {
        let form = form::find(&served(groups), wanted).await.unwrap();
        form.map(|form| form.group_version().to_owned())
    };
    assert_eq!(
        found(BOTH, ReportApi::Auto).await.as_deref(),
        Some("openreports.io/v1alpha1")
    );
    assert_eq!(
        found(OLD, ReportApi::Auto).await.as_deref(),
        Some("wgpolicyk8s.io/v1alpha2")
    );
    assert_eq!(found(OLD, ReportApi::OpenReports).await, None);
    assert_eq!(found(&[], ReportApi::Auto).await, None);
}

#[test]
fn a_report_that_goes_with_its_baseline_is_written_anew_for_the_alerts_that_are_left() {
    let mut made = HandMade::new();
    put(&mut made.feeds.alerts, alert("Open"));
    let gone = Change::Baseline(baselines::reference(&workload()));
    assert_eq!(concerned(&made.world, gone), [workload()]);
}
