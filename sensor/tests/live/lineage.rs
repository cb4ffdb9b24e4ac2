//! Who started whom, and from where: across fork, exec, death and the container's boundary.

use crate::fixture::{CEILING, Live, live, live_with, only, skip};
use crate::scene::{Gate, in_container, joined};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::decode::{Exec, OriginMark};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::ffi::CString;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::Instant;

/// The execution whose last argument is this.
fn marked<'a>(execs: &'a [Exec], mark: &str) -> &'a Exec {
    let found: Vec<&Exec> = execs
        .iter()
        .filter(|exec| exec.argv.last().is_some_and(|last| last == mark.as_bytes()))
        .collect();
    assert_eq!(found.len(), 1, "{mark} in {execs:#?}");
    found[0]
}

#[test]
fn a_shell_out_of_python_has_python_as_parent_and_its_program_both() {
    let Some(mut live) = live("a_shell_out_of_python_has_python_as_parent_and_its_program_both") else {
        return;
    };
    let payload = live.scene.payload().to_string_lossy().into_owned();
    let python = "import subprocess, sys; subprocess.run([sys.argv[1], '-c', sys.argv[2] + ' leaf; :', 'shell'])";
    let [shell, outer] = ["/bin/bash", "/usr/bin/python3"].map(|path| std::path::Path::new(path).exists());
    let mut command = if shell && outer {
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", python, "/bin/bash", &payload, "root"]);
        command
    } else {
        // A machine of busybox alone: the same chain, of shells.
        live.scene
            .shell(&format!("/bin/sh -c '{payload} leaf; :' shell; : root"))
    };
    let mut child = command.spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let execs = live.execs(|_| true);
    let root = execs.iter().find(|exec| exec.pid == pid).unwrap();
    let (shell, leaf) = (marked(&execs, "shell"), marked(&execs, "leaf"));
    assert_eq!(shell.ancestors[..2], [root.exec_id, root.ancestors[0]]);
    assert_eq!(leaf.ancestors[..3], [shell.exec_id, root.exec_id, root.ancestors[0]]);
}

/// How many shells start one another before the last one becomes the scene's program.
const CHAIN: usize = 6;

/// A shell that starts another one, and so on, by the name of the chain and its level, each in the background if
/// `orphaned`; the last one waits at the gate.
fn chain(live: &Live, name: &str, gate: &Gate, orphaned: bool) -> Command {
    let script = live.scene.path(name);
    let next = format!(r#"/bin/sh "$0" $(($1 - 1)) "{name}-$(($1 - 1))""#);
    let next = if orphaned { format!("{next} &") } else { next };
    let leaf = format!(
        "read line < {}; exec {} {name}-leaf",
        gate.path(),
        live.scene.payload().display()
    );
    let text = format!("if [ \"$1\" -gt 0 ]; then\n{next}\nelse {leaf}\nfi\n:\n");
    std::fs::write(&script, text).unwrap();
    let mut command = Command::new("/bin/sh");
    let top = CHAIN - 1;
    command.arg(script).arg(top.to_string()).arg(format!("{name}-{top}"));
    command
}

/// Collects executions until one whose last argument is this is among them.
fn until(live: &mut Live, execs: &mut Vec<Exec>, mark: &str) {
    let start = Instant::now();
    let is_it = |exec: &Exec| exec.argv.last().is_some_and(|last| last == mark.as_bytes());
    while !execs.iter().any(is_it) {
        assert!(start.elapsed() < CEILING, "{mark} among {execs:#?}");
        execs.extend(live.execs(|_| true));
    }
}

/// Whether a process has ended: nobody may have asked for how it did.
fn has_ended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_none_or(|rest| rest.is_empty() || rest.starts_with(" Z"))
}

