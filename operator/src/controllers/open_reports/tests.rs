//! Reports against an API server that has some of them already.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kube::runtime::watcher::Event;
use serde_json::{Value, json};
use tokio::{task::yield_now, time::timeout};

use super::{form::Form, *};
use crate::{
    testkit::{Call, Calls, HandMade, api_server, drift_alert, put, refusal},
    world::changes::Change,
};

/// What a cluster serves: group and version, and plural.
type ServedKind = (&'static str, &'static str);
const OLD: &[ServedKind] = &[("wgpolicyk8s.io/v1alpha2", "policyreports")];
const BOTH: &[ServedKind] = &[OLD[0], ("openreports.io/v1alpha1", "reports")];
const REPORT: &str = "/apis/openreports.io/v1alpha1/namespaces/shop/reports/anchorwatch-deployment-agent";
const OLD_REPORTS: &str = "/apis/wgpolicyk8s.io/v1alpha2/namespaces/shop/policyreports";

fn alert(state: &str) -> Value {
    drift_alert(1, "High", state)
}

/// A baseline of that workload, made so often.
fn baseline(uid: &str) -> Value {
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "BehaviorBaseline",
        "metadata": {"namespace": "shop", "name": "deployment-agent", "uid": uid},
        "spec": {"workload": {"kind": "Deployment", "name": "agent"}},
    })
}

/// What an API server says that it serves, where it is asked for that.
fn discovery(served: &[ServedKind], call: &Call) -> Option<(u16, Value)> {
    let asked = call.line.strip_prefix("GET /apis/")?;
    if asked.matches('/').count() != 1 {
        return None;
    }
    let found = served.iter().find(|(group, _)| *group == asked);
    Some(found.map_or_else(
        || (404, json!("404 page not found\n")),
        |(group, plural)| {
            let resource = json!({
                "name": plural, "singularName": "", "namespaced": true, "kind": "Report", "verbs": ["patch"],
            });
            (
                200,
                json!({"kind": "APIResourceList", "groupVersion": group, "resources": [resource]}),
            )
        },
    ))
}

/// A list of reports of these names, all of which say that they are of that workload.
fn list(names: &[&str]) -> (u16, Value) {
    let items: Vec<Value> = names
        .iter()
        .map(|name| {
            json!({
                "apiVersion": "any/v1", "kind": "Report", "metadata": {"namespace": "shop", "name": name},
                "scope": {"kind": "Deployment", "name": "agent"},
            })
        })
        .collect();
    (
        200,
        json!({"apiVersion": "any/v1", "kind": "ReportList", "metadata": {}, "items": items}),
    )
}

/// Waits, for some seconds at most, until this was asked so often.
async fn until(calls: &Calls, line: &str, times: usize) {
    let asked = async || {
        while calls.lines().iter().filter(|asked| *asked == line).count() < times {
            yield_now().await;
        }
    };
    let waited = timeout(Duration::from_secs(10), asked()).await;
    assert!(waited.is_ok(), "no {times} calls {line} among {:?}", calls.lines());
}

fn workload() -> WorkloadKey {
    WorkloadKey::new("shop", "Deployment", "agent")
}

#[tokio::test]
async fn a_report_is_written_when_it_differs_and_deleted_with_the_last_alert() {
    let mut made = HandMade::new();
    let (client, calls) = api_server(|call| (200, call.body.clone()));
    let context = made.context(client);
    let reporting = Reporting::new(&context, Form::open_reports());
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
    made.feeds.alerts.apply_watcher_event(&Event::Delete(gone));
    for _ in 0..2 {
        reporting.reconcile(workload()).await.unwrap();
    }
    assert_eq!(calls.lines()[2..], [format!("DELETE {REPORT}")]);
}

#[tokio::test]
async fn what_is_there_when_it_starts_is_reported_what_went_is_deleted_and_nobody_listens_in_vain() {
    let mut made = HandMade::new();
    made.feeds.fill();
    put(&mut made.feeds.alerts, alert("Open"));
    let listening = Arc::new(AtomicUsize::new(usize::MAX));
    let (client, calls) = api_server({
        let (world, listening) = (Arc::clone(&made.world), Arc::clone(&listening));
        move |call| {
            if let Some(served) = discovery(BOTH, call) {
                listening.store(world.subscribed(), Ordering::SeqCst);
                return served;
            }
            match call.line.as_str() {
                "GET /apis/openreports.io/v1alpha1/reports" => list(&["anchorwatch-job-gone", "somebody-elses"]),
                line if line.starts_with("GET ") => list(&["anchorwatch-deployment-agent", "somebody-elses"]),
                _ => (200, call.body.clone()),
            }
        }
    });
    let mut context = made.context(client);
    context.open_reports = Some(ReportApi::Auto);
    let told = async {
        until(&calls, &format!("PATCH {REPORT}"), 1).await;
        until(&calls, &format!("DELETE {OLD_REPORTS}/anchorwatch-deployment-agent"), 1).await;
        made.world
            .tell(&Change::Alert(Arc::new(serde_json::from_value(alert("Open")).unwrap())));
        put(&mut made.feeds.alerts, alert("Suppressed"));
        made.world.tell(&Change::Alert(Arc::new(
            serde_json::from_value(alert("Suppressed")).unwrap(),
        )));
        until(&calls, &format!("PATCH {REPORT}"), 2).await;
    };
    tokio::select! {
        () = run(&context) => panic!("it ended"),
        () = told => {}
    }
    assert_eq!(listening.load(Ordering::SeqCst), 0);
    let deleted = calls
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("DELETE"))
        .count();
    assert_eq!(
        deleted,
        1,
        "somebody else's are nobody's business of ours: {:?}",
        calls.lines()
    );
}

