//! Paths of cgroups → units of systemd and containers.

/// The kind of a unit as a workload.
pub const UNIT: &str = "Unit";
/// The kind of a container as a workload.
pub const CONTAINER: &str = "Container";

/// So many digits of a container's id are its name, as its runtime shows it.
const SHOWN_DIGITS: usize = 12;
/// A container's id.
const DIGITS: usize = 64;

/// A workload of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostWorkload {
    /// [`UNIT`] or [`CONTAINER`].
    pub kind: &'static str,
    pub name: String,
}

/// Reads a path of the unified hierarchy; a total function.
///
/// The outermost container counts, else the outermost unit that is no user's manager: whoever may write cgroups can make any
/// path below his own.
pub fn workload(path: &[u8]) -> Option<HostWorkload> {
    let path = String::from_utf8_lossy(path);
    let mut components = path.split('/').filter(|component| !component.is_empty());
    let mut unit = None;
    for component in components.by_ref() {
        if let Some(id) = container(component) {
            return Some(HostWorkload {
                kind: CONTAINER,
                name: id[..SHOWN_DIGITS].to_owned(),
            });
        }
        let suffix = component.rsplit_once('.').map(|(_, suffix)| suffix);
        let is_unit = matches!(suffix, Some("service" | "scope"));
        let is_manager = component.starts_with("user@");
        // A container's cgroup may stand below its runtime's service, but not below just any unit.
        if is_unit && !is_manager && unit.is_none() {
            unit = Some(component);
            if !RUNTIMES.contains(&component) {
                break;
            }
        }
    }
    unit.map(|unit| HostWorkload {
        kind: UNIT,
        name: stable(unit),
    })
}

/// Units in which runtimes may keep their containers' cgroups.
const RUNTIMES: [&str; 4] = ["containerd.service", "crio.service", "docker.service", "podman.service"];

/// The id in a component such as `docker-<id>.scope`, `libpod-<id>` or `<id>` alone.
fn container(component: &str) -> Option<&str> {
    let name = component.strip_suffix(".scope").unwrap_or(component);
    let id = name.rsplit(['-', ':']).next()?;
    let is_id = id.len() == DIGITS && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_id.then_some(id)
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

    fn read(path: &str) -> Option<String> {
        workload(path.as_bytes()).map(|workload| format!("{}/{}", workload.kind, workload.name))
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
                prop_assert!(!found.name.is_empty());
            }
        }
    }
}
