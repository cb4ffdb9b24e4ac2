//! The cluster's constants and its components' configuration files.

use serde_json::{Value, json};

use super::state::State;

pub const NODE: &str = "node1";
/// From the range that RFC 2544 keeps for tests: no real network uses it.
pub const NODE_ADDRESS: &str = "198.18.0.1";
pub const API_SERVER: &str = "https://198.18.0.1:6443";
pub const SERVICE_RANGE: &str = "10.96.0.0/16";
/// The API server's own Service: the first address of the range.
pub const SERVICE_ADDRESS: &str = "10.96.0.1";
/// What pods reach and the cluster does not know: all of it is this machine's. From the same range as the node's address.
pub const OUTSIDE_RANGE: &str = "198.19.0.1/16";
/// An address of it, by which the cluster's DNS knows [`OUTSIDE_NAMES`].
pub const OUTSIDE: &str = "198.19.0.1";
/// As names on the Internet are shared: two that have nothing in common but their address.
pub const OUTSIDE_NAMES: [&str; 2] = ["api.example.test", "api.other.test"];
/// Address of the cluster's DNS.
pub const DNS_ADDRESS: &str = "10.96.0.10";
/// Where it listens in its pod: below 1024 it would need a privilege.
pub const DNS_PORT: u16 = 5353;
const CLUSTER_DOMAIN: &str = "cluster.local";
pub const POD_RANGE: &str = "10.244.0.0/16";
const POD_SUBNET: &str = "10.244.0.0/24";
pub const POD_NETWORK: &str = "anchorwatch-pods";
pub const BRIDGE: &str = "cni0";
pub const REGISTRY: &str = "127.0.0.1:5000";
/// Name and tag of the image that holds a pod's namespaces.
pub const PAUSE: (&str, &str) = ("pause", "1");
pub const ETCD: &str = "https://127.0.0.1:2379";

/// What must be free before we start: somebody else's server is not to be mistaken for ours.
pub const PORTS: [&str; 10] = [
    "127.0.0.1:2379",
    "127.0.0.1:2380",
    "127.0.0.1:5000",
    "127.0.0.1:10248",
    "0.0.0.0:10250",
    "127.0.0.1:10249",
    "0.0.0.0:10256",
    "127.0.0.1:10257",
    "127.0.0.1:10259",
    "0.0.0.0:6443",
];

/// Name and content of every file.
pub fn files(state: &State) -> Vec<(&'static str, String)> {
    vec![
        ("audit-policy.json", audit_policy().to_string()),
        ("registry.yml", registry(state).to_string()),
        ("cni/10-pods.conflist", pod_network(state).to_string()),
        ("containerd.toml", containerd(state)),
        ("kubelet.json", kubelet(state).to_string()),
        ("proxy.json", proxy(state).to_string()),
        ("Corefile", corefile()),
    ]
}

/// Every request once, with who, what and when, and no bodies: tests count API writes with it.
fn audit_policy() -> Value {
    json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
           "rules": [{"level": "Metadata"}]})
}

/// A registry of our own gives pods real manifest digests in `status.containerStatuses[].imageID`.
fn registry(state: &State) -> Value {
    json!({"version": "0.1", "http": {"addr": REGISTRY},
           "storage": {"filesystem": {"rootdirectory": state.text("registry")}, "delete": {"enabled": true}}})
}

/// The bridge plugin alone: masquerading would leave packet filter rules behind, and pods need no address outside.
fn pod_network(state: &State) -> Value {
    json!({"cniVersion": "1.0.0", "name": POD_NETWORK, "plugins": [{
        "type": "bridge", "bridge": BRIDGE, "isGateway": true, "ipMasq": false, "hairpinMode": true,
        "ipam": {"type": "host-local", "dataDir": state.text("addresses"),
                 "ranges": [[{"subnet": POD_SUBNET}]], "routes": [{"dst": "0.0.0.0/0"}]}}]})
}

/// crun gives every container its own cgroup also on hybrid hosts; runc leaves them in the v2 root there.
/// Without `CAP_SYS_RESOURCE` a container's OOM score cannot be lowered: containerd then has to be told not to try.
fn containerd(state: &State) -> String {
    let plugins = if std::path::Path::new("/usr/lib/cni/bridge").exists() {
        "/usr/lib/cni"
    } else {
        "/opt/cni/bin"
    };
    format!(
        r#"version = 2
root = "{root}"
state = "{run}"
[grpc]
  address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{opt}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{REGISTRY}/{pause}:{tag}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{cni}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "crun"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun.options]
        BinaryName = "crun"
        Root = "{crun}"
"#,
        pause = PAUSE.0,
        tag = PAUSE.1,
        root = state.text("containerd/root"),
        run = state.text("containerd/state"),
        socket = state.text("containerd.sock"),
        opt = state.text("containerd/opt"),
        cni = state.text("cni"),
        crun = state.text("crun"),
    )
}

/// Every folder that the kubelet would otherwise make elsewhere is below the state.
fn kubelet(state: &State) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "authentication": {"x509": {"clientCAFile": state.text("pki/ca.crt")}, "anonymous": {"enabled": false},
                           "webhook": {"enabled": true}},
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": CLUSTER_DOMAIN,
        "containerRuntimeEndpoint": format!("unix://{}", state.text("containerd.sock")),
        // The disk is the developer's own: its filling up is not the cluster's business.
        "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%"},
        // Nor are images collected while the disk is nearly full: the pause image would go first.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "failCgroupV1": false,
        "failSwapOn": false,
        // Its iptables chains would outlive it, and kube-proxy's nft tables do not need them.
        "makeIPTablesUtilChains": false,
        "maxPods": 250,
        "podLogsDir": state.text("log/pods"),
        "resolvConf": "",
        "serializeImagePulls": false,
        "staticPodPath": state.text("static-pods"),
        "tlsCertFile": state.text("pki/kubelet.crt"),
        "tlsPrivateKeyFile": state.text("pki/kubelet.key"),
        "volumePluginDir": state.text("volume-plugins"),
    })
}

/// As clusters have it, with names of the world outside in place of a resolver there. Without forwarding, nothing that is
/// asked here leaves the machine.
fn corefile() -> String {
    let outside: Vec<String> = OUTSIDE_NAMES
        .iter()
        .map(|name| format!("        {OUTSIDE} {name}\n"))
        .collect();
    format!(
        "\
.:{DNS_PORT} {{
    errors
    health
    ready
    hosts {{
{}        ttl 60
        fallthrough
    }}
    kubernetes {CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {{
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
}}
",
        outside.concat()
    )
}

/// Nothing of the host's connection tracking is changed: zero means leave it.
fn proxy(state: &State) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "bindAddress": NODE_ADDRESS,
        "healthzBindAddress": "127.0.0.1:10256",
        "clientConnection": {"kubeconfig": state.text("proxy.kubeconfig")},
        "clusterCIDR": POD_RANGE,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "hostnameOverride": NODE,
    })
}
