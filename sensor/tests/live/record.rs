//! What a record says of one execution, and of cgroups.

use crate::fixture::{live, live_with, only};
use crate::hooks::MAY_BE_MISSING;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::decode::{Arguments, Exec, FileSource, RawEvent};
use anchorwatch_sensor::loader::{HookState, HookStatus, LoadOptions};
use anchorwatch_sensor_common::event::{ARGV_END, ARGV_HEAD};
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

#[test]
fn an_execution_is_reported_with_path_arguments_user_and_times() {
    let Some(mut live) = live("an_execution_is_reported_with_path_arguments_user_and_times") else {
        return;
    };
    let payload = live.scene.payload();
    let mut child = Command::new(&payload)
        .args(["one", "", "two words"])
        .uid(1234)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let [exec] = <[Exec; 1]>::try_from(live.execs(|exec| exec.pid == pid)).unwrap();
    let path = payload.as_os_str().as_bytes().to_vec();
    let expected = Exec {
        time_ns: exec.time_ns,
        pid,
        uid: 1234,
        euid: 1234,
        cgroup_id: exec.cgroup_id,
        container: exec.container,
        key: exec.key,
        repeats: 0,
        exec_id: exec.exec_id,
        ancestors: exec.ancestors.clone(),
        origin: exec.origin,
        source: exec.source,
        file: exec.file,
        script_source: None,
        runtime_stage: false,
        executable: path.clone(),
        path_truncated: false,
        filename: path.clone(),
        script: false,
        stdin_socket: false,
        stdout_socket: false,
        terminal: exec.terminal,
        setuid: false,
        caps_gained: Some(0),
        argv_total: u32::try_from(path.len() + "\0one\0\0two words\0".len()).unwrap(),
        argv: [&path[..], b"one", b"", b"two words"].iter().collect(),
        argv_truncated: false,
        argv_end: Arguments::default(),
    };
    assert!(exec.key.is_some());
    assert_eq!(exec, expected);
    let us = live
        .snapshot
        .processes
        .iter()
        .find(|process| process.pid == std::process::id())
        .unwrap();
    assert_eq!((exec.cgroup_id, exec.origin), (us.cgroup_id, us.origin));
    assert_eq!(exec.ancestors.first(), Some(&us.exec_id));
}

#[test]
fn programs_that_are_loaded_and_not_attached_report_nothing() {
    let options = LoadOptions {
        attach: false,
        ..only(Feed::Process)
    };
    let name = "programs_that_are_loaded_and_not_attached_report_nothing";
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    let process = |hook: &&HookState| hook.feed == Feed::Process && !MAY_BE_MISSING.contains(&hook.name);
    let mut hooks = live.loaded.hooks().iter().filter(process);
    assert!(hooks.all(|hook| hook.status == HookStatus::Loaded));
    assert!(Command::new(live.scene.payload()).status().unwrap().success());
    assert_eq!(live.waiting(), []);
}

#[test]
fn a_script_is_reported_by_its_interpreter_and_its_own_name() {
    let Some(mut live) = live("a_script_is_reported_by_its_interpreter_and_its_own_name") else {
        return;
    };
    let script = live.scene.path("script");
    fs::write(&script, "#!/bin/sh -e\n:\n").unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    assert!(Command::new(&script).arg("argument").status().unwrap().success());
    let name = script.as_os_str().as_bytes().to_vec();
    let [exec] = <[Exec; 1]>::try_from(live.execs(|exec| exec.filename == name)).unwrap();
    let shell = fs::canonicalize("/bin/sh")
        .unwrap()
        .into_os_string()
        .into_encoded_bytes();
    assert_eq!((exec.executable, exec.script), (shell, true));
    // Where that is seen: it lies in no overlay here.
    let sees_scripts = |hook: &HookState| hook.name == "fentry/security_bprm_check" && hook.status.is_in_place();
    assert_eq!(
        exec.script_source.is_some(),
        live.loaded.hooks().iter().any(sees_scripts)
    );
    let expected: Arguments = [&b"/bin/sh"[..], b"-e", &name, b"argument"].iter().collect();
    assert_eq!(exec.argv, expected);
}

