//! Which policy holds for a workload, and who denies what: read from the cluster, and decided as the operator does.

use std::collections::BTreeMap;

use anchorwatch_convert::{Materials, approval_violations, approvals_of, policy_from_crd, policy_rank, policy_selects};
use anchorwatch_core::{id::WorkloadKey, policy::Policy};
use anchorwatch_crds::v1alpha1::{
    BehaviorApproval, ClusterDriftPolicy, DriftPolicy, DriftPolicySpec, DriftPolicyStatus,
};
use anyhow::Context;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client, ResourceExt, api::ListParams, core::Selector};

/// A policy of either kind, as far as it takes part in decisions.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its namespace; none for a ClusterDriftPolicy.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// What it asks for.
    pub spec: DriftPolicySpec,
    /// What the operator says of it.
    pub status: DriftPolicyStatus,
    created: Timestamp,
    selector: Option<Selector>,
}

impl Held {
    fn new(metadata: &ObjectMeta, spec: DriftPolicySpec, status: Option<DriftPolicyStatus>) -> Self {
        Self {
            namespace: metadata.namespace.clone(),
            name: metadata.name.clone().unwrap_or_default(),
            created: metadata
                .creation_timestamp
                .as_ref()
                .map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            selector: Selector::try_from(spec.selector.clone()).ok(),
            spec,
            status: status.unwrap_or_default(),
        }
    }

    /// As alerts name it.
    pub fn title(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Whether the operator refuses it: it takes no part in decisions then.
    pub fn is_refused(&self) -> bool {
        let mut conditions = self.status.conditions.iter();
        conditions.any(|condition| condition.type_ == "Accepted" && condition.status == "False")
    }
}

/// Every policy that may hold somewhere, and what people approved and denied.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// The policies, the one that goes before first.
    pub policies: Vec<Held>,
    approvals: Vec<BehaviorApproval>,
    /// False where the requester may not read cluster policies.
    pub sees_cluster: bool,
}

impl Policies {
    /// Those of a namespace, or of all, and those of the cluster.
    pub async fn read(client: &Client, namespace: Option<&str>) -> anyhow::Result<Self> {
        let all = ListParams::default();
        let (own, approvals): (Api<DriftPolicy>, Api<BehaviorApproval>) = match namespace {
            Some(namespace) => (
                Api::namespaced(client.clone(), namespace),
                Api::namespaced(client.clone(), namespace),
            ),
            None => (Api::all(client.clone()), Api::all(client.clone())),
        };
        let own = own.list(&all).await.context("policies can't be listed")?;
        let cluster = match Api::<ClusterDriftPolicy>::all(client.clone()).list(&all).await {
            Ok(cluster) => Some(cluster.items),
            // Whoever may read a namespace need not be allowed to read those.
            Err(kube::Error::Api(status)) if status.is_forbidden() => None,
            Err(error) => return Err(error).context("policies of the cluster can't be listed"),
        };
        let approvals = approvals.list(&all).await.context("approvals can't be listed")?;
        let own = own
            .items
            .into_iter()
            .map(|policy| Held::new(&policy.metadata, policy.spec, policy.status));
        let sees_cluster = cluster.is_some();
        let cluster = cluster
            .into_iter()
            .flatten()
            .map(|policy| Held::new(&policy.metadata, policy.spec.into(), policy.status));
        Ok(Self {
            sees_cluster,
            ..Self::new(own.chain(cluster).collect(), approvals.items)
        })
    }

    fn new(mut policies: Vec<Held>, mut approvals: Vec<BehaviorApproval>) -> Self {
        let rank = |policy: &Held| {
            let own = policy.namespace.as_deref();
            let (priority, is_cluster, created, name) =
                policy_rank(policy.spec.priority, own, policy.created, &policy.name);
            (priority, is_cluster, created, name.to_owned())
        };
        policies.sort_by_cached_key(rank);
        // What the operator refuses takes no part in decisions.
        approvals.retain(|approval| approval_violations(&approval.spec).is_empty());
        approvals.sort_by_cached_key(ResourceExt::name_any);
        Self {
            policies,
            approvals,
            sees_cluster: true,
        }
    }

    /// The policy that holds for a workload whose pods have these labels.
    pub fn holding(&self, namespace: &str, labels: &BTreeMap<String, String>) -> Option<&Held> {
        let selects = |policy: &&Held| {
            !policy.is_refused()
                && policy_selects(policy.namespace.as_deref(), policy.selector.as_ref(), namespace, labels)
        };
        self.policies.iter().find(selects)
    }

    /// What holds for a workload, with what people said of it: the defaults where no policy selects it. Lists that a policy
    /// refers to by a ConfigMap are not looked up.
    pub fn resolved(&self, workload: &WorkloadKey, labels: &BTreeMap<String, String>) -> Policy {
        let held = self.holding(&workload.namespace, labels);
        let policy = held.map(|held| policy_from_crd(held.title(), &held.spec, &Materials::default()));
        Policy {
            approvals: approvals_of(&self.approvals.iter(), workload, labels),
            ..policy.unwrap_or_default()
        }
    }
}
