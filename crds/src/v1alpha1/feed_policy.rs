//! What a policy asks of each feed.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::name::DNS_SUBDOMAIN;

/// What a name under `deny.names` must look like: a DNS name in lower case, or `*.` before one.
const DENIED_NAME: &str = r"^(\*\.)?[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?(\.[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?)*$";
/// What a group's name must look like.
const GROUP_NAME: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// What a key of a ConfigMap must look like.
const CONFIG_MAP_KEY: &str = "^[-._a-zA-Z0-9]+$";
/// What a SHA-256 must look like.
const SHA256: &str = "^[0-9a-f]{64}$";

/// What is watched, feed by feed.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FeedPolicies {
    /// Executed programs and their lineage.
    #[serde(default)]
    pub process: ProcessFeedPolicy,
    /// Destinations and listeners.
    #[serde(default)]
    pub network: NetworkFeedPolicy,
    /// Libraries mapped executable, and kernel modules.
    #[serde(default)]
    pub module: ModuleFeedPolicy,
}

/// What is watched of processes.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProcessFeedPolicy {
    /// Whether processes are learned and judged at all. Default true.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// Executables, by their path inside the container, that are never normal: they are raised from the first moment
    /// on and never learned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub deny: Vec<String>,
    /// What leaves the node of the pods' command lines: `None` nothing, `Redacted` templates without secrets, `Full`
    /// templates with whatever secrets stand in them, so that everybody who may read this namespace's baselines and alerts
    /// reads them. Of all policies that select a pod the strictest holds, whatever their priority; where none says
    /// anything, `Redacted`. `Full` is for a DriftPolicy alone, and counts only where the sensors allow it
    /// (`sensor.allowFullArguments` of the chart).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<ArgumentHandling>,
}

/// What leaves the node of command lines.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ArgumentHandling {
    /// Templates with the secrets that stand in them.
    Full,
    /// Templates without secrets.
    Redacted,
    /// Nothing: no command is judged.
    None,
}

/// What is watched of the network.
#[derive(KubeSchema, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.deny) || !has(self.deny.groups) || self.deny.groups.all(denied, has(self.destinationGroups) && self.destinationGroups.exists(group, group.name == denied))").message("deny.groups must name groups under destinationGroups"))]
pub struct NetworkFeedPolicy {
    /// Whether destinations and listeners are learned and judged at all. Default true.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// Destinations that are never normal: they are raised from the first moment on and never learned.
    #[serde(default)]
    pub deny: DeniedDestinations,
    /// Named groups of networks, such as the ranges of a cloud. The first connection into one is a deviation of its own,
    /// whatever name led there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub destination_groups: Vec<DestinationGroup>,
    /// When many new destinations within an hour are a deviation of their own.
    #[serde(default)]
    pub spike: SpikePolicy,
}

/// Destinations that are never normal.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeniedDestinations {
    /// DNS names in lower case: `paste.example.org`, or `*.example.org` for every name below `example.org`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253), regex(pattern = DENIED_NAME)))]
    pub names: Vec<String>,
    /// Networks, `192.0.2.0/24` or `2001:db8::/32`, by the addresses that were reached, whatever their name. A single
    /// address is a /32 or a /128.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 49)))]
    #[x_kube(validation = Rule::new("self.all(network, isCIDR(network))").message("each network must be a CIDR such as 192.0.2.0/24 or 2001:db8::/32; a single address is a /32 or a /128"))]
    pub networks: Vec<String>,
    /// Names of groups under `destinationGroups`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 63), regex(pattern = GROUP_NAME)))]
    pub groups: Vec<String>,
}

/// A named group of networks: listed here, or in a ConfigMap, or in both.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("has(self.networks) && size(self.networks) > 0 || has(self.configMap)").message("a group needs networks or a configMap: list CIDRs such as 192.0.2.0/24 under networks, or name a ConfigMap that holds them"))]
pub struct DestinationGroup {
    /// Name of the group, in lower case.
    #[schemars(length(min = 1, max = 63), regex(pattern = GROUP_NAME))]
    pub name: String,
    /// Its networks, `192.0.2.0/24` or `2001:db8::/32`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 49)))]
    #[x_kube(validation = Rule::new("self.all(network, isCIDR(network))").message("each network must be a CIDR such as 192.0.2.0/24 or 2001:db8::/32; a single address is a /32 or a /128"))]
    pub networks: Vec<String>,
    /// Where more of its networks are: one a line, or the JSON in which AWS, Azure or Google Cloud publish their ranges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapReference>,
}

/// A key of a ConfigMap: in the policy's namespace or, for a ClusterDriftPolicy, in that of the operator. The operator
/// reads ConfigMaps of its own namespace and of those that the chart's value `operator.configMapNamespaces` names.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigMapReference {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_SUBDOMAIN))]
    pub name: String,
    /// Key under its `data`.
    #[schemars(length(min = 1, max = 253), regex(pattern = CONFIG_MAP_KEY))]
    pub key: String,
}

/// When many new destinations within an hour are a deviation of their own: more than `factor` times what is usual, at
/// least `minimum`, and so many as one hour in a thousand would have by chance.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpikePolicy {
    /// How many times what is usual in an hour. Default 3.
    #[serde(default = "default_factor")]
    #[schemars(range(min = 1, max = 1000))]
    pub factor: i32,
    /// Fewest new destinations in an hour. Default 5.
    #[serde(default = "default_minimum")]
    #[schemars(range(min = 1, max = 10000))]
    pub minimum: i32,
}

/// What is watched of modules.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModuleFeedPolicy {
    /// Whether libraries and kernel modules are learned and judged at all. Default true.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// Libraries, by their path inside the container, and kernel modules, by their name, that are never normal: they are
    /// raised from the first moment on and never learned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1)))]
    pub deny: Vec<String>,
    /// The only libraries that are approved, by their hash. Without it those of the running image's own layers are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_hashes: Option<ApprovedHashes>,
}

/// Hashes of libraries that are approved: listed here, or in a ConfigMap, or in both. Any other library is raised from the
/// first moment on, those of the image included, and so is one whose hash could not be read.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("has(self.sha256) && size(self.sha256) > 0 || has(self.configMap)").message("approvedHashes needs sha256 or a configMap: list hashes of 64 hexadecimal digits under sha256, or name a ConfigMap that holds them; leave approvedHashes out to approve the image's own libraries"))]
pub struct ApprovedHashes {
    /// SHA-256 of files, 64 hexadecimal digits in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), inner(length(min = 64, max = 64), regex(pattern = SHA256)))]
    pub sha256: Vec<String>,
    /// Where more of them are: one a line, as `sha256sum` prints them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapReference>,
}

impl Default for ProcessFeedPolicy {
    fn default() -> Self {
        Self {
            enabled: enabled(),
            deny: Vec::new(),
            arguments: None,
        }
    }
}

impl Default for NetworkFeedPolicy {
    fn default() -> Self {
        Self {
            enabled: enabled(),
            deny: DeniedDestinations::default(),
            destination_groups: Vec::new(),
            spike: SpikePolicy::default(),
        }
    }
}

impl Default for SpikePolicy {
    fn default() -> Self {
        Self {
            factor: default_factor(),
            minimum: default_minimum(),
        }
    }
}

impl Default for ModuleFeedPolicy {
    fn default() -> Self {
        Self {
            enabled: enabled(),
            deny: Vec::new(),
            approved_hashes: None,
        }
    }
}

const fn enabled() -> bool {
    true
}

const fn default_factor() -> i32 {
    3
}

const fn default_minimum() -> i32 {
    5
}
