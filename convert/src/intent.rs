//! What an intent expects.

use anchorwatch_core::{id::ContainerName, rollout::Expected};
use anchorwatch_crds::v1alpha1::{NamedBehaviors, NamedDestination};

use crate::{Violation, approval::patterns};

/// What of it can be read, and what not.
pub fn expected_from_crd(named: &NamedBehaviors) -> (Vec<Expected>, Vec<Violation>) {
    let mut expected = Vec::new();
    let mut violations = Vec::new();
    for ((container, pattern), what) in patterns(named).into_iter().zip(titles(named)) {
        match pattern {
            Ok(pattern) => expected.push(Expected {
                container: container.cloned().map(ContainerName::from),
                pattern,
                what,
            }),
            Err(Violation { field, expected }) => violations.push(Violation {
                field: format!("spec.expect.{field}"),
                expected,
            }),
        }
    }
    (expected, violations)
}

/// Each in words, in the order of [`patterns`].
fn titles(named: &NamedBehaviors) -> impl Iterator<Item = String> + '_ {
    let processes = named.processes.iter().map(|process| process.executable.clone());
    let destinations = named.destinations.iter().map(|destination| {
        let port = destination.port.map(|port| format!(" port {port}"));
        format!("to {}{}", target(destination), port.unwrap_or_default())
    });
    let listeners = named
        .listeners
        .iter()
        .map(|listener| format!("listening on {}", listener.port));
    let modules = named.modules.iter().map(|module| {
        let named = module.path.clone().or_else(|| module.sha256.clone());
        format!("module {}", named.unwrap_or_default())
    });
    processes.chain(destinations).chain(listeners).chain(modules)
}

fn target(destination: &NamedDestination) -> String {
    let named = [
        &destination.name,
        &destination.network,
        &destination.group,
        &destination.service,
        &destination.workload,
    ];
    named.into_iter().flatten().next().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::{
        behaviour::{Behaviour, Origin, ProcessParts, SourceLayer},
        id::ContainerName,
    };

    #[test]
    fn what_can_be_read_is_expected_and_the_rest_is_told_with_its_field() {
        let named: NamedBehaviors = serde_json::from_value(serde_json::json!({
            "processes": [{"container": "agent", "executable": "/usr/bin/nproc"}],
            "destinations": [{"network": "not a network"}, {"name": "api.example.org", "port": 443}],
        }))
        .unwrap();
        let (expected, violations) = expected_from_crd(&named);
        let told: Vec<&str> = expected.iter().map(|expected| expected.what.as_str()).collect();
        assert_eq!(told, ["/usr/bin/nproc", "to api.example.org port 443"]);
        assert_eq!(violations.len(), 1);
        assert!(
            violations[0].field.starts_with("spec.expect.destinations[0]"),
            "{}",
            violations[0].field
        );
        let nproc = |source| {
            let parts = ProcessParts {
                origin: Origin::Entrypoint,
                parent: "/usr/bin/python3".to_owned(),
                executable: "/usr/bin/nproc".to_owned(),
                source,
                ..ProcessParts::default()
            };
            Behaviour::Process(parts.into())
        };
        let agent = ContainerName::new("agent");
        assert!(expected[0].covers(&agent, &nproc(SourceLayer::Image)));
        assert!(!expected[0].covers(&ContainerName::new("other"), &nproc(SourceLayer::Image)));
        // A file of that name that somebody dropped is another thing.
        assert!(!expected[0].covers(&agent, &nproc(SourceLayer::UpperNew)));
    }
}
