//! What a cluster holds in which an agent was learned, rolled out twice, and started a shell: in the six days before this
//! one.

use std::collections::BTreeMap;

use jiff::Timestamp;

use serde_json::{Value, json};

const GROUP: &str = "/apis/anchorwatch.dev/v1alpha1";

/// Midnight of this day, in days since 1970.
fn today() -> i64 {
    Timestamp::now().as_second() / 86_400
}

/// So many hours of the day that is so many days ago.
fn ago(days: i64, hours: i64) -> String {
    Timestamp::from_second((today() - days) * 86_400 + hours * 3_600)
        .unwrap()
        .to_string()
}

/// Objects by the paths under which they are asked for.
pub fn objects() -> BTreeMap<String, Value> {
    let mut objects = BTreeMap::new();
    let baselines = [baseline("Deployment", "agent"), baseline("CronJob", "nightly")];
    let shell = "/usr/bin/bash started by /usr/bin/python3 is not in the baseline";
    let alerts = [
        alert(
            "deployment-agent-4f0c9d1e",
            &format!("9c1f{}", "0".repeat(28)),
            "Medium",
            shell,
        ),
        alert("deployment-agent-5e1d8c2f", &"b".repeat(32), "Low", EVIL),
    ];
    let records: Vec<Value> = (3..=5).map(record).collect();
    let policies = [policy()];
    for (plural, items) in [
        ("behaviorbaselines", baselines.as_slice()),
        ("driftalerts", alerts.as_slice()),
        ("rolloutrecords", records.as_slice()),
        ("driftpolicies", policies.as_slice()),
        ("behaviorapprovals", &[]),
    ] {
        objects.insert(format!("{GROUP}/{plural}"), list(items));
        objects.insert(format!("{GROUP}/namespaces/shop/{plural}"), list(items));
        for item in items {
            let name = item["metadata"]["name"].as_str().unwrap();
            objects.insert(format!("{GROUP}/namespaces/shop/{plural}/{name}"), item.clone());
        }
    }
    objects.insert(format!("{GROUP}/clusterdriftpolicies"), list(&[]));
    objects.insert(format!("{GROUP}/sensorreports"), list(&[report()]));
    objects.insert(
        "/api/v1/nodes".into(),
        list(&[json!({
            "metadata": {"name": "node1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        })]),
    );
    let keys = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "anchorwatch-public-keys"},
        "data": {"keys.json": "[]"},
    });
    objects.insert(
        "/api/v1/namespaces/anchorwatch-system/configmaps/anchorwatch-public-keys".into(),
        keys,
    );
    objects
}

fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1"}, "items": items})
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "what json!() makes is there for nobody else"
)]
fn object(kind: &str, name: &str, spec: Value, status: Value) -> Value {
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": kind,
        "metadata": {
            "namespace": "shop", "name": name, "resourceVersion": "1",
            "labels": {"anchorwatch.dev/name": "agent", "anchorwatch.dev/kind": "Deployment"},
        },
        "spec": spec, "status": status,
    })
}

/// What a process is, and on which of so many days, in which of three revisions, it was seen.
fn process(parent: &str, executable: &str, days: i64, revisions: i64) -> Value {
    json!({
        "process": {"origin": "entrypoint", "parent": parent, "executable": executable, "source": "image"},
        "count": days * 24, "pods": 2, "days": days, "lastDay": today() - 1, "revisions": revisions,
        "firstSeen": ago(6, 6), "lastSeen": ago(1, 6),
    })
}

/// A name that would be a script, a picture, an escape sequence and a line of its own.
pub const EVIL: &str = "/tmp/</title></svg><script>document.title='owned'</script><img src=x onerror=document.title='owned'>\n# z\u{1b}[2J";

