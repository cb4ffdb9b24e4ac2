//! Container ids → containers of pods, from the statuses of this node's pods.

mod container;
mod workload;

use anchorwatch_core::id::WorkloadKey;
use k8s_openapi::api::core::v1::{Container as ContainerSpec, ContainerStatus, Pod, PodSpec};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cgroup::ContainerId;
use super::mounts::Seat;
use super::probe::{self, Command};
use crate::keyed::KeyedMap;
use crate::names::resolvers::PodDns;
pub use container::{Container, ContainerKey, PodIdentity, Setting};
use workload::workload_of;

/// What attribution needs to know of a pod.
#[derive(Debug, Clone)]
pub struct PodFacts {
    pub pod: Arc<PodIdentity>,
    /// What the kubelet names its cgroups and folders by: the UID, or the hash of a static pod's file.
    pub kubelet_name: String,
    /// As its status has them.
    pub containers: Vec<(ContainerId, Arc<Container>)>,
    /// Every container of its specification.
    pub specified: Vec<Specified>,
    /// Whose answers name its destinations.
    pub dns: Arc<PodDns>,
    pub workload: Arc<WorkloadKey>,
    pub labels: Arc<BTreeMap<String, String>>,
}

/// A container of a pod's specification.
#[derive(Debug, Clone)]
pub struct Specified {
    pub name: String,
    /// The commands of its probes and hooks.
    pub commands: Vec<Command>,
    pub setting: Setting,
}

/// What became of this node's pods.
#[derive(Debug)]
pub enum PodChange {
    Applied(PodFacts),
    /// With what was last known of it.
    Deleted(PodFacts),
    /// These are all; whatever else was known is gone.
    Listed(HashSet<String>),
}

impl PodFacts {
    /// `None` for an object without identity, which no API server sends.
    pub fn of(pod: &Pod) -> Option<Self> {
        let identity = Arc::new(PodIdentity {
            namespace: pod.metadata.namespace.clone()?,
            name: pod.metadata.name.clone()?,
            uid: pod.metadata.uid.clone()?,
        });
        let specified = pod.spec.as_ref().map_or_else(Vec::new, specified);
        let as_specified = |name: &str| {
            let found = specified.iter().find(|own| own.name == name);
            found.map_or_else(|| (Vec::new(), Setting::Pod), |own| (own.commands.clone(), own.setting))
        };
        let dns = Arc::new(pod.spec.as_ref().map(PodDns::of).unwrap_or_default());
        let workload = Arc::new(workload_of(&identity, pod));
        let labels = Arc::new(pod.metadata.labels.clone().unwrap_or_default());
        let containers = statuses(pod)
            .flat_map(|status| ids(status).map(move |id| (status, id)))
            .filter_map(|(status, uri)| {
                let id = ContainerId::parse(uri.split_once("://")?.1)?;
                let name = status.name.clone();
                let (commands, setting) = as_specified(&name);
                let container = Container::new(Arc::clone(&identity), name, uri.to_owned(), commands).within(setting);
                let container = container.asking(Arc::clone(&dns)).of(Arc::clone(&workload));
                Some((id, Arc::new(container.labelled(Arc::clone(&labels)))))
            })
            .collect();
        Some(Self {
            kubelet_name: kubelet_name(pod).unwrap_or(&identity.uid).to_owned(),
            pod: identity,
            containers,
            specified,
            dns,
            workload,
            labels,
        })
    }
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let kinds = status.map(|status| {
        [
            &status.container_statuses,
            &status.init_container_statuses,
            &status.ephemeral_container_statuses,
        ]
    });
    kinds.into_iter().flatten().flatten().flatten()
}

/// A static pod's object in the API is the kubelet's mirror of it, with a UID of its own
/// (`kubernetes.io/config.hash`, `pkg/kubelet/types/pod_update.go`).
fn kubelet_name(pod: &Pod) -> Option<&str> {
    let annotations = pod.metadata.annotations.as_ref()?;
    annotations.get("kubernetes.io/config.mirror")?;
    annotations.get("kubernetes.io/config.hash").map(String::as_str)
}

