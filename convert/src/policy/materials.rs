//! What a policy refers to: groups of networks and hashes of libraries, listed in it or in ConfigMaps.

use anchorwatch_core::{
    address::IpPrefix,
    policy::{
        groups::{self, Groups},
        hashes::{self, Hashes},
    },
};
use anchorwatch_crds::v1alpha1::{ApprovedHashes, ConfigMapReference, DestinationGroup, FeedPolicies};

use super::Violation;

/// What a policy refers to, read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Materials {
    /// Its groups of networks.
    pub groups: Groups,
    /// The hashes that it approves, where it lists any.
    pub approved: Option<Hashes>,
}

/// The text under a key of a ConfigMap or, in words, why there is none.
pub type Text<'a> = dyn Fn(&ConfigMapReference) -> Result<String, String> + 'a;

const GROUPS: &str = "spec.feeds.network.destinationGroups";
const HASHES: &str = "spec.feeds.module.approvedHashes";

/// What of the networks and hashes that a policy lists itself is none.
pub fn inline_violations(feeds: &FeedPolicies) -> Vec<Violation> {
    let denied = &feeds.network.deny.networks;
    let denied = ranges(denied, "spec.feeds.network.deny.networks").filter_map(Result::err);
    let groups = feeds.network.destination_groups.iter().enumerate();
    let groups = groups.flat_map(|(index, group)| {
        let field = format!("{GROUPS}[{index}].networks");
        ranges(&group.networks, &field)
            .filter_map(Result::err)
            .collect::<Vec<_>>()
    });
    denied.chain(groups).collect()
}

/// Reads what a policy refers to. What can't be read is left out as a whole, half a list would make what it lacks news:
/// a group is not there, and without approved hashes the libraries of the image's own layers are.
pub fn materials(feeds: &FeedPolicies, text: &Text<'_>) -> (Materials, Vec<Violation>) {
    let mut violations = Vec::new();
    let mut made = Vec::new();
    for (index, group) in feeds.network.destination_groups.iter().enumerate() {
        match networks(group, &format!("{GROUPS}[{index}]"), text) {
            Ok(networks) => made.push((group.name.clone(), networks)),
            Err(violation) => violations.push(violation),
        }
    }
    let groups = Groups::new(made).unwrap_or_else(|error| {
        violations.push(Violation {
            field: GROUPS.into(),
            expected: error.to_string(),
        });
        Groups::default()
    });
    let approved = feeds
        .module
        .approved_hashes
        .as_ref()
        .map(|listed| approved(listed, text));
    let approved = match approved {
        None => None,
        Some(Ok(hashes)) => Some(hashes),
        Some(Err(violation)) => {
            violations.push(violation);
            None
        }
    };
    (Materials { groups, approved }, violations)
}

fn ranges(texts: &[String], field: &str) -> impl Iterator<Item = Result<IpPrefix, Violation>> {
    texts.iter().enumerate().map(move |(index, text)| {
        text.parse().map_err(|error| Violation {
            field: format!("{field}[{index}]"),
            expected: format!("{error}"),
        })
    })
}

fn networks(group: &DestinationGroup, field: &str, text: &Text<'_>) -> Result<Vec<IpPrefix>, Violation> {
    let mut networks: Vec<IpPrefix> =
        ranges(&group.networks, &format!("{field}.networks")).collect::<Result<_, _>>()?;
    if let Some(reference) = &group.config_map {
        networks.extend(referred(reference, field, text, groups::parse)?);
    }
    Ok(networks)
}

fn approved(listed: &ApprovedHashes, text: &Text<'_>) -> Result<Hashes, Violation> {
    let inline = hashes::parse(&listed.sha256.join("\n"));
    let inline = if listed.sha256.is_empty() {
        Hashes::default()
    } else {
        inline.map_err(|error| Violation {
            field: format!("{HASHES}.sha256"),
            expected: error.to_string(),
        })?
    };
    let Some(reference) = &listed.config_map else {
        return Ok(inline);
    };
    Ok(inline.with(&referred(reference, HASHES, text, hashes::parse)?))
}

fn referred<T, E: std::fmt::Display>(
    reference: &ConfigMapReference,
    field: &str,
    text: &Text<'_>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Violation> {
    let text = text(reference).map_err(|expected| Violation {
        field: format!("{field}.configMap"),
        expected,
    })?;
    parse(&text).map_err(|error| Violation {
        field: format!("{field}.configMap"),
        expected: format!("the key {} of the ConfigMap {}: {error}", reference.key, reference.name),
    })
}
