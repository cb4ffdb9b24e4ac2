use super::*;
use proptest::prelude::*;

const A: &str = "66be9b2efdf4d85288c319b8c1a2f50d2439b5617e36f45d9d0d0be1381113be";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const UID: &str = "e1465238-4518-4c21-832f-fd9f87033dad";
/// A UID as systemd's names have it.
const SLICE_UID: &str = "e1465238_4518_4c21_832f_fd9f87033dad";
/// What the kubelet names a static pod by.
const HASH: &str = "03671a0313f5acf27bef3683009923f8";

fn of(path: &str) -> Placement {
    placement(path.as_bytes())
}

fn container(pod: &str, id: &str) -> Placement {
    Placement::Container(Place {
        id: ContainerId::parse(id).unwrap(),
        holder: Holder::Pod(pod.into()),
    })
}

/// systemd's folder of a pod.
fn slice(class: &str) -> String {
    match class {
        "" => format!("/kubepods.slice/kubepods-pod{SLICE_UID}.slice"),
        class => format!("/kubepods.slice/kubepods-{class}.slice/kubepods-{class}-pod{SLICE_UID}.slice"),
    }
}

#[test]
fn a_container_is_found_under_every_runtime_and_driver() {
    let burstable = slice("burstable");
    for (runtime, path) in [
        ("containerd", format!("/kubepods/burstable/pod{UID}/{A}")),
        ("containerd, guaranteed", format!("/kubepods/pod{UID}/{A}")),
        ("containerd, best effort", format!("/kubepods/besteffort/pod{UID}/{A}")),
        ("containerd, systemd", format!("{burstable}/cri-containerd-{A}.scope")),
        (
            "containerd, systemd, guaranteed",
            format!("{}/cri-containerd-{A}.scope", slice("")),
        ),
        (
            "containerd, systemd, best effort",
            format!("{}/cri-containerd-{A}.scope", slice("besteffort")),
        ),
        ("CRI-O", format!("/kubepods/burstable/pod{UID}/crio-{A}")),
        ("CRI-O, systemd", format!("{burstable}/crio-{A}.scope")),
        (
            "CRI-O with crun, which nests the processes",
            format!("{burstable}/crio-{A}.scope/container"),
        ),
        ("CRI-O, a sandbox without a process", format!("{burstable}/crio-{A}")),
        ("Docker by cri-dockerd", format!("/kubepods/besteffort/pod{UID}/{A}")),
        ("Docker, systemd", format!("{burstable}/docker-{A}.scope")),
        (
            "Docker, kube-proxy in a cgroup of its own",
            format!("{burstable}/docker-{A}.scope/kube-proxy"),
        ),
        ("podman's library", format!("{burstable}/libpod-{A}.scope")),
    ] {
        assert_eq!(of(&path), container(UID, A), "{runtime}: {path}");
    }
}

#[test]
fn a_container_is_found_on_nodes_that_are_containers_and_below_other_roots() {
    let kind = "/kubelet.slice/kubelet-kubepods.slice";
    let leaf = format!("cri-containerd-{A}.scope");
    for (node, path) in [
        (
            "kind",
            format!("{kind}/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod{SLICE_UID}.slice/{leaf}"),
        ),
        (
            "kind, seen from its host",
            format!("/system.slice/docker-{B}.scope{kind}/kubelet-kubepods-pod{SLICE_UID}.slice/{leaf}"),
        ),
        (
            "kind with cgroupfs, seen from its host",
            format!("/docker/{B}/kubelet/kubepods/burstable/pod{UID}/{A}"),
        ),
        ("k3s in Docker", format!("/docker/{B}/kubepods/besteffort/pod{UID}/{A}")),
        (
            "minikube with CRI-O",
            format!("/docker/{B}{}/crio-{A}.scope", slice("besteffort")),
        ),
        (
            "a root two levels down",
            format!("/a.slice/a-b.slice/a-b-kubepods.slice/a-b-kubepods-pod{SLICE_UID}.slice/{leaf}"),
        ),
        ("a root with cgroupfs", format!("/lc/kubepods/burstable/pod{UID}/{A}")),
        ("from another cgroup namespace", format!("/../../kubepods/pod{UID}/{A}")),
    ] {
        assert_eq!(of(&path), container(UID, A), "{node}: {path}");
    }
}

#[test]
fn static_pods_are_named_by_the_hash_of_their_file() {
    for path in [
        format!("/kubepods/burstable/pod{HASH}/{A}"),
        format!("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{HASH}.slice/cri-containerd-{A}.scope"),
    ] {
        assert_eq!(of(&path), container(HASH, A), "{path}");
    }
}

