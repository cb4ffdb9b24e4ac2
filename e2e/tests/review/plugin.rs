//! The plugin, as a person uses it from the alert to the decision, and as Git uses what it wrote.

use anchorwatch_crds::v1alpha1::{AlertState, BehaviorApproval, BehaviorBaseline, EntryState, SensorReport};
use anchorwatch_e2e::agent::AGENT;
use anchorwatch_e2e::install::Install;
use anchorwatch_e2e::plugin::{drift_ends, kubectl};
use anchorwatch_e2e::wait::until;
use anyhow::ensure;
use kube::api::{Api, ListParams};

use super::scene::{JUDGES, SOON, Scene};

const SHELL: [&str; 3] = ["bash", "-c", "exit"];

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_person_lists_shows_accepts_and_reports_by_the_plugin() {
    let scene = Scene::new("plugin").await;
    scene.starts(1, JUDGES).await;
    scene.judged().await;
    scene.agent.ask(&SHELL).await.unwrap();
    let (alert, finding) = scene
        .finding("/bash", |finding| finding.state == AlertState::Open)
        .await;
    let namespace = scene.namespace.as_str();
    let workload = format!("deploy/{AGENT}");
    let run = |arguments: &[&str]| drift_ends(0, &[arguments, &["-n", namespace]].concat()).unwrap();

    let listed = run(&["list", "-l", &format!("anchorwatch.dev/name={AGENT}"), "-o", "name"]);
    assert!(listed.contains(&format!("driftalert/{alert}\n")), "{listed}");
    let shown = run(&["show", &alert]);
    assert!(shown.contains("└─ ") && shown.contains(&finding.id), "{shown}");

    let baseline = run(&["baseline", &workload, "--limit", "0"]);
    assert!(
        baseline.contains("Quarantined (process-outside-baseline)"),
        "{baseline}"
    );
    let document: serde_json::Value = serde_json::from_str(&run(&["baseline", &workload, "-o", "json"])).unwrap();
    let revisions = document["entries"][0]["revisions"].as_array().unwrap();
    assert_eq!(revisions.len(), 1, "{document}");

    // The alert's own command line is the nearest one.
    let found = run(&["search", "--like", &alert, "-o", "json"]);
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let nearest = &found["answers"][0];
    assert_eq!(nearest["name"], AGENT, "{found}");
    assert!(
        nearest["similarity"].as_f64().is_some_and(|alike| alike > 0.5),
        "{found}"
    );

    let accepted = run(&[
        "accept",
        &alert,
        "--finding",
        &finding.id,
        "--reason",
        "tried by a test",
    ]);
    assert!(accepted.contains("accepted"), "{accepted}");
    scene.entry("/bash", |entry| entry.state == EntryState::Accepted).await;

    let page = run(&["report", "-o", "html"]);
    assert!(page.contains("<svg class=\"graph\"") && page.contains(&alert), "{page}");
    let only = drift_ends(1, &["diff", &workload, "-n", namespace]).unwrap();
    assert!(only.is_empty(), "{only}");

    says_how_it_is(&scene).await;
    scene.ends().await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_is_exported_is_taken_by_git_changes_nothing_that_was_learned_and_shows_no_difference() {
    let scene = Scene::new("export").await;
    scene.starts(1, JUDGES).await;
    scene.judged().await;
    let namespace = scene.namespace.as_str();
    let workload = format!("deploy/{AGENT}");
    let export = || drift_ends(0, &["export", &workload, "-n", namespace, "--name", "from-git"]).unwrap();
    let before = export();
    assert!(before.contains("executable: /usr/bin/date"), "{before}");
    let learned = async || {
        let baselines: Api<BehaviorBaseline> = scene.all();
        let baseline = baselines.get(&format!("deployment-{AGENT}")).await.unwrap();
        baseline.status.unwrap().learned
    };
    let learned_before = learned().await;

    let spec: serde_json::Value = serde_yaml::from_str::<serde_json::Value>(&before).unwrap()["spec"].clone();
    let version = scene.applies("from-git", &spec).await;
    version.unwrap();
    scene.accepted("from-git", ("True", "Valid")).await;
    // The operator wrote its status, and goes on: applied again, it is as it was.
    let approvals: Api<BehaviorApproval> = scene.all();
    let held = approvals.get("from-git").await.unwrap().metadata.resource_version;
    assert_eq!(scene.applies("from-git", &spec).await.ok(), held);
    let difference = kubectl(
        &[
            "diff",
            "--server-side",
            "--field-manager=git",
            "-n",
            namespace,
            "-f",
            "-",
        ],
        &before,
    );
    if let Some(output) = difference.unwrap() {
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""));
    }
    assert!(learned().await >= learned_before);
    assert_eq!(export(), before, "an approval is no lesson");
    scene.ends().await;
}

/// Status says by its exit code, too, whether anything is wrong: a hook that the kernel lacks or forbids is not, and is said.
async fn says_how_it_is(scene: &Scene) {
    let system = Install::of(&scene.cluster).namespace;
    let reports: Api<SensorReport> = Api::all(scene.cluster.client.clone());
    let reports = reports.list(&ListParams::default()).await.unwrap();
    let hooks = reports.iter().flat_map(|report| &report.spec.hooks);
    let lacking: Vec<&str> = hooks
        .filter(|hook| hook.state == "unsupported")
        .map(|hook| hook.name.as_str())
        .collect();
    until("the status", SOON, async || {
        let text = drift_ends(0, &["status", "--operator-namespace", &system, "-o", "wide"])?;
        ensure!(text.contains("Anchorwatch is well."), "{text}");
        let noted = |hook: &&str| text.contains(&format!("does not have or forbids the hook {hook}"));
        ensure!(lacking.iter().all(noted), "{lacking:?} are not in {text}");
        Ok(())
    })
    .await
    .unwrap();
}
