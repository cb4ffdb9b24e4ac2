//! A policy as one would apply it to a cluster, where there is no cluster: a document in YAML.

use anchorwatch_core::policy::Policy;
use anchorwatch_crds::v1alpha1::{ArgumentHandling, ConfigMapReference, DriftPolicySpec};
use serde_json::Value;

use super::{inline_violations, materials, policy_from_crd};

/// Why a text is no policy.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is no YAML.
    #[error("{0}")]
    Yaml(#[from] serde_yaml::Error),
    /// It is an object of another kind.
    #[error("kind is {0:?}: expected DriftPolicy or ClusterDriftPolicy")]
    Kind(String),
    /// A field is not known, missing or none of what is expected there.
    #[error("{field}: {reason}")]
    Field {
        /// Path of the field, `spec.…`.
        field: String,
        /// What is wrong there.
        reason: String,
    },
}

/// Reads a DriftPolicy or ClusterDriftPolicy. ConfigMaps are not there: what it refers to in one it has to list itself.
pub fn policy_from_document(text: &str) -> Result<Policy, DocumentError> {
    let object: Value = serde_yaml::from_str(text)?;
    let kind = object["kind"].as_str().unwrap_or_default();
    if !matches!(kind, "DriftPolicy" | "ClusterDriftPolicy") {
        return Err(DocumentError::Kind(kind.to_owned()));
    }
    // Both kinds have the same fields.
    let spec: DriftPolicySpec =
        serde_path_to_error::deserialize(&object["spec"]).map_err(|error| DocumentError::Field {
            field: match error.path().to_string().as_str() {
                "." => "spec".to_owned(),
                path => format!("spec.{path}"),
            },
            reason: error.inner().to_string(),
        })?;
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let nowhere = |_: &ConfigMapReference| Err("no ConfigMap is read here: list its content in the policy".to_owned());
    let (found, violations) = materials(&spec.feeds, &nowhere);
    match violations.into_iter().chain(inline_violations(&spec.feeds)).next() {
        Some(violation) => Err(DocumentError::Field {
            field: violation.field,
            reason: violation.expected,
        }),
        None => Ok(policy_from_crd(name.to_owned(), &spec, &found)),
    }
}

/// What a policy says of command lines, where the text is one.
pub fn arguments_from_document(text: &str) -> Option<ArgumentHandling> {
    let object: Value = serde_yaml::from_str(text).ok()?;
    serde_json::from_value(object["spec"]["feeds"]["process"]["arguments"].clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::policy::Mode;

    #[test]
    fn a_policy_reads_as_it_would_be_applied() {
        let text = "\
apiVersion: anchorwatch.dev/v1alpha1
kind: DriftPolicy
metadata: {name: watch}
spec:
  selector: {matchLabels: {app: agent}}
  mode: Alert
  baseline: {window: 3d, maturity: {method: Elapsed, minimum: 1m}}
  feeds: {process: {deny: [/usr/bin/nc]}}
";
        let policy = policy_from_document(text).unwrap();
        assert_eq!(
            (policy.name.as_str(), policy.mode, policy.window_days),
            ("watch", Mode::Alert, 3)
        );
        assert_eq!(policy.maturity.minimum.as_secs(), 60);
        assert!(policy.process.deny.contains("/usr/bin/nc"));
    }

    #[test]
    fn what_is_no_policy_is_refused_with_the_field_and_the_reason() {
        for (text, expected) in [
            ("kind: Pod", "kind is \"Pod\""),
            ("kind: DriftPolicy", "spec: "),
            (
                "kind: DriftPolicy\nspec: {selector: {}, mod: Alert}",
                "spec.mod: unknown field `mod`",
            ),
            (
                "kind: DriftPolicy\nspec: {selector: {}, baseline: {window: 12h}}",
                "spec.baseline.window: ",
            ),
            (
                "kind: DriftPolicy\nspec: {selector: {}, feeds: {network: {deny: {networks: [x]}}}}",
                "spec.feeds.network.deny.networks[0]: ",
            ),
            (
                "kind: DriftPolicy\nspec: {selector: {}, feeds: {module: {approvedHashes: {configMap: {name: a, key: b}}}}}",
                "spec.feeds.module.approvedHashes.configMap: no ConfigMap is read here",
            ),
        ] {
            let error = policy_from_document(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn the_defaults_of_an_object_are_those_of_no_object() {
        let text = "kind: ClusterDriftPolicy\nspec: {selector: {}}";
        assert_eq!(policy_from_document(text).unwrap(), Policy::default());
    }
}
