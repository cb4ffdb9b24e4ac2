//! Flows become destinations under the names that the container had looked up.

mod again;

use super::super::destination::facts::{NodeFacts, ServiceFacts, SliceFacts};
use super::super::destination::{Change, ClusterChange};
use super::super::network::Answered;
use super::*;
use crate::decode::{Dns, Flow, FlowKind};
use crate::names::Taken;
use crate::names::resolvers::{PodDns, Resolvers};
use anchorwatch_core::behaviour::{Destination, NetworkParts, Protocol};
use anchorwatch_core::id::WorkloadKey;
use std::collections::HashSet;
use std::net::Ipv4Addr;

const SECOND: u64 = 1_000_000_000;
const CLUSTER_DNS: &str = "10.96.0.10:53";

fn asking_the_cluster() -> PodFacts {
    let container = Arc::clone(&known_pod().containers[0].1);
    let dns = PodDns {
        cluster: true,
        ..PodDns::default()
    };
    testkit::facts((*container).clone().asking(Arc::new(dns)))
}

/// With a pod that asks the cluster's DNS, which runs `/usr/bin/python3`; nothing of the cluster is listed yet.
fn in_cluster(now: Instant) -> Attributor {
    let resolvers = Resolvers {
        configured: [CLUSTER_DNS.parse().unwrap()].into(),
        ..Resolvers::default()
    };
    let mut attributor = attributor().with_destinations(Destinations::in_cluster(resolvers, now));
    attributor.pod(PodChange::Applied(asking_the_cluster()), now);
    run(&mut attributor, exec("/usr/bin/python3").ids(10, &[]));
    attributor
}

fn listed(attributor: &mut Attributor, now: Instant) -> Vec<Outcome> {
    let service = ServiceFacts {
        key: "shop/cart".into(),
        addresses: vec!["10.96.0.7".parse().unwrap()],
        is_dns: false,
        udp_ports: Vec::new(),
    };
    let slice = SliceFacts {
        key: "shop/db-1".into(),
        service: "shop/db".into(),
        addresses: vec!["10.244.0.9".parse().unwrap()],
        ports: vec![(Protocol::Tcp, 5432)],
    };
    let node = NodeFacts {
        key: "n1".into(),
        addresses: vec!["192.168.0.4".parse().unwrap()],
    };
    let changes = [
        ClusterChange::Service(Change::Applied(service)),
        ClusterChange::Slice(Change::Applied(slice)),
        ClusterChange::Node(Change::Applied(node)),
        ClusterChange::Service(Change::Listed(HashSet::from(["shop/cart".into()]))),
        ClusterChange::Slice(Change::Listed(HashSet::from(["shop/db-1".into()]))),
        ClusterChange::Node(Change::Listed(HashSet::from(["n1".into()]))),
    ];
    changes
        .into_iter()
        .flat_map(|change| attributor.cluster(change, now).0)
        .collect()
}

fn flow(address: &str, kind: FlowKind, seconds: u64) -> Flow {
    Flow {
        time_ns: seconds * SECOND,
        kind,
        ..testkit::flow(address, 10).build()
    }
}

