//! What the policies of the cluster ask for: less than the sensor would tell of a pod's command lines or, where the
//! sensor is allowed to, more.

use anchorwatch_crds::v1alpha1::{ArgumentHandling, ClusterDriftPolicy, DriftPolicy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::watch;

use super::Level;
use crate::attribute::pod::{Container, ContainerKey};

/// The namespace that an empty selector of a ClusterDriftPolicy leaves out, as the operator does.
const SYSTEM_NAMESPACE: &str = "kube-system";

/// Most containers whose level is remembered: many times what runs on a node.
const REMEMBERED: usize = 4096;

/// What all policies ask for, as far as they say anything of command lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asking {
    /// Whether all policies are known: until they are, nothing is told.
    pub listed: bool,
    /// By kind, namespace and name.
    pub rules: BTreeMap<String, Rule>,
}

/// What one policy asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `None`: every namespace's.
    namespace: Option<String>,
    /// `None` where it can't be read: it counts as selecting everything, since it may mean to withhold.
    selector: Option<Selector>,
    level: Level,
}

impl Rule {
    /// `None` where the policy says nothing of command lines.
    pub fn of_namespace(policy: &DriftPolicy) -> Option<Self> {
        let level = match policy.spec.feeds.process.arguments? {
            ArgumentHandling::Full => Level::Full,
            ArgumentHandling::Redacted => Level::Redacted,
            ArgumentHandling::None => Level::Nothing,
        };
        let namespace = policy.metadata.namespace.clone()?;
        Some(Self::new(Some(namespace), &policy.spec.selector, level))
    }

    /// The same. That secrets leave is for those to ask whose secrets they are: the API server refuses it here.
    pub fn of_cluster(policy: &ClusterDriftPolicy) -> Option<Self> {
        let level = match policy.spec.feeds.process.arguments? {
            ArgumentHandling::Full | ArgumentHandling::Redacted => Level::Redacted,
            ArgumentHandling::None => Level::Nothing,
        };
        Some(Self::new(None, &policy.spec.selector, level))
    }

    fn new(namespace: Option<String>, selector: &LabelSelector, level: Level) -> Self {
        let selector = Selector::try_from(selector.clone()).ok();
        // What can't be told apart must not widen anything.
        let level = if selector.is_none() {
            level.max(Level::Redacted)
        } else {
            level
        };
        Self {
            namespace,
            selector,
            level,
        }
    }

    fn selects(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        if self.namespace.as_deref().is_some_and(|own| own != namespace) {
            return false;
        }
        match &self.selector {
            Some(selector) if selector.selects_all() => self.namespace.is_none() && namespace != SYSTEM_NAMESPACE,
            Some(selector) => selector.matches(labels),
            None => true,
        }
    }
}

impl Asking {
    /// The strictest of what the policies that select these pods ask for.
    fn level(&self, namespace: &str, labels: &BTreeMap<String, String>) -> Level {
        if !self.listed {
            return Level::Nothing;
        }
        let rules = self.rules.values().filter(|rule| rule.selects(namespace, labels));
        rules.map(|rule| rule.level).max().unwrap_or(Level::Redacted)
    }
}

/// What is asked for, container by container.
#[derive(Debug)]
pub struct Asked {
    changes: watch::Receiver<Arc<Asking>>,
    now: Arc<Asking>,
    allow_full: bool,
    levels: HashMap<ContainerKey, (Arc<BTreeMap<String, String>>, Level)>,
}

impl Asked {
    /// As it changes. Secrets leave only where `allow_full`, whatever policies ask.
    pub fn new(changes: watch::Receiver<Arc<Asking>>, allow_full: bool) -> Self {
        let now = Arc::clone(&changes.borrow());
        Self {
            changes,
            now,
            allow_full,
            levels: HashMap::new(),
        }
    }

