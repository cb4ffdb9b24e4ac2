//! Behaviour as people name it in an approval: short, by what they would say in a review.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ModuleKind, Origin, Protocol, SourceLayer, name::DNS_LABEL};

/// What the path of an executable must look like: absolute, a file in memory, or `(unnamed)` for one that could not be read.
const PATH: &str = "^(/|memfd:|[(])";
/// What a DNS name must look like: in lower case, or with `*.` before it.
const NAME: &str = r"^(\*\.)?[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?(\.[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?)*$";
/// What a Service must look like.
const SERVICE: &str = "^[-.a-z0-9]+/[-.a-z0-9]+$";
/// What a workload must look like.
const WORKLOAD: &str = "^[-.a-z0-9]+/[A-Za-z0-9]+/[^/]+$";
/// What a SHA-256 must look like.
const SHA256: &str = "^[0-9a-f]{64}$";

/// Behaviour, feed by feed. What is left out of one means any, where it is denied; where it is approved, the usual: a program
/// of the image or a volume that descends from the entrypoint, without script, other name or socket.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("(has(self.processes) ? size(self.processes) : 0) + (has(self.destinations) ? size(self.destinations) : 0) + (has(self.listeners) ? size(self.listeners) : 0) + (has(self.modules) ? size(self.modules) : 0) > 0").message("list at least one behaviour under processes, destinations, listeners or modules, or leave it out"))]
pub struct NamedBehaviors {
    /// Programs that run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    pub processes: Vec<NamedProcess>,
    /// What is talked to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    pub destinations: Vec<NamedDestination>,
    /// What listens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    pub listeners: Vec<NamedListener>,
    /// Libraries and kernel modules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    pub modules: Vec<NamedModule>,
}

/// A program that runs.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamedProcess {
    /// Path of the executable inside the container, such as `/usr/bin/bash`.
    #[schemars(length(min = 1, max = 1024), regex(pattern = PATH))]
    pub executable: String,
    /// Path of the parent's executable; any, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub parent: Option<String>,
    /// Path of the script, for files that start with `#!`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub script: Option<String>,
    /// Name that a multi-call binary (busybox, coreutils) is called by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub applet: Option<String>,
    /// What starts its lineage. To approve what `kubectl exec` starts, name `exec`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Where its file comes from. To approve what is not part of the image, name `upper-new`, `image-changed`,
    /// `memory` or `deleted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceLayer>,
    /// Whether its standard input or output is a socket of the network. Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub socket: bool,
    /// Capabilities that its execution may give (`NET_RAW`); denied, those that it must not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 42), inner(length(min = 1, max = 32)))]
    pub gained: Vec<String>,
    /// One command line of it, as alerts show them (redacted, and with placeholders). Without it, an approval covers the
    /// program and no command line of it that was raised as unusual, and a denial covers all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub command: Option<String>,
    /// The container; any, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub container: Option<String>,
}

/// What is talked to. A network is what a destination is known by that has no name; a denied one holds for each address
/// that was reached, whatever name led there.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("(has(self.service) ? 1 : 0) + (has(self.workload) ? 1 : 0) + (has(self.name) || has(self.network) ? 1 : 0) + (has(self.group) ? 1 : 0) == 1").message("a destination is one of service, workload, name, network and group, or a name in a network"))]
pub struct NamedDestination {
    /// A Service of the cluster, `<namespace>/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 510), regex(pattern = SERVICE))]
    pub service: Option<String>,
    /// A workload of the cluster, `<namespace>/<kind>/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 767), regex(pattern = WORKLOAD))]
    pub workload: Option<String>,
    /// A DNS name in lower case: `api.example.org`, or `*.example.org` for every name below `example.org`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub name: Option<String>,
    /// A network, `192.0.2.0/24` or `2001:db8::/32`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 49))]
    #[x_kube(validation = Rule::new("isCIDR(self)").message("network must be a CIDR such as 192.0.2.0/24 or 2001:db8::/32; a single address is a /32 or a /128"))]
    pub network: Option<String>,
    /// A group of networks that the policy names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub group: Option<String>,
    /// Its port; any, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 65535))]
    pub port: Option<i32>,
    /// The transport protocol; either, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// Path of the executable that talks to it; any, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = PATH))]
    pub executable: Option<String>,
    /// The container; any, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub container: Option<String>,
}

/// What listens.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamedListener {
    /// The port; 0 for one that the kernel chooses.
    #[schemars(range(min = 0, max = 65535))]
    pub port: i32,
    /// The transport protocol; either, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// Path of the executable that listens; any, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = PATH))]
    pub executable: Option<String>,
    /// The container; any, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub container: Option<String>,
}

/// A library or a kernel module.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("has(self.path) || has(self.sha256)").message("a module needs a path or, under approve, sha256"))]
pub struct NamedModule {
    /// What is loaded. Default `library`.
    #[serde(default)]
    pub kind: ModuleKind,
    /// Path of the library inside the container, or the kernel module's name; any, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub path: Option<String>,
    /// SHA-256 of the file, 64 hexadecimal digits in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = SHA256), length(max = 64))]
    pub sha256: Option<String>,
    /// The container; any, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub container: Option<String>,
}