/// A container that has been restarted already shows under its last state.
fn ids(status: &ContainerStatus) -> impl Iterator<Item = &str> {
    let last = status
        .last_state
        .as_ref()
        .and_then(|state| state.terminated.as_ref())
        .and_then(|terminated| terminated.container_id.as_deref());
    status.container_id.as_deref().into_iter().chain(last)
}

/// Init containers, sidecars among them, ordinary and ephemeral ones; the last can have neither probes nor hooks.
fn specified(spec: &PodSpec) -> Vec<Specified> {
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let declared = spec.containers.iter().chain(init);
    let declared = declared.map(|container: &ContainerSpec| Specified {
        name: container.name.clone(),
        commands: probe::commands(container),
        setting: Setting::Pod,
    });
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|container| Specified {
        name: container.name.clone(),
        commands: Vec::new(),
        setting: Setting::Visit,
    });
    declared.chain(ephemeral).collect()
}

/// The containers of this node's pods, by id.
#[derive(Debug, Default)]
pub struct Pods {
    containers: KeyedMap<ContainerId, Arc<Container>>,
    by_pod: HashMap<String, PodFacts>,
    /// When deleted pods are forgotten.
    leaving: Vec<(Instant, String)>,
}

/// Who has a kubelet's name of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    None,
    One(&'a PodIdentity),
    /// Annotations are whatever somebody wrote.
    Several,
}

/// How long a deleted pod's containers are still recognised, for events that are on their way.
const GRACE: Duration = Duration::from_mins(1);

impl Pods {
    pub fn get(&self, id: &ContainerId) -> Option<&Arc<Container>> {
        self.containers.get(id)
    }

    /// The container that a seat names, under an id that no status has told of yet. `None` where more than one pod
    /// claims the kubelet's name: annotations are whatever somebody wrote.
    pub fn at(&self, seat: &Seat, id: &ContainerId) -> Option<Arc<Container>> {
        let Named::One(pod) = self.named(&seat.pod) else {
            return None;
        };
        let facts = self.by_pod.get(&pod.uid)?;
        let own = facts.specified.iter().find(|own| own.name == seat.container)?;
        let id = format!("{}://{id}", self.runtime());
        let container = Container::new(Arc::clone(&facts.pod), own.name.clone(), id, own.commands.clone());
        let container = container
            .within(own.setting)
            .asking(Arc::clone(&facts.dns))
            .of(Arc::clone(&facts.workload));
        Some(Arc::new(container.labelled(Arc::clone(&facts.labels))))
    }

    /// Whose answers count for each pod.
    pub fn dns(&self) -> impl Iterator<Item = &PodDns> {
        self.by_pod.values().map(|facts| &*facts.dns)
    }

