//! Approvals: behaviour as people name it, and what of it can't be taken as it is.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use anchorwatch_core::{
    address::IpPrefix,
    behaviour::CapabilitySet,
    id::{ContainerName, WorkloadKey},
    policy::approvals::{
        Approvals, DestinationMatch, DestinationPattern, ListenerPattern, ModulePattern, Pattern, ProcessPattern,
        Statement,
    },
};
use anchorwatch_crds::v1alpha1::{
    BehaviorApproval, BehaviorApprovalSpec, NamedBehaviors, NamedDestination, NamedListener, NamedModule, NamedProcess,
};
use kube::ResourceExt;

use crate::{
    behaviour::{
        module::{kind_from_crd, kind_to_crd},
        network::{protocol_from_crd, protocol_to_crd},
        origin_from_crd, origin_to_crd, source_from_crd, source_to_crd,
    },
    number::unsigned,
    policy::{Violation, spellings},
    selection::{approval_holds_for, selector_violations},
};

/// What approvals say of a workload together, whose pods have these labels. A workload that inherits from another is denied
/// what is denied to that one.
pub fn approvals_of<'a>(
    approvals: &(impl Iterator<Item = &'a BehaviorApproval> + Clone),
    workload: &WorkloadKey,
    labels: &BTreeMap<String, String>,
) -> Approvals {
    let mut together = Approvals::default();
    let none = BTreeMap::new();
    let own = approvals.clone();
    for approval in own.filter(|approval| approval_holds_for(approval, workload, labels)) {
        approvals_from_crd(&approval.name_any(), &approval.spec, &mut together);
        let Some(other) = &approval.spec.inherit_from else {
            continue;
        };
        let other = WorkloadKey::new(&workload.namespace, &other.kind, &other.name);
        let others = approvals.clone();
        for denying in others.filter(|approval| approval_holds_for(approval, &other, &none)) {
            let denials = BehaviorApprovalSpec {
                approve: None,
                freeze: false,
                ..denying.spec.clone()
            };
            approvals_from_crd(&denying.name_any(), &denials, &mut together);
        }
    }
    together
}

/// Adds what an approval says to what others say of the same workload. What can't be read says nothing.
pub fn approvals_from_crd(name: &str, spec: &BehaviorApprovalSpec, into: &mut Approvals) {
    let statements = |named: &Option<NamedBehaviors>| -> Vec<Statement> {
        let patterns = named.iter().flat_map(patterns).filter_map(|(container, pattern)| {
            Some(Statement {
                approval: name.to_owned(),
                container: container.cloned().map(ContainerName::from),
                pattern: pattern.ok()?,
            })
        });
        patterns.collect()
    };
    into.approve.extend(statements(&spec.approve));
    into.deny.extend(statements(&spec.deny));
    if spec.freeze {
        into.frozen.get_or_insert_with(|| name.to_owned());
    }
}

/// What keeps an approval from being accepted, although the schema takes it; nothing for one that makes sense. One that does
/// not takes no part in decisions.
pub fn approval_violations(spec: &BehaviorApprovalSpec) -> Vec<Violation> {
    let mut violations = Vec::new();
    match (&spec.workload, &spec.selector) {
        (Some(_), None) => {}
        (None, Some(selector)) => violations.extend(selector_violations(selector, true)),
        (Some(_), Some(_)) | (None, None) => violations.push(Violation {
            field: "spec".into(),
            expected: "expected either spec.workload or spec.selector".into(),
        }),
    }
    violations.extend(unreadable(spec));
    violations
}

fn unreadable(spec: &BehaviorApprovalSpec) -> Vec<Violation> {
    let of = |list: &str, named: &Option<NamedBehaviors>| -> Vec<Violation> {
        let failed = named.iter().flat_map(patterns).filter_map(|(_, pattern)| pattern.err());
        failed
            .map(|Violation { field, expected }| Violation {
                field: format!("spec.{list}.{field}"),
                expected,
            })
            .collect()
    };
    let mut violations = of("approve", &spec.approve);
    violations.extend(of("deny", &spec.deny));
    violations
}

/// The container that it is about, and what it means.
pub(crate) type Read<'a> = (Option<&'a String>, Result<Pattern, Violation>);

/// What each that is named means.
pub(crate) fn patterns(named: &NamedBehaviors) -> Vec<Read<'_>> {
    let processes = named
        .processes
        .iter()
        .map(|process| (process.container.as_ref(), Ok(Pattern::Process(of_process(process)))));
    let destinations = named.destinations.iter().enumerate().map(|(index, destination)| {
        let read = of_destination(destination).map(Pattern::Destination);
        let read = read.map_err(|Violation { field, expected }| Violation {
            field: format!("destinations[{index}].{field}"),
            expected,
        });
        (destination.container.as_ref(), read)
    });
    let listeners = named.listeners.iter().map(|listener| {
        (
            listener.container.as_ref(),
            Ok(Pattern::Listener(of_listener(listener))),
        )
    });
    let modules = named
        .modules
        .iter()
        .map(|module| (module.container.as_ref(), Ok(Pattern::Module(of_module(module)))));
    processes.chain(destinations).chain(listeners).chain(modules).collect()
}

