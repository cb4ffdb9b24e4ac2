//! The cluster's DNS: CoreDNS as a Deployment behind the Service that the kubelet writes into every pod's `resolv.conf`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::config::{DNS_ADDRESS, DNS_PORT, OUTSIDE, OUTSIDE_NAMES, PAUSE, REGISTRY, SERVICE_ADDRESS};
use super::kubeconfig::Kubectl;
use super::registry;
use super::state::State;
use crate::run;
use crate::setup::{go, versions};

const NAMESPACE: &str = "kube-system";
const NAME: &str = "coredns";
/// By this label and Service clusters know their DNS, whatever it is.
const LABEL: &str = "kube-dns";

const PATIENCE: Duration = Duration::from_mins(1);

/// Pushes its image.
pub fn push(state: &State) -> Result<()> {
    registry::push(state, &go::coredns()?, (NAME, versions::COREDNS))
}

/// Starts it and waits until it answers.
pub fn start(state: &State, kubectl: &Kubectl) -> Result<()> {
    let path = state.path("Corefile");
    let corefile = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest = state.path("dns.json");
    run::write_atomically(&manifest, objects(&corefile).to_string())?;
    run::quiet(kubectl.command().args(["apply", "--filename"]).arg(&manifest))?;
    run::wait_until("the cluster's DNS", PATIENCE, || is_ready(kubectl))
}

/// Whether it says that it answers.
pub fn is_ready(kubectl: &Kubectl) -> bool {
    let question = [
        "--request-timeout=5s",
        "--namespace",
        NAMESPACE,
        "get",
        "deployment",
        NAME,
        "--output=jsonpath={.status.readyReplicas}",
    ];
    run::output(kubectl.command().args(question)).is_ok_and(|ready| ready == "1")
}

/// Whether a pod finds Services and the world outside by their names.
pub fn resolves(kubectl: &Kubectl) -> Result<()> {
    let expected = [
        ("kubernetes.default", SERVICE_ADDRESS),
        ("kube-dns.kube-system.svc", DNS_ADDRESS),
        (OUTSIDE_NAMES[0], OUTSIDE),
    ];
    let image = format!("--image={REGISTRY}/{}:{}", PAUSE.0, PAUSE.1);
    let mut command = kubectl.command();
    command.args(["run", "resolves", "--restart=Never", &image, "--"]);
    run::quiet(command.args(expected.map(|(name, _)| name)))?;
    let finished = [
        "wait",
        "--for=jsonpath={.status.phase}=Succeeded",
        "--timeout=60s",
        "pod/resolves",
    ];
    let finished = run::quiet(kubectl.command().args(finished));
    let found = run::output(kubectl.command().args(["logs", "resolves"]))?;
    finished.with_context(|| format!("a pod that looked names up said {found:?}"))?;
    let wanted = expected.map(|(name, address)| format!("{name} {address}")).join("\n");
    ensure!(found == wanted, "a pod found {found:?} instead of {wanted:?}");
    Ok(())
}

fn objects(corefile: &str) -> Value {
    let named = |name: &str| json!({"name": name, "namespace": NAMESPACE, "labels": {"k8s-app": LABEL}});
    let role = format!("system:{NAME}");
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": named(NAME)},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": role}, "rules": [
            {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"],
             "verbs": ["list", "watch"]},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]}]},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": role},
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
         "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}]},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named(NAME), "data": {"Corefile": corefile}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": named(NAME), "spec": {
            "selector": {"matchLabels": {"k8s-app": LABEL}},
            "template": {"metadata": {"labels": {"k8s-app": LABEL}}, "spec": pod()}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": named(LABEL), "spec": {
            "clusterIP": DNS_ADDRESS,
            "selector": {"k8s-app": LABEL},
            "ports": [{"name": "dns", "protocol": "UDP", "port": 53, "targetPort": DNS_PORT},
                      {"name": "dns-tcp", "protocol": "TCP", "port": 53, "targetPort": DNS_PORT}]}},
    ]})
}

fn pod() -> Value {
    let probe =
        |path: &str, port: u16, period: u16| json!({"httpGet": {"path": path, "port": port}, "periodSeconds": period});
    json!({
        "serviceAccountName": NAME,
        // It is whom others ask.
        "dnsPolicy": "Default",
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": 2,
        "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532},
        "containers": [{
            "name": NAME,
            "image": format!("{REGISTRY}/{NAME}:{}", versions::COREDNS),
            "args": ["-conf", "/etc/coredns/Corefile"],
            "ports": [{"name": "dns", "containerPort": DNS_PORT, "protocol": "UDP"},
                      {"name": "dns-tcp", "containerPort": DNS_PORT, "protocol": "TCP"}],
            "livenessProbe": probe("/health", 8080, 10),
            "readinessProbe": probe("/ready", 8181, 1),
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
            "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                                "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": true}],
        }],
        "volumes": [{"name": "config", "configMap": {"name": NAME}}],
    })
}
