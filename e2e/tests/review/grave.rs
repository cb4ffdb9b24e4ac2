//! What can never be suppressed is decided one by one; and what becomes of a decision that others do not let through.

use anchorwatch_crds::v1alpha1::{AlertState, DecisionOutcome, DriftAlert, Finding};
use anchorwatch_e2e::plugin::{drift, kubectl};
use anchorwatch_e2e::wait::until;
use anyhow::{Context, ensure};
use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use k8s_openapi::api::events::v1::Event;
use kube::Error;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::scene::{JUDGES, SOON, Scene, decision};

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_is_grave_is_decided_one_by_one_and_what_is_dismissed_comes_back_under_another_name() {
    let scene = Scene::new("one-by-one").await;
    scene.starts(2, JUDGES).await;
    scene.judged().await;
    let mut names = scene.pod_names().await.into_iter();
    let (pod, other_pod) = (names.next().unwrap(), names.next().unwrap());
    for program in ["/usr/bin/bash", "/usr/bin/nproc"] {
        scene
            .agent
            .ask_pod_with_socket(&pod, &[program, "--version"])
            .await
            .unwrap();
    }
    let is_grave = |finding: &Finding| finding.rule == "socket-as-stdin" && finding.state == AlertState::Escalated;
    let (alert, shell) = scene.finding("/bash", is_grave).await;
    let (other, nproc) = scene.finding("/nproc", is_grave).await;
    assert_eq!(alert, other, "they belong together");

    let alice = scene.alerts_of("alice", "anchorwatch-review").await;
    let both = json!({"spec": {"dispositions": {
        shell.id.as_str(): by_alice("Accept"), nproc.id.as_str(): by_alice("Accept"),
    }}});
    let refused = alice.patch(&alert, &PatchParams::default(), &Patch::Merge(both)).await;
    let Err(Error::Api(said)) = refused else {
        panic!("both were accepted at once: {refused:?}")
    };
    assert!(said.message.contains("are decided one by one"), "{}", said.message);
    let refused = drift(&["accept", &alert, "-n", &scene.namespace, "--yes"]).unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("--finding"), "{said}");

    for (finding, what, state) in [
        (&nproc, "Accept", AlertState::Accepted),
        (&shell, "Dismiss", AlertState::Dismissed),
    ] {
        let one = decision(&finding.id, what, "alice", None);
        alice.patch(&alert, &PatchParams::default(), &one).await.unwrap();
        let about = format!(
            "/{}",
            finding
                .behavior
                .process
                .as_ref()
                .unwrap()
                .executable
                .rsplit('/')
                .next()
                .unwrap()
        );
        scene.finding(&about, |finding| finding.state == state).await;
    }
    // What a container has told already it tells again within minutes; another one at once.
    scene
        .agent
        .ask_pod_with_socket(&other_pod, &["/usr/bin/bash", "--version"])
        .await
        .unwrap();
    let (next, _) = scene
        .finding("/bash", |finding| finding.recurs.as_deref() == Some(alert.as_str()))
        .await;
    assert_ne!(next, alert);
    scene.ends().await;
}

fn by_alice(decision: &str) -> Value {
    json!({"decision": decision, "reason": "tried by a test", "decidedBy": "alice"})
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_denial_that_the_cluster_does_not_take_is_said_on_the_alert_and_on_the_workload() {
    let scene = Scene::new("refused-denial").await;
    from_git_alone(&scene).await;
    scene.starts(1, JUDGES).await;
    scene.judged().await;
    scene.agent.ask(&["bash", "-c", "exit"]).await.unwrap();
    let (alert, finding) = scene
        .finding("/bash", |finding| finding.state == AlertState::Open)
        .await;
    scene.decides("alice", "Deny", &alert, &finding).await;
    let is_refused = |finding: &Finding| {
        let decision = finding.decision.as_ref();
        decision.is_some_and(|decision| decision.outcome == DecisionOutcome::Refused)
    };
    let (_, refused) = scene.finding("/bash", is_refused).await;
    let said = refused.decision.unwrap().message;
    assert!(said.contains("approvals come from Git alone"), "{said}");
    assert_eq!(refused.state, AlertState::Open);
    until("the Event", SOON, async || {
        let events: Api<Event> = scene.all();
        let events = events.list(&ListParams::default()).await?.items;
        let told = events
            .iter()
            .find(|event| event.reason.as_deref() == Some("DenialRefused"));
        let note = told.context("there is none")?.note.clone().unwrap_or_default();
        ensure!(note.contains("approvals come from Git alone"), "{note}");
        Ok(())
    })
    .await
    .unwrap();
    if let Some(shown) = kubectl(&["get", "driftalert", &alert, "-n", &scene.namespace], "").unwrap() {
        assert!(shown.status.success());
    }
    let name = format!("{}-approvals", scene.namespace);
    let (policies, bindings) = admission(&scene);
    bindings.delete(&name, &DeleteParams::default()).await.unwrap();
    policies.delete(&name, &DeleteParams::default()).await.unwrap();
    scene.ends().await;
}

type Admission = (Api<ValidatingAdmissionPolicy>, Api<ValidatingAdmissionPolicyBinding>);

fn admission(scene: &Scene) -> Admission {
    let client = &scene.cluster.client;
    (Api::all(client.clone()), Api::all(client.clone()))
}

/// Has the cluster refuse approvals in the scene's namespace, as one would that takes them from Git alone, and waits until it
/// does.
async fn from_git_alone(scene: &Scene) {
    let name = format!("{}-approvals", scene.namespace);
    let policy = json!({
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": ["anchorwatch.dev"], "apiVersions": ["*"], "operations": ["CREATE"],
                "resources": ["behaviorapprovals"],
            }]},
            "validations": [{"expression": "false", "message": "approvals come from Git alone"}],
        },
    });
    let binding = json!({
        "metadata": {"name": name},
        "spec": {
            "policyName": name, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}}},
        },
    });
    let (policies, bindings) = admission(scene);
    let parameters = PostParams::default();
    policies
        .create(&parameters, &serde_json::from_value(policy).unwrap())
        .await
        .unwrap();
    bindings
        .create(&parameters, &serde_json::from_value(binding).unwrap())
        .await
        .unwrap();
    until("the admission policy", SOON, async || {
        let tried = scene.applies("tried", &json!({"freeze": true})).await;
        if tried.is_ok() {
            let approvals: Api<anchorwatch_crds::v1alpha1::BehaviorApproval> = scene.all();
            approvals.delete("tried", &DeleteParams::default()).await?;
        }
        ensure!(tried.is_err(), "it is not in force yet");
        Ok(())
    })
    .await
    .unwrap();
    let alerts: Api<DriftAlert> = scene.all();
    assert_eq!(alerts.list(&ListParams::default()).await.unwrap().items.len(), 0);
}
