//! A network behaviour as it travels: the parts of its key.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Origin;

/// Who begins.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The container connects: TCP, or a UDP socket that is bound to one peer.
    #[default]
    Connect,
    /// The container sends datagrams from an unconnected socket.
    Send,
    /// The container listens.
    Listen,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// One network behaviour: the exact parts of its key.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkBehavior {
    /// What started the lineage of the process.
    pub origin: Origin,
    /// Path of the executable inside the container; empty where the behaviour is of the container as a whole.
    #[serde(default)]
    pub executable: String,
    /// Who begins.
    pub direction: Direction,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The destination's port or, for a listener, its own; 0 for one that the kernel may have chosen.
    #[schemars(range(min = 0, max = 65535))]
    pub port: i32,
    /// What is talked to; absent for a listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<NetworkDestination>,
}

/// What a container talks to: the first of Service, workload, name and network that is known. Where both name and
/// network are set, it is the name as far as it led to that network.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(has(self.service) ? 1 : 0) + (has(self.workload) ? 1 : 0) + (has(self.name) || has(self.network) ? 1 : 0) + (has(self.group) ? 1 : 0) + (has(self.many) ? 1 : 0) <= 1").message("a destination is one of service, workload, name, network, group and many, or a name in a network"))]
pub struct NetworkDestination {
    /// A Service of the cluster, `<namespace>/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 510))]
    pub service: Option<String>,
    /// A workload of the cluster behind the address of a pod, `<namespace>/<kind>/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 767))]
    pub workload: Option<String>,
    /// A DNS name that the container looked up, in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub name: Option<String>,
    /// A network, `192.0.2.0/24`: a /24 of IPv4 or a /56 of IPv6 where nothing else is known of an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 49))]
    pub network: Option<String>,
    /// A group of networks that the policy names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub group: Option<String>,
    /// Where a connection sent very much there: the whole part of the binary logarithm of its bytes, 30 for a gibibyte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 63))]
    pub volume: Option<i32>,
    /// Many new destinations within an hour, each of which is a destination of its own, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub many: Option<DestinationBurst>,
}

/// More new destinations than usual within an hour.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationBurst {
    /// The hour, in hours since 1970-01-01T00:00Z.
    pub hour: i64,
    /// How many they are.
    #[schemars(range(min = 0))]
    pub count: i64,
    /// How many are usual in an hour, in thousandths.
    #[schemars(range(min = 0))]
    pub usual_thousandths: i64,
}
