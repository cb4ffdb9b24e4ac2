//! From types to the CustomResourceDefinitions that a cluster is given.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

use crate::v1alpha1::{
    BehaviorApproval, BehaviorBaseline, BehaviorQuery, ClusterDriftPolicy, DriftAlert, DriftPolicy, RolloutIntent,
    RolloutRecord, SensorReport,
};

/// Longest string where a type does not say otherwise, in characters: the longest path that Linux opens (`PATH_MAX`).
const DEFAULT_MAX_LENGTH: u64 = 4096;
/// Most items of a list where a type does not say otherwise.
const DEFAULT_MAX_ITEMS: u64 = 256;
/// Most entries of a map where a type does not say otherwise.
const DEFAULT_MAX_PROPERTIES: u64 = 256;

/// One generated manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// File name, `<plural>.json` without the ending.
    pub name: String,
    /// The object, ready to be written as YAML.
    pub object: Value,
}

/// Every CustomResourceDefinition of this version, ordered by name.
pub fn manifests() -> Vec<Manifest> {
    let mut all: Vec<Manifest> = [
        BehaviorApproval::crd(),
        BehaviorBaseline::crd(),
        BehaviorQuery::crd(),
        ClusterDriftPolicy::crd(),
        DriftAlert::crd(),
        DriftPolicy::crd(),
        RolloutIntent::crd(),
        RolloutRecord::crd(),
        SensorReport::crd(),
    ]
    .into_iter()
    .map(manifest)
    .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn manifest(crd: CustomResourceDefinition) -> Manifest {
    let name = crd.spec.names.plural.clone();
    let mut object = serde_json::to_value(crd).expect("a CustomResourceDefinition is plain data");
    if let Some(versions) = object.pointer_mut("/spec/versions").and_then(Value::as_array_mut) {
        for version in versions {
            if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
                describe(schema);
                bound(schema);
            }
        }
    }
    Manifest { name, object }
}

/// Gives the kind the description of its specification: it is what `kubectl explain` shows first.
fn describe(schema: &mut Value) {
    if let Some(text) = schema.pointer("/properties/spec/description").cloned() {
        schema["description"] = text;
    }
}

/// Bounds what the types leave open and states how lists merge.
///
/// The API server estimates the cost of CEL rules from these bounds and refuses a definition without them. Lists are
/// atomic, because as maps their managed fields double the object; conditions alone are a map by type, as everywhere
/// in Kubernetes.
fn bound(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    match object.get("type").and_then(Value::as_str) {
        Some("string") if needs_length(object) => {
            object.insert("maxLength".into(), json!(DEFAULT_MAX_LENGTH));
        }
        Some("array") => {
            object.entry("maxItems").or_insert(json!(DEFAULT_MAX_ITEMS));
            if !object.contains_key("x-kubernetes-list-type") {
                object.insert("x-kubernetes-list-type".into(), json!("atomic"));
            }
        }
        Some("object") if object.contains_key("additionalProperties") => {
            object.entry("maxProperties").or_insert(json!(DEFAULT_MAX_PROPERTIES));
        }
        _ => {}
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = object.get_mut(key) {
            bound(inner);
        }
    }
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        for (name, property) in properties.iter_mut() {
            if name == "conditions" {
                as_condition_map(property);
            }
            bound(property);
        }
    }
}

fn needs_length(object: &Map<String, Value>) -> bool {
    !["maxLength", "enum", "format", "pattern"]
        .iter()
        .any(|key| object.contains_key(*key))
}

fn as_condition_map(property: &mut Value) {
    if let Some(object) = property.as_object_mut() {
        object.insert("x-kubernetes-list-type".into(), json!("map"));
        object.insert("x-kubernetes-list-map-keys".into(), json!(["type"]));
        object.insert("maxItems".into(), json!(16));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_schema(value: &Value, visit: &mut dyn FnMut(&Map<String, Value>)) {
        match value {
            Value::Object(object) => {
                if object.contains_key("type") && !object["type"].is_object() {
                    visit(object);
                }
                object.values().for_each(|inner| every_schema(inner, visit));
            }
            Value::Array(items) => items.iter().for_each(|inner| every_schema(inner, visit)),
            _ => {}
        }
    }

    #[test]
    fn every_list_and_string_is_bounded() {
        for manifest in manifests() {
            let schema = &manifest.object["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
            for part in ["spec", "status"] {
                every_schema(&schema[part], &mut |object| match object["type"].as_str() {
                    Some("array") => assert!(object.contains_key("maxItems"), "{}: {object:?}", manifest.name),
                    Some("string") => assert!(!needs_length(object), "{}: {object:?}", manifest.name),
                    _ => {}
                });
            }
        }
    }

    #[test]
    fn nothing_is_filled_into_a_record_after_it_was_sealed() {
        let all = manifests();
        let records = all.iter().find(|manifest| manifest.name == "rolloutrecords").unwrap();
        let schema = &records.object["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        every_schema(schema, &mut |object| {
            assert!(!object.contains_key("default"), "{object:?}");
        });
    }

    #[test]
    fn every_kind_is_in_the_category_drift_and_has_columns() {
        for manifest in manifests() {
            assert_eq!(
                manifest.object["spec"]["names"]["categories"],
                json!(["drift"]),
                "{}",
                manifest.name
            );
            let columns = &manifest.object["spec"]["versions"][0]["additionalPrinterColumns"];
            assert!(
                columns.as_array().is_some_and(|columns| !columns.is_empty()),
                "{}",
                manifest.name
            );
            assert!(
                manifest.object["spec"]["names"]["shortNames"].is_array(),
                "{}",
                manifest.name
            );
        }
    }
}
