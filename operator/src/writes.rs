//! Writes to the API, counted. Every replacement carries the resourceVersion that it was decided on.

use std::fmt::Debug;

use kube::{Api, Resource, ResourceExt, api::PostParams};
use serde::{Serialize, de::DeserializeOwned};

use crate::metrics::Metrics;

/// Who writes: part of the operator, as the field manager names it.
#[derive(Clone, Debug)]
pub struct Writes {
    metrics: Metrics,
    manager: String,
}

impl Writes {
    /// Writes of a controller.
    pub fn new(metrics: &Metrics, controller: &str) -> Self {
        Self {
            metrics: metrics.clone(),
            manager: format!("anchorwatch-operator/{controller}"),
        }
    }

    /// Creates an object.
    pub async fn create<K>(&self, api: &Api<K>, object: &K) -> kube::Result<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
    {
        self.metrics.count_write(&K::kind(&()), "create");
        api.create(&self.parameters(), object).await
    }

    /// Replaces an object's status; refused with a conflict if the object changed since it was read.
    pub async fn replace_status<K>(&self, api: &Api<K>, object: &K) -> kube::Result<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
    {
        self.metrics.count_write(&K::kind(&()), "update");
        api.replace_status(&object.name_any(), &self.parameters(), object).await
    }

    fn parameters(&self) -> PostParams {
        PostParams {
            field_manager: Some(self.manager.clone()),
            ..PostParams::default()
        }
    }
}

/// True where an object changed since it was read.
pub fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_conflict())
}

/// True where an object of that name is there already.
pub fn is_already_exists(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_already_exists())
}

/// True where the object is gone, or its namespace is going: nothing is left to be written to.
pub fn is_gone(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    status.is_not_found() || (status.is_forbidden() && status.message.contains("being terminated"))
}
