//! The policy of a back-test: an object as one would apply it, or the defaults.

use std::{path::Path, str::FromStr};

use anchorwatch_convert::{inline_violations, materials, policy_from_crd};
use anchorwatch_core::policy::{MaturityMethod, Policy};
use anchorwatch_crds::v1alpha1::{ConfigMapReference, DriftPolicySpec, Duration};
use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// `elapsed:DURATION` or `measured`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MaturityArgument {
    method: MaturityMethod,
    minimum: Option<std::time::Duration>,
}

impl FromStr for MaturityArgument {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text.split_once(':') {
            None if text.eq_ignore_ascii_case("measured") => Ok(Self {
                method: MaturityMethod::Measured,
                minimum: None,
            }),
            Some((method, minimum)) if method.eq_ignore_ascii_case("elapsed") => {
                let minimum: Duration = minimum.parse()?;
                Ok(Self {
                    method: MaturityMethod::Elapsed,
                    minimum: Some(minimum.get()),
                })
            }
            _ => bail!("{text:?} is no maturity: expected elapsed:DURATION, such as elapsed:24h, or measured"),
        }
    }
}

/// Reads the policy, and puts what the command line says above it.
pub fn read(path: Option<&Path>, maturity: Option<MaturityArgument>) -> anyhow::Result<Policy> {
    let mut policy = match path {
        None => Policy::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
            parse(&text).with_context(|| format!("{} is no policy", path.display()))?
        }
    };
    if let Some(argument) = maturity {
        policy.maturity.method = argument.method;
        policy.maturity.minimum = argument.minimum.unwrap_or(policy.maturity.minimum);
    }
    Ok(policy)
}

fn parse(text: &str) -> anyhow::Result<Policy> {
    let object: Value = serde_yaml::from_str(text)?;
    let kind = object["kind"].as_str().unwrap_or_default();
    ensure!(
        matches!(kind, "DriftPolicy" | "ClusterDriftPolicy"),
        "kind is {kind:?}: expected DriftPolicy or ClusterDriftPolicy"
    );
    // Both kinds have the same fields.
    let spec: DriftPolicySpec = serde_json::from_value(object["spec"].clone()).context("spec")?;
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    resolve(name.to_owned(), &spec)
}

/// A back-test reads no ConfigMap: what a policy refers to there it has to list itself.
fn resolve(name: String, spec: &DriftPolicySpec) -> anyhow::Result<Policy> {
    let text =
        |_: &ConfigMapReference| Err("a back-test reads no ConfigMap: list its content in the policy".to_owned());
    let (found, violations) = materials(&spec.feeds, &text);
    match violations.into_iter().chain(inline_violations(&spec.feeds)).next() {
        Some(violation) => bail!("{}: {}", violation.field, violation.expected),
        None => Ok(policy_from_crd(name, spec, &found)),
    }
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
        let policy = parse(text).unwrap();
        assert_eq!(
            (policy.name.as_str(), policy.mode, policy.window_days),
            ("watch", Mode::Alert, 3)
        );
        assert_eq!(policy.maturity.minimum.as_secs(), 60);
        assert!(policy.process.deny.contains("/usr/bin/nc"));
    }

    #[test]
    fn what_is_no_policy_is_refused_with_the_reason() {
        for (text, expected) in [
            ("kind: Pod", "kind is \"Pod\""),
            (
                "kind: DriftPolicy\nspec: {selector: {}, mod: Alert}",
                "unknown field `mod`",
            ),
            (
                "kind: DriftPolicy\nspec: {selector: {}, baseline: {window: 12h}}",
                "12h",
            ),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_defaults_of_an_object_are_those_of_no_object() {
        let text = "kind: ClusterDriftPolicy\nspec: {selector: {}}";
        assert_eq!(parse(text).unwrap(), Policy::default());
    }

    #[test]
    fn the_command_line_goes_before_the_policy() {
        let at_once = read(None, Some("elapsed:0s".parse().unwrap())).unwrap();
        assert_eq!(at_once.maturity.method, MaturityMethod::Elapsed);
        assert_eq!(at_once.maturity.minimum.as_secs(), 0);
        assert!("elapsed".parse::<MaturityArgument>().is_err());
        assert!("later:1h".parse::<MaturityArgument>().is_err());
    }
}
