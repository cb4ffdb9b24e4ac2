//! ConfigMaps that policies refer to: one watch a ConfigMap, so that the operator reads no other, and needs rights in those
//! namespaces alone where such ConfigMaps are.

mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use anchorwatch_convert::{Materials, Violation, materials};
use anchorwatch_crds::v1alpha1::{ConfigMapReference, FeedPolicies};

use super::World;

pub use watch::follow;

/// Most ConfigMaps that are watched. What is beyond that is told in the policy's condition.
const MAX_WATCHED: usize = 256;

/// Namespace and name of a ConfigMap.
pub type Name = (String, String);

/// What is known of a ConfigMap.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// Its data.
    There(BTreeMap<String, String>),
    /// There is none.
    Missing,
    /// The operator must not read it.
    Forbidden,
}

/// What policies refer to.
#[derive(Debug, Default)]
pub struct ConfigMaps {
    own_namespace: String,
    held: RwLock<Held>,
    read: Mutex<BTreeMap<String, Read>>,
}

#[derive(Debug, Default)]
struct Held {
    /// Raised whenever anything below changes.
    generation: u64,
    contents: BTreeMap<Name, Content>,
}

/// What of a policy was read, and from what.
#[derive(Clone, Debug)]
struct Read {
    feeds: FeedPolicies,
    generation: u64,
    found: Found,
}

/// What a policy refers to, and what of it can't be read.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What could be read.
    pub materials: Arc<Materials>,
    /// What could not.
    pub violations: Arc<Vec<Violation>>,
}

impl ConfigMaps {
    /// None known yet. Policies of the cluster refer to ConfigMaps of the operator's own namespace.
    pub fn new(own_namespace: String) -> Self {
        Self {
            own_namespace,
            ..Self::default()
        }
    }

    /// Reads what a policy refers to. It is read once, and again where the policy or a ConfigMap changed: a large cloud has
    /// fifteen thousand ranges.
    pub fn read(&self, namespace: Option<&str>, title: &str, feeds: &FeedPolicies) -> Found {
        if feeds.network.destination_groups.is_empty() && feeds.module.approved_hashes.is_none() {
            return Found::default();
        }
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = read.get(title)
            && before.generation == held.generation
            && before.feeds == *feeds
        {
            return before.found.clone();
        }
        let text = |reference: &ConfigMapReference| {
            let name = (self.namespace(namespace).to_owned(), reference.name.clone());
            text(&name, &reference.key, held.contents.get(&name))
        };
        let (materials, violations) = materials(feeds, &text);
        let found = Found {
            materials: Arc::new(materials),
            violations: Arc::new(violations),
        };
        let now = Read {
            feeds: feeds.clone(),
            generation: held.generation,
            found: found.clone(),
        };
        read.insert(title.to_owned(), now);
        found
    }

    /// Takes in what a watch says. Returns whether anything differs.
    pub fn put(&self, name: Name, content: Content) -> bool {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.contents.get(&name) == Some(&content) {
            return false;
        }
        held.generation += 1;
        held.contents.insert(name, content);
        true
    }

    /// Forgets all ConfigMaps but these.
    fn keep(&self, wanted: &BTreeSet<Name>) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.generation += 1;
        held.contents.retain(|name, _| wanted.contains(name));
    }

    /// Forgets what was read for policies that are no more.
    fn forget(&self, titles: &BTreeSet<String>) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.retain(|title, _| titles.contains(title));
    }

    fn namespace<'a>(&'a self, of_policy: Option<&'a str>) -> &'a str {
        of_policy.unwrap_or(&self.own_namespace)
    }

    /// The ConfigMaps that a policy refers to.
    fn named<'a>(&'a self, namespace: Option<&'a str>, feeds: &'a FeedPolicies) -> impl Iterator<Item = Name> + 'a {
        let groups = feeds.network.destination_groups.iter();
        let groups = groups.filter_map(|group| group.config_map.as_ref());
        let hashes = feeds.module.approved_hashes.iter();
        let hashes = hashes.filter_map(|listed| listed.config_map.as_ref());
        groups
            .chain(hashes)
            .map(move |reference| (self.namespace(namespace).to_owned(), reference.name.clone()))
    }
}

