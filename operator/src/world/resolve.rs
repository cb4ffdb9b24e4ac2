//! From a pod to its workload: the top of the chain of controllers.

use anchorwatch_core::{alert::NAMESPACE_KIND, id::WorkloadKey};

use super::facts::{Controller, OwnerFacts, PodFacts};

/// A workload, and the object that it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Workload {
    /// The workload.
    pub key: WorkloadKey,
    /// API version of its object.
    pub api_version: String,
    /// UID of its object.
    pub uid: String,
}

/// What a pod belongs to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resolution {
    /// This workload.
    Workload(Workload),
    /// It can't be told yet: its ReplicaSet or Job is not known.
    OwnerUnknown,
}

impl Workload {
    /// A workload of which nothing is left but what was written of it: its object can't be pointed at by its UID.
    pub fn of_the_past(key: WorkloadKey) -> Self {
        let api_version = match key.kind.as_str() {
            "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => "apps/v1",
            "Job" | "CronJob" => "batch/v1",
            "Namespace" | "Node" | "Pod" => "v1",
            _ => "",
        };
        Self {
            key,
            api_version: api_version.to_owned(),
            uid: String::new(),
        }
    }
}

/// Whether it may be a workload's top. A Node holds the mirrors of its static pods, and of a Namespace anybody can say that
/// it controls theirs: what such pods do is neither the node's own nor what its namespace has no room for.
fn is_of_workloads(controller: &Controller) -> bool {
    !matches!(controller.kind.as_str(), "Node" | NAMESPACE_KIND)
}

/// The workload of a pod. `owner` is the ReplicaSet or Job that controls it, where one does and it is known.
///
/// A pod names its controller itself, and the API server believes whoever makes it.
pub fn workload_of(pod: &PodFacts, owner: Option<&OwnerFacts>) -> Resolution {
    let fits = |controller: &&Controller| {
        let is_it = |facts: &OwnerFacts| facts.namespace == pod.namespace && facts.name == controller.name;
        is_of_workloads(controller) && !makes_no_pods(controller) && owner.is_none_or(is_it)
    };
    let Some(controller) = pod.controller.as_ref().filter(fits) else {
        // A static pod's mirror belongs to its Node: it is a workload of its own, as a bare pod is. So is what says that it
        // belongs to what it can't belong to.
        return Resolution::Workload(Workload {
            key: WorkloadKey::new(&pod.namespace, "Pod", &pod.name),
            api_version: "v1".into(),
            uid: pod.uid.clone(),
        });
    };
    let top = match controller.kind.as_str() {
        "ReplicaSet" | "Job" => match owner {
            None => return Resolution::OwnerUnknown,
            Some(facts) => facts
                .controller
                .as_ref()
                .filter(|top| is_of_workloads(top))
                .unwrap_or(controller),
        },
        _ => controller,
    };
    let Controller {
        api_version,
        kind,
        name,
        uid,
    } = top;
    Resolution::Workload(Workload {
        key: WorkloadKey::new(&pod.namespace, kind, name),
        api_version: api_version.clone(),
        uid: uid.clone(),
    })
}

/// Whether it controls what makes pods, and no pod.
fn makes_no_pods(controller: &Controller) -> bool {
    let group = controller.api_version.split('/').next().unwrap_or_default();
    matches!(
        (group, controller.kind.as_str()),
        ("apps", "Deployment") | ("batch", "CronJob")
    )
}

