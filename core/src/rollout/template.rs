//! A pod template as far as containers see it, and what one changed against another: names, never values.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::id::{ContainerName, ImageDigest};

/// Most names that a change lists; more are not a release note any more.
const MAX_NAMES: usize = 64;
/// Most changes that are listed.
const MAX_CHANGES: usize = 256;

/// A pod template. Its texts are compared, and none is ever written anywhere but names and images.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Template {
    /// Its containers, init containers included.
    pub containers: BTreeMap<ContainerName, TemplateContainer>,
    /// Its volumes by name.
    pub volumes: BTreeMap<String, String>,
    /// The pod's own security context.
    pub security: String,
    /// The ServiceAccount.
    pub service_account: String,
    /// Which namespaces it shares with the node.
    pub host_namespaces: String,
}

/// A container of a pod template.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TemplateContainer {
    /// True for an init container.
    pub init: bool,
    /// The image that the template names.
    pub image: String,
    /// The command.
    pub command: Vec<String>,
    /// The arguments.
    pub args: Vec<String>,
    /// Where each environment variable comes from, by name. Whole sources of them go under the source's name.
    pub environment: BTreeMap<String, String>,
    /// Where each volume is mounted, by its name.
    pub mounts: BTreeMap<String, String>,
    /// The security context.
    pub security: String,
}

/// A part of a template that a container sees.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum TemplateField {
    /// The container is new.
    Added,
    /// The container is gone.
    Removed,
    /// The image.
    Image,
    /// The command.
    Command,
    /// The arguments.
    Args,
    /// Environment variables.
    Environment,
    /// Volumes, or where they are mounted.
    Volumes,
    /// The security context.
    SecurityContext,
    /// The ServiceAccount.
    ServiceAccount,
    /// Namespaces that are shared with the node.
    HostNamespaces,
}

/// One thing that a template changed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct TemplateChange {
    /// The container; none where it is of the pod as a whole.
    pub container: Option<ContainerName>,
    /// What changed.
    pub field: TemplateField,
    /// Names of what changed, where it has names.
    pub names: Vec<String>,
}

impl TemplateContainer {
    /// The digest that the image names, where it names one.
    pub fn pinned(&self) -> Option<ImageDigest> {
        let (_, digest) = self.image.rsplit_once('@')?;
        digest.parse().ok()
    }
}

impl Template {
    /// What this template changed against `before`, in a fixed order.
    pub fn changes_since(&self, before: &Self) -> Vec<TemplateChange> {
        let mut changes = Vec::new();
        let mut add = |container: Option<&ContainerName>, field, names: Vec<String>| {
            changes.push(TemplateChange {
                container: container.cloned(),
                field,
                names,
            });
        };
        for name in before
            .containers
            .keys()
            .filter(|name| !self.containers.contains_key(*name))
        {
            add(Some(name), TemplateField::Removed, Vec::new());
        }
        for (name, container) in &self.containers {
            let Some(old) = before.containers.get(name) else {
                add(Some(name), TemplateField::Added, Vec::new());
                continue;
            };
            for (field, names) in container.fields_since(old) {
                add(Some(name), field, names);
            }
        }
        let volumes = differing(&self.volumes, &before.volumes);
        for (field, changed, names) in [
            (TemplateField::Volumes, !volumes.is_empty(), volumes),
            (
                TemplateField::SecurityContext,
                self.security != before.security,
                Vec::new(),
            ),
            (
                TemplateField::ServiceAccount,
                self.service_account != before.service_account,
                Vec::new(),
            ),
            (
                TemplateField::HostNamespaces,
                self.host_namespaces != before.host_namespaces,
                Vec::new(),
            ),
        ] {
            if changed {
                add(None, field, names);
            }
        }
        changes.truncate(MAX_CHANGES);
        changes
    }
}

