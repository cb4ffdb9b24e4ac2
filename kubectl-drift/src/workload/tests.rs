use super::*;
use crate::testkit::{baseline, serving};

const AGENT: &str = "/apis/anchorwatch.dev/v1alpha1/namespaces/shop/behaviorbaselines/deployment-agent";
const NIGHTLY: &str = "/apis/anchorwatch.dev/v1alpha1/namespaces/shop/behaviorbaselines/cronjob-agent";

fn wanted(text: &str) -> Wanted {
    let Ok(wanted) = text.parse();
    wanted
}

#[tokio::test]
async fn a_workload_is_found_by_every_way_of_naming_it() {
    let client = serving([(AGENT, baseline("Deployment", "agent", &[]))]);
    for text in [
        "agent",
        "deploy/agent",
        "deployments/agent",
        "Deployment/agent",
        "deployment.apps/agent",
    ] {
        let known = find(&client, "shop", &wanted(text)).await.unwrap();
        assert_eq!(known.title(), "Deployment/agent", "{text}");
    }
}

#[tokio::test]
async fn a_name_that_two_workloads_have_is_refused_and_the_kind_asked_for() {
    let client = serving([
        (AGENT, baseline("Deployment", "agent", &[])),
        (NIGHTLY, baseline("CronJob", "agent", &[])),
    ]);
    let said = find(&client, "shop", &wanted("agent")).await.unwrap_err().to_string();
    assert_eq!(
        said,
        "namespace shop has several workloads \"agent\" (Deployment, CronJob): say which, as in deployment/agent"
    );
    let known = find(&client, "shop", &wanted("cj/agent")).await.unwrap();
    assert_eq!(known.title(), "CronJob/agent");
}

#[tokio::test]
async fn a_workload_that_nobody_knows_says_where_to_look() {
    let client = serving([]);
    let said = find(&client, "shop", &wanted("sts/nothing"))
        .await
        .unwrap_err()
        .to_string();
    assert!(said.contains("`kubectl get behaviorbaselines -n shop`"), "{said}");
}