#[test]
fn of_many_ancestors_the_nearest_four_are_told_also_when_all_of_them_have_died() {
    let test = "of_many_ancestors_the_nearest_four_are_told_also_when_all_of_them_have_died";
    let Some(mut live) = live(test) else { return };
    for (name, orphaned) in [("family", false), ("orphans", true)] {
        let gate = live.scene.gate(&format!("gate-of-{name}"));
        let mut top = chain(&live, name, &gate, orphaned).spawn().unwrap();
        let mut execs = Vec::new();
        until(&mut live, &mut execs, &format!("{name}-0"));
        let level = |execs: &[Exec], number: usize| marked(execs, &format!("{name}-{number}")).clone();
        let start = Instant::now();
        // The last shell is the leaf to be.
        while orphaned && !(1..CHAIN).all(|number| has_ended(level(&execs, number).pid)) {
            assert!(start.elapsed() < CEILING);
            std::thread::yield_now();
        }
        gate.open();
        until(&mut live, &mut execs, &format!("{name}-leaf"));
        let nearest: Vec<u64> = (0..4).map(|number| level(&execs, number).exec_id).collect();
        assert_eq!(marked(&execs, &format!("{name}-leaf")).ancestors, nearest);
        assert!(top.wait().unwrap().success());
    }
}

#[test]
fn an_execution_from_another_thread_keeps_the_lineage_of_its_process() {
    let name = "an_execution_from_another_thread_keeps_the_lineage_of_its_process";
    let Some(mut live) = live(name) else { return };
    let payload = CString::new(live.scene.payload().into_os_string().into_encoded_bytes()).unwrap();
    let mut command = Command::new("/nonexistent");
    // SAFETY: the C library makes threads and allocation usable in the child of a fork.
    unsafe {
        command.pre_exec(move || {
            let payload = payload.clone();
            let thread = std::thread::spawn(move || {
                let arguments = [payload.as_ptr(), std::ptr::null()];
                libc::execv(payload.as_ptr(), arguments.as_ptr())
            });
            // The other thread takes over the process, and this one never comes back.
            drop(thread.join());
            Err(std::io::Error::last_os_error())
        });
    }
    let mut child = command.spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let us = live
        .snapshot
        .processes
        .iter()
        .find(|process| process.pid == std::process::id())
        .unwrap()
        .exec_id;
    let execs = live.execs(|exec| exec.pid == pid);
    assert_eq!(execs.iter().map(|exec| exec.ancestors[0]).collect::<Vec<_>>(), [us]);
}

#[test]
fn a_process_keeps_its_parent_after_the_parents_death() {
    let Some(mut live) = live("a_process_keeps_its_parent_after_the_parents_death") else {
        return;
    };
    let (gate, payload) = (
        live.scene.gate("gate"),
        live.scene.payload().to_string_lossy().into_owned(),
    );
    let script = format!("(read line < {}; exec {payload} orphan) & exit 0", gate.path());
    let mut parent = live.scene.shell(&script).spawn().unwrap();
    let pid = parent.id();
    assert!(parent.wait().unwrap().success());
    gate.open();
    let mut execs = live.execs(|_| true);
    while !execs
        .iter()
        .any(|exec| exec.argv.last().is_some_and(|last| last == b"orphan"))
    {
        execs.extend(live.execs(|_| true));
    }
    let parent = execs.iter().find(|exec| exec.pid == pid).unwrap();
    assert_eq!(
        marked(&execs, "orphan").ancestors[..2],
        [parent.exec_id, parent.ancestors[0]]
    );
}

