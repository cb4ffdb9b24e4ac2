//! Who may write what: sensors with the real tokens of two nodes, and people who decide.

use anchorwatch_e2e::Cluster;
use anchorwatch_e2e::install::{Component, Install};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Node, Pod, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Client, Error};
use serde_json::{Value, json};

use super::support::{object, objects, refusal};

/// A node that exists in the API alone, and a pod of the sensor's that is bound to it.
struct SecondNode {
    cluster: Cluster,
    install: Install,
    name: String,
}

/// A node and a token of the sensor on it.
struct Sensor {
    node: String,
    node_uid: String,
    client: Client,
}

impl SecondNode {
    async fn made(cluster: &Cluster, name: &str) -> Self {
        let second = Self {
            cluster: cluster.clone(),
            install: Install::of(cluster),
            name: name.to_owned(),
        };
        second.remove().await;
        let node: Node = serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {"taints": [{"key": "e2e.anchorwatch.dev/no-kubelet", "effect": "NoSchedule"}]}
        }))
        .unwrap();
        Api::all(cluster.client.clone())
            .create(&PostParams::default(), &node)
            .await
            .unwrap();
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {
                "nodeName": name,
                "serviceAccountName": second.install.object(Component::Sensor),
                "tolerations": [{"operator": "Exists"}],
                "containers": [{"name": "never-starts", "image": "none.invalid/none:0"}]
            }
        }))
        .unwrap();
        second.pods().create(&PostParams::default(), &pod).await.unwrap();
        second
    }

    async fn sensor(&self) -> Sensor {
        let pod = self.pods().get(&self.name).await.unwrap();
        sensor(&self.cluster, &self.install, &pod).await
    }

    /// Also what a run that was cut short left behind.
    async fn remove(&self) {
        let at_once = DeleteParams::default().grace_period(0);
        absent_is_fine(self.pods().delete(&self.name, &at_once).await.map(drop));
        let nodes: Api<Node> = Api::all(self.cluster.client.clone());
        absent_is_fine(nodes.delete(&self.name, &DeleteParams::default()).await.map(drop));
        let reports = reports(&self.cluster.client);
        absent_is_fine(reports.delete(&self.name, &DeleteParams::default()).await.map(drop));
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.cluster.client.clone(), &self.install.namespace)
    }
}

fn absent_is_fine(result: Result<(), Error>) {
    match result {
        Err(Error::Api(status)) if status.code == 404 => {}
        other => other.unwrap(),
    }
}

fn reports(client: &Client) -> Api<DynamicObject> {
    objects(client, "SensorReport", "sensorreports", None)
}

/// The sensor of the pod's node, with a token that is bound to that pod.
async fn sensor(cluster: &Cluster, install: &Install, pod: &Pod) -> Sensor {
    let node = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.node_name.clone())
        .expect("the pod is on a node");
    let binding = json!({
        "apiVersion": "v1", "kind": "Pod", "name": pod.metadata.name, "uid": pod.metadata.uid
    });
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let node_uid = nodes.get(&node).await.unwrap().metadata.uid.unwrap();
    Sensor {
        node,
        node_uid,
        client: token(cluster, install, Some(binding)).await,
    }
}

async fn token(cluster: &Cluster, install: &Install, binding: Option<Value>) -> Client {
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), &install.namespace);
    let request: TokenRequest = serde_json::from_value(json!({
        "metadata": {},
        "spec": {"audiences": [], "expirationSeconds": 600, "boundObjectRef": binding}
    }))
    .unwrap();
    let name = install.object(Component::Sensor);
    let answer = accounts
        .create_token_request(&name, &PostParams::default(), &request)
        .await
        .unwrap();
    cluster.with_token(&answer.status.unwrap().token).unwrap()
}

impl Sensor {
    /// Whether this sensor's token may write that report. Nothing is kept: a real sensor may live on the node.
    async fn would_write(&self, node: &str, node_uid: &str) -> Result<DynamicObject, Error> {
        apply(&self.client, node, node_uid, true).await
    }
}

