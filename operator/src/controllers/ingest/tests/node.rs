//! What a node itself did.

use super::*;

const GET: &str = "GET /apis/anchorwatch.dev/v1alpha1/namespaces/anchorwatch/behaviorbaselines/node-node1";
const POST: &str = "POST /apis/anchorwatch.dev/v1alpha1/namespaces/anchorwatch/behaviorbaselines";
const PUT: &str = "PUT /apis/anchorwatch.dev/v1alpha1/namespaces/anchorwatch/behaviorbaselines/node-node1/status";

fn told(behaviors: &[Value]) -> Value {
    let mut report = report(1, "/bin/a");
    report["spec"]["containers"] = json!([]);
    let seen = behaviors.iter().map(|behavior| {
        let mut seen = behavior.clone();
        seen["count"] = json!(1);
        seen["firstSeen"] = json!("2026-01-01T00:00:00.5Z");
        seen["lastSeen"] = json!("2026-01-01T00:00:01.5Z");
        seen
    });
    report["spec"]["nodeBehaviors"] = seen.collect();
    report
}

fn kernel_module(name: &str) -> Value {
    json!({"module": {"origin": "unknown", "kind": "kernel-module", "path": name, "source": "unsupported",
                      "executable": "/usr/bin/kmod"}})
}

/// A world in which a policy asks for alerts of nodes, or only watches the agent.
fn watching(nodes: bool) -> HandMade {
    let mut made = world();
    if nodes {
        let policy = json!({
            "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftPolicy",
            "metadata": {"namespace": "anchorwatch", "name": "nodes"},
            "spec": {"mode": "Alert", "selector": {"matchLabels": {"anchorwatch.dev/workload-kind": "Node"}}},
        });
        put(&mut made.feeds.policies, policy);
    }
    made
}

async fn merged(made: &HandMade, report: Value) -> Calls {
    let held = report.clone();
    let (result, calls) = run_in(made, report, move |call| match call.line.as_str() {
        GET_REPORT => (200, held.clone()),
        POST => (201, versioned(call.body.clone(), "1")),
        PUT | PUT_REPORT => (200, versioned(call.body.clone(), "2")),
        _ => refusal(404, "NotFound"),
    })
    .await;
    result.unwrap();
    calls
}

#[tokio::test]
async fn a_kernel_module_that_no_container_loaded_is_raised_in_the_operators_namespace() {
    let calls = merged(&watching(true), told(&[kernel_module("dummy")])).await;
    assert_eq!(calls.lines(), [GET, GET_REPORT, POST, PUT, PUT_REPORT]);
    let written = calls.last(PUT);
    assert_eq!(written["spec"]["workload"], json!({"kind": "Node", "name": "node1"}));
    let status = &written["status"];
    assert_eq!(status["podLabels"], json!({"anchorwatch.dev/workload-kind": "Node"}));
    assert_eq!((&status["learned"], &status["quarantined"]), (&json!(0), &json!(1)));
    let container = &status["containers"][0];
    let feed = container["feeds"].as_array().unwrap();
    let entry = feed.iter().find_map(|feed| feed.pointer("/entries/0")).unwrap();
    assert_eq!(
        (&container["name"], &entry["rule"], entry.pointer("/module/path")),
        (&json!("node"), &json!("kernel-module-load"), Some(&json!("dummy")))
    );
}

#[tokio::test]
async fn what_is_no_nodes_to_tell_is_refused_and_counted() {
    let made = watching(true);
    let library = json!({"module": {"origin": "unknown", "kind": "library", "path": "/x.so", "source": "image",
                                    "executable": "/bin/a"}});
    let process = json!({"process": {"origin": "entrypoint", "parent": "", "executable": "/bin/a", "source": "image"}});
    let calls = merged(&made, told(&[library, process, json!({})])).await;
    assert_eq!(calls.lines(), [GET_REPORT, PUT_REPORT]);
    assert_eq!(dropped(&made, plan::dropped::NOT_A_NODES), 3);
}

#[tokio::test]
async fn where_no_policy_asks_for_nodes_it_is_counted() {
    let made = watching(false);
    let calls = merged(&made, told(&[kernel_module("dummy")])).await;
    assert_eq!(calls.lines(), [GET_REPORT, PUT_REPORT]);
    assert_eq!(dropped(&made, plan::dropped::NO_POLICY), 1);
}
