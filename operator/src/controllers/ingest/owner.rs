//! Whether a pod's ReplicaSet or Job, of which no watch has told, is on its way to us.

use std::{fmt::Debug, time::Duration};

use anchorwatch_core::id::is_object_name;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{apps::v1::ReplicaSet, batch::v1::Job},
};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use crate::{
    clock,
    context::Context,
    world::facts::{Controller, PodFacts},
};

/// How long after a pod's creation its ReplicaSet or Job may still be on its way to us.
const GRACE: Duration = Duration::from_secs(30);

/// Whether it is. A batch waits for it, and all of its node's with it: so the API server is asked, lest a pod that names what
/// there is not holds them up.
pub async fn is_on_its_way(context: &Context, pod: &PodFacts) -> kube::Result<bool> {
    let age = clock::now().duration_since(pod.created);
    let Some(controller) = pod.controller.as_ref().filter(|_| age.unsigned_abs() < GRACE) else {
        return Ok(false);
    };
    let uid = match controller.kind.as_str() {
        "ReplicaSet" => uid_of::<ReplicaSet>(context, pod, controller).await?,
        "Job" => uid_of::<Job>(context, pod, controller).await?,
        _ => None,
    };
    Ok(uid.as_ref() == Some(&controller.uid))
}

async fn uid_of<K>(context: &Context, pod: &PodFacts, controller: &Controller) -> kube::Result<Option<String>>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    // It goes into a URL as it is.
    if !is_object_name(&controller.name) {
        return Ok(None);
    }
    let api: Api<K> = Api::namespaced(context.client.clone(), &pod.namespace);
    let there = api.get_metadata_opt(&controller.name).await?;
    Ok(there.and_then(|object| object.metadata.uid))
}
