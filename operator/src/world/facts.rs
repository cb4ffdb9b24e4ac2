//! What is kept of pods and of the objects that own them: the few fields that decisions need.

use std::collections::BTreeMap;

use anchorwatch_core::{
    chain::canonical,
    id::{ImageDigest, short_hash},
    rollout::repository,
};
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::ControllerRevision,
        batch::v1::Job,
        core::v1::{ContainerStatus, Pod, PodSpec, PodStatus},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};

use kube::core::PartialObjectMeta;

use super::index::Identified;

/// Label of a Deployment's pods and ReplicaSets: the hash of the pod template.
pub const TEMPLATE_HASH: &str = "pod-template-hash";
/// The same of an Argo Rollout.
const ARGO_TEMPLATE_HASH: &str = "rollouts-pod-template-hash";
/// Label of a StatefulSet's or DaemonSet's pods: the name of its controller's revision object.
const CONTROLLER_REVISION: &str = "controller-revision-hash";
/// Annotation of a Deployment and its ReplicaSets: the number of the revision.
pub const REVISION: &str = "deployment.kubernetes.io/revision";
/// The same of an Argo Rollout.
const ARGO_REVISION: &str = "rollout.argoproj.io/revision";

/// The object that controls another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Controller {
    /// Its API version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

impl Controller {
    /// The one of an object's owners that controls it.
    pub fn of(metadata: &ObjectMeta) -> Option<Self> {
        let owners: &[OwnerReference] = metadata.owner_references.as_deref().unwrap_or_default();
        owners
            .iter()
            .find(|owner| owner.controller == Some(true))
            .map(|owner| Self {
                api_version: owner.api_version.clone(),
                kind: owner.kind.clone(),
                name: owner.name.clone(),
                uid: owner.uid.clone(),
            })
    }
}

/// What is kept of a pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PodFacts {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The node that it runs on; empty until it is scheduled.
    pub node: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What controls it.
    pub controller: Option<Controller>,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it runs and was not told to end.
    pub running: bool,
    /// Whether all of its containers ended well.
    pub succeeded: bool,
    /// Since when it is ready, where it is.
    pub ready: Option<Timestamp>,
    /// Names of the containers that its specification declares, of every sort.
    pub declared: Vec<String>,
    /// The images that its specification names, by the container's name. Ephemeral containers are somebody's visit, and left
    /// out.
    pub images: BTreeMap<String, String>,
    /// Its containers, in the order of its status.
    pub containers: Vec<ContainerFacts>,
}

/// What is kept of a container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContainerFacts {
    /// Its name.
    pub name: String,
    /// True for an init container.
    pub init: bool,
    /// The digest that it runs; absent until the status tells.
    pub digest: Option<ImageDigest>,
}

impl PodFacts {
    /// Hash or name of the revision that the pod belongs to, where its controller has revisions.
    pub fn template_hash(&self) -> Option<&str> {
        let label = |name: &str| self.labels.get(name).map(String::as_str);
        label(TEMPLATE_HASH)
            .or_else(|| label(ARGO_TEMPLATE_HASH))
            .or_else(|| label(CONTROLLER_REVISION))
    }

    /// The repositories of its containers' images, by the container's name.
    pub fn repositories(&self) -> impl Iterator<Item = (&str, &str)> {
        self.images
            .iter()
            .map(|(name, image)| (name.as_str(), repository(image)))
    }

    /// Whether its specification declares a container.
    pub fn declares(&self, container: &str) -> bool {
        self.declared.iter().any(|name| name == container)
    }

    /// The digest that a container runs.
    pub fn digest(&self, container: &str) -> Option<&ImageDigest> {
        let found = self.containers.iter().find(|facts| facts.name == container)?;
        found.digest.as_ref()
    }
}

impl Identified for PodFacts {
    fn uid(&self) -> &str {
        &self.uid
    }
}

