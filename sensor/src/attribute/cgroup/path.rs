//! What a cgroup's path says, for every container runtime and cgroup driver.
//!
//! | driver | path below the kubelet's cgroup root |
//! |---|---|
//! | cgroupfs | `kubepods/[burstable/\|besteffort/]pod<uid>/<leaf>` |
//! | systemd | `kubepods.slice/[kubepods-<class>.slice/]kubepods[-<class>]-pod<uid>.slice/<leaf>`; a root of the kubelet's own stands in front of every name: `kubelet.slice/kubelet-kubepods.slice/…` |
//!
//! The leaf is `<id>`, or `<runtime>-<id>` with or without `.scope` behind it: `cri-containerd-`, `crio-`, `docker-`,
//! `libpod-`. The kubelet's names are made in
//! `pkg/kubelet/cm/pod_container_manager_linux.go` and `cgroup_manager_linux.go`.

use std::sync::Arc;

use super::ContainerId;
use crate::attribute::pod::{Container, Setting};
use crate::attribute::unit;

/// What a cgroup's path says about the processes in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// In nothing whose behaviour is told.
    Host,
    /// In a container or unit whose behaviour is told, or in a cgroup below one.
    Container(Place),
    /// A cgroup that a container runtime keeps for its own process beside a container, as CRI-O does for `conmon`.
    Runtime,
    /// Among the pods, but in no shape that we know: never taken for the host.
    Unrecognised,
}

/// Something whose behaviour is told, as the cgroups' names have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub id: ContainerId,
    pub holder: Holder,
}

impl Place {
    /// Whether it shares the host's mounts.
    pub fn is_unit(&self) -> bool {
        match &self.holder {
            Holder::Pod(_) => false,
            Holder::Host(container) => container.setting == Setting::Unit,
        }
    }

    /// Whether all that lies below its cgroup is its own, so that the kernel's filter is told of it.
    pub fn has_slot(&self) -> bool {
        match &self.holder {
            Holder::Pod(_) => true,
            Holder::Host(container) => !unit::holds_containers(container),
        }
    }
}

/// What a container belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A pod, as the kubelet names it: its UID, or the hash that a static pod has instead.
    Pod(Arc<str>),
    /// The host itself, of which its cgroup tells all.
    Host(Arc<Container>),
}

/// Reads a path of the unified hierarchy for pods; a total function.
///
/// The outermost match counts: a container that may write cgroups can make any path below its own.
pub fn placement(path: &[u8]) -> Placement {
    let Ok(path) = str::from_utf8(path) else {
        // Kubernetes' own names are ASCII, so only what comes before the odd bytes can matter.
        return match path.utf8_chunks().next() {
            Some(chunk) => placement(cut_to_component(chunk.valid()).as_bytes()),
            None => Placement::Host,
        };
    };
    let components: Vec<&str> = path.split('/').filter(|component| !component.is_empty()).collect();
    let Some(root) = components.iter().position(|component| is_pods_root(component)) else {
        return Placement::Host;
    };
    // A user's own service manager lets the user make cgroups of any name.
    if components[..root].iter().any(|component| is_user_manager(component)) {
        return Placement::Host;
    }
    below_root(components[root], &components[root + 1..]).unwrap_or(Placement::Unrecognised)
}

/// Drops the last component, which may be incomplete.
fn cut_to_component(path: &str) -> &str {
    path.rfind('/').map_or("", |end| &path[..end])
}

fn is_pods_root(component: &str) -> bool {
    component.starts_with("kubepods") || component.ends_with("-kubepods.slice")
}

/// `user@<number>.service` (systemd.special(7)).
fn is_user_manager(component: &str) -> bool {
    component.starts_with("user@") && component.ends_with(".service")
}

fn below_root(root: &str, below: &[&str]) -> Option<Placement> {
    let (pod, leaf) = match root.strip_suffix(".slice") {
        Some(stem) => systemd(stem, below)?,
        None if root == "kubepods" => cgroupfs(below)?,
        None => return None,
    };
    match Leaf::parse(leaf)? {
        Leaf::Container(id) => Some(Placement::Container(Place {
            id,
            holder: Holder::Pod(pod),
        })),
        Leaf::Monitor => Some(Placement::Runtime),
    }
}

/// The pod, and the component below it.
fn cgroupfs<'a>(below: &[&'a str]) -> Option<(Arc<str>, &'a str)> {
    let (["burstable" | "besteffort", pod, leaf, ..] | [pod, leaf, ..]) = below else {
        return None;
    };
    let uid = pod.strip_prefix("pod").filter(|uid| is_pod_uid(uid))?;
    Some((uid.into(), leaf))
}

/// The same, where each slice's name begins with its parent's (systemd.slice(5)), so that the `-` of a UID has become
/// `_`.
fn systemd<'a>(root: &str, below: &[&'a str]) -> Option<(Arc<str>, &'a str)> {
    let child = |parent: &str, slice: &'a str| slice.strip_prefix(parent)?.strip_prefix('-')?.strip_suffix(".slice");
    let (first, rest) = below.split_first()?;
    let (pod, rest) = match child(root, first)? {
        class @ ("burstable" | "besteffort") => {
            let (pod, rest) = rest.split_first()?;
            (child(&format!("{root}-{class}"), pod)?, rest)
        }
        pod => (pod, rest),
    };
    let uid = pod.strip_prefix("pod")?.replace('_', "-");
    is_pod_uid(&uid).then(|| Some((uid.into(), *rest.first()?)))?
}

/// A UUID, or the hash that a static pod has instead.
fn is_pod_uid(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A cgroup that a runtime makes for one of its processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaf {
    Container(ContainerId),
    /// The process that watches over a container from outside.
    Monitor,
}

impl Leaf {
    /// `<id>`, `<runtime>-<id>` or `<runtime>-<id>.scope`. Any runtime will do: an id that no pod's status has is
    /// attributed to nobody.
    pub fn parse(component: &str) -> Option<Self> {
        let name = component.strip_suffix(".scope").unwrap_or(component);
        let Some((runtime, id)) = name.rsplit_once('-') else {
            return ContainerId::parse(name).map(Self::Container);
        };
        let id = ContainerId::parse(id)?;
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if runtime.ends_with("-conmon") {
            Some(Self::Monitor)
        } else {
            runtime.bytes().all(is_word).then_some(Self::Container(id))
        }
    }
}

#[cfg(test)]
mod tests;
