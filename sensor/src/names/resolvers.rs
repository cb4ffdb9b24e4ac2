//! Whose answers count for a pod: the resolvers that its specification asks for, never what a container made of that.

use anchorwatch_core::address::{AddressClass, folded};
use k8s_openapi::api::core::v1::PodSpec;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use std::collections::BTreeSet;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// Where resolvers listen whose port nothing tells: `resolv.conf` and a pod's specification know no other.
pub const DNS_PORT: u16 = 53;

/// Most name servers of a pod that are read; the API server allows three.
const NAME_SERVERS: usize = 3;

/// What of a pod's specification says who answers its questions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodDns {
    /// It asks the cluster's DNS.
    pub cluster: bool,
    /// It asks whom the node asks.
    pub node: bool,
    /// It names these itself, beside the others.
    pub own: Vec<IpAddr>,
}

impl PodDns {
    /// By `dnsPolicy`, `dnsConfig` and `hostNetwork`, as the kubelet decides (pkg/kubelet/network/dns/dns.go).
    pub fn of(spec: &PodSpec) -> Self {
        let host_network = spec.host_network.unwrap_or(false);
        let (cluster, node) = match spec.dns_policy.as_deref() {
            Some("None") => (false, false),
            Some("Default") => (false, true),
            Some("ClusterFirstWithHostNet") => (true, false),
            // ClusterFirst, the default, means the node's to pods in the host's network.
            _ => (!host_network, host_network),
        };
        let servers = spec
            .dns_config
            .iter()
            .filter_map(|config| config.nameservers.as_ref())
            .flatten();
        Self {
            cluster,
            node,
            own: servers
                .filter_map(|address| address.parse().ok())
                .take(NAME_SERVERS)
                .collect(),
        }
    }

    /// What asks whom the node asks, as everything does that is in no pod.
    pub const fn of_node() -> Self {
        Self {
            cluster: false,
            node: true,
            own: Vec::new(),
        }
    }
}

/// The resolvers of the cluster and of the node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolvers {
    /// Addresses of the cluster's DNS: its Service's, and those behind it, which answer by themselves where sockets are
    /// translated (Cilium).
    pub cluster: BTreeSet<SocketAddr>,
    /// Those that the command line names for the cluster: a cache on each node is in no Service.
    pub configured: BTreeSet<SocketAddr>,
    /// The node's own.
    pub node: BTreeSet<SocketAddr>,
}

impl Resolvers {
    /// Whether an answer of this resolver counts for the pod.
    pub fn count(&self, pod: &PodDns, resolver: SocketAddr) -> bool {
        let resolver = SocketAddr::new(folded(resolver.ip()), resolver.port());
        is_outside(resolver.ip())
            && ((pod.cluster && (self.cluster.contains(&resolver) || self.configured.contains(&resolver)))
                || (pod.node && self.node.contains(&resolver))
                || (resolver.port() == DNS_PORT && pod.own.iter().any(|own| folded(*own) == resolver.ip())))
    }

    /// All that count for any of these pods, or for what is in none: the kernel looks at no others.
    pub fn all<'a>(&self, pods: impl IntoIterator<Item = &'a PodDns>) -> BTreeSet<SocketAddr> {
        let own = pods
            .into_iter()
            .flat_map(|pod| &pod.own)
            .map(|address| SocketAddr::new(folded(*address), DNS_PORT));
        let known = self.cluster.iter().chain(&self.configured).chain(&self.node).copied();
        known.chain(own).filter(|resolver| is_outside(resolver.ip())).collect()
    }
}

fn is_outside(address: IpAddr) -> bool {
    AddressClass::of(address) != AddressClass::Loopback
}

/// The name servers of a `resolv.conf` (resolv.conf(5)): the first three, loopback left out, as whoever answers there
/// can't be told from the container itself.
pub fn name_servers(resolv_conf: &str) -> BTreeSet<SocketAddr> {
    resolv_conf
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("nameserver"))
        .filter(|rest| rest.starts_with([' ', '\t']))
        .filter_map(|rest| rest.split_whitespace().next()?.split('%').next()?.parse().ok())
        .take(NAME_SERVERS)
        .filter(|address| is_outside(*address))
        .map(|address| SocketAddr::new(folded(address), DNS_PORT))
        .collect()
}

