//! Which workload a command is about: `deploy/agent`, `Deployment/agent`, or `agent` where only one is called that.

use std::{convert::Infallible, str::FromStr};

use anchorwatch_convert::baseline_from_crd;
use anchorwatch_core::{
    baseline::Baseline,
    id::{WorkloadKey, object_name},
};
use anchorwatch_crds::v1alpha1::BehaviorBaseline;
use anyhow::{Context, bail};
use kube::{Api, Client};

/// Kinds of workloads, and what kubectl also calls them.
const KINDS: &[(&str, &[&str])] = &[
    ("Deployment", &["deployments", "deploy"]),
    ("StatefulSet", &["statefulsets", "sts"]),
    ("DaemonSet", &["daemonsets", "ds"]),
    ("CronJob", &["cronjobs", "cj"]),
    ("Job", &["jobs"]),
    ("ReplicaSet", &["replicasets", "rs"]),
    ("Rollout", &["rollouts"]),
    ("Pod", &["pods", "po"]),
    ("Node", &["nodes", "no"]),
];

/// A workload as somebody names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted {
    /// Its kind, as its baseline has it; none where that was left out.
    kind: Option<String>,
    name: String,
}

impl FromStr for Wanted {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = match text.split_once('/') {
            Some((kind, name)) => (Some(canonical(kind)), name),
            None => (None, text),
        };
        Ok(Self {
            kind,
            name: name.to_owned(),
        })
    }
}

/// A kind as objects have it. One that nobody knows here is taken as it is.
fn canonical(kind: &str) -> String {
    // `deployments.apps`, as `-o name` prints it.
    let plain = kind.split('.').next().unwrap_or(kind);
    let is_it = |(name, others): &&(&str, &[&str])| {
        name.eq_ignore_ascii_case(plain) || others.iter().any(|other| other.eq_ignore_ascii_case(plain))
    };
    let known = KINDS.iter().find(is_it);
    known.map_or(kind, |(name, _)| name).to_owned()
}

/// A workload of which there is a baseline.
#[derive(Clone, Debug)]
pub struct Known {
    /// Whose it is.
    pub key: WorkloadKey,
    /// The baseline's object.
    pub object: BehaviorBaseline,
}

impl Known {
    /// Whose a baseline is.
    pub fn of(object: BehaviorBaseline) -> Self {
        let workload = &object.spec.workload;
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        Self {
            key: WorkloadKey::new(namespace, &workload.kind, &workload.name),
            object,
        }
    }

    /// What was learned.
    pub fn learned(&self) -> Baseline {
        baseline_from_crd(self.object.status.clone().unwrap_or_default())
    }

    /// `Deployment/agent`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.key.kind, self.key.name)
    }
}

/// Finds the baseline of a workload.
pub async fn find(client: &Client, namespace: &str, wanted: &Wanted) -> anyhow::Result<Known> {
    let api: Api<BehaviorBaseline> = Api::namespaced(client.clone(), namespace);
    let all = KINDS.iter().map(|(kind, _)| (*kind).to_owned());
    let kinds: Vec<String> = wanted.kind.clone().map_or_else(|| all.collect(), |kind| vec![kind]);
    let mut found = Vec::new();
    for kind in kinds {
        let name = object_name(&kind, &wanted.name, None);
        let object = api.get_opt(&name).await.context("baselines can't be read")?;
        let is_it = |object: &BehaviorBaseline| {
            let workload = &object.spec.workload;
            workload.kind.eq_ignore_ascii_case(&kind) && workload.name == wanted.name
        };
        found.extend(object.filter(is_it).map(Known::of));
    }
    let name = &wanted.name;
    if found.len() > 1 {
        let kinds: Vec<&str> = found.iter().map(|known| known.key.kind.as_str()).collect();
        bail!(
            "namespace {namespace} has several workloads {name:?} ({}): say which, as in {}/{name}",
            kinds.join(", "),
            kinds[0].to_lowercase()
        );
    }
    found.pop().with_context(|| {
        format!(
            "nothing was learned of a workload {name:?} in namespace {namespace}: `kubectl get behaviorbaselines -n \
             {namespace}` lists what is known"
        )
    })
}

#[cfg(test)]
mod tests;
