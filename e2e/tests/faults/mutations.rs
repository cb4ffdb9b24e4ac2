//! The journey must fail, and at the right step, when a part does nothing.

use std::time::Duration;

use anchorwatch_e2e::agent::Judgement;
use anchorwatch_e2e::install::{Component, Goal};
use anchorwatch_e2e::journey::{Ceilings, Journey};
use anchorwatch_e2e::narrator::ToTheTest;
use anchorwatch_e2e::{AgentImages, Cluster};

use super::turn::with_switches;

/// `ceilings`: the step that fails waits for all of its own, which is twice and more what it takes when everything works.
async fn fails_without(component: Component, part: &str, goal: Goal, step: &str, ceilings: Ceilings) {
    let cluster = Cluster::offered().await.unwrap();
    let images = AgentImages::offered().unwrap();
    let namespace = cluster.fresh_namespace("mutation").await.unwrap();
    let judgement = Judgement {
        minimum: "5s",
        correlation: "10m",
    };
    let journey = Journey::new(&cluster, &namespace, judgement, &ToTheTest).within(ceilings);
    let switch = [("ANCHORWATCH_TEST_DISABLE", part)];
    let outcome = with_switches(&cluster, component, &switch, goal, async |_| journey.run(&images).await).await;
    cluster.delete_namespace(&namespace).await.unwrap();
    let error = format!("{:#}", outcome.expect_err("the journey went well without it"));
    assert!(
        error.contains(&format!("waiting for {step}")),
        "it failed elsewhere: {error}"
    );
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn without_attached_programs_nothing_is_learned() {
    let ceilings = Ceilings {
        learn: Duration::from_secs(10),
        ..Ceilings::default()
    };
    fails_without(
        Component::Sensor,
        "attach",
        Goal::Running,
        "the baseline to judge",
        ceilings,
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn without_the_drift_decision_nothing_is_raised() {
    let ceilings = Ceilings {
        alert: Duration::from_secs(8),
        ..Ceilings::default()
    };
    fails_without(
        Component::Operator,
        "drift-decision",
        Goal::Ready,
        "an open alert about the shell",
        ceilings,
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn without_the_rollout_match_nothing_is_suppressed() {
    let ceilings = Ceilings {
        suppress: Duration::from_secs(20),
        ..Ceilings::default()
    };
    fails_without(
        Component::Operator,
        "rollout-match",
        Goal::Ready,
        "the rollout's finding to be suppressed",
        ceilings,
    )
    .await;
}
