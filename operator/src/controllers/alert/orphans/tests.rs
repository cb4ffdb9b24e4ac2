//! Alerts whose baseline is gone.

use anchorwatch_crds::v1alpha1::Days;
use jiff::Timestamp;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::*;
use crate::testkit::{Calls, HandMade, api_server, drift_alert, put};

const DAY: i64 = 86_400;

fn agent() -> WorkloadKey {
    WorkloadKey::new("shop", "Deployment", "agent")
}

/// An open alert of the agent that was last seen so many days ago.
fn alert(days: i64) -> Value {
    let seen = Timestamp::from_second(clock::now().as_second() - days * DAY).unwrap();
    let mut alert = drift_alert(1, "High", "Escalated");
    alert["metadata"]["resourceVersion"] = json!("7");
    alert["status"]["lastSeen"] = json!(seen.to_string());
    alert
}

fn baseline() -> Value {
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "BehaviorBaseline",
        "metadata": {"namespace": "shop", "name": "deployment-agent"},
        "spec": {"workload": {"kind": "Deployment", "name": "agent"}},
    })
}

async fn reconciled(made: &HandMade) -> (Calls, Option<Duration>) {
    let (client, calls) = api_server(|_| (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})));
    let again = reconcile(&made.context(client), &Expected::default(), agent())
        .await
        .unwrap();
    (calls, again)
}

#[tokio::test]
async fn an_open_alert_goes_when_it_was_not_seen_for_as_long_as_anybody_keeps_alerts() {
    let mut made = HandMade::new();
    put(&mut made.feeds.alerts, alert(29));
    let (calls, again) = reconciled(&made).await;
    assert_eq!(calls.lines().len(), 0);
    assert!(
        again.is_some_and(|again| again <= Duration::from_hours(24)),
        "{again:?}"
    );
    put(&mut made.feeds.alerts, alert(30));
    let (calls, _) = reconciled(&made).await;
    let line = "DELETE /apis/anchorwatch.dev/v1alpha1/namespaces/shop/driftalerts/deployment-agent-1";
    assert_eq!(calls.lines(), [line]);
    assert_eq!(calls.last(line)["preconditions"]["resourceVersion"], "7");

    let mut policy = crate::testkit::agent_policy();
    policy["spec"]["alerts"] = json!({"retention": String::from(Days::new(60).unwrap())});
    put(&mut made.feeds.policies, policy);
    let (calls, _) = reconciled(&made).await;
    assert_eq!(calls.lines().len(), 0, "some policy keeps them for longer");
}

#[tokio::test]
async fn an_alert_whose_baseline_is_there_is_left_to_it() {
    let mut made = HandMade::new();
    put(&mut made.feeds.baselines, baseline());
    put(&mut made.feeds.alerts, alert(900));
    let (calls, again) = reconciled(&made).await;
    assert_eq!((calls.lines().len(), again), (0, None));
}

#[tokio::test]
async fn a_baseline_that_goes_concerns_the_alerts_that_it_leaves_and_one_that_is_there_none() {
    let mut made = HandMade::new();
    put(&mut made.feeds.alerts, alert(1));
    let gone = Change::Baseline(baselines::reference(&agent()));
    assert_eq!(concerned(&made.world, gone.clone()), [agent()]);
    let told = serde_json::from_value(alert(1)).unwrap();
    let told = Change::Alert(std::sync::Arc::new(told));
    assert_eq!(concerned(&made.world, told.clone()), [agent()]);
    put(&mut made.feeds.baselines, baseline());
    assert_eq!(
        (concerned(&made.world, gone), concerned(&made.world, told)),
        (vec![], vec![])
    );
}

#[test]
fn the_alert_of_a_namespace_is_none_that_a_baseline_left() {
    let mut made = HandMade::new();
    let mut overflow = alert(1);
    overflow["status"]["workload"] = json!({"kind": "Namespace", "name": "shop"});
    made.feeds
        .alerts
        .apply_watcher_event(&Event::Apply(serde_json::from_value(overflow.clone()).unwrap()));
    let told = Change::Alert(std::sync::Arc::new(serde_json::from_value(overflow).unwrap()));
    assert_eq!(concerned(&made.world, told), []);
}