impl TemplateContainer {
    fn fields_since(&self, old: &Self) -> Vec<(TemplateField, Vec<String>)> {
        let environment = differing(&self.environment, &old.environment);
        let mounts = differing(&self.mounts, &old.mounts);
        let fields = [
            (TemplateField::Image, self.image != old.image, Vec::new()),
            (TemplateField::Command, self.command != old.command, Vec::new()),
            (TemplateField::Args, self.args != old.args, Vec::new()),
            (TemplateField::Environment, !environment.is_empty(), environment),
            (TemplateField::Volumes, !mounts.is_empty(), mounts),
            (
                TemplateField::SecurityContext,
                self.security != old.security,
                Vec::new(),
            ),
        ];
        let changed = fields.into_iter().filter(|(_, changed, _)| *changed);
        changed.map(|(field, _, names)| (field, names)).collect()
    }
}

/// Names under which the two hold different texts, or one of them none.
fn differing(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let differing = names.into_iter().filter(|name| a.get(*name) != b.get(*name));
    differing.take(MAX_NAMES).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Template {
        let container = TemplateContainer {
            image: "registry/agent:1".to_owned(),
            args: vec!["--token=s3cret".to_owned()],
            environment: [("A", "one"), ("B", "two")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..TemplateContainer::default()
        };
        Template {
            containers: [(ContainerName::new("agent"), container)].into(),
            ..Template::default()
        }
    }

    fn changed(edit: impl FnOnce(&mut Template)) -> Vec<TemplateChange> {
        let mut after = template();
        edit(&mut after);
        after.changes_since(&template())
    }

    fn of_agent(edit: impl FnOnce(&mut TemplateContainer)) -> Vec<TemplateChange> {
        changed(|template| {
            let agent = template.containers.get_mut(&ContainerName::new("agent"));
            edit(agent.expect("it is there"));
        })
    }

    #[test]
    fn the_same_template_changed_nothing() {
        assert_eq!(changed(|_| {}), []);
    }

    #[test]
    fn each_part_that_changed_is_named_and_no_value_is() {
        type Edit = fn(&mut TemplateContainer);
        let edits: [(Edit, TemplateField, &[&str]); 5] = [
            (
                |agent| agent.image = "registry/agent:2".to_owned(),
                TemplateField::Image,
                &[],
            ),
            (
                |agent| agent.command = vec!["sh".to_owned()],
                TemplateField::Command,
                &[],
            ),
            (
                |agent| agent.args = vec!["--token=other".to_owned()],
                TemplateField::Args,
                &[],
            ),
            (
                |agent| {
                    agent.environment.remove("A");
                    agent.environment.insert("C".to_owned(), "three".to_owned());
                },
                TemplateField::Environment,
                &["A", "C"],
            ),
            (
                |agent| agent.security = "privileged".to_owned(),
                TemplateField::SecurityContext,
                &[],
            ),
        ];
        for (edit, field, names) in edits {
            let changes = of_agent(edit);
            assert_eq!(
                changes,
                [TemplateChange {
                    container: Some(ContainerName::new("agent")),
                    field,
                    names: names.iter().map(|name| (*name).to_owned()).collect(),
                }]
            );
        }
    }

    #[test]
    fn containers_that_come_and_go_and_what_is_of_the_pod_are_told() {
        let changes = changed(|template| {
            let agent = template
                .containers
                .remove(&ContainerName::new("agent"))
                .expect("it is there");
            template.containers.insert(ContainerName::new("other"), agent);
            template.volumes.insert("host".to_owned(), "/".to_owned());
            template.host_namespaces = "network".to_owned();
        });
        let fields: Vec<TemplateField> = changes.iter().map(|change| change.field).collect();
        assert_eq!(
            fields,
            [
                TemplateField::Removed,
                TemplateField::Added,
                TemplateField::Volumes,
                TemplateField::HostNamespaces
            ]
        );
        assert_eq!(changes[2].names, ["host"]);
    }

    #[test]
    fn an_image_may_name_its_digest() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let pinned = |image: String| {
            TemplateContainer {
                image,
                ..TemplateContainer::default()
            }
            .pinned()
        };
        assert_eq!(
            pinned(format!("registry/agent@{digest}")).map(String::from),
            Some(digest)
        );
        assert_eq!(pinned("registry/agent:1".to_owned()), None);
    }
}