#[test]
fn the_first_root_of_a_cgroup_is_its_entrypoint_and_later_ones_come_from_outside() {
    let name = "the_first_root_of_a_cgroup_is_its_entrypoint_and_later_ones_come_from_outside";
    let Some(mut live) = live(name) else { return };
    let (cgroup, payload) = (
        live.scene.cgroup("container"),
        live.scene.payload().to_string_lossy().into_owned(),
    );
    for root in ["first", "second"] {
        let mut command = live.scene.shell(&format!("{payload} child-of-{root}; : $0"));
        in_container(command.arg(root), &cgroup);
        assert!(command.status().unwrap().success());
    }
    let execs = live.execs(|exec| exec.cgroup_id == cgroup.id);
    let seen = |mark: &str| (marked(&execs, mark).origin, marked(&execs, mark).ancestors.clone());
    let id = |mark: &str| marked(&execs, mark).exec_id;
    assert_eq!(execs.len(), 4);
    assert_eq!(seen("first"), (OriginMark::Entrypoint, vec![]));
    assert_eq!(seen("child-of-first"), (OriginMark::Entrypoint, vec![id("first")]));
    assert_eq!(seen("second"), (OriginMark::Outside, vec![]));
    assert_eq!(seen("child-of-second"), (OriginMark::Outside, vec![id("second")]));
}

#[test]
fn a_double_forked_child_keeps_the_mark_of_who_started_it() {
    let Some(mut live) = live("a_double_forked_child_keeps_the_mark_of_who_started_it") else {
        return;
    };
    let (cgroup, gate) = (live.scene.cgroup("container"), live.scene.gate("gate"));
    let payload = live.scene.payload().to_string_lossy().into_owned();
    let mut first = Command::new(&payload);
    in_container(&mut first, &cgroup);
    assert!(first.status().unwrap().success());
    let script = format!("( ( read line < {}; exec {payload} daemon ) & ) ; exit 0", gate.path());
    let mut second = live.scene.shell(&script);
    in_container(&mut second, &cgroup);
    assert!(second.status().unwrap().success());
    gate.open();
    let mut execs = live.execs(|exec| exec.cgroup_id == cgroup.id);
    while execs.len() < 3 {
        execs.extend(live.execs(|exec| exec.cgroup_id == cgroup.id));
    }
    let daemon = marked(&execs, "daemon");
    assert_eq!(
        (daemon.origin, &daemon.ancestors),
        (OriginMark::Outside, &vec![execs[1].exec_id])
    );
}

#[test]
fn a_runtime_in_the_hosts_mounts_is_flagged_and_takes_no_entrypoint() {
    let name = "a_runtime_in_the_hosts_mounts_is_flagged_and_takes_no_entrypoint";
    let Some(mut live) = live(name) else { return };
    if !live.loaded.capabilities().runtime_stage {
        return skip(name, "the host's mount namespace cannot be seen").unwrap_or_default();
    }
    let cgroup = live.scene.cgroup("container");
    let mut runtime = Command::new(live.scene.payload());
    joined(&mut runtime, &cgroup);
    assert!(runtime.status().unwrap().success());
    let mut container = Command::new(live.scene.payload());
    in_container(&mut container, &cgroup);
    assert!(container.status().unwrap().success());
    let execs = live.execs(|exec| exec.cgroup_id == cgroup.id);
    let seen: Vec<_> = execs
        .iter()
        .map(|exec| (exec.runtime_stage, exec.origin, exec.ancestors.len()))
        .collect();
    let us = live
        .snapshot
        .processes
        .iter()
        .find(|process| process.pid == std::process::id())
        .unwrap();
    assert_eq!(execs[0].ancestors.first(), Some(&us.exec_id));
    assert_eq!((seen[0].0, seen[0].1), (true, us.origin));
    assert_eq!(seen[1..], [(false, OriginMark::Entrypoint, 0)]);
}

