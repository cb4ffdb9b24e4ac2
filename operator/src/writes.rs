//! Writes to the API, counted. Every replacement carries the resourceVersion that it was decided on.

use std::fmt::Debug;

use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, PostParams},
    core::Status,
};
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

    /// Replaces an object; refused with a conflict if it changed since it was read.
    pub async fn replace<K>(&self, api: &Api<K>, object: &K) -> kube::Result<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
    {
        self.metrics.count_write(&K::kind(&()), "update");
        api.replace(&object.name_any(), &self.parameters(), object).await
    }

    /// Replaces an object's status; refused with a conflict if the object changed since it was read.
    pub async fn replace_status<K>(&self, api: &Api<K>, object: &K) -> kube::Result<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
    {
        self.metrics.count_write(&K::kind(&()), "update");
        api.replace_status(&object.name_any(), &self.parameters(), object).await
    }

    /// Deletes an object.
    pub async fn delete<K>(&self, api: &Api<K>, name: &str, parameters: &DeleteParams) -> kube::Result<()>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        self.metrics.count_write(&K::kind(&()), "delete");
        api.delete(name, parameters).await.map(drop)
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

/// What was written; none where others wrote or deleted the object meanwhile: that comes through the watch, and asks again.
pub fn unless_outdated<K>(written: kube::Result<K>) -> kube::Result<Option<K>> {
    match written {
        Ok(object) => Ok(Some(object)),
        Err(error) if is_conflict(&error) || is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// True where an object of that name is there already.
pub fn is_already_exists(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_already_exists())
}

/// True where the object is gone, or its namespace is going: nothing is left to be changed. An object that is created
/// can't be missing: what is not found then is its namespace.
pub fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_not_found()) || is_terminating(error)
}

/// True where an object's namespace is going: nothing new can be made in it.
pub fn is_terminating(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_forbidden() && status.message.contains("being terminated"))
}

/// True where the API server will never take the object as it is: it does not fit the schema, or is too large.
pub fn is_refused(error: &kube::Error) -> bool {
    const UNPROCESSABLE: u16 = 422;
    const TOO_LARGE: u16 = 413;
    let kube::Error::Api(status) = error else { return false };
    // What is too large for etcd alone comes back as an internal error.
    matches!(status.code, UNPROCESSABLE | TOO_LARGE) || status.message.contains("request is too large")
}

/// True where whoever decides about what is admitted does not want the object: the schema, a policy, a webhook or a quota.
/// A right that the operator lacks is no such thing: it is missing everywhere, and whoever installed it has to be told.
pub fn is_unwanted(error: &kube::Error) -> bool {
    const BAD_REQUEST: u16 = 400;
    const UNAUTHORIZED: u16 = 401;
    let kube::Error::Api(status) = error else { return false };
    let denied = match status.code {
        BAD_REQUEST => true,
        _ if status.is_forbidden() => !is_terminating(error) && !lacks_right(status),
        // A policy may choose this code. Who is not known to the API server is told so without a reason.
        UNAUTHORIZED => status.message.contains(FORBIDDEN),
        _ => false,
    };
    // A webhook may choose any code.
    denied || is_refused(error) || (status.message.starts_with(WEBHOOK) && status.message.contains(DENIED))
}

/// How the API server begins to say what a webhook said (apiserver `admission/plugin/webhook/errors/statuserror.go`).
const WEBHOOK: &str = "admission webhook \"";
/// How it goes on where that webhook does not want an object, and not where it could not be asked.
const DENIED: &str = " denied the request";
/// What stands between the name of what was asked for and the reason (apimachinery `NewForbidden`).
const FORBIDDEN: &str = " is forbidden: ";

/// True where the authorizer refused: status, reason and details are those of an admission, and only the words differ
/// (apiserver `endpoints/handlers/responsewriters/errors.go`). Words further back may be anybody's.
fn lacks_right(status: &Status) -> bool {
    let Some((about, why)) = status.message.split_once(FORBIDDEN) else {
        return false;
    };
    // A resource and perhaps a name, neither of which holds a space.
    about.split(' ').count() <= 2 && why.starts_with("User \"") && why.contains("\" cannot ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::response::StatusSummary;

    fn refused(code: u16, reason: &str, message: &str) -> kube::Error {
        kube::Error::Api(Box::new(Status {
            status: Some(StatusSummary::Failure),
            code,
            message: message.to_owned(),
            reason: reason.to_owned(),
            metadata: None,
            details: None,
        }))
    }

    #[test]
    fn only_what_is_refused_for_ever_counts_as_refused() {
        for (code, message, refused_for_ever) in [
            (422, "is invalid", true),
            (413, "is too large", true),
            (500, "etcdserver: request is too large", true),
            (500, "try again", false),
            (409, "was changed", false),
            (403, "no right", false),
            (429, "too many", false),
        ] {
            assert_eq!(
                is_refused(&refused(code, "Any", message)),
                refused_for_ever,
                "{code} {message}"
            );
        }
    }

    #[test]
    fn what_admission_denies_is_unwanted_and_what_may_work_later_is_not() {
        for (code, reason, message, unwanted) in [
            (422, "Invalid", "denied by a policy", true),
            (403, "Forbidden", "denied by a webhook", true),
            (400, "BadRequest", "denied by a webhook", true),
            (403, "Forbidden", "it is being terminated", false),
            (409, "Conflict", "was changed", false),
            (500, "InternalError", "a webhook does not answer", false),
            (
                403,
                "Forbidden",
                r#"pods "a" is forbidden: exceeded quota: small, requested: count/pods=1"#,
                true,
            ),
            (
                403,
                "Forbidden",
                r#"pods "a" is forbidden: User "system:a" cannot create resource "pods""#,
                false,
            ),
            (
                403,
                "Forbidden",
                r#"pods is forbidden: User "system:a" cannot list resource "pods""#,
                false,
            ),
            (
                403,
                "Forbidden",
                r#"admission webhook "w" denied the request: pods "a" is forbidden: User "a" cannot b"#,
                true,
            ),
            (
                403,
                "Forbidden",
                r#"pods "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: User "a" cannot b"#,
                true,
            ),
            (401, "Unauthorized", "Unauthorized", false),
            (
                401,
                "Unauthorized",
                r#"pods "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"#,
                true,
            ),
            (500, "Chosen", r#"admission webhook "w" denied the request: no"#, true),
            (
                500,
                "InternalError",
                r#"Internal error occurred: failed calling webhook "w": timeout"#,
                false,
            ),
        ] {
            assert_eq!(
                is_unwanted(&refused(code, reason, message)),
                unwanted,
                "{code} {message}"
            );
        }
    }

    #[test]
    fn a_namespace_that_is_going_is_told_from_a_missing_right() {
        let going = "it is being terminated";
        assert!(is_terminating(&refused(403, "Forbidden", going)));
        assert!(!is_terminating(&refused(403, "Forbidden", "no right")));
        assert!(!is_terminating(&refused(404, "NotFound", "not found")));
        assert!(is_gone(&refused(404, "NotFound", "not found")));
    }

    #[test]
    fn what_others_changed_or_deleted_meanwhile_is_no_failure_and_everything_else_is() {
        assert_eq!(unless_outdated(Ok(1)).unwrap(), Some(1));
        for (code, reason) in [(409, "Conflict"), (404, "NotFound")] {
            assert_eq!(unless_outdated::<u8>(Err(refused(code, reason, ""))).unwrap(), None);
        }
        assert!(unless_outdated::<u8>(Err(refused(403, "Forbidden", "no right"))).is_err());
    }
}
