//! How far an Argo Rollout is. Its own object tells, and no watch of ours follows it: the definition may not be there. So it
//! is asked for whenever something about the workload changes and, while it goes on, from time to time.

use std::time::Duration;

use anchorwatch_crds::v1alpha1::RolloutProgress;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::Value;

use super::fetch::Known;
use crate::world::resolve::Workload;

/// How often one is asked that goes on: somebody may pause it, abort it or go on with it without any pod changing.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Whether a workload is one, and its current revision is recorded and not known to be complete.
pub fn wants_progress(known: &Known) -> bool {
    let Workload { key, api_version, .. } = &known.workload;
    let is_argo = key.kind == "Rollout" && api_version.starts_with("argoproj.io/");
    let current = known.evidence.current.as_ref();
    let mut records = known.objects.iter().filter_map(|guarded| guarded.0.as_ref().ok());
    let is_open = records.any(|record| {
        let is_current = current.is_some_and(|current| {
            record.spec.workload_uid == current.workload_uid.as_str()
                && u64::try_from(record.spec.revision) == Ok(current.revision)
        });
        let completed = record.status.as_ref().and_then(|status| status.completed_at.as_ref());
        is_current && completed.is_none()
    });
    is_argo && is_open
}

/// Asks its object; none where it is gone, or may not be read.
pub async fn progress(client: &Client, workload: &Workload) -> kube::Result<Option<RolloutProgress>> {
    let version = workload
        .api_version
        .rsplit_once('/')
        .map_or("v1alpha1", |(_, version)| version);
    let kind = GroupVersionKind::gvk("argoproj.io", version, "Rollout");
    let resource = ApiResource::from_gvk(&kind);
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &workload.key.namespace, &resource);
    match api.get_opt(&workload.key.name).await {
        Ok(found) => Ok(found.map(|found| progress_of(found.metadata.generation, &found.data))),
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}

/// When to ask again, whatever happens meanwhile.
pub const fn ask_again(progress: RolloutProgress) -> Option<Duration> {
    match progress {
        RolloutProgress::Progressing | RolloutProgress::Paused => Some(ASK_AGAIN),
        RolloutProgress::Complete | RolloutProgress::Superseded | RolloutProgress::RolledBack => None,
    }
}

/// Complete where the pods that are asked for are those that everybody gets (`stableRS`), and its controller has seen the
/// last change. An aborted one stays so until it is tried again or another is asked for.
fn progress_of(generation: Option<i64>, object: &Value) -> RolloutProgress {
    let status = &object["status"];
    let is = |value: &Value| value.as_bool() == Some(true);
    let is_observed = match &status["observedGeneration"] {
        Value::String(text) => text.parse().ok() == generation,
        other => other.as_i64() == generation,
    };
    let current = status["currentPodHash"].as_str();
    if !is_observed {
        RolloutProgress::Progressing
    } else if is(&status["abort"]) {
        RolloutProgress::RolledBack
    } else if current.is_some() && current == status["stableRS"].as_str() && status["phase"] == "Healthy" {
        RolloutProgress::Complete
    } else if is(&object["spec"]["paused"]) || status["pauseConditions"].as_array().is_some_and(|all| !all.is_empty()) {
        RolloutProgress::Paused
    } else {
        RolloutProgress::Progressing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn its_status_tells_how_far_it_is() {
        let of = |status: Value| {
            let mut object = json!({"spec": {}, "status": {
                "observedGeneration": "4", "currentPodHash": "b", "stableRS": "a", "phase": "Progressing",
            }});
            object["status"]
                .as_object_mut()
                .unwrap()
                .extend(status.as_object().unwrap().clone());
            progress_of(Some(4), &object)
        };
        assert_eq!(of(json!({})), RolloutProgress::Progressing);
        let paused = json!({"pauseConditions": [{"reason": "CanaryPauseStep"}], "phase": "Paused"});
        assert_eq!(of(paused), RolloutProgress::Paused);
        assert_eq!(
            of(json!({"abort": true, "phase": "Degraded"})),
            RolloutProgress::RolledBack
        );
        let done = json!({"stableRS": "b", "phase": "Healthy"});
        assert_eq!(of(done), RolloutProgress::Complete);
        assert_eq!(
            of(json!({"stableRS": "b"})),
            RolloutProgress::Progressing,
            "pods are missing"
        );
        let behind = json!({"stableRS": "b", "phase": "Healthy", "observedGeneration": "3"});
        assert_eq!(
            of(behind),
            RolloutProgress::Progressing,
            "it speaks of the change before"
        );
    }

    #[test]
    fn one_that_says_nothing_yet_goes_on() {
        assert_eq!(progress_of(Some(1), &json!({})), RolloutProgress::Progressing);
        assert_eq!(progress_of(None, &json!({})), RolloutProgress::Progressing);
    }
}