    pub(super) fn of(&mut self, container: &Container) -> Level {
        if self.changes.has_changed().unwrap_or(false) {
            self.now = Arc::clone(&self.changes.borrow_and_update());
            self.levels.clear();
        }
        // So it is nearly everywhere.
        if self.now.listed && self.now.rules.is_empty() {
            return Level::Redacted;
        }
        let known = self.levels.get(&container.key);
        if let Some((labels, level)) = known
            && Arc::ptr_eq(labels, &container.labels)
        {
            return *level;
        }
        let level = self.now.level(&container.pod.namespace, &container.labels);
        let least = if self.allow_full { Level::Full } else { Level::Redacted };
        let level = level.max(least);
        if self.levels.len() >= REMEMBERED {
            self.levels.clear();
        }
        let held = (Arc::clone(&container.labels), level);
        self.levels.insert(container.key.clone(), held);
        level
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::testkit::container;
    use serde_json::json;

    fn namespaced(namespace: &str, arguments: &str) -> Rule {
        let policy = json!({
            "metadata": {"namespace": namespace, "name": "p"},
            "spec": {"selector": {"matchLabels": {"app": "agent"}}, "feeds": {"process": {"arguments": arguments}}},
        });
        Rule::of_namespace(&serde_json::from_value(policy).unwrap()).unwrap()
    }

    fn cluster(arguments: &str) -> Rule {
        let policy = json!({
            "metadata": {"name": "c"},
            "spec": {"selector": {}, "feeds": {"process": {"arguments": arguments}}},
        });
        Rule::of_cluster(&serde_json::from_value(policy).unwrap()).unwrap()
    }

    fn asking(rules: impl IntoIterator<Item = Rule>) -> Asking {
        let rules = rules.into_iter().enumerate();
        Asking {
            listed: true,
            rules: rules.map(|(number, rule)| (number.to_string(), rule)).collect(),
        }
    }

    fn agent(namespace: &str) -> Container {
        let mut agent = container("1").labelled(Arc::new([("app".to_owned(), "agent".to_owned())].into()));
        Arc::make_mut(&mut agent.pod).namespace = namespace.to_owned();
        agent
    }

    fn level(asking: Asking, allow_full: bool, container: &Container) -> Level {
        let (_kept, changes) = watch::channel(Arc::new(asking));
        Asked::new(changes, allow_full).of(container)
    }

    #[test]
    fn a_namespace_widens_its_own_pods_alone_and_only_where_the_sensor_may() {
        let asking = || asking([namespaced("shop", "Full")]);
        assert_eq!(level(asking(), true, &agent("shop")), Level::Full);
        assert_eq!(level(asking(), false, &agent("shop")), Level::Redacted);
        assert_eq!(level(asking(), true, &agent("bank")), Level::Redacted);
        let other = container("1");
        assert_eq!(level(asking(), true, &other), Level::Redacted, "not selected");
    }

    #[test]
    fn the_strictest_policy_holds_and_no_cluster_policy_lets_secrets_out() {
        for (rules, expected) in [
            (vec![], Level::Redacted),
            (vec![namespaced("shop", "None")], Level::Nothing),
            (vec![namespaced("shop", "Full"), cluster("None")], Level::Nothing),
            (vec![namespaced("shop", "Full"), cluster("Redacted")], Level::Redacted),
            (vec![cluster("Full")], Level::Redacted),
            (
                vec![namespaced("shop", "Full"), namespaced("shop", "None")],
                Level::Nothing,
            ),
        ] {
            assert_eq!(
                level(asking(rules.clone()), true, &agent("shop")),
                expected,
                "{rules:?}"
            );
        }
    }

    #[test]
    fn nothing_is_told_until_all_policies_are_known() {
        let (tell, changes) = watch::channel(Arc::default());
        let mut asked = Asked::new(changes, true);
        assert_eq!(asked.of(&agent("shop")), Level::Nothing);
        tell.send_replace(Arc::new(asking([namespaced("shop", "Full")])));
        assert_eq!(asked.of(&agent("shop")), Level::Full);
        tell.send_replace(Arc::new(asking([])));
        assert_eq!(
            asked.of(&agent("shop")),
            Level::Redacted,
            "a policy that is gone counts no more"
        );
    }

    #[test]
    fn a_selector_that_can_not_be_read_withholds_and_never_widens() {
        let unreadable = LabelSelector {
            match_expressions: Some(vec![
                serde_json::from_value(json!({"key": "a", "operator": "Near"})).unwrap(),
            ]),
            ..LabelSelector::default()
        };
        let rule = |level| Rule::new(Some("shop".to_owned()), &unreadable, level);
        assert_eq!(
            level(asking([rule(Level::Full)]), true, &agent("shop")),
            Level::Redacted
        );
        assert_eq!(
            level(asking([rule(Level::Nothing)]), true, &agent("shop")),
            Level::Nothing
        );
    }

    #[test]
    fn new_labels_are_judged_anew() {
        let (_kept, changes) = watch::channel(Arc::new(asking([namespaced("shop", "None")])));
        let mut asked = Asked::new(changes, false);
        assert_eq!(asked.of(&container("1")), Level::Redacted);
        assert_eq!(asked.of(&agent("shop")), Level::Nothing);
    }
}
