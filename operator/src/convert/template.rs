//! Pod templates, as far as they are compared.

use std::collections::BTreeMap;

use anchorwatch_core::{
    chain::canonical,
    id::ContainerName,
    rollout::{Template, TemplateContainer},
};
use k8s_openapi::api::core::v1::{Container, PodSpec};
use serde::Serialize;
use serde_json::json;

/// From a pod template's specification.
pub fn template_from_pod_spec(spec: &PodSpec) -> Template {
    let init = spec.init_containers.iter().flatten().map(|container| (container, true));
    let main = spec.containers.iter().map(|container| (container, false));
    let volumes = spec.volumes.iter().flatten();
    Template {
        containers: init
            .chain(main)
            .map(|(container, init)| (ContainerName::new(&container.name), template_container(container, init)))
            .collect(),
        volumes: volumes.map(|volume| (volume.name.clone(), text(volume))).collect(),
        security: text(&spec.security_context),
        service_account: spec.service_account_name.clone().unwrap_or_default(),
        host_namespaces: text(&json!([spec.host_network, spec.host_pid, spec.host_ipc])),
    }
}

fn template_container(container: &Container, init: bool) -> TemplateContainer {
    let variables = container.env.iter().flatten();
    let variables = variables.map(|variable| (variable.name.clone(), text(variable)));
    let sources = container.env_from.iter().flatten().map(|source| {
        let config_map = source
            .config_map_ref
            .as_ref()
            .map(|found| format!("ConfigMap/{}", found.name));
        let secret = source.secret_ref.as_ref().map(|found| format!("Secret/{}", found.name));
        (config_map.or(secret).unwrap_or_default(), text(source))
    });
    let mut mounts: BTreeMap<String, String> = BTreeMap::new();
    for mount in container.volume_mounts.iter().flatten() {
        // One volume may be mounted in several places.
        mounts.entry(mount.name.clone()).or_default().push_str(&text(mount));
    }
    TemplateContainer {
        init,
        image: container.image.clone().unwrap_or_default(),
        command: container.command.clone().unwrap_or_default(),
        args: container.args.clone().unwrap_or_default(),
        environment: variables.chain(sources).collect(),
        mounts,
        security: text(&container.security_context),
    }
}

/// A value as a text that is the same where it is the same.
fn text(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    canonical(&value).unwrap_or_else(|_| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::rollout::{TemplateChange, TemplateField};

    fn template(spec: serde_json::Value) -> Template {
        template_from_pod_spec(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn init_containers_of_a_template_are_told_from_others() {
        let template = template(json!({
            "initContainers": [{"name": "setup", "image": "s:1"}],
            "containers": [{"name": "app", "image": "a:1"}],
        }));
        let told = template.containers.iter();
        let told: Vec<_> = told
            .map(|(name, container)| (name.as_str(), container.init, container.image.as_str()))
            .collect();
        assert_eq!(told, [("app", false, "a:1"), ("setup", true, "s:1")]);
    }

    #[test]
    fn what_a_deploy_changes_is_told_by_names() {
        let before = template(json!({"containers": [{
            "name": "app", "image": "a:1", "env": [{"name": "TOKEN", "value": "s3cret"}],
            "envFrom": [{"secretRef": {"name": "keys"}}],
        }]}));
        let after = template(json!({
            "containers": [{
                "name": "app", "image": "a:2", "env": [{"name": "TOKEN", "value": "other"}, {"name": "NEW", "value": "x"}],
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                "securityContext": {"privileged": true},
            }],
            "volumes": [{"name": "data", "hostPath": {"path": "/"}}],
            "hostNetwork": true,
        }));
        let change = |field, names: &[&str]| TemplateChange {
            container: Some(ContainerName::new("app")),
            field,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let of_pod = |field, names: &[&str]| TemplateChange {
            container: None,
            ..change(field, names)
        };
        assert_eq!(
            after.changes_since(&before),
            [
                change(TemplateField::Image, &[]),
                change(TemplateField::Environment, &["NEW", "Secret/keys", "TOKEN"]),
                change(TemplateField::Volumes, &["data"]),
                change(TemplateField::SecurityContext, &[]),
                of_pod(TemplateField::Volumes, &["data"]),
                of_pod(TemplateField::HostNamespaces, &[]),
            ]
        );
    }
}
