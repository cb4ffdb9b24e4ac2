//! What is known costs nothing.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use std::time::Duration;

use anchorwatch_e2e::agent::{AGENT, Agent, Judgement};
use anchorwatch_e2e::audit::{Mark, Write};
use anchorwatch_e2e::cluster::audit_log;
use anchorwatch_e2e::install::{Component, Install};
use anchorwatch_e2e::journey::Journey;
use anchorwatch_e2e::narrator::ToTheTest;
use anchorwatch_e2e::{AgentImages, Cluster};

/// Execs of something known in a window.
const EXECS: usize = 50;
/// How long writes are watched for after them.
const WINDOW: Duration = Duration::from_secs(15);
/// Counts and hours are refreshed every ten minutes at most, and an operator or sensor that was just started, as the tests
/// before do it, has a few things to say of itself: one of so many windows has to be quiet.
const WINDOWS: usize = 4;

#[tokio::test]
#[ignore = "needs a cluster with an audit log"]
async fn an_exec_of_something_known_costs_no_api_write() {
    let cluster = Cluster::offered().await.unwrap();
    let namespace = cluster.fresh_namespace("idle").await.unwrap();
    let judgement = Judgement {
        minimum: "5s",
        correlation: "10m",
    };
    let journey = Journey::new(&cluster, &namespace, judgement, &ToTheTest);
    journey.start(&AgentImages::offered().unwrap().first).await.unwrap();
    journey.learn().await.unwrap();
    let agent = Agent::new(&cluster, &namespace, AGENT);
    let mut seen = Vec::new();
    for _ in 0..WINDOWS {
        seen = writes_during(&cluster, &agent).await;
        if seen.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [], "{EXECS} execs of something known were written about");
    cluster.delete_namespace(&namespace).await.unwrap();
}

async fn writes_during(cluster: &Cluster, agent: &Agent) -> Vec<Write> {
    let mark = Mark::now(&audit_log().unwrap()).unwrap();
    for _ in 0..EXECS {
        agent.ask(&["/usr/bin/date", "+%s"]).await.unwrap();
    }
    // What there would be to write about has happened; a wait for nothing can only be a wait.
    tokio::time::sleep(WINDOW).await;
    let install = Install::of(cluster);
    let users = [Component::Sensor, Component::Operator].map(|component| install.user(component));
    users.iter().flat_map(|user| mark.writes_of(user).unwrap()).collect()
}
