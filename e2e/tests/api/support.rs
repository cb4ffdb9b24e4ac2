//! What the tests of this folder share.

use anchorwatch_crds::GROUP;
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Error};
use serde_json::{Value, json};

/// Objects of one of our kinds, in a namespace or, with none, of the cluster.
pub fn objects(client: &Client, kind: &str, plural: &str, namespace: Option<&str>) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, "v1alpha1", kind), plural);
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// An object of one of our kinds.
pub fn object(kind: &str, name: &str, spec: &Value) -> DynamicObject {
    let value = json!({
        "apiVersion": "anchorwatch.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec
    });
    serde_json::from_value(value).expect("it is an object")
}

/// Asks the API server, as `kubectl create` does, to refuse unknown fields; what it takes is not kept.
pub async fn try_strictly(client: &Client, path: &str, object: &DynamicObject) -> Result<DynamicObject, Error> {
    let path = format!("/apis/{GROUP}/v1alpha1/{path}?fieldValidation=Strict&dryRun=All");
    let body = serde_json::to_vec(object).expect("it is an object");
    let request = http::Request::post(path)
        .header("Content-Type", "application/json")
        .body(body);
    client.request(request.expect("it is a request")).await
}

/// What the API server said when it refused; panics if it did not.
pub fn refusal<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => panic!("it was taken, and should have been refused"),
        Err(Error::Api(status)) => status.message.clone(),
        Err(other) => panic!("it failed otherwise: {other}"),
    }
}