/// The workload that a pod which the API server no longer knows most probably belonged to: the one with the longest
/// name that the pod's name begins with, as names of pods are made from their controllers' names.
pub fn workload_by_name<'a>(
    pod_name: &str,
    workloads: impl Iterator<Item = &'a WorkloadKey>,
) -> Option<&'a WorkloadKey> {
    let begins = |workload: &&WorkloadKey| {
        pod_name
            .strip_prefix(workload.name.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    workloads
        .filter(begins)
        .max_by(|a, b| (a.name.len(), a).cmp(&(b.name.len(), b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn controller(kind: &str, name: &str) -> Controller {
        Controller {
            api_version: "apps/v1".into(),
            kind: kind.into(),
            name: name.into(),
            uid: format!("{kind}/{name}"),
        }
    }

    fn pod(controller: Option<Controller>) -> PodFacts {
        PodFacts {
            namespace: "shop".into(),
            name: "agent-5d-x".into(),
            uid: "u1".into(),
            node: "node1".into(),
            labels: [].into(),
            controller,
            created: Timestamp::UNIX_EPOCH,
            running: true,
            succeeded: false,
            ready: None,
            declared: Vec::new(),
            images: [].into(),
            containers: Vec::new(),
        }
    }

    fn owner(name: &str, controller: Option<Controller>) -> OwnerFacts {
        OwnerFacts {
            namespace: "shop".into(),
            name: name.into(),
            uid: "r1".into(),
            controller,
            created: Timestamp::UNIX_EPOCH,
            revision: None,
            template_hash: None,
        }
    }

    fn workload(kind: &str, name: &str) -> WorkloadKey {
        WorkloadKey::new("shop", kind, name)
    }

    fn resolved(pod: &PodFacts, owner: Option<&OwnerFacts>) -> Option<WorkloadKey> {
        match workload_of(pod, owner) {
            Resolution::Workload(workload) => Some(workload.key),
            Resolution::OwnerUnknown => None,
        }
    }

    #[test]
    fn a_pod_of_a_replica_set_belongs_to_its_deployment() {
        let set = owner("agent-5d", Some(controller("Deployment", "agent")));
        let pod = pod(Some(controller("ReplicaSet", "agent-5d")));
        assert_eq!(resolved(&pod, Some(&set)), Some(workload("Deployment", "agent")));
    }

    #[test]
    fn the_object_of_a_workload_is_known_by_its_uid() {
        let set = owner("agent-5d", Some(controller("Deployment", "agent")));
        let pod = pod(Some(controller("ReplicaSet", "agent-5d")));
        let Resolution::Workload(workload) = workload_of(&pod, Some(&set)) else {
            panic!()
        };
        assert_eq!(
            (workload.uid.as_str(), workload.api_version.as_str()),
            ("Deployment/agent", "apps/v1")
        );
    }

    #[test]
    fn a_pod_of_a_job_belongs_to_its_cron_job() {
        let job = owner("report-1", Some(controller("CronJob", "report")));
        let pod = pod(Some(controller("Job", "report-1")));
        assert_eq!(resolved(&pod, Some(&job)), Some(workload("CronJob", "report")));
    }

    #[test]
    fn a_replica_set_of_its_own_is_the_workload() {
        let pod = pod(Some(controller("ReplicaSet", "lone")));
        assert_eq!(
            resolved(&pod, Some(&owner("lone", None))),
            Some(workload("ReplicaSet", "lone"))
        );
    }

    #[test]
    fn a_pod_whose_replica_set_is_not_known_yet_is_not_guessed_at() {
        let pod = pod(Some(controller("ReplicaSet", "agent-5d")));
        assert_eq!(resolved(&pod, None), None);
    }

    #[test]
    fn other_controllers_are_the_workload_themselves() {
        for kind in ["StatefulSet", "DaemonSet", "SparkApplication"] {
            assert_eq!(
                resolved(&pod(Some(controller(kind, "db"))), None),
                Some(workload(kind, "db"))
            );
        }
    }

    #[test]
    fn a_pod_that_names_a_controller_which_makes_no_pods_or_another_one_is_a_workload_of_its_own() {
        let cron_job = Controller {
            api_version: "batch/v1".into(),
            ..controller("CronJob", "report")
        };
        let alone = Some(workload("Pod", "agent-5d-x"));
        for named in [controller("Deployment", "agent"), cron_job] {
            assert_eq!(resolved(&pod(Some(named)), None), alone);
        }
        let set = owner("agent-5d", Some(controller("Deployment", "agent")));
        assert_eq!(
            resolved(&pod(Some(controller("ReplicaSet", "other"))), Some(&set)),
            alone
        );
        let elsewhere = OwnerFacts {
            namespace: "bank".into(),
            ..set
        };
        assert_eq!(
            resolved(&pod(Some(controller("ReplicaSet", "agent-5d"))), Some(&elsewhere)),
            alone
        );
    }

    #[test]
    fn bare_pods_and_pods_of_a_node_or_namespace_are_workloads_of_their_own() {
        assert_eq!(resolved(&pod(None), None), Some(workload("Pod", "agent-5d-x")));
        for kind in ["Node", "Namespace"] {
            let held = pod(Some(controller(kind, "shop")));
            assert_eq!(resolved(&held, None), Some(workload("Pod", "agent-5d-x")), "{kind}");
        }
    }

    #[test]
    fn a_replica_set_or_job_of_a_node_or_namespace_is_the_workload() {
        for kind in ["Node", "Namespace"] {
            for holder in ["ReplicaSet", "Job"] {
                let held = owner("agent-5d", Some(controller(kind, "shop")));
                let pod = pod(Some(controller(holder, "agent-5d")));
                assert_eq!(
                    resolved(&pod, Some(&held)),
                    Some(workload(holder, "agent-5d")),
                    "{holder} of a {kind}"
                );
            }
        }
    }

    #[test]
    fn a_vanished_pod_is_attributed_to_the_longest_name_that_its_own_begins_with() {
        let known = [
            WorkloadKey::new("shop", "Deployment", "agent"),
            WorkloadKey::new("shop", "Deployment", "agent-web"),
            WorkloadKey::new("shop", "Deployment", "age"),
        ];
        let found = |name| workload_by_name(name, known.iter()).map(|workload| workload.name.as_str());
        assert_eq!(found("agent-web-5d-x"), Some("agent-web"));
        assert_eq!(found("agent-5d-x"), Some("agent"));
        assert_eq!(found("agent"), Some("agent"));
        assert_eq!(found("agents-5d-x"), None);
    }

    proptest! {
        #[test]
        fn what_is_found_by_name_is_one_of_the_known(name in "[a-c-]{0,8}", known in proptest::collection::vec("[a-c]{1,3}", 0..6)) {
            let known: Vec<_> = known.into_iter().map(|name| WorkloadKey::new("shop", "Deployment", name)).collect();
            if let Some(found) = workload_by_name(&name, known.iter()) {
                prop_assert!(known.contains(found));
                prop_assert!(name.starts_with(&found.name));
            }
        }
    }
}
