//! Cgroup ids → containers, by the paths that Kubernetes gives to cgroups.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A container runtime's id of a container: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerId(Arc<str>);

impl ContainerId {
    /// `None` unless it has the shape of an id.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (text.len() == 64 && digits).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a cgroup's path says about the processes in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Not in a pod.
    Host,
    /// In a container, or in a cgroup below one.
    Container(ContainerId),
    /// Among the pods, but in no shape that we know: never taken for the host.
    Unrecognised,
}

/// Reads a path of the unified hierarchy; a total function.
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
    let Some(root) = components
        .iter()
        .position(|component| component.starts_with("kubepods"))
    else {
        return Placement::Host;
    };
    SHAPES
        .iter()
        .find_map(|shape| shape(&components[root..]))
        .map_or(Placement::Unrecognised, Placement::Container)
}

/// Drops the last component, which may be incomplete.
fn cut_to_component(path: &str) -> &str {
    path.rfind('/').map_or("", |end| &path[..end])
}

/// From the components below the node's cgroup root to a container's id.
type Shape = fn(&[&str]) -> Option<ContainerId>;

/// One entry for each pair of runtime and cgroup driver.
const SHAPES: &[Shape] = &[containerd_cgroupfs];

/// `kubepods/[burstable|besteffort/]pod<uid>/<id>[/…]`
fn containerd_cgroupfs(components: &[&str]) -> Option<ContainerId> {
    let (["kubepods", "burstable" | "besteffort", below_root @ ..] | ["kubepods", below_root @ ..]) = components else {
        return None;
    };
    match below_root {
        [pod, container, ..] if pod.strip_prefix("pod").is_some_and(is_pod_uid) => ContainerId::parse(container),
        _ => None,
    }
}

/// A UUID, or the hash that a static pod has instead.
fn is_pod_uid(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The node's cgroups. Kernfs never gives an id twice while the node is up.
#[derive(Debug)]
pub struct Cgroups {
    placements: HashMap<u64, Placement>,
    limit: usize,
}

impl Cgroups {
    pub fn new(limit: usize) -> Self {
        Self {
            placements: HashMap::new(),
            limit,
        }
    }

    /// Remembers a cgroup; the container's id if it is one's. Beyond the limit nothing is remembered, and each event
    /// costs a look at `/proc`.
    pub fn insert(&mut self, id: u64, path: &[u8]) -> Placement {
        let placement = placement(path);
        if self.placements.len() < self.limit || self.placements.contains_key(&id) {
            self.placements.insert(id, placement.clone());
        }
        placement
    }

    pub fn get(&self, id: u64) -> Option<&Placement> {
        self.placements.get(&id)
    }

    /// Forgets a cgroup; the container that has no cgroup left by that, if there is one.
    pub fn remove(&mut self, id: u64) -> Option<ContainerId> {
        let Some(Placement::Container(container)) = self.placements.remove(&id) else {
            return None;
        };
        let nested = self.containers().any(|other| *other == container);
        (!nested).then_some(container)
    }

    /// The container of every cgroup that is in one; a container with nested cgroups comes repeatedly.
    pub fn containers(&self) -> impl Iterator<Item = &ContainerId> {
        self.placements.values().filter_map(|placement| match placement {
            Placement::Container(container) => Some(container),
            Placement::Host | Placement::Unrecognised => None,
        })
    }

    pub fn len(&self) -> usize {
        self.placements.len()
    }

    pub fn is_empty(&self) -> bool {
        self.placements.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn container(id: &str) -> Placement {
        Placement::Container(ContainerId::parse(id).unwrap())
    }

    #[test]
    fn containers_of_every_quality_of_service_are_found() {
        for class in ["", "burstable/", "besteffort/"] {
            let path = format!("/kubepods/{class}pod1b4f9a51-4f2e-4bb0-9a6f-3f8b8f0a8f11/{A}");
            assert_eq!(placement(path.as_bytes()), container(A), "{path}");
        }
    }

    #[test]
    fn static_pods_and_a_cgroup_root_of_the_kubelets_own_are_found() {
        let path = format!("/lc/kubepods/burstable/pod0123456789abcdef0123456789abcdef/{A}");
        assert_eq!(placement(path.as_bytes()), container(A));
        let path = format!("/../../kubepods/pod1/{A}");
        assert_eq!(placement(path.as_bytes()), container(A));
    }

    #[test]
    fn a_nested_cgroup_belongs_to_its_container_whatever_it_is_called() {
        let path = format!("/kubepods/podx/{A}/kubepods/pody/{B}");
        assert_eq!(placement(path.as_bytes()), container(A));
        let mut path = format!("/kubepods/podx/{A}/").into_bytes();
        path.extend([0xff, b'/', b'a']);
        assert_eq!(placement(&path), container(A));
    }

    #[test]
    fn what_is_not_among_the_pods_is_the_hosts() {
        for path in ["", "/", "/system.slice/containerd.service", "/user.slice", "/pod1"] {
            assert_eq!(placement(path.as_bytes()), Placement::Host, "{path}");
        }
    }

    #[test]
    fn an_unknown_shape_among_the_pods_is_never_the_hosts() {
        let short = format!("/kubepods/podx/{}", &A[1..]);
        let upper = format!("/kubepods/podx/{}", A.to_uppercase());
        let slice = format!("/kubepods.slice/kubepods-podx.slice/cri-containerd-{A}.scope");
        for path in [
            "/kubepods",
            "/kubepods/burstable",
            "/kubepods/podx",
            &short,
            &upper,
            &slice,
        ] {
            assert_eq!(placement(path.as_bytes()), Placement::Unrecognised, "{path}");
        }
    }

    #[test]
    fn a_container_is_gone_with_the_last_of_its_cgroups() {
        let mut cgroups = Cgroups::new(16);
        cgroups.insert(1, format!("/kubepods/podx/{A}").as_bytes());
        cgroups.insert(2, format!("/kubepods/podx/{A}/nested").as_bytes());
        assert_eq!(cgroups.remove(1), None);
        assert_eq!(cgroups.remove(2), ContainerId::parse(A));
        assert_eq!(cgroups.remove(2), None);
    }

    #[test]
    fn cgroups_are_bounded() {
        let mut cgroups = Cgroups::new(2);
        for id in 0..10 {
            cgroups.insert(id, b"/system.slice");
        }
        assert_eq!(cgroups.len(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_placement(path in prop::collection::vec(any::<u8>(), 0..200)) {
            let _placement = placement(&path);
        }

        #[test]
        fn any_path_below_a_container_is_the_containers(tail in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut path = format!("/kubepods/besteffort/podx/{A}/").into_bytes();
            path.extend(tail);
            prop_assert_eq!(placement(&path), container(A));
        }

        #[test]
        fn only_a_path_that_names_the_pods_is_not_the_hosts(path in "(/[a-jl-z0-9.-]{0,12}){0,6}") {
            prop_assert_eq!(placement(path.as_bytes()), Placement::Host);
        }
    }
}
