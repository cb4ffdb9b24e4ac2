//! What somebody does who may edit admission policies, and that it is found.

use anchorwatch_e2e::install::{Component, Goal, Install};
use anchorwatch_e2e::wait::until;
use anyhow::ensure;
use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams};
use serde_json::json;
use tokio::sync::Mutex;

use super::scene::{RECORDED, Scene, lasting, said};

const BINDING: &str = "anchorwatch-records";

/// There is one policy to take away, and one operator, which forgets the heads that it saw when it is restarted.
static TURN: Mutex<()> = Mutex::const_new(());

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_record_that_an_admin_deletes_behind_the_policys_back_is_found() {
    let _turn = TURN.lock().await;
    let scene = Scene::new("tampered").await.unwrap();
    let selector = json!({"matchLabels": {"app": "evidence"}});
    let images = [
        scene.images.first.clone(),
        scene.images.next.clone(),
        scene.images.first.clone(),
    ];
    let spec = json!({"replicas": 1, "selector": selector, "template": lasting(&images[0])});
    scene.make("apps", "Deployment", "web", spec).await.unwrap();
    for (index, image) in images.iter().enumerate() {
        let patch = json!({"spec": {"template": lasting(image)}});
        scene.change_deployment("web", &patch).await.unwrap();
        scene.recorded("Deployment", "web", index + 1).await.unwrap();
    }
    let records = scene.revisions("Deployment", "web").await.unwrap();
    let head = records[2].spec.chain.clone().unwrap().hash;
    let victim = records[1].metadata.name.clone().unwrap();
    scene
        .records()
        .delete(&victim, &DeleteParams::default())
        .await
        .expect_err("the policy is in place");

    delete_behind_the_policys_back(&scene, &victim).await;
    let output = scene.verify(&["deployment/web"]).unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("1 record is missing"), "{}", said(&output));
    assert!(
        said(&output).contains("records were deleted from the middle"),
        "{}",
        said(&output)
    );
    delete_behind_the_policys_back(&scene, &records[2].metadata.name.clone().unwrap()).await;
    // The operator records the revision anew, as the link after the one that is gone.
    let again = scene.recorded("Deployment", "web", 2).await.unwrap();
    assert_eq!(again.spec.chain.map(|chain| chain.sequence), Some(4));
    let cut_off = scene.verify(&["deployment/web", "--head", &head]).unwrap();
    assert_eq!(cut_off.status.code(), Some(3), "{}", said(&cut_off));

    scene.cluster.remove_namespace(&scene.namespace).await.unwrap();
}

/// Takes the binding away, deletes, and puts it back.
async fn delete_behind_the_policys_back(scene: &Scene, name: &str) {
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(scene.cluster.client.clone());
    let binding = bindings.get(BINDING).await.unwrap();
    bindings.delete(BINDING, &DeleteParams::default()).await.unwrap();
    let deleted = until("the policy's end", RECORDED, async || {
        scene.records().delete(name, &DeleteParams::default()).await?;
        Ok(())
    })
    .await;
    let again = ValidatingAdmissionPolicyBinding {
        metadata: ObjectMeta {
            name: binding.metadata.name,
            labels: binding.metadata.labels,
            annotations: binding.metadata.annotations,
            ..ObjectMeta::default()
        },
        spec: binding.spec,
    };
    bindings.create(&PostParams::default(), &again).await.unwrap();
    deleted.unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn the_operator_finds_a_gap_at_its_start_and_its_metrics_say_so() {
    let _turn = TURN.lock().await;
    let scene = Scene::new("audited").await.unwrap();
    let install = Install::of(&scene.cluster);
    let selector = json!({"matchLabels": {"app": "evidence"}});
    let spec = json!({"replicas": 1, "selector": selector, "template": lasting(&scene.images.first)});
    scene.make("apps", "Deployment", "web", spec).await.unwrap();
    scene.recorded("Deployment", "web", 1).await.unwrap();
    let patch = json!({"spec": {"template": lasting(&scene.images.next)}});
    scene.change_deployment("web", &patch).await.unwrap();
    let first = scene.recorded("Deployment", "web", 2).await.unwrap();
    assert_eq!(first.spec.chain.as_ref().map(|chain| chain.sequence), Some(2));
    delete_behind_the_policys_back(&scene, "deployment-web-1").await;

    install
        .set(Component::Operator, &[("ANCHORWATCH_E2E_RESTARTED", "1")], Goal::Ready)
        .await
        .unwrap();
    until("the operator's audit", RECORDED, async || {
        let metrics = install.metrics().await?;
        let line = metrics
            .lines()
            .find(|line| line.contains(r#"evidence_breaks{check="beginning"}"#));
        // Of namespaces that are just being emptied, it may see some more.
        let breaks = line.and_then(|line| line.rsplit(' ').next()?.parse::<u32>().ok());
        ensure!(breaks.is_some_and(|breaks| breaks >= 1), "it says {line:?}");
        Ok(())
    })
    .await
    .unwrap();
    install
        .unset(Component::Operator, &["ANCHORWATCH_E2E_RESTARTED"])
        .await
        .unwrap();
    scene.cluster.remove_namespace(&scene.namespace).await.unwrap();
}