    /// The pod that the kubelet names so.
    pub fn named(&self, kubelet_name: &str) -> Named<'_> {
        let mut pods = self.by_pod.values().filter(|facts| facts.kubelet_name == kubelet_name);
        match (pods.next(), pods.next()) {
            (None, _) => Named::None,
            (Some(facts), None) => Named::One(&facts.pod),
            (Some(_), Some(_)) => Named::Several,
        }
    }

    /// The node's container runtime, as statuses name it.
    fn runtime(&self) -> &str {
        let known = self.containers.values().next();
        known
            .and_then(|container| container.id.split_once("://"))
            .map_or("unknown", |(runtime, _)| runtime)
    }

    /// Whether the pod is known, be it that it was deleted a moment ago.
    pub fn knows(&self, uid: &str) -> bool {
        self.by_pod.contains_key(uid)
    }

    pub fn len(&self) -> usize {
        self.by_pod.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_pod.is_empty()
    }

    /// Takes a change over; the containers that are known from now on.
    pub fn change(&mut self, change: PodChange, now: Instant) -> Vec<ContainerId> {
        match change {
            PodChange::Applied(facts) => self.apply(facts),
            PodChange::Deleted(facts) => {
                let uid = facts.pod.uid.clone();
                let known = self.apply(facts);
                self.leave(uid, now);
                known
            }
            PodChange::Listed(uids) => {
                let gone: Vec<String> = self.by_pod.keys().filter(|uid| !uids.contains(*uid)).cloned().collect();
                for uid in gone {
                    self.leave(uid, now);
                }
                Vec::new()
            }
        }
    }

    /// Forgets pods that were deleted a while ago.
    pub fn expire(&mut self, now: Instant) {
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.leaving)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.leaving = later;
        for (_, uid) in due {
            let gone = self.by_pod.remove(&uid);
            for (id, _) in gone.iter().flat_map(|facts| &facts.containers) {
                self.containers.remove(id);
            }
        }
    }

    fn leave(&mut self, uid: String, now: Instant) {
        if !self.leaving.iter().any(|(_, leaving)| *leaving == uid) {
            self.leaving.push((now + GRACE, uid));
        }
    }

    fn apply(&mut self, facts: PodFacts) -> Vec<ContainerId> {
        let uid = &facts.pod.uid;
        self.leaving.retain(|(_, leaving)| leaving != uid);
        let before = self.by_pod.remove(uid);
        let mut known = Vec::new();
        for (id, container) in &facts.containers {
            match self.containers.get_mut(id) {
                Some(present) if present == container => {}
                Some(present) => *present = Arc::clone(container),
                None => {
                    self.containers.insert(id.clone(), Arc::clone(container));
                    known.push(id.clone());
                }
            }
        }
        for (id, _) in before.iter().flat_map(|facts| &facts.containers) {
            if !facts.containers.iter().any(|(other, _)| other == id) {
                self.containers.remove(id);
            }
        }
        self.by_pod.insert(uid.clone(), facts);
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn id(digit: char) -> String {
        std::iter::repeat_n(digit, 64).collect()
    }

    fn parsed(digit: char) -> ContainerId {
        ContainerId::parse(&id(digit)).unwrap()
    }

    fn facts(uid: &str, status: &Value) -> PodFacts {
        let pod = json!({
            "metadata": {"namespace": "shop", "name": "agent", "uid": uid},
            "spec": {
                "containers": [{"name": "main", "livenessProbe": {"exec": {"command": ["true"]}}}],
                "initContainers": [{"name": "prepare"}],
                "ephemeralContainers": [{"name": "debug"}],
            },
            "status": status,
        });
        PodFacts::of(&serde_json::from_value(pod).unwrap()).unwrap()
    }

    fn status(name: &str, digit: char) -> Value {
        json!({"name": name, "containerID": format!("containerd://{}", id(digit)),
               "image": "", "imageID": "", "ready": true, "restartCount": 0})
    }

    #[test]
    fn containers_of_every_kind_are_found_and_also_the_one_before_a_restart() {
        let mut main = status("main", 'a');
        main["lastState"] = json!({"terminated": {"exitCode": 1, "containerID": format!("containerd://{}", id('d'))}});
        let facts = facts(
            "1",
            &json!({
                "containerStatuses": [main],
                "initContainerStatuses": [status("prepare", 'b')],
                "ephemeralContainerStatuses": [status("debug", 'c')],
            }),
        );
        let told = |(id, container): &(ContainerId, Arc<Container>)| {
            (
                id.clone(),
                container.name.clone(),
                container.commands.len(),
                container.setting,
            )
        };
        let found: Vec<_> = facts.containers.iter().map(told).collect();
        let expected = [
            (parsed('a'), "main".to_owned(), 1, Setting::Pod),
            (parsed('d'), "main".to_owned(), 1, Setting::Pod),
            (parsed('b'), "prepare".to_owned(), 0, Setting::Pod),
            (parsed('c'), "debug".to_owned(), 0, Setting::Visit),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_container_that_is_not_created_yet_is_no_error() {
        let waiting = json!({"containerStatuses": [{"name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 0}]});
        assert!(facts("1", &waiting).containers.is_empty());
        assert!(facts("1", &Value::Null).containers.is_empty());
    }

    #[test]
    fn a_container_becomes_known_once() {
        let now = Instant::now();
        let mut pods = Pods::default();
        let change = || PodChange::Applied(facts("1", &json!({"containerStatuses": [status("main", 'a')]})));
        assert_eq!(pods.change(change(), now), [parsed('a')]);
        assert_eq!(pods.change(change(), now), []);
        assert_eq!(pods.get(&parsed('a')).unwrap().name, "main");
    }

    #[test]
    fn a_deleted_pod_is_known_for_a_while() {
        let now = Instant::now();
        let mut pods = Pods::default();
        let last = facts("1", &json!({"containerStatuses": [status("main", 'a')]}));
        assert_eq!(pods.change(PodChange::Deleted(last), now), [parsed('a')]);
        pods.expire(now + GRACE / 2);
        assert!(pods.get(&parsed('a')).is_some());
        pods.expire(now + GRACE);
        assert!(pods.get(&parsed('a')).is_none());
        assert!(pods.is_empty());
    }

    #[test]
    fn what_a_new_list_lacks_is_gone() {
        let now = Instant::now();
        let mut pods = Pods::default();
        for (uid, digit) in [("1", 'a'), ("2", 'b')] {
            let facts = facts(uid, &json!({"containerStatuses": [status("main", digit)]}));
            pods.change(PodChange::Applied(facts), now);
        }
        pods.change(PodChange::Listed(HashSet::from(["2".to_owned()])), now);
        pods.expire(now + GRACE);
        assert!(!pods.knows("1") && pods.knows("2"));
    }

    fn seat(pod: &str, container: &str) -> Seat {
        Seat {
            pod: pod.into(),
            container: container.to_owned(),
        }
    }

    #[test]
    fn a_container_that_no_status_has_yet_is_found_by_pod_and_name() {
        let now = Instant::now();
        let mut pods = Pods::default();
        let change = || PodChange::Applied(facts("1", &json!({"containerStatuses": [status("main", 'a')]})));
        pods.change(change(), now);
        let restarted = pods.at(&seat("1", "main"), &parsed('e')).unwrap();
        let known = pods.get(&parsed('a')).unwrap();
        assert_eq!((&restarted.key, &restarted.commands), (&known.key, &known.commands));
        assert_eq!(restarted.id, format!("containerd://{}", id('e')));
        assert!(pods.at(&seat("1", "prepare"), &parsed('e')).is_some());
        assert_eq!(pods.at(&seat("1", "other"), &parsed('e')), None);
        assert_eq!(pods.at(&seat("2", "main"), &parsed('e')), None);
    }

    #[test]
    fn a_static_pod_is_named_by_its_files_hash_unless_two_claim_it() {
        let now = Instant::now();
        let mirror = |uid: &str| {
            let pod = json!({
                "metadata": {"namespace": "kube-system", "name": uid, "uid": uid, "annotations": {
                    "kubernetes.io/config.hash": "0123", "kubernetes.io/config.mirror": "0123"}},
                "spec": {"containers": [{"name": "etcd"}]},
            });
            PodChange::Applied(PodFacts::of(&serde_json::from_value(pod).unwrap()).unwrap())
        };
        let mut pods = Pods::default();
        pods.change(mirror("1"), now);
        let found = pods.at(&seat("0123", "etcd"), &parsed('a')).unwrap();
        assert_eq!(found.pod.uid, "1");
        assert_eq!(pods.at(&seat("1", "etcd"), &parsed('a')), None);
        pods.change(mirror("2"), now);
        assert_eq!(pods.at(&seat("0123", "etcd"), &parsed('a')), None);
    }

    #[test]
    fn a_pod_that_is_made_again_under_its_name_is_another_one() {
        let now = Instant::now();
        let mut pods = Pods::default();
        let first = facts("1", &json!({"containerStatuses": [status("main", 'a')]}));
        pods.change(PodChange::Applied(first.clone()), now);
        pods.change(PodChange::Deleted(first), now);
        let second = facts("2", &json!({"containerStatuses": [status("main", 'b')]}));
        pods.change(PodChange::Applied(second), now);
        let key = |digit: char| pods.get(&parsed(digit)).unwrap().key.clone();
        assert_eq!(key('a'), ContainerKey::new("1", "main"));
        assert_eq!(key('b'), ContainerKey::new("2", "main"));
    }

    #[test]
    fn a_replaced_container_is_forgotten() {
        let now = Instant::now();
        let mut pods = Pods::default();
        for digit in ['a', 'b'] {
            let facts = facts("1", &json!({"containerStatuses": [status("main", digit)]}));
            pods.change(PodChange::Applied(facts), now);
        }
        assert!(pods.get(&parsed('a')).is_none() && pods.get(&parsed('b')).is_some());
    }
}