async fn apply(client: &Client, node: &str, node_uid: &str, dry_run: bool) -> Result<DynamicObject, Error> {
    let spec = json!({"nodeUid": node_uid, "epoch": "e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0", "seq": 1});
    let parameters = PatchParams {
        dry_run,
        ..PatchParams::apply("anchorwatch-sensor").force()
    };
    reports(client)
        .patch(node, &parameters, &Patch::Apply(object("SensorReport", node, &spec)))
        .await
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_sensors_token_writes_the_report_of_its_own_node_alone() {
    let cluster = Cluster::offered().await.unwrap();
    let install = Install::of(&cluster);
    let second = SecondNode::made(&cluster, "e2e-second-node").await;
    let first_pod = install.pods(Component::Sensor).await.unwrap().into_iter().find(|pod| {
        pod.spec
            .as_ref()
            .and_then(|spec| spec.node_name.as_deref())
            .is_some_and(|node| node != second.name)
    });
    let first = sensor(&cluster, &install, &first_pod.expect("a sensor runs")).await;
    let other = second.sensor().await;
    for (own, foreign) in [(&first, &other), (&other, &first)] {
        own.would_write(&own.node, &own.node_uid).await.unwrap();
        let said = refusal(own.would_write(&foreign.node, &foreign.node_uid).await);
        assert!(
            said.contains(&format!("metadata.name is {}; expected {}", foreign.node, own.node)),
            "{said}"
        );
        let said = refusal(own.would_write(&own.node, &foreign.node_uid).await);
        assert!(
            said.contains(&format!(
                "expected {}, the node that the token is bound to",
                own.node_uid
            )),
            "{said}"
        );
        let said = refusal(reports(&own.client).get(&foreign.node).await);
        assert!(said.contains("cannot get resource \"sensorreports\""), "{said}");
    }
    second.remove().await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_sensors_token_that_names_no_node_writes_nothing() {
    let cluster = Cluster::offered().await.unwrap();
    let client = token(&cluster, &Install::of(&cluster), None).await;
    let said = refusal(apply(&client, "anywhere", "u", true).await);
    assert!(said.contains("the token names no node"), "{said}");
}

/// Somebody whom a careless role lets write everything of ours.
const MALLORY: &str = "e2e-mallory";

async fn careless_role(cluster: &Cluster) {
    forget_careless_role(cluster).await;
    let role: ClusterRole = serde_json::from_value(json!({
        "metadata": {"name": MALLORY},
        "rules": [{"apiGroups": ["anchorwatch.dev"], "resources": ["*"], "verbs": ["*"]}]
    }))
    .unwrap();
    Api::all(cluster.client.clone())
        .create(&PostParams::default(), &role)
        .await
        .unwrap();
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": MALLORY},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": MALLORY},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": MALLORY}]
    }))
    .unwrap();
    Api::all(cluster.client.clone())
        .create(&PostParams::default(), &binding)
        .await
        .unwrap();
}

async fn forget_careless_role(cluster: &Cluster) {
    let parameters = DeleteParams::default();
    let roles: Api<ClusterRole> = Api::all(cluster.client.clone());
    absent_is_fine(roles.delete(MALLORY, &parameters).await.map(drop));
    let bindings: Api<ClusterRoleBinding> = Api::all(cluster.client.clone());
    absent_is_fine(bindings.delete(MALLORY, &parameters).await.map(drop));
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_careless_role_lets_nobody_forge_reports_or_acknowledgements() {
    let cluster = Cluster::offered().await.unwrap();
    let second = SecondNode::made(&cluster, "e2e-forged-node").await;
    let sensor = second.sensor().await;
    apply(&sensor.client, &sensor.node, &sensor.node_uid, false)
        .await
        .unwrap();
    careless_role(&cluster).await;
    let mallory = cluster.impersonate(MALLORY, &["system:authenticated"]).unwrap();
    let said = refusal(apply(&mallory, &sensor.node, &sensor.node_uid, true).await);
    assert!(
        said.contains("only sensors write SensorReports, not e2e-mallory"),
        "{said}"
    );
    let status = json!({"status": {"acknowledged": {"epoch": "e", "seq": 9}}});
    let parameters = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let forged = reports(&mallory)
        .patch_status(&sensor.node, &parameters, &Patch::Merge(&status))
        .await;
    let said = refusal(forged);
    assert!(
        said.contains("only the operator acknowledges SensorReports, not e2e-mallory"),
        "{said}"
    );
    forget_careless_role(&cluster).await;
    second.remove().await;
}

async fn person(cluster: &Cluster, namespace: &str, name: &str) -> Api<DynamicObject> {
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "anchorwatch-edit"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]
    }))
    .unwrap();
    Api::namespaced(cluster.client.clone(), namespace)
        .create(&PostParams::default(), &binding)
        .await
        .unwrap();
    let client = cluster.impersonate(name, &["system:authenticated"]).unwrap();
    objects(&client, "DriftAlert", "driftalerts", Some(namespace))
}

fn decision(finding: &str, by: &str) -> Patch<Value> {
    let disposition = json!({"decision": "Dismiss", "reason": "known", "decidedBy": by});
    Patch::Merge(json!({"spec": {"dispositions": {finding: disposition}}}))
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn whoever_decides_about_a_finding_signs_with_the_own_name() {
    let cluster = Cluster::offered().await.unwrap();
    let namespace = cluster.fresh_namespace("decided-by").await.unwrap();
    let alerts = objects(&cluster.client, "DriftAlert", "driftalerts", Some(&namespace));
    alerts
        .create(&PostParams::default(), &object("DriftAlert", "an-alert", &json!({})))
        .await
        .unwrap();
    let alice = person(&cluster, &namespace, "alice").await;
    let bob = person(&cluster, &namespace, "bob").await;
    let parameters = PatchParams::default();

    let said = refusal(alice.patch("an-alert", &parameters, &decision("f1", "bob")).await);
    assert!(said.contains("must be your own name, alice"), "{said}");
    alice
        .patch("an-alert", &parameters, &decision("f1", "alice"))
        .await
        .unwrap();
    let said = refusal(bob.patch("an-alert", &parameters, &decision("f1", "alice-2")).await);
    assert!(said.contains("must be your own name, bob"), "{said}");
    // What alice decided stays hers when bob decides about something else.
    bob.patch("an-alert", &parameters, &decision("f2", "bob"))
        .await
        .unwrap();
    let kept = alerts.get("an-alert").await.unwrap();
    let by = |finding: &str| kept.data["spec"]["dispositions"][finding]["decidedBy"].clone();
    assert_eq!((by("f1"), by("f2")), (json!("alice"), json!("bob")));
    cluster.delete_namespace(&namespace).await.unwrap();
}
