//! Whose behaviour it is: of every sort of container that a pod can have, and of pods that share the node's namespaces.

use std::fs;
use std::path::Path;

use anchorwatch_crds::v1alpha1::{BaselineEntry, BehaviorBaseline, FeedName};
use anchorwatch_e2e::skip::skip;
use anchorwatch_e2e::wait::until;
use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::agents::{Agents, LEARNED};

/// Where the local cluster's kubelet looks for static pods.
const STATIC_PODS: &str = "/var/lib/anchorwatch-cluster/static-pods";

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_each_sort_of_container_does_is_its_own() {
    let scene = Agents::none("placed").await;
    let image = &scene.images.first;
    let (labels, quick) = (json!({"app": "placed"}), json!(1));
    let spec = json!({
        "terminationGracePeriodSeconds": quick,
        "initContainers": [
            {"name": "setup", "image": image, "command": bash("nproc")},
            {"name": "helper", "image": image, "restartPolicy": "Always", "command": bash("while :; do date; sleep 1; done")},
        ],
        "containers": [{"name": "main", "image": image, "command": bash("while :; do id; sleep 1; done")}],
    });
    makes(&scene, "parts", &json!({"metadata": {"labels": labels}, "spec": spec})).await;
    for (container, executable) in [("setup", NPROC), ("helper", DATE), ("main", ID)] {
        shows(&scene, "deployment-parts", container, FeedName::Process, executable).await;
    }
    let pods = scene.objects::<Pod>();
    let pod = pods.list(&ListParams::default().labels("app=placed")).await.unwrap();
    let pod = pod.items.first().unwrap().name_any();
    let visitor = json!({"spec": {"ephemeralContainers": [
        {"name": "visitor", "image": image, "command": bash("arch; sleep 100000"), "targetContainerName": "main"},
    ]}});
    pods.patch_ephemeral_containers(&pod, &PatchParams::default(), &Patch::Strategic(visitor))
        .await
        .unwrap();
    shows(&scene, "deployment-parts", "visitor", FeedName::Process, ARCH).await;
    // A visit, as `kubectl exec` is, whatever was learned.
    let visit = scene.of_rule("exec-from-outside").await;
    assert_eq!(visit.alert.status.unwrap().container, "visitor");
    let told = told(&scene, "deployment-parts").await.unwrap();
    let of = |executable: &str| {
        let shown = told
            .iter()
            .filter(|(_, entry)| entry.behavior.executable() == executable);
        shown.map(|(container, _)| container.as_str()).collect::<Vec<_>>()
    };
    for (executable, containers) in [
        (NPROC, ["setup"]),
        (DATE, ["helper"]),
        (ID, ["main"]),
        (ARCH, ["visitor"]),
    ] {
        let mut of = of(executable);
        of.dedup();
        assert_eq!(of, containers, "{executable}");
    }
    scene.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_pod_in_the_nodes_namespaces_shows_what_it_does_itself_and_nothing_of_others() {
    let scene = Agents::none("shared").await;
    let image = &scene.images.first;
    // It sees every process of the node, and looks at them.
    let busy = "while :; do for process in /proc/[0-9]*; do head -c 64 $process/cmdline >/dev/null; done; \
                (exec 3<>/dev/tcp/$KUBERNETES_SERVICE_HOST/$KUBERNETES_SERVICE_PORT); sleep 1; done";
    let spec = json!({
        "hostNetwork": true, "hostPID": true, "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": image, "command": bash(busy)}],
    });
    makes(
        &scene,
        "host",
        &json!({"metadata": {"labels": {"app": "host"}}, "spec": spec}),
    )
    .await;
    let beside = json!({
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": image, "command": bash("while :; do nproc; sleep 1; done")}],
    });
    makes(
        &scene,
        "beside",
        &json!({"metadata": {"labels": {"app": "beside"}}, "spec": beside}),
    )
    .await;
    shows(&scene, "deployment-host", "main", FeedName::Process, "/usr/bin/head").await;
    shows(&scene, "deployment-host", "main", FeedName::Network, "/usr/bin/bash").await;
    shows(&scene, "deployment-beside", "main", FeedName::Process, NPROC).await;
    for (_, entry) in told(&scene, "deployment-host").await.unwrap() {
        let own = ["/usr/bin/bash", "/usr/bin/head", "/usr/bin/sleep"];
        assert!(own.contains(&entry.behavior.executable()), "{entry:?}");
    }
    for (_, entry) in told(&scene, "deployment-beside").await.unwrap() {
        assert!(
            entry.behavior.network.is_none() && entry.behavior.executable() != "/usr/bin/head",
            "{entry:?}"
        );
    }
    scene.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_static_pod_is_known_by_its_mirror() {
    let name = "a_static_pod_is_known_by_its_mirror";
    if !Path::new(STATIC_PODS).is_dir() {
        return skip(name, "the cluster's kubelet looks for static pods elsewhere").unwrap();
    }
    let scene = Agents::none("fixed").await;
    let file = Path::new(STATIC_PODS).join(format!("{}.json", scene.namespace));
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "fixed", "namespace": scene.namespace},
        "spec": {
            "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false, "enableServiceLinks": false,
            "containers": [
                {"name": "main", "image": scene.images.first, "command": bash("while :; do nproc; sleep 1; done")},
            ],
        },
    });
    fs::write(&file, pod.to_string()).unwrap();
    let shown = until("what the static pod does", LEARNED, async || {
        let baselines = scene.objects::<BehaviorBaseline>().list(&ListParams::default()).await?;
        let names = baselines.iter().map(ResourceExt::name_any).collect::<Vec<_>>();
        let mut all = baselines.iter().flat_map(entries);
        ensure!(
            all.any(|(_, entry)| entry.behavior.executable() == NPROC),
            "there are {names:?}"
        );
        Ok(())
    })
    .await;
    fs::remove_file(&file).unwrap();
    shown.unwrap();
    scene.end().await;
}

