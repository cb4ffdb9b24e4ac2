//! Which workload each part of a batch is about: what containers did, what they lost, and whom the node's losses concern.

use std::collections::{BTreeMap, HashMap};

use anchorwatch_core::{
    baseline::{ContainerReport, ReportingPod},
    behaviour::Feed,
    id::{ContainerName, WorkloadKey},
    policy::Policy,
};
use anchorwatch_crds::v1alpha1::{ContainerLosses, PodReference, ReportedContainer, SensorReport};
use jiff::Timestamp;

use super::{
    fetch::{Lookup, Neighbour, Remembered},
    itself::{self, Itself},
    plan::dropped,
};
use crate::{
    convert::{behaviours_from_crd, hours_from_crd, losses_from_crd},
    losses,
    world::facts::PodFacts,
};

/// What one workload's containers did, according to a batch.
#[derive(Clone, Debug)]
pub struct Group {
    /// The policy that holds for the youngest of the pods.
    pub policy: Policy,
    /// When that pod was created.
    youngest: Timestamp,
    /// That pod's labels, where the API server knows it.
    pub labels: Option<BTreeMap<String, String>>,
    /// What its containers did.
    pub containers: Vec<ContainerReport>,
}

/// A batch, sorted by workload.
#[derive(Clone, Debug, Default)]
pub struct Sorted {
    /// What concerns each workload.
    pub groups: BTreeMap<WorkloadKey, Group>,
    /// Behaviours that named a pod of another node.
    pub rejected: usize,
    /// Behaviours that found no baseline, by reason.
    pub dropped: BTreeMap<&'static str, usize>,
    /// Behaviours of pods that the API server does not know.
    pub unverified: usize,
}

/// Sorts a batch by workload.
pub fn sort(report: &SensorReport, pods: &HashMap<String, Lookup>, neighbours: &[Neighbour], itself: Itself) -> Sorted {
    let mut sorted = Sorted::default();
    for reported in &report.spec.containers {
        let behaviours = reported.behaviors.len();
        match place(pods, &reported.pod.uid, Some(&reported.container)) {
            Ok(Place { workload, policy, pod }) => {
                let seen = container_report(reported, pod);
                sorted.unverified += if pod.is_none() { seen.behaviours.len() } else { 0 };
                sorted.drop(dropped::MALFORMED, behaviours - seen.behaviours.len());
                sorted.add(workload, policy.clone(), pod.map(Selectable::from), seen);
            }
            Err(Misplaced::Foreign) => sorted.rejected += behaviours,
            Err(Misplaced::Dropped(reason)) => sorted.drop(reason, behaviours),
        }
    }
    sorted.add_itself(report, itself);
    for lost in &report.spec.container_losses {
        sorted.lose(pods, lost);
    }
    for neighbour in neighbours {
        let Neighbour {
            pod,
            workload,
            policy,
            containers,
        } = neighbour;
        for container in containers {
            let nothing = ContainerReport::nothing(container.clone(), reporting(pod, container.as_str()));
            sorted.add(workload, policy.clone(), Some(Selectable::from(&**pod)), nothing);
        }
    }
    sorted
}

/// Where a part of a batch belongs.
struct Place<'a> {
    workload: &'a WorkloadKey,
    policy: &'a Policy,
    /// As the API server knows it; none where it does not.
    pod: Option<&'a PodFacts>,
}

/// Why it belongs nowhere.
enum Misplaced {
    /// Its pod is not what the report says.
    Foreign,
    /// There is no baseline for it, for this reason.
    Dropped(&'static str),
}

/// Where what a container of a pod did or lost belongs; of none in particular, what one of the pod's did.
fn place<'a>(
    pods: &'a HashMap<String, Lookup>,
    pod_uid: &str,
    container: Option<&str>,
) -> Result<Place<'a>, Misplaced> {
    let (workload, policy, pod) = match pods.get(pod_uid) {
        Some(Lookup::Confirmed { pod, .. }) if container.is_some_and(|name| !pod.declares(name)) => {
            return Err(Misplaced::Dropped(dropped::CONTAINER_UNKNOWN));
        }
        Some(Lookup::Confirmed { pod, workload, policy }) => (workload, policy, Some(pod.as_ref())),
        Some(Lookup::Unknown {
            workload: Some(Remembered { containers, .. }),
        }) if container.is_some_and(|name| !containers.contains(&ContainerName::new(name))) => {
            return Err(Misplaced::Dropped(dropped::CONTAINER_UNKNOWN));
        }
        Some(Lookup::Unknown {
            workload: Some(Remembered { workload, policy, .. }),
        }) => (workload, policy, None),
        Some(Lookup::Foreign) => return Err(Misplaced::Foreign),
        Some(Lookup::Orphan) => return Err(Misplaced::Dropped(dropped::OWNER_GONE)),
        Some(Lookup::Unknown { workload: None }) | None => return Err(Misplaced::Dropped(dropped::POD_UNKNOWN)),
    };
    let policy = policy.as_ref().ok_or(Misplaced::Dropped(dropped::NO_POLICY))?;
    Ok(Place { workload, policy, pod })
}

