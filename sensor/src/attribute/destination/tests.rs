//! Whose addresses are, and what can't be claimed.

use super::*;
use facts::Facts;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use proptest::prelude::*;
use serde_json::{Value, json};

fn object<T: serde::de::DeserializeOwned>(namespace: &str, name: &str, rest: &Value) -> T {
    let mut whole = json!({"metadata": {"name": name}});
    if !namespace.is_empty() {
        whole["metadata"]["namespace"] = json!(namespace);
    }
    for (key, value) in rest.as_object().unwrap() {
        match key.as_str() {
            "labels" => whole["metadata"]["labels"] = value.clone(),
            _ => whole[key] = value.clone(),
        }
    }
    serde_json::from_value(whole).unwrap()
}

fn service(namespace: &str, name: &str, addresses: &[&str]) -> ServiceFacts {
    let spec = json!({"spec": {
        "clusterIP": addresses.first().unwrap_or(&"None"), "clusterIPs": addresses,
        "externalIPs": ["203.0.113.1"], "ports": [{"port": 53, "protocol": "UDP"}, {"port": 9153}],
    }, "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.2"}]}}});
    ServiceFacts::of(&object(namespace, name, &spec)).unwrap()
}

fn slice(namespace: &str, service: &str, addresses: &[&str], ports: &Value) -> SliceFacts {
    let rest = json!({
        "labels": {"kubernetes.io/service-name": service}, "addressType": "IPv4",
        "endpoints": addresses.iter().map(|address| json!({"addresses": [address]})).collect::<Vec<_>>(),
        "ports": ports,
    });
    SliceFacts::of(&object(namespace, &format!("{service}-x7k2p"), &rest)).unwrap()
}

fn node(name: &str, address: &str) -> NodeFacts {
    let addresses = json!([{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}]);
    NodeFacts::of(&object("", name, &json!({"status": {"addresses": addresses}}))).unwrap()
}

fn http() -> Value {
    json!([{"port": 8080, "protocol": "TCP"}])
}

fn directory(changes: Vec<ClusterChange>) -> Directory {
    let mut directory = Directory::default();
    for change in changes {
        directory.change(change);
    }
    directory
}

fn applied_service(facts: ServiceFacts) -> ClusterChange {
    ClusterChange::Service(Change::Applied(facts))
}

fn applied_slice(facts: SliceFacts) -> ClusterChange {
    ClusterChange::Slice(Change::Applied(facts))
}

fn applied_node(facts: NodeFacts) -> ClusterChange {
    ClusterChange::Node(Change::Applied(facts))
}

/// `Service:port` by TCP, `node`, or nothing.
fn owner(directory: &Directory, address: &str, port: u16) -> String {
    match directory.owner(address.parse().unwrap(), Protocol::Tcp, port) {
        Some(Owner::Service(service)) => service.to_string(),
        Some(Owner::Node) => "node".to_owned(),
        None => String::new(),
    }
}

#[test]
fn a_cluster_address_is_its_services() {
    let directory = directory(vec![applied_service(service(
        "shop",
        "cart",
        &["10.96.0.7", "fd00::7"],
    ))]);
    for address in ["10.96.0.7", "::ffff:10.96.0.7", "fd00::7"] {
        assert_eq!(owner(&directory, address, 80), "shop/cart", "{address}");
    }
    assert_eq!(owner(&directory, "10.96.0.8", 80), "");
}

#[test]
fn addresses_that_a_service_claims_outside_the_cluster_are_not_named_by_it() {
    let directory = directory(vec![
        applied_service(service("evil", "cart", &["10.96.0.7"])),
        applied_slice(slice("evil", "cart", &["203.0.113.3", "127.0.0.1", "0.0.0.0"], &http())),
    ]);
    for address in ["203.0.113.1", "203.0.113.2", "203.0.113.3", "127.0.0.1", "0.0.0.0"] {
        assert_eq!(owner(&directory, address, 8080), "", "{address}");
    }
}

#[test]
fn an_endpoint_is_its_services_whatever_the_port() {
    let directory = directory(vec![applied_slice(slice("shop", "db", &["10.244.0.7"], &http()))]);
    assert_eq!(owner(&directory, "10.244.0.7", 8080), "shop/db");
    assert_eq!(owner(&directory, "10.244.0.7", 9090), "shop/db");
}

#[test]
fn of_several_services_the_one_that_serves_there_counts_and_then_the_first_by_name() {
    let metrics = json!([{"port": 9090, "protocol": "TCP"}]);
    let slices = [
        slice("shop", "web", &["10.244.0.7"], &http()),
        slice("shop", "api", &["10.244.0.7"], &metrics),
        slice("shop", "zone", &["10.244.0.7"], &metrics),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let directory = directory(order.map(|index: usize| applied_slice(slices[index].clone())).to_vec());
        assert_eq!(owner(&directory, "10.244.0.7", 8080), "shop/web");
        assert_eq!(owner(&directory, "10.244.0.7", 9090), "shop/api");
        assert_eq!(owner(&directory, "10.244.0.7", 22), "shop/api");
    }
}

#[test]
fn a_node_is_not_the_service_of_a_pod_in_its_network() {
    let api = json!([{"name": "https", "port": 6443, "protocol": "TCP"}]);
    let directory = directory(vec![
        applied_node(node("n1", "198.51.100.4")),
        applied_slice(slice("default", "kubernetes", &["198.51.100.4"], &api)),
    ]);
    assert_eq!(owner(&directory, "198.51.100.4", 6443), "default/kubernetes");
    assert_eq!(owner(&directory, "198.51.100.4", 10_250), "node");
    let udp = directory.owner("198.51.100.4".parse().unwrap(), Protocol::Udp, 6443);
    assert_eq!(udp, Some(Owner::Node));
}