/// The text under a key or, in words, why there is none.
fn text((namespace, name): &Name, key: &str, content: Option<&Content>) -> Result<String, String> {
    let data = match content {
        Some(Content::There(data)) => data,
        Some(Content::Missing) => {
            return Err(format!(
                "expected a ConfigMap {name} in the namespace {namespace}, and there is none"
            ));
        }
        Some(Content::Forbidden) => {
            return Err(format!(
                "expected the right to read ConfigMaps of the namespace {namespace}: list it under \
                 operator.configMapNamespaces of the chart"
            ));
        }
        None => {
            return Err(format!(
                "the ConfigMap {name} of the namespace {namespace} is not read yet, or more than {MAX_WATCHED} are \
                 referred to"
            ));
        }
    };
    let keys = || data.keys().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
    let missing = || {
        format!(
            "expected the key {key} under data of the ConfigMap {name}, which has: {}",
            keys()
        )
    };
    data.get(key).cloned().ok_or_else(missing)
}

impl World {
    /// The operator's own namespace.
    pub fn own_namespace(&self) -> &str {
        &self.config_maps.own_namespace
    }

    /// What a policy refers to.
    pub fn referred(&self, namespace: Option<&str>, title: &str, feeds: &FeedPolicies) -> Found {
        self.config_maps.read(namespace, title, feeds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feeds() -> FeedPolicies {
        serde_json::from_value(serde_json::json!({
            "network": {"destinationGroups": [{"name": "cloud", "configMap": {"name": "ranges", "key": "a.json"}}]},
        }))
        .unwrap()
    }

    fn name(namespace: &str) -> Name {
        (namespace.to_owned(), "ranges".to_owned())
    }

    fn there(key: &str, text: &str) -> Content {
        Content::There([(key.to_owned(), text.to_owned())].into())
    }

    fn told(config_maps: &ConfigMaps) -> Option<String> {
        let found = config_maps.read(Some("shop"), "shop/agent", &feeds());
        let first = found.violations.first()?;
        assert_eq!(first.field, "spec.feeds.network.destinationGroups[0].configMap");
        Some(first.expected.clone())
    }

    #[test]
    fn what_can_not_be_read_is_told_with_its_remedy_and_what_can_be_is_taken() {
        let config_maps = ConfigMaps::new("anchorwatch".into());
        assert!(told(&config_maps).unwrap().contains("not read yet"));
        config_maps.put(name("shop"), Content::Missing);
        assert!(told(&config_maps).unwrap().contains("there is none"));
        config_maps.put(name("shop"), Content::Forbidden);
        assert!(told(&config_maps).unwrap().contains("operator.configMapNamespaces"));
        config_maps.put(name("shop"), there("b.json", "192.0.2.0/24"));
        assert!(told(&config_maps).unwrap().contains("which has: b.json"));
        config_maps.put(name("shop"), there("a.json", "nonsense"));
        assert!(
            told(&config_maps).unwrap().contains("line 1"),
            "{:?}",
            told(&config_maps)
        );
        config_maps.put(name("shop"), there("a.json", "192.0.2.0/24"));
        assert_eq!(told(&config_maps), None);
        let found = config_maps.read(Some("shop"), "shop/agent", &feeds());
        assert_eq!(found.materials.groups.prefixes(), 1);
    }

    #[test]
    fn what_did_not_change_is_not_read_again() {
        let config_maps = ConfigMaps::new("anchorwatch".into());
        config_maps.put(name("shop"), there("a.json", "192.0.2.0/24"));
        let read = || config_maps.read(Some("shop"), "shop/agent", &feeds()).materials;
        let (once, again) = (read(), read());
        assert!(Arc::ptr_eq(&once, &again));
        config_maps.put(name("shop"), there("a.json", "192.0.2.0/24 198.51.100.0/24"));
        assert_eq!(read().groups.prefixes(), 2);
    }

    #[test]
    fn a_policy_of_the_cluster_refers_to_the_operators_namespace() {
        let config_maps = ConfigMaps::new("anchorwatch".into());
        let feeds = feeds();
        let named = |namespace| config_maps.named(namespace, &feeds).collect::<Vec<_>>();
        assert_eq!(named(None), [name("anchorwatch")]);
        assert_eq!(named(Some("shop")), [name("shop")]);
    }
}