impl From<Pod> for PodFacts {
    fn from(pod: Pod) -> Self {
        let controller = Controller::of(&pod.metadata);
        let status = pod.status.unwrap_or_default();
        let ready = ready(&status);
        let containers = [
            (status.init_container_statuses, true),
            (status.container_statuses, false),
            (status.ephemeral_container_statuses, false),
        ]
        .into_iter()
        .flat_map(|(statuses, init)| {
            let facts = move |status| container(status, init);
            statuses.unwrap_or_default().into_iter().map(facts)
        })
        .collect();
        Self {
            running: status.phase.as_deref() == Some("Running") && pod.metadata.deletion_timestamp.is_none(),
            succeeded: status.phase.as_deref() == Some("Succeeded"),
            ready,
            created: created(&pod.metadata),
            namespace: pod.metadata.namespace.unwrap_or_default(),
            name: pod.metadata.name.unwrap_or_default(),
            uid: pod.metadata.uid.unwrap_or_default(),
            declared: pod.spec.as_ref().map(declared).unwrap_or_default(),
            images: pod.spec.as_ref().map(images).unwrap_or_default(),
            node: pod.spec.and_then(|spec| spec.node_name).unwrap_or_default(),
            labels: pod.metadata.labels.unwrap_or_default(),
            controller,
            containers,
        }
    }
}

/// Names of the containers of every sort.
fn declared(spec: &PodSpec) -> Vec<String> {
    let init = spec.init_containers.iter().flatten().map(|container| &container.name);
    let main = spec.containers.iter().map(|container| &container.name);
    let ephemeral = spec
        .ephemeral_containers
        .iter()
        .flatten()
        .map(|container| &container.name);
    init.chain(main).chain(ephemeral).cloned().collect()
}

/// Since when a pod is ready, where it is.
fn ready(status: &PodStatus) -> Option<Timestamp> {
    let mut conditions = status.conditions.iter().flatten();
    let ready = conditions.find(|condition| condition.type_ == "Ready" && condition.status == "True")?;
    ready.last_transition_time.as_ref().map(|time| time.0)
}

/// Images of its containers; ephemeral ones are somebody's visit.
fn images(spec: &PodSpec) -> BTreeMap<String, String> {
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let images = containers.filter_map(|container| Some((container.name.clone(), container.image.clone()?)));
    images.collect()
}

fn container(status: ContainerStatus, init: bool) -> ContainerFacts {
    ContainerFacts {
        digest: ImageDigest::from_image_id(&status.image_id).ok(),
        name: status.name,
        init,
    }
}

/// What is kept of a ReplicaSet, ControllerRevision or Job: what it belongs to, and which revision it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnerFacts {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// What controls it.
    pub controller: Option<Controller>,
    /// When it was created.
    pub created: Timestamp,
    /// The number of its revision, for a ControllerRevision and the ReplicaSet of a Deployment or Argo Rollout. A rollback
    /// raises it.
    pub revision: Option<i64>,
    /// The hash of its pod template: as its pods' label says it or, of a Job, our own.
    pub template_hash: Option<String>,
}

impl Identified for OwnerFacts {
    fn uid(&self) -> &str {
        &self.uid
    }
}

impl From<ObjectMeta> for OwnerFacts {
    fn from(metadata: ObjectMeta) -> Self {
        let labels = metadata.labels.as_ref();
        Self {
            controller: Controller::of(&metadata),
            created: created(&metadata),
            revision: revision(&metadata),
            template_hash: labels
                .and_then(|labels| labels.get(TEMPLATE_HASH).or_else(|| labels.get(ARGO_TEMPLATE_HASH)))
                .cloned(),
            namespace: metadata.namespace.unwrap_or_default(),
            name: metadata.name.unwrap_or_default(),
            uid: metadata.uid.unwrap_or_default(),
        }
    }
}

impl<K> From<PartialObjectMeta<K>> for OwnerFacts {
    fn from(object: PartialObjectMeta<K>) -> Self {
        object.metadata.into()
    }
}

