//! What `kubectl get` offers: columns, short names and the category.

use std::collections::BTreeMap;

use anchorwatch_e2e::Cluster;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIResourceList, ObjectMeta};
use kube::api::{Api, ListParams};
use serde::Deserialize;

/// The answer to a request for a table, as kubectl makes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    column_definitions: Vec<Column>,
    metadata: Option<ObjectMeta>,
}

#[derive(Debug, Deserialize)]
struct Column {
    name: String,
    priority: i32,
}

async fn columns(cluster: &Cluster, plural: &str) -> Vec<String> {
    let request = http::Request::get(format!("/apis/anchorwatch.dev/v1alpha1/{plural}"))
        .header("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
        .body(Vec::new())
        .unwrap();
    let table: Table = cluster.client.request(request).await.unwrap();
    assert!(table.metadata.is_some(), "{plural}");
    table
        .column_definitions
        .into_iter()
        .filter(|column| column.priority == 0)
        .map(|column| column.name)
        .collect()
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn the_columns_of_what_people_read_every_day_are_the_documented_ones() {
    let cluster = Cluster::offered().await.unwrap();
    let expected = [
        (
            "driftalerts",
            "Name Severity State Workload Finding Rollout Count Last_seen Age",
        ),
        (
            "behaviorbaselines",
            "Name Kind Workload State New/Week Learned Quarantined Hours Age",
        ),
        ("behaviorqueries", "Name Phase Searched Age"),
        ("driftpolicies", "Name Mode Priority Workloads Accepted Age"),
        ("clusterdriftpolicies", "Name Mode Priority Workloads Accepted Age"),
        ("rolloutintents", "Name Kind Workload By Git State Record Age"),
        ("rolloutrecords", "Name Kind Workload Revision What Digest Started Age"),
        ("behaviorapprovals", "Name Kind Workload Freeze Accepted Age"),
        ("sensorreports", "Name Seq Acknowledged Sent Age"),
    ];
    for (plural, names) in expected {
        let seen: Vec<String> = columns(&cluster, plural)
            .await
            .iter()
            .map(|name| name.replace(' ', "_"))
            .collect();
        assert_eq!(seen.join(" "), names, "{plural}");
    }
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn every_kind_has_its_short_name_the_category_and_a_status() {
    let cluster = Cluster::offered().await.unwrap();
    let request = http::Request::get("/apis/anchorwatch.dev/v1alpha1")
        .body(Vec::new())
        .unwrap();
    let list: APIResourceList = cluster.client.request(request).await.unwrap();
    let (statuses, kinds): (Vec<_>, Vec<_>) = list.resources.into_iter().partition(|kind| kind.name.contains('/'));
    let short: BTreeMap<String, Vec<String>> = kinds
        .iter()
        .map(|kind| (kind.name.clone(), kind.short_names.clone().unwrap_or_default()))
        .collect();
    let expected = [
        ("behaviorapprovals", "ba"),
        ("behaviorbaselines", "bb"),
        ("behaviorqueries", "bq"),
        ("clusterdriftpolicies", "cdp"),
        ("driftalerts", "da"),
        ("driftpolicies", "dp"),
        ("rolloutintents", "ri"),
        ("rolloutrecords", "rr"),
        ("sensorreports", "srep"),
    ];
    let expected = expected.map(|(plural, short)| (plural.to_owned(), vec![short.to_owned()]));
    assert_eq!(short, BTreeMap::from(expected));
    for kind in kinds {
        assert_eq!(kind.categories, Some(vec!["drift".to_owned()]), "{}", kind.name);
        assert!(
            statuses
                .iter()
                .any(|status| status.name == format!("{}/status", kind.name)),
            "{}",
            kind.name
        );
    }
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn every_definition_is_established_structural_and_kept_on_uninstall() {
    let cluster = Cluster::offered().await.unwrap();
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let ours = definitions.list(&ListParams::default()).await.unwrap().items;
    let ours: Vec<_> = ours
        .into_iter()
        .filter(|definition| definition.spec.group == anchorwatch_crds::GROUP)
        .collect();
    assert_eq!(ours.len(), 9);
    for definition in ours {
        let name = definition.metadata.name.unwrap_or_default();
        let annotations = definition.metadata.annotations.unwrap_or_default();
        assert_eq!(
            annotations.get("helm.sh/resource-policy").map(String::as_str),
            Some("keep"),
            "{name}"
        );
        let conditions = definition
            .status
            .and_then(|status| status.conditions)
            .unwrap_or_default();
        let holds = |wanted: &str| {
            conditions
                .iter()
                .any(|found| found.type_ == wanted && found.status == "True")
        };
        assert!(holds("Established"), "{name}: {conditions:?}");
        assert!(!holds("NonStructuralSchema"), "{name}: {conditions:?}");
    }
}