fn of_process(process: &NamedProcess) -> ProcessPattern {
    let NamedProcess {
        executable,
        parent,
        script,
        applet,
        origin,
        source,
        socket,
        gained,
        command,
        container: _,
    } = process.clone();
    ProcessPattern {
        executable,
        parent,
        script,
        applet,
        origin: origin.map(origin_from_crd),
        source: source.map(source_from_crd),
        socket,
        gained: CapabilitySet::from(gained),
        command,
    }
}

fn of_destination(destination: &NamedDestination) -> Result<DestinationPattern, Violation> {
    Ok(DestinationPattern {
        to: to(destination)?,
        port: destination.port.map(unsigned),
        protocol: destination.protocol.map(protocol_from_crd),
        executable: destination.executable.clone(),
    })
}

fn to(destination: &NamedDestination) -> Result<DestinationMatch, Violation> {
    let NamedDestination {
        service,
        workload,
        name,
        network,
        group,
        ..
    } = destination;
    let names = |name: &String| -> BTreeSet<String> { spellings(name).into_iter().collect() };
    let network = network.as_ref().map(|network| {
        network.parse::<IpPrefix>().map_err(|error| Violation {
            field: "network".into(),
            expected: error.to_string(),
        })
    });
    Ok(match (service, workload, name, network.transpose()?, group) {
        (Some(service), ..) => DestinationMatch::Service(service.clone()),
        (None, Some(workload), ..) => DestinationMatch::Workload(workload.parse().map_err(|_| Violation {
            field: "workload".into(),
            expected: format!("expected namespace/Kind/name, such as shop/Deployment/cart, but it is {workload:?}"),
        })?),
        (None, None, Some(name), Some(network), _) => DestinationMatch::NameIn {
            name: names(name),
            network,
        },
        (None, None, Some(name), None, _) => DestinationMatch::Name(names(name)),
        (None, None, None, Some(network), _) => DestinationMatch::Network(network),
        (None, None, None, None, Some(group)) => DestinationMatch::Group(group.clone()),
        (None, None, None, None, None) => {
            return Err(Violation {
                field: "name".into(),
                expected: "expected one of service, workload, name, network and group".into(),
            });
        }
    })
}

fn of_listener(listener: &NamedListener) -> ListenerPattern {
    ListenerPattern {
        port: unsigned(listener.port),
        protocol: listener.protocol.map(protocol_from_crd),
        executable: listener.executable.clone(),
    }
}

fn of_module(module: &NamedModule) -> ModulePattern {
    ModulePattern {
        kind: kind_from_crd(module.kind),
        path: module.path.clone(),
        sha256: module.sha256.clone(),
    }
}

/// A pattern as people would name it.
pub fn named_from_pattern(pattern: &Pattern, container: Option<&ContainerName>) -> NamedBehaviors {
    let container = container.map(ToString::to_string);
    let mut named = NamedBehaviors::default();
    match pattern.clone() {
        Pattern::Process(process) => named.processes.push(NamedProcess {
            executable: process.executable,
            parent: process.parent,
            script: process.script,
            applet: process.applet,
            origin: process.origin.map(origin_to_crd),
            source: process.source.map(source_to_crd),
            socket: process.socket,
            gained: process.gained.into(),
            command: process.command,
            container,
        }),
        Pattern::Destination(destination) => named.destinations.push(NamedDestination {
            port: destination.port.map(i32::from),
            protocol: destination.protocol.map(protocol_to_crd),
            executable: destination.executable,
            container,
            ..from_match(destination.to)
        }),
        Pattern::Listener(listener) => named.listeners.push(NamedListener {
            port: listener.port.into(),
            protocol: listener.protocol.map(protocol_to_crd),
            executable: listener.executable,
            container,
        }),
        Pattern::Module(module) => named.modules.push(NamedModule {
            kind: kind_to_crd(module.kind),
            path: module.path,
            sha256: module.sha256,
            container,
        }),
    }
    named
}

fn from_match(to: DestinationMatch) -> NamedDestination {
    let nothing = NamedDestination::default();
    let first = |names: BTreeSet<String>| names.into_iter().next();
    match to {
        DestinationMatch::Service(service) => NamedDestination {
            service: Some(service),
            ..nothing
        },
        DestinationMatch::Workload(workload) => NamedDestination {
            workload: Some(workload.to_string()),
            ..nothing
        },
        DestinationMatch::Name(names) => NamedDestination {
            name: first(names),
            ..nothing
        },
        DestinationMatch::NameIn { name, network } => NamedDestination {
            name: first(name),
            network: Some(network.to_string()),
            ..nothing
        },
        DestinationMatch::Network(network) => NamedDestination {
            network: Some(network.to_string()),
            ..nothing
        },
        DestinationMatch::Group(group) => NamedDestination {
            group: Some(group),
            ..nothing
        },
    }
}
