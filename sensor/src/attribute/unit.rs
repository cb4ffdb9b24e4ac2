//! Paths of cgroups → units of systemd and containers: what a host without Kubernetes runs.

use anchorwatch_core::id::WorkloadKey;
use std::sync::Arc;

use super::cgroup::{ContainerId, Holder, Place, Placement};
use super::pod::{Container, PodIdentity, Setting};
use crate::names::resolvers::PodDns;

/// The namespace of all workloads of a host.
pub const NAMESPACE: &str = "host";
/// The only container of a workload of a host.
const ONLY: &str = "main";

/// The kind of a unit as a workload.
pub const UNIT: &str = "Unit";
/// The kind of a container as a workload.
pub const CONTAINER: &str = "Container";

/// So many digits of a container's id are its name, as its runtime shows it.
const SHOWN_DIGITS: usize = 12;

/// A workload of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
struct HostWorkload {
    setting: Setting,
    name: String,
    /// What its names and quotas are kept by: a container's id, else the path of the unit's own cgroup. Of the units that
    /// share a name each has its own.
    id: ContainerId,
}

/// Reads a path of the unified hierarchy; a total function.
pub fn placement(path: &[u8]) -> Placement {
    workload(path).map_or(Placement::Host, |workload| Placement::Container(workload.place()))
}

impl HostWorkload {
    /// All of it is known at once. It is its own only pod and container, and asks the host's resolvers.
    fn place(self) -> Place {
        let kind = match self.setting {
            Setting::Unit => UNIT,
            Setting::Pod | Setting::Visit | Setting::Alone => CONTAINER,
        };
        let workload = WorkloadKey::new(NAMESPACE, kind, self.name);
        let pod = PodIdentity {
            namespace: NAMESPACE.to_owned(),
            name: workload.to_string(),
            uid: workload.to_string(),
        };
        let container = Container::new(Arc::new(pod), ONLY.to_owned(), self.id.to_string(), Vec::new());
        let container = Container {
            workload: Arc::new(workload),
            setting: self.setting,
            dns: Arc::new(PodDns::of_node()),
            ..container
        };
        Place {
            id: self.id,
            holder: Holder::Host(Arc::new(container)),
        }
    }
}

/// Whether a unit may hold the cgroups of containers: what is below it may be another's.
pub fn holds_containers(container: &Container) -> bool {
    container.setting == Setting::Unit && RUNTIMES.contains(&container.workload.name.as_str())
}

/// The outermost container counts, else the outermost unit that is no user's manager: whoever may write cgroups can make any
/// path below his own.
fn workload(path: &[u8]) -> Option<HostWorkload> {
    let path = String::from_utf8_lossy(path);
    let mut unit = None;
    let mut end = 0;
    for component in path.split_inclusive('/') {
        end += component.len();
        let component = component.trim_end_matches('/');
        if let Some(id) = container(component) {
            return Some(HostWorkload {
                setting: Setting::Alone,
                name: id.as_str()[..SHOWN_DIGITS].to_owned(),
                id,
            });
        }
        let suffix = component.rsplit_once('.').map(|(_, suffix)| suffix);
        let is_unit = matches!(suffix, Some("service" | "scope"));
        let is_manager = component.starts_with("user@");
        // A container's cgroup may stand below its runtime's service, but not below just any unit.
        if is_unit && !is_manager && unit.is_none() {
            unit = Some((component, path[..end].trim_end_matches('/')));
            if !RUNTIMES.contains(&component) {
                break;
            }
        }
    }
    unit.map(|(unit, cgroup)| HostWorkload {
        setting: Setting::Unit,
        name: stable(unit),
        id: ContainerId::of_unit(cgroup),
    })
}

/// Units in which runtimes may keep their containers' cgroups.
const RUNTIMES: [&str; 4] = ["containerd.service", "crio.service", "docker.service", "podman.service"];

/// The id in a component such as `docker-<id>.scope`, `libpod-<id>` or `<id>` alone.
fn container(component: &str) -> Option<ContainerId> {
    let name = component.strip_suffix(".scope").unwrap_or(component);
    ContainerId::parse(name.rsplit(['-', ':']).next()?)
}

/// A unit's name without what differs from start to start: sessions are numbered, and transient units are named by chance.
fn stable(unit: &str) -> String {
    let (name, suffix) = unit.rsplit_once('.').unwrap_or((unit, "scope"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for prefix in ["session-c", "session-", "run-r", "run-u", "run-p"] {
        if let Some(number) = name.strip_prefix(prefix)
            && is_number(number.split('-').next().unwrap_or_default())
        {
            return format!("{}.{suffix}", prefix.split('-').next().unwrap_or(prefix));
        }
    }
    unit.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn placed(path: &str) -> Option<Arc<Container>> {
        match placement(path.as_bytes()) {
            Placement::Container(Place {
                holder: Holder::Host(container),
                ..
            }) => Some(container),
            Placement::Container(_) | Placement::Host | Placement::Runtime | Placement::Unrecognised => None,
        }
    }

    fn read(path: &str) -> Option<String> {
        placed(path).map(|container| container.workload.to_string().replacen("host/", "", 1))
    }

    #[test]
    fn units_of_one_name_are_kept_apart_by_their_cgroups() {
        let ids = ["session-3.scope", "session-4.scope", "session-3.scope/below"].map(|scope| {
            let container = placed(&format!("/user.slice/user-1000.slice/{scope}")).unwrap();
            (container.workload.name.clone(), container.id.clone())
        });
        let expected = ["3", "4", "3"].map(|number| {
            let cgroup = format!("/user.slice/user-1000.slice/session-{number}.scope");
            ("session.scope".to_owned(), cgroup)
        });
        assert_eq!(ids, expected);
    }

    #[test]
    fn what_is_below_a_runtimes_unit_may_be_anothers() {
        let holds = ["containerd.service", "demo.service"].map(|unit| {
            let container = placed(&format!("/system.slice/{unit}")).unwrap();
            holds_containers(&container)
        });
        assert_eq!(holds, [true, false]);
    }

    #[test]
    fn paths_are_read_as_the_table_says() {
        let id = "0123456789abcdef".repeat(4);
        for (path, expected) in [
            ("/system.slice/demo.service", Some("Unit/demo.service")),
            ("/system.slice/demo.service/sub/x.service", Some("Unit/demo.service")),
            (
                "/system.slice/system-getty.slice/getty@tty1.service",
                Some("Unit/getty@tty1.service"),
            ),
            ("/init.scope", Some("Unit/init.scope")),
            (
                "/user.slice/user-1000.slice/session-3.scope",
                Some("Unit/session.scope"),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service",
                Some("Unit/syncthing.service"),
            ),
            ("/system.slice/run-r0a1b2c3d.service", Some("Unit/run.service")),
            (
                &format!("/system.slice/docker-{id}.scope"),
                Some("Container/0123456789ab"),
            ),
            (
                &format!("/machine.slice/libpod-{id}.scope/container"),
                Some("Container/0123456789ab"),
            ),
            (&format!("/docker/{id}"), Some("Container/0123456789ab")),
            (
                &format!("/system.slice/containerd.service/x/{id}"),
                Some("Container/0123456789ab"),
            ),
            // Somebody's own cgroup below his unit is no container.
            (&format!("/system.slice/demo.service/{id}"), Some("Unit/demo.service")),
            ("/", None),
            ("/system.slice", None),
            ("", None),
        ] {
            assert_eq!(read(path).as_deref(), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(path in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(found) = workload(&path) {
                prop_assert!(!found.name.is_empty() && !found.id.as_str().is_empty());
            }
        }
    }
}