#[test]
fn a_container_that_ran_before_keeps_its_entrypoint() {
    let mut before = None;
    let name = "a_container_that_ran_before_keeps_its_entrypoint";
    let Some(mut live) = live_with(name, &only(Feed::Process), |scene| {
        let (cgroup, gate) = (scene.cgroup("container"), scene.gate("gate"));
        let payload = scene.payload().to_string_lossy().into_owned();
        let mut shell = scene.shell(&format!("read line < {}; {payload} child; :", gate.path()));
        in_container(&mut shell, &cgroup);
        before = Some((shell.spawn().unwrap(), cgroup, gate));
    }) else {
        return;
    };
    let (mut shell, cgroup, gate) = before.unwrap();
    let seeded = live
        .snapshot
        .processes
        .iter()
        .find(|process| process.pid == shell.id())
        .cloned()
        .unwrap();
    let mut second = Command::new(live.scene.payload());
    in_container(second.arg("second"), &cgroup);
    assert!(second.status().unwrap().success());
    gate.open();
    assert!(shell.wait().unwrap().success());
    let execs = live.execs(|exec| exec.cgroup_id == cgroup.id);
    let expected = std::fs::canonicalize("/bin/sh")
        .unwrap()
        .into_os_string()
        .into_encoded_bytes();
    assert_eq!(
        (seeded.origin, seeded.cgroup_id, seeded.executable),
        (OriginMark::Entrypoint, cgroup.id, expected)
    );
    let child = marked(&execs, "child");
    assert_eq!(
        (child.origin, &child.ancestors),
        (OriginMark::Entrypoint, &vec![seeded.exec_id])
    );
    assert_eq!(marked(&execs, "second").origin, OriginMark::Outside);
}

#[test]
fn a_session_that_was_open_before_stays_from_outside() {
    let mut before = None;
    let name = "a_session_that_was_open_before_stays_from_outside";
    let Some(mut live) = live_with(name, &only(Feed::Process), |scene| {
        let cgroup = scene.cgroup("container");
        let payload = scene.payload().to_string_lossy().into_owned();
        let shells = ["entrypoint", "session"].map(|mark| {
            let gate = scene.gate(mark);
            let mut shell = scene.shell(&format!("read line < {}; {payload} child-of-{mark}; :", gate.path()));
            in_container(&mut shell, &cgroup);
            (shell, gate)
        });
        before = Some((in_pid_namespace(shells), cgroup));
    }) else {
        return;
    };
    let (shells, cgroup) = before.unwrap();
    for (mut shell, gate) in shells {
        gate.open();
        assert!(shell.wait().unwrap().success());
    }
    let execs = live.execs(|exec| exec.cgroup_id == cgroup.id);
    assert_eq!(marked(&execs, "child-of-entrypoint").origin, OriginMark::Entrypoint);
    assert_eq!(marked(&execs, "child-of-session").origin, OriginMark::Outside);
}

/// Starts the commands in one new namespace of process ids, from outside of it. They end with the first of them, so
/// that the last one ends first.
fn in_pid_namespace<T: Send + 'static, const N: usize>(commands: [(Command, T); N]) -> Vec<(Child, T)> {
    // A thread's own: what it starts is in the new namespace, and nothing else of this process is.
    let thread = std::thread::spawn(|| {
        // SAFETY: nothing in this thread relies on the namespace of its children.
        unsafe { unshare_unsafe(UnshareFlags::NEWPID) }.unwrap();
        let started = commands.map(|(mut command, with)| (command.spawn().unwrap(), with));
        started.into_iter().rev().collect()
    });
    thread.join().unwrap()
}

#[test]
fn an_ignored_cgroup_costs_no_records_and_is_followed_all_the_same() {
    let Some(mut live) = live("an_ignored_cgroup_costs_no_records_and_is_followed_all_the_same") else {
        return;
    };
    let (cgroup, gate) = (live.scene.cgroup("host"), live.scene.gate("gate"));
    let payload = live.scene.payload().to_string_lossy().into_owned();
    live.loaded.ignore_cgroup(cgroup.id);
    let mut shell = live
        .scene
        .shell(&format!("read line < {}; {payload} heeded; :", gate.path()));
    in_container(&mut shell, &cgroup);
    let mut shell = shell.spawn().unwrap();
    assert_eq!(live.execs(|exec| exec.cgroup_id == cgroup.id), []);
    live.loaded.heed_cgroup(cgroup.id);
    gate.open();
    assert!(shell.wait().unwrap().success());
    let execs = live.execs(|exec| exec.cgroup_id == cgroup.id);
    assert_eq!(execs.iter().map(|exec| exec.ancestors.len()).collect::<Vec<_>>(), [1]);
}