fn baseline(kind: &str, name: &str) -> Value {
    let mut evil = process("/usr/bin/bash", EVIL, 1, 4);
    evil["state"] = "Quarantined".into();
    evil["id"] = "b".repeat(32).into();
    evil["rule"] = "process-outside-baseline".into();
    let mut shell = process("/usr/bin/python3", "/usr/bin/bash", 1, 4);
    shell["state"] = "Quarantined".into();
    shell["id"] = "a".repeat(32).into();
    shell["rule"] = "process-outside-baseline".into();
    let processes = json!([
        process("", "/usr/bin/python3", 63, 7),
        process("/usr/bin/python3", "/usr/bin/date", 63, 7),
        process("/usr/bin/python3", "/usr/bin/git", 15, 7),
        process("/usr/bin/git", "/usr/lib/git-core/git-remote-https", 15, 7),
        process("/usr/bin/python3", "/usr/bin/id", 60, 3),
        process("/usr/bin/python3", "/usr/bin/nproc", 2, 4),
        shell,
        evil,
    ]);
    let flows = json!([{
        "network": {
            "origin": "entrypoint", "executable": "/usr/bin/python3", "direction": "connect", "protocol": "tcp", "port": 443,
            "destination": {"name": "api.example.org"},
        },
        "count": 90, "pods": 2, "days": 63, "lastDay": today() - 1, "revisions": 7,
        "firstSeen": ago(6, 6), "lastSeen": ago(1, 6),
    }]);
    // Each hour of the six days up to this day, three of them with losses.
    let hours = json!({"last": today() * 24 - 1, "bits": "f".repeat(36)});
    let feed = |feed: &str, entries: Value, lossy: Value| {
        json!({
            "feed": feed, "state": "Enforcing", "startedAt": ago(6, 0), "hoursObserved": 144,
            "observed": hours, "lossy": lossy, "expectedNewPerWeek": 1.3, "atMostNewPerWeek": 4, "entries": entries,
            "losses": [{"reason": "ring_full", "count": 7, "last": ago(5, 0)}],
        })
    };
    let lossy = json!({"last": today() * 24 - 40, "bits": "7"});
    let revisions: Vec<Value> = (3..=5)
        .map(|number| json!({"templateHash": format!("h{number}"), "observed": {"last": (today() - 4) * 24 - 1 + 48 * (number - 3), "bits": "f".repeat(12)}}))
        .collect();
    object(
        "BehaviorBaseline",
        &format!("{}-{name}", kind.to_lowercase()),
        json!({"workload": {"kind": kind, "name": name}}),
        json!({
            "state": "Enforcing", "expectedNewPerWeek": 1.3, "hoursObserved": 144, "podLabels": {"app": name},
            "revisions": revisions,
            "containers": [{"name": "app", "feeds": [
                feed("process", processes, lossy), feed("network", flows, json!({}))
            ]}],
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "Enforcing", "message": "every container's deviations are raised",
                "lastTransitionTime": ago(5, 0),
            }],
        }),
    )
}

/// An alert with one finding.
fn alert(name: &str, id: &str, severity: &str, summary: &str) -> Value {
    let finding = json!({
        "id": id, "rule": "process-outside-baseline", "feed": "process", "summary": summary, "severity": severity,
        "state": "Observed", "lineage": ["/usr/bin/python3", "/usr/bin/bash"], "count": 3, "pods": 1,
        "firstSeen": ago(2, 6), "lastSeen": ago(1, 6),
        "process": {"origin": "entrypoint", "executable": "/usr/bin/bash", "source": "image"},
    });
    object(
        "DriftAlert",
        name,
        json!({}),
        json!({
            "severity": severity, "state": "Observed", "workload": {"kind": "Deployment", "name": "agent"},
            "workloadName": "Deployment/agent", "container": "app", "summary": summary, "count": 3, "pods": 1,
            "lastSeen": ago(1, 6), "findings": [finding], "policy": "shop/agents",
        }),
    )
}

/// What the operator answers to a search: the shell, as if it were exactly what was asked for.
pub fn answered(asked: &Value) -> Value {
    let answer = json!({
        "namespace": "shop", "kind": "Deployment", "name": "agent", "container": "app", "executable": "/usr/bin/bash",
        "command": asked["command"], "similarity": 1.0, "firstSeen": ago(2, 6), "lastSeen": ago(1, 6),
    });
    json!({"phase": "Answered", "asOf": ago(0, 0), "searched": 2, "leftOut": 0, "answers": [answer]})
}

fn record(revision: i64) -> Value {
    object(
        "RolloutRecord",
        &format!("deployment-agent-{revision}"),
        json!({
            "workload": {"kind": "Deployment", "name": "agent"}, "workloadUid": "u", "revision": revision,
            "templateHash": format!("h{revision}"), "witness": "w",
            "containers": [{"name": "app", "image": "agent:1", "digest": format!("sha256:{}", "0".repeat(64))}],
            "startedAt": ago(6 - 2 * (revision - 3), 0),
            "recordedAt": ago(6 - 2 * (revision - 3), 0),
        }),
        json!({}),
    )
}

fn policy() -> Value {
    let selector = json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]});
    object("DriftPolicy", "agents", json!({"selector": selector}), json!({}))
}

fn report() -> Value {
    let hook = |name: &str, feed: &str| json!({"name": name, "feed": feed, "state": "attached"});
    let hooks = [
        hook("exec", "process"),
        hook("connect4", "network"),
        hook("mmap", "module"),
    ];
    let spec = json!({"nodeUid": "u", "epoch": "e", "seq": 7, "sentAt": ago(0, 0), "hooks": hooks});
    let mut report = object(
        "SensorReport",
        "node1",
        spec,
        json!({"acknowledged": {"epoch": "e", "seq": 7}}),
    );
    report["metadata"]["namespace"] = Value::Null;
    report
}