/// An answer to an A query: one question, and one address with a name that points back to it.
fn answered(resolver: &str, question: &str, address: &str, ttl: u32, seconds: u64) -> Dns {
    let mut message = vec![0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    for label in question.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message.extend([0xc0, 12, 0, 1, 0, 1]);
    message.extend(ttl.to_be_bytes());
    message.extend([0, 4]);
    message.extend(address.parse::<Ipv4Addr>().unwrap().octets());
    Dns {
        time_ns: seconds * SECOND,
        cgroup_id: 1,
        resolver: resolver.parse().unwrap(),
        message,
        truncated: false,
    }
}

fn tell(attributor: &mut Attributor, dns: &Dns) {
    assert_eq!(attributor.dns(dns), Answered::Taken(Taken::Kept));
}

fn see(attributor: &mut Attributor, flow: Flow) -> Outcome {
    attributor.event(RawEvent::Flow(flow), Instant::now()).unwrap()
}

fn network(outcome: Outcome) -> (NetworkParts, Attributes) {
    let attributed = super::attributed(outcome);
    let Behaviour::Network(network) = attributed.behaviour else {
        panic!("a flow");
    };
    (network.into(), attributed.attributes)
}

fn destination(attributor: &mut Attributor, address: &str, seconds: u64) -> String {
    let outcome = see(attributor, flow(address, FlowKind::Connect, seconds));
    network(outcome).0.destination.to_string()
}

#[test]
fn a_connection_is_known_by_the_first_name_that_holds() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    listed(&mut attributor, now);
    for address in ["203.0.113.9", "10.96.0.7", "10.244.0.9", "192.168.0.4"] {
        tell(
            &mut attributor,
            &answered(CLUSTER_DNS, "job-1234.example.org", address, 30, 100),
        );
    }
    let outcome = see(&mut attributor, flow("203.0.113.9:443", FlowKind::Connect, 101));
    let (parts, attributes) = network(outcome);
    let expected = NetworkParts {
        origin: Origin::Entrypoint,
        executable: "/usr/bin/python3".into(),
        direction: anchorwatch_core::behaviour::Direction::Connect,
        protocol: Protocol::Tcp,
        port: 443,
        destination: Destination::Name("job-<num:2>.example.org".into()),
    };
    assert_eq!(parts, expected);
    assert_eq!(attributes.addresses, ["203.0.113.9".parse().unwrap()].into());
    for (address, expected) in [
        ("10.96.0.7:80", Destination::Service("shop/cart".into())),
        ("10.244.0.9:5432", Destination::Service("shop/db".into())),
        (
            "192.168.0.4:10250",
            Destination::Workload(WorkloadKey::new("", "Node", "*")),
        ),
        ("203.0.113.7:443", Destination::prefix("203.0.113.0".parse().unwrap())),
        (
            "[2001:db8:1:2::3]:443",
            Destination::prefix("2001:db8:1::".parse().unwrap()),
        ),
    ] {
        let outcome = see(&mut attributor, flow(address, FlowKind::Connect, 101));
        assert_eq!(network(outcome).0.destination, expected, "{address}");
    }
}

#[test]
fn flows_wait_until_all_addresses_of_the_cluster_are_known() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    assert_eq!(
        see(&mut attributor, flow("10.96.0.7:80", FlowKind::Connect, 100)),
        Outcome::Waiting
    );
    let outcomes = listed(&mut attributor, now);
    let found: Vec<Destination> = outcomes
        .into_iter()
        .map(|outcome| network(outcome).0.destination)
        .collect();
    assert_eq!(found, [Destination::Service("shop/cart".into())]);
}

#[test]
fn an_api_server_that_tells_nothing_does_not_silence_flows() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    assert_eq!(
        see(&mut attributor, flow("10.96.0.7:80", FlowKind::Connect, 100)),
        Outcome::Waiting
    );
    let outcomes = attributor.expire(now + Duration::from_secs(61));
    let found: Vec<String> = outcomes
        .into_iter()
        .map(|outcome| network(outcome).0.destination.to_string())
        .collect();
    assert_eq!(found, ["10.96.0.0/24"]);
}

#[test]
fn a_flow_before_its_pod_is_known_waits_and_keeps_its_name() {
    let now = Instant::now();
    let resolvers = Resolvers {
        configured: [CLUSTER_DNS.parse().unwrap()].into(),
        ..Resolvers::default()
    };
    let mut attributor = attributor().with_destinations(Destinations::on_host(resolvers, now));
    tell(
        &mut attributor,
        &answered(CLUSTER_DNS, "api.example.org", "203.0.113.9", 30, 100),
    );
    let early = flow("203.0.113.9:443", FlowKind::Connect, 101);
    assert_eq!(see(&mut attributor, early), Outcome::Waiting);
    tell(
        &mut attributor,
        &answered(CLUSTER_DNS, "later.example.org", "203.0.113.9", 30, 102),
    );
    let mut outcomes = attributor.pod(PodChange::Applied(asking_the_cluster()), now);
    let only = outcomes.remove(0);
    assert_eq!(
        (network(only).0.destination.to_string(), outcomes),
        ("api.example.org".to_owned(), vec![])
    );
}

#[test]
fn an_answer_of_another_resolver_or_from_loopback_names_nothing() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    listed(&mut attributor, now);
    tell(
        &mut attributor,
        &answered("203.0.113.53:53", "known.example.org", "203.0.113.9", 30, 100),
    );
    let own = answered("127.0.0.1:53", "known.example.org", "203.0.113.9", 30, 100);
    assert_eq!(attributor.dns(&own), Answered::Taken(Taken::Loopback));
    assert_eq!(destination(&mut attributor, "203.0.113.9:443", 101), "203.0.113.0/24");
}