#[test]
fn arguments_beyond_the_limit_are_cut_to_head_and_end_and_flagged() {
    let Some(mut live) = live("arguments_beyond_the_limit_are_cut_to_head_and_end_and_flagged") else {
        return;
    };
    // As long as one argument may be (MAX_ARG_STRLEN, include/uapi/linux/binfmts.h), its NUL included.
    let long = "x".repeat((128 << 10) - 1);
    let mut child = Command::new(live.scene.payload())
        .arg("head")
        .arg(&long)
        .arg("tail")
        .spawn()
        .unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let [exec] = <[Exec; 1]>::try_from(live.execs(|exec| exec.pid == pid)).unwrap();
    let before = exec.filename.len() + 1 + "head".len() + 1;
    let kept = vec![b'x'; ARGV_HEAD - before];
    assert_eq!(exec.argv_total as usize, before + long.len() + 1 + "tail".len() + 1);
    assert_eq!((exec.argv_truncated, exec.key), (true, None));
    let head: Arguments = [&exec.filename[..], b"head", &kept].iter().collect();
    assert_eq!(exec.argv, head);
    let end = vec![b'x'; ARGV_END - "\0tail\0".len()];
    assert_eq!(exec.argv_end, [&end[..], b"tail"].iter().collect());
}

#[test]
fn a_path_deeper_than_the_walk_is_cut_at_the_root_and_flagged() {
    let Some(mut live) = live("a_path_deeper_than_the_walk_is_cut_at_the_root_and_flagged") else {
        return;
    };
    let deep = live.scene.path(&"d/".repeat(120));
    fs::create_dir_all(&deep).unwrap();
    let program = deep.join("payload");
    crate::payload::write(&program);
    let mut child = Command::new(&program).spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let [exec] = <[Exec; 1]>::try_from(live.execs(|exec| exec.pid == pid)).unwrap();
    let expected = format!("{}payload", "d/".repeat(95));
    assert_eq!((exec.path_truncated, exec.executable), (true, expected.into_bytes()));
}

#[test]
fn cgroups_are_reported_when_they_come_and_go() {
    let Some(mut live) = live("cgroups_are_reported_when_they_come_and_go") else {
        return;
    };
    let cgroup = live.scene.cgroup("comes");
    cgroup.remove();
    let ours: Vec<RawEvent> = live
        .events()
        .into_iter()
        .filter_map(|event| match event {
            RawEvent::CgroupCreated { id, path, .. } => Some(RawEvent::CgroupCreated { time_ns: 0, id, path }),
            RawEvent::CgroupRemoved { id, .. } => Some(RawEvent::CgroupRemoved { time_ns: 0, id }),
            RawEvent::Exec(_)
            | RawEvent::Flow(_)
            | RawEvent::Dns(_)
            | RawEvent::Mapping(_)
            | RawEvent::KernelModule(_) => None,
        })
        .filter(|event| match event {
            RawEvent::CgroupCreated { id, .. } | RawEvent::CgroupRemoved { id, .. } => *id == cgroup.id,
            RawEvent::Exec(_)
            | RawEvent::Flow(_)
            | RawEvent::Dns(_)
            | RawEvent::Mapping(_)
            | RawEvent::KernelModule(_) => false,
        })
        .collect();
    let expected = [
        RawEvent::CgroupCreated {
            time_ns: 0,
            id: cgroup.id,
            path: cgroup.path.clone(),
        },
        RawEvent::CgroupRemoved {
            time_ns: 0,
            id: cgroup.id,
        },
    ];
    assert_eq!(ours, expected);
}

#[test]
fn a_file_outside_overlay_has_an_unsupported_source_or_is_a_volume() {
    let Some(mut live) = live("a_file_outside_overlay_has_an_unsupported_source_or_is_a_volume") else {
        return;
    };
    let mut child = Command::new(live.scene.payload()).spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let [exec] = <[Exec; 1]>::try_from(live.execs(|exec| exec.pid == pid)).unwrap();
    let device = |path: &str| rustix::fs::stat(path).unwrap().st_dev;
    let payload = live.scene.payload().to_string_lossy().into_owned();
    let expected = if device(&payload) == device("/") {
        FileSource::Unsupported
    } else {
        FileSource::Volume
    };
    assert_eq!(exec.source, expected);
}
