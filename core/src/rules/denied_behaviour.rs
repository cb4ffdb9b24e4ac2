//! `denied-behaviour`: an executable, script, destination or module that the policy denies, whatever was learned.

use super::{page::Page, words::subject};
use crate::{
    behaviour::{Behaviour, Destination, Direction},
    id::ContainerName,
    policy::{NetworkPolicy, Policy, approvals::Standing},
    severity::Severity,
};

pub(super) const ID: &str = "denied-behaviour";
pub(super) const SEVERITY: Severity = Severity::High;
pub(super) const PAGE: Page = Page {
    sees: "An executable, script, destination or module that the policy denies (`spec.feeds.*.deny`), whatever was \
           learned.",
    why: "Somebody decided that it must never happen here.",
    example: "`/usr/bin/kubectl started by /usr/bin/bash is denied by the policy`",
    tune: "Take it off the deny list. What was raised stays raised until a person decides about it.",
    techniques: &[],
};

/// Who denies a behaviour of a container, in words: an approval or the policy; nobody where it may become normal.
pub fn denied_by(policy: &Policy, container: &ContainerName, behaviour: &Behaviour) -> Option<String> {
    match policy.approvals.standing(container, behaviour) {
        Standing::Denied(by) => Some(format!("the BehaviorApproval {by}")),
        Standing::Approved(_) | Standing::Unsaid => {
            fires(behaviour, policy).then(|| format!("the policy {}", policy.name))
        }
    }
}

pub(super) fn fires(behaviour: &Behaviour, policy: &Policy) -> bool {
    match behaviour {
        Behaviour::Process(process) => {
            let denied = |path: &str| policy.process.deny.contains(path);
            denied(process.executable()) || process.script().is_some_and(denied)
        }
        Behaviour::Network(network) => match network.direction() {
            Direction::Connect | Direction::Send => denies(&policy.network, network.destination()),
            Direction::Listen => false,
        },
        Behaviour::Module(module) => policy.module.deny.contains(module.path()),
    }
}

/// Whether a destination is denied as such. By its addresses it is through what is derived of them: a group, or the
/// denied network itself.
fn denies(policy: &NetworkPolicy, destination: &Destination) -> bool {
    match destination {
        Destination::Name(name) => denies_name(policy, name),
        Destination::Prefix(network) => {
            let within = |denied: &crate::address::IpPrefix| denied.net().contains(network);
            policy.deny_networks.iter().any(within)
        }
        Destination::Group(group) => policy.deny_groups.contains(group),
        Destination::Service(_)
        | Destination::Workload(_)
        | Destination::NameIn { .. }
        | Destination::Volume { .. }
        | Destination::Many(_)
        | Destination::Local => false,
    }
}

/// Whether a name is listed, or lies below one that is listed with `*.` before it.
fn denies_name(policy: &NetworkPolicy, name: &str) -> bool {
    let below = name
        .match_indices('.')
        .map(|(dot, _)| format!("*{}", &name[dot..]))
        .any(|above| policy.deny_names.contains(&above));
    below || policy.deny_names.contains(name)
}

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!("{} is denied", subject(behaviour))
}