#[test]
fn answers_to_the_host_and_what_is_no_answer_are_told_apart() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    let good = answered(CLUSTER_DNS, "known.example.org", "203.0.113.9", 30, 100);
    let of_host = Dns {
        cgroup_id: 2,
        ..good.clone()
    };
    assert_eq!(attributor.dns(&of_host), Answered::Host);
    for (cgroup_id, reason) in [(3, LossReason::CgroupUnrecognised), (99, LossReason::CgroupUnknown)] {
        let of_nobody = Dns {
            cgroup_id,
            ..good.clone()
        };
        assert_eq!(attributor.dns(&of_nobody), Answered::Lost(reason));
    }
    let cut = Dns {
        message: good.message[..good.message.len() - 1].to_vec(),
        truncated: true,
        ..good.clone()
    };
    assert_eq!(attributor.dns(&cut), Answered::Taken(Taken::NoAddress));
    let short = Dns {
        message: good.message[..20].to_vec(),
        ..good
    };
    assert!(matches!(attributor.dns(&short), Answered::Malformed(_)));
}

#[test]
fn a_connection_that_outlives_its_name_is_closed_under_it() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    listed(&mut attributor, now);
    tell(
        &mut attributor,
        &answered(CLUSTER_DNS, "api.example.org", "203.0.113.9", 30, 100),
    );
    destination(&mut attributor, "203.0.113.9:443", 101);
    let close = flow("203.0.113.9:443", FlowKind::Close { bytes_sent: 1 << 30 }, 90_000);
    attributor.destinations().expire(80_000 * SECOND);
    let (parts, attributes) = network(see(&mut attributor, close));
    assert_eq!(parts.destination.to_string(), "api.example.org");
    assert_eq!(attributes.bytes_sent, 1 << 30);
}

#[test]
fn the_end_of_a_connection_that_nobody_remembers_is_no_new_destination() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    listed(&mut attributor, now);
    let close = |address| flow(address, FlowKind::Close { bytes_sent: 1 }, 100);
    let forgotten = see(&mut attributor, close("203.0.113.9:443"));
    let owner = Owner::from(&*known_pod().containers[0].1);
    let expected = Outcome::Lost(Feed::Network, LossReason::ConnectionForgotten, Whose::Owner(owner));
    assert_eq!(forgotten, expected);
    // A Service needs no memory.
    let (parts, _) = network(see(&mut attributor, close("10.96.0.7:80")));
    assert_eq!(parts.destination, Destination::Service("shop/cart".into()));
}

#[test]
fn what_stays_inside_the_pod_is_no_behaviour() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    listed(&mut attributor, now);
    let listen = FlowKind::Listen { port_chosen: false };
    for (address, kind) in [
        ("127.0.0.1:80", FlowKind::Connect),
        ("0.0.0.0:80", FlowKind::Connect),
        ("[::1]:80", FlowKind::Send),
        ("127.0.0.1:80", listen),
    ] {
        assert_eq!(
            see(&mut attributor, flow(address, kind, 100)),
            Outcome::Loopback,
            "{address}"
        );
    }
    for (address, kind, port) in [
        ("0.0.0.0:8080", listen, 8080),
        ("[::]:8080", listen, 8080),
        ("10.244.0.3:8080", listen, 8080),
        ("0.0.0.0:41234", FlowKind::Listen { port_chosen: true }, 0),
        ("0.0.0.0:5000", FlowKind::Listen { port_chosen: true }, 0),
    ] {
        let (parts, _) = network(see(&mut attributor, flow(address, kind, 100)));
        assert_eq!((parts.destination, parts.port), (Destination::Local, port), "{address}");
    }
}