#[test]
fn a_runtimes_own_processes_beside_a_container_are_the_runtimes() {
    for path in [
        format!("/kubepods.slice/kubepods-pod{SLICE_UID}.slice/crio-conmon-{A}.scope"),
        format!("/kubepods/burstable/pod{UID}/crio-conmon-{A}"),
        format!("/kubepods.slice/kubepods-pod{SLICE_UID}.slice/libpod-conmon-{A}.scope"),
    ] {
        assert_eq!(of(&path), Placement::Runtime, "{path}");
    }
    // Below a container it is the container's, whatever the name says.
    let nested = format!("/kubepods/pod{UID}/{A}/crio-conmon-{B}.scope");
    assert_eq!(of(&nested), container(UID, A));
}

#[test]
fn a_nested_cgroup_belongs_to_its_container_whatever_it_is_called() {
    for tail in [
        format!("kubepods/pody/{B}"),
        format!("kubepods.slice/kubepods-pody.slice/cri-containerd-{B}.scope"),
        format!("docker/{B}/kubepods/pody/{B}"),
        format!("system.slice/docker-{B}.scope"),
        "user@0.service".to_owned(),
    ] {
        assert_eq!(
            of(&format!("/kubepods/pod{UID}/{A}/{tail}")),
            container(UID, A),
            "{tail}"
        );
        let scope = format!("/kubepods.slice/kubepods-pod{SLICE_UID}.slice/cri-containerd-{A}.scope/{tail}");
        assert_eq!(of(&scope), container(UID, A), "{tail}");
    }
    let mut path = format!("/kubepods/podx/{A}/").into_bytes();
    path.extend([0xff, b'/', b'a']);
    assert_eq!(placement(&path), container("x", A));
}

#[test]
fn what_is_not_among_the_pods_is_the_hosts() {
    for path in [
        "",
        "/",
        "/init.scope",
        "/system.slice/containerd.service",
        "/user.slice/user-1000.slice/session-1.scope",
        "/pod1",
        &format!("/system.slice/docker-{A}.scope"),
        &format!("/system.slice/crio-conmon-{A}.scope"),
        &format!("/machine.slice/libpod-{A}.scope/container"),
        &format!("/docker/{A}"),
    ] {
        assert_eq!(of(path), Placement::Host, "{path}");
    }
}

#[test]
fn a_user_cannot_name_a_cgroup_of_his_own_like_a_pods() {
    for path in [
        format!("/user.slice/user-1000.slice/user@1000.service/kubepods/podx/{A}"),
        format!(
            "/user.slice/user-1000.slice/user@1000.service/a/kubepods.slice/kubepods-podx.slice/cri-containerd-{A}.scope"
        ),
    ] {
        assert_eq!(of(&path), Placement::Host, "{path}");
    }
}

#[test]
fn an_unknown_shape_among_the_pods_is_never_the_hosts() {
    let slice =
        format!("/kubepods.slice/kubepods-burstable.slice/kubepods-pod{SLICE_UID}.slice/cri-containerd-{A}.scope");
    for path in [
        "/kubepods",
        "/kubepods/burstable",
        "/kubepods/podx",
        "/kubepods.slice",
        "/kubepods.slice/kubepods-podx.slice",
        "/kubelet.slice/kubelet-kubepods.slice/kubepods-podx.slice/a",
        &format!("/kubepods/podx/{}", &A[1..]),
        &format!("/kubepods/podx/{}", A.to_uppercase()),
        &format!("/kubepods/podx/Crio-{A}"),
        &format!("/kubepods/pod/{A}"),
        &format!("/kubepods2/podx/{A}"),
        &format!("/kubepods.slice/podx.slice/cri-containerd-{A}.scope"),
        &slice,
    ] {
        assert_eq!(of(path), Placement::Unrecognised, "{path}");
    }
}

proptest! {
    #[test]
    fn any_bytes_have_a_placement(path in prop::collection::vec(any::<u8>(), 0..200)) {
        let _placement = placement(&path);
    }

    #[test]
    fn any_words_of_the_kubelets_have_a_placement(words in prop::collection::vec(
        prop::sample::select(vec!["kubepods", "kubepods.slice", "-", "pod", "burstable", ".slice", "/", "x", ".scope", "crio", "_", A]), 0..24,
    )) {
        let _placement = placement(words.concat().as_bytes());
    }

    #[test]
    fn any_path_below_a_container_is_the_containers(
        systemd in any::<bool>(), tail in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut path = if systemd {
            format!("/kubepods.slice/kubepods-pod{SLICE_UID}.slice/crio-{A}.scope/").into_bytes()
        } else {
            format!("/kubepods/besteffort/pod{UID}/{A}/").into_bytes()
        };
        path.extend(tail);
        prop_assert_eq!(placement(&path), container(UID, A));
    }

    #[test]
    fn only_a_path_that_names_the_pods_is_not_the_hosts(path in "(/[a-jl-z0-9.-]{0,12}){0,6}") {
        prop_assert_eq!(placement(path.as_bytes()), Placement::Host);
    }
}