#[tokio::test]
async fn what_went_while_no_operator_led_is_swept_and_a_refusal_is_not_repeated() {
    let mut made = HandMade::new();
    let (client, calls) = api_server(move |call| match call.line.split(' ').next() {
        Some("GET") => list(&["anchorwatch-deployment-agent"]),
        Some("PATCH") => refusal(422, "Invalid"),
        _ => (200, json!({"apiVersion": "v1", "kind": "Status", "status": "Success"})),
    });
    let context = made.context(client);
    let reporting = Reporting::new(&context, Form::open_reports());
    assert_eq!(reporting.sweep().await, [workload()]);
    reporting.reconcile(workload()).await.unwrap();
    assert_eq!(calls.lines()[1..], [format!("DELETE {REPORT}")]);
    put(&mut made.feeds.alerts, alert("Open"));
    for _ in 0..2 {
        reporting.reconcile(workload()).await.unwrap();
    }
    assert_eq!(calls.lines()[2..], [format!("PATCH {REPORT}")]);
}

#[tokio::test]
async fn a_report_that_could_not_be_written_is_tried_again_unless_its_namespace_goes() {
    let (_, mut going) = refusal(403, "Forbidden");
    going["message"] = json!("reports is forbidden: namespace shop is being terminated");
    for (answer, fails, times) in [
        (refusal(404, "NotFound"), true, 2),
        (refusal(500, "InternalError"), true, 2),
        ((403, going), false, 2),
    ] {
        let mut made = HandMade::new();
        put(&mut made.feeds.alerts, alert("Open"));
        let (client, calls) = api_server(move |_| answer.clone());
        let context = made.context(client);
        let reporting = Reporting::new(&context, Form::open_reports());
        for _ in 0..2 {
            assert_eq!(reporting.reconcile(workload()).await.is_err(), fails);
        }
        assert_eq!(calls.lines(), vec![format!("PATCH {REPORT}"); times]);
    }
}

#[tokio::test]
async fn a_report_whose_writing_nobody_heard_of_is_deleted_all_the_same() {
    let mut made = HandMade::new();
    put(&mut made.feeds.alerts, alert("Open"));
    let (client, calls) = api_server(|call| match call.line.split(' ').next() {
        Some("PATCH") => refusal(500, "InternalError"),
        _ => refusal(404, "NotFound"),
    });
    let context = made.context(client);
    let reporting = Reporting::new(&context, Form::open_reports());
    assert!(reporting.reconcile(workload()).await.is_err());
    let gone = serde_json::from_value(alert("Open")).unwrap();
    made.feeds.alerts.apply_watcher_event(&Event::Delete(gone));
    for _ in 0..2 {
        reporting.reconcile(workload()).await.unwrap();
    }
    assert_eq!(calls.lines(), [format!("PATCH {REPORT}"), format!("DELETE {REPORT}")]);
}

#[tokio::test]
async fn a_report_that_went_with_its_baseline_is_made_anew_and_a_baseline_that_learns_asks_for_nothing() {
    let mut made = HandMade::new();
    put(&mut made.feeds.alerts, alert("Open"));
    put(&mut made.feeds.baselines, baseline("u1"));
    let (client, calls) = api_server(|call| (200, call.body.clone()));
    let context = made.context(client);
    let reporting = Reporting::new(&context, Form::open_reports());
    let change = || Change::Baseline(crate::baselines::reference(&workload()));
    assert!(reporting.concerned(change()).is_empty());
    reporting.reconcile(workload()).await.unwrap();
    assert!(reporting.concerned(change()).is_empty());

    put(&mut made.feeds.baselines, baseline("u2"));
    assert_eq!(reporting.concerned(change()), [workload()]);
    reporting.reconcile(workload()).await.unwrap();
    let owner = calls.last(&format!("PATCH {REPORT}"))["metadata"]["ownerReferences"][0].clone();
    assert_eq!(owner["uid"], "u2");
    assert!(reporting.concerned(change()).is_empty());

    let gone = serde_json::from_value(baseline("u2")).unwrap();
    made.feeds.baselines.apply_watcher_event(&Event::Delete(gone));
    assert_eq!(reporting.concerned(change()), [workload()]);
    reporting.reconcile(workload()).await.unwrap();
    assert_eq!(
        calls.last(&format!("PATCH {REPORT}"))["metadata"].get("ownerReferences"),
        None
    );
}

#[tokio::test]
async fn the_form_is_the_first_that_the_cluster_serves() {
    let served = |groups: &'static [ServedKind]| api_server(move |call| discovery(groups, call).unwrap()).0;
    let found = async |groups, wanted| {
        let served = form::find(&served(groups), wanted).await.unwrap()?;
        let all = [served.form].into_iter().chain(served.others);
        Some(all.map(|form| form.group_version().to_owned()).collect::<Vec<_>>())
    };
    let [old, new] = ["wgpolicyk8s.io/v1alpha2", "openreports.io/v1alpha1"].map(str::to_owned);
    assert_eq!(found(BOTH, ReportApi::Auto).await, Some(vec![new, old.clone()]));
    assert_eq!(found(BOTH, ReportApi::PolicyReport).await, Some(vec![old.clone()]));
    assert_eq!(found(OLD, ReportApi::Auto).await, Some(vec![old]));
    assert_eq!(found(OLD, ReportApi::OpenReports).await, None);
    assert_eq!(found(&[], ReportApi::Auto).await, None);
}
