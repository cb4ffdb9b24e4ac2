//! The rules of a SensorReport, which make it an outbox: on a twin of the definition in a group that no operator knows,
//! so that nothing is acknowledged but by the test.

use std::time::Duration;

use anchorwatch_e2e::Cluster;
use anchorwatch_e2e::wait::until;
use anyhow::ensure;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use super::support::refusal;

const TWIN: &str = "e2e.anchorwatch.dev";
const EPOCH: &str = "0123456789abcdef0123456789abcdef";
const OTHER_EPOCH: &str = "fedcba9876543210fedcba9876543210";

async fn make_twin(client: &Client) -> Api<DynamicObject> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let installed = definitions.get("sensorreports.anchorwatch.dev").await.unwrap();
    let name = format!("sensorreports.{TWIN}");
    let mut twin = CustomResourceDefinition {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            ..ObjectMeta::default()
        },
        spec: installed.spec,
        status: None,
    };
    twin.spec.group = TWIN.into();
    definitions.create(&PostParams::default(), &twin).await.unwrap();
    until("the twin", Duration::from_secs(45), async || {
        let conditions = definitions
            .get(&name)
            .await?
            .status
            .and_then(|status| status.conditions)
            .unwrap_or_default();
        ensure!(
            conditions
                .iter()
                .any(|found| found.type_ == "Established" && found.status == "True"),
            "not established"
        );
        Ok(())
    })
    .await
    .unwrap();
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(TWIN, "v1alpha1", "SensorReport"));
    Api::all_with(client.clone(), &resource)
}

async fn remove_twin(client: &Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions
        .delete(&format!("sensorreports.{TWIN}"), &DeleteParams::default())
        .await
        .unwrap();
}

/// A node's report in the twin.
struct Outbox {
    reports: Api<DynamicObject>,
    name: &'static str,
}

impl Outbox {
    async fn send(&self, epoch: &str, seq: i64, losses: i64) -> Result<DynamicObject, kube::Error> {
        let losses = json!([{"feed": "process", "reason": "ring", "count": losses}]);
        self.apply(json!({"nodeUid": "u", "epoch": epoch, "seq": seq, "losses": losses}))
            .await
    }

    async fn apply(&self, spec: Value) -> Result<DynamicObject, kube::Error> {
        let object = json!({
            "apiVersion": format!("{TWIN}/v1alpha1"),
            "kind": "SensorReport",
            "metadata": {"name": self.name},
            "spec": spec
        });
        self.reports
            .patch(
                self.name,
                &PatchParams::apply("anchorwatch-sensor").force(),
                &Patch::Apply(object),
            )
            .await
    }