impl From<ControllerRevision> for OwnerFacts {
    fn from(object: ControllerRevision) -> Self {
        let facts = Self::from(object.metadata.clone());
        let of_daemon_set = facts
            .controller
            .as_ref()
            .is_some_and(|controller| controller.kind == "DaemonSet");
        // A DaemonSet's pods carry the hash, a StatefulSet's the name of this object.
        let labels = object.metadata.labels.filter(|_| of_daemon_set);
        let label = labels.and_then(|mut labels| labels.remove(CONTROLLER_REVISION));
        Self {
            revision: Some(object.revision),
            template_hash: label.or_else(|| Some(facts.name.clone())),
            ..facts
        }
    }
}

impl From<Job> for OwnerFacts {
    fn from(job: Job) -> Self {
        // The template's labels name the Job itself, so that they differ from run to run.
        let template = job.spec.and_then(|spec| spec.template.spec);
        let text = template.and_then(|template| canonical(&serde_json::to_value(template).ok()?).ok());
        Self {
            template_hash: text.map(|text| short_hash(&[text.as_bytes()])),
            ..Self::from(job.metadata)
        }
    }
}

/// The number of the revision that an object is annotated with.
pub fn revision(metadata: &ObjectMeta) -> Option<i64> {
    let annotations = metadata.annotations.as_ref()?;
    let number = annotations.get(REVISION).or_else(|| annotations.get(ARGO_REVISION))?;
    number.parse().ok()
}

/// When an object was created.
pub fn created(metadata: &ObjectMeta) -> Timestamp {
    metadata
        .creation_timestamp
        .as_ref()
        .map_or(Timestamp::UNIX_EPOCH, |time| time.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_is_reduced_to_what_decisions_need() {
        let digest = format!("sha256:{}", "01".repeat(32));
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {
                "namespace": "shop", "name": "agent-5d-x", "uid": "u1",
                "creationTimestamp": "2026-01-02T03:04:05Z",
                "labels": {"app": "agent", "pod-template-hash": "5d"},
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "Other", "name": "no", "uid": "u0"},
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "agent-5d", "uid": "r1", "controller": true},
                ],
            },
            "spec": {
                "nodeName": "node1",
                "containers": [{"name": "agent", "image": "registry:5000/tools/agent:1.2"}],
                "initContainers": [{"name": "setup"}],
                "ephemeralContainers": [{"name": "debugger"}],
            },
            "status": {
                "phase": "Running",
                "initContainerStatuses": [{
                    "name": "setup", "image": "i", "imageID": format!("r/i@{digest}"), "ready": true, "restartCount": 0,
                }],
                "containerStatuses": [{
                    "name": "agent", "image": "a", "imageID": "", "ready": false, "restartCount": 0,
                }],
            },
        }))
        .unwrap();
        let facts = PodFacts::from(pod);
        assert_eq!(
            facts,
            PodFacts {
                namespace: "shop".into(),
                name: "agent-5d-x".into(),
                uid: "u1".into(),
                node: "node1".into(),
                labels: [("app", "agent"), ("pod-template-hash", "5d")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
                controller: Some(Controller {
                    api_version: "apps/v1".into(),
                    kind: "ReplicaSet".into(),
                    name: "agent-5d".into(),
                    uid: "r1".into(),
                }),
                created: "2026-01-02T03:04:05Z".parse().unwrap(),
                running: true,
                succeeded: false,
                ready: None,
                declared: ["setup", "agent", "debugger"].map(Into::into).into(),
                images: [("agent".to_owned(), "registry:5000/tools/agent:1.2".to_owned())].into(),
                containers: vec![
                    ContainerFacts {
                        name: "setup".into(),
                        init: true,
                        digest: digest.parse().ok(),
                    },
                    ContainerFacts {
                        name: "agent".into(),
                        init: false,
                        digest: None,
                    },
                ],
            }
        );
        assert_eq!(facts.template_hash(), Some("5d"));
        let repositories: Vec<_> = facts.repositories().collect();
        assert_eq!(repositories, [("agent", "registry:5000/tools/agent")]);
    }
}
