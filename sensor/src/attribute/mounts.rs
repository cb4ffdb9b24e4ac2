//! Which container of which pod a process is in, by what the kubelet itself mounts there: known while no status names
//! the container yet, as when the API server is away.

use std::sync::Arc;

/// A pod and the name of one of its containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// As the kubelet names the pod: see [`super::cgroup::Holder`].
    pub pod: Arc<str>,
    pub container: String,
}

/// Reads `/proc/PID/mountinfo` (`proc_pid_mountinfo(5)`).
///
/// Each container has a file for its last words, `pods/<uid>/containers/<name>/<8 hexadecimal digits>` below the
/// kubelet's folder (`makeMounts`, `pkg/kubelet/kuberuntime/kuberuntime_container.go`); a pod's sandbox has none. `None`
/// where two mounts disagree.
pub fn seat(mountinfo: &[u8]) -> Option<Seat> {
    let mut seats = mountinfo.split(|byte| *byte == b'\n').filter_map(of_line);
    let first = seats.next()?;
    seats.all(|other| other == first).then_some(first)
}

/// The fourth field is the path, inside its file system, of what is mounted.
fn of_line(line: &[u8]) -> Option<Seat> {
    let root = line.split(|byte| *byte == b' ').nth(3)?;
    let parts: Vec<&str> = str::from_utf8(root).ok()?.split('/').collect();
    let [.., "pods", pod, "containers", container, file] = parts.as_slice() else {
        return None;
    };
    let is_last_words = file.len() == 8 && file.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_last_words && !pod.is_empty() && !container.is_empty()).then(|| Seat {
        pod: (*pod).into(),
        container: (*container).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UID: &str = "e1465238-4518-4c21-832f-fd9f87033dad";

    fn mountinfo(root: &str, containers: &[&str]) -> String {
        let own = containers.iter().map(|name| {
            format!("1187 1175 254:1 {root}/pods/{UID}/containers/{name}/5f3c2a1b /dev/termination-log rw,relatime - ext4 /dev/vda1 rw\n")
        });
        let mut lines = vec![
            "1175 1030 0:312 / / rw,relatime master:331 - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d\n"
                .to_owned(),
            format!("1186 1175 254:1 {root}/pods/{UID}/etc-hosts /etc/hosts rw,relatime - ext4 /dev/vda1 rw\n"),
        ];
        lines.extend(own);
        lines.concat()
    }

    #[test]
    fn the_file_for_last_words_tells_pod_and_container() {
        let expected = Seat {
            pod: UID.into(),
            container: "app".into(),
        };
        // Where /var is a file system of its own the path begins there.
        for root in ["/var/lib/kubelet", "/lib/kubelet", ""] {
            assert_eq!(seat(mountinfo(root, &["app"]).as_bytes()), Some(expected.clone()));
        }
        assert_eq!(
            seat(mountinfo("/var/lib/kubelet", &["app", "app"]).as_bytes()),
            Some(expected)
        );
    }

    #[test]
    fn a_sandbox_and_a_container_that_says_two_things_have_no_name() {
        assert_eq!(seat(mountinfo("/var/lib/kubelet", &[]).as_bytes()), None);
        assert_eq!(
            seat(mountinfo("/var/lib/kubelet", &["app", "sidecar"]).as_bytes()),
            None
        );
        assert_eq!(seat(b""), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _seat = seat(&bytes);
        }
    }
}