const NPROC: &str = "/usr/bin/nproc";
const DATE: &str = "/usr/bin/date";
const ID: &str = "/usr/bin/id";
const ARCH: &str = "/usr/bin/arch";

/// A shell that does not replace itself by its last command.
fn bash(script: &str) -> Value {
    json!(["/usr/bin/bash", "-c", format!("{script}; true")])
}

async fn makes(scene: &Agents, name: &str, template: &Value) {
    let deployment = json!({
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": template["metadata"]["labels"]}, "template": template},
    });
    let deployment = serde_json::from_value(deployment).unwrap();
    scene
        .objects::<k8s_openapi::api::apps::v1::Deployment>()
        .create(&PostParams::default(), &deployment)
        .await
        .unwrap();
}

/// All that a baseline holds, by container.
fn entries(baseline: &BehaviorBaseline) -> Vec<(String, BaselineEntry)> {
    let containers = baseline.status.iter().flat_map(|status| &status.containers);
    let of_container = containers.flat_map(|container| {
        let feeds = container.feeds.iter().flat_map(|feed| &feed.entries);
        feeds.map(|entry| (container.name.clone(), entry.clone()))
    });
    of_container.collect()
}

async fn told(scene: &Agents, baseline: &str) -> Result<Vec<(String, BaselineEntry)>> {
    Ok(entries(&scene.objects::<BehaviorBaseline>().get(baseline).await?))
}

/// Waits until a baseline holds something of an executable in a container's feed.
async fn shows(scene: &Agents, baseline: &str, container: &str, feed: FeedName, executable: &str) {
    until(
        &format!("{executable} of {container} in {baseline}"),
        LEARNED,
        async || {
            let held = scene.objects::<BehaviorBaseline>().get(baseline).await?;
            let containers = held.status.iter().flat_map(|status| &status.containers);
            let own = containers
                .filter(|own| own.name == container)
                .flat_map(|own| &own.feeds);
            let mut entries = own.filter(|own| own.feed == feed).flat_map(|own| &own.entries);
            let all = self::entries(&held);
            let all: Vec<_> = all
                .iter()
                .map(|(of, entry)| format!("{of}: {}", entry.behavior.executable()))
                .collect();
            ensure!(
                entries.any(|entry| entry.behavior.executable() == executable),
                "it holds {all:?}"
            );
            Ok(())
        },
    )
    .await
    .unwrap();
}