#[test]
fn a_flow_has_the_origin_of_its_programs_execution() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    listed(&mut attributor, now);
    let outside = |id| exec("/bin/sh").ids(id, &[]).origin(OriginMark::Outside);
    run(&mut attributor, outside(20).argv(&["sh", "-c", "check"]));
    run(&mut attributor, outside(21));
    let mut origin = |exec_id, origin| {
        let flow = Flow {
            exec_id,
            origin,
            ..flow("203.0.113.9:443", FlowKind::Connect, 100)
        };
        let (parts, _) = network(see(&mut attributor, flow));
        (parts.origin, parts.executable)
    };
    assert_eq!(
        origin(Some(20), OriginMark::Outside),
        (Origin::Probe, "/bin/sh".to_owned())
    );
    assert_eq!(
        origin(Some(21), OriginMark::Outside),
        (Origin::Exec, "/bin/sh".to_owned())
    );
    assert_eq!(
        origin(Some(10), OriginMark::Entrypoint),
        (Origin::Entrypoint, "/usr/bin/python3".to_owned())
    );
    assert_eq!(origin(Some(99), OriginMark::Outside), (Origin::Exec, "?".to_owned()));
    assert_eq!(origin(None, OriginMark::Unknown), (Origin::Unknown, "?".to_owned()));
}

#[test]
fn a_pods_own_name_servers_are_among_those_that_are_looked_at() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    let own = PodDns {
        own: vec!["198.51.100.1".parse().unwrap()],
        ..PodDns::default()
    };
    let container = (*known_pod().containers[0].1).clone().asking(Arc::new(own));
    attributor.pod(PodChange::Applied(testkit::facts(container)), now);
    let all: Vec<String> = attributor.all_resolvers().iter().map(ToString::to_string).collect();
    assert_eq!(all, [CLUSTER_DNS, "198.51.100.1:53"]);
}

#[test]
fn a_connection_whose_opening_was_swallowed_is_closed_under_the_name_of_the_one_that_came() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    listed(&mut attributor, now);
    tell(
        &mut attributor,
        &answered(CLUSTER_DNS, "api.example.org", "203.0.113.9", 30, 100),
    );
    destination(&mut attributor, "203.0.113.9:443", 101);
    let close = Flow {
        exec_id: Some(11),
        ..flow("203.0.113.9:443", FlowKind::Close { bytes_sent: 1 << 20 }, 90_000)
    };
    let (parts, attributes) = network(see(&mut attributor, close));
    assert_eq!(
        (parts.destination.to_string(), attributes.bytes_sent),
        ("api.example.org".to_owned(), 1 << 20)
    );
}

#[test]
fn of_connections_under_two_names_of_one_address_each_is_closed_under_its_own() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    listed(&mut attributor, now);
    let named = |question, kind, seconds| Flow {
        question: Some(question),
        ..flow("203.0.113.9:443", kind, seconds)
    };
    for (question, name, seconds) in [(1, "api.example.org", 100), (2, "other.example.net", 102)] {
        tell(
            &mut attributor,
            &answered(CLUSTER_DNS, name, "203.0.113.9", 30, seconds),
        );
        let opened = network(see(&mut attributor, named(question, FlowKind::Connect, seconds + 1)));
        assert_eq!(opened.0.destination.to_string(), name);
    }
    let closed = [1, 2, 3].map(|question| {
        let close = named(question, FlowKind::Close { bytes_sent: 1 << 30 }, 90_000);
        see(&mut attributor, close)
    });
    let [first, second, unknown] = closed;
    assert_eq!(network(first).0.destination.to_string(), "api.example.org");
    assert_eq!(network(second).0.destination.to_string(), "other.example.net");
    assert!(matches!(
        unknown,
        Outcome::Lost(Feed::Network, LossReason::ConnectionForgotten, _)
    ));
}

#[test]
fn who_floods_while_the_clusters_addresses_are_awaited_takes_no_others_place() {
    let now = Instant::now();
    let mut attributor = in_cluster(now);
    let connect = |port: u16| flow(&format!("203.0.113.9:{port}"), FlowKind::Connect, 100);
    let waits = (1..=4096).filter(|port| see(&mut attributor, connect(*port)) == Outcome::Waiting);
    assert_eq!(waits.count(), 512);
    let owner = Owner::from(&*known_pod().containers[0].1);
    let lost = Outcome::Lost(Feed::Network, LossReason::WaitingContainerFull, Whose::Owner(owner));
    assert_eq!(see(&mut attributor, connect(5000)), lost);
    assert_eq!(listed(&mut attributor, now).len(), 512);
    // And has its room again.
    assert!(matches!(see(&mut attributor, connect(5001)), Outcome::Attributed(_)));
}
