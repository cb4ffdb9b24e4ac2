//! What a report is made from.

use anchorwatch_crds::v1alpha1::{BehaviorBaseline, DriftAlert};
use anyhow::Context;
use kube::{Api, Client, api::ListParams};
use serde::de::DeserializeOwned;

use crate::policies::Policies;

/// Objects that are asked for at a time: a baseline may take half a mebibyte.
const PAGE: u32 = 50;

/// Baselines, alerts and policies of a namespace, or of all.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub baselines: Vec<BehaviorBaseline>,
    pub alerts: Vec<DriftAlert>,
    pub policies: Policies,
}

pub(super) async fn facts(client: &Client, namespace: Option<&str>) -> anyhow::Result<Facts> {
    Ok(Facts {
        baselines: all(client, namespace).await.context("baselines can't be listed")?,
        alerts: all(client, namespace).await.context("alerts can't be listed")?,
        policies: Policies::read(client, namespace).await?,
    })
}

async fn all<K>(client: &Client, namespace: Option<&str>) -> kube::Result<Vec<K>>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let api: Api<K> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let mut found = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = api.list(&page).await?;
        found.extend(list.items);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = ListParams::default().limit(PAGE).continue_token(&token),
            None => return Ok(found),
        }
    }
}
