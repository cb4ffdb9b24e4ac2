//! The programs that make up the cluster, with their command lines, in the order in which they start.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::config::{ETCD, NODE, NODE_ADDRESS, PAUSE, POD_RANGE, SERVICE_RANGE};
use super::kubeconfig::Kubectl;
use super::state::State;
use super::{dns, process, registry};
use crate::setup::go;
use crate::{progress, run};

/// All of them; a healthy cluster runs each.
pub const NAMES: [&str; 8] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "registry",
    "containerd",
    "kubelet",
    "kube-proxy",
];

const PATIENCE: Duration = Duration::from_secs(90);

/// Starts everything and waits until pods can be created.
pub fn start(state: &State, programs: &Path) -> Result<()> {
    let kubectl = Kubectl::local(state, programs);
    let begin = |name: &str, arguments: Vec<String>| process::start(state, name, &programs.join(name), &arguments);
    progress::step("starting etcd and the API server", || {
        begin("etcd", etcd(state))?;
        begin("kube-apiserver", api_server(state))?;
        ready(state, "kube-apiserver", || {
            run::succeeds(kubectl.command().args(["get", "--raw", "/readyz"]))
        })
    })?;
    progress::step("starting the image registry and containerd", || {
        process::start(
            state,
            "registry",
            Path::new("docker-registry"),
            &["serve".into(), state.text("registry.yml")],
        )?;
        process::start(
            state,
            "containerd",
            Path::new("containerd"),
            &["--config".into(), state.text("containerd.toml")],
        )?;
        let socket = state.path("containerd.sock");
        ready(state, "containerd", || socket.exists())?;
        registry::push(state, &go::pause()?, PAUSE)
    })?;
    std::thread::scope(|scope| {
        let image = scope.spawn(|| dns::push(state));
        start_node(state, &kubectl, begin)?;
        image.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    progress::step("starting the cluster's DNS", || dns::start(state, &kubectl))
}

fn start_node(state: &State, kubectl: &Kubectl, begin: impl Fn(&str, Vec<String>) -> Result<()>) -> Result<()> {
    progress::step("starting the controller manager, the scheduler and the node", || {
        begin("kube-controller-manager", controller_manager(state))?;
        begin("kube-scheduler", scheduler(state))?;
        begin("kubelet", kubelet(state))?;
        begin("kube-proxy", vec!["--config".into(), state.text("proxy.json")])?;
        ready(state, "kubelet", || node_ready(kubectl))?;
        // Without it no pod is admitted.
        let account = ["get", "serviceaccount", "default"];
        ready(state, "kube-controller-manager", || {
            run::succeeds(kubectl.command().args(account))
        })
    })
}

/// Whether the API server says that the node is ready.
pub fn node_ready(kubectl: &Kubectl) -> bool {
    let question = [
        "get",
        "node",
        NODE,
        "-o",
        "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}",
    ];
    run::output(kubectl.command().args(["--request-timeout=5s"]).args(question)).is_ok_and(|status| status == "True")
}

fn ready(state: &State, name: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
    let mut dead = false;
    let waited = run::wait_until(&format!("{name} to be ready"), PATIENCE, || {
        dead = process::running(state, name).is_none();
        dead || holds()
    });
    let log = state.log(name);
    waited
        .and_then(|()| if dead { anyhow::bail!("{name} ended") } else { Ok(()) })
        .with_context(|| last_words(&log))
}

fn last_words(log: &PathBuf) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    format!(
        "the end of {} is:\n{}",
        log.display(),
        lines[lines.len().saturating_sub(8)..].join("\n")
    )
}

fn flags<const N: usize>(values: [(&str, String); N]) -> Vec<String> {
    values.map(|(flag, value)| format!("--{flag}={value}")).into()
}

fn etcd(state: &State) -> Vec<String> {
    flags([
        ("data-dir", state.text("etcd")),
        ("listen-client-urls", ETCD.into()),
        ("advertise-client-urls", ETCD.into()),
        ("listen-peer-urls", "https://127.0.0.1:2380".into()),
        // Who may write here is the cluster's administrator: certificates, on this machine too.
        ("client-cert-auth", "true".into()),
        ("trusted-ca-file", state.text("pki/ca.crt")),
        ("cert-file", state.text("pki/apiserver.crt")),
        ("key-file", state.text("pki/apiserver.key")),
        ("peer-client-cert-auth", "true".into()),
        ("peer-trusted-ca-file", state.text("pki/ca.crt")),
        ("peer-cert-file", state.text("pki/apiserver.crt")),
        ("peer-key-file", state.text("pki/apiserver.key")),
        // Nothing here has to survive a power cut.
        ("unsafe-no-fsync", "true".into()),
        ("log-level", "warn".into()),
    ])
}

fn api_server(state: &State) -> Vec<String> {
    flags([
        ("etcd-servers", ETCD.into()),
        ("etcd-cafile", state.text("pki/ca.crt")),
        ("etcd-certfile", state.text("pki/apiserver.crt")),
        ("etcd-keyfile", state.text("pki/apiserver.key")),
        ("advertise-address", NODE_ADDRESS.into()),
        ("bind-address", NODE_ADDRESS.into()),
        ("secure-port", "6443".into()),
        ("service-cluster-ip-range", SERVICE_RANGE.into()),
        ("authorization-mode", "Node,RBAC".into()),
        ("enable-admission-plugins", "NodeRestriction".into()),
        ("allow-privileged", "true".into()),
        ("client-ca-file", state.text("pki/ca.crt")),
        ("tls-cert-file", state.text("pki/apiserver.crt")),
        ("tls-private-key-file", state.text("pki/apiserver.key")),
        ("cert-dir", state.text("pki")),
        ("service-account-issuer", "https://kubernetes.default.svc".into()),
        ("service-account-key-file", state.text("pki/sa.pub")),
        ("service-account-signing-key-file", state.text("pki/sa.key")),
        ("kubelet-client-certificate", state.text("pki/admin.crt")),
        ("kubelet-client-key", state.text("pki/admin.key")),
        ("kubelet-preferred-address-types", "InternalIP".into()),
        ("audit-policy-file", state.text("audit-policy.json")),
        ("audit-log-path", state.audit_log().display().to_string()),
        ("audit-log-maxsize", "100".into()),
        ("audit-log-maxbackup", "2".into()),
    ])
}

fn controller_manager(state: &State) -> Vec<String> {
    let kubeconfig = state.text("controller-manager.kubeconfig");
    flags([
        ("kubeconfig", kubeconfig.clone()),
        ("authentication-kubeconfig", kubeconfig.clone()),
        ("authorization-kubeconfig", kubeconfig),
        ("bind-address", "127.0.0.1".into()),
        ("service-account-private-key-file", state.text("pki/sa.key")),
        ("root-ca-file", state.text("pki/ca.crt")),
        ("use-service-account-credentials", "true".into()),
        ("allocate-node-cidrs", "true".into()),
        ("cluster-cidr", POD_RANGE.into()),
        ("flex-volume-plugin-dir", state.text("volume-plugins")),
        ("leader-elect", "false".into()),
    ])
}

fn scheduler(state: &State) -> Vec<String> {
    let kubeconfig = state.text("scheduler.kubeconfig");
    flags([
        ("kubeconfig", kubeconfig.clone()),
        ("authentication-kubeconfig", kubeconfig.clone()),
        ("authorization-kubeconfig", kubeconfig),
        ("bind-address", "127.0.0.1".into()),
        ("leader-elect", "false".into()),
    ])
}

fn kubelet(state: &State) -> Vec<String> {
    flags([
        ("config", state.text("kubelet.json")),
        ("kubeconfig", state.text("kubelet.kubeconfig")),
        ("hostname-override", NODE.into()),
        ("node-ip", NODE_ADDRESS.into()),
        ("root-dir", state.text("kubelet")),
        ("cert-dir", state.text("pki")),
    ])
}