impl Group {
    /// How many behaviours are of such a feed.
    pub fn behaviours(&self, wanted: impl Fn(Feed) -> bool) -> usize {
        let behaviours = self.containers.iter().flat_map(|container| &container.behaviours);
        behaviours.filter(|seen| wanted(seen.behaviour.feed())).count()
    }
}

impl Sorted {
    /// Sorts what one container lost, or which of a pod's is not known. What belongs to no baseline degrades none; it is
    /// counted with all losses of the report.
    fn lose(&mut self, pods: &HashMap<String, Lookup>, lost: &ContainerLosses) {
        let container = (!lost.container.is_empty()).then_some(lost.container.as_str());
        let Ok(Place { workload, policy, pod }) = place(pods, &lost.pod.uid, container) else {
            return;
        };
        let declared = pod.map_or(&[][..], |pod| &pod.declared);
        let containers: Vec<&str> = match container {
            Some(name) => vec![name],
            None => declared.iter().map(String::as_str).collect(),
        };
        for name in containers {
            let pod_of_it = pod.map_or_else(|| unknown(&lost.pod), |pod| reporting(pod, name));
            let nothing_but_losses = ContainerReport {
                losses: losses_from_crd(&lost.losses, losses::bounded),
                ..ContainerReport::nothing(name.into(), pod_of_it)
            };
            self.add(workload, policy.clone(), pod.map(Selectable::from), nothing_but_losses);
        }
    }

    fn drop(&mut self, reason: &'static str, behaviours: usize) {
        if behaviours > 0 {
            *self.dropped.entry(reason).or_default() += behaviours;
        }
    }

    /// What the node itself did.
    fn add_itself(&mut self, report: &SensorReport, itself: Itself) {
        let Some(own) = itself::own(report) else { return };
        self.drop(dropped::NOT_A_NODES, own.refused);
        let behaviours = own.seen.behaviours.len();
        match itself.policy {
            None => self.drop(dropped::NO_POLICY, behaviours),
            Some(_) if behaviours == 0 => {}
            Some(policy) => {
                let labels = itself::labels();
                let selectable = Selectable {
                    created: Timestamp::MIN,
                    labels: &labels,
                };
                self.add(&itself.workload, policy, Some(selectable), own.seen);
            }
        }
    }

    fn add(&mut self, workload: &WorkloadKey, policy: Policy, by: Option<Selectable<'_>>, seen: ContainerReport) {
        let created = by.map_or(Timestamp::MIN, |by| by.created);
        let labels = || by.map(|by| by.labels.clone());
        let group = self.groups.entry(workload.clone()).or_insert_with(|| Group {
            policy: policy.clone(),
            youngest: created,
            labels: labels(),
            containers: Vec::new(),
        });
        if created > group.youngest {
            group.policy = policy;
            group.youngest = created;
            group.labels = labels();
        }
        group.containers.push(seen);
    }
}

/// By what a policy is found: a pod's, or a node's.
#[derive(Clone, Copy, Debug)]
struct Selectable<'a> {
    created: Timestamp,
    labels: &'a BTreeMap<String, String>,
}

impl<'a> From<&'a PodFacts> for Selectable<'a> {
    fn from(pod: &'a PodFacts) -> Self {
        Self {
            created: pod.created,
            labels: &pod.labels,
        }
    }
}

fn container_report(reported: &ReportedContainer, pod: Option<&PodFacts>) -> ContainerReport {
    let pod = pod.map_or_else(|| unknown(&reported.pod), |pod| reporting(pod, &reported.container));
    ContainerReport {
        hours: hours_from_crd(&reported.hours),
        behaviours: behaviours_from_crd(reported.behaviors.clone()),
        ..ContainerReport::nothing(reported.container.as_str().into(), pod)
    }
}

/// A pod that the API server does not know.
fn unknown(pod: &PodReference) -> ReportingPod {
    ReportingPod {
        uid: pod.uid.as_str().into(),
        name: pod.name.clone(),
        digest: None,
        template_hash: None,
        verified: false,
    }
}

fn reporting(pod: &PodFacts, container: &str) -> ReportingPod {
    ReportingPod {
        uid: pod.uid.as_str().into(),
        name: pod.name.clone(),
        digest: pod.digest(container).cloned(),
        template_hash: pod.template_hash().map(Into::into),
        verified: true,
    }
}
