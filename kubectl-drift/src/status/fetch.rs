//! What there is to be looked at.

use anchorwatch_crds::v1alpha1::{BehaviorBaseline, SensorReport};
use anyhow::Context;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Node};
use kube::{Api, Client, api::ListParams};

use crate::{policies::Policies, workload::Known};

/// Baselines that are asked for at a time: each may take half a mebibyte.
const PAGE: u32 = 20;

/// What the cluster says.
#[derive(Debug)]
pub(super) struct Facts {
    /// The operator's lease, where there is one.
    pub lease: Option<Lease>,
    /// The nodes; none where the requester may not list them.
    pub nodes: Option<Vec<Node>>,
    /// The sensors' reports.
    pub reports: Vec<SensorReport>,
    /// Whose behaviour is known, without it.
    pub workloads: Vec<Known>,
    /// Policies of every namespace and of the cluster.
    pub policies: Policies,
}

pub(super) async fn facts(client: &Client, namespace: &str, lease: &str) -> anyhow::Result<Facts> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let reports: Api<SensorReport> = Api::all(client.clone());
    let reports = reports.list(&ListParams::default()).await.context(
        "reports of sensors can't be listed: that takes a cluster administrator, or Anchorwatch is not installed",
    )?;
    let nodes = match Api::<Node>::all(client.clone()).list(&ListParams::default()).await {
        Ok(nodes) => Some(nodes.items),
        Err(kube::Error::Api(status)) if status.is_forbidden() => None,
        Err(error) => return Err(error).context("nodes can't be listed"),
    };
    Ok(Facts {
        lease: leases
            .get_opt(lease)
            .await
            .context("the operator's lease can't be read")?,
        nodes,
        reports: reports.items,
        workloads: workloads(client).await?,
        policies: Policies::read(client, None).await?,
    })
}

/// Every workload of which there is a baseline, page by page; what was learned is let go at once.
async fn workloads(client: &Client) -> anyhow::Result<Vec<Known>> {
    let api: Api<BehaviorBaseline> = Api::all(client.clone());
    let mut workloads = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = api.list(&page).await.context("baselines can't be listed")?;
        for mut object in list.items {
            if let Some(status) = &mut object.status {
                for feed in status.containers.iter_mut().flat_map(|container| &mut container.feeds) {
                    feed.entries = Vec::new();
                    feed.dormant = Vec::new();
                }
            }
            workloads.push(Known::of(object));
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = ListParams::default().limit(PAGE).continue_token(&token),
            None => return Ok(workloads),
        }
    }
}
