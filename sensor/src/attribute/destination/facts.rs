//! What of a Service, an EndpointSlice and a Node says whose an address is; nothing else of them is kept.

use anchorwatch_core::address::{AddressClass, folded};
use anchorwatch_core::behaviour::Protocol;
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::net::IpAddr;
use std::sync::Arc;

/// The label by which an EndpointSlice names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Labels and names of the cluster's DNS, in namespaces where tenants make no Services: a Service that could be made
/// anywhere would let its maker answer for everybody.
const DNS_NAMESPACE: &str = "kube-system";
const DNS_APP: (&str, &str) = ("k8s-app", "kube-dns");
const DNS_SERVICES: [&str; 2] = ["kube-system/kube-dns", "openshift-dns/dns-default"];

/// What says whose an address is.
pub trait Facts: Sized {
    /// The object that it is taken from.
    type Object;

    /// `None` for an object that says nothing of addresses.
    fn of(object: &Self::Object) -> Option<Self>;

    /// The object's key, in whatever state it is.
    fn key_of(object: &Self::Object) -> Option<Arc<str>>;
}

/// A Service: its cluster addresses. A headless one has none, and one that only names a host outside is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFacts {
    /// `namespace/name`.
    pub key: Arc<str>,
    pub addresses: Vec<IpAddr>,
    /// It is the cluster's DNS.
    pub is_dns: bool,
    /// Of the cluster's DNS alone.
    pub udp_ports: Vec<u16>,
}

/// An EndpointSlice: some endpoints of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceFacts {
    /// `namespace/name`.
    pub key: Arc<str>,
    /// Its Service: `namespace/name`.
    pub service: Arc<str>,
    pub addresses: Vec<IpAddr>,
    pub ports: Vec<(Protocol, u16)>,
}

/// A Node: the addresses by which it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    /// Its name.
    pub key: Arc<str>,
    pub addresses: Vec<IpAddr>,
}

impl SliceFacts {
    /// Whether its endpoints serve there. A slice without ports serves on all of them.
    pub fn serves(&self, protocol: Protocol, port: u16) -> bool {
        self.ports.is_empty() || self.ports.contains(&(protocol, port))
    }
}

impl Facts for ServiceFacts {
    type Object = Service;

    fn of(service: &Service) -> Option<Self> {
        let key = Self::key_of(service)?;
        let spec = service.spec.as_ref()?;
        let labels = service.metadata.labels.as_ref();
        let labelled = || {
            labels
                .and_then(|labels| labels.get(DNS_APP.0))
                .is_some_and(|app| app == DNS_APP.1)
        };
        let in_its_namespace = service.metadata.namespace.as_deref() == Some(DNS_NAMESPACE);
        let is_dns = DNS_SERVICES.contains(&&*key) || (in_its_namespace && labelled());
        let udp = spec
            .ports
            .iter()
            .flatten()
            .filter(|port| port.protocol.as_deref() == Some("UDP"));
        let single = spec.cluster_ip.iter();
        let addresses = spec.cluster_ips.as_ref().map_or_else(|| usable(single), usable);
        Some(Self {
            key,
            addresses,
            is_dns,
            udp_ports: udp
                .filter(|_| is_dns)
                .filter_map(|port| port.port.try_into().ok())
                .collect(),
        })
    }

    fn key_of(service: &Service) -> Option<Arc<str>> {
        namespaced(&service.metadata)
    }
}

impl Facts for SliceFacts {
    type Object = EndpointSlice;

    fn of(slice: &EndpointSlice) -> Option<Self> {
        let key = Self::key_of(slice)?;
        let service = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
        let namespace = slice.metadata.namespace.as_deref()?;
        // The API server's own endpoints, which are all that is written there.
        let is_api_server = namespace == "default" && service == "kubernetes";
        let addresses = usable(slice.endpoints.iter().flat_map(|endpoint| &endpoint.addresses));
        let ports = slice.ports.iter().flatten().filter_map(|port| {
            let protocol = match port.protocol.as_deref() {
                None | Some("TCP") => Protocol::Tcp,
                Some("UDP") => Protocol::Udp,
                Some(_) => return None,
            };
            Some((protocol, port.port?.try_into().ok()?))
        });
        Some(Self {
            key,
            service: format!("{namespace}/{service}").into(),
            addresses: addresses
                .into_iter()
                .filter(|address| is_api_server || is_plausible(*address))
                .collect(),
            ports: ports.collect(),
        })
    }

    fn key_of(slice: &EndpointSlice) -> Option<Arc<str>> {
        namespaced(&slice.metadata)
    }
}

impl Facts for NodeFacts {
    type Object = Node;

    fn of(node: &Node) -> Option<Self> {
        let addresses = node.status.as_ref()?.addresses.iter().flatten();
        Some(Self {
            key: Self::key_of(node)?,
            addresses: usable(addresses.map(|address| &address.address)),
        })
    }

    fn key_of(node: &Node) -> Option<Arc<str>> {
        node.metadata.name.as_deref().map(Into::into)
    }
}

fn namespaced(metadata: &ObjectMeta) -> Option<Arc<str>> {
    let namespace = metadata.namespace.as_deref()?;
    Some(format!("{namespace}/{}", metadata.name.as_deref()?).into())
}

/// Whether a pod can have the address. Who may write EndpointSlices in some namespace could else give any host of the
/// Internet the name of a Service; an IPv6 address does not tell.
fn is_plausible(address: IpAddr) -> bool {
    address.is_ipv6() || AddressClass::of(address) != AddressClass::Public
}

/// What of these texts are addresses that lead out of a pod. Host names of nodes and `None` of headless Services are
/// none; who may write EndpointSlices may write addresses of loopback, which mean another thing in each pod.
fn usable<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<IpAddr> {
    let addresses = texts.into_iter().filter_map(|text| text.parse().ok());
    let mut usable: Vec<IpAddr> = addresses
        .map(folded)
        .filter(|address| AddressClass::of(*address) != AddressClass::Loopback)
        .collect();
    usable.sort_unstable();
    usable.dedup();
    usable
}