    async fn acknowledge(&self, seq: i64) {
        let status = json!({"status": {"acknowledged": {"epoch": EPOCH, "seq": seq}}});
        self.reports
            .patch_status(self.name, &PatchParams::default(), &Patch::Merge(status))
            .await
            .unwrap();
    }
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_report_is_an_outbox_that_loses_nothing() {
    let client = Cluster::offered().await.unwrap().client;
    let reports = make_twin(&client).await;
    let scenarios = [
        tokio::spawn(a_batch_is_sent_again_unchanged_and_never_amended(reports.clone())),
        tokio::spawn(a_batch_is_replaced_only_after_its_acknowledgement(reports.clone())),
        tokio::spawn(an_acknowledgement_of_another_batch_does_not_count(reports.clone())),
        tokio::spawn(no_number_is_skipped_or_used_again(reports.clone())),
        tokio::spawn(a_new_epoch_starts_at_one(reports.clone())),
        tokio::spawn(a_behaviour_is_of_exactly_one_feed(reports)),
    ];
    let outcomes = futures::future::join_all(scenarios).await;
    remove_twin(&client).await;
    for outcome in outcomes {
        outcome.unwrap();
    }
}

async fn a_batch_is_sent_again_unchanged_and_never_amended(reports: Api<DynamicObject>) {
    let outbox = Outbox { reports, name: "amend" };
    let first = outbox.send(EPOCH, 1, 0).await.unwrap();
    let again = outbox.send(EPOCH, 1, 0).await.unwrap();
    assert_eq!(
        first.metadata.resource_version, again.metadata.resource_version,
        "an unchanged apply writes nothing"
    );
    let said = refusal(outbox.send(EPOCH, 1, 7).await);
    assert!(said.contains("a batch can't be amended"), "{said}");
}

async fn a_batch_is_replaced_only_after_its_acknowledgement(reports: Api<DynamicObject>) {
    let outbox = Outbox {
        reports,
        name: "replace",
    };
    outbox.send(EPOCH, 1, 0).await.unwrap();
    let said = refusal(outbox.send(EPOCH, 2, 0).await);
    assert!(said.contains("the last batch is not acknowledged yet"), "{said}");
    outbox.acknowledge(1).await;
    let second = outbox.send(EPOCH, 2, 0).await.unwrap();
    assert_eq!(
        second.data["status"]["acknowledged"]["seq"], 1,
        "the answer carries the acknowledgement"
    );
}

async fn an_acknowledgement_of_another_batch_does_not_count(reports: Api<DynamicObject>) {
    let outbox = Outbox { reports, name: "stale" };
    outbox.send(EPOCH, 1, 0).await.unwrap();
    outbox.acknowledge(1).await;
    outbox.send(EPOCH, 2, 0).await.unwrap();
    let said = refusal(outbox.send(EPOCH, 3, 0).await);
    assert!(said.contains("the last batch is not acknowledged yet"), "{said}");
}

async fn no_number_is_skipped_or_used_again(reports: Api<DynamicObject>) {
    let outbox = Outbox { reports, name: "skip" };
    outbox.send(EPOCH, 1, 0).await.unwrap();
    outbox.acknowledge(1).await;
    let said = refusal(outbox.send(EPOCH, 3, 0).await);
    assert!(said.contains("without a gap"), "{said}");
    outbox.send(EPOCH, 2, 0).await.unwrap();
    outbox.acknowledge(2).await;
    let said = refusal(outbox.send(EPOCH, 1, 0).await);
    assert!(said.contains("without a gap"), "{said}");
}

async fn a_new_epoch_starts_at_one(reports: Api<DynamicObject>) {
    let outbox = Outbox { reports, name: "epoch" };
    outbox.send(EPOCH, 1, 0).await.unwrap();
    let said = refusal(outbox.send(OTHER_EPOCH, 2, 0).await);
    assert!(said.contains("a new epoch starts with spec.seq 1"), "{said}");
    outbox.send(OTHER_EPOCH, 1, 0).await.unwrap();
}

async fn a_behaviour_is_of_exactly_one_feed(reports: Api<DynamicObject>) {
    let outbox = Outbox { reports, name: "feeds" };
    let report = |behavior: Value| {
        let mut behavior = behavior;
        behavior["count"] = json!(1);
        behavior["firstSeen"] = json!("2026-01-01T00:00:00.000000Z");
        behavior["lastSeen"] = json!("2026-01-01T00:00:00.000000Z");
        json!({
            "nodeUid": "u", "epoch": EPOCH, "seq": 1,
            "containers": [{
                "pod": {"namespace": "shop", "name": "a", "uid": "u"}, "container": "a", "containerId": "containerd://a",
                "behaviors": [behavior]
            }]
        })
    };
    let process = json!({"origin": "entrypoint", "executable": "/a", "source": "image"});
    let network = json!({
        "origin": "entrypoint", "executable": "/a", "direction": "connect", "protocol": "tcp", "port": 443,
        "destination": {"name": "example.org"}
    });
    let module = json!({"origin": "entrypoint", "kind": "library", "path": "/a.so", "source": "image"});
    let exactly = "exactly one of process, network and module must be set";
    let said = refusal(outbox.apply(report(json!({}))).await);
    assert!(said.contains(exactly), "{said}");
    let said = refusal(
        outbox
            .apply(report(json!({"process": process, "network": network})))
            .await,
    );
    assert!(said.contains(exactly), "{said}");
    let mut twofold = network.clone();
    twofold["destination"] = json!({"name": "example.org", "service": "shop/db"});
    let said = refusal(outbox.apply(report(json!({"network": twofold}))).await);
    assert!(said.contains("a destination is one of service"), "{said}");
    let mut wrong = network.clone();
    wrong["port"] = json!(65_536);
    let said = refusal(outbox.apply(report(json!({"network": wrong}))).await);
    assert!(said.contains("network.port"), "{said}");
    let attributes = json!({"addresses": ["192.0.2.1"], "bytesSent": 7});
    for (behavior, name) in [
        (json!({"network": network, "attributes": attributes}), "feeds"),
        (json!({"module": module}), "feeds-module"),
    ] {
        let outbox = Outbox {
            reports: outbox.reports.clone(),
            name,
        };
        outbox.apply(report(behavior)).await.unwrap();
    }
}
