//! Writes that fail among others that do not.

use anchorwatch_crds::v1alpha1::{BehaviorApproval, BehaviorApprovalSpec, DriftAlert};
use kube::runtime::events::EventType;

use super::{
    super::{
        apply::apply,
        plan::{Announcement, NewAlert, Plan},
    },
    *,
};
use crate::world::resolve::Workload;

const ALERTS: &str = "/apis/anchorwatch.dev/v1alpha1/namespaces/shop/driftalerts";
const APPROVALS: &str = "/apis/anchorwatch.dev/v1alpha1/namespaces/shop/behaviorapprovals";

fn alert(name: &str) -> DriftAlert {
    let object = json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftAlert",
        "metadata": {"namespace": "shop", "name": name, "uid": name, "resourceVersion": "1"},
        "spec": {},
        "status": {
            "severity": "High", "state": "Open", "workload": {"kind": "Deployment", "name": "agent"},
            "workloadName": "Deployment/agent", "container": "app", "summary": "a shell", "count": 1, "pods": 1,
        },
    });
    serde_json::from_value(object).unwrap()
}

/// Everything that a plan may ask for.
fn everything() -> Plan {
    let new = |name| {
        let mut object = alert(name);
        object.metadata.resource_version = None;
        NewAlert {
            object,
            announcement: Announcement {
                type_: EventType::Warning,
                note: "drift".to_owned(),
            },
            delay: Some(Duration::ZERO),
        }
    };
    let mut denial = BehaviorApproval::new("deny", BehaviorApprovalSpec::default());
    denial.metadata.namespace = Some("shop".to_owned());
    Plan {
        create: vec![new("new1"), new("new2")],
        update: vec![alert("seen1"), alert("seen2")],
        delete: vec![alert("old1"), alert("old2")],
        left_out: None,
        crowded_out: Vec::new(),
        denials: vec![denial],
        requeue_after: None,
        reasons: Vec::new(),
    }
}

/// What is written where every call of one verb and path fails; whether that is told.
async fn written_while_failing(failing: Option<&str>, code: u16) -> (kube::Result<bool>, Vec<String>) {
    let failing = failing.map(str::to_owned);
    let (client, calls) = api_server(move |call| match &failing {
        Some(failing) if call.line.starts_with(failing.as_str()) => refusal(code, "Any"),
        _ if call.line.starts_with("DELETE") => (200, json!({"kind": "Status", "apiVersion": "v1", "metadata": {}})),
        _ => (200, call.body.clone()),
    });
    let context = HandMade::new().context(client);
    let about = Workload::of_the_past(WorkloadKey::new("shop", "Deployment", "agent"));
    let result = apply(&context, &Expected::default(), &about, &BTreeMap::new(), everything()).await;
    let mut lines = calls.lines();
    lines.retain(|line| !line.ends_with("/events"));
    (result, lines)
}

fn made(new: &[&str]) -> Vec<String> {
    let before = [
        format!("DELETE {ALERTS}/old1"),
        format!("DELETE {ALERTS}/old2"),
        format!("PUT {ALERTS}/seen1/status"),
        format!("PUT {ALERTS}/seen2/status"),
    ];
    let new = new.iter().map(|line| line.replace("ALERTS", ALERTS));
    before
        .into_iter()
        .chain(new)
        .chain([format!("POST {APPROVALS}")])
        .collect()
}

#[tokio::test]
async fn what_goes_makes_room_before_what_comes() {
    let (result, lines) = written_while_failing(None, 0).await;
    assert!(!result.unwrap());
    let new = [
        "POST ALERTS",
        "PUT ALERTS/new1/status",
        "POST ALERTS",
        "PUT ALERTS/new2/status",
    ];
    assert_eq!(lines, made(&new));
}

#[tokio::test]
async fn a_write_that_fails_keeps_no_other_from_being_made_and_is_told() {
    let all = [
        "POST ALERTS",
        "PUT ALERTS/new1/status",
        "POST ALERTS",
        "PUT ALERTS/new2/status",
    ];
    for (failing, code, new) in [
        (format!("POST {ALERTS}"), 403, &["POST ALERTS", "POST ALERTS"][..]),
        (format!("DELETE {ALERTS}"), 500, &all),
        (format!("PUT {ALERTS}/seen"), 409, &all),
        (format!("POST {APPROVALS}"), 500, &all),
    ] {
        let (result, lines) = written_while_failing(Some(&failing), code).await;
        let told = matches!(result, Err(kube::Error::Api(status)) if status.code == code);
        assert!(told, "{failing}");
        assert_eq!(lines, made(new), "{failing}");
    }
}
