//! Destinations are known by what the pod looked up, through the cluster's own DNS.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use anchorwatch_crds::v1alpha1::{BehaviorBaseline, Direction, FeedName};
use anchorwatch_e2e::agent::{AGENT, Agent, Judgement, is_python};
use anchorwatch_e2e::outside::Outside;
use anchorwatch_e2e::wait::until;
use anchorwatch_e2e::{AgentImages, Cluster};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, PostParams};
use serde_json::json;

/// From the last connection to the merged baseline.
const CEILING: Duration = Duration::from_secs(45);

/// Connects to each `host:port` in turn, at once: what is looked up is not known before.
const CONNECT: &str = r#"
import socket, sys
for target in sys.argv[1:]:
    host, port = target.rsplit(":", 1)
    socket.create_connection((host, int(port)), 5).close()
"#;

/// Asks a resolver of the container's own choice for a name, and connects to what it answers.
const CONNECT_BY: &str = r#"
import socket, sys
resolver, name, port = sys.argv[1:]
labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(5)
asking.sendto(b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0" + labels + b"\0\0\x01\0\x01", (resolver, 53))
address = socket.inet_ntoa(asking.recv(512)[-4:])
socket.create_connection((address, int(port)), 5).close()
"#;

#[tokio::test]
#[ignore = "needs a cluster whose DNS has names for the world outside"]
async fn a_destination_is_named_by_what_the_pod_asked_the_clusters_dns_and_by_nothing_else() {
    let cluster = Cluster::offered().await.unwrap();
    let name = "a_destination_is_named_by_what_the_pod_asked_the_clusters_dns_and_by_nothing_else";
    let Some(outside) = Outside::offered(name).unwrap() else {
        return;
    };
    let namespace = cluster.fresh_namespace("names").await.unwrap();
    let agent = Agent::new(&cluster, &namespace, AGENT);
    let judgement = Judgement {
        minimum: "24h",
        correlation: "10m",
    };
    let image = AgentImages::offered().unwrap().first;
    agent.start(&image, 1, judgement).await.unwrap();
    front(&cluster, &namespace).await.unwrap();

    let [named, unnamed, claimed, liar] =
        [(0, 0), (1, 0), (2, 0), (3, 0)].map(|(third, fourth)| outside.address(third, fourth));
    let ((_one, port), (_other, by_address), (_third, by_liar)) = (serve(named), serve(unnamed), serve(claimed));
    let mut targets = vec![format!("front.{namespace}.svc:80")];
    targets.extend(outside.names.iter().map(|name| format!("{name}:{port}")));
    targets.push(format!("{unnamed}:{by_address}"));
    let connect = ["python3", "-c", CONNECT]
        .into_iter()
        .chain(targets.iter().map(String::as_str));
    let connect: Vec<_> = connect.collect();
    // The new Service comes first, and is not known everywhere at once.
    until("the agent's connections", CEILING, async || run(&agent, &connect).await)
        .await
        .unwrap();
    let resolver = Outside::resolve(liar, claimed).unwrap();
    let (liar, port_text) = (liar.to_string(), by_liar.to_string());
    let connect_by = ["python3", "-c", CONNECT_BY, &liar, "api.liar.test", &port_text];
    run(&agent, &connect_by).await.unwrap();
    resolver.asked().unwrap();

    let mut expected = BTreeSet::from([
        (80, format!("service {namespace}/front")),
        (by_address, network(unnamed)),
        (by_liar, network(claimed)),
    ]);
    expected.extend(outside.names.iter().map(|name| (port, format!("name {name}"))));
    until("the destinations in the baseline", CEILING, async || {
        let found = destinations(&cluster, &namespace, &[80, port, by_address, by_liar]).await?;
        let found: BTreeSet<_> = found
            .into_iter()
            .filter(|(_, text)| *text != everyday(&namespace))
            .collect();
        ensure!(found == expected, "they are {found:?} instead of {expected:?}");
        Ok(())
    })
    .await
    .unwrap();
    cluster.delete_namespace(&namespace).await.unwrap();
}

fn serve(address: Ipv4Addr) -> (std::net::TcpListener, u16) {
    Outside::serve(address).unwrap()
}

fn network(address: Ipv4Addr) -> String {
    let [one, two, three, _] = address.octets();
    format!("network {one}.{two}.{three}.0/24")
}

/// What the agent talks to every few seconds, by its address.
fn everyday(namespace: &str) -> String {
    format!("service {namespace}/{AGENT}")
}

/// Another Service of the agent's, which nobody talks to.
async fn front(cluster: &Cluster, namespace: &str) -> Result<()> {
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "front"},
        "spec": {"selector": {"app": AGENT}, "ports": [{"port": 80, "targetPort": 8080}]}
    });
    let services: Api<Service> = Api::namespaced(cluster.client.clone(), namespace);
    services
        .create(&PostParams::default(), &serde_json::from_value(service)?)
        .await?;
    Ok(())
}

/// Runs a program in the agent's pod, which says nothing if all went well.
async fn run(agent: &Agent, argv: &[&str]) -> Result<()> {
    let pods = agent.pods().await?;
    let pod = pods
        .first()
        .and_then(|pod| pod.metadata.name.as_deref())
        .context("no pod")?;
    let answer = agent.ask_pod(pod, argv).await?;
    ensure!(answer.output.is_empty(), "{argv:?} said {}", answer.output);
    Ok(())
}

/// What python connects to on these ports, as far as the baseline knows.
async fn destinations(cluster: &Cluster, namespace: &str, ports: &[u16]) -> Result<BTreeSet<(u16, String)>> {
    let baselines: Api<BehaviorBaseline> = Api::namespaced(cluster.client.clone(), namespace);
    let baseline = baselines.get(&format!("deployment-{AGENT}")).await?;
    let containers = baseline.status.context("it has no status")?.containers;
    let feeds = containers.into_iter().flat_map(|container| container.feeds);
    let entries = feeds
        .filter(|feed| feed.feed == FeedName::Network)
        .flat_map(|feed| feed.entries);
    let flows = entries.filter_map(|entry| entry.behavior.network);
    let connections = flows.filter(|flow| flow.direction == Direction::Connect && is_python(&flow.executable));
    let found = connections.filter_map(|flow| {
        let port = u16::try_from(flow.port).ok().filter(|port| ports.contains(port))?;
        let to = flow.destination?;
        let kinds = [
            ("service", to.service),
            ("workload", to.workload),
            ("name", to.name),
            ("network", to.network),
        ];
        let told: Vec<String> = kinds
            .into_iter()
            .filter_map(|(kind, text)| Some(format!("{kind} {}", text?)))
            .collect();
        Some((port, told.join(" ")))
    });
    Ok(found.collect())
}
