//! Policies, and what is refused of what they refer to.

use anchorwatch_core::policy::Policy;
use anchorwatch_crds::v1alpha1::{ApprovedHashes, ConfigMapReference, DestinationGroup, DriftPolicySpec};

use super::*;

fn nothing(_: &ConfigMapReference) -> Result<String, String> {
    Err("expected the ConfigMap to be there".into())
}

fn reference(key: &str) -> ConfigMapReference {
    ConfigMapReference {
        name: "ranges".into(),
        key: key.into(),
    }
}

fn group(networks: &[&str], config_map: Option<ConfigMapReference>) -> DestinationGroup {
    DestinationGroup {
        name: "cloud".into(),
        networks: networks.iter().map(ToString::to_string).collect(),
        config_map,
    }
}

#[test]
fn what_is_left_out_has_the_same_defaults_in_objects_and_in_the_core() {
    let converted = policy_from_crd(String::new(), &DriftPolicySpec::default(), &Materials::default());
    assert_eq!(converted, Policy::default());
}

#[test]
fn groups_come_from_the_policy_and_from_what_clouds_publish() {
    let mut feeds = FeedPolicies::default();
    feeds.network.destination_groups = vec![group(&["192.0.2.0/24"], Some(reference("aws.json")))];
    let text = |reference: &ConfigMapReference| {
        assert_eq!(reference.key, "aws.json");
        Ok(r#"{"prefixes": [{"ip_prefix": "198.51.100.0/24"}]}"#.to_owned())
    };
    let (made, violations) = materials(&feeds, &text);
    assert_eq!(violations, []);
    for inside in ["192.0.2.9", "198.51.100.9"] {
        let address = inside.parse().expect("an address");
        assert_eq!(made.groups.of(address).collect::<Vec<_>>(), ["cloud"], "{inside}");
    }
}

#[test]
fn a_config_map_that_is_missing_or_says_something_else_is_told_with_its_field() {
    let mut feeds = FeedPolicies::default();
    feeds.network.destination_groups = vec![group(&["192.0.2.0/24"], Some(reference("aws.json")))];
    feeds.module.approved_hashes = Some(ApprovedHashes {
        sha256: vec!["a".repeat(64)],
        config_map: Some(reference("hashes")),
    });
    let fields = [
        "spec.feeds.network.destinationGroups[0].configMap",
        "spec.feeds.module.approvedHashes.configMap",
    ];
    let nonsense = |_: &ConfigMapReference| Ok("no such thing".to_owned());
    let sources: [&Text<'_>; 2] = [&nothing, &nonsense];
    for text in sources {
        let (made, violations) = materials(&feeds, text);
        let named: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(named, fields);
        assert!(
            violations
                .iter()
                .all(|violation| violation.expected.contains("expected")),
            "{violations:?}"
        );
        assert_eq!(made, Materials::default(), "half a list would be worse than none");
    }
}

#[test]
fn networks_that_are_none_are_told_with_their_field_and_what_was_expected() {
    let mut feeds = FeedPolicies::default();
    feeds.network.deny.networks = vec!["192.0.2.0/24".into(), "192.0.2.7/24".into()];
    feeds.network.destination_groups = vec![group(&["example.org"], None)];
    let told: Vec<String> = inline_violations(&feeds)
        .into_iter()
        .map(|violation| format!("{}: {}", violation.field, violation.expected))
        .collect();
    assert!(told[0].starts_with("spec.feeds.network.deny.networks[1]: "), "{told:?}");
    assert!(told[0].contains("expected 192.0.2.0/24"), "{told:?}");
    assert!(
        told[1].starts_with("spec.feeds.network.destinationGroups[0].networks[0]: "),
        "{told:?}"
    );
    assert_eq!(told.len(), 2);
}