#[test]
fn what_is_gone_has_no_address() {
    let mut directory = directory(vec![
        applied_service(service("shop", "cart", &["10.96.0.7"])),
        applied_slice(slice("shop", "cart", &["10.244.0.7"], &http())),
        applied_node(node("n1", "192.168.0.4")),
    ]);
    assert_eq!(directory.len(), 3);
    directory.change(ClusterChange::Service(Change::Deleted("shop/cart".into())));
    directory.change(ClusterChange::Slice(Change::Listed(HashSet::new())));
    directory.change(ClusterChange::Node(Change::Deleted("n1".into())));
    assert!(directory.is_empty());
}

#[test]
fn an_address_that_moved_on_is_its_new_owners() {
    let mut directory = directory(vec![
        applied_service(service("shop", "old", &["10.96.0.7"])),
        applied_service(service("shop", "new", &["10.96.0.7"])),
    ]);
    directory.change(ClusterChange::Service(Change::Deleted("shop/old".into())));
    assert_eq!(owner(&directory, "10.96.0.7", 80), "shop/new");
}

#[test]
fn nothing_can_be_told_before_all_is_listed() {
    let mut directory = Directory::default();
    let lists = [
        ClusterChange::Service(Change::Listed(HashSet::new())),
        ClusterChange::Slice(Change::Listed(HashSet::new())),
        ClusterChange::Node(Change::Listed(HashSet::new())),
    ];
    for list in lists {
        assert!(!directory.is_complete());
        directory.change(list);
    }
    assert!(directory.is_complete());
}

#[test]
fn the_clusters_dns_is_a_service_where_tenants_make_none() {
    let dns = json!([{"port": 5353, "protocol": "UDP"}, {"port": 8080, "protocol": "TCP"}]);
    let mut directory = directory(vec![
        applied_slice(slice("kube-system", "kube-dns", &["10.244.0.3"], &dns)),
        applied_service(service("kube-system", "kube-dns", &["10.96.0.10"])),
    ]);
    let found = |directory: &mut Directory| {
        let found = directory.changed_dns()?;
        Some(found.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(found(&mut directory).unwrap(), ["10.96.0.10:53", "10.244.0.3:5353"]);
    assert_eq!(found(&mut directory), None);

    let labelled = |namespace: &str| {
        let rest = json!({"labels": {"k8s-app": "kube-dns"}, "spec": {
            "clusterIP": "10.96.6.6", "ports": [{"port": 53, "protocol": "UDP"}]}});
        applied_service(ServiceFacts::of(&object(namespace, "dns", &rest)).unwrap())
    };
    directory.change(labelled("evil"));
    assert_eq!(found(&mut directory), None);
    directory.change(labelled("kube-system"));
    assert_eq!(found(&mut directory).unwrap().len(), 3);
    directory.change(ClusterChange::Service(Change::Deleted("kube-system/kube-dns".into())));
    assert_eq!(found(&mut directory).unwrap(), ["10.96.6.6:53"]);
}

#[test]
fn a_slice_of_no_service_and_ports_that_are_none_say_nothing() {
    let slice: EndpointSlice = object("shop", "x", &json!({"addressType": "IPv4", "endpoints": []}));
    assert_eq!(SliceFacts::of(&slice), None);
    let odd = json!([{"port": 70_000}, {"protocol": "SCTP", "port": 1}, {"name": "none"}, {"port": 80}]);
    assert_eq!(super::tests::slice("shop", "x", &[], &odd).ports, [(Protocol::Tcp, 80)]);
}

#[test]
fn endpoints_beyond_the_room_are_refused_and_counted() {
    let many = |number: usize| {
        let addresses = (0..1000_u32).map(|index| std::net::Ipv4Addr::from((10 << 24) + index).into());
        applied_slice(SliceFacts {
            key: format!("shop/s{number}").into(),
            service: "shop/s".into(),
            addresses: addresses.collect(),
            ports: Vec::new(),
        })
    };
    let mut directory = directory((0..=MAX_ENDPOINTS / 1000).map(many).collect());
    assert_eq!((directory.refused(), directory.endpoints), (1, MAX_ENDPOINTS));
    directory.change(ClusterChange::Slice(Change::Listed(HashSet::new())));
    assert_eq!((directory.endpoints, directory.len()), (0, 0));
}

proptest! {
    #[test]
    fn what_was_applied_and_deleted_leaves_nothing(
        steps in prop::collection::vec((0..2_u8, 0..4_u8, prop::collection::vec(0..6_u8, 0..4)), 0..60)
    ) {
        let mut directory = Directory::default();
        for (kind, name, last) in steps {
            let addresses: Vec<String> = last.iter().map(|last| format!("10.0.0.{last}")).collect();
            let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
            let name = format!("n{name}");
            directory.change(match kind {
                0 => applied_service(service("shop", &name, &addresses)),
                _ => applied_slice(slice("shop", &name, &addresses, &http())),
            });
            let kept: usize = directory.slices.values().map(|slice| slice.addresses.len()).sum();
            prop_assert_eq!(directory.endpoints, kept);
            prop_assert!(directory.by_endpoint.values().all(|slices| !slices.is_empty()));
        }
        directory.change(ClusterChange::Service(Change::Listed(HashSet::new())));
        directory.change(ClusterChange::Slice(Change::Listed(HashSet::new())));
        prop_assert!(directory.is_empty() && directory.endpoints == 0);
    }
}
