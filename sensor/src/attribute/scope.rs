//! Holder behaviour is told: that of pods, of a host, or of both.

use super::cgroup::{Placement, placement};
use super::unit;

/// Holder behaviour is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    /// That of pods alone: the rest is the node's own.
    #[default]
    Pods,
    /// That of a host's units and containers, those of pods among them by their runtime's id.
    Host,
    /// That of pods, and that of the units and other containers of their node.
    PodsAndHost,
}

impl Scope {
    /// Reads a path of the unified hierarchy; a total function.
    pub fn placement(self, path: &[u8]) -> Placement {
        match self {
            Self::Pods => placement(path),
            Self::Host => unit::placement(path),
            Self::PodsAndHost => match placement(path) {
                Placement::Host => unit::placement(path),
                placed @ (Placement::Container(_) | Placement::Runtime | Placement::Unrecognised) => placed,
            },
        }
    }

    /// Whether what is in no pod is told, too.
    pub const fn tells_host(self) -> bool {
        match self {
            Self::Pods => false,
            Self::Host | Self::PodsAndHost => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who is told of in each path, by the scopes in their order.
    #[test]
    fn each_scope_tells_of_its_own() {
        let id = "0123456789abcdef".repeat(4);
        let pod = format!("/kubepods/burstable/podu1/{id}");
        let docker = format!("/docker/{id}");
        for (path, expected) in [
            (pod.as_str(), ["pod u1", "host/Container/0123456789ab", "pod u1"]),
            (
                &docker,
                ["", "host/Container/0123456789ab", "host/Container/0123456789ab"],
            ),
            (
                "/system.slice/demo.service/sub",
                ["", "host/Unit/demo.service", "host/Unit/demo.service"],
            ),
            ("/", ["", "", ""]),
        ] {
            let told = [Scope::Pods, Scope::Host, Scope::PodsAndHost].map(|scope| told(scope, path));
            assert_eq!(told, expected, "{path}");
        }
    }

    fn told(scope: Scope, path: &str) -> String {
        use super::super::cgroup::Holder;
        match scope.placement(path.as_bytes()) {
            Placement::Container(place) => match place.holder {
                Holder::Pod(pod) => format!("pod {pod}"),
                Holder::Host(container) => container.workload.to_string(),
            },
            Placement::Host | Placement::Runtime | Placement::Unrecognised => String::new(),
        }
    }
}