/// The node's own resolvers, as the kubelet hands them on: those of `/etc/resolv.conf` or, where that names the node's
/// own cache (systemd-resolved) alone, of the file that names whom the cache asks.
pub fn of_node(proc: &Path) -> BTreeSet<SocketAddr> {
    let root = proc.join("1/root");
    NODE_FILES
        .iter()
        .filter_map(|file| read_in(&root, file).ok())
        .map(|text| name_servers(&text))
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

const NODE_FILES: [&str; 2] = ["etc/resolv.conf", "run/systemd/resolve/resolv.conf"];

/// Most bytes of a file that are read.
const FILE: u64 = 64 << 10;

/// Reads a file of another root, with links that mean that root.
fn read_in(root: &Path, file: &str) -> std::io::Result<String> {
    let root = rustix::fs::open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = rustix::fs::openat2(root, file, flags, Mode::empty(), ResolveFlags::IN_ROOT)?;
    let mut bytes = Vec::new();
    std::fs::File::from(opened).take(FILE).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(spec: Value) -> PodDns {
        let mut whole = json!({"containers": []});
        if let (Some(whole), Value::Object(spec)) = (whole.as_object_mut(), spec) {
            whole.extend(spec);
        }
        PodDns::of(&serde_json::from_value(whole).unwrap())
    }

    fn resolver(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn resolvers() -> Resolvers {
        let set = |texts: &[&str]| texts.iter().map(|text| resolver(text)).collect();
        Resolvers {
            cluster: set(&["10.96.0.10:53", "10.244.0.3:5353"]),
            configured: set(&["169.254.20.10:53"]),
            node: set(&["192.0.2.53:53"]),
        }
    }

    #[test]
    fn a_pods_policy_says_who_counts() {
        let own = json!({"nameservers": ["198.51.100.1", "127.0.0.1", "nonsense"]});
        for (spec, counting) in [
            (json!({}), &["10.96.0.10:53", "10.244.0.3:5353", "169.254.20.10:53"][..]),
            (
                json!({"dnsPolicy": "ClusterFirst", "hostNetwork": true}),
                &["192.0.2.53:53"],
            ),
            (
                json!({"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": true}),
                &["10.96.0.10:53", "10.244.0.3:5353", "169.254.20.10:53"],
            ),
            (json!({"dnsPolicy": "Default"}), &["192.0.2.53:53"]),
            (
                json!({"dnsPolicy": "None", "dnsConfig": own.clone()}),
                &["198.51.100.1:53"],
            ),
            (
                json!({"dnsPolicy": "Default", "dnsConfig": own}),
                &["192.0.2.53:53", "198.51.100.1:53"],
            ),
        ] {
            let pod = pod(spec.clone());
            for text in [
                "10.96.0.10:53",
                "10.244.0.3:5353",
                "169.254.20.10:53",
                "192.0.2.53:53",
                "198.51.100.1:53", // each of ours
                "10.96.0.10:5353",
                "10.244.0.3:53",
                "198.51.100.1:5353",
                "127.0.0.1:53",
                "127.0.0.53:53",
                "[::1]:53",
                "203.0.113.9:53",
            ] {
                assert_eq!(
                    resolvers().count(&pod, resolver(text)),
                    counting.contains(&text),
                    "{text} for {spec}"
                );
            }
        }
    }

    #[test]
    fn an_address_that_is_written_as_mapped_is_the_same_resolver() {
        assert!(resolvers().count(&pod(json!({})), resolver("[::ffff:10.96.0.10]:53")));
    }

    #[test]
    fn loopback_counts_for_nobody_even_where_it_is_configured() {
        let mut all = resolvers();
        all.node.insert(resolver("127.0.0.53:53"));
        all.cluster.insert(resolver("[::1]:53"));
        let pod = pod(json!({"dnsConfig": {"nameservers": ["127.0.0.1"]}}));
        for text in ["127.0.0.53:53", "[::1]:53", "127.0.0.1:53"] {
            assert!(
                !all.count(&pod, resolver(text)) && !all.count(&PodDns::of_node(), resolver(text)),
                "{text}"
            );
        }
        assert!(!all.all([&pod]).iter().any(|resolver| resolver.ip().is_loopback()));
    }

    #[test]
    fn the_kernel_looks_at_all_that_count_for_somebody() {
        let own = pod(json!({"dnsConfig": {"nameservers": ["198.51.100.1"]}}));
        let all: Vec<String> = resolvers().all([&own, &own]).iter().map(ToString::to_string).collect();
        assert_eq!(
            all,
            [
                "10.96.0.10:53",
                "10.244.0.3:5353",
                "169.254.20.10:53",
                "192.0.2.53:53",
                "198.51.100.1:53"
            ]
        );
    }

    #[test]
    fn a_resolv_conf_is_read_as_the_resolver_library_does() {
        let text = "# nameserver 192.0.2.1\nnameserver 192.0.2.53 # first\n nameserver\t2001:db8::53%eth0\nsearch nameserver\n\
                    nameservers 192.0.2.2\nnameserver 127.0.0.53\nnameserver 192.0.2.4\n";
        let found: Vec<String> = name_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.0.2.53:53", "[2001:db8::53]:53"]);
        assert!(name_servers("").is_empty());
    }

    #[test]
    fn the_nodes_own_cache_is_passed_over_for_whom_it_asks() {
        let proc = tempfile::tempdir().unwrap();
        assert!(of_node(proc.path()).is_empty());
        let root = proc.path().join("1/root");
        std::fs::create_dir_all(root.join("etc")).unwrap();
        std::fs::create_dir_all(root.join("run/systemd/resolve")).unwrap();
        std::fs::write(
            root.join("run/systemd/resolve/stub-resolv.conf"),
            "nameserver 127.0.0.53\n",
        )
        .unwrap();
        std::fs::write(root.join("run/systemd/resolve/resolv.conf"), "nameserver 192.0.2.53\n").unwrap();
        // A link that means the node's root, not ours.
        std::os::unix::fs::symlink("/run/systemd/resolve/stub-resolv.conf", root.join("etc/resolv.conf")).unwrap();
        assert_eq!(of_node(proc.path()), [resolver("192.0.2.53:53")].into());
        std::fs::write(
            root.join("run/systemd/resolve/stub-resolv.conf"),
            "nameserver 192.0.2.1\n",
        )
        .unwrap();
        assert_eq!(of_node(proc.path()), [resolver("192.0.2.1:53")].into());
    }
}
